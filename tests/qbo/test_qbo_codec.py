"""Records from QBO's JSON and back, without a network: what is read, what is sent, what is refused."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from codec_world import INVOICE, ROW, US, D, flaw, read, sent, wishes
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from qbo_world import SAMPLES

from syncd.model.facts import Settings
from syncd.model.kinds import Kind, State
from syncd.model.observations import Flawed
from syncd.model.records.forms import Invoice, Line
from syncd.model.records.lists import Address, Client, Item
from syncd.model.records.payments import Allocation, CreditUse, Payment
from syncd.model.writes import Verb
from syncd.qbo import wire
from syncd.qbo.codec import CODECS, Reading, Unencodable, encode
from syncd.qbo.codec.lines import explained

US_WITH_ITEM = msgspec.structs.replace(US, default_item=lambda: "1")

# reading


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample payloads are not on this machine")
@pytest.mark.parametrize(
    ("prefix", "kind"),
    [
        ("customer", Kind.CLIENT),
        ("customer", Kind.PROJECT),
        ("vendor", Kind.VENDOR),
        ("item", Kind.ITEM),
        ("account", Kind.CATEGORY),
        ("paymentmethod", Kind.PAYMENT_METHOD),
        ("taxcode", Kind.TAX_CODE),
        ("payment", Kind.PAYMENT),
        ("invoice", Kind.INVOICE),
        ("creditmemo", Kind.CREDIT_NOTE),
        ("bill", Kind.BILL),
    ],
)
def test_samples_decode(prefix: str, kind: Kind) -> None:
    seen = 0
    for path in sorted(SAMPLES.glob(f"{prefix}-*.json")):
        if "request" in path.name or "-delete" in path.name:
            continue
        entity = CODECS[kind].entity
        body = wire.split_object(path.read_bytes())
        rows = wire.split_object(body["QueryResponse"])[entity] if "QueryResponse" in body else body.get(entity)
        if rows is None:
            continue
        for row in wire.split_list(rows):
            found = CODECS[kind].decode(row, US_WITH_ITEM)
            seen += 1
            if isinstance(found, Flawed):
                assert found.problems[0].code in {"bundle", "item-type"}, (path.name, found)
            else:
                assert found.record.id
                assert json.loads(found.raw)["Id"] == found.record.id
    assert seen


def test_an_invoice_is_read_exactly() -> None:
    found = read(Kind.INVOICE, ROW)
    assert isinstance(found, Invoice)
    assert found.total == D(110)
    assert found.discount == D(10)
    assert found.currency == "USD"
    assert found.state is State.LIVE
    assert found.lines == (
        Line(D(100), "1", "q-i1", "Consulting", "Work", D("2.5"), D(40), True),
        Line(D(20), "2", "1", "", "", UNSET, UNSET, False),
    )


def test_text_lines_and_old_spellings() -> None:
    rows = [
        {"Id": "1", "Amount": 5, "DetailType": "SALES_ITEM_LINE_DETAIL", "SalesItemLineDetail": {}},
        {"Id": "2", "DetailType": "DescriptionOnly", "Description": "Subtotal: 5.00", "DescriptionLineDetail": {}},
    ]
    found = read(Kind.INVOICE, ROW | {"TotalAmt": 5, "Line": rows})
    assert isinstance(found, Invoice)
    assert found.lines[1] == Line(D(0), "2", description="Subtotal: 5.00")


@pytest.mark.failure("F-35")
@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"PrivateNote": "Voided - x"}, State.VOID),
        ({"PrivateNote": "Voided"}, State.VOID),
        ({"PrivateNote": "Not Voided"}, State.LIVE),
        ({}, State.LIVE),
    ],
)
def test_a_void_needs_all_its_signs(changes: dict[str, Any], state: State) -> None:
    zero = ROW | {"TotalAmt": 0, "Balance": 0, "Line": []} | changes
    found = read(Kind.INVOICE, zero)
    assert isinstance(found, Invoice)
    assert found.state is state
    live = read(Kind.INVOICE, ROW | {"PrivateNote": "Voided"})
    assert isinstance(live, Invoice)
    assert live.state is State.LIVE


def test_what_cannot_be_represented_is_said() -> None:
    bundle = {"DetailType": "GroupLineDetail", "Amount": 0, "GroupLineDetail": {"Line": []}}
    assert flaw(Kind.INVOICE, ROW | {"Line": [bundle]}) == "bundle"
    assert flaw(Kind.INVOICE, ROW | {"Line": [{"DetailType": "Novelty"}]}) == "line-type"
    assert flaw(Kind.INVOICE, ROW | {"TotalAmt": 111}) == "total-parts"
    assert flaw(Kind.INVOICE, {"Id": "1", "SyncToken": "0"}) == "incomplete"
    assert flaw(Kind.INVOICE, ROW | {"TotalAmt": "many"}) == "shape"
    assert flaw(Kind.ITEM, {"Id": "1", "SyncToken": "0", "Name": "X", "Type": "Category"}) == "item-type"


def test_taxable_outside_the_us() -> None:
    abroad = Reading(home_currency="CAD", us=False, exempt_code="4")
    lines = [
        {"Amount": 1, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"TaxCodeRef": {"value": code}}}
        for code in ("4", "5")
    ]
    found = read(Kind.INVOICE, ROW | {"TotalAmt": 2, "Line": lines}, abroad)
    assert isinstance(found, Invoice)
    assert [line.taxable for line in found.lines] == [False, True]
    no_tax = read(Kind.INVOICE, ROW, Reading(home_currency="USD", sales_tax=False))
    assert isinstance(no_tax, Invoice)
    assert {line.taxable for line in no_tax.lines} == {UNSET}


def test_a_payment_is_read_with_its_other_links() -> None:
    row = {
        "Id": "3",
        "SyncToken": "1",
        "TxnDate": "2026-01-05",
        "CustomerRef": {"value": "c"},
        "TotalAmt": 50,
        "Line": [
            {"Amount": 40, "LinkedTxn": [{"TxnId": "9", "TxnType": "Invoice"}]},
            {"Amount": 15, "LinkedTxn": [{"TxnId": "8", "TxnType": "CreditMemo"}]},
            {"Amount": 25, "LinkedTxn": [{"TxnId": "7", "TxnType": "Invoice"}]},
            {"Amount": 5, "LinkedTxn": [{"TxnId": "6", "TxnType": "JournalEntry"}]},
        ],
    }
    found = read(Kind.PAYMENT, row)
    assert isinstance(found, Payment)
    assert found.allocations == (Allocation("9", D(40)), Allocation("7", D(25)))
    assert (found.amount, found.cash, found.other_links) == (D(65), D(50), 1)
    assert found.credits == (CreditUse("8", D(15)),)
    assert (found.currency, found.reference, found.notes) == ("USD", "", "")


def test_a_deactivated_customer_keeps_its_name() -> None:
    row = {"Id": "3", "SyncToken": "1", "DisplayName": "Acme (deleted)", "Active": False}
    found = read(Kind.CLIENT, row)
    assert isinstance(found, Client)
    assert (found.name, found.active, found.address) == ("Acme", False, Address())
    assert read(Kind.CLIENT, row | {"Active": True}).name == "Acme (deleted)"  # type: ignore[union-attr]


@pytest.mark.failure("F-99")
@given(st.decimals(min_value=-9_999_999_999, max_value=9_999_999_999, places=6, allow_nan=False))
def test_numbers_make_the_round_trip(number: Decimal) -> None:
    body = wire.encode({"Amount": wire.plain(number)})
    assert wire.decode_object(body)["Amount"] == number
    assert b"E" not in body
    assert b"e" not in body


# writing


@pytest.mark.failure("F-92")
def test_a_new_invoice() -> None:
    body = sent(Kind.INVOICE, Verb.CREATE, INVOICE, wishes())
    assert body == {
        "CustomerRef": {"value": "q-c1"},
        "TxnDate": "2026-01-05",
        "DueDate": "2026-02-04",
        "DocNumber": "INV-1",
        "CustomerMemo": {"value": "Thank you"},
        "TxnTaxDetail": {"TotalTax": 10, "TxnTaxCodeRef": {"value": "tax:CA"}},
        "ApplyTaxAfterDiscount": True,
        "Line": [
            {
                "LineNum": 1,
                "Amount": 100,
                "Description": "Work",
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {
                    "ItemRef": {"value": "q-i1"},
                    "Qty": D("2.5"),
                    "UnitPrice": 40,
                    "TaxCodeRef": {"value": "TAX"},
                },
            },
            {
                "LineNum": 2,
                "Amount": 10,
                "Description": "Travel",
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {"ItemRef": {"value": "item:Services"}, "TaxCodeRef": {"value": "NON"}},
            },
            {
                "Amount": 5,
                "DetailType": "DiscountLineDetail",
                "DiscountLineDetail": {"PercentBased": False, "DiscountAccountRef": {"value": "account:Discounts"}},
            },
        ],
    }


@pytest.mark.behaviour("R-7")
def test_the_number_goes_only_where_numbers_are_ours() -> None:
    assert "DocNumber" not in sent(Kind.INVOICE, Verb.CREATE, INVOICE, wishes(custom_numbers=False))


@pytest.mark.behaviour("R-10")
def test_notes_are_cut_at_a_thousand() -> None:
    long = msgspec.structs.replace(INVOICE, notes="n" * 1500)
    assert sent(Kind.INVOICE, Verb.CREATE, long, wishes())["CustomerMemo"]["value"] == "n" * 1000


@pytest.mark.failure("F-120")
def test_nothing_is_ever_e_mailed() -> None:
    body = wire.encode(encode(Kind.INVOICE, Verb.CREATE, INVOICE, wishes()))
    assert b"Email" not in body


@pytest.mark.behaviour("R-19")
def test_a_rate_goes_with_foreign_currency_only() -> None:
    home = sent(Kind.INVOICE, Verb.CREATE, INVOICE, wishes(multicurrency=True))
    assert home["CurrencyRef"] == {"value": "USD"}
    assert "ExchangeRate" not in home
    euros = msgspec.structs.replace(INVOICE, currency="EUR")
    foreign = sent(Kind.INVOICE, Verb.CREATE, euros, wishes(multicurrency=True))
    assert (foreign["CurrencyRef"], foreign["ExchangeRate"]) == ({"value": "EUR"}, D("1.25"))
    payment = Payment("p", "c1", date(2026, 1, 5), D(1), (), currency="EUR")
    assert sent(Kind.PAYMENT, Verb.CREATE, payment, wishes(multicurrency=True))["ExchangeRate"] == D("1.25")


@pytest.mark.behaviour("R-16")
def test_tax_off_means_no_tax_is_sent() -> None:
    body = sent(Kind.INVOICE, Verb.CREATE, INVOICE, wishes(sales_tax=False))
    assert "TxnTaxDetail" not in body


def test_a_known_zero_tax_is_sent_as_zero() -> None:
    exempt = msgspec.structs.replace(INVOICE, tax=D(0), total=D("105.00"))
    assert sent(Kind.INVOICE, Verb.CREATE, exempt, wishes())["TxnTaxDetail"] == {"TotalTax": 0}
    unknown = msgspec.structs.replace(INVOICE, tax=UNSET)
    assert "TxnTaxDetail" not in sent(Kind.INVOICE, Verb.CREATE, unknown, wishes())


@pytest.mark.failure("F-100")
def test_outside_the_us_each_line_has_a_code() -> None:
    body = sent(Kind.INVOICE, Verb.CREATE, INVOICE, wishes(country="CA", home_currency="CAD"))
    codes = [line[line["DetailType"]]["TaxCodeRef"]["value"] for line in body["Line"]]
    assert codes == ["tax:CA", "tax:Exempt", "tax:CA"]
    assert body["GlobalTaxCalculation"] == "TaxExcluded"
    assert "TxnTaxDetail" not in body


def test_items_by_link_then_name_then_default() -> None:
    lines = (
        Line(D(1), item="i9"),
        Line(D(1), item="s-gone", item_name="Named"),
        Line(D(1), item="s-gone", item_name="Nobody"),
    )
    made = msgspec.structs.replace(INVOICE, lines=lines, total=D(8))
    body = sent(Kind.INVOICE, Verb.CREATE, made, wishes())
    items = [line["SalesItemLineDetail"]["ItemRef"]["value"] for line in body["Line"][:3]]
    assert items == ["q-i9", "item:Named", "item:Services"]
    with pytest.raises(Unencodable) as caught:
        sent(Kind.INVOICE, Verb.CREATE, made, wishes(settings=Settings()))
    assert caught.value.problems[0].code == "default-item"


@pytest.mark.failure("F-98")
@pytest.mark.parametrize(
    ("quantity", "rate", "amount", "kept"),
    [
        ("3", "33.333333", "100.00", True),
        ("3", "33.33", "100.00", False),
        ("15", "0.5306667", "7.96", True),
        ("1", "0.005", "0.01", False),
        ("1", "0.00500000001", "0.01", False),
        ("50000", "0.0000002", "0.01", False),
        ("2.5", "40", "100", True),
    ],
)
def test_quantity_and_rate_only_when_they_make_the_amount(quantity: str, rate: str, amount: str, kept: bool) -> None:
    line = Line(D(amount), quantity=D(quantity), rate=D(rate))
    assert bool(explained(line, D(amount))) is kept


@pytest.mark.failure("F-23", "F-112")
def test_an_update_keeps_ids_and_what_is_not_ours() -> None:
    changed = msgspec.structs.replace(
        INVOICE,
        lines=(
            Line(D("5.00"), description="New first"),
            Line(D("120.00"), item="i1", description="Work", quantity=D(3), rate=D(40)),
        ),
    )
    current = wire.decode_object(wire.encode(ROW))
    body = sent(Kind.INVOICE, Verb.UPDATE, changed, wishes({"lines"}, current))
    assert (body["Id"], body["SyncToken"], body["sparse"]) == ("9", "0", True)
    assert body["CustomerRef"] == {"value": "c"}
    assert "TxnDate" not in body
    work = body["Line"][1]
    assert work["Id"] == "1"
    assert work["LinkedTxn"] == [{"TxnId": "5", "TxnType": "TimeActivity"}]
    detail = work["SalesItemLineDetail"]
    assert (detail["ClassRef"], detail["ServiceDate"]) == ({"value": "7"}, "2026-01-02")
    assert (detail["Qty"], detail["TaxCodeRef"]) == (3, {"value": "TAX"})
    assert "Id" not in body["Line"][0]
    discount = body["Line"][2]
    assert (discount["Amount"], discount["DiscountLineDetail"]["PercentBased"]) == (10, False)
    assert all(line["DetailType"] != "SubTotalLineDetail" for line in body["Line"])


def test_repeated_lines_are_matched_one_to_one() -> None:
    twin = {
        "Amount": 1,
        "Description": "A",
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": "item:Services"}},
    }
    current = ROW | {"Line": [twin | {"Id": "1"}, twin | {"Id": "2"}, twin | {"Id": "3"}]}
    changed = msgspec.structs.replace(INVOICE, lines=(Line(D(1), description="A"), Line(D(1), description="A")))
    body = sent(Kind.INVOICE, Verb.UPDATE, changed, wishes({"lines"}, current))
    assert [line.get("Id") for line in body["Line"]] == ["1", "2"]


@pytest.mark.failure("F-22")
def test_only_the_named_fields_are_touched() -> None:
    current = wire.decode_object(wire.encode(ROW))
    body = sent(Kind.INVOICE, Verb.UPDATE, INVOICE, wishes({"notes", "due_date"}, current))
    assert set(body) == {"Id", "SyncToken", "sparse", "CustomerRef", "CustomerMemo", "DueDate"}
    cleared = msgspec.structs.replace(INVOICE, notes="")
    assert sent(Kind.INVOICE, Verb.UPDATE, cleared, wishes({"notes"}, current))["CustomerMemo"] == {"value": ""}


def test_a_changed_discount_leaves_the_lines() -> None:
    current = wire.decode_object(wire.encode(ROW))
    body = sent(Kind.INVOICE, Verb.UPDATE, INVOICE, wishes({"discount"}, current))
    assert body["Line"][:2] == current["Line"][:2]
    assert body["Line"][2]["Amount"] == 5


@pytest.mark.failure("F-107")
def test_a_payment_update_is_whole() -> None:
    current = {
        "Id": "3",
        "SyncToken": "1",
        "domain": "QBO",
        "sparse": False,
        "MetaData": {},
        "UnappliedAmt": 0,
        "CustomerRef": {"value": "q-c1"},
        "TotalAmt": 50,
        "TxnDate": "2026-01-05",
        "DepositToAccountRef": {"value": "4"},
        "PaymentMethodRef": {"value": "2"},
        "Line": [
            {"Amount": 50, "LinkedTxn": [{"TxnId": "1", "TxnType": "Invoice"}], "LineEx": {"any": []}},
            {"Amount": 5, "LinkedTxn": [{"TxnId": "2", "TxnType": "CreditMemo"}], "LineEx": {"any": []}},
        ],
    }
    record = Payment("p", "c1", date(2026, 1, 6), D(65), (Allocation("i7", D(65)),), reference="R" * 30, notes="n")
    body = sent(Kind.PAYMENT, Verb.UPDATE, record, wishes({"amount", "allocations", "reference"}, current))
    assert body == {
        "Id": "3",
        "SyncToken": "1",
        "CustomerRef": {"value": "q-c1"},
        "TotalAmt": 60,
        "TxnDate": "2026-01-05",
        "DepositToAccountRef": {"value": "4"},
        "PaymentMethodRef": {"value": "2"},
        "PaymentRefNum": "R" * 21,
        "Line": [
            {"Amount": 5, "LinkedTxn": [{"TxnId": "2", "TxnType": "CreditMemo"}]},
            {"Amount": 65, "LinkedTxn": [{"TxnId": "q-i7", "TxnType": "Invoice"}]},
        ],
    }


def test_removals() -> None:
    current = {"Id": "3", "SyncToken": "1", "TotalAmt": 5}
    assert sent(Kind.INVOICE, Verb.DELETE, None, wishes(current=current)) == {"Id": "3", "SyncToken": "1"}
    assert sent(Kind.PAYMENT, Verb.VOID, None, wishes(current=current))["sparse"] is True
    assert sent(Kind.CLIENT, Verb.DEACTIVATE, None, wishes(current=current))["Active"] is False
    for kind, verb in [(Kind.CLIENT, Verb.DELETE), (Kind.ITEM, Verb.UPDATE), (Kind.INVOICE, Verb.DEACTIVATE)]:
        with pytest.raises(Unencodable):
            encode(kind, verb, Item("1", "x") if kind is Kind.ITEM else None, wishes(current=current))


def test_a_missing_link_stops_the_record() -> None:
    with pytest.raises(Unencodable) as caught:
        sent(Kind.INVOICE, Verb.CREATE, msgspec.structs.replace(INVOICE, client="s-gone"), wishes())
    assert caught.value.problems[0].code == "not-linked"
    payment = Payment("p", "c1", date(2026, 1, 5), D(1), (Allocation("s-gone", D(1)),))
    with pytest.raises(Unencodable):
        sent(Kind.PAYMENT, Verb.CREATE, payment, wishes())
    with pytest.raises(Unencodable):
        sent(Kind.INVOICE, Verb.UPDATE, INVOICE, wishes({"notes"}))


@pytest.mark.failure("F-81")
def test_addresses_are_dropped_whole() -> None:
    client = Client("s", "Acme", email="; ".join(f"person{number}@example.com" for number in range(9)))
    email = sent(Kind.CLIENT, Verb.CREATE, client, wishes())["PrimaryEmailAddr"]["Address"]
    assert len(email) <= 100
    assert all(part.endswith("@example.com") for part in email.split(","))


def test_a_client_with_an_address() -> None:
    client = Client(
        "s", " Acme\u0301  ", currency="EUR", address=Address(lines=("1", "2", "3", "4", "5", "6"), city="Paris")
    )
    body = sent(Kind.CLIENT, Verb.CREATE, client, wishes(multicurrency=True))
    assert body["DisplayName"] == "Acmé"
    assert body["CurrencyRef"] == {"value": "EUR"}
    assert body["BillAddr"] == {
        "Line1": "1",
        "Line2": "2",
        "Line3": "3",
        "Line4": "4",
        "Line5": "5, 6",
        "City": "Paris",
    }
    current = {"Id": "1", "SyncToken": "0", "CurrencyRef": {"value": "USD"}}
    changed = sent(Kind.CLIENT, Verb.UPDATE, client, wishes({"name", "address", "currency"}, current))
    assert set(changed) == {"Id", "SyncToken", "sparse", "DisplayName", "BillAddr"}
    assert changed["BillAddr"]["PostalCode"] == ""


def test_lines_of_text() -> None:
    lines = (Line(D(0), description="Heading"), Line(D("5.00"), item="i1", description="Work"))
    record = msgspec.structs.replace(INVOICE, lines=lines, discount=D(0), tax=UNSET, total=D("5.00"))
    new = sent(Kind.INVOICE, Verb.CREATE, record, wishes())["Line"]
    assert new[0] == {
        "DetailType": "DescriptionOnly",
        "DescriptionLineDetail": {},
        "Description": "Heading",
        "LineNum": 1,
    }
    old = [{"Id": "7", "DetailType": "DescriptionOnly", "Description": "Heading", "DescriptionLineDetail": {"x": 1}}]
    kept = sent(Kind.INVOICE, Verb.UPDATE, record, wishes({"lines"}, ROW | {"Line": old}))["Line"]
    assert (kept[0]["Id"], kept[0]["DescriptionLineDetail"]) == ("7", {"x": 1})
    assert "Id" not in kept[1]


def test_all_fields_of_an_update() -> None:
    current = wire.decode_object(wire.encode(ROW | {"CurrencyRef": {"value": "EUR"}, "ExchangeRate": 2}))
    euros = msgspec.structs.replace(INVOICE, currency="EUR")
    fields = {"number", "client", "issue_date", "due_date", "tax", "total", "currency"}
    body = sent(Kind.INVOICE, Verb.UPDATE, euros, wishes(fields, current, multicurrency=True))
    assert body["CustomerRef"] == {"value": "q-c1"}
    assert (body["TxnDate"], body["DocNumber"], body["ExchangeRate"]) == ("2026-01-05", "INV-1", D("1.25"))
    assert body["TxnTaxDetail"]["TotalTax"] == 10
    assert "Line" not in body
    record = Payment("p", "c1", date(2026, 1, 6), D(60), (), currency="EUR", notes="")
    old = {"Id": "3", "SyncToken": "1", "TotalAmt": 1, "ExchangeRate": 2, "Line": [], "PrivateNote": "x"}
    whole = sent(Kind.PAYMENT, Verb.UPDATE, record, wishes({"client", "date", "notes"}, old, multicurrency=True))
    assert (whole["TxnDate"], whole["ExchangeRate"], whole["PrivateNote"]) == ("2026-01-06", D("1.25"), "")


def test_a_line_that_pays_two_invoices_is_not_guessed() -> None:
    links = [{"TxnId": "1", "TxnType": "Invoice"}, {"TxnId": "2", "TxnType": "Invoice"}]
    row = {"Id": "3", "SyncToken": "1", "TxnDate": "2026-01-05", "CustomerRef": {"value": "c"}, "TotalAmt": 5}
    assert flaw(Kind.PAYMENT, row | {"Line": [{"Amount": 5, "LinkedTxn": links}]}) == "allocation"
    assert flaw(Kind.PAYMENT, {"Id": "3", "SyncToken": "1"}) == "incomplete"
    assert flaw(Kind.CLIENT, {"Id": "3", "SyncToken": "1"}) == "name-empty"


def test_a_dropped_discount_needs_the_setting() -> None:
    bare = Settings(default_item="Services", default_tax_code="CA")
    with pytest.raises(Unencodable):
        sent(Kind.INVOICE, Verb.CREATE, INVOICE, wishes(settings=bare))
    dropped = msgspec.structs.replace(bare, allow_discount_drop=True)
    lines = sent(Kind.INVOICE, Verb.CREATE, INVOICE, wishes(settings=dropped))["Line"]
    assert all(line["DetailType"] != "DiscountLineDetail" for line in lines)


def test_outside_the_us_a_missing_code_stops_the_record() -> None:
    with pytest.raises(Unencodable, match="tax code"):
        sent(Kind.INVOICE, Verb.CREATE, INVOICE, wishes(country="CA", settings=Settings(default_item="Services")))
