"""Sentences and differences for people. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Iterable

from deepdiff import DeepDiff

from syncd.model.contacts import kept_addresses
from syncd.model.kinds import Kind
from syncd.model.projections import Projection
from syncd.model.records import Record
from syncd.model.records.payments import Payment
from syncd.model.spec import CC_EMAILS_LIMIT, EMAILS_LIMIT, NOTES_LIMIT, PAYMENT_NOTES_LIMIT, REFERENCE_LIMIT
from syncd.model.values import Canonical, text
from syncd.reconciler.plan import Change

_FIELD_WORDS = {
    "issue_date": "issue date",
    "due_date": "due date",
    "allocations": "invoices paid",
    "client": "customer",
    "bill_to": "billing address",
    "emails": "e-mail addresses",
    "cc_emails": "e-mail copies",
    "tax_rate": "tax rate",
    "transaction_number": "transaction number",
    "credit_note": "credit note",
    "credits": "credit notes used",
    "method": "payment method",
    "reimbursed": "whether it is reimbursed",
    "sent": "whether it was sent",
    "paid": "whether it is paid",
    "owner_kind": "kind of document",
    "owner": "document",
    "file_name": "file name",
    "digest": "content",
}
_BOUGHT_PARTS = ("account", "description", "project", "item", "amount", "quantity", "rate")
_LINE_PARTS = {Kind.BILL: _BOUGHT_PARTS, Kind.PURCHASE: _BOUGHT_PARTS, Kind.PURCHASE_ORDER: _BOUGHT_PARTS}
_FORM_PARTS = ("item", "description", "quantity", "rate", "amount", "taxable")


def words(fields: Iterable[str]) -> str:
    """Field names as a bookkeeper reads them: ``"due date, lines and total"``."""
    names = [_FIELD_WORDS.get(name, name) for name in sorted(fields)]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nothing"


def changes(fields: Iterable[str], old: Projection, new: Projection) -> tuple[Change, ...]:
    """What each of ``fields`` is and becomes, where it is not the same anyway."""
    return tuple(
        Change(field=name, old=old.get(name, ""), new=new.get(name, ""))
        for name in sorted(fields)
        if old.get(name, "") != new.get(name, "")
    )


def shortened(record: Record, fields: Iterable[str]) -> str:
    """What QBO has no room for of ``fields``, as the end of a reason; empty where it takes everything (C-R13, C-R14).

    What is left out stays in the source, and never comes back as a change.
    """
    notes = PAYMENT_NOTES_LIMIT if isinstance(record, Payment) else NOTES_LIMIT
    told = []
    for name, limit in (("emails", EMAILS_LIMIT), ("cc_emails", CC_EMAILS_LIMIT)):
        dropped = kept_addresses(getattr(record, name, ""), limit)[1] if name in fields else ()
        if dropped:
            told.append(f"no room for {', '.join(dropped)} ({words({name})}: {limit} characters)")
    for name, limit in (("notes", notes), ("reference", REFERENCE_LIMIT)):
        value = getattr(record, name, "") if name in fields else ""
        if isinstance(value, str) and len(text(value)) > limit:
            told.append(f"only the first {limit} characters of the {name}")
    return f". QuickBooks has {' and '.join(told)}; the rest stays in the source alone" if told else ""


def show(value: Canonical) -> str:
    """A canonical value on one line."""
    if isinstance(value, str):
        return value.replace("\n", " / ") if value else "(empty)"
    if value and all(isinstance(row, tuple) and len(row) == 2 for row in value):
        return " + ".join(f"{amount}{'' if document else ' on nothing'}" for document, amount in value)
    return f"{len(value)} line{'' if len(value) == 1 else 's'}"


def line_changes(kind: Kind, old: Canonical, new: Canonical) -> list[str]:
    """How two sets of lines differ, line by line, in words. Only called for lines that are known to differ.

    deepdiff pairs up what was changed; it is slow on whole documents and is therefore given nothing but the lines
    (dependencies.md 4.4), and it is asked to count repeated lines, which it ignores by default.
    """
    left, right = _as_records(kind, old), _as_records(kind, new)
    delta = DeepDiff(
        left, right, ignore_order=True, report_repetition=True, view="text", cutoff_intersection_for_pairs=1
    )
    told = [
        f"line {_where(path)}: {change['old_value'] or '(empty)'} → {change['new_value'] or '(empty)'}"
        for path, change in delta.get("values_changed", {}).items()
    ]
    told += [f"line added: {_describe(item)}" for item in delta.get("iterable_item_added", {}).values()]
    told += [f"line removed: {_describe(item)}" for item in delta.get("iterable_item_removed", {}).values()]
    told += [
        f"line repeated {change['old_repeat']} → {change['new_repeat']} times: {_describe(change['value'])}"
        for change in delta.get("repetition_change", {}).values()
    ]
    return sorted(told)


def _as_records(kind: Kind, lines: Canonical) -> list[dict[str, str]]:
    assert isinstance(lines, tuple)  # noqa: S101 - lines are tuples of tuples, made by the lens
    return [
        {
            part: value
            for part, value in zip(_LINE_PARTS.get(kind, _FORM_PARTS), line, strict=False)
            if part and isinstance(value, str)
        }
        for line in lines
        if isinstance(line, tuple)
    ]


def _where(path: str) -> str:
    index, _, part = path.removeprefix("root[").partition("]")
    name = part.strip("[']")
    return f"{int(index) + 1} {name}".strip()


def _describe(line: object) -> str:
    if not isinstance(line, dict):
        return str(line)
    return " ".join(str(line[part]) for part in ("description", "amount") if line.get(part)) or "(empty line)"
