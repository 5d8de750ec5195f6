"""How plans, reports and held records look: pure functions from values to text, or to what JSON can hold.

Text is at most ``WIDTH`` columns wide and plain: it reads the same on a terminal, in a journal and in a mail. Text from
the books is stripped of control and direction characters first, so that no record can draw on the operator's screen.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from syncd.model.kinds import Kind, Side
from syncd.model.spec import ORDER, SPECS
from syncd.model.values import Canonical, round_money
from syncd.model.writes import STATE_VERBS, Verb
from syncd.reconciler.plan import Brake, Change, LeftOut, Money, Operation, Plan

WIDTH = 100
SIDE_NAMES = {Side.SOURCE: "the source", Side.QBO: "QuickBooks", Side.STATE: "our state"}
ACTIONS = (
    "create",
    "update",
    "send",
    "void",
    "delete",
    "deactivate",
    "import",
    "take",
    "remove",
    "hold",
    "wait",
    "note",
)
"""What an operator calls an operation. ``import`` (a new record), ``take`` (a change) and ``remove`` write to the
source, ``wait`` and ``note`` nowhere."""

_HEADINGS = {
    "create": "create in QuickBooks",
    "update": "update in QuickBooks",
    "send": "mail by QuickBooks",
    "void": "void in QuickBooks",
    "delete": "delete in QuickBooks",
    "deactivate": "deactivate in QuickBooks",
    "import": "import into the source",
    "take": "update in the source",
    "remove": "remove from the source",
    "hold": "hold for a person",
    "wait": "wait until it can be read again",
    "note": "note in our own state, no write",
}
_SUMMARY = {
    "create": "to create",
    "update": "to update",
    "send": "to mail",
    "void": "to void",
    "delete": "to delete",
    "deactivate": "to deactivate",
    "import": "to import",
    "take": "to update in the source",
    "remove": "to remove from the source",
    "hold": "held",
    "wait": "waiting",
    "note": "to note",
}
_LISTED_NOTES = 8
_LONGEST_VALUE = 300


def action(operation: Operation) -> str:
    """The operator's word for an operation: one of ``ACTIONS``."""
    if operation.verb is Verb.HOLD:
        return "wait" if operation.wait else "hold"
    if operation.verb in STATE_VERBS:
        return "note"
    if operation.side is Side.SOURCE:
        return {Verb.CREATE: "import", Verb.UPDATE: "take"}.get(operation.verb, "remove")
    return str(operation.verb)


def plain(text: str) -> str:
    """``text`` on one line, without characters that move the cursor or turn the direction of writing."""
    out = []
    for char in text:
        category = unicodedata.category(char)
        if char in "\n\r\t" or category in {"Zl", "Zp"}:
            out.append(" ")
        elif (
            category in {"Cc", "Cs", "Co"}
            or char in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        ):
            out.append("\ufffd")
        else:
            out.append(char)
    return " ".join("".join(out).split())


def amount(value: Money) -> str:
    """An amount with thousands separators and its currency."""
    return f"{round_money(value.amount, value.currency):,f} {plain(value.currency)}"


def totals(operations: Iterable[Operation]) -> dict[str, dict[str, Decimal]]:
    """Money by action and currency. Only operations of one kind make a sum that means something."""
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for operation in operations:
        if operation.money is not None:
            sums[action(operation)][operation.money.currency] += operation.money.amount
    return {name: dict(sorted(sums[name].items())) for name in ACTIONS if name in sums}


def summary(company: str, plan: Plan) -> str:
    """The plan in one line."""
    counts = Counter(action(operation) for operation in plan.operations)
    parts = [f"{counts[name]} {_SUMMARY[name]}" for name in ACTIONS if counts[name]] or ["nothing to do"]
    if plan.brakes:
        stopped = Counter(action(operation) for operation in plan.withheld)
        said = ", ".join(f"{stopped[name]} {_SUMMARY[name]}" for name in ACTIONS if stopped[name])
        parts.append(f"stopped by {_many(len(plan.brakes), 'brake')}: {said or 'nothing'}")
    if plan.left_out:
        return f"{plain(company)}: {', '.join(parts)}; {len(plan.left_out)} left as they are."
    text = f"{plain(company)}: {', '.join(parts)}; {plan.unchanged} unchanged"
    ignored = sum(plan.ignored.values())
    return f"{text}; {ignored} in QuickBooks are not ours." if ignored else f"{text}."


