"""How rebuilt links look, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syncd.cli import render
from syncd.model.spec import SPECS
from syncd.rebuilding import WAYS, Found, Rebuilt

_MOST = 20
"""Records that are named one by one; the rest is counted, and is in the JSON."""


def rebuilt_text(company: str, found: Rebuilt, *, applied: bool) -> str:
    """What was found by kind, what a person has to look at, and what comes next."""
    name = render.plain(company)
    lines = []
    rows = [
        (SPECS[kind].plural, *(str(found.found[way].get(kind, 0)) for way in WAYS))
        for kind in SPECS
        if any(kind in found.found[way] for way in WAYS)
    ]
    if rows:
        lines += [render.columns(rows, ("kind", *WAYS)), ""]
    for records, head in (
        (found.apart, "linked, and different: nobody can know any more which side is newer. They will be held:"),
        (found.held, "not linked, and wait for a person:"),
        (found.left, "in the source alone; the next run would create them in QuickBooks:"),
    ):
        lines += _listed(records, head)
    counts = [f"{found.linked} linked again ({found.percent} % of what was lost)"]
    for number, what in (
        (found.names, "names of lists matched"),
        (len(found.apart), "different"),
        (len(found.held), "held"),
        (len(found.left), "left to create"),
        (found.imports, "to be brought into the source"),
        (found.doubtful, "that may have been deleted on purpose"),
        (found.closed, "open writes closed"),
        (found.travelling, "open writes that may still arrive"),
    ):
        if number:
            counts.append(f"{number} {what}")
    did = "stored; neither side was written" if applied else "nothing was stored"
    lines.append(render.wrapped(f"{name}: {', '.join(counts)}; {did}."))
    lines.append("Next:")
    lines += [f"  {each}" for each in _next(name, applied=applied)]
    return "\n".join(lines)


def _next(name: str, *, applied: bool) -> tuple[str, ...]:
    if not applied:
        return (f"syncd relink --company {name} --apply",)
    return (f"syncd reconcile --company {name} --dry-run", f'syncd resume --company {name} --reason "..."')


def _listed(records: Sequence[Found], head: str) -> list[str]:
    if not records:
        return []
    lines = [head]
    for each in records[:_MOST]:
        named = render.plain(each.label) or each.source_id
        lines.append(render.wrapped(f"{each.kind} {named}: {each.why}", 2))
    if len(records) > _MOST:
        lines.append(f"  and {len(records) - _MOST} more")
    return [*lines, ""]


def rebuilt_json(company: str, found: Rebuilt, *, applied: bool) -> dict[str, Any]:
    """The same facts as ``rebuilt_text``."""
    return {
        "company": company,
        "applied": applied,
        "found": {way.replace(" ", "_"): {str(k): n for k, n in found.found[way].items()} for way in WAYS},
        "names": found.names,
        "closed": found.closed,
        **{
            what: [{"kind": str(e.kind), "source_id": e.source_id, "label": e.label, "why": e.why} for e in records]
            for what, records in (("apart", found.apart), ("held", found.held), ("left", found.left))
        },
    }
