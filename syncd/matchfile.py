"""The file in which a person says which records of both sides are the same: written with proposals, read with answers.

TOML: an array of tables for each kind, one table for each record of the source. The same proposals always make the
same file. Every fault of a file is told with its line.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from syncd.errors import ConfigError
from syncd.model.kinds import Kind
from syncd.model.spec import SPECS
from syncd.reconciler.proposals import Row

FORMAT = 1
CREATE, IGNORE, NONE = "create", "ignore", "none"
WORDS = frozenset({CREATE, IGNORE, NONE})
"""Answers that are no id of QBO."""

_HEADER = re.compile(r"\s*\[\[\s*\"?(?P<kind>\w+)\"?\s*\]\]")
_USE = re.compile(r"\s*\"?use\"?\s*=")
_QBO_ID = re.compile(r"[0-9]{1,30}|TAX|NON")
"""What an id of QBO looks like; two of a US company's tax codes are words (entities.md 3.9)."""
_MEMBERS = {"source_id", "name", "use", "proposals"}

_PREFACE = """\
# Which records of the source and of QuickBooks are the same? Proposed by syncd, decided by a person.
#
# Answer in "use", then read the file back:  syncd match --company {company} --in FILE --dry-run  and again without.
#   "58"      the record of QuickBooks with this id (it does not have to be among the proposals)
#   "create"  there is none: syncd makes one as soon as a document needs it (clients and vendors)
#   "none"    there is none and none is needed (payment methods, tax codes, projects)
#   "ignore"  syncd never touches this record
#   ""        not decided: syncd does what it does by itself. It takes what is spelt identically, asks about what looks
#             alike, and creates the rest.
#
# What is answered already is certain: spelt identically and in the same currency, or named outright by the source or
# the settings; for documents the same number, client, date and total. Nothing was written to either side.
# A proposal is: id, likeness from 0 to 1, name (why).
"""


class Answer(msgspec.Struct, frozen=True):
    """What a person said of one record of the source: an id of QBO, one of ``WORDS``, or nothing yet.

    ``line`` is where it stands in the file; 0: it was given on the command line.
    """

    kind: Kind
    source_id: str
    use: str
    name: str = ""
    line: int = 0


class Fault(msgspec.Struct, frozen=True):
    """Why an answer cannot be taken: where it stands, whose it is, and what to do about it."""

    text: str
    kind: Kind | None = None
    source_id: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        whose = f"{self.kind} {self.source_id!r}: " if self.kind is not None else ""
        return f"{where}{whose}{self.text}"


def write(path: Path, *, company: str, realm_id: str, rows: Mapping[Kind, Sequence[Row]]) -> None:
    """Write a new file for its owner's eyes only. One that is there holds a person's answers and is never replaced."""
    body = "".join(_text(company, realm_id, rows)).encode()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(body)


def refuse_existing(path: Path) -> None:
    """Raise ``ConfigError`` where a file is there already: it may hold answers."""
    if path.exists():
        raise ConfigError(
            f"{path} is there already and may hold answers; it stays as it is.", remedy="Give another name with --out."
        )


def _text(company: str, realm_id: str, rows: Mapping[Kind, Sequence[Row]]) -> Iterator[str]:
    yield _PREFACE.format(company=company)
    yield f"\nformat = {FORMAT}\ncompany = {_quoted(company)}\nrealm_id = {_quoted(realm_id)}\n"
    for kind, listed in rows.items():
        open_rows = sum(not row.use for row in listed)
        yield f"\n# ---- {SPECS[kind].plural}: {len(listed)}, of which {open_rows} are to be decided\n"
        for row in listed:
            yield f"\n[[{kind}]]\nsource_id = {_quoted(row.source_id)}\nname = {_quoted(row.name)}\n"
            yield f"use = {_quoted(row.use)}\n"
            proposals = "".join(f"  {_quoted(str(each))},\n" for each in row.proposals)
            yield f"proposals = [\n{proposals}]\n" if proposals else "proposals = []\n"


