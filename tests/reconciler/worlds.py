"""Random worlds for the properties: a handful of records of every kind, each in any situation that can be seen."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st

from syncd.model.facts import Settings
from syncd.model.kinds import Kind, State
from syncd.model.observations import UNCHANGED, Flawed, Present, Problem, Unknown
from syncd.model.writes import Verb
from syncd.reconciler.cases import ALLOWED
from syncd.reconciler.entries import Entry, View
from syncd.reconciler.policy import Case, Policy
from tests.reconciler.build import (
    ALL_VERBS,
    CAPABILITIES,
    DAY,
    FACTS,
    GONE,
    RUDDR,
    SAME,
    SETTINGS,
    Side,
    cautious,
    change,
    client,
    foreign,
    invoice,
    item,
    kind_of,
    line,
    linked,
    payment,
    twin,
    unlinked,
    view,
)

DOWN = Unknown("cut off")
BAD = Flawed("x", "s2", (Problem("bad", "It cannot be used."),))
BASES = (
    item(),
    item("i2", "Hosting"),
    client(),
    client("c2", "Zweite AG"),
    invoice(),
    invoice("v2", line(), line("5.00", item="i2"), client="c2"),
    invoice("v3", line("30.00", item="i2")),
    payment(),
    payment("p2", "45.00", {"v1": "40.00", "v2": "5.00"}),
    payment("p3", "30.00", {"v3": "30.00"}),
)
BY_ID = {base.id: base for base in BASES}


def source_edits(base: Any) -> list[Any]:
    """What a person may do to a record of the source."""
    match kind_of(base):
        case Kind.INVOICE:
            return [
                change(base, notes="mine"),
                change(base, due_date=DAY),
                change(base, number="MINE"),
                change(base, client="c2"),
                change(base, lines=(*base.lines, line("7.00")), total=base.total + 7),
                change(base, total=base.total + 1),
                change(base, state=State.DRAFT),
                change(base, state=State.VOID),
            ]
        case Kind.PAYMENT:
            half = base.amount - Decimal(10)
            return [
                change(base, notes="mine"),
                change(base, amount=half, allocations=payment("x", str(half)).allocations),
                change(base, state=State.VOID),
            ]
        case Kind.CLIENT:
            return [change(base, email="mine@b.example"), change(base, currency="EUR")]
        case _:
            return [change(base, name=base.name.upper())]


def qbo_edits(base: Any) -> list[Any]:
    """What a person may do to a record of QBO."""
    match kind_of(base):
        case Kind.INVOICE:
            return [
                twin(base, notes="theirs"),
                twin(base, notes="mine"),
                twin(change(base, due_date=DAY)),
                twin(change(base, total=base.total + 3, lines=(*base.lines, line("3.00")))),
                twin(base, balance=Decimal(1)),
                twin(base, state=State.VOID, total=Decimal(0), balance=Decimal(0)),
            ]
        case Kind.PAYMENT:
            return [
                twin(base, notes="theirs"),
                twin(change(base, amount=base.amount - 1, allocations=payment("x", str(base.amount - 1)).allocations)),
                twin(base, state=State.VOID, amount=Decimal(0), allocations=()),
            ]
        case Kind.CLIENT:
            return [twin(base, email="theirs@b.example"), twin(base, active=False)]
        case _:
            return [twin(base, name="Other")]


SHAPES = st.sampled_from(["absent", "in sync", "linked", "linked", "linked", "new", "new", "foreign", "both"])
STATES = st.sampled_from(["linked", "linked", "linked", "orphaned", "tombstoned", "ignored"])
WORDS = st.sampled_from(["", "", "", "accept-source", "accept-qbo", "retry"])
RARELY = st.sampled_from([False, False, False, True])
NOT_READ = (GONE, DOWN, BAD, UNCHANGED)
ON_SOURCE = {base.id: st.sampled_from([SAME, SAME, *source_edits(base), *NOT_READ]) for base in BASES}
ON_QBO = {base.id: st.sampled_from([SAME, SAME, *qbo_edits(base), *NOT_READ]) for base in BASES}
FOUND = {
    base.id: st.lists(st.sampled_from([twin(base), twin(base, id="X7"), *qbo_edits(base)]), max_size=2)
    for base in BASES
}


def entries_about(draw: st.DrawFn, base: Any) -> list[Entry]:
    """No, one or two entries about one record."""
    shape = draw(SHAPES)
    if shape in {"absent", "in sync"}:
        return [] if shape == "absent" else [linked(base)]
    source, qbo = draw(ON_SOURCE[base.id]), draw(ON_QBO[base.id])
    other = qbo if isinstance(qbo, type(base)) else twin(base)
    if shape == "foreign":
        return [foreign(other)]
    if shape == "linked":
        beside = (Present(twin(base, id="X8"), "q1"),) if draw(RARELY) else ()
        return [
            linked(
                base,
                source,
                qbo,
                state=draw(STATES),
                candidates=beside,
                in_doubt=draw(RARELY) and draw(RARELY),
                word=draw(WORDS),
            )
        ]
    record = source if isinstance(source, type(base)) else base
    lookup = DOWN if draw(RARELY) else GONE
    new = unlinked(record, *draw(FOUND[base.id]), qbo=lookup, word=draw(WORDS))
    return [new, foreign(other)] if shape == "both" else [new]


def daring(picks: tuple[int, ...]) -> Policy:
    """A policy that dares whatever the table lets it choose; ``picks`` choose."""
    verbs = {Side.QBO: ALL_VERBS | {Verb.DEACTIVATE}, Side.SOURCE: ALL_VERBS}
    kinds = {}
    for pick, (kind, policy) in zip(picks, RUDDR.kinds.items(), strict=True):
        answers = {case: sorted(ALLOWED[case])[(pick + place) % len(ALLOWED[case])] for place, case in enumerate(Case)}
        kinds[kind] = msgspec.structs.replace(policy, verbs=verbs, answers=answers, withdrawn=answers[Case.SRC_GONE])
    return Policy(profile="daring", kinds=kinds)


POLICIES = st.just(RUDDR) | st.just(cautious()) | st.tuples(*[st.integers(0, 59)] * len(RUDDR.kinds)).map(daring)
QUIET = st.frozensets(st.sampled_from(sorted(BY_ID)))
CLOSED = st.sampled_from([None, None, DAY])
CEILING = st.sampled_from(["", "", "50.00"])
ABLE = st.sampled_from([CAPABILITIES, CAPABILITIES, {}])
DEFAULT_ITEM = st.sampled_from(["I9", ""])


@st.composite
def worlds(draw: st.DrawFn) -> View:
    """A view of up to ten records."""
    entries = [entry for base in BASES for entry in entries_about(draw, base)]
    seen = {entry.known.source_id for entry in entries if entry.known is not None}
    told = {entry.source.record.id for entry in entries if isinstance(entry.source, Present)}
    quiet = draw(QUIET)
    links = {(kind_of(BY_ID[name]), name): name.upper() for name in quiet - seen - told}
    closed = draw(CLOSED)
    ceiling = draw(CEILING)
    settings: Settings = msgspec.structs.replace(SETTINGS, amount_ceiling=ceiling)
    return view(
        *entries,
        links={(Kind.CLIENT, "c1"): "", (Kind.ITEM, "i1"): "", **links},
        policy=draw(POLICIES),
        settings=settings,
        facts=msgspec.structs.replace(FACTS, close_date=closed),
        capabilities=draw(ABLE),
        default_item=draw(DEFAULT_ITEM),
    )
