"""Invoices, clients and items on their way to QuickBooks (Ruddr, R-2 to R-28)."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from syncd.executor import Executor
from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import answer, at_rest, bill, born, customer, held_one, lines_of, money, once, row, sales_lines
from tests.support.world import SETTINGS, World

FAR = datetime(9999, 1, 1, tzinfo=UTC)


@pytest.mark.behaviour("R-3", "R-8", "R-10", "R-13", "R-21")
@pytest.mark.case("C11")
def test_a_published_invoice_arrives_whole(world: World) -> None:
    ada = world.client("Ada Ltd", email="ada@example.com")
    invoice = world.invoice(ada, "INV-1", ("120.00", "Design"), ("30.50", "Travel"), notes="Thank you")
    report = world.run()
    assert (report.outcome, report.failed, report.held) == ("ok", 0, 0)
    sent = world.one("Invoice", DocNumber="INV-1")
    assert (str(sent["TxnDate"]), str(sent["DueDate"])) == ("2026-03-02", "2026-04-01")
    assert Decimal(sent["TotalAmt"]) == Decimal("150.50") == Decimal(sent["Balance"])
    assert [(line["Description"], Decimal(line["Amount"])) for line in sales_lines(sent)] == [
        ("Design", Decimal("120.00")),
        ("Travel", Decimal("30.50")),
    ]
    assert sent["CustomerMemo"]["value"] == "Thank you"
    assert world.one("Customer", DisplayName="Ada Ltd")["Id"] == sent["CustomerRef"]["value"]
    assert row(world, "invoice", invoice)["qbo_id"] == sent["Id"]
    assert "EmailStatus" not in sent or sent["EmailStatus"] in {"NotSet", "NeedToPrint"}
    once(world)
    at_rest(world)


@pytest.mark.behaviour("R-4", "R-5", "R-6")
def test_drafts_never_leave_and_can_be_published_later(world: World) -> None:
    ada = world.client("Ada")
    draft = world.invoice(ada, "INV-1", state="draft")
    kept = world.invoice(ada, "INV-2", save_to_qbo=False)
    assert world.run().plan.operations == ()
    assert world.books("Invoice") == [] == world.books("Customer")
    world.sql("UPDATE invoice SET state = 'published' WHERE id = :id", id=draft)
    world.run()
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]
    at_rest(world)
    world.sql("UPDATE invoice SET save_to_qbo = true WHERE id = :id", id=kept)
    world.run()
    assert sorted(i["DocNumber"] for i in world.books("Invoice")) == ["INV-1", "INV-2"]
    once(world)
    at_rest(world)


@pytest.mark.behaviour("R-12")
def test_clients_are_sent_only_when_an_invoice_needs_them(world: World) -> None:
    world.client("Idle")
    world.invoice(world.client("Draft only"), "INV-1", state="draft")
    world.invoice(world.client("Billed"), "INV-2")
    world.run()
    assert [c["DisplayName"] for c in world.books("Customer")] == ["Billed"]
    at_rest(world)


@pytest.mark.behaviour("R-12", "R-110", "X-3")
@pytest.mark.failure("F-12")
@pytest.mark.case("C14")
def test_a_customer_of_that_name_is_adopted_and_left_as_it_is(world: World) -> None:
    """Whatever else differs (X-5): syncd did not make it and does not change it."""
    mail = {"Address": "accounts@example.com"}
    known = customer(world, "Ada Ltd", Notes="the accountant's own", PrimaryEmailAddr=mail)
    world.invoice(world.client("Ada Ltd", email="ada@example.com"), "INV-1")
    world.run()
    assert [c["Id"] for c in world.books("Customer")] == [known["Id"]]
    assert (world.one("Customer")["PrimaryEmailAddr"], world.one("Customer")["SyncToken"]) == (mail, "0")
    assert world.one("Invoice")["CustomerRef"]["value"] == known["Id"]
    at_rest(world)


@pytest.mark.behaviour("R-110")
@pytest.mark.case("C14")
def test_a_customer_spelt_otherwise_is_for_a_person_to_judge(world: World) -> None:
    known = customer(world, "ADA ltd")
    world.invoice(world.client("Ada Ltd"), "INV-1")
    assert world.run().outcome == "held"
    assert "ADA ltd" in held_one(world, Kind.CLIENT).reason
    assert (len(world.books("Customer")), world.books("Invoice")) == (1, [])
    answer(world, "accept-source", Kind.CLIENT)
    world.run()
    assert [c["DisplayName"] for c in world.books("Customer")] == ["ADA ltd"]
    assert world.one("Invoice")["CustomerRef"]["value"] == known["Id"]
    at_rest(world)


@pytest.mark.failure("F-75")
@pytest.mark.case("C16")
def test_an_inactive_customer_of_that_name_is_held(world: World) -> None:
    gone = customer(world, "Ada")
    world.accountant.save("Customer", {**gone, "Active": False})
    world.invoice(world.client("Ada"), "INV-1")
    report = world.run()
    assert report.outcome == "held"
    assert "inactive" in held_one(world, Kind.CLIENT).reason
    assert world.books("Invoice") == []
    assert born(world, "Customer", "DisplayName") == {"Ada": 1}


@pytest.mark.failure("F-101")
@pytest.mark.behaviour("R-116", "R-117")
def test_a_name_that_exists_in_another_currency_is_held_with_the_remedy(world: World) -> None:
    customer(world, "Ada", CurrencyRef={"value": "EUR"})
    world.invoice(world.client("Ada"), "INV-1")
    other = world.invoice(world.client("Bob"), "INV-2")
    report = world.run()
    assert report.outcome == "held"
    reason = held_one(world, Kind.CLIENT).reason
    assert "currency" in reason
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-2"]
    assert row(world, "invoice", other)["qbo_id"]
    assert len(world.books("Customer")) == 2


@pytest.mark.failure("F-101")
@pytest.mark.behaviour("R-116")
def test_an_invoice_in_another_currency_than_its_client_is_held(world: World) -> None:
    ada = world.client("Ada")
    world.invoice(ada, "INV-1")
    world.invoice(ada, "INV-2", currency="EUR")
    report = world.run()
    assert report.outcome == "held"
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]
    assert "currency" in held_one(world).reason
    waits = []
    for _ in range(3):
        world.run()
        (dirty,) = world.store.dirty(world.name, FAR)
        assert dirty.not_before is not None
        waits.append((dirty.not_before - world.clock.now()).total_seconds())
    assert waits[0] < waits[1] < waits[2], "what was refused is offered again less and less often"
    assert born(world, "Invoice") == {"INV-1": 1}


@pytest.mark.behaviour("R-22", "R-23", "X-4")
def test_items_by_name_else_the_default(world: World) -> None:
    hours = world.item("hours")
    unknown = world.item("Juggling")
    world.invoice(world.client("Ada"), "INV-1", ("10", "a", hours), ("20", "b", unknown), ("30", "c"))
    world.run()
    sent = world.one("Invoice")
    items = {line["Description"]: line["SalesItemLineDetail"]["ItemRef"]["value"] for line in sales_lines(sent)}
    assert items == {"a": "2", "b": "1", "c": "1"}
    assert len(world.books("Item")) == 2
    at_rest(world)


def test_a_source_without_any_items_is_no_emptied_table(world: World) -> None:
    """Lines that name no item stand for the default item; that link is no row that could vanish."""
    world.invoice(world.client("Ada"), "INV-1")
    world.run()
    assert at_rest(world).plan.brakes == ()


@pytest.mark.behaviour("R-18", "C-R12")
def test_a_discount_needs_its_account(make: Make) -> None:
    world = make()
    world.invoice(world.client("Ada"), "INV-1", ("100", "Work"), discount="10")
    world.run()
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 90
    at_rest(world)
    bare = make(name="bare", settings=type(SETTINGS)(default_item="Services"))
    bare.invoice(bare.client("Ada"), "INV-1", ("100", "Work"), discount="10")
    assert bare.run().outcome == "held"
    assert "discount account" in held_one(bare).reason
    assert bare.books("Invoice") == []


@pytest.mark.behaviour("R-16", "R-17", "R-26", "R-27")
def test_tax_is_sent_as_it_is_or_not_at_all(make: Make) -> None:
    settings = type(SETTINGS)(default_item="Services", default_tax_code="California")
    world = make(settings=settings, using_sales_tax=True)
    invoice = world.invoice(world.client("Ada"), "INV-1", ("100", "Work"), tax="8")
    world.run()
    sent = world.one("Invoice")
    assert (Decimal(sent["TotalAmt"]), Decimal(sent["TxnTaxDetail"]["TotalTax"])) == (108, 8)
    assert money(row(world, "invoice", invoice)["total"]) == 108
    at_rest(world)
    off = make(name="off", settings=settings, using_sales_tax=False)
    off.invoice(off.client("Ada"), "INV-1", ("100", "Work"), tax="8")
    assert off.run().outcome == "held"
    assert "sales tax is switched off" in held_one(off).reason
    assert off.books("Invoice") == []


@pytest.mark.behaviour("R-9", "R-19", "R-20")
def test_currencies_are_kept(world: World) -> None:
    world.invoice(world.client("Berlin GmbH", "EUR"), "INV-1", ("1234.56", "Arbeit"), currency="EUR")
    world.invoice(world.client("Tokyo KK", "JPY"), "INV-2", ("150000", "Work"), currency="JPY")
    world.invoice(world.client("Home"), "INV-3")
    world.run()
    euro, yen, home = (world.one("Invoice", DocNumber=f"INV-{n}") for n in (1, 2, 3))
    assert (euro["CurrencyRef"]["value"], Decimal(euro["TotalAmt"])) == ("EUR", Decimal("1234.56"))
    assert (yen["CurrencyRef"]["value"], Decimal(yen["TotalAmt"])) == ("JPY", 150000)
    assert Decimal(euro["ExchangeRate"]) == Decimal("1.1")
    assert Decimal(home.get("ExchangeRate", 1)) == 1
    at_rest(world)


def test_a_yen_amount_with_cents_is_held(world: World) -> None:
    world.invoice(world.client("Tokyo KK", "JPY"), "INV-1", ("1500.50", "Work"), currency="JPY")
    world.run()
    assert "smaller than JPY has" in held_one(world, Kind.INVOICE).reason
    assert world.books("Invoice") == []


@pytest.mark.failure("F-90")
@pytest.mark.behaviour("R-7", "R-25", "R-28")
def test_the_number_comes_back_when_quickbooks_counts(make: Make) -> None:
    world = make(custom_txn_numbers=False)
    ada = world.client("Ada")
    first = world.invoice(ada, "DRAFT-7", ("10", "a"))
    second = world.invoice(ada, "DRAFT-8", ("20", "b"))
    world.run()
    numbers = {Decimal(i["TotalAmt"]): i["DocNumber"] for i in world.books("Invoice")}
    assert {row(world, "invoice", first)["number"], row(world, "invoice", second)["number"]} == set(numbers.values())
    assert row(world, "invoice", first)["number"] == numbers[Decimal(10)]
    assert not {"DRAFT-7", "DRAFT-8"} & set(numbers.values())
    at_rest(world)


@pytest.mark.behaviour("R-25")
@pytest.mark.failure("F-6")
def test_the_number_comes_back_even_if_the_source_was_lost_at_that_moment(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The invoice is confirmed, then the process dies before the source is told: no feed would ever mention it."""
    world = make(custom_txn_numbers=False)
    invoice = world.invoice(world.client("Ada"), "DRAFT-7")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Executor, "_write_source", die)
        for _ in range(3):  # the client's id, the invoice's number and id, and nothing more
            with suppress(KeyboardInterrupt):
                world.run()
            world.restart()
    world.run()
    sent = world.one("Invoice")
    here = row(world, "invoice", invoice)
    assert (here["number"], here["qbo_id"]) == (sent["DocNumber"], sent["Id"])
    at_rest(world)


def test_a_line_keeps_its_identity_in_the_source(world: World) -> None:
    invoice = world.invoice(world.client("Ada"), "INV-1", ("10", "a"), ("20", "b"))
    before = [line["id"] for line in lines_of(world, invoice)]
    world.run()
    assert [line["id"] for line in lines_of(world, invoice)] == before


@pytest.mark.failure("F-88")
def test_a_number_taken_by_another_invoice_is_never_sent_twice(world: World) -> None:
    ada = customer(world, "Ada")
    bill(world, ada, "INV-1", ("77.00", "Something else"))
    world.invoice(world.client("Ada"), "INV-1", ("100", "Work"))
    assert world.run().outcome == "held"
    assert held_one(world, Kind.INVOICE).case == "C14"
    assert born(world, "Invoice") == {"INV-1": 1}
    at_rest(world, held=1)
