"""What all pages have in common: the frame around them, paging, search forms, and secrets cut short."""

from __future__ import annotations

import re

from starlette.requests import Request

from syncd.sandbox.markup import Markup, anchor, join, tag

UI = "/_sandbox/ui"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_CSS = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 78rem; padding: 0 1rem 3rem; }
header { display: flex; flex-wrap: wrap; gap: 0 1.4rem; align-items: baseline; padding: .8rem 0; margin-bottom: 1rem;
  border-bottom: 1px solid #8886; }
header b { font-size: 1.1rem; } header .clock { margin-left: auto; }
h1 { font-size: 1.45rem; margin: .6rem 0; } h2 { font-size: 1.1rem; margin: 1.8rem 0 .5rem; }
a { color: #1a6b3c; } @media (prefers-color-scheme: dark) { a { color: #6fcf97; } }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #8883; }
th { font-weight: 600; white-space: nowrap; } td { overflow-wrap: anywhere; max-width: 34rem; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.quiet { color: #777; } .bad { color: #b3261e; font-weight: 600; } .set { font-weight: 700; }
pre { background: #8881; padding: .8rem; overflow-x: auto; font-size: .86rem; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; margin: .6rem 0 1rem; }
label { display: flex; flex-direction: column; font-size: .8rem; color: #777; } input { font: inherit; width: 9rem; }
nav { display: flex; gap: 1rem; margin: .8rem 0; }
"""
_SECRETS = "access_token|refresh_token|id_token|client_secret|secret|token|verifier"
_IN_JSON = re.compile(rf'("(?:{_SECRETS})"\s*:\s*")((?:[^"\\]|\\.)*)')
_IN_FORM = re.compile(rf"((?:^|[?&\s])(?:{_SECRETS}|code)=)([^&\s]+)")


def shortened(secret: str) -> str:
    """The first characters of a secret."""
    return f"{secret[:6]}…" if len(secret) > 10 else "…"


def masked(told: str) -> str:
    """A body or query without the secrets in it."""
    told = _IN_JSON.sub(lambda found: found[1] + shortened(found[2]), told)
    return _IN_FORM.sub(lambda found: found[1] + shortened(found[2]), told)


def whole(title: str, body: object, now: str) -> Markup:
    """A whole page."""
    links = [("Companies", "/"), ("Requests", f"{UI}/requests"), ("Faults", f"{UI}/faults")]
    links.append(("Clock and switches", f"{UI}/settings"))
    head = tag(
        "header",
        tag("b", "QuickBooks look-alike"),
        *(anchor(*link) for link in links),
        tag("span", now, cls="clock quiet"),
    )
    return join(
        (
            Markup("<!doctype html>"),
            tag(
                "html",
                tag(
                    "head",
                    tag("meta", charset="utf-8"),
                    tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
                    tag("title", f"{title} - look-alike"),
                    tag("style", Markup(_CSS)),
                ),
                tag("body", head, tag("main", tag("h1", title), body)),
                lang="en",
            ),
        )
    )


def paging(path: str, page: int, more: bool, **params: object) -> Markup:
    """Links to the page before and the one after."""
    links = []
    if page > 1:
        links.append(anchor("← Newer" if "requests" in path else "← Previous", path, **params, page=page - 1))
    if more:
        links.append(anchor("Older →" if "requests" in path else "Next →", path, **params, page=page + 1))
    return tag("nav", *links) if links else Markup("")


def page_of(request: Request) -> int:
    """Which page is asked for, from 1; what is no number is the first."""
    asked = request.query_params.get("page", "1")
    return max(1, int(asked)) if asked.isascii() and asked.isdecimal() and len(asked) < 8 else 1


def search_form(path: str, fields: list[tuple[str, str]]) -> Markup:
    """A form of text fields with their values, sent as parameters of the address."""
    inputs = [tag("label", name.replace("_", " "), tag("input", name=name, value=value)) for name, value in fields]
    return tag("form", *inputs, tag("button", "Show"), anchor("Clear", path), method="get", action=path)
