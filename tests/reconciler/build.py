"""Small records, entries and views for the tests of the decision.

One convention keeps them readable: ids of the source are lower case (``v1``), the linked id of QBO is the same in
capitals (``V1``). The client ``c1`` and the item ``i1`` are linked in every view unless a test says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import settings as hypothesis_settings
from msgspec import UNSET

from syncd import profiles
from syncd.model.facts import BooksFacts, Settings
from syncd.model.kinds import Kind, Side, State
from syncd.model.lens import Lens
from syncd.model.observations import Absent, Observation, Present
from syncd.model.records import Record
from syncd.model.records.forms import Invoice, Line
from syncd.model.records.lists import Client, Item
from syncd.model.records.payments import Allocation, Payment
from syncd.model.writes import Verb
from syncd.reconciler.entries import Entry, Known, Overrides, Rails, SideCapability, View
from syncd.reconciler.plan import Operation, Plan
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner, Policy
from syncd.reconciler.reconcile import reconcile

FACTS = BooksFacts(
    realm_id="1",
    name="Books",
    country="US",
    home_currency="USD",
    multicurrency=True,
    custom_numbers=True,
    sales_tax=True,
    automated_tax=True,
)
SETTINGS = Settings(default_item="Hours", discount_account="Discounts given", expense_bills=True)
RUDDR = profiles.load("ruddr", SETTINGS)
LINE_PARTS = ("item", "description", "quantity", "rate", "amount", "taxable")
FIELDS: dict[Kind, frozenset[str]] = {
    Kind.ITEM: frozenset({"name"}),
    Kind.CLIENT: frozenset({"name", "currency", "email"}),
    Kind.INVOICE: frozenset(
        {"number", "client", "issue_date", "due_date", "currency", "lines", "discount", "tax", "total", "notes"}
        | {f"line.{part}" for part in LINE_PARTS}
    ),
    Kind.PAYMENT: frozenset({"client", "date", "amount", "currency", "allocations", "reference", "notes"}),
}
ALL_VERBS = frozenset({Verb.CREATE, Verb.UPDATE, Verb.DELETE, Verb.VOID})
CAPABILITIES = {
    kind: SideCapability(verbs=ALL_VERBS, writable=frozenset(f for f in fields if "." not in f), external_id=True)
    for kind, fields in FIELDS.items()
    if kind is not Kind.ITEM
}
LINKS = {(Kind.CLIENT, "c1"): "C1", (Kind.ITEM, "i1"): "I1"}
QUIET = Rails()
NO_OVERRIDES = Overrides()
DAY = date(2026, 3, 2)
GONE = Absent("", ("looked up",))
moderate = hypothesis_settings(max_examples=40, deadline=None)
"""For properties: enough examples to bite, few enough to run with every change."""
SAME: Any = object()
"""The side shows what was agreed on."""


def lens(settings: Settings = SETTINGS, facts: BooksFacts = FACTS) -> Lens:
    """The lens of a source that holds everything."""
    return Lens(FIELDS, facts, settings)


# ---- records of the source, and their twins in QBO


def client(id_: str = "c1", name: str = "Nord & Süd", **parts: Any) -> Client:
    """A client of the source."""
    return Client(
        **({"id": id_, "name": name, "currency": "USD", "email": "a@b.example", "external_id": id_.upper()} | parts)
    )


def item(id_: str = "i1", name: str = "Design", **parts: Any) -> Item:
    """An item of the source."""
    return Item(**({"id": id_, "name": name} | parts))


def line(amount: str = "100.00", description: str = "Design work", **parts: Any) -> Line:
    """One line of item i1, one piece of it."""
    exact = Decimal(amount)
    wished = {"item": "i1", "description": description, "quantity": Decimal(1), "rate": exact, "taxable": False}
    return Line(amount=exact, **(wished | parts))


def invoice(id_: str = "v1", *lines: Line, **parts: Any) -> Invoice:
    """A published invoice to c1, numbered after its id, over the sum of its lines."""
    billed = lines or (line(),)
    discount, tax = (0 if parts.get(name, UNSET) is UNSET else parts[name] for name in ("discount", "tax"))
    made = {
        "client": "c1",
        "issue_date": DAY,
        "due_date": date(2026, 4, 1),
        "number": f"INV-{id_}",
        "currency": "USD",
        "notes": "",
        "discount": Decimal(0),
        "tax": Decimal(0),
        "total": sum((one.amount for one in billed), Decimal(0)) - discount + tax,
        "state": State.PUBLISHED,
    }
    return Invoice(id=id_, lines=billed, **(made | parts))


def payment(id_: str = "p1", amount: str = "100.00", pays: Mapping[str, str] | None = None, **parts: Any) -> Payment:
    """A payment of c1; ``pays`` gives amounts by invoice."""
    allocations = tuple(
        Allocation(name, Decimal(part)) for name, part in ({"v1": amount} if pays is None else pays).items()
    )
    made = {
        "client": "c1",
        "date": DAY,
        "amount": Decimal(amount),
        "currency": "USD",
        "reference": f"R-{id_}",
        "notes": "",
    }
    return Payment(id=id_, allocations=allocations, **(made | parts))


def twin(record: Record, **parts: Any) -> Any:
    """The same record as QBO holds it: its own ids, and no state but live or void."""
    own: dict[str, Any] = {"id": record.id.upper()}
    match record:
        case Invoice():
            lines = tuple(msgspec.structs.replace(one, item=one.item.upper()) for one in record.lines)
            state = State.VOID if record.state is State.VOID else State.LIVE
            own |= {"client": record.client.upper(), "lines": lines, "balance": record.total, "state": state}
        case Payment():
            paid = tuple(Allocation(part.invoice.upper(), part.amount) for part in record.allocations)
            own |= {"client": record.client.upper(), "allocations": paid}
        case _:
            pass
    return msgspec.structs.replace(record, **(own | parts))


def change(record: Any, **parts: Any) -> Any:
    """The record with some fields changed."""
    return msgspec.structs.replace(record, **parts)


def kind_of(record: Record) -> Kind:
    """The kind of a record."""
    return {Client: Kind.CLIENT, Item: Kind.ITEM, Invoice: Kind.INVOICE, Payment: Kind.PAYMENT}[type(record)]


# ---- entries


def seen(record: Any, version: str) -> Any:
    """An observation: as given, or the record with this version."""
    return Present(record, version) if isinstance(record, Client | Item | Invoice | Payment) else record


def told(base: Any) -> Any:
    """The record once the source was told QBO's id of it."""
    return change(base, external_id=base.id.upper()) if isinstance(base, Invoice | Payment) else base


