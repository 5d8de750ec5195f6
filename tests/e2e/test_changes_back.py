"""What the accountant does in QuickBooks comes back; what both sides did is decided by the policy (R-29 to R-43)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind
from tests.e2e.helpers import (
    answer,
    at_rest,
    bill,
    born,
    change,
    customer,
    held_one,
    lines_of,
    money,
    once,
    receive,
    row,
    sales_line,
    sales_lines,
)
from tests.support.world import World


def published(world: World, *lines: tuple[str, str], number: str = "INV-1") -> tuple[int, dict[str, object]]:
    """An invoice that both sides have: its id in the source, and the invoice in QuickBooks."""
    known = world.rows("SELECT id FROM client WHERE name = 'Ada'")
    client = known[0]["id"] if known else world.client("Ada")
    invoice = world.invoice(client, number, *(lines or (("100.00", "Work"),)))
    world.run()
    return invoice, world.one("Invoice", DocNumber=number)


@pytest.mark.behaviour("R-29", "R-30", "R-31", "R-37", "R-39", "C-R6")
@pytest.mark.case("C23")
def test_an_edit_in_quickbooks_is_pulled(world: World) -> None:
    invoice, sent = published(world)
    change(world, "Invoice", sent, DueDate="2026-06-30", DocNumber="INV-1B", CustomerMemo={"value": "New words"})
    world.run()
    here = row(world, "invoice", invoice)
    assert (str(here["due_date"]), here["number"], here["notes"]) == ("2026-06-30", "INV-1B", "New words")
    assert here["state"] == "published"
    at_rest(world)


@pytest.mark.behaviour("R-40", "R-41", "R-42")
@pytest.mark.failure("F-23")
def test_lines_are_replaced_and_those_that_stayed_keep_their_ids(world: World) -> None:
    invoice, sent = published(world, ("10.00", "a"), ("20.00", "b"), ("30.00", "c"))
    ids = {line["description"]: line["id"] for line in lines_of(world, invoice)}
    first, second, third = sales_lines(sent)
    second = {**second, "Amount": Decimal(25), "SalesItemLineDetail": {"ItemRef": {"value": "1"}}}
    change(world, "Invoice", sent, Line=[third, second, sales_line("5.00", "new")])
    assert first
    world.run()
    now = lines_of(world, invoice)
    found = {line["description"]: (line["id"], money(line["amount"])) for line in now}
    assert found["c"] == (ids["c"], 30)
    assert found["b"][1] == 25
    assert found["new"][1] == 5
    assert "a" not in found
    assert money(row(world, "invoice", invoice)["total"]) == 60
    at_rest(world)


def test_two_equal_lines_stay_two(world: World) -> None:
    """A repeated line is not one line: removing one of two in QuickBooks removes exactly one here."""
    invoice, sent = published(world, ("10.00", "hour"), ("10.00", "hour"), ("5.00", "other"))
    one, _, other = sales_lines(sent)
    change(world, "Invoice", sent, Line=[one, other])
    world.run()
    assert sorted(line["description"] for line in lines_of(world, invoice)) == ["hour", "other"]
    assert money(row(world, "invoice", invoice)["total"]) == 15
    at_rest(world)


@pytest.mark.behaviour("R-39")
def test_a_discount_given_in_quickbooks_is_pulled(world: World) -> None:
    invoice, sent = published(world)
    detail = {"PercentBased": False, "DiscountAccountRef": {"value": "86"}}
    off = {"Amount": Decimal(15), "DetailType": "DiscountLineDetail", "DiscountLineDetail": detail}
    change(world, "Invoice", sent, Line=[*sales_lines(sent), off])
    world.run()
    here = row(world, "invoice", invoice)
    assert (money(here["discount"]), money(here["total"])) == (15, 85)
    at_rest(world)


@pytest.mark.case("C22")
def test_an_edit_in_the_source_of_a_published_invoice_is_sent(world: World) -> None:
    invoice, _ = published(world, ("10.00", "a"), ("20.00", "b"))
    world.sql("UPDATE invoice SET notes = 'Thanks', due_date = '2026-07-01' WHERE id = :id", id=invoice)
    world.run()
    now = world.one("Invoice")
    assert (str(now["DueDate"]), now["CustomerMemo"]["value"]) == ("2026-07-01", "Thanks")
    assert len(sales_lines(now)) == 2
    at_rest(world)
    world.sql(
        "UPDATE invoice_line SET amount = '25', rate = '25' WHERE invoice_id = :id AND description = 'b'", id=invoice
    )
    world.sql("UPDATE invoice SET total = '35' WHERE id = :id", id=invoice)
    world.run()
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 35
    at_rest(world)


@pytest.mark.failure("F-25")
@pytest.mark.case("C25")
def test_edits_of_different_fields_are_merged(world: World) -> None:
    invoice, sent = published(world)
    world.sql("UPDATE invoice SET due_date = '2026-07-01' WHERE id = :id", id=invoice)
    change(world, "Invoice", sent, CustomerMemo={"value": "From QuickBooks"})
    world.run()
    now, here = world.one("Invoice"), row(world, "invoice", invoice)
    assert (str(now["DueDate"]), now["CustomerMemo"]["value"]) == ("2026-07-01", "From QuickBooks")
    assert (str(here["due_date"]), here["notes"]) == ("2026-07-01", "From QuickBooks")
    at_rest(world)


@pytest.mark.failure("F-25")
@pytest.mark.behaviour("R-30")
@pytest.mark.case("C26")
def test_quickbooks_wins_when_both_changed_the_same_and_nothing_is_lost_unsaid(world: World) -> None:
    invoice, sent = published(world)
    world.sql("UPDATE invoice SET notes = 'Ours' WHERE id = :id", id=invoice)
    change(world, "Invoice", sent, CustomerMemo={"value": "Theirs"})
    world.run()
    assert row(world, "invoice", invoice)["notes"] == "Theirs"
    assert world.one("Invoice")["CustomerMemo"]["value"] == "Theirs"
    events = world.store.history(world.name, Kind.INVOICE, str(invoice))
    assert any(event.before.get("notes") == "Ours" and "Theirs" in str(event.after) for event in events)
    at_rest(world)


@pytest.mark.case("C24")
def test_the_same_edit_on_both_sides_is_agreement(world: World) -> None:
    invoice, sent = published(world)
    world.sql("UPDATE invoice SET due_date = '2026-07-01' WHERE id = :id", id=invoice)
    change(world, "Invoice", sent, DueDate="2026-07-01")
    before = world.writes()
    assert world.run().plan.writes == ()
    assert world.writes() == before
    at_rest(world)


def test_an_edit_that_is_taken_back_is_no_edit(world: World) -> None:
    invoice, sent = published(world)
    changed = change(world, "Invoice", sent, DueDate="2026-07-01")
    change(world, "Invoice", changed, DueDate="2026-04-01")
    world.sql("UPDATE invoice SET notes = 'x' WHERE id = :id", id=invoice)
    world.sql("UPDATE invoice SET notes = NULL WHERE id = :id", id=invoice)
    at_rest(world)


@pytest.mark.case("C12")
def test_invoices_and_payments_of_others_are_none_of_ours(world: World) -> None:
    _, sent = published(world)
    stranger = customer(world, "Stranger")
    theirs = bill(world, stranger, "X-1")
    receive(world, stranger["Id"], (theirs["Id"], "100.00"))
    bill(world, {"Id": sent["CustomerRef"]["value"]}, "X-2")
    world.run()
    assert len(world.rows("SELECT id FROM invoice")) == 1
    assert world.rows("SELECT id FROM payment") == []
    at_rest(world)


@pytest.mark.behaviour("R-71")
@pytest.mark.case("C34")
@pytest.mark.failure("F-27")
def test_a_void_in_quickbooks_is_held_and_never_pulled_as_zero(world: World) -> None:
    invoice, sent = published(world)
    world.accountant.void("Invoice", world.accountant.read("Invoice", sent["Id"]))
    world.run()
    assert money(row(world, "invoice", invoice)["total"]) == 100
    waiting = held_one(world)
    assert (waiting.case, "voided" in waiting.reason) == ("C34", True)
    at_rest(world, differ=["INV-1"], held=1)
    world.sql("UPDATE invoice SET notes = 'edited after the void' WHERE id = :id", id=invoice)
    world.run()
    assert held_one(world).case == "C35"
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 0
    assert money(row(world, "invoice", invoice)["total"]) == 100


@pytest.mark.behaviour("R-71")
@pytest.mark.case("C32")
@pytest.mark.failure("F-48", "F-114")
def test_an_invoice_deleted_in_quickbooks_is_held_and_recreated_only_on_a_word(world: World) -> None:
    invoice, sent = published(world)
    world.accountant.delete("Invoice", sent)
    for _ in range(2):
        assert world.run().outcome == "held"
    assert row(world, "invoice", invoice)["state"] == "published"
    assert world.books("Invoice") == []
    at_rest(world, differ=["INV-1"], held=1)
    answer(world, "accept-source")
    world.run()
    assert born(world, "Invoice") == {"INV-1": 2}
    assert len(world.books("Invoice")) == 1
    at_rest(world)


def test_several_invoices_deleted_in_quickbooks_are_held_and_halt_nothing(world: World) -> None:
    """Nothing is to be removed, so no brake has anything to stop: the company goes on with everything else."""
    gone = [published(world, number=f"INV-{n}")[1] for n in (1, 2, 3)]
    for each in gone:
        world.accountant.delete("Invoice", each)
    world.invoice(1, "INV-4")
    report = world.run()
    assert (report.outcome, report.plan.brakes) == ("held", ())
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-4"]
    at_rest(world, differ=["INV-1", "INV-2", "INV-3"], held=3)


def test_deleted_in_quickbooks_and_the_source_follows_on_a_word(world: World) -> None:
    _, sent = published(world)
    published(world, number="INV-2")
    world.accountant.delete("Invoice", sent)
    world.run()
    answer(world, "accept-qbo")
    report = world.run()
    assert [i["number"] for i in world.rows("SELECT number FROM invoice")] == ["INV-2"], report
    at_rest(world)


@pytest.mark.case("C51")
@pytest.mark.failure("F-93")
def test_a_closed_period_is_left_alone(world: World) -> None:
    invoice, _ = published(world)
    world.sandbox.change_company(world.realm, book_close_date="2026-03-31")
    world.restart()
    world.sql("UPDATE invoice SET notes = 'late' WHERE id = :id", id=invoice)
    late = world.invoice(1, "INV-2")
    open_one = world.invoice(1, "INV-3", issue_date="2026-04-02", due_date="2026-05-02")
    before = world.one("Invoice", DocNumber="INV-1")["SyncToken"]
    report = world.run()
    assert report.outcome == "held"
    assert world.one("Invoice", DocNumber="INV-1")["SyncToken"] == before
    assert sorted(i["DocNumber"] for i in world.books("Invoice")) == ["INV-1", "INV-3"]
    reasons = {h.label: h.reason for h in world.store.held(world.name)}
    assert set(reasons) == {"INV-1", "INV-2"}
    assert all("closed" in reason for reason in reasons.values())
    assert late
    assert open_one
    at_rest(world, differ=["INV-1"], held=2)


@pytest.mark.case("C51")
def test_a_paid_invoice_keeps_its_amounts(world: World) -> None:
    invoice, sent = published(world)
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "100.00"))
    world.run()
    at_rest(world)
    world.sql("UPDATE invoice_line SET amount = '90', rate = '90' WHERE invoice_id = :id", id=invoice)
    world.sql("UPDATE invoice SET total = '90' WHERE id = :id", id=invoice)
    world.run()
    assert Decimal(world.one("Invoice")["TotalAmt"]) == 100
    assert "payments or credits" in held_one(world).reason
    at_rest(world, differ=["INV-1"], held=1)
    world.sql("UPDATE invoice_line SET amount = '100', rate = '100' WHERE invoice_id = :id", id=invoice)
    world.sql("UPDATE invoice SET total = '100', notes = 'Paid, thanks' WHERE id = :id", id=invoice)
    world.run()
    assert world.one("Invoice")["CustomerMemo"]["value"] == "Paid, thanks"
    at_rest(world)


@pytest.mark.case("C23")
def test_a_customer_renamed_in_quickbooks_stays_linked(world: World) -> None:
    _, sent = published(world)
    change(world, "Customer", {"Id": sent["CustomerRef"]["value"]}, DisplayName="Ada (new name)")
    world.run()
    assert row(world, "client", 1)["name"] == "Ada"
    published(world, number="INV-2")
    assert len(world.books("Customer")) == 1
    once(world)
    at_rest(world)


def test_a_client_renamed_in_the_source_renames_only_the_customer_that_syncd_made(world: World) -> None:
    published(world)
    known = customer(world, "Bob")
    world.invoice(world.client("Bob"), "INV-2")
    world.run()
    world.sql("UPDATE client SET name = 'Ada Lovelace' WHERE name = 'Ada'")
    world.sql("UPDATE client SET name = 'Robert' WHERE name = 'Bob'")
    world.run()
    assert sorted(c["DisplayName"] for c in world.books("Customer")) == ["Ada Lovelace", "Bob"]
    assert world.accountant.read("Customer", known["Id"])["SyncToken"] == known["SyncToken"]
    at_rest(world)


@pytest.mark.failure("F-76", "F-82")
def test_a_customer_made_inactive_holds_what_needs_it(world: World) -> None:
    _, sent = published(world)
    world.accountant.delete("Invoice", sent)
    there = world.accountant.read("Customer", sent["CustomerRef"]["value"])
    world.accountant.save("Customer", {**there, "Active": False})
    world.sql("UPDATE invoice SET state = 'draft' WHERE id = 1")
    world.invoice(1, "INV-2")
    world.invoice(world.client("Bob"), "INV-3")
    world.run()
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-3"]
    assert any("inactive" in h.reason for h in world.store.held(world.name))
    there = world.accountant.read("Customer", there["Id"])
    world.accountant.save("Customer", {**there, "Active": True, "DisplayName": "Ada"})
    world.run()
    assert sorted(i["DocNumber"] for i in world.books("Invoice")) == ["INV-2", "INV-3"]
    once(world)