def _quoted(value: str) -> str:
    """A basic string: TOML's escapes are JSON's, but for the one control character that JSON leaves as it is."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def read(path: Path, *, company: str, realm_id: str) -> tuple[list[Answer], list[Fault]]:
    """The answers of a file, and all that is wrong with its form. ``ConfigError``: it is no such file at all."""
    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is no UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no valid TOML: {error}.", remedy="Correct that line.") from None
    faults = _about(found, company, realm_id)
    answers: list[Answer] = []
    lines = _lines(text)
    for name, tables in found.items():
        if name in {"format", "company", "realm_id"}:
            continue
        if name not in {kind.value for kind in Kind} or not isinstance(tables, list):
            faults.append(Fault(f"{name!r} is no kind of record with [[...]] tables."))
            continue
        places = lines.get(name, [])
        known = places if len(places) == len(tables) else [0] * len(tables)
        for table, line in zip(tables, known, strict=True):
            _take(Kind(name), table, line, answers, faults)
    return answers, [*faults, *_repeated(answers)]


def _about(found: Mapping[str, Any], company: str, realm_id: str) -> list[Fault]:
    faults = []
    if found.get("format") != FORMAT:
        faults.append(Fault(f"format is {found.get('format')!r}; this version reads {FORMAT}. Make a new file."))
    for name, wanted in (("company", company), ("realm_id", realm_id)):
        if found.get(name) != wanted:
            faults.append(Fault(f"{name} is {found.get(name)!r}: the file was made for another one than {wanted!r}."))
    return faults


def _lines(text: str) -> dict[str, list[int]]:
    """By kind, the line of each table's ``use``, or of its head where it has none."""
    found: dict[str, list[int]] = {}
    kind = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if head := _HEADER.match(line):
            kind = head["kind"]
            found.setdefault(kind, []).append(number)
        elif kind and _USE.match(line):
            found[kind][-1] = number
    return found


def _take(kind: Kind, table: Any, line: int, answers: list[Answer], faults: list[Fault]) -> None:
    """One table: an answer, or what is wrong with it."""
    if not isinstance(table, dict):
        faults.append(Fault("is no table.", kind, "", line))
        return
    source_id, use, name = table.get("source_id", ""), table.get("use", ""), table.get("name", "")
    if isinstance(use, int) and not isinstance(use, bool):
        use = str(use)
    shown = str(source_id)
    unknown = sorted(table.keys() - _MEMBERS)
    if unknown:
        faults.append(
            Fault(f"unknown key {unknown[0]!r}; a table has {', '.join(sorted(_MEMBERS))}.", kind, shown, line)
        )
    if not isinstance(source_id, str) or not source_id:
        faults.append(Fault("source_id must be text, and not empty.", kind, shown, line))
    elif not isinstance(use, str) or not isinstance(name, str):
        faults.append(Fault('use and name must be text in quotes, like "58".', kind, shown, line))
    else:
        answers.append(Answer(kind, source_id, use.strip(), name, line))


def _repeated(answers: Sequence[Answer]) -> Iterator[Fault]:
    first: dict[tuple[Kind, str], int] = {}
    for answer in answers:
        slot = (answer.kind, answer.source_id)
        if slot in first:
            yield Fault(f"is answered on line {first[slot]} already.", answer.kind, answer.source_id, answer.line)
        first.setdefault(slot, answer.line)


def allowed_words(kind: Kind) -> tuple[str, ...]:
    """What may be said of a record of this kind, beside an id."""
    spec = SPECS[kind]
    if spec.link_only:
        return (NONE, IGNORE) if spec.optional else (IGNORE,)
    return (IGNORE,) if spec.transaction else (CREATE, IGNORE)


def word_fault(answer: Answer) -> str:
    """What is wrong with the wording of an answer; empty if nothing is."""
    use = answer.use
    if not use or _QBO_ID.fullmatch(use) or use in allowed_words(answer.kind):
        return ""
    words = ", ".join(f'"{word}"' for word in allowed_words(answer.kind))
    plural = SPECS[answer.kind].plural
    return f'use = "{use[:40]}" is no answer; for {plural} it is an id of QuickBooks like "58", {words} or "".'
