"""The API source reads every kind exactly, and holds what it does not understand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec import UNSET

from syncd.model.kinds import Kind, State
from syncd.model.observations import Absent, Flawed, Present
from syncd.model.records.forms import CreditNote, Invoice, Line
from syncd.model.records.lists import Address, Category, Client, Item, PaymentMethod, Project, TaxCode, Vendor
from syncd.model.records.payments import Allocation, CreditApplication, Payment
from syncd.model.records.purchases import Expense
from syncd.sources.ruddr.source import RuddrSource
from tests.support.ruddr_server import RuddrServer
from tests.support.ruddr_source import MakeSource, clock, make_source, record, server, source, workspace
from tests.support.ruddr_workspace import Workspace

D = Decimal


def flawed(source: RuddrSource, kind: Kind, row_id: str) -> list[str]:
    """The codes of what is wrong with a record."""
    found = source.read(kind, [row_id])[row_id]
    assert isinstance(found, Flawed)
    return [problem.code for problem in found.problems]


def test_lists_of_names(source: RuddrSource, workspace: Workspace) -> None:
    item = workspace.named("/invoice-items", "Design", typeId="income", readOnly=True)
    method = workspace.named("/payment-methods", "Check", isActive=False)
    category = workspace.named("/expense-categories", "Ground travel", code="6100", unitName=None)
    rate = workspace.named("/tax-rates", "VAT 7.7 %", rate=D("0.077"))
    seen = source.changes("").changed
    assert seen[Kind.ITEM][item].record == Item(id=item, name="Design")
    assert seen[Kind.PAYMENT_METHOD][method].record == PaymentMethod(id=method, name="Check", active=False)
    assert seen[Kind.CATEGORY][category].record == Category(id=category, name="Ground travel")
    assert seen[Kind.TAX_CODE][rate].record == TaxCode(id=rate, name="VAT 7.7 %", rate=D("0.077"))


def test_a_client_with_its_addresses_and_the_id_that_quickbooks_knows_it_by(
    make_source: MakeSource, workspace: Workspace
) -> None:
    row_id = workspace.client(
        "Zoë & Söhne",
        qbo="58",
        currency="EUR",
        emails=["ap@zoe.example", " cfo@zoe.example "],
        streetAddress="1 Quay Street\r\n\r\nPortland, ME 04101",
        somethingNew={"of": "next year"},
    )
    assert record(make_source(native_link="replaced"), Kind.CLIENT, row_id) == Client(
        id=row_id,
        name="Zoë & Söhne",
        currency="EUR",
        email="ap@zoe.example,cfo@zoe.example",
        address=Address(lines=("1 Quay Street", "Portland, ME 04101")),
        external_id="58",
    )


def test_only_the_configured_connection_counts_where_there_are_several(
    make_source: MakeSource, workspace: Workspace
) -> None:
    ids = [
        {"type": "xero", "connectionId": "ours", "externalId": "X"},
        {"type": "qbo", "connectionId": "theirs", "externalId": "7"},
        {"type": "qbo", "connectionId": "ours", "externalId": "9"},
    ]
    row_id = workspace.client(integrations=ids)
    undecided = make_source(native_link="replaced")
    decided = make_source(native_link="replaced", connection_id="ours")
    assert record(undecided, Kind.CLIENT, row_id).external_id == ""  # type: ignore[union-attr] # it is a client
    assert record(decided, Kind.CLIENT, row_id).external_id == "9"  # type: ignore[union-attr]


def test_an_archived_client_and_a_project_of_it(source: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client("Old Ltd", recordStatusId="archived")
    project = workspace.project(client, "Website", qbo="612")
    assert record(source, Kind.CLIENT, client).active is False  # type: ignore[union-attr] # it is a client
    assert record(source, Kind.PROJECT, project) == Project(
        id=project, name="Website", client=client, external_id="612"
    )


def test_a_member_is_a_vendor(source: RuddrSource, workspace: Workspace) -> None:
    row_id = workspace.member("Sam Lee", internalId="V-1")
    assert record(source, Kind.VENDOR, row_id) == Vendor(id=row_id, name="Sam Lee", email="sam@studio.example")


def test_an_invoice_to_the_cent(source: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client()
    item = workspace.named("/invoice-items", "Design")
    workspace.named("/tax-rates", "State tax", rate=D("0.05"))
    lines = [
        {"amount": D("1000.00"), "item": item, "quantity": D(8), "rate": D("125.00"), "taxable": True,
         "description": "Design hours"},
        {"amount": D("0.335"), "name": "Odds", "quantity": D("0.33333"), "rate": D("1.01")},
    ]  # fmt: skip
    row_id = workspace.invoice(
        client,
        lines,
        discount=D("100.00"),
        rate=D("0.05"),
        totalTax=D("45.00"),
        number="INV-0107",
        billTo="Northwind Ltd\n1 Quay Street",
        notes="Thank you",
        emails=["ap@northwind.example"],
        ccEmails=["cfo@northwind.example", "ceo@northwind.example"],
    )
    stored = [line["id"] for line in workspace.row("/invoices", row_id)["lines"]]
    workspace.change("/invoices", row_id, total=D("945.34"), amountDue=D("900.34"))
    assert record(source, Kind.INVOICE, row_id) == Invoice(
        id=row_id,
        client=client,
        issue_date=date(2026, 3, 31),
        due_date=date(2026, 4, 30),
        total=D("945.34"),
        lines=(
            Line(
                id=stored[0],
                item=item,
                item_name="Design",
                description="Design hours",
                quantity=D(8),
                rate=D(125),
                amount=D(1000),
                taxable=True,
            ),
            Line(
                id=stored[1],
                item_name="Odds",
                description="",
                quantity=D("0.33333"),
                rate=D("1.01"),
                amount=D("0.335"),
                taxable=False,
            ),
        ),
        state=State.PUBLISHED,
        number="INV-0107",
        currency="USD",
        notes="Thank you",
        discount=D(100),
        tax=D(45),
        tax_code=UNSET,
        tax_rate=D("0.05"),
        balance=D("900.34"),
        bill_to=Address(lines=("Northwind Ltd", "1 Quay Street")),
        emails="ap@northwind.example",
        cc_emails="cfo@northwind.example,ceo@northwind.example",
    )
    source.changes("")  # now the rates of the workspace are known, and the document's has a name
    assert record(source, Kind.INVOICE, row_id).tax_code == "State tax"  # type: ignore[union-attr] # an invoice
    assert [one.record.tax_code for one in source.scan(Kind.INVOICE) if isinstance(one, Present)] == ["State tax"]  # type: ignore[union-attr]


def test_a_rate_that_two_tax_rates_share_names_neither(source: RuddrSource, workspace: Workspace) -> None:
    for name in ("State", "County"):
        workspace.named("/tax-rates", name, rate=D("0.05"))
    workspace.named("/tax-rates", "Gone", rate=D("0.07"), isActive=False)
    client = workspace.client()
    ids = [workspace.invoice(client, rate=rate, number=str(rate)) for rate in (D("0.05"), D("0.07"), D(0))]
    seen = source.changes("").changed[Kind.INVOICE]
    assert [seen[each].record.tax_code for each in ids] == [UNSET, UNSET, UNSET]


@pytest.mark.parametrize(
    ("status", "state"), [("draft", State.DRAFT), ("open", State.PUBLISHED), ("paid", State.PUBLISHED)]
)
def test_what_a_status_means(source: RuddrSource, workspace: Workspace, status: str, state: State) -> None:
    row_id = workspace.invoice(workspace.client(), statusId=status)
    assert record(source, Kind.INVOICE, row_id).state is state  # type: ignore[union-attr] # it is an invoice


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"statusId": "written_off"}, "status_unknown"),
        ({"statusId": None}, "status_unknown"),
        ({"total": D("100.01")}, "total_mismatch"),
        ({"total": None}, "amount_missing"),
        ({"total": True}, "not_a_number"),
        ({"total": D("1e30")}, "amount_too_large"),
        ({"issuedOn": "2026-02-30"}, "not_a_date"),
        ({"currency": "ZZZ"}, "currency_unknown"),
        ({"client": None}, "client_missing"),
        ({"notes": "bell \u0007"}, "control_characters"),
    ],
)
def test_what_cannot_be_used_is_held(
    source: RuddrSource, workspace: Workspace, members: dict[str, Any], code: str
) -> None:
    good = workspace.invoice(workspace.client())
    row_id = workspace.invoice(workspace.client("Other"))
    workspace.change("/invoices", row_id, **members)
    assert flawed(source, Kind.INVOICE, row_id) == [code]
    seen = source.changes("").changed[Kind.INVOICE]
    assert isinstance(seen[good], Present)
    assert isinstance(seen[row_id], Flawed)


def test_an_unknown_status_says_what_it_is_and_that_nothing_is_done(source: RuddrSource, workspace: Workspace) -> None:
    row_id = workspace.invoice(workspace.client(), statusId="written_off")
    found = source.read(Kind.INVOICE, [row_id])[row_id]
    assert isinstance(found, Flawed)
    assert "'written_off'" in found.problems[0].text
    assert "Nothing is done" in found.problems[0].remedy


def test_one_number_on_two_live_documents_holds_both(source: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client()
    first = workspace.invoice(client, number="A-1")
    workspace.invoice(client, number="A-1", statusId="draft")
    workspace.credit_note(client, number="A-1")
    mark = source.changes("").watermark
    assert isinstance(source.read(Kind.INVOICE, [first])[first], Present)
    twin = workspace.invoice(client, number="A-1")
    seen = source.changes(mark).changed[Kind.INVOICE]
    for one in (seen[first], seen[twin], source.read(Kind.INVOICE, [first])[first]):
        assert isinstance(one, Flawed)
        assert [problem.code for problem in one.problems] == ["duplicate_number"]
        assert "on 2 live invoices" in one.problems[0].text
    assert {one.id for one in source.scan(Kind.INVOICE) if isinstance(one, Flawed)} == {first, twin}


def test_a_payment_over_two_invoices(source: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client()
    method = workspace.named("/payment-methods", "Check")
    one, two = (workspace.invoice(client, number=number) for number in ("1", "2"))
    row_id = workspace.payment(
        client,
        D("150.00"),
        {one: D("100.00"), two: D("30.00")},
        referenceNumber="CHK 5001",
        notes="thanks",
        paymentMethod=workspace.ref("/payment-methods", method),
    )
    assert record(source, Kind.PAYMENT, row_id) == Payment(
        id=row_id,
        client=client,
        date=date(2026, 4, 20),
        amount=D(150),
        allocations=(Allocation(one, D(100)), Allocation(two, D(30))),
        currency="USD",
        reference="CHK 5001",
        notes="thanks",
        method=method,
        method_name="Check",
    )
    paid, open_still = (record(source, Kind.INVOICE, each) for each in (one, two))
    assert (paid.balance, open_still.balance) == (0, 70)  # type: ignore[union-attr] # both are invoices


def test_a_payment_that_spreads_more_than_it_is_is_held(source: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client()
    row_id = workspace.payment(client, D("1.00"), {workspace.invoice(client): D("100.00")})
    assert flawed(source, Kind.PAYMENT, row_id) == ["allocated_too_much"]


def test_a_credit_note_and_what_it_was_used_on(source: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client()
    invoice = workspace.invoice(client)
    lines = [{"amount": D("200.00"), "description": "Correction"}]
    row_id = workspace.credit_note(
        client,
        lines,
        number="CN-0009",
        statusId="applied",
        appliedCredit=D("50.00"),
        invoices=[{"id": invoice, "number": "INV-1", "amount": D("50.00")}],
    )
    note = record(source, Kind.CREDIT_NOTE, row_id)
    assert isinstance(note, CreditNote)
    assert (note.number, note.state, note.total, note.balance) == ("CN-0009", State.PUBLISHED, 200, 150)
    assert record(source, Kind.CREDIT_APPLICATION, row_id) == CreditApplication(
        id=row_id,
        client=client,
        credit_note=row_id,
        date=date(2026, 3, 31),
        allocations=(Allocation(invoice, D(50)),),
        currency="USD",
    )


def test_a_credit_note_that_tells_no_invoices_is_used_on_none(source: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client()
    silent = workspace.credit_note(client, number="1")
    used = workspace.credit_note(
        client, number="2", invoices=[{"id": workspace.invoice(client), "amount": D("100.00")}]
    )
    seen = source.changes("")
    assert seen.counts[Kind.CREDIT_NOTE] == 2
    assert seen.changed[Kind.CREDIT_APPLICATION].keys() == {used}
    assert isinstance(source.read(Kind.CREDIT_APPLICATION, [silent])[silent], Absent)
    workspace.change("/credit-notes", used, invoices=[])
    after = source.changes(seen.watermark)
    assert after.suspects == {Kind.CREDIT_APPLICATION: {used}}


def test_an_expense_with_all_that_a_bill_needs(source: RuddrSource, workspace: Workspace) -> None:
    member = workspace.member()
    category = workspace.named("/expense-categories", "Ground travel")
    project = workspace.project(workspace.client(), "Retainer 2026")
    row_id = workspace.expense(
        member, D("41.25"), category=category, project=project, notes="Airport", markup=D(5), total=D("46.25")
    )
    assert record(source, Kind.EXPENSE, row_id) == Expense(
        id=row_id,
        vendor=member,
        date=date(2026, 3, 3),
        amount=D("41.25"),
        approved=True,
        reimbursable=True,
        report=workspace.row("/expense-items", row_id)["expenseReport"]["id"],
        currency="USD",
        category=category,
        category_name="Ground travel",
        project=project,
        project_name="Retainer 2026",
        client_name="Northwind Ltd",
        merchant="City Taxi",
        notes="Airport",
    )
    pending = workspace.expense(member, D("1.00"), statusId="pending_approval", isReimbursable=False)
    found = record(source, Kind.EXPENSE, pending)
    assert isinstance(found, Expense)
    assert (found.approved, found.reimbursable) == (False, False)
    assert flawed(source, Kind.EXPENSE, workspace.expense(member, D(1), statusId="paid_out")) == ["status_unknown"]


def test_every_id_asked_for_is_answered(source: RuddrSource, server: RuddrServer, workspace: Workspace) -> None:
    there = workspace.client()
    other = "11111111-1111-4111-8111-111111111111"
    asked = [there, other, "4711", "name:design", ""]
    answers = source.read(Kind.CLIENT, asked)
    assert set(answers) == set(asked)
    assert isinstance(answers[there], Present)
    assert all(isinstance(answers[each], Absent) for each in asked[1:])
    assert len(server.requests) == 2


def test_what_is_left_out_is_not_asked_for(make_source: MakeSource, server: RuddrServer, workspace: Workspace) -> None:
    workspace.expense(workspace.member(), D(5))
    source = make_source(leave_out=["expense", "vendor", "credit_application"])
    seen = source.changes("")
    assert not {Kind.EXPENSE, Kind.VENDOR, Kind.CREDIT_APPLICATION} & seen.counts.keys()
    assert not server.asked(path="/expense-items")
    assert not server.asked(path="/members")
    assert Kind.EXPENSE not in source.capabilities()


__all__ = ["clock", "make_source", "server", "source", "workspace"]
