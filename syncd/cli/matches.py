"""How proposals, answers and matches look, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from syncd.cli import render
from syncd.linking import Decided
from syncd.matchfile import Fault
from syncd.matching import Proposed
from syncd.model.spec import NO_COUNTERPART, SPECS
from syncd.state.values import Link, LinkState


def proposed_text(company: str, path: Path, found: Proposed) -> str:
    """What is in the file, kind by kind, and what to do with it."""
    rows = [
        (SPECS[kind].plural, str(len(listed)), str(_certain(listed)), str(len(listed) - _certain(listed)), str(linked))
        for kind, listed in found.rows.items()
        for linked in (found.linked.get(kind, 0),)
    ]
    head = ("kind", "listed", "certain", "to decide", "matched before")
    lines = [render.columns(rows, head), ""]
    if found.unusable:
        lines.append(render.wrapped(f"note: {found.unusable} records cannot be read as they stand and are not listed."))
    name = render.plain(company)
    lines.append(f"{name}: wrote {path}; nothing else was written. Answer in it, then:")
    lines.append(f"  syncd match --company {name} --in {path} --dry-run")
    return "\n".join(lines)


def proposed_json(company: str, path: Path, found: Proposed) -> dict[str, Any]:
    """The same facts as ``proposed_text``."""
    kinds = {
        str(kind): {
            "listed": len(listed),
            "certain": _certain(listed),
            "undecided": len(listed) - _certain(listed),
            "linked": found.linked.get(kind, 0),
        }
        for kind, listed in found.rows.items()
    }
    return {"company": company, "file": str(path), "kinds": kinds, "unusable": found.unusable, "exit_code": 0}


def _certain(rows: Iterable[Any]) -> int:
    return sum(bool(row.use) for row in rows)


def decided_text(company: str, decided: Decided, *, dry_run: bool) -> str:
    """What the answers come to, or every fault."""
    name = render.plain(company)
    if decided.faults:
        lines = [render.wrapped(str(fault)) for fault in decided.faults]
        word = "fault" if len(lines) == 1 else "faults"
        return "\n".join((*lines, f"{name}: {len(lines)} {word}; nothing was stored."))
    lines = [render.wrapped(f"waits: {fault}") for fault in decided.waiting]
    lines += [render.wrapped(f"accepted as it is: {_accepted(link)}") for link in decided.links if link.accepted]
    counts = [f"{len(decided.links) - decided.ignored} matched"]
    for number, what in (
        (decided.ignored, "left alone from now on"),
        (len(decided.ended), "ended"),
        (len(decided.rebased), "documents kept as they are"),
        (decided.already, "matched so before"),
        (decided.create, "left to syncd to create"),
        (len(decided.waiting), "wait for other answers"),
        (decided.undecided, "not decided"),
    ):
        if number:
            counts.append(f"{number} {what}")
    did = "dry run, nothing was stored" if dry_run else "stored"
    lines.append(render.wrapped(f"{name}: {', '.join(counts)}; {did}."))
    return "\n".join(lines)


def _accepted(link: Link) -> str:
    fields = ", ".join(name.replace("_", " ") for name in link.accepted)
    return f"{link.kind} {link.label or link.source_id} and {link.qbo_id} differ in {fields}"


def decided_json(company: str, decided: Decided, *, dry_run: bool) -> dict[str, Any]:
    """The same facts as ``decided_text``."""
    return {
        "company": company,
        "dry_run": dry_run,
        "stored": not dry_run and not decided.faults,
        "matched": dict(Counter(str(link.kind) for link in decided.links if link.state is LinkState.LINKED)),
        "ended": len(decided.ended),
        "kept": len(decided.rebased),
        "ignored": decided.ignored,
        "already": decided.already,
        "create": decided.create,
        "undecided": decided.undecided,
        "accepted": [_accepted_json(link) for link in decided.links if link.accepted],
        "waiting": [_fault_json(fault) for fault in decided.waiting],
        "faults": [_fault_json(fault) for fault in decided.faults],
    }


def _accepted_json(link: Link) -> dict[str, Any]:
    return {
        "kind": str(link.kind),
        "source_id": link.source_id,
        "qbo_id": link.qbo_id,
        "label": link.label,
        "fields": list(link.accepted),
    }


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {
        "line": fault.line,
        "kind": str(fault.kind) if fault.kind is not None else None,
        "source_id": fault.source_id,
        "text": fault.text,
    }


def links_text(company: str, links: Sequence[Link]) -> str:
    """The matches as they are, one a line; those that ended are left out."""
    rows = [
        (str(link.kind), link.source_id or "-", _name(link), link.qbo_id or "-", _name_there(link), _state(link))
        for link in links
        if link.state is not LinkState.TOMBSTONED
    ]
    if not rows:
        return f"{render.plain(company)}: nothing is matched."
    return render.columns(rows, ("kind", "source id", "name", "QuickBooks id", "name there", "state"))


def links_json(company: str, links: Sequence[Link]) -> dict[str, Any]:
    """The same facts as ``links_text``."""
    return {
        "company": company,
        "matches": [
            {
                "kind": str(link.kind),
                "source_id": link.source_id,
                "name": _name(link),
                "qbo_id": "" if link.qbo_id == NO_COUNTERPART else link.qbo_id,
                "qbo_name": _name_there(link),
                "state": _state(link),
                "accepted": list(link.accepted),
            }
            for link in links
            if link.state is not LinkState.TOMBSTONED
        ],
    }


def _name(link: Link) -> str:
    return link.label or _text(link.source_base.get("name", ""))


def _name_there(link: Link) -> str:
    return _text(link.qbo_base.get("name", "") or link.qbo_base.get("number", ""))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _state(link: Link) -> str:
    """In one word; ``none`` where nothing in QBO is wanted."""
    return "none" if link.qbo_id == NO_COUNTERPART else str(link.state)
