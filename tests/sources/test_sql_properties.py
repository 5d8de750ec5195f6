"""What is written is what is read: odd text, exact decimals, any date, through each database and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present
from syncd.model.records.forms import Invoice, Line
from syncd.model.records.lists import Address
from syncd.model.records.payments import Allocation, CreditUse
from syncd.model.values import AMOUNT_LIMIT, has_control_characters
from syncd.model.writes import Done, SourceWrite, Verb
from syncd.sources import rows, whole
from syncd.sources.lines import matched
from syncd.sources.rows import BadValueError
from tests.sources.conftest import DIALECTS
from tests.sources.worlds import SqlWorld, client, credit_note, invoice, line, payment

# Function-scoped fixtures are meant to be shared by the examples here: one database, many rows.
PROFILE = settings(
    max_examples=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00\ufffd").filter(lambda c: not has_control_characters(c)),
    max_size=80,
)
NAMES = TEXT.filter(lambda value: value.strip() != "")
AMOUNTS = st.decimals(-AMOUNT_LIMIT, AMOUNT_LIMIT, places=2)
RATES = st.decimals(0, 99999, places=7)
DAYS = st.dates(date(1, 1, 1), date(9999, 12, 31))
LINES = st.builds(
    Line,
    amount=AMOUNTS.map(lambda amount: amount / 100).map(lambda amount: amount.quantize(Decimal("0.01"))),
    description=TEXT,
    quantity=RATES,
    rate=RATES,
    taxable=st.booleans() | st.just(UNSET),
)


@pytest.fixture(params=DIALECTS)
def party(request: pytest.FixtureRequest, make_world: Callable[..., SqlWorld]) -> tuple[SqlWorld, str]:
    """A world with a client."""
    world = make_world(request.param)
    return world, world.add(client())


@pytest.fixture
def documents(party: tuple[SqlWorld, str]) -> tuple[SqlWorld, str, list[str], list[str]]:
    """Four invoices and four credit notes of a client."""
    world, who = party
    return world, who, [world.add(invoice(who)) for _ in range(4)], [world.add(credit_note(who)) for _ in range(4)]


def create(world: SqlWorld, kind: Kind, record: Any) -> Any:
    create.count += 1  # type: ignore[attr-defined]
    write = SourceWrite(f"p-{create.count}", kind, Verb.CREATE, "", "", (), record)  # type: ignore[attr-defined]
    outcome = world.source.write([write])[0]
    assert isinstance(outcome, Done), outcome
    return outcome.after.record  # type: ignore[union-attr]


create.count = 0  # type: ignore[attr-defined]


@PROFILE
@given(name=NAMES, email=TEXT, street=TEXT, city=TEXT)
def test_clients_come_back_as_they_were_sent(
    party: tuple[SqlWorld, str], name: str, email: str, street: str, city: str
) -> None:
    lines = tuple(part for part in street.splitlines() if part.strip())
    sent = client(name, email=email, contact="", address=Address(lines=lines, city=city))
    made = create(party[0], Kind.CLIENT, sent)
    assert made == msgspec.structs.replace(sent, id=made.id)


@PROFILE
@given(lines=st.lists(LINES, max_size=4), day=DAYS, due=DAYS | st.just(UNSET), notes=TEXT, tax=AMOUNTS)
def test_invoices_come_back_as_they_were_sent(
    party: tuple[SqlWorld, str], lines: list[Line], day: date, due: Any, notes: str, tax: Decimal
) -> None:
    world, who = party
    total = sum((part.amount for part in lines), tax)
    sent = invoice(who, issue_date=day, due_date=due, notes=notes, tax=tax, total=total, lines=tuple(lines))
    if abs(total) > AMOUNT_LIMIT:
        return
    made = create(world, Kind.INVOICE, sent)
    assert isinstance(made, Invoice)
    plain = tuple(msgspec.structs.replace(part, id="") for part in made.lines)
    assert msgspec.structs.replace(made, id="", lines=plain) == sent
    assert world.source.read(Kind.INVOICE, [made.id])[made.id].record == made  # type: ignore[union-attr]


BLOCKS = TEXT.map(lambda text: Address(lines=tuple(part for part in text.splitlines() if part.strip())))
SHARES = st.decimals(0, 1, places=8)


@PROFILE
@given(
    make=st.sampled_from([(Kind.INVOICE, invoice), (Kind.CREDIT_NOTE, credit_note)]),
    bill_to=BLOCKS,
    emails=TEXT,
    tax=st.decimals(0, 99, places=2),
    rate=SHARES | st.just(UNSET),
    exchange=RATES | st.just(UNSET),
    inclusive=st.booleans(),
)
def test_forms_come_back_with_all_that_stands_on_them(
    party: tuple[SqlWorld, str],
    make: Any,
    bill_to: Address,
    emails: str,
    tax: Decimal,
    rate: Any,
    exchange: Any,
    inclusive: bool,
) -> None:
    kind, form = make
    more = {"tax_rate": rate, "exchange_rate": exchange, "transaction_number": "17", "tax_inclusive": inclusive}
    sent = form(party[1], line("10.00"), bill_to=bill_to, emails=emails, tax=tax, **more)
    made = create(party[0], kind, sent)
    plain = tuple(msgspec.structs.replace(part, id="") for part in made.lines)
    # What a block of text cannot hold of an address is its division into lines at odd characters.
    assert made.bill_to == bill_to
    assert msgspec.structs.replace(made, id="", lines=plain) == sent


PARTS = st.dictionaries(st.integers(0, 3), st.decimals("0.01", 1000, places=2), max_size=4)


@PROFILE
@given(first=st.tuples(PARTS, PARTS), then=st.tuples(PARTS, PARTS))
def test_the_parts_of_a_payment_become_what_is_wished(
    documents: tuple[SqlWorld, str, list[str], list[str]], first: Any, then: Any
) -> None:
    world, who, bills, notes = documents

    def parts(wished: Any) -> dict[str, Any]:
        paid, used = wished
        return {
            "allocations": tuple(Allocation(bills[place], amount) for place, amount in paid.items()),
            "credits": tuple(CreditUse(notes[place], amount) for place, amount in used.items()),
        }

    made = create(world, Kind.PAYMENT, payment(who, "9999.00", **parts(first)))
    seen = world.source.read(Kind.PAYMENT, [made.id])[made.id]
    assert isinstance(seen, Present)
    wished = msgspec.structs.replace(seen.record, **parts(then))
    create.count += 1  # type: ignore[attr-defined]
    write = SourceWrite(
        f"p-{create.count}",  # type: ignore[attr-defined]
        Kind.PAYMENT,
        Verb.UPDATE,
        made.id,
        seen.version,
        ("allocations", "credits"),
        wished,
    )
    outcome = world.source.write([write])[0]
    assert isinstance(outcome, Done), outcome
    after = outcome.after.record  # type: ignore[union-attr]
    assert sorted(after.allocations, key=str) == sorted(wished.allocations, key=str)
    assert sorted(after.credits, key=str) == sorted(wished.credits, key=str)


@PROFILE
@given(before=st.lists(LINES, max_size=5), data=st.data())
def test_lines_become_what_is_wished_and_kept_rows_keep_their_ids(
    party: tuple[SqlWorld, str], before: list[Line], data: st.DataObject
) -> None:
    world, who = party
    made = create(
        world, Kind.INVOICE, invoice(who, lines=tuple(before), total=sum((p.amount for p in before), Decimal(0)))
    )
    pool = st.sampled_from(before) | LINES if before else LINES
    wished = tuple(data.draw(st.lists(pool, max_size=6)))
    total = sum((part.amount for part in wished), Decimal(0))
    seen = world.source.read(Kind.INVOICE, [made.id])[made.id]
    assert isinstance(seen, Present)
    changed = msgspec.structs.replace(seen.record, lines=wished, total=total)
    create.count += 1  # type: ignore[attr-defined]
    write = SourceWrite(
        f"p-{create.count}",  # type: ignore[attr-defined]
        Kind.INVOICE,
        Verb.UPDATE,
        made.id,
        seen.version,
        ("lines", "total"),
        changed,
    )
    outcome = world.source.write([write])[0]
    assert isinstance(outcome, Done), outcome
    after = outcome.after.record.lines  # type: ignore[union-attr]
    kept = matched(made.lines, wished)
    for place, (got, want) in enumerate(zip(after, wished, strict=True)):
        # What the wish has no opinion on stays as it was on a line that is kept.
        old = made.lines[kept[place]].taxable if place in kept else UNSET
        expected = old if want.taxable is UNSET else want.taxable
        assert msgspec.structs.replace(got, id="") == msgspec.structs.replace(want, id="", taxable=expected)
        assert (got.id == made.lines[kept[place]].id) if place in kept else (got.id not in {p.id for p in made.lines})


@given(st.lists(LINES, max_size=6), st.lists(LINES, max_size=6))
def test_matching_pairs_each_line_once_and_equal_lines_first(have: list[Line], wished: list[Line]) -> None:
    kept = matched(have, wished)
    assert len(set(kept.values())) == len(kept)
    assert matched(have, have) == {place: place for place in range(len(have))}


@given(st.floats() | st.text(max_size=12) | st.integers() | st.decimals() | st.binary(max_size=4) | st.booleans())
def test_reading_an_amount_is_exact_or_a_fault(raw: object) -> None:
    try:
        value = rows.amount(raw)
    except BadValueError:
        return
    assert value.is_finite()
    assert abs(value) <= AMOUNT_LIMIT
    assert float(value) == float(raw)  # type: ignore[arg-type]


@given(st.text(max_size=30) | st.integers() | st.floats() | st.none() | st.binary(max_size=5) | st.dates())
def test_no_raw_value_raises_anything_but_a_fault(raw: Any) -> None:
    for read in (rows.day, rows.text, rows.name, rows.currency, rows.truth, rows.state, rows.optional_day, rows.amount):
        bad = fault(read, raw)
        assert bad is None or (bad.text and bad.remedy)


def fault(read: Callable[[Any], object], raw: object) -> BadValueError | None:
    try:
        read(raw)
    except BadValueError as bad:
        return bad
    return None


@given(st.lists(AMOUNTS, min_size=1, max_size=8), st.integers(-3, 3))
def test_a_total_that_is_one_cent_off_is_always_found(amounts: list[Decimal], cents: int) -> None:
    total = sum(amounts, Decimal(0)) + Decimal(cents) / 100
    made = invoice("1", *(line(str(amount)) for amount in amounts), total=total)
    assert bool(whole.form_problems(made)) == bool(cents)


def test_fractions_of_a_cent_that_cancel_are_found() -> None:
    """Each line is rounded by itself when it is sent: 10.005 twice is 20.02 there, and not 20.01."""
    made = invoice("1", line("10.005"), line("10.005"), total=Decimal("20.01"))
    assert [problem.code for problem in whole.form_problems(made)] == ["total_mismatch"]
    yen = invoice("1", line("10.5"), currency="JPY", total=Decimal("10.5"))
    assert whole.form_problems(yen) == []


def test_a_flawed_row_changes_its_version_with_its_content(make_world: Callable[..., SqlWorld]) -> None:
    world = make_world("sqlite")
    one = world.add(invoice(world.add(client()), total=Decimal(1)))
    first = world.source.read(Kind.INVOICE, [one])[one]
    world.sql("UPDATE invoice SET total = '2'")
    second = world.source.read(Kind.INVOICE, [one])[one]
    assert isinstance(first, Flawed)
    assert first.version != second.version  # type: ignore[union-attr]
