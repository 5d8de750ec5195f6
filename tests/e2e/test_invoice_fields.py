"""What a document carries beside its amounts: addresses, e-mail lists, notes, taxable lines and exchange rates, out to
QuickBooks and back (R-11, R-14, R-15, R-19, R-20, R-24, R-33, R-38, R-55, R-61, C-R13, C-R14)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from syncd.model.kinds import Kind
from syncd.sandbox.server import RunningSandbox
from tests.e2e.conftest import Make
from tests.e2e.helpers import Json, at_rest, change, customer, held, held_one, lines_of, once, receive, row, sales_lines
from tests.support.world import SETTINGS, World

ADDRESS = "Ada Ltd\nZoë Müller-東京\n3. Stock, Hinterhof\nc/o Post\nBuilding 7\nHauptstraße 1\n8001 Zürich\nSchweiz"


def people(count: int, first: str = "person") -> str:
    """So many addresses of 32 characters each."""
    return ", ".join(f"{first}{n:0{20 - len(first)}}@example.com" for n in range(count))


def words(address: Json) -> str:
    """What an address in QuickBooks says, its lines one after the other."""
    return " ".join(str(address[f"Line{n}"]) for n in range(1, 6) if address.get(f"Line{n}"))


def rate(world: World, currency: str, day: str, value: str) -> None:
    """The accountant enters the exchange rate of a day."""
    entered = {"SourceCurrencyCode": currency, "AsOfDate": day, "Rate": Decimal(value)}
    world.accountant.call("POST", "exchangerate", entered)


def bodies(world: World, entity: str) -> Iterator[Json]:
    """What was sent to QuickBooks of an entity, alone or in batches; the look-alike has to keep bodies."""
    for entry in world.sandbox.requests(realm=world.realm):
        if entry["operation"] in {"create", "update", "batch"}:
            body = json.loads(world.sandbox.request(entry["seq"])["request_body"])
            if entry["operation"] == "batch":
                yield from (item[entity] for item in body["BatchItemRequest"] if entity in item)
            elif entry["entity"] == entity:
                yield body


@pytest.fixture
def recorded(sandbox: RunningSandbox) -> Iterator[None]:
    """The look-alike keeps the bodies of requests."""
    sandbox.switch(keep_bodies=True)
    yield
    sandbox.switch(keep_bodies=False)


@pytest.mark.behaviour("R-11", "R-33", "R-38", "C-R14")
def test_the_billing_address_goes_out_in_quickbooks_layout_and_comes_back_only_when_it_says_something_else(
    world: World,
) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", bill_to=ADDRESS)
    world.run()
    sent = world.one("Invoice")
    assert words(sent["BillAddr"]) == "Ada Ltd Zoë Müller-東京 3. Stock, Hinterhof c/o Post " + ", ".join(
        ["Building 7", "Hauptstraße 1", "8001 Zürich", "Schweiz"]
    )
    at_rest(world)

    # Laid out anew by QuickBooks it says the same: no change, and the source keeps its own lines.
    laid_out = {
        "Line1": "Ada Ltd",
        "Line2": "Zoë Müller-東京, 3. Stock, Hinterhof",
        "Line3": "c/o Post, Building 7, Hauptstraße 1",
        "City": "8001  Zürich",
        "Country": "Schweiz",
    }
    change(world, "Invoice", sent, BillAddr=laid_out)
    world.run()
    assert row(world, "invoice", invoice)["bill_to"] == ADDRESS
    at_rest(world)

    # The lock of a published invoice binds people, not the accountant's changes (R-33).
    moved = {"Line1": "Ada Ltd", "Line2": "Neue Gasse 2", "City": "Bern", "PostalCode": "3000", "Country": "Schweiz"}
    change(world, "Invoice", sent, BillAddr=moved)
    world.run()
    here = row(world, "invoice", invoice)
    assert here["bill_to"].split() == ["Ada", "Ltd", "Neue", "Gasse", "2", "Bern", "3000", "Schweiz"]
    assert here["state"] == "published"
    at_rest(world)
    world.sql("UPDATE invoice SET bill_to = 'Ada Ltd, Genf' WHERE id = :id", id=invoice)
    world.run()
    assert world.one("Invoice")["BillAddr"].get("City", "") == ""
    assert words(world.one("Invoice")["BillAddr"]) == "Ada Ltd, Genf"
    at_rest(world)


@pytest.mark.behaviour("R-11", "C-R14")
def test_an_invoice_without_address_has_what_quickbooks_puts_there(world: World) -> None:
    """QuickBooks copies the customer's own address onto the document: an addition of its own, and no edit."""
    customer(world, "Ada", BillAddr={"Line1": "Main Road 1", "City": "Leeds"}, PrimaryEmailAddr={"Address": "a@b.com"})
    invoice = world.invoice(world.client("Ada"), "INV-1")
    world.run()
    assert world.one("Invoice")["BillAddr"]["City"] == "Leeds"
    assert row(world, "invoice", invoice)["bill_to"] is None
    at_rest(world)
    world.sql("UPDATE invoice SET notes = 'x' WHERE id = :id", id=invoice)
    world.run()
    assert world.one("Invoice")["BillAddr"]["City"] == "Leeds"
    at_rest(world)


