"""docs/sandbox.md and its reference name every switch, option, admin call, fault kind and command-line option."""

from __future__ import annotations

from pathlib import Path

from syncd.sandbox import __main__ as command
from syncd.sandbox import admin, agenda, company, injection, ledger, server
from syncd.sandbox.specs import SPECS
from syncd.sandbox.switches import Switches

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = "".join((DOCS / name).read_text() for name in ("sandbox.md", "sandbox-reference.md"))


def test_the_page_is_complete() -> None:
    calls = [
        f"{method} {route.path.replace(':int', '')}"
        for route in admin.routes(server.build())
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]
    options = [text for action in command.parser()._actions for text in action.option_strings if text != "--help"]
    wanted = {
        "switches": list(Switches().public()),
        "company options": sorted(company.OPTIONS),
        "fault kinds": list(injection.KINDS),
        "members of fault rules": [f"`{name}`" for name in injection.MEMBERS],
        "events of scenarios": [f"`{name}`" for name in (*agenda.ACTIONS, "at", "after_seconds", "after_requests")],
        "filters of the ledger": [f"`{name}`" for name in sorted(ledger.FILTERS)],
        "fixtures and markers": ["qbo_sandbox", "qbo_company", "qbo_switches", "qbo_seed", "qbo_clock"],
        "entities": list(SPECS),
        "command-line options": [option for option in options if option.startswith("--")],
        "admin paths": sorted({call.split(" ")[1] for call in calls}),
    }
    lacking = {what: [name for name in names if name not in PAGE] for what, names in wanted.items()}
    assert {what: names for what, names in lacking.items() if names} == {}
