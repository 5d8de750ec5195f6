"""Sentences and differences for people. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Iterable

from deepdiff import DeepDiff

from syncd.model.lens import Projection
from syncd.model.values import Canonical
from syncd.reconciler.plan import Change

_FIELD_WORDS = {
    "issue_date": "issue date",
    "due_date": "due date",
    "allocations": "invoices paid",
    "client": "customer",
}
_LINE_PARTS = ("item", "description", "quantity", "rate", "amount", "taxable")


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


def show(value: Canonical) -> str:
    """A canonical value on one line."""
    if isinstance(value, str):
        return value.replace("\n", " / ") if value else "(empty)"
    return f"{len(value)} line{'' if len(value) == 1 else 's'}"


def line_changes(old: Canonical, new: Canonical) -> list[str]:
    """How two sets of lines differ, line by line, in words. Only called for lines that are known to differ.

    deepdiff pairs up what was changed; it is slow on whole documents and is therefore given nothing but the lines
    (dependencies.md 4.4), and it is asked to count repeated lines, which it ignores by default.
    """
    left, right = _as_records(old), _as_records(new)
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


def _as_records(lines: Canonical) -> list[dict[str, str]]:
    assert isinstance(lines, tuple)  # noqa: S101 - lines are tuples of tuples, made by the lens
    return [
        {part: value for part, value in zip(_LINE_PARTS, line, strict=False) if isinstance(value, str)}
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