def plan_text(company: str, plan: Plan, *, most: int | None = None) -> str:
    """The whole plan: by kind, then by action, with reasons, money, brakes and one line of summary.

    ``most``: show no more than so many records of each kind and action, and count the rest.
    """
    everything = bool(plan.withheld) and not plan.operations
    blocks = [*_kind_blocks(plan.withheld if everything else plan.operations, most)]
    prefix = "" if everything else "withheld, "
    if money := [*_money_lines(plan.operations, ""), *_money_lines(plan.withheld, prefix)]:
        blocks.append("\n".join(("MONEY", *money)))
    if plan.brakes:
        blocks.append("\n".join(("STOPPED BY A BRAKE", *(line for b in plan.brakes for line in _brake_lines(b)))))
    if not everything:
        blocks += [f"WITHHELD {block}" for block in _kind_blocks(plan.withheld, most)]
    if plan.left_out:
        blocks.append("\n".join((f"LEFT AS IT IS ({len(plan.left_out)})", *_left_lines(plan.left_out))))
    blocks.append(summary(company, plan))
    return "\n\n".join(blocks)


def _left_lines(left_out: Iterable[LeftOut]) -> Iterable[str]:
    """What an undo does not take back, each with its reason."""
    for left in left_out:
        name = plain(left.label) or left.source_id or f"qbo:{left.qbo_id}"
        yield from _wrapped(f"{left.kind.replace('_', ' ')} {name}", 4)
        yield from _wrapped(left.reason, 8)


def _money_lines(operations: Sequence[Operation], prefix: str) -> Iterable[str]:
    for kind in sorted({operation.kind for operation in operations}, key=ORDER.__getitem__):
        for name, sums in totals(o for o in operations if o.kind is kind).items():
            shown = ", ".join(amount(Money(value, currency)) for currency, value in sums.items())
            head = f"{prefix}{SPECS[kind].plural} {_SUMMARY[name]}:"
            yield from _wrapped(f"{head} {shown}", 2)


def _kind_blocks(operations: Sequence[Operation], most: int | None) -> Iterable[str]:
    for kind in sorted({operation.kind for operation in operations}, key=ORDER.__getitem__):
        ours = [operation for operation in operations if operation.kind is kind]
        yield "\n".join((SPECS[kind].plural.upper(), *_kind_lines(ours, most)))


def _kind_lines(operations: Sequence[Operation], most: int | None) -> Iterable[str]:
    groups: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        groups[action(operation)].append(operation)
    for name in ACTIONS:
        if name in groups:
            yield f"  {_HEADINGS[name]} ({len(groups[name])})"
            if name in {"note", "wait"}:
                yield from _note_lines(groups[name])
                continue
            yield from _operation_lines(groups[name][:most])
            if most is not None and len(groups[name]) > most:
                yield f"    ... and {len(groups[name]) - most} more"