@pytest.mark.failure("F-80", "F-81")
@pytest.mark.behaviour("R-10", "R-14", "R-15", "C-R13", "C-R14")
def test_lists_and_notes_are_cut_to_whole_addresses_and_never_come_back_shorter(world: World) -> None:
    to, copies = people(3), people(7, "copy")
    notes = "Grüße “an” alle 🙂 — " * 70
    lists = {"emails": to, "cc_emails": copies, "notes": notes}
    long = world.invoice(world.client("Ada"), "INV-1", **lists)
    just = people(2) + "; fits@an.example-of-exactly-100.com"
    short = world.invoice(world.client("Bob"), "INV-2", emails=just, cc_emails="c@d.com", notes="x" * 1000)
    alone = world.invoice(world.client("Eve"), "INV-3", emails=f"{'e' * 90}@example.com")
    report = world.run()

    sent, exact, none = (world.one("Invoice", DocNumber=f"INV-{n}") for n in (1, 2, 3))
    assert sent["BillEmail"]["Address"] == ",".join(to.split(", ")[:3])
    assert sent["BillEmailCc"]["Address"] == ",".join(copies.split(", ")[:6])
    assert sent["CustomerMemo"]["value"] == notes[:1000].rstrip()
    assert (len(exact["BillEmail"]["Address"]), exact["BillEmailCc"]["Address"]) == (100, "c@d.com")
    assert exact["CustomerMemo"]["value"] == "x" * 1000
    assert "BillEmail" not in none
    reasons = {o.label: o.reason for o in report.plan.writes if o.kind is Kind.INVOICE}
    assert copies.split(", ")[6] in reasons["INV-1"]
    assert copies.split(", ")[5] not in reasons["INV-1"]
    assert "first 1000 characters of the notes" in reasons["INV-1"]
    assert "the rest stays" not in reasons["INV-2"]
    assert "e" * 90 in reasons["INV-3"]
    at_rest(world)

    # Whatever else is changed there, and by a reload too, the source keeps its own whole texts.
    change(world, "Invoice", sent, DueDate="2026-08-01")
    world.run()
    world.engine.reload(Kind.INVOICE, "INV-1")
    here = row(world, "invoice", long)
    assert str(here["due_date"]) == "2026-08-01"
    assert {name: here[name] for name in lists} == lists
    at_rest(world)

    # What an accountant changes in those very fields is taken over.
    change(world, "Invoice", sent, BillEmail={"Address": "new@example.com"}, CustomerMemo={"value": "Short"})
    change(world, "Invoice", exact, BillEmailCc={"Address": "x@y.com,z@y.com"})
    world.run()
    here = row(world, "invoice", long)
    assert (here["emails"], here["notes"], here["cc_emails"]) == ("new@example.com", "Short", copies)
    assert row(world, "invoice", short)["cc_emails"] == "x@y.com,z@y.com"

    # The source's own changes go out within the same limits, and say so; an address that is none is held.
    world.sql("UPDATE invoice SET emails = :e WHERE id = :id", e=people(5), id=alone)
    world.sql("UPDATE invoice SET cc_emails = 'nobody' WHERE id = :id", id=short)
    report = world.run()
    (update,) = report.plan.writes
    assert people(5).split(", ")[4] in update.reason
    assert world.one("Invoice", DocNumber="INV-3")["BillEmail"]["Address"] == ",".join(people(5).split(", ")[:3])
    assert "not valid" in held_one(world).reason
    world.sql("UPDATE invoice SET cc_emails = 'some@body.com' WHERE id = :id", id=short)
    world.run()
    assert world.one("Invoice", DocNumber="INV-2")["BillEmailCc"]["Address"] == "some@body.com"
    at_rest(world)


