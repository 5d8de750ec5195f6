"""One suite for every source: what ``syncd.sources.base`` promises, whatever is behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from syncd.errors import SourceUnavailable
from syncd.model.observations import Absent, Flawed, Present
from syncd.model.records import Allocation, Invoice, Item, Kind, State
from syncd.model.writes import Conflict, Done, NotSent, Refused, SourceWrite, Verb
from tests.sources.worlds import World, client, invoice, line, payment


def present(world: World, kind: Kind, record_id: str) -> Present:
    seen = world.source.read(kind, [record_id])[record_id]
    assert isinstance(seen, Present), seen
    return seen


def update(world: World, kind: Kind, record_id: str, journal: str = "j1", **values: Any) -> SourceWrite:
    seen = present(world, kind, record_id)
    wished = msgspec.structs.replace(seen.record, **values)
    return SourceWrite(journal, kind, Verb.UPDATE, record_id, seen.version, tuple(values), wished)


def done(outcome: object) -> Any:
    assert isinstance(outcome, Done), outcome
    return outcome.after


@pytest.fixture
def books(world: World) -> dict[str, str]:
    """A client, an item, an invoice of two lines, a payment of half of it."""
    who = world.add(client())
    what = world.add(Item(id="", name="Consulting"))
    bill = world.add(
        invoice(
            who,
            line("10.00", "First", item=what, quantity=Decimal(2), rate=Decimal(5), taxable=True),
            line("5.50", "Second"),
            number="A-1",
            tax=Decimal("0.50"),
            due_date=date(2026, 3, 31),
        )
    )
    paid = world.add(payment(who, "8.00", allocations=(Allocation(bill, Decimal("8.00")),), reference="cheque 9"))
    return {"client": who, "item": what, "invoice": bill, "payment": paid}


def test_everything_is_read_whole_and_exact(world: World, books: dict[str, str]) -> None:
    seen = world.source.changes("")
    assert seen.counts == dict.fromkeys(Kind, 1)
    assert seen.whole == frozenset(Kind)
    bill = seen.changed[Kind.INVOICE][books["invoice"]].record
    assert isinstance(bill, Invoice)
    assert (bill.number, bill.client, bill.state) == ("A-1", books["client"], State.PUBLISHED)
    assert (bill.issue_date, bill.due_date) == (date(2026, 3, 1), date(2026, 3, 31))
    assert (bill.total, bill.tax, bill.discount) == (Decimal("16.00"), Decimal("0.50"), Decimal(0))
    assert [(part.item, part.description, part.amount) for part in bill.lines] == [
        (books["item"], "First", Decimal("10.00")),
        ("", "Second", Decimal("5.50")),
    ]
    assert (bill.lines[0].quantity, bill.lines[0].rate, bill.lines[0].taxable) == (2, 5, True)
    paid = seen.changed[Kind.PAYMENT][books["payment"]].record
    assert paid.allocations == (Allocation(books["invoice"], Decimal("8.00")),)
    assert (paid.reference, paid.amount, paid.date) == ("cheque 9", 8, date(2026, 3, 9))
    who = seen.changed[Kind.CLIENT][books["client"]].record
    assert (who.name, who.currency, who.active) == ("Zoë Müller", "USD", True)


def test_all_ways_of_reading_agree(world: World, books: dict[str, str]) -> None:
    changed = world.source.changes("").changed
    for kind in Kind:
        one = books[kind.value]
        assert world.source.read(kind, [one])[one] == changed[kind][one]
        assert list(world.source.scan(kind)) == list(changed[kind].values())


def test_an_edit_is_reported_with_another_version(world: World, books: dict[str, str]) -> None:
    for kind in Kind:
        before = present(world, kind, books[kind.value])
        mark = world.source.changes("").watermark
        world.rename(kind, books[kind.value], "Something else")
        after = world.source.changes(mark).changed[kind][books[kind.value]]
        assert isinstance(after, Present)
        assert after.version != before.version
        assert after.record != before.record


def test_a_new_record_is_reported_without_comparing_keys(world: World, books: dict[str, str]) -> None:
    mark = world.source.changes("").watermark
    other = world.add(client("Łukasz"))
    assert not world.source.needs_keys(mark)
    seen = world.source.changes(mark)
    assert other in seen.changed[Kind.CLIENT]
    assert not seen.suspects
    assert seen.counts[Kind.CLIENT] == 2


def test_a_removal_is_a_suspect_until_a_point_read_confirms_it(world: World, books: dict[str, str]) -> None:
    mark = world.source.changes("").watermark
    world.remove(Kind.PAYMENT, books["payment"])
    seen = world.source.changes(mark)
    assert seen.suspects == {Kind.PAYMENT: {books["payment"]}}
    second = world.source.read(Kind.PAYMENT, [books["payment"]])[books["payment"]]
    assert isinstance(second, Absent)
    assert second.id == books["payment"]
    assert second.witnesses


def test_a_key_sweep_finds_what_is_missing(world: World, books: dict[str, str]) -> None:
    mark = world.source.changes("").watermark
    seen = world.source.changes(mark, {Kind.CLIENT: frozenset({books["client"], "4711"})})
    assert seen.suspects == {Kind.CLIENT: {"4711"}}
    assert seen.swept == {Kind.CLIENT}


def test_every_id_asked_for_is_answered(world: World, books: dict[str, str]) -> None:
    asked = [books["client"], "4711", "no number", "", "0", "9" * 30, "٣"]
    answers = world.source.read(Kind.CLIENT, asked)
    assert set(answers) == set(asked)
    assert isinstance(answers[books["client"]], Present)
    assert all(isinstance(answers[key], Absent) for key in asked[1:])


def test_a_flawed_record_is_reported_and_never_dropped(world: World, books: dict[str, str]) -> None:
    mark = world.source.changes("").watermark
    for kind in Kind:
        world.spoil(kind, books[kind.value])
    seen = world.source.changes(mark)
    for kind in Kind:
        one = seen.changed[kind][books[kind.value]]
        assert isinstance(one, Flawed)
        assert one.problems
        assert one.problems[0].text
        assert list(world.source.scan(kind)) == [one]


def test_a_total_that_does_not_add_up_is_flawed(world: World, books: dict[str, str]) -> None:
    wrong = world.add(invoice(books["client"], line("10.00"), total=Decimal("10.01")))
    seen = world.source.read(Kind.INVOICE, [wrong])[wrong]
    assert isinstance(seen, Flawed)
    assert [problem.code for problem in seen.problems] == ["total_mismatch"]
    assert "10.00" in seen.problems[0].text
    assert "10.01" in seen.problems[0].text


def test_one_number_on_two_live_invoices_holds_both(world: World, books: dict[str, str]) -> None:
    mark = world.source.changes("").watermark
    for state in (State.DRAFT, State.VOID):
        world.add(invoice(books["client"], number="A-1", state=state))
    assert isinstance(world.source.read(Kind.INVOICE, [books["invoice"]])[books["invoice"]], Present)
    twin = world.add(invoice(books["client"], number="A-1"))
    fed = world.source.changes(mark).changed[Kind.INVOICE]
    scanned = {seen.id for seen in world.source.scan(Kind.INVOICE) if isinstance(seen, Flawed)}
    assert {books["invoice"], twin} == scanned
    for one in (books["invoice"], twin):
        read = world.source.read(Kind.INVOICE, [one])[one]
        assert isinstance(read, Flawed)
        assert read.problems[0].code == "duplicate_number"
        assert "A-1" in read.problems[0].text
    assert isinstance(fed[twin], Flawed)


def test_reading_without_the_source_raises_and_answers_nothing(world: World, books: dict[str, str]) -> None:
    mark = world.source.changes("").watermark
    asks: list[Callable[[], object]] = [
        lambda: world.source.changes(mark),
        lambda: world.source.needs_keys(mark),
        lambda: world.source.read(Kind.CLIENT, ["1"]),
        lambda: list(world.source.scan(Kind.CLIENT)),
        lambda: world.source.settled(["j"]),
    ]
    with world.outage():
        for ask in asks:
            with pytest.raises(SourceUnavailable):
                ask()
        assert [finding.level for finding in world.source.check()] == ["error"]
        write = SourceWrite("j", Kind.CLIENT, Verb.UPDATE, "1", "1", ("name",), client("X"))
        assert isinstance(world.source.write([write])[0], NotSent)
    assert all(finding.level == "ok" for finding in world.source.check())


# ---- writing


def test_an_update_sets_what_it_names_and_nothing_else(world: World, books: dict[str, str]) -> None:
    write = update(world, Kind.INVOICE, books["invoice"], number="Q-77", notes="From QuickBooks ✓")
    wild = msgspec.structs.replace(write.record, due_date=date(2030, 1, 1))
    after = done(world.source.write([msgspec.structs.replace(write, record=wild)])[0])
    assert (after.record.number, after.record.notes) == ("Q-77", "From QuickBooks ✓")
    assert after.record.due_date == date(2026, 3, 31)
    assert after == present(world, Kind.INVOICE, books["invoice"])
    assert after.version != write.expected_version


def test_a_version_that_moved_on_is_a_conflict_and_changes_nothing(world: World, books: dict[str, str]) -> None:
    for kind in Kind:
        field = "name" if kind in {Kind.CLIENT, Kind.ITEM} else "notes"
        write = update(world, kind, books[kind.value], f"j-{kind}", **{field: "From QuickBooks"})
        world.rename(kind, books[kind.value], "A person's edit")
        seen = present(world, kind, books[kind.value])
        assert isinstance(world.source.write([write])[0], Conflict)
        assert present(world, kind, books[kind.value]) == seen
        assert world.source.settled([f"j-{kind}"]) == {}


def test_a_journal_id_is_applied_once(world: World, books: dict[str, str]) -> None:
    write = update(world, Kind.INVOICE, books["invoice"], notes="once")
    first = done(world.source.write([write])[0])
    assert world.source.settled(["j1", "j2"]) == {"j1": books["invoice"]}
    world.rename(Kind.INVOICE, books["invoice"], "a person, later")
    again = done(world.source.write([write])[0])
    assert again.record.notes == "a person, later"
    assert again.version != first.version


def test_a_repeated_create_makes_no_second_record(world: World, books: dict[str, str]) -> None:
    record = payment(books["client"], "3.00", allocations=(Allocation(books["invoice"], Decimal("3.00")),))
    write = SourceWrite("c1", Kind.PAYMENT, Verb.CREATE, "", "", (), record, "qbo-5")
    made = done(world.source.write([write])[0])
    assert made.record.external_id == "qbo-5"
    assert made.record.allocations == record.allocations
    assert made.record.id not in {"", books["payment"]}
    assert done(world.source.write([write])[0]) == made
    other = world.source.write([msgspec.structs.replace(write, journal_id="c2")])[0]
    assert isinstance(other, Refused)
    assert other.holder_id == made.record.id
    assert len(list(world.source.scan(Kind.PAYMENT))) == 2


def test_an_invoice_can_be_created_with_its_lines(world: World, books: dict[str, str]) -> None:
    record = invoice(books["client"], line("1.00", "a"), line("2.00", "b", item=books["item"]), state=State.LIVE)
    write = SourceWrite("c1", Kind.INVOICE, Verb.CREATE, "", "", (), record, "qbo-6")
    made = done(world.source.write([write])[0]).record
    assert [(part.description, part.amount, part.item) for part in made.lines] == [
        ("a", 1, ""),
        ("b", 2, books["item"]),
    ]
    assert all(part.id for part in made.lines)
    assert made.state is State.PUBLISHED


@pytest.mark.behaviour("C-R16")
def test_lines_that_stay_keep_their_rows(world: World, books: dict[str, str]) -> None:
    lines = (
        line("1.00", "new, at the front"),
        line("5.50", "Second"),
        line("12.00", "First", item=books["item"], quantity=Decimal(2), rate=Decimal(6)),
    )
    before = present(world, Kind.INVOICE, books["invoice"]).record
    write = update(world, Kind.INVOICE, books["invoice"], lines=lines, total=Decimal("19.00"))
    after = done(world.source.write([write])[0]).record
    assert [(part.description, part.amount) for part in after.lines] == [
        ("new, at the front", 1),
        ("Second", Decimal("5.50")),
        ("First", 12),
    ]
    assert after.lines[1].id == before.lines[1].id
    assert after.lines[2].id == before.lines[0].id
    assert after.lines[0].id not in {part.id for part in before.lines}


def test_repeated_lines_stay_as_many_as_they_are(world: World, books: dict[str, str]) -> None:
    same = line("1.00", "same")
    record_id = world.add(invoice(books["client"], same, same, same))
    ids = {part.id for part in present(world, Kind.INVOICE, record_id).record.lines}
    write = update(world, Kind.INVOICE, record_id, lines=(same, same), total=Decimal("2.00"))
    after = done(world.source.write([write])[0]).record
    assert len(after.lines) == 2
    assert {part.id for part in after.lines} < ids


def test_allocations_are_replaced_as_a_set(world: World, books: dict[str, str]) -> None:
    other = world.add(invoice(books["client"]))
    parts = (Allocation(books["invoice"], Decimal("5.00")), Allocation(other, Decimal("3.00")))
    after = done(world.source.write([update(world, Kind.PAYMENT, books["payment"], allocations=parts)])[0])
    assert sorted(after.record.allocations, key=str) == sorted(parts, key=str)
    write = update(world, Kind.PAYMENT, books["payment"], "j2", allocations=())
    assert done(world.source.write([write])[0]).record.allocations == ()


def test_delete_void_and_deactivate(world: World, books: dict[str, str]) -> None:
    def write(kind: Kind, verb: Verb) -> Any:
        version = present(world, kind, books[kind.value]).version
        return done(world.source.write([SourceWrite(f"{verb}", kind, verb, books[kind.value], version, (), None)])[0])

    assert isinstance(write(Kind.PAYMENT, Verb.DELETE), Absent)
    assert isinstance(world.source.read(Kind.PAYMENT, [books["payment"]])[books["payment"]], Absent)
    void = write(Kind.INVOICE, Verb.VOID).record
    assert void.state is State.VOID
    assert void.total == Decimal("16.00")
    assert write(Kind.CLIENT, Verb.DEACTIVATE).record.active is False


def test_one_refused_write_does_not_stop_the_others(world: World, books: dict[str, str]) -> None:
    good = update(world, Kind.CLIENT, books["client"], "g", name="Good")
    bad = update(world, Kind.INVOICE, books["invoice"], "b", total=Decimal("99.00"))
    also = update(world, Kind.ITEM, books["item"], "a", name="Also")
    first, second, third = world.source.write([good, bad, also])
    assert isinstance(first, Done)
    assert isinstance(second, Refused)
    assert second.code == "would_be_flawed"
    assert isinstance(third, Done)
    assert present(world, Kind.INVOICE, books["invoice"]).record.total == Decimal("16.00")
    assert world.source.settled(["g", "b", "a"]).keys() == {"g", "a"}


def test_our_own_write_comes_back_as_what_was_answered(world: World, books: dict[str, str]) -> None:
    mark = world.source.changes("").watermark
    after = done(world.source.write([update(world, Kind.INVOICE, books["invoice"], notes="echo")])[0])
    assert world.source.changes(mark).changed[Kind.INVOICE][books["invoice"]] == after


def test_a_removed_record_is_no_place_to_write(world: World, books: dict[str, str]) -> None:
    write = update(world, Kind.PAYMENT, books["payment"], notes="late")
    world.remove(Kind.PAYMENT, books["payment"])
    assert isinstance(world.source.write([write])[0], Conflict)


def test_identity_says_what_it_is_and_no_secret(world: World) -> None:
    assert world.source.identity() == world.source.identity()
    assert "@" not in world.source.identity()