def known(base: Record, *, qbo: Record | None = None, settings: Settings = SETTINGS, **parts: Any) -> Known:
    """The link of ``base`` with the base that both sides agreed on; ``qbo`` where QBO's half is another."""
    kind, other, eye = kind_of(base), qbo or twin(base), lens(settings)
    made = {
        "source_base": eye.source(kind, base, lambda of, name: LINKS.get((of, name), name.upper())),
        "qbo_base": eye.qbo(kind, other),
        "source_version": "s1",
        "qbo_version": "q1",
        "created_by": Side.QBO,
    }
    return Known(source_id=base.id, qbo_id=other.id, **(made | parts))


def linked(base: Any, source: Any = SAME, qbo: Any = SAME, **parts: Any) -> Entry:
    """A linked record. A side that is not ``SAME`` shows another record or observation; it has a new version then."""
    link_parts = {name: parts.pop(name) for name in ("state", "accepted", "created_by") if name in parts}
    half = parts.pop("qbo_base", None)
    other = half or twin(base)
    return Entry(
        kind=kind_of(base),
        source=Present(told(base), "s1") if source is SAME else seen(source, "s2"),
        qbo=Present(other, "q1") if qbo is SAME else seen(qbo, "q2"),
        known=known(base, qbo=half, **link_parts),
        **parts,
    )