@pytest.mark.failure("F-96")
@pytest.mark.behaviour("R-24", "R-17")
@pytest.mark.parametrize(
    ("country", "codes"), [("US", ("TAX", "NON")), ("CA", ("5", "2")), ("GB", ("2", "5"))], ids=["US", "CA", "GB"]
)
def test_each_line_is_taxable_or_not_by_itself(make: Make, country: str, codes: tuple[str, str]) -> None:
    code, tax = {"US": ("California", "8"), "CA": ("HST ON", "13"), "GB": ("20.0% S", "20")}[country]
    home = {"US": "USD", "CA": "CAD", "GB": "GBP"}[country]
    settings = msgspec.structs.replace(SETTINGS, default_tax_code=code, exempt_tax_code="Exempt")
    world = make(country=country, home_currency=home, using_sales_tax=True, settings=settings)
    ada = world.client("Ada", home)
    invoice = world.invoice(ada, "INV-1", ("100", "taxed"), ("50", "free"), tax=tax, currency=home)
    world.sql("UPDATE invoice_line SET taxable = false WHERE description = 'free'")
    world.run()
    sent = world.one("Invoice")
    of_line = {li["Description"]: li["SalesItemLineDetail"]["TaxCodeRef"]["value"] for li in sales_lines(sent)}
    assert of_line == {"taxed": codes[0], "free": codes[1]}
    assert (Decimal(sent["TxnTaxDetail"]["TotalTax"]), Decimal(sent["TotalAmt"])) == (Decimal(tax), 150 + Decimal(tax))
    at_rest(world)

    # The accountant makes the other line taxable, too.
    lines = sales_lines(world.accountant.read("Invoice", sent["Id"]))
    for line in lines:
        line["SalesItemLineDetail"]["TaxCodeRef"] = {"value": codes[0]}
    both = Decimal(tax) * Decimal("1.5")
    extra: Json = {"TxnTaxDetail": sent["TxnTaxDetail"] | {"TotalTax": both}} if country == "US" else {}
    world_tax: Json = extra or {"GlobalTaxCalculation": "TaxExcluded"}
    change(world, "Invoice", sent, Line=lines, **world_tax)
    world.run()
    assert [bool(line["taxable"]) for line in lines_of(world, invoice)] == [True, True]
    here = row(world, "invoice", invoice)
    assert (Decimal(str(here["tax"])), Decimal(str(here["total"]))) == (both, 150 + both)
    at_rest(world)


@pytest.mark.failure("F-102")
@pytest.mark.usefixtures("recorded")
@pytest.mark.behaviour("R-19", "R-20", "R-55")
def test_the_exchange_rate_is_quickbooks_of_the_day_then_its_present_one_then_the_sources(make: Make) -> None:
    world = make()
    customer(world, "Home")
    today = world.one("Customer")["MetaData"]["LastUpdatedTime"][:10]
    rate(world, "EUR", "2026-03-02", "1.11")
    rate(world, "EUR", today, "1.22")
    rate(world, "JPY", today, "0.0067")
    rate(world, "EUR", "2026-03-20", "1.33")
    own = {"exchange_rate": "1.99"}
    clients = {code: world.client(f"Client {code}", code) for code in ("EUR", "JPY", "KWD", "GBP", "USD")}
    day, now, source, none, home = (
        world.invoice(clients[code], f"INV-{code}", (amount, "Work"), currency=code, **columns)
        for code, amount, columns in (
            ("EUR", "1234.56", own),
            ("JPY", "150000", own),
            ("KWD", "12.340", own),
            ("GBP", "10.00", {}),
            ("USD", "10.00", own),
        )
    )
    world.payment(clients["EUR"], (day, "1000.00"), currency="EUR", reference="W-EUR", exchange_rate="1.5")
    world.payment(clients["KWD"], (source, "12.340"), currency="KWD", reference="W-KWD", exchange_rate="3.30")
    world.run()
    rates = {i["DocNumber"]: i.get("ExchangeRate") for i in world.books("Invoice")}
    assert {number: found and Decimal(str(found)) for number, found in rates.items()} == {
        "INV-EUR": Decimal("1.11"),
        "INV-JPY": Decimal("0.0067"),
        "INV-KWD": Decimal("1.99"),
        "INV-USD": 1,  # of QuickBooks' own
    }
    assert [body["DocNumber"] for body in bodies(world, "Invoice") if "ExchangeRate" not in body] == ["INV-USD"]
    paid = {p["PaymentRefNum"]: Decimal(p["ExchangeRate"]) for p in world.books("Payment")}
    assert paid == {"W-EUR": Decimal("1.33"), "W-KWD": Decimal("3.30")}
    assert Decimal(world.one("Invoice", DocNumber="INV-KWD")["Balance"]) == 0
    waiting = held_one(world, Kind.INVOICE)
    assert waiting.label == "INV-GBP"
    assert "no exchange rate for GBP on 2026-03-02" in waiting.reason
    assert "Enter the rate in QuickBooks" in waiting.problems[0].remedy
    assert row(world, "invoice", none)["qbo_id"] is None
    rate(world, "GBP", today, "1.3")
    world.restart()  # rates that QuickBooks did not have are asked for again after a minute
    world.run()
    assert Decimal(world.one("Invoice", DocNumber="INV-GBP")["ExchangeRate"]) == Decimal("1.3")
    assert (row(world, "invoice", now)["currency"], row(world, "invoice", home)["currency"]) == ("JPY", "USD")
    once(world)
    at_rest(world)


