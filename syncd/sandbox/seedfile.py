"""Seeds from JSON: ``{entity: [wire objects]}``, checked before anything is made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from syncd.sandbox.book import fold
from syncd.sandbox.faults import FaultError
from syncd.sandbox.references import references
from syncd.sandbox.specs import SPECS, Spec
from syncd.sandbox.wire import Json

_MOST_PROBLEMS = 20


def rows_of(seed: Json, base: Iterable[tuple[str, Json]]) -> list[tuple[str, Json]]:
    """The records of a company made from a seed; ValueError names every problem.

    ``base`` is what every company has. A record of it gives way to one of the seed with the same Id, a system account
    also to an account of the same sub-type, so that a chart recorded elsewhere can be taken as it is.
    """
    problems: list[str] = []
    rows: list[tuple[str, Json]] = []
    for entity, bodies in seed.items():
        if entity not in SPECS:
            problems.append(f"{entity} is not served")
        elif not isinstance(bodies, list):
            problems.append(f"{entity} must be a list of records")
        else:
            rows += [(entity, body) for place, body in enumerate(bodies) if _sound(entity, place, body, problems)]
    kept = [(entity, body) for entity, body in base if not _replaced(entity, body, rows)]
    _check_ids(rows, problems)
    _check_names([*kept, *rows], problems)
    _check_references(rows, [*kept, *rows], problems)
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        shown = problems[:_MOST_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])
        raise ValueError("seed: " + "; ".join(shown))
    return kept + rows


def _replaced(entity: str, body: Json, rows: list[tuple[str, Json]]) -> bool:
    return any(
        kind == entity
        and (
            str(other.get("Id")) == body["Id"]
            or (entity == "Account" and other.get("AccountSubType") == body["AccountSubType"])
        )
        for kind, other in rows
    )


def _sound(entity: str, place: int, body: Any, problems: list[str]) -> bool:
    """Members known, of the right kinds, and the name there."""
    label = f"{entity}[{place}]"
    if not isinstance(body, dict):
        problems.append(f"{label} must be an object")
        return False
    spec: Spec = SPECS[entity]
    before = len(problems)
    for name, value in body.items():
        member = spec.members.get(name)
        if member is None:
            problems.append(f"{label} has an unknown member {name}")
        elif member.writable and value is not None:
            try:
                member.kind(name, value)
            except FaultError as error:
                problems.append(f"{label}.{name}: {error}")
    if spec.name_field and not body.get(spec.name_field):
        problems.append(f"{label} lacks {spec.name_field}")
    meta = body.get("MetaData", {})
    if not isinstance(meta, dict):
        problems.append(f"{label}.MetaData must be an object")
    return len(problems) == before


def _check_ids(rows: list[tuple[str, Json]], problems: list[str]) -> None:
    seen: set[tuple[str, str]] = set()
    for entity, body in rows:
        if "Id" not in body:
            continue
        key = (SPECS[entity].family, str(body["Id"]))
        if key in seen:
            problems.append(f"{entity} {key[1]}: the Id is used twice")
        seen.add(key)


def _check_names(rows: list[tuple[str, Json]], problems: list[str]) -> None:
    """One name once: over customers, vendors and employees together, in other lists for one path."""
    held: dict[tuple[str, str], str] = {}
    for entity, body in rows:
        spec = SPECS[entity]
        if not spec.name_field:
            continue
        space = spec.family
        name = body.get(spec.name_field if space == "name" else "FullyQualifiedName", body.get(spec.name_field))
        key, record_id = (space, fold(name)), str(body.get("Id", ""))
        if key in held and held[key] != record_id:
            problems.append(f"{entity} {record_id}: the name {name} is used twice")
        held[key] = record_id


def _check_references(rows: list[tuple[str, Json]], everything: list[tuple[str, Json]], problems: list[str]) -> None:
    known = {(entity, str(body["Id"])) for entity, body in everything if "Id" in body}
    for entity, body in rows:
        for target, record_id, _ in references(entity, body):
            if (target, record_id) not in known:
                problems.append(f"{entity} {body.get('Id', '')}: there is no {target} {record_id}")
