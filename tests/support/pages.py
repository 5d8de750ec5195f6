"""Pages of the manual that are written by several hands: each part stands between two marks of its own."""

from __future__ import annotations

import fcntl
from pathlib import Path

RELIABILITY = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
_TITLE = "# Reliability\n"


def part(page: Path, name: str) -> str:
    """What stands between ``<!-- name -->`` and ``<!-- /name -->``; empty where there is no such part yet."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    _, opened, rest = text.partition(_open(name))
    body, closed, _ = rest.partition(_close(name))
    return body.strip() if opened and closed else ""


def put(page: Path, name: str, body: str) -> None:
    """Replace a part, or add it at the end. Two that write the same page at once do not lose each other's."""
    with page.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read() or _TITLE
        before, opened, rest = text.partition(_open(name))
        _, closed, after = rest.partition(_close(name))
        if not (opened and closed):
            before, after = f"{text.rstrip()}\n\n", "\n"
        file.seek(0)
        file.truncate()
        file.write(f"{before}{_open(name)}\n\n{body.strip()}\n\n{_close(name)}{after}")


def _open(name: str) -> str:
    return f"<!-- {name} -->"


def _close(name: str) -> str:
    return f"<!-- /{name} -->"
