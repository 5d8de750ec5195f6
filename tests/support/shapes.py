"""Shapes of JSON: which members, of which types, how nested; and how two shapes differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Allowed:
    """Differences that may be, with the reason: patterns of sample names and of lines of ``differences``."""

    samples: str
    what: str
    why: str

    def parts(self) -> Iterator[Allowed]:
        """The rule for each of its patterns alone, so that each can be seen to be of use."""
        for one in self.samples.split(" | "):
            yield Allowed(one, self.what, self.why)
        for one in self.what.split(" | "):
            yield Allowed(self.samples, one, self.why)

    def covers(self, sample: str, line: str) -> bool:
        """Is this line one of them?"""
        bare = line.replace("[]", "")
        return any(fnmatchcase(sample, one) for one in self.samples.split(" | ")) and any(
            fnmatchcase(bare, one) for one in self.what.split(" | ")
        )


def shape(value: Any) -> Any:
    """Members and types; the elements of a list are joined into one."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [joined([shape(inner) for inner in value])] if value else []
    if isinstance(value, bool):
        return "boolean"
    if value is None:
        return "null"
    return "number" if isinstance(value, int | float | Decimal) else "text"


def joined(shapes: Sequence[Any]) -> Any:
    """One shape with every member that any of them has; several types in one place become a set of names."""
    if all(isinstance(one, dict) for one in shapes):
        names = dict.fromkeys(name for one in shapes for name in one)
        return {name: joined([one[name] for one in shapes if name in one]) for name in names}
    if all(isinstance(one, list) for one in shapes):
        inner = [one[0] for one in shapes if one]
        return [joined(inner)] if inner else []
    first = shapes[0]
    return first if all(one == first for one in shapes) else "/".join(sorted({_kind(one) for one in shapes}))


def _kind(one: Any) -> str:
    if isinstance(one, dict):
        return "object"
    return "list" if isinstance(one, list) else str(one)


def differences(theirs: Any, ours: Any, path: str = "") -> list[str]:
    """What our shape lacks, adds, or has as another type: ``lacks A.B``, ``adds A.B[]``, ``A.B: text, not number``."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        here = [_line("lacks", path, name) for name in theirs if name not in ours]
        here += [_line("adds", path, name) for name in ours if name not in theirs]
        for name, inner in theirs.items():
            if name in ours:
                here += differences(inner, ours[name], f"{path}.{name}" if path else name)
        return here
    if isinstance(theirs, list) and isinstance(ours, list):
        if bool(theirs) != bool(ours):
            return [f"{'lacks' if theirs else 'adds'} {path}[]"]
        return differences(theirs[0], ours[0], f"{path}[]") if theirs else []
    return [] if theirs == ours else [f"{path}: {_kind(ours)}, not {_kind(theirs)}"]


def _line(word: str, path: str, name: str) -> str:
    return f"{word} {path}.{name}" if path else f"{word} {name}"


def table_of(rules: Iterable[Allowed]) -> str:
    """The allowed differences as a Markdown table: which samples, what, why."""
    lines = ["| sample | difference | why |", "|---|---|---|"]
    for rule in rules:
        where, what = (text.replace(" | ", "`, `") for text in (rule.samples, rule.what))
        lines.append(f"| `{where}` | `{what}` | {rule.why} |")
    return "\n".join(lines) + "\n"
