"""Writing CSV for a spreadsheet: text stays text there, whatever people have called their records."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

_FORMULA = frozenset("=+-@\t\r")


def write(path: str, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> int:
    """Write rows with a heading to a file for its owner's eyes, or with ``-`` to the screen; how many there were."""
    if path == "-":
        return _write(sys.stdout, columns, rows)
    descriptor = os.open(Path(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        return _write(file, columns, rows)


def _write(file: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> int:
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    count = 0
    for row in rows:
        writer.writerow({name: inert(value) for name, value in row.items()})
        count += 1
    return count


def inert(value: str) -> str:
    """Text that a spreadsheet takes for text: names come from people, and some begin like a formula."""
    return f"'{value}" if value[:1] in _FORMULA else value