def unlinked(record: Any, *candidates: Record, qbo: Observation = GONE, **parts: Any) -> Entry:
    """A record of the source without a link, with what QBO holds under its key."""
    found = tuple(Present(candidate, "q1") for candidate in candidates)
    return Entry(kind=kind_of(record), source=seen(record, "s1"), qbo=qbo, candidates=found, **parts)


def foreign(record: Any, **parts: Any) -> Entry:
    """A record that only QBO has."""
    return Entry(kind=kind_of(record), source=GONE, qbo=seen(record, "q1"), **parts)


# ---- views and plans


def view(
    *entries: Entry,
    links: Mapping[tuple[Kind, str], str] | None = None,
    policy: Policy = RUDDR,
    settings: Settings = SETTINGS,
    facts: BooksFacts = FACTS,
    rails: Rails = QUIET,
    overrides: Overrides = NO_OVERRIDES,
    capabilities: Mapping[Kind, SideCapability] = CAPABILITIES,
    default_item: str = "I9",
) -> View:
    """A view in which the linked entries, ``LINKS`` and ``links`` are linked (or ``links`` alone, if it is empty)."""
    both = dict(links) if links is not None and not links else {**LINKS, **(links or {})}
    for entry in entries:
        if entry.known is not None and entry.known.state in {"linked", "orphaned"}:
            both[entry.kind, entry.known.source_id] = entry.known.qbo_id
    back = {(kind, theirs): mine for (kind, mine), theirs in both.items()}
    return View(
        entries=entries,
        lens=lens(settings, facts),
        facts=facts,
        settings=settings,
        policy=policy,
        capabilities=capabilities,
        to_qbo=lambda kind, name: both.get((kind, name), ""),
        to_source=lambda kind, name: back.get((kind, name), ""),
        rails=rails,
        overrides=overrides,
        defaults={Kind.ITEM: default_item},
    )


def plan(*entries: Entry, **parts: Any) -> Plan:
    """The plan for these entries."""
    return reconcile(view(*entries, **parts))


def only(made: Plan) -> Operation:
    """The one operation of a plan."""
    assert len(made.operations) == 1, [operation.id for operation in made.operations]
    return made.operations[0]


def one(entry: Entry, **parts: Any) -> Operation:
    """The one operation that comes of one entry."""
    return only(plan(entry, **parts))


def with_kind(kind: Kind, policy: Policy = RUDDR, **parts: Any) -> Policy:
    """``policy`` with some parts of a kind's policy changed."""
    changed: KindPolicy = msgspec.structs.replace(policy.kinds[kind], **parts)
    return msgspec.structs.replace(policy, kinds={**policy.kinds, kind: changed})


def answering(kind: Kind, case: Case, answer: Answer, policy: Policy = RUDDR) -> Policy:
    """``policy`` with this answer to this case, and with every verb permitted."""
    answers = {**policy.kinds[kind].answers, case: answer}
    verbs = {Side.QBO: ALL_VERBS | {Verb.DEACTIVATE}, Side.SOURCE: ALL_VERBS}
    return with_kind(kind, policy, answers=answers, verbs=verbs)


def cautious() -> Policy:
    """A policy that names no answer: everything gets the table's own default. The source owns what nobody names."""
    every = {Side.QBO: ALL_VERBS | {Verb.DEACTIVATE}, Side.SOURCE: ALL_VERBS}
    kinds = {
        kind: msgspec.structs.replace(
            policy, answers={}, verbs=every, default_owner=Owner.SOURCE, owners={}, leave_foreign=False
        )
        for kind, policy in RUDDR.kinds.items()
    }
    return Policy(profile="cautious", kinds=kinds)