@pytest.mark.failure("F-102")
@pytest.mark.behaviour("R-20")
def test_a_company_may_keep_to_its_own_rates(make: Make) -> None:
    settings = msgspec.structs.replace(SETTINGS, rate_sources=("source",))
    world = make(settings=settings, exchange_rates={"EUR": "1.1"})
    eva = world.client("Eva", "EUR")
    world.invoice(eva, "INV-1", currency="EUR", exchange_rate="1.0842")
    bare = world.invoice(eva, "INV-2", currency="EUR")
    world.run()
    assert Decimal(world.one("Invoice")["ExchangeRate"]) == Decimal("1.0842")
    assert "looked for: source" in held_one(world).reason
    world.sql("UPDATE invoice SET exchange_rate = '1.09' WHERE id = :id", id=bare)
    world.run()
    assert Decimal(world.one("Invoice", DocNumber="INV-2")["ExchangeRate"]) == Decimal("1.09")
    at_rest(world)

    # QuickBooks keeps two digits of every amount: a thousandth of a dinar is held with both totals, never absorbed.
    dinar = world.invoice(world.client("Noor", "KWD"), "INV-3", ("12.345", "x"), currency="KWD", exchange_rate="3.3")
    world.run()
    assert "total 12.345 in the source and 12.350 in QuickBooks" in held_one(world).reason
    at_rest(world, held=1, differ=["INV-3"])
    world.sql("UPDATE invoice_line SET amount = '12.350', rate = '12.35' WHERE invoice_id = :id", id=dinar)
    world.sql("UPDATE invoice SET total = '12.350' WHERE id = :id", id=dinar)
    world.run()
    at_rest(world)


@pytest.mark.behaviour("R-61", "R-55")
def test_an_invoice_is_open_until_all_of_it_is_paid(world: World) -> None:
    def shown() -> dict[str, tuple[Any, Decimal]]:
        found = world.rows("SELECT number, status, balance FROM invoice_status JOIN invoice ON invoice.id = invoice_id")
        return {r["number"]: (r["status"], Decimal(str(r["balance"]))) for r in found}

    ada, eva = world.client("Ada"), world.client("Eva", "EUR")
    known = customer(world, "Eva", CurrencyRef={"value": "EUR"})
    first = world.invoice(ada, "INV-1", ("100.00", "Work"))
    second = world.invoice(eva, "INV-2", ("0.30", "Cents"), currency="EUR")
    world.invoice(ada, "INV-3", state="draft")
    world.payment(ada, (first, "60.00"))
    world.payment(eva, (second, "0.10"), currency="EUR", reference="E")
    world.run()
    assert shown() == {
        "INV-1": ("open", Decimal(40)),
        "INV-2": ("open", Decimal("0.2")),
        "INV-3": ("draft", Decimal(100)),
    }
    sent, euro = (world.one("Invoice", DocNumber=f"INV-{n}") for n in (1, 2))
    assert (Decimal(sent["Balance"]), Decimal(euro["Balance"])) == (40, Decimal("0.20"))
    of_eva = world.one("Payment", PaymentRefNum="E")
    assert (of_eva["CustomerRef"]["value"], of_eva["CurrencyRef"]["value"]) == (known["Id"], "EUR")
    assert len(world.books("Customer")) == 2  # Ada's was made for her (R-55)
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "40.00"))
    receive(world, euro["CustomerRef"]["value"], (euro["Id"], "0.20"), CurrencyRef={"value": "EUR"})
    world.run()
    assert shown()["INV-1"] == ("paid", Decimal(0))
    assert shown()["INV-2"] == ("paid", Decimal(0))
    assert {Decimal(i["Balance"]) for i in world.books("Invoice")} == {Decimal(0)}
    world.accountant.delete("Payment", world.one("Payment", TotalAmt=Decimal("0.20")))
    world.run()
    assert shown()["INV-2"] == ("open", Decimal("0.2"))
    assert held(world) == []
    at_rest(world)
