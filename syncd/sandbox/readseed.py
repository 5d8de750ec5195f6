"""Reading seed files: the records of a company as JSON, or as JSON lines such as the admin API exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from syncd.sandbox.wire import DecodeError, Json, decode


def read_seed(path: Path) -> Json:
    """Records by entity, from ``{"Customer": [...]}`` or from lines of ``{"Customer": {...}}``.

    ValueError says what is wrong with the form of the file, OSError that there is none.
    """
    raw = path.read_bytes()
    try:
        whole = decode(raw)
    except DecodeError as error:
        if b"\n" not in raw.strip():
            raise ValueError(f"{path.name}: {error}") from None
        return _lines(path, raw)
    if _is_line(whole):
        return {entity: [body] for entity, body in whole.items()}
    if not isinstance(whole, dict) or not all(isinstance(rows, list) for rows in whole.values()):
        raise ValueError(f"{path.name}: must be an object of entity name to list of records, or lines of one record")
    return whole


def _is_line(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(body, dict) for body in value.values())


def _lines(path: Path, raw: bytes) -> Json:
    rows: dict[str, list[Json]] = {}
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = decode(line)
        except DecodeError as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from None
        if not _is_line(entry):
            raise ValueError(f'{path.name}, line {number}: must be {{"Invoice": {{...}}}}')
        for entity, body in entry.items():
            rows.setdefault(entity, []).append(body)
    return rows
