"""One suite for every source: what ``syncd.sources.base`` promises, whatever is behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from syncd.errors import SourceUnavailable
from syncd.model.kinds import Kind, State
from syncd.model.observations import Absent, Flawed, Present
from syncd.model.records.files import Attachment
from syncd.model.records.forms import Invoice
from syncd.model.records.lists import Address, Category, Item, PaymentMethod, Project, TaxCode, Vendor
from syncd.model.records.payments import Allocation, CreditUse
from syncd.model.records.purchases import BillLine
from syncd.model.spec import SPECS
from syncd.model.writes import Conflict, Done, NotSent, Refused, SourceWrite, Verb
from tests.sources.worlds import (
    World,
    application,
    client,
    credit_note,
    estimate,
    expense,
    invoice,
    line,
    order,
    payment,
    told,
)

KINDS = [kind for kind in SPECS if kind not in {Kind.BILL, Kind.PURCHASE}]
"""What a source offers; bills and purchases are made of its expenses."""


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
    """One record of each kind; the invoice has two lines, and half of it is paid, part of that with credit."""
    who = world.add(client(external_id="q-1"))
    what = world.add(Item(id="", name="Consulting"))
    how = world.add(PaymentMethod(id="", name="Cheque"))
    rate = world.add(TaxCode(id="", name="State tax", rate=Decimal("0.08875")))
    kind = world.add(Category(id="", name="Travel"))
    where = world.add(Project(id="", name="Tower", client=who))
    member = world.add(Vendor(id="", name="Ana", currency="USD", email="ana@example.com", external_id="q-2"))
    offer = world.add(estimate(who, line("9.00", "Plan", item=what), number="E-1", due_date=date(2026, 2, 28)))
    bill = world.add(
        invoice(
            who,
            line("10.00", "First", item=what, quantity=Decimal(2), rate=Decimal(5), taxable=True),
            line("5.50", "Second"),
            number="A-1",
            transaction_number="1",
            tax=Decimal("0.50"),
            tax_rate=Decimal("0.05"),
            tax_code="State tax",
            due_date=date(2026, 3, 31),
            bill_to=Address(lines=("Zoë Müller", "Weg 1")),
            emails="a@example.com,b@example.com",
            cc_emails="c@example.com",
            exchange_rate=Decimal("1.25"),
            save=False,
            remove=True,
        )
    )
    note = world.add(credit_note(who, line("5.00", "Returned", item=what), number="C-1", tax_inclusive=True))
    paid = world.add(
        payment(
            who,
            "8.00",
            allocations=(Allocation(bill, Decimal("8.00")),),
            credits=(CreditUse(note, Decimal("3.00")),),
            method=how,
            reference="cheque 9",
        )
    )
    applied = world.add(application(who, note, allocations=(Allocation(bill, Decimal("2.00")),)))
    spent = world.add(
        expense(member, category=kind, project=where, report="R1", merchant="Rail", notes="To Gent", reimbursable=False)
    )
    rows = (
        BillLine(amount=Decimal("8.00"), item=what, quantity=Decimal(2), rate=Decimal(4), description="Pumps"),
        BillLine(amount=Decimal("2.50"), category=kind, project=where, description="Freight"),
    )
    ordered = world.add(order(member, *rows, number="PO-1", due_date=date(2026, 3, 20), notes="Call first"))
    file = world.add(Attachment(id="", owner_kind="invoice", owner=bill, file_name="Plan (Łódź).pdf", path="a/b.pdf"))
    made = (what, rate, how, kind, who, where, member, offer, bill, note, paid, applied, spent, ordered, file)
    return dict(zip((kind.value for kind in KINDS), made, strict=True))


def updatable(world: World) -> list[Kind]:
    return [kind for kind, able in world.source.capabilities().items() if Verb.UPDATE in able.verbs]


def test_everything_is_read_whole_and_exact(world: World, books: dict[str, str]) -> None:
    seen = world.source.changes("")
    assert list(world.source.capabilities()) == KINDS
    assert seen.counts == dict.fromkeys(KINDS, 1)
    assert seen.whole == frozenset(KINDS)
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
    assert (bill.bill_to, bill.emails) == (Address(lines=("Zoë Müller", "Weg 1")), "a@example.com,b@example.com")
    assert (bill.cc_emails, bill.transaction_number, bill.tax_code) == ("c@example.com", "1", "State tax")
    assert (bill.tax_rate, bill.exchange_rate) == (Decimal("0.05"), Decimal("1.25"))
    assert (bill.tax_inclusive, bill.save, bill.remove) == (False, False, True)
    assert bill.paid is False
    offer = seen.changed[Kind.ESTIMATE][books["estimate"]].record
    assert (offer.number, offer.due_date, offer.total, offer.lines[0].item) == (
        *("E-1", date(2026, 2, 28)),
        *(Decimal("9.00"), books["item"]),
    )
    paid = seen.changed[Kind.PAYMENT][books["payment"]].record
    assert paid.allocations == (Allocation(books["invoice"], Decimal("8.00")),)
    assert paid.credits == (CreditUse(books["credit_note"], Decimal("3.00")),)
    assert (paid.reference, paid.amount, paid.cash, paid.date) == ("cheque 9", 8, 5, date(2026, 3, 9))
    assert (paid.method, paid.save, paid.remove) == (books["payment_method"], UNSET, UNSET)
    who = seen.changed[Kind.CLIENT][books["client"]].record
    assert (who.name, who.currency, who.active, who.external_id) == ("Zoë Müller", "USD", True, "q-1")


def test_the_kinds_around_invoices_are_read_whole_and_exact(world: World, books: dict[str, str]) -> None:
    seen = {kind: found[books[kind.value]].record for kind, found in world.source.changes("").changed.items()}
    assert seen[Kind.TAX_CODE] == TaxCode(id=books["tax_code"], name="State tax", rate=Decimal("0.08875"))
    assert seen[Kind.PAYMENT_METHOD] == PaymentMethod(id=books["payment_method"], name="Cheque")
    assert seen[Kind.CATEGORY] == Category(id=books["category"], name="Travel")
    assert (seen[Kind.PROJECT].name, seen[Kind.PROJECT].client) == ("Tower", books["client"])
    member = seen[Kind.VENDOR]
    assert (member.name, member.currency, member.email, member.external_id) == ("Ana", "USD", "ana@example.com", "q-2")
    note = seen[Kind.CREDIT_NOTE]
    assert (note.number, note.client, note.state, note.total) == ("C-1", books["client"], State.PUBLISHED, 5)
    assert (note.tax_inclusive, note.save, [part.amount for part in note.lines]) == (True, UNSET, [5])
    applied = seen[Kind.CREDIT_APPLICATION]
    assert (applied.client, applied.credit_note) == (books["client"], books["credit_note"])
    assert (applied.date, applied.currency, applied.state) == (date(2026, 3, 10), "USD", State.LIVE)
    assert applied.allocations == (Allocation(books["invoice"], Decimal("2.00")),)
    spent = seen[Kind.EXPENSE]
    assert (spent.vendor, spent.date, spent.amount) == (books["vendor"], date(2026, 3, 3), Decimal("12.50"))
    assert (spent.approved, spent.reimbursable, spent.reimbursed) == (True, False, False)
    assert (spent.category, spent.project) == (books["category"], books["project"])
    assert (spent.report, spent.merchant, spent.notes) == ("R1", "Rail", "To Gent")
    ordered = seen[Kind.PURCHASE_ORDER]
    assert (ordered.number, ordered.vendor, ordered.total) == ("PO-1", books["vendor"], Decimal("10.50"))
    assert (ordered.date, ordered.due_date, ordered.notes) == (date(2026, 3, 4), date(2026, 3, 20), "Call first")
    pumps, freight = ordered.lines
    assert (pumps.item, pumps.quantity, pumps.rate, pumps.category) == (books["item"], 2, 4, "")
    file = seen[Kind.ATTACHMENT]
    assert (file.owner_kind, file.owner) == ("invoice", books["invoice"])
    assert (file.file_name, file.path, file.size, file.digest) == ("Plan (Łódź).pdf", "a/b.pdf", 0, "")
    assert (freight.category, freight.project, freight.amount) == (books["category"], books["project"], Decimal("2.50"))


def test_all_ways_of_reading_agree(world: World, books: dict[str, str]) -> None:
    changed = world.source.changes("").changed
    for kind in KINDS:
        one = books[kind.value]
        assert world.source.read(kind, [one])[one] == changed[kind][one]
        assert list(world.source.scan(kind)) == list(changed[kind].values())


def test_an_edit_is_reported_with_another_version(world: World, books: dict[str, str]) -> None:
    for kind in KINDS:
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


def test_what_was_ticked_with_a_deletion_is_told_with_it(world: World, books: dict[str, str]) -> None:
    others = {ticked: world.add(payment(books["client"], remove=ticked)) for ticked in (True, False, UNSET)}
    for ticked, record_id in others.items():
        world.remove(Kind.PAYMENT, record_id)
        assert world.source.read(Kind.PAYMENT, [record_id])[record_id].remove is ticked
    assert world.source.read(Kind.PAYMENT, ["4711"])["4711"].remove is UNSET


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
    for kind in KINDS:
        world.spoil(kind, books[kind.value])
    seen = world.source.changes(mark)
    for kind in KINDS:
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


def test_one_number_on_two_credit_notes_holds_both_and_no_invoice(world: World, books: dict[str, str]) -> None:
    twin = world.add(credit_note(books["client"], number="C-1"))
    world.add(invoice(books["client"], number="C-1"))
    for one in (books["credit_note"], twin):
        read = world.source.read(Kind.CREDIT_NOTE, [one])[one]
        assert isinstance(read, Flawed)
        assert "2 live credit notes" in read.problems[0].text
    assert all(isinstance(seen, Present) for seen in world.source.scan(Kind.INVOICE))


def test_a_total_that_contains_the_tax_is_the_sum_of_the_lines(world: World, books: dict[str, str]) -> None:
    for make, kind in ((invoice, Kind.INVOICE), (credit_note, Kind.CREDIT_NOTE)):
        right = world.add(make(books["client"], line("12.00"), tax=Decimal(2), tax_inclusive=True, number="x"))
        assert present(world, kind, right).record.total == 12
        wrong = world.add(
            make(books["client"], line("12.00"), tax=Decimal(2), tax_inclusive=True, total=Decimal(14), number="y")
        )
        seen = world.source.read(kind, [wrong])[wrong]
        assert isinstance(seen, Flawed)
        assert [problem.code for problem in seen.problems] == ["total_mismatch"]


def test_credit_that_does_not_fit_its_payment_is_held(world: World, books: dict[str, str]) -> None:
    note = books["credit_note"]
    cases = {
        ("credit_too_much",): [("6.00", note)],
        ("credit_twice",): [("1.00", note), ("1.00", note)],
        (): [("5.00", note)],
    }
    for codes, used in cases.items():
        parts = tuple(CreditUse(one, Decimal(amount)) for amount, one in used)
        record_id = world.add(payment(books["client"], "5.00", credits=parts))
        seen = world.source.read(Kind.PAYMENT, [record_id])[record_id]
        assert tuple(p.code for p in getattr(seen, "problems", ())) == codes


def test_an_application_with_impossible_parts_is_held(world: World, books: dict[str, str]) -> None:
    bill = books["invoice"]
    cases = {("amount_not_positive",): ["0.00"], ("allocated_twice",): ["1.00", "1.00"]}
    for codes, amounts in cases.items():
        parts = tuple(Allocation(bill, Decimal(amount)) for amount in amounts)
        record_id = world.add(application(books["client"], books["credit_note"], allocations=parts))
        seen = world.source.read(Kind.CREDIT_APPLICATION, [record_id])[record_id]
        assert isinstance(seen, Flawed)
        assert tuple(problem.code for problem in seen.problems) == codes


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
    for kind in updatable(world):
        wished = {"notes": "From QuickBooks", "name": "From QuickBooks", "currency": "CAD"}
        field = "reimbursed" if kind is Kind.EXPENSE else told(kind)
        write = update(world, kind, books[kind.value], f"j-{kind}", **{field: wished.get(field, True)})
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


def test_what_was_written_last_is_told(world: World, books: dict[str, str]) -> None:
    assert list(world.source.last_writes(5)) == []
    for journal_id in ("j1", "j2", "j3"):
        done(world.source.write([update(world, Kind.INVOICE, books["invoice"], journal_id, notes=journal_id)])[0])
    logged = world.source.last_writes(5)
    assert {each.journal_id for each in logged} == {"j1", "j2", "j3"}
    assert {(each.kind, each.record_id) for each in logged} == {(Kind.INVOICE, books["invoice"])}
    assert len(world.source.last_writes(2)) == 2


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
        return done(
            world.source.write([SourceWrite(f"{kind}-{verb}", kind, verb, books[kind.value], version, (), None)])[0]
        )

    assert isinstance(write(Kind.PAYMENT, Verb.DELETE), Absent)
    assert isinstance(world.source.read(Kind.PAYMENT, [books["payment"]])[books["payment"]], Absent)
    void = write(Kind.INVOICE, Verb.VOID).record
    assert void.state is State.VOID
    assert void.total == Decimal("16.00")
    assert write(Kind.CREDIT_APPLICATION, Verb.VOID).record.state is State.VOID
    assert write(Kind.CLIENT, Verb.DEACTIVATE).record.active is False


def test_a_withdrawn_document_is_a_draft_again(world: World, books: dict[str, str]) -> None:
    for kind in (Kind.INVOICE, Kind.CREDIT_NOTE):
        before = present(world, kind, books[kind.value])
        write = SourceWrite(f"w-{kind}", kind, Verb.WITHDRAW, books[kind.value], before.version, (), None)
        after = done(world.source.write([write])[0]).record
        assert after == msgspec.structs.replace(before.record, state=State.DRAFT)
    assert Verb.WITHDRAW not in world.source.capabilities()[Kind.PAYMENT].verbs


def test_of_an_expense_only_its_being_reimbursed_is_written(world: World, books: dict[str, str]) -> None:
    assert world.source.capabilities()[Kind.EXPENSE].writable == {"reimbursed"}
    after = done(world.source.write([update(world, Kind.EXPENSE, books["expense"], reimbursed=True)])[0]).record
    assert after.reimbursed is True
    # One alone is turned away, and so are several together.
    both = [books["expense"], world.add(expense(books["vendor"]))]
    several = [update(world, Kind.EXPENSE, one, f"e{one}", amount=Decimal(1)) for one in both]
    for outcome in (*world.source.write(several), *world.source.write(several[:1])):
        assert isinstance(outcome, Refused)
        assert outcome.code == "not_writable"
    assert {present(world, Kind.EXPENSE, one).record.amount for one in both} == {Decimal("12.50")}


def test_lists_that_are_only_matched_are_never_written(world: World, books: dict[str, str]) -> None:
    for kind in (Kind.ITEM, Kind.TAX_CODE, Kind.PAYMENT_METHOD, Kind.CATEGORY, Kind.PROJECT, Kind.VENDOR):
        assert world.source.capabilities()[kind].verbs == frozenset()
        refused = world.source.write([update(world, kind, books[kind.value], f"j-{kind}", name="Ours")])[0]
        assert isinstance(refused, Refused)
        assert refused.code == "read_only"


def test_a_credit_note_and_its_application_come_in(world: World, books: dict[str, str]) -> None:
    bill, who = books["invoice"], books["client"]
    note = credit_note(who, line("4.00", "Given back", item=books["item"]), state=State.LIVE, number="C-9")
    made = done(world.source.write([SourceWrite("c1", Kind.CREDIT_NOTE, Verb.CREATE, "", "", (), note, "q-7")])[0])
    assert (made.record.state, made.record.external_id, made.record.total) == (State.PUBLISHED, "q-7", 4)
    assert [(part.description, part.item) for part in made.record.lines] == [("Given back", books["item"])]
    used = application(who, made.record.id, allocations=(Allocation(bill, Decimal("4.00")),))
    write = SourceWrite("c2", Kind.CREDIT_APPLICATION, Verb.CREATE, "", "", (), used, "q-8")
    applied = done(world.source.write([write])[0]).record
    assert msgspec.structs.replace(applied, id="", external_id="") == used
    parts = (Allocation(bill, Decimal("1.00")),)
    after = done(
        world.source.write([update(world, Kind.CREDIT_APPLICATION, applied.id, "c3", allocations=parts)])[0]
    ).record
    assert after.allocations == parts
    version = present(world, Kind.CREDIT_APPLICATION, applied.id).version
    gone = SourceWrite("c4", Kind.CREDIT_APPLICATION, Verb.DELETE, applied.id, version, (), None)
    assert isinstance(done(world.source.write([gone])[0]), Absent)


def test_a_payment_with_credit_and_a_method_comes_in_and_changes(world: World, books: dict[str, str]) -> None:
    note = world.add(credit_note(books["client"], line("9.00")))
    wished = payment(
        books["client"],
        "6.00",
        method=books["payment_method"],
        credits=(CreditUse(note, Decimal("2.00")),),
        allocations=(Allocation(books["invoice"], Decimal("6.00")),),
    )
    made = done(world.source.write([SourceWrite("p1", Kind.PAYMENT, Verb.CREATE, "", "", (), wished, "q-9")])[0]).record
    assert (made.credits, made.method, made.cash) == (wished.credits, books["payment_method"], 4)
    other = (CreditUse(note, Decimal("1.00")), CreditUse(books["credit_note"], Decimal("1.00")))
    after = done(world.source.write([update(world, Kind.PAYMENT, made.id, "p2", credits=other, method="")])[0]).record
    assert sorted(after.credits, key=str) == sorted(other, key=str)
    assert after.method == ""
    assert after.allocations == wished.allocations


def test_what_quickbooks_says_of_an_invoice_is_written_back(world: World, books: dict[str, str]) -> None:
    told_back = {
        "number": "1042",
        "transaction_number": "1042",
        "emails": "new@example.com",
        "cc_emails": "",
        "tax_rate": Decimal("0.07"),
        "bill_to": Address(lines=("Zoë Müller", "Weg 2")),
    }
    after = done(world.source.write([update(world, Kind.INVOICE, books["invoice"], **told_back)])[0]).record
    assert {name: getattr(after, name) for name in told_back} == told_back


@pytest.mark.behaviour("C-R16")
def test_lines_of_a_credit_note_keep_their_rows(world: World, books: dict[str, str]) -> None:
    before = present(world, Kind.CREDIT_NOTE, books["credit_note"]).record
    lines = (line("1.00", "new"), line("4.00", "Returned", item=books["item"]))
    write = update(world, Kind.CREDIT_NOTE, books["credit_note"], lines=lines)
    after = done(world.source.write([write])[0]).record
    assert [part.amount for part in after.lines] == [1, 4]
    assert after.lines[1].id == before.lines[0].id


def test_one_refused_write_does_not_stop_the_others(world: World, books: dict[str, str]) -> None:
    good = update(world, Kind.CLIENT, books["client"], "g", name="Good")
    bad = update(world, Kind.INVOICE, books["invoice"], "b", total=Decimal("99.00"))
    also = update(world, Kind.EXPENSE, books["expense"], "a", reimbursed=True)
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
