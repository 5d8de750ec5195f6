"""Vendors and bills: what members paid for, and whether they got it back (R-96 to R-104)."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from books_world import Companies, D, again, created, now, present, send, write
from codec_world import read, refs, sent, wishes
from msgspec import UNSET
from qbo_world import SAMPLES

from syncd.model.facts import Settings
from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Unknown
from syncd.model.records.lists import Client, Vendor
from syncd.model.records.purchases import Bill, BillLine
from syncd.model.writes import Conflict, Done, InDoubt, Refused, Verb
from syncd.qbo import Unencodable, wire
from syncd.sandbox.server import RunningSandbox

JANE = Vendor("v1", "Jane Doe", email="jane@acme.test")
BILL = Bill(
    id="b1",
    vendor="v1",
    date=date(2026, 1, 5),
    total=D("60.01"),
    lines=(
        BillLine(D("50.005"), category="travel", project="alpha", description="Acme - Alpha - Rail: to Bern"),
        BillLine(D("10.00"), category_name="Mastercard fees", description="Taxi"),
    ),
    notes="ER-7",
)
USUAL = Settings(default_item="Services", default_expense_account="Uncategorized Expense")
KNOWN = {"travel": "87", "none": "-"}


def world_of(company: Companies, sandbox: RunningSandbox, **options: Any) -> tuple[Any, dict[str, str], Any]:
    made, known = company(options, settings=USUAL), dict(KNOWN)
    person = sandbox.connect(made.config.realm_id)
    parent = person.save("Customer", {"DisplayName": "Acme"})
    project = person.save("Customer", {"DisplayName": "Alpha", "Job": True, "ParentRef": {"value": parent["Id"]}})
    known["alpha"] = project["Id"]
    created(made, Kind.VENDOR, JANE, known)
    return made, known, person


def test_a_vendor_goes_out_changes_and_rests(company: Companies, sandbox: RunningSandbox) -> None:
    made, known, person = world_of(company, sandbox)
    after = now(made, Kind.VENDOR, known["v1"])
    assert after.record == Vendor(known["v1"], "Jane Doe", "USD", "jane@acme.test")
    person.save("Vendor", {**person.read("Vendor", known["v1"]), "TaxIdentifier": "12-3456789", "sparse": True})
    renamed = msgspec.structs.replace(JANE, name="Jane Roe", email="")
    before = now(made, Kind.VENDOR, known["v1"])
    updated = present(again(made, Kind.VENDOR, Verb.UPDATE, before, renamed, known, "name", "email")).record
    assert isinstance(updated, Vendor)
    assert (updated.name, updated.email) == ("Jane Roe", "")
    assert person.read("Vendor", known["v1"])["TaxIdentifier"].endswith("6789")
    resting = present(
        again(made, Kind.VENDOR, Verb.DEACTIVATE, now(made, Kind.VENDOR, known["v1"]), None, known)
    ).record
    assert isinstance(resting, Vendor)
    assert (resting.active, resting.name) == (False, "Jane Roe")
    assert "PrimaryEmailAddr" in sent(Kind.VENDOR, Verb.CREATE, JANE, wishes())
    assert sent(Kind.VENDOR, Verb.CREATE, msgspec.structs.replace(JANE, currency="EUR"), wishes(multicurrency=True))[
        "CurrencyRef"
    ] == {"value": "EUR"}


@pytest.mark.failure("F-74")
def test_members_named_like_customers_and_employees(company: Companies, sandbox: RunningSandbox) -> None:
    made, known, person = world_of(company, sandbox)
    employee = person.save("Employee", {"GivenName": "Max", "FamilyName": "Frisch"})
    found = made.books.find(
        Kind.VENDOR,
        [Vendor("a", "acme"), Vendor("b", "Max  Frisch"), Vendor("c", "JANE DOE"), Vendor("d", "Nobody")],
    )
    assert isinstance(found["a"], Refused)
    assert "customer" in found["a"].text
    assert "vendor_map" in found["a"].remedy
    assert isinstance(found["b"], Refused)
    assert (found["b"].code, found["b"].holder_id) == ("6240", employee["Id"])
    assert [each.record.id for each in found["c"]] == [known["v1"]]  # type: ignore[union-attr]
    assert found["d"] == ()
    client = made.books.find(Kind.CLIENT, [Client("x", "Jane Doe")])["x"]
    assert isinstance(client, Refused)
    assert (client.holder_id, "customer_map" in client.remedy) == (known["v1"], True)


@pytest.mark.behaviour("R-98")
@pytest.mark.behaviour("R-99")
@pytest.mark.behaviour("R-101")
@pytest.mark.behaviour("R-102")
def test_a_bill_goes_out_changes_and_goes(company: Companies, sandbox: RunningSandbox) -> None:
    made, known, person = world_of(company, sandbox)
    after = created(made, Kind.BILL, BILL, known)
    row = person.read("Bill", after.record.id)
    first, second = (line["AccountBasedExpenseLineDetail"] for line in row["Line"])
    assert (first["AccountRef"]["value"], first["CustomerRef"]["value"]) == ("87", known["alpha"])
    assert (first["BillableStatus"], second["AccountRef"]["value"]) == ("NotBillable", "31")
    assert "CustomerRef" not in second
    found = after.record
    assert isinstance(found, Bill)
    assert (found.total, found.balance, found.reimbursed, found.notes) == (D("60.01"), D("60.01"), False, "ER-7")
    assert [line.amount for line in found.lines] == [D("50.01"), D(10)]
    assert (found.lines[0].category, found.lines[0].project) == ("87", known["alpha"])
    assert found.lines[0].description == "Acme - Alpha - Rail: to Bern"

    person.save("Bill", {**row, "DocNumber": "R-9", "SalesTermRef": {"value": "3"}})
    before = now(made, Kind.BILL, found.id)
    changed = msgspec.structs.replace(
        BILL,
        lines=(BillLine(D("5.00"), description="Coffee"), BILL.lines[0]),
        total=D("55.01"),
        date=date(2026, 1, 4),
        notes="",
    )
    updated = present(again(made, Kind.BILL, Verb.UPDATE, before, changed, known, "lines", "date", "notes"))
    assert isinstance(updated.record, Bill)
    assert (updated.record.total, updated.record.date, updated.record.notes) == (D("55.01"), date(2026, 1, 4), "")
    assert [line.id for line in updated.record.lines] == ["3", "1"]
    stored = person.read("Bill", found.id)
    assert (stored["DocNumber"], stored["SalesTermRef"]["value"]) == ("R-9", "3")
    assert isinstance(again(made, Kind.BILL, Verb.UPDATE, before, BILL, known, "date"), Conflict)
    gone = again(made, Kind.BILL, Verb.DELETE, updated, None, known)
    assert isinstance(gone, Done)
    assert isinstance(gone.after, Absent)


@pytest.mark.behaviour("R-103")
def test_only_a_bill_paid_in_full_is_reimbursed(company: Companies, sandbox: RunningSandbox) -> None:
    made, known, person = world_of(company, sandbox)
    bill = created(made, Kind.BILL, BILL, known).record.id

    def paid(amount: str) -> Any:
        line = {"Amount": D(amount), "LinkedTxn": [{"TxnId": bill, "TxnType": "Bill"}]}
        person.save(
            "BillPayment",
            {
                "VendorRef": {"value": known["v1"]},
                "PayType": "Check",
                "CheckPayment": {"BankAccountRef": {"value": "35"}},
                "TotalAmt": D(amount),
                "Line": [line],
            },
        )
        return now(made, Kind.BILL, bill).record

    partly, wholly = paid("60.00"), paid("0.01")
    assert (partly.reimbursed, partly.balance) == (False, D("0.01"))
    assert (wholly.reimbursed, wholly.balance) == (True, D(0))


@pytest.mark.parametrize(
    ("total", "balance", "reimbursed"), [(0, 0, False), (5, 0, True), (5, 1, False), (5, None, UNSET)]
)
def test_a_bill_of_nothing_was_never_paid(total: int, balance: int | None, reimbursed: Any) -> None:
    row: dict[str, Any] = {"Id": "1", "SyncToken": "0", "TxnDate": "2026-01-05", "VendorRef": {"value": "v"}}
    found = read(Kind.BILL, row | {"TotalAmt": total} | ({} if balance is None else {"Balance": balance}))
    assert isinstance(found, Bill)
    assert found.reimbursed is reimbursed


def test_lines_that_people_enter_are_kept_in_amount_and_text() -> None:
    item = {"ItemRef": {"value": "4"}, "CustomerRef": {"value": "9", "name": "Acme:Alpha"}, "Qty": 2, "UnitPrice": 3}
    line = {"Id": "1", "Amount": 6, "Description": "Paper", "DetailType": "x", "ItemBasedExpenseLineDetail": item}
    row = {"Id": "1", "SyncToken": "0", "TxnDate": "2026-01-05", "VendorRef": {"value": "v"}, "TotalAmt": 7}
    found = read(Kind.BILL, row | {"Line": [line, {"Id": "2", "Description": "only text"}]})
    assert isinstance(found, Bill)
    assert found.lines == (
        BillLine(D(6), "1", project="9", project_name="Acme:Alpha", description="Paper"),
        BillLine(D(0), "2", description="only text"),
    )


def test_a_line_keeps_what_people_set_on_it() -> None:
    detail = {"AccountRef": {"value": "q-travel"}, "BillableStatus": "HasBeenBilled", "ClassRef": {"value": "7"}}
    old = {
        "Id": "4",
        "Amount": 9,
        "Description": "Taxi",
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": detail,
        "LinkedTxn": [{"TxnId": "3", "TxnType": "PurchaseOrder"}],
    }
    current = {"Id": "1", "SyncToken": "2", "VendorRef": {"value": "v"}, "TotalAmt": 9, "Balance": 9, "Line": [old]}
    record = msgspec.structs.replace(BILL, lines=(BillLine(D("8.00"), category="travel", description="Taxi"),))
    [line] = sent(Kind.BILL, Verb.UPDATE, record, wishes({"lines"}, current, settings=USUAL))["Line"]
    assert (line["Id"], line["Amount"], line["LinkedTxn"]) == ("4", 8, old["LinkedTxn"])
    assert line["AccountBasedExpenseLineDetail"] == detail


def test_a_bill_outside_the_us_is_out_of_scope(company: Companies, sandbox: RunningSandbox) -> None:
    made, known, person = world_of(company, sandbox, country="GB", using_sales_tax=True)
    row = person.read("Bill", created(made, Kind.BILL, BILL, known).record.id)
    assert (row["GlobalTaxCalculation"], D(str(row["TotalAmt"]))) == ("NotApplicable", D("60.01"))


def test_a_foreign_bill_carries_its_rate(company: Companies, sandbox: RunningSandbox) -> None:
    made, known, _ = world_of(company, sandbox, multicurrency=True, exchange_rates={"EUR": "1.1"})
    created(made, Kind.VENDOR, Vendor("v2", "Hans", currency="EUR"), known)
    bill = msgspec.structs.replace(BILL, vendor="v2", currency="EUR")
    after = created(made, Kind.BILL, bill, known)
    assert b'"ExchangeRate":1.1,' in after.raw
    assert isinstance(after.record, Bill)
    assert after.record.currency == "EUR"


def test_an_expense_without_account_stops_the_bill() -> None:
    with pytest.raises(Unencodable) as caught:
        sent(Kind.BILL, Verb.CREATE, BILL, wishes(settings=Settings()))
    assert caught.value.problems[0].code == "default-expense-account"
    lines = (BillLine(D(1), category_name="Named"), BillLine(D(1), category_name="Mapped"), BillLine(D(1)))
    mapped = Settings(default_expense_account="D", category_map={"Mapped": "id:5"})
    record = msgspec.structs.replace(BILL, lines=lines)
    accounts = [
        line["AccountBasedExpenseLineDetail"]["AccountRef"]["value"]
        for line in sent(Kind.BILL, Verb.CREATE, record, wishes(settings=mapped))["Line"]
    ]
    assert accounts == ["account:Named", "5", "account:D"]
    assert refs(Kind.PROJECT, "s-none") == "-"
    none = msgspec.structs.replace(BILL, lines=(BillLine(D(1), project="s-none"),))
    [line] = sent(Kind.BILL, Verb.CREATE, none, wishes(settings=mapped))["Line"]
    assert "CustomerRef" not in line["AccountBasedExpenseLineDetail"]


def test_bills_are_found_by_vendor_day_and_total(company: Companies, sandbox: RunningSandbox) -> None:
    made, known, _ = world_of(company, sandbox)
    created(made, Kind.BILL, BILL, known)
    probe = msgspec.structs.replace(BILL, vendor=known["v1"])
    found = made.books.find(
        Kind.BILL,
        [
            probe,
            msgspec.structs.replace(probe, id="b2", total=D("60.00")),
            msgspec.structs.replace(probe, id="b3", date=date(2026, 1, 6)),
            msgspec.structs.replace(probe, id="b4", vendor=""),
        ],
    )
    assert [each.record.id for each in found["b1"]] == [known["b1"]]  # type: ignore[union-attr]
    assert (found["b2"], found["b3"]) == ((), ())
    assert isinstance(found["b4"], Unknown)


@pytest.mark.failure("F-1")
def test_a_lost_bill_and_a_lost_vendor_are_found(company: Companies, sandbox: RunningSandbox) -> None:
    made, known, _ = world_of(company, sandbox)
    started = made.books.server_time()
    other = msgspec.structs.replace(BILL, id="b2", lines=(BillLine(D("60.01"), category="travel"),))
    created(made, Kind.BILL, other, known)
    for kind, record in ((Kind.BILL, BILL), (Kind.VENDOR, Vendor("v2", "O'Hara"))):
        lost = write(made, kind, Verb.CREATE, record, known)
        assert made.books.look_up(lost, started) == ()
        sandbox.add_fault("reset", when="after", entity=lost.entity, operation="create", count=1)
        assert isinstance(made.books.send([lost])[0], InDoubt)
        found = made.books.look_up(lost, started)
        assert isinstance(found, tuple)
        assert len(found) == 1
        assert present(made.books.send([lost])[0]).record.id == found[0].record.id


def test_a_closed_period_refuses_a_bill(company: Companies, sandbox: RunningSandbox) -> None:
    made, known, _ = world_of(company, sandbox, book_close_date="2026-01-31")
    refused = send(made, Kind.BILL, Verb.CREATE, BILL, known)
    assert isinstance(refused, Refused)
    assert refused.code in {"6200", "6210"}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample payloads are not on this machine")
def test_a_recorded_bill_that_was_paid() -> None:
    row = wire.decode_object(wire.split_object((SAMPLES / "bill-paid-recorded.json").read_bytes())["Bill"])
    found = read(Kind.BILL, row)
    assert isinstance(found, Bill)
    assert (found.reimbursed, found.lines[0].category, found.lines[0].category_name) == (True, "7", "Advertising")
