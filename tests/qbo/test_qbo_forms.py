"""Invoices and credit memos both ways: addresses, e-mail, tax in its two worlds, prices with tax, shipping, rates."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from books_world import ACME, Companies, D, again, created, now, present, send
from books_world import INVOICE as PLAIN
from codec_world import INVOICE, ROW, US, flaw, read, sent, wishes
from msgspec import UNSET
from qbo_world import Client as World

from syncd.model.facts import Settings
from syncd.model.kinds import Kind
from syncd.model.records.forms import CreditNote, Invoice, Line
from syncd.model.records.lists import Address
from syncd.model.writes import Conflict, Done, Refused, Verb
from syncd.qbo import Unencodable, wire
from syncd.qbo.codec import Reading
from syncd.sandbox.server import RunningSandbox

GLOBAL = Reading(home_currency="CAD", us=False, exempt_code="2")
ABROAD = Settings(
    default_item="Services",
    discount_account="Discounts given",
    default_tax_code="HST ON",
    exempt_tax_code="Exempt",
)
CANADA = {"country": "CA", "using_sales_tax": True, "allow_discount": True}
NOTE = CreditNote(
    id="n1",
    client="c1",
    issue_date=date(2026, 1, 7),
    total=D("30.00"),
    lines=(Line(D("30.00"), description="Given back", quantity=D(2), rate=D(15)),),
    number="CN-00017",
    notes="Sorry",
    bill_to=Address(lines=("Acme", "Street 1"), city="Paris", postal_code="75001", country="FRA"),
    emails="a@acme.test, b@acme.test",
)


def wire_row(world: World, sandbox: RunningSandbox, entity: str, identity: str) -> dict[str, Any]:
    return sandbox.connect(world.config.realm_id).read(entity, identity)


# addresses and e-mail


@pytest.mark.behaviour("R-11")
@pytest.mark.behaviour("R-14")
@pytest.mark.behaviour("R-15")
def test_address_and_addresses_go_out_and_come_back(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = company(), {}
    created(made, Kind.CLIENT, ACME, known)
    lines = ("1", "2", "3", "4", "5", "6")
    many = ",".join(f"person{number}@example.test" for number in range(12))
    record = msgspec.structs.replace(
        PLAIN, bill_to=Address(lines=lines, city="Oslo", region="03"), emails=many, cc_emails=many
    )
    after = created(made, Kind.INVOICE, record, known)
    row = wire_row(made, sandbox, "Invoice", after.record.id)
    assert [row["BillAddr"][name] for name in ("Line1", "Line5", "City", "CountrySubDivisionCode")] == [
        "1", "5, 6", "Oslo", "03",
    ]  # fmt: skip
    assert row["BillEmail"]["Address"] == ",".join(many.split(",")[:4])
    assert row["BillEmailCc"]["Address"] == ",".join(many.split(",")[:9])
    assert row["EmailStatus"] == "NotSet"
    assert isinstance(after.record, Invoice)
    assert after.record.bill_to == Address(lines=("1", "2", "3", "4", "5, 6"), city="Oslo", region="03")
    assert (after.record.emails, after.record.cc_emails) == (
        row["BillEmail"]["Address"],
        row["BillEmailCc"]["Address"],
    )

    shorter = msgspec.structs.replace(record, bill_to=Address(lines=("Only",)), emails="a@b.test", cc_emails="")
    updated = present(again(made, Kind.INVOICE, Verb.UPDATE, after, shorter, known, "bill_to", "emails", "cc_emails"))
    assert isinstance(updated.record, Invoice)
    assert updated.record.bill_to == Address(lines=("Only",))
    assert (updated.record.emails, updated.record.cc_emails) == ("a@b.test", "")
    assert len(updated.record.lines) == len(PLAIN.lines)


@pytest.mark.failure("F-120")
def test_e_mail_status_is_never_set() -> None:
    record = msgspec.structs.replace(INVOICE, emails="a@b.test", cc_emails="c@d.test")
    body = wire.encode(sent(Kind.INVOICE, Verb.CREATE, record, wishes()))
    assert b"EmailStatus" not in body
    assert b"BillEmailBcc" not in body
    silent = msgspec.structs.replace(INVOICE, emails="", cc_emails=UNSET, bill_to=Address())
    new = sent(Kind.INVOICE, Verb.CREATE, silent, wishes())
    assert not {"BillEmail", "BillEmailCc", "BillAddr"} & set(new)


def test_one_address_that_is_too_long_goes_nowhere() -> None:
    long = msgspec.structs.replace(INVOICE, emails="x" * 100 + "@b.test, a@b.test")
    assert "BillEmail" not in sent(Kind.INVOICE, Verb.CREATE, long, wishes())


# tax rate and code


def taxed(*rates: tuple[str, str], total: str = "10", code: str = "TAX", **more: Any) -> dict[str, Any]:
    tax_lines = [
        {"Amount": 1, "TaxLineDetail": {"TaxPercent": D(percent), "NetAmountTaxable": D(net)}} for percent, net in rates
    ]
    line = {"Amount": 100, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"TaxCodeRef": {"value": code}}}
    detail = {"TotalTax": D(total), "TaxLine": tax_lines, "TxnTaxCodeRef": {"value": "3"}}
    return ROW | {"TotalAmt": 100 + D(total), "Line": [line], "TxnTaxDetail": detail} | more


@pytest.mark.behaviour("R-27")
@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ((("8", "100"),), "0.08"),
        ((("7.1", "100"), ("2", "100")), "0.091"),
        ((("7.1", "100"), ("2", "60")), None),
        ((("0", "100"), ("8", "60")), "0.08"),
        ((), None),
    ],
)
def test_a_rate_that_holds_for_the_whole(rates: tuple[tuple[str, str], ...], expected: str | None) -> None:
    found = read(Kind.INVOICE, taxed(*rates))
    assert isinstance(found, Invoice)
    assert found.tax_rate == (D(expected) if expected else UNSET)
    untaxed = read(Kind.INVOICE, taxed(*rates, total="0"))
    assert isinstance(untaxed, Invoice)
    assert untaxed.tax_rate is UNSET


def test_two_codes_on_lines_of_the_same_amount_are_no_one_rate() -> None:
    row = taxed(("5", "100"), ("7", "100"), total="12", code="4")
    other = msgspec.json.decode(msgspec.json.encode(row["Line"][0]))
    other["SalesItemLineDetail"]["TaxCodeRef"]["value"] = "7"
    both = row | {"Line": [*row["Line"], other], "TotalAmt": 212}
    found = read(Kind.INVOICE, both, GLOBAL)
    assert isinstance(found, Invoice)
    assert found.tax_rate is UNSET
    one = read(Kind.INVOICE, row, GLOBAL)
    assert isinstance(one, Invoice)
    assert one.tax_rate == D("0.12")


@pytest.mark.behaviour("R-28")
@pytest.mark.parametrize(("number", "expected"), [("INV-00042", "00042"), ("2026/7-b", "7"), ("", ""), ("none", "")])
def test_the_transaction_number_is_the_last_digits(number: str, expected: str) -> None:
    found = read(Kind.INVOICE, ROW | {"DocNumber": number})
    assert isinstance(found, Invoice)
    assert (found.number, found.transaction_number) == (number, expected)


@pytest.mark.behaviour("R-17")
def test_the_linked_tax_code_comes_first() -> None:
    def code_for(code: str | Any, **settings: Any) -> str:
        kept = Settings(default_item="S", discount_account="D", **settings)
        record = msgspec.structs.replace(INVOICE, tax_code=code)
        detail = sent(Kind.INVOICE, Verb.CREATE, record, wishes(settings=kept))["TxnTaxDetail"]
        return str(detail.get("TxnTaxCodeRef", {}).get("value", ""))

    assert code_for("linked", default_tax_code="CA") == "q-linked"
    assert code_for("Other", default_tax_code="CA") == "tax:CA"
    assert code_for("Other", default_tax_code="CA", tax_code_map={"Other": "Mapped"}) == "tax:Mapped"
    assert code_for("Other") == "tax:Other"
    assert code_for(UNSET) == ""


@pytest.mark.parametrize("before", [True, False])
def test_whether_the_discount_comes_before_tax_is_said(
    company: Companies, sandbox: RunningSandbox, before: bool
) -> None:
    settings = Settings(
        default_item="Services",
        discount_account="Discounts given",
        default_tax_code="California",
        discount_before_tax=before,
    )
    made, known = company({"using_sales_tax": True, "allow_discount": True}, settings=settings), {}
    created(made, Kind.CLIENT, ACME, known)
    lines = (Line(D("100.00"), description="Work", taxable=True),)
    tax = D("7.20") if before else D("8.00")
    record = msgspec.structs.replace(PLAIN, lines=lines, discount=D("10.00"), tax=UNSET, total=D("90.00") + tax)
    after = created(made, Kind.INVOICE, record, known)
    row = wire_row(made, sandbox, "Invoice", after.record.id)
    assert row["ApplyTaxAfterDiscount"] is before
    exact = msgspec.structs.replace(record, tax=tax)
    agreed = present(again(made, Kind.INVOICE, Verb.UPDATE, after, exact, known, "lines", "discount", "tax")).record
    assert isinstance(agreed, Invoice)
    assert (agreed.tax, agreed.tax_rate, agreed.total) == (tax, D("0.08"), record.total)
    assert "ApplyTaxAfterDiscount" not in sent(
        Kind.INVOICE, Verb.CREATE, msgspec.structs.replace(INVOICE, discount=D(0), total=D(120)), wishes()
    )


# prices with tax


def test_prices_with_tax_go_out_and_come_back(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = company(CANADA, settings=ABROAD), {}
    created(made, Kind.CLIENT, ACME, known)
    record = msgspec.structs.replace(
        PLAIN,
        lines=(
            Line(D("113.00"), description="Work", quantity=D(2), rate=D("56.50"), taxable=True),
            Line(D("10.00"), description="Thirds", quantity=D(3), rate=D("3.3333"), taxable=True),
            Line(D("5.00"), description="Free", taxable=False),
        ),
        discount=D("11.30"),
        tax=D("12.85"),
        total=D("116.70"),
        tax_inclusive=True,
    )
    after = created(made, Kind.INVOICE, record, known)
    row = wire_row(made, sandbox, "Invoice", after.record.id)
    assert row["GlobalTaxCalculation"] == "TaxInclusive"
    assert D(str(row["Line"][0]["Amount"])) == 100
    found = after.record
    assert isinstance(found, Invoice)
    assert (found.total, found.tax_inclusive) == (D("116.70"), True)
    assert [line.amount for line in found.lines] == [D(113), D(10), D(5)]
    assert [line.net for line in found.lines] == [D(100), D("8.85"), D(5)]
    assert [line.rate for line in found.lines] == [D("56.5"), UNSET, UNSET]
    assert found.discount == D("11.30")

    dearer = msgspec.structs.replace(
        record, lines=(Line(D("226.00"), description="Work", taxable=True),), discount=D(0), total=D("226.00")
    )
    updated = present(again(made, Kind.INVOICE, Verb.UPDATE, after, dearer, known, "lines", "discount", "tax")).record
    assert isinstance(updated, Invoice)
    assert (updated.total, updated.tax, updated.lines[0].amount) == (D(226), D(26), D(226))


@pytest.mark.parametrize(
    ("gross", "inclusive"),
    [({"TaxInclusiveAmt": 113}, True), ({}, False), ({"TaxInclusiveAmt": 112}, False)],
)
def test_gross_prices_count_only_where_they_make_the_total(gross: dict[str, Any], inclusive: bool) -> None:
    row = taxed(("13", "100"), total="13", code="5", GlobalTaxCalculation="TaxInclusive")
    row["Line"][0]["SalesItemLineDetail"] |= gross
    found = read(Kind.INVOICE, row, GLOBAL)
    assert isinstance(found, Invoice)
    assert found.tax_inclusive is inclusive
    assert found.lines[0].amount == (113 if inclusive else 100)
    assert found.total == 113


def test_prices_with_tax_are_refused_in_the_us() -> None:
    record = msgspec.structs.replace(INVOICE, tax_inclusive=True)
    with pytest.raises(Unencodable) as caught:
        sent(Kind.INVOICE, Verb.CREATE, record, wishes())
    assert caught.value.problems[0].code == "tax-inclusive"
    free = msgspec.structs.replace(record, tax=D(0), total=D("105.00"))
    assert sent(Kind.INVOICE, Verb.CREATE, free, wishes())["Line"][0]["Amount"] == 100


def test_a_code_that_is_gone_splits_no_price(company: Companies) -> None:
    settings = msgspec.structs.replace(ABROAD, default_tax_code="id:999")
    made, known = company(CANADA, settings=settings), {}
    created(made, Kind.CLIENT, ACME, known)
    record = msgspec.structs.replace(PLAIN, lines=(Line(D("110.00"), taxable=True),), tax_inclusive=True)
    with pytest.raises(Unencodable, match="id 999"):
        send(made, Kind.INVOICE, Verb.CREATE, record, known)


# shipping


def test_shipping_is_a_line_of_the_default_item_and_stays_shipping(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = company({"allow_shipping": True}), {}
    customer = created(made, Kind.CLIENT, ACME, known).record.id
    person = sandbox.connect(made.config.realm_id)
    detail = {"ItemRef": {"value": "SHIPPING_ITEM_ID"}, "TaxCodeRef": {"value": "NON"}}
    lines = [
        {"Amount": 50, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"value": "2"}}},
        {"Amount": 7, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail},
    ]
    row = person.save("Invoice", {"CustomerRef": {"value": customer}, "TxnDate": "2026-01-05", "Line": lines})
    found = now(made, Kind.INVOICE, row["Id"])
    assert isinstance(found.record, Invoice)
    assert found.record.lines[1] == Line(D(7), "", "1", "", "Shipping", taxable=False)
    known["i1"] = found.record.id
    dearer = msgspec.structs.replace(
        PLAIN, lines=(Line(D("60.00"), item="hours"), Line(D("9.00"), description="Shipping")), total=D("69.00")
    )
    known["hours"] = "2"
    after = present(again(made, Kind.INVOICE, Verb.UPDATE, found, dearer, known, "lines"))
    stored = person.read("Invoice", row["Id"])["Line"]
    shipping = [line for line in stored if line.get("SalesItemLineDetail", {}).get("ItemRef") == detail["ItemRef"]]
    assert [D(str(line["Amount"])) for line in shipping] == [9]
    assert isinstance(after.record, Invoice)
    assert after.record.total == D(69)


def test_shipping_without_a_default_item_is_held() -> None:
    detail = {"ItemRef": {"value": "SHIPPING_ITEM_ID"}}
    line = {"Amount": 110, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
    assert flaw(Kind.INVOICE, ROW | {"Line": [line]}) == "special-line"
    found = read(Kind.INVOICE, ROW | {"Line": [line]}, msgspec.structs.replace(US, default_item=lambda: "1"))
    assert isinstance(found, Invoice)
    assert found.lines[0].description == "Shipping"


# exchange rates


@pytest.mark.behaviour("R-20")
@pytest.mark.parametrize(
    ("order", "own", "expected"),
    [
        (("qbo_on_date", "qbo_current", "source"), UNSET, "1.25"),
        (("qbo_current", "qbo_on_date"), UNSET, "1.5"),
        (("source", "qbo_on_date"), D("1.75"), "1.75"),
        (("source", "qbo_on_date"), UNSET, "1.25"),
        (("source", "qbo_on_date"), D(0), "1.25"),
    ],
)
def test_the_rate_ladder_is_climbed_in_its_order(order: Any, own: Any, expected: str) -> None:
    settings = Settings(
        default_item="S",
        default_expense_account="Travel",
        discount_account="D",
        default_tax_code="CA",
        rate_sources=order,
    )
    made = wishes(settings=settings, multicurrency=True)
    euros = msgspec.structs.replace(INVOICE, currency="EUR", exchange_rate=own)
    assert sent(Kind.INVOICE, Verb.CREATE, euros, made)["ExchangeRate"] == D(expected)
    memo = msgspec.structs.replace(NOTE, currency="EUR", exchange_rate=own)
    assert sent(Kind.CREDIT_NOTE, Verb.CREATE, memo, made)["ExchangeRate"] == D(expected)
    home = msgspec.structs.replace(INVOICE, currency="USD", exchange_rate=D(2))
    assert "ExchangeRate" not in sent(Kind.INVOICE, Verb.CREATE, home, made)


def test_the_rate_of_the_source_is_the_last_resort(company: Companies) -> None:
    made, known = company({"multicurrency": True}), {}
    created(made, Kind.CLIENT, msgspec.structs.replace(ACME, currency="CHF"), known)
    record = msgspec.structs.replace(PLAIN, currency="CHF", exchange_rate=D("1.07"))
    assert b'"ExchangeRate":1.07,' in created(made, Kind.INVOICE, record, known).raw
    with pytest.raises(Unencodable, match="no exchange rate for CHF"):
        send(made, Kind.INVOICE, Verb.CREATE, msgspec.structs.replace(record, exchange_rate=UNSET), known)


# credit memos


@pytest.mark.behaviour("R-76")
@pytest.mark.behaviour("R-77")
def test_a_credit_note_goes_out_changes_and_goes(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = company(), {}
    created(made, Kind.CLIENT, ACME, known)
    after = created(made, Kind.CREDIT_NOTE, NOTE, known)
    found = after.record
    assert isinstance(found, CreditNote)
    assert (found.number, found.transaction_number, found.notes) == ("CN-00017", "00017", "Sorry")
    assert (found.total, found.balance, found.emails) == (D(30), D(30), "a@acme.test,b@acme.test")
    assert (found.bill_to, found.lines[0].rate) == (NOTE.bill_to, D(15))

    person = sandbox.connect(made.config.realm_id)
    row = person.read("CreditMemo", found.id)
    person.save("CreditMemo", {**row, "PrivateNote": "kept", "sparse": True})
    before = now(made, Kind.CREDIT_NOTE, found.id)
    smaller = msgspec.structs.replace(
        NOTE,
        lines=(Line(D("20.00"), description="Given back"),),
        total=D("20.00"),
        notes="",
        issue_date=date(2026, 1, 8),
    )
    updated = present(
        again(made, Kind.CREDIT_NOTE, Verb.UPDATE, before, smaller, known, "lines", "notes", "issue_date")
    ).record
    assert isinstance(updated, CreditNote)
    assert (updated.total, updated.notes, updated.issue_date) == (D(20), "", date(2026, 1, 8))
    assert (updated.lines[0].id, updated.number, updated.emails) == (found.lines[0].id, "CN-00017", found.emails)
    stored = person.read("CreditMemo", found.id)
    assert (stored["PrivateNote"], stored["BillAddr"]["City"]) == ("kept", "Paris")

    stale = again(made, Kind.CREDIT_NOTE, Verb.UPDATE, before, NOTE, known, "notes")
    assert isinstance(stale, Conflict)
    gone = again(made, Kind.CREDIT_NOTE, Verb.DELETE, now(made, Kind.CREDIT_NOTE, found.id), None, known)
    assert isinstance(gone, Done)


def test_a_credit_note_is_never_voided() -> None:
    current = {"Id": "3", "SyncToken": "1"}
    for kind in (Kind.CREDIT_NOTE, Kind.BILL):
        with pytest.raises(Unencodable):
            sent(kind, Verb.VOID, None, wishes(current=current))


@pytest.mark.behaviour("R-82")
@pytest.mark.behaviour("R-83")
def test_tax_of_a_credit_note(company: Companies) -> None:
    settings = Settings(default_item="Services", default_tax_code="California", discount_account="Discounts given")
    made, known = company({"using_sales_tax": True, "allow_discount": True}, settings=settings), {}
    created(made, Kind.CLIENT, ACME, known)
    lines = (Line(D("30.00"), description="Given back", taxable=True),)
    record = msgspec.structs.replace(NOTE, lines=lines, tax=D("2.00"), discount=D("5.00"), total=D("27.00"))
    after = created(made, Kind.CREDIT_NOTE, record, known)
    found = after.record
    assert isinstance(found, CreditNote)
    assert (found.total, found.tax, found.tax_rate, found.discount) == (D(27), D(2), D("0.08"), D(5))
    dearer = msgspec.structs.replace(
        record, lines=(Line(D("60.00"), description="Given back", taxable=True),), tax=D("4.40"), total=D("59.40")
    )
    updated = present(again(made, Kind.CREDIT_NOTE, Verb.UPDATE, after, dearer, known, "lines", "tax", "total")).record
    assert isinstance(updated, CreditNote)
    assert (updated.total, updated.tax, updated.discount) == (D("59.40"), D("4.40"), D(5))
    unsaid = msgspec.structs.replace(dearer, tax=UNSET, discount=UNSET)
    again_there = now(made, Kind.CREDIT_NOTE, found.id)
    left = present(again(made, Kind.CREDIT_NOTE, Verb.UPDATE, again_there, unsaid, known, "lines")).record
    assert isinstance(left, CreditNote)
    assert (left.total, left.tax) == (D("59.40"), D("4.40"))


def test_a_credit_note_outside_the_us(company: Companies) -> None:
    made, known = company(CANADA, settings=ABROAD), {}
    created(made, Kind.CLIENT, ACME, known)
    lines = (Line(D("100.00"), description="a", taxable=True), Line(D("10.00"), description="b", taxable=False))
    record = msgspec.structs.replace(NOTE, lines=lines, tax=D("13.00"), total=D("123.00"))
    after = created(made, Kind.CREDIT_NOTE, record, known)
    found = after.record
    assert isinstance(found, CreditNote)
    assert (found.total, found.tax, found.tax_rate) == (D(123), D(13), D("0.13"))
    halved = msgspec.structs.replace(record, lines=lines[:1], tax=D("13.00"), total=D("113.00"))
    updated = present(again(made, Kind.CREDIT_NOTE, Verb.UPDATE, after, halved, known, "lines", "tax", "total")).record
    assert isinstance(updated, CreditNote)
    assert (updated.total, updated.tax) == (D(113), D(13))


@pytest.mark.failure("F-111")
def test_a_negative_line_is_refused_by_a_credit_memo(company: Companies) -> None:
    made, known = company(), {}
    created(made, Kind.CLIENT, ACME, known)
    lines = (Line(D("30.00"), description="a"), Line(D("-5.00"), description="b"))
    refused = send(made, Kind.CREDIT_NOTE, Verb.CREATE, msgspec.structs.replace(NOTE, lines=lines), known)
    assert isinstance(refused, Refused)
    assert refused.code == "2290"


# what is sent, to the letter


MEMO_ROW: dict[str, Any] = {
    "Id": "9",
    "SyncToken": "3",
    "domain": "QBO",
    "sparse": False,
    "MetaData": {"CreateTime": "x"},
    "TxnDate": "2026-01-05",
    "CustomerRef": {"value": "c"},
    "TotalAmt": 33.9,
    "Balance": 33.9,
    "RemainingCredit": 33.9,
    "PrivateNote": "theirs",
    "ClassRef": {"value": "7"},
    "EmailStatus": "EmailSent",
    "Line": [
        {
            "Id": "1",
            "Amount": 30,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {"ItemRef": {"value": "1"}},
            "LineEx": {"any": []},
        },
        {"Amount": 30, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}},
    ],
    "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "4"}, "TotalTax": 3.9, "TaxLine": [{"Amount": 3.9}]},
}


def test_a_credit_memo_is_updated_whole() -> None:
    current = wire.decode_object(wire.encode(MEMO_ROW))
    body = sent(Kind.CREDIT_NOTE, Verb.UPDATE, NOTE, wishes({"notes"}, current))
    kept = {"Id", "SyncToken", "TxnDate", "CustomerRef", "PrivateNote", "ClassRef", "EmailStatus", "Line"}
    assert set(body) == kept | {"CustomerMemo", "TxnTaxDetail"}
    assert body["TxnTaxDetail"] == current["TxnTaxDetail"]
    assert "LineEx" not in body["Line"][0]


@pytest.mark.parametrize("country", ["US", "CA"])
def test_tax_of_old_lines_is_not_sent_with_new_ones(country: str) -> None:
    current = wire.decode_object(wire.encode(MEMO_ROW))
    record = msgspec.structs.replace(NOTE, tax=UNSET)
    body = sent(Kind.CREDIT_NOTE, Verb.UPDATE, record, wishes({"lines"}, current, country=country))
    assert body["TxnTaxDetail"] == {"TxnTaxCodeRef": {"value": "4"}}
    assert ("GlobalTaxCalculation" in body) is (country == "CA")


def test_parts_of_an_address_that_are_gone_are_cleared() -> None:
    record = msgspec.structs.replace(INVOICE, bill_to=Address(lines=("Only",)))
    address = sent(Kind.INVOICE, Verb.UPDATE, record, wishes({"bill_to"}, dict(ROW)))["BillAddr"]
    assert address == dict.fromkeys(
        ("Line2", "Line3", "Line4", "Line5", "City", "CountrySubDivisionCode", "PostalCode", "Country"), ""
    ) | {"Line1": "Only"}
    assert sent(Kind.INVOICE, Verb.CREATE, record, wishes())["BillAddr"] == {"Line1": "Only"}


def test_a_discount_with_tax_is_sent_without_it() -> None:
    gross = msgspec.structs.replace(
        INVOICE,
        lines=(Line(D("113.00"), item="i1", taxable=True), Line(D("10.00"), item="i1", taxable=False)),
        discount=D("11.30"),
        total=D("111.70"),
        tax_inclusive=True,
    )
    abroad = wishes(country="CA", home_currency="CAD")
    one = msgspec.structs.replace(gross, lines=gross.lines[:1], total=D("101.70"))
    assert sent(Kind.INVOICE, Verb.CREATE, one, abroad)["Line"][-1]["Amount"] == 10
    assert sent(Kind.INVOICE, Verb.CREATE, gross, abroad)["Line"][-1]["Amount"] == D("10.11")
    off = wishes(country="CA", home_currency="CAD", sales_tax=False)
    assert sent(Kind.INVOICE, Verb.CREATE, gross, off)["Line"][0]["Amount"] == 113
