"""What the tests against the look-alike share: a client, an invoice, and the ways to write them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from qbo_world import Client as World

from syncd.model.kinds import Kind
from syncd.model.observations import Present
from syncd.model.records.forms import Invoice, Line
from syncd.model.records.lists import Client
from syncd.model.writes import Done, Outcome, Verb, WireWrite

D = Decimal
Companies = Callable[..., World]
ACME = Client("c1", "Ácme & Söhne 'O'Brien' 株式会社")
INVOICE = Invoice(
    id="i1",
    client="c1",
    issue_date=date(2026, 1, 5),
    due_date=date(2026, 2, 4),
    total=D("110.00"),
    lines=(
        Line(D("100.00"), description="Work", quantity=D("2.5"), rate=D(40)),
        Line(D("10.00"), description="Third parts", quantity=D(3), rate=D("3.33")),
    ),
    number="A'1 #&+%",
    notes="Danke",
)
_ids = itertools.count()


def write(world: World, kind: Kind, verb: Verb, record: Any, known: dict[str, str], **more: Any) -> WireWrite:
    def refs(_: Kind, source: str) -> str:
        return known.get(source, "")

    name = f"w{next(_ids)}"
    return world.books.encode(kind, verb, record, refs=refs, journal_id=name, request_id=name, **more)


def send(world: World, kind: Kind, verb: Verb, record: Any, known: dict[str, str], **more: Any) -> Outcome:
    return world.books.send([write(world, kind, verb, record, known, **more)])[0]


def present(outcome: Outcome) -> Present:
    assert isinstance(outcome, Done), outcome
    assert isinstance(outcome.after, Present)
    return outcome.after


def created(world: World, kind: Kind, record: Any, known: dict[str, str]) -> Present:
    after = present(send(world, kind, Verb.CREATE, record, known))
    known[record.id] = after.record.id
    return after


def again(
    world: World, kind: Kind, verb: Verb, now: Present, record: Any, known: dict[str, str], *fields: str
) -> Outcome:
    return send(world, kind, verb, record, known, qbo_id=now.record.id, fields=fields, raw=now.raw)


def now(world: World, kind: Kind, identity: str) -> Present:
    found = world.books.read(kind, [identity])[identity]
    assert isinstance(found, Present), found
    return found