def _note_lines(operations: Sequence[Operation]) -> Iterable[str]:
    """Operations without a write, by reason: there may be thousands of them on a first run."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for operation in operations:
        by_reason[f"{operation.verb}: {operation.reason}"].append(_name(operation))
    for reason, names in by_reason.items():
        yield from _wrapped(reason, 4)
        more = f" and {len(names) - _LISTED_NOTES} more" if len(names) > _LISTED_NOTES else ""
        yield from _wrapped(", ".join(names[:_LISTED_NOTES]) + more, 8)


def _operation_lines(operations: Sequence[Operation]) -> Iterable[str]:
    """Each operation with its reason; a reason that several share and that needs no detail is told once."""
    shared: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        if not (operation.changes or operation.problems or operation.blocked_by):
            shared[operation.reason].append(operation)
    told: set[str] = set()
    for operation in operations:
        plain_one = not (operation.changes or operation.problems or operation.blocked_by)
        alike = shared[operation.reason] if plain_one else []
        if len(alike) < 2:
            yield from _one_operation(operation)
        elif operation.reason not in told:
            told.add(operation.reason)
            yield from _wrapped(operation.reason, 4)
            for each in alike:
                yield from _wrapped(_head(each), 8)


def _one_operation(operation: Operation) -> Iterable[str]:
    yield from _wrapped(_head(operation), 4)
    yield from _wrapped(operation.reason, 8)
    for change in operation.changes:
        yield from change_lines(operation.kind, change, 8)
    for problem in operation.problems:
        yield from _wrapped(f"{problem.text} {problem.remedy}".strip(), 8)
    if operation.blocked_by:
        yield from _wrapped(f"waits for {operation.blocked_by}", 8)


def _head(operation: Operation) -> str:
    return f"{_name(operation)}, {amount(operation.money)}" if operation.money else _name(operation)


def _name(operation: Operation) -> str:
    label = plain(operation.label)
    return label or f"{operation.kind} {operation.source_id or 'qbo:' + operation.qbo_id}"


def _brake_lines(brake: Brake) -> Iterable[str]:
    yield from _wrapped(f"{brake.rail}: {brake.text}", 2)
    if brake.override:
        yield from _wrapped(f"to let it through once: {brake.override}", 6)


def change_lines(kind: Kind, change: Change, indent: int = 0) -> Iterable[str]:
    """One field: old → new; for lists only the rows that go and come."""
    if isinstance(change.old, str) and isinstance(change.new, str):
        old, new = value_text(change.old), value_text(change.new)
        text = f"{change.field}: {new}" if not change.old else f"{change.field}: {old} → {new}"
        yield from _wrapped(text, indent)
        return
    yield from _wrapped(f"{change.field}:", indent)
    old_rows, new_rows = Counter(_rows(kind, change.field, change.old)), Counter(_rows(kind, change.field, change.new))
    for sign, rows in (("-", old_rows - new_rows), ("+", new_rows - old_rows)):
        for row in rows.elements():
            yield from _wrapped(f"{sign} {row}", indent + 2)


def _rows(kind: Kind, field: str, value: Canonical) -> list[str]:
    if isinstance(value, str):
        return [value_text(value)] if value else []
    names = SPECS[kind].line_fields if field == "lines" else ()
    return [_row(names, row) for row in value]


def _row(names: Sequence[str], row: Sequence[str]) -> str:
    if len(names) != len(row):
        return ", ".join(value_text(part) for part in row)
    return ", ".join(f"{name} {value_text(part)}" for name, part in zip(names, row, strict=True) if part)


def value_text(value: str) -> str:
    """One canonical value for a person: an id to come in words, long text cut short."""
    if not value:
        return "(empty)"
    if value.startswith("+") and ":" in value:
        return f"the new {plain(value[1:].replace(':', ' ', 1))}"
    text = plain(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE].rstrip() + "…"


def _wrapped(text: str, indent: int) -> list[str]:
    pad = " " * indent
    return textwrap.wrap(
        plain(text), width=WIDTH, initial_indent=pad, subsequent_indent=pad + "  ", break_on_hyphens=False
    ) or [pad.rstrip()]


def wrapped(text: str, indent: int = 0) -> str:
    """``text`` in lines of at most ``WIDTH`` columns."""
    return "\n".join(_wrapped(text, indent))


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as documented in docs/cli.md; amounts are text, so that no reader makes floats of them."""
    return {
        "summary": _counts(plan.operations) | {"withheld": len(plan.withheld), "unchanged": plan.unchanged},
        "operations": [_operation_json(operation) for operation in plan.operations],
        "withheld": [_operation_json(operation) for operation in plan.withheld],
        "brakes": [_brake_json(brake) for brake in plan.brakes],
        "money": _money_json(plan.operations),
        "withheld_money": _money_json(plan.withheld),
        "ignored": dict(plan.ignored),
        "left_out": [
            {
                "kind": str(left.kind),
                "label": left.label,
                "source_id": left.source_id,
                "qbo_id": left.qbo_id,
                "reason": left.reason,
            }
            for left in plan.left_out
        ],
    }


def _counts(operations: Sequence[Operation]) -> dict[str, int]:
    counts = Counter(action(operation) for operation in operations)
    return {name: counts[name] for name in ACTIONS}


def _money_json(operations: Sequence[Operation]) -> dict[str, dict[str, str]]:
    return {
        name: {currency: format(value, "f") for currency, value in sums.items()}
        for name, sums in totals(operations).items()
    }


def _operation_json(operation: Operation) -> dict[str, Any]:
    money = operation.money
    return {
        "id": operation.id,
        "action": action(operation),
        "verb": str(operation.verb),
        "side": str(operation.side),
        "kind": str(operation.kind),
        "case": str(operation.case),
        "label": operation.label,
        "source_id": operation.source_id,
        "qbo_id": operation.qbo_id,
        "reason": operation.reason,
        "changes": [{"field": c.field, "old": c.old, "new": c.new} for c in operation.changes],
        "money": {"amount": format(money.amount, "f"), "currency": money.currency} if money else None,
        "problems": [{"code": p.code, "text": p.text, "remedy": p.remedy} for p in operation.problems],
        "after": list(operation.after),
        "blocked_by": operation.blocked_by,
    }


def _brake_json(brake: Brake) -> dict[str, Any]:
    return {
        "rail": brake.rail,
        "text": brake.text,
        "override": brake.override,
        "kind": str(brake.kind) if brake.kind else None,
        "side": str(brake.side) if brake.side else None,
        "count": brake.count,
        "stopped": list(brake.stopped),
    }


def columns(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Rows in aligned columns; the last column wraps within ``WIDTH``."""
    table = [[plain(cell) for cell in row] for row in ([head, *rows] if head else rows)]
    if not table:
        return ""
    widths = [min(max(len(row[place]) for row in table), 30) for place in range(len(table[0]) - 1)]
    left = sum(widths) + 2 * len(widths)
    lines = []
    for row in table:
        cells = [
            cell if len(cell) <= width else cell[: width - 1] + "…" for cell, width in zip(row, widths, strict=False)
        ]
        start = "".join(f"{cell:<{width}}  " for cell, width in zip(cells, widths, strict=True))
        last = textwrap.wrap(row[-1], max(20, WIDTH - left)) or [""]
        lines.append((start + last[0]).rstrip())
        lines.extend(" " * left + more for more in last[1:])
    return "\n".join(lines)


def values_text(kind: Kind, values: Mapping[str, Mapping[str, Canonical]]) -> str:
    """Several views of one record side by side: only the fields in which they differ."""
    names = [name for name in SPECS[kind].fields if any(name in view for view in values.values())]
    width = max(map(len, values), default=0) + 2
    lines = []
    for name in names:
        shown = {view: fields[name] for view, fields in values.items() if name in fields}
        if len(shown) > 1 and len(set(shown.values())) == 1:
            continue
        lines.append(f"  {name}")
        for view, value in shown.items():
            rows = _rows(kind, name, value) if not isinstance(value, str) else [value_text(value)]
            lines.extend(line for row in rows or ["(empty)"] for line in _columns_of(view, row, width))
    return "\n".join(lines)


def _columns_of(view: str, text: str, width: int) -> list[str]:
    pad = " " * (4 + width)
    return textwrap.wrap(plain(text), width=WIDTH, initial_indent=f"    {view + ':':<{width}}", subsequent_indent=pad)
