"""Invoices: out by themselves with every later change, never back; sent and paid on both sides (V-1, V-6 to V-13)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind
from tests.e2e.helpers import (
    answer,
    at_rest,
    bill,
    change,
    customer,
    held,
    held_one,
    money,
    mutations,
    once,
    parts_of,
    receive,
    row,
    sales_line,
    sales_lines,
    snapshot,
)
from tests.ravetree.conftest import Start
from tests.ravetree.helpers import emailed, invoice, items_of, settle, type_of
from tests.support.world import World


@pytest.mark.behaviour("V-7", "V-23", "C-V4")
def test_what_is_sent_goes_out_with_nobody_watching_and_drafts_do_not(world: World) -> None:
    """A retainer that made an invoice, and a person who did: nobody presses a button for either."""
    ada = world.client("Ada", email="ada@example.com")
    world.run()
    invoice(world, ada, "INV-1", ("500.00", "March", "retainer"))
    draft = invoice(world, ada, "INV-2", state="draft")
    finished = invoice(world, ada, "INV-3", state="published")
    report = world.run(approve_first_run=False, every_dirty=False, actor="daemon")
    assert report.outcome == "ok"
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]
    settle(world)
    at_rest(world)
    world.sql("UPDATE invoice SET state = 'sent' WHERE id IN (:one, :other)", one=draft, other=finished)
    settle(world)
    assert sorted(i["DocNumber"] for i in world.books("Invoice")) == ["INV-1", "INV-2", "INV-3"]
    assert all(i["EmailStatus"] == "EmailSent" for i in world.books("Invoice"))
    assert [r for r in world.sandbox.requests(realm=world.realm) if "/send" in r["path"]] == [], "nothing is mailed"
    once(world)
    at_rest(world)


@pytest.mark.behaviour("V-7", "V-10", "C-V4")
def test_where_that_is_wished_drafts_go_out_and_become_sent_on_both_sides(start: Start) -> None:
    world = start({"push_on": "create"})
    ada = world.client("Ada", email="ada@example.com")
    mine = invoice(world, ada, "INV-1", state="draft")
    theirs = invoice(world, ada, "INV-2", state="draft")
    settle(world)
    assert {i["DocNumber"]: i["EmailStatus"] for i in world.books("Invoice")} == {"INV-1": "NotSet", "INV-2": "NotSet"}
    world.sql("UPDATE invoice SET state = 'sent' WHERE id = :id", id=mine)
    emailed(world, world.one("Invoice", DocNumber="INV-2"))
    settle(world)
    assert {i["EmailStatus"] for i in world.books("Invoice")} == {"EmailSent"}
    assert (row(world, "invoice", mine)["state"], row(world, "invoice", theirs)["state"]) == ("sent", "sent")
    at_rest(world)
    # What was sent does not become unsent because another program put its mark back.
    change(world, "Invoice", world.one("Invoice", DocNumber="INV-2"), EmailStatus="NotSet")
    settle(world)
    assert row(world, "invoice", theirs)["state"] == "sent"
    assert held(world) == []
    # That people take back what they sent goes along, as long as drafts belong in QuickBooks.
    world.sql("UPDATE invoice SET state = 'draft' WHERE id = :id", id=mine)
    settle(world)
    assert world.one("Invoice", DocNumber="INV-1")["EmailStatus"] == "NotSet"


@pytest.mark.behaviour("V-11", "V-22")
def test_every_later_change_of_the_lines_goes_out(world: World) -> None:
    made = invoice(world, world.client("Ada"), "INV-1", ("10.00", "a", "time"), ("20.00", "b", "time"))
    settle(world)
    kept = {line["Description"]: line["Id"] for line in sales_lines(world.one("Invoice"))}
    with world.entering():
        world.sql("UPDATE invoice_line SET amount = '25.00', rate = '25.00' WHERE description = 'b'")
        world._insert(
            "invoice_line",
            **{"invoice_id": made, "position": 3, "description": "c", "quantity": "1", "rate": "5.00"},
            **{"amount": "5.00", "item_id": type_of(world, "expense"), "taxable": False},
        )
        world.sql("UPDATE invoice SET total = '40.00' WHERE id = :id", id=made)
    settle(world)
    sent = world.one("Invoice")
    assert items_of(world, sent) == [("Services", "10.00"), ("Services", "25.00"), ("Reimbursed costs", "5.00")]
    assert {line["Description"]: line["Id"] for line in sales_lines(sent)}.items() >= kept.items()
    assert Decimal(sent["TotalAmt"]) == 40
    with world.entering():
        world.sql("DELETE FROM invoice_line WHERE description = 'a'")
        world.sql("UPDATE invoice SET total = '30.00', due_date = '2026-05-01' WHERE id = :id", id=made)
    settle(world)
    sent = world.one("Invoice")
    assert [line["Description"] for line in sales_lines(sent)] == ["b", "c"]
    assert (Decimal(sent["TotalAmt"]), str(sent["DueDate"])) == (30, "2026-05-01")
    once(world)
    at_rest(world)


@pytest.mark.behaviour("V-6", "V-13")
def test_content_that_quickbooks_changes_or_has_of_its_own_stays_there(world: World) -> None:
    made = invoice(world, world.client("Ada"), "INV-1", ("10.00", "a", "time"))
    settle(world)
    before = snapshot(world)
    sent = world.one("Invoice")
    change(world, "Invoice", sent, CustomerMemo={"value": "theirs"}, DueDate="2026-09-09")
    bill(world, customer(world, "Their own"), "Q-1")
    settle(world)
    assert snapshot(world) == before, "nothing comes back"
    assert held(world) == []
    at_rest(world)
    # The rest of it goes on being the source's; what the accountant wrote is not overwritten unasked.
    with world.entering():
        world.sql("UPDATE invoice_line SET amount = '12.00', rate = '12.00' WHERE invoice_id = :id", id=made)
        world.sql("UPDATE invoice SET total = '12.00' WHERE id = :id", id=made)
    settle(world)
    sent = world.one("Invoice", DocNumber="INV-1")
    assert (Decimal(sent["TotalAmt"]), sent["CustomerMemo"]["value"]) == (12, "theirs")
    world.sql("UPDATE invoice SET notes = 'ours, anew' WHERE id = :id", id=made)
    world.run()
    assert "QuickBooks holds notes of its own" in held_one(world).reason
    answer(world, "accept-source")
    settle(world)
    assert world.one("Invoice", DocNumber="INV-1")["CustomerMemo"]["value"] == "ours, anew"
    at_rest(world)


@pytest.mark.behaviour("V-11", "V-13", "C-V1", "C-V2")
def test_both_sides_may_change_different_things_of_one_invoice(world: World) -> None:
    """The source's lines go out, QuickBooks' memo stays, and what is paid comes back: at once."""
    made = invoice(world, world.client("Ada"), "INV-1", ("10.00", "a", "time"))
    settle(world)
    sent = world.one("Invoice")
    change(world, "Invoice", sent, CustomerMemo={"value": "theirs"})
    world.sql("UPDATE invoice SET due_date = '2026-07-07' WHERE id = :id", id=made)
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "10.00"))
    settle(world)
    sent = world.one("Invoice")
    assert (str(sent["DueDate"]), sent["CustomerMemo"]["value"]) == ("2026-07-07", "theirs")
    here = row(world, "invoice", made)
    assert (here["notes"], bool(here["paid"])) == (None, True)
    assert [money(p["amount"]) for p in world.rows("SELECT amount FROM payment")] == [10]
    assert held(world) == []
    at_rest(world)


@pytest.mark.behaviour("V-9", "V-10")
def test_a_payment_entered_on_either_side_is_on_both_and_the_invoice_is_paid(world: World) -> None:
    ada = world.client("Ada")
    mine, theirs = invoice(world, ada, "INV-1"), invoice(world, ada, "INV-2")
    settle(world)
    here, there = (world.one("Invoice", DocNumber=number) for number in ("INV-1", "INV-2"))
    own = world.payment(ada, (mine, "100.00"))
    receive(world, there["CustomerRef"]["value"], (there["Id"], "40.00"))
    settle(world)
    assert {i["DocNumber"]: Decimal(i["Balance"]) for i in world.books("Invoice")} == {"INV-1": 0, "INV-2": 60}
    assert [bool(row(world, "invoice", each)["paid"]) for each in (mine, theirs)] == [True, False]
    (came,) = world.rows("SELECT id, amount FROM payment WHERE id <> :id", id=own)
    assert (money(came["amount"]), parts_of(world, came["id"])) == (40, {theirs: 40})
    receive(world, there["CustomerRef"]["value"], (there["Id"], "60.00"), PaymentRefNum="CHEQUE-2")
    settle(world)
    assert bool(row(world, "invoice", theirs)["paid"])
    once(world)
    at_rest(world)
    # A payment is changed on either side, too.
    paid = world.one("Payment", PaymentRefNum="CHEQUE-2")
    world.accountant.save("Payment", {**paid, "PrivateNote": "by wire"})
    world.sql("UPDATE payment SET reference = 'W-1a' WHERE id = :id", id=own)
    settle(world)
    assert [p["notes"] for p in world.rows("SELECT notes FROM payment WHERE reference = 'CHEQUE-2'")] == ["by wire"]
    assert world.one("Payment", PaymentRefNum="W-1a")["TotalAmt"] == 100
    assert here["Id"] == world.one("Invoice", DocNumber="INV-1")["Id"]
    at_rest(world)


@pytest.mark.behaviour("V-10", "C-V3")
def test_marking_as_paid_makes_a_payment_once_a_person_confirms_it(start: Start) -> None:
    world = start({"mark_paid_account": "Checking"})
    ada = world.client("Ada")
    made = invoice(world, ada, "INV-1")
    receive_part = invoice(world, ada, "INV-2")
    world.payment(ada, (receive_part, "30.00"))
    settle(world)
    writes = world.writes()
    world.sql("UPDATE invoice SET paid = true WHERE id = :id", id=receive_part)
    world.run()
    waits = held_one(world, Kind.INVOICE)
    assert "no payment of 70.00 USD is recorded" in waits.reason
    assert {"accept-source", "accept-qbo"} <= set(waits.actions)
    assert (world.writes(), world.rows("SELECT count(*) AS n FROM payment")[0]["n"]) == (writes, 1)
    answer(world, "accept-source")
    settle(world)
    (entered,) = world.rows("SELECT * FROM payment WHERE by_mark")
    assert (money(entered["amount"]), parts_of(world, entered["id"])) == (70, {receive_part: 70})
    there = next(p for p in world.books("Payment") if p["Id"] == entered["qbo_id"])
    checking = next(a["Id"] for a in world.books("Account") if a["Name"] == "Checking")
    assert (Decimal(there["TotalAmt"]), there["DepositToAccountRef"]["value"]) == (70, checking)
    assert Decimal(world.one("Invoice", DocNumber="INV-2")["Balance"]) == 0
    assert held(world) == []
    at_rest(world)
    # Taken back, the mark takes along the payment that it made, and no other.
    world.sql("UPDATE invoice SET paid = false WHERE id = :id", id=receive_part)
    settle(world)
    assert [money(p["amount"]) for p in world.rows("SELECT amount FROM payment")] == [30]
    assert [Decimal(p["TotalAmt"]) for p in world.books("Payment")] == [30]
    assert Decimal(world.one("Invoice", DocNumber="INV-2")["Balance"]) == 70
    at_rest(world)
    # Not confirmed but refused, the mark goes.
    world.sql("UPDATE invoice SET paid = true WHERE id = :id", id=made)
    world.run()
    answer(world, "accept-qbo")
    settle(world)
    assert not row(world, "invoice", made)["paid"]
    assert len(world.books("Payment")) == 1
    at_rest(world)


@pytest.mark.behaviour("V-10", "C-V3")
def test_a_mark_that_a_payment_explains_makes_none_and_takes_none_along(world: World) -> None:
    ada = world.client("Ada")
    made = invoice(world, ada, "INV-1", paid=True)
    world.payment(ada, (made, "100.00"))
    settle(world)
    assert [Decimal(p["TotalAmt"]) for p in world.books("Payment")] == [100]
    assert held(world) == []
    at_rest(world)
    world.sql("UPDATE invoice SET paid = false WHERE id = :id", id=made)
    world.run()
    assert "payment W1 did not come from a mark" in held_one(world).reason
    assert len(world.books("Payment")) == 1
    answer(world, "accept-qbo")
    settle(world)
    assert row(world, "invoice", made)["paid"]
    at_rest(world)


@pytest.mark.behaviour("C-V3")
def test_without_a_named_account_no_mark_becomes_money(start: Start) -> None:
    world = start({"deposit_account": ""})
    made = invoice(world, world.client("Ada"), "INV-1")
    settle(world)
    world.sql("UPDATE invoice SET paid = true WHERE id = :id", id=made)
    world.run()
    answer(world, "accept-source")
    world.run()
    world.run()
    waits = held_one(world, Kind.PAYMENT)
    assert "no account is named" in waits.reason
    assert "mark_paid_account" in waits.problems[0].remedy
    assert world.books("Payment") == []
    world.adjust(mark_paid_account="Undeposited Funds")
    world.run(accept_config=True)
    settle(world)
    assert Decimal(world.one("Payment")["TotalAmt"]) == 100
    at_rest(world)


@pytest.mark.behaviour("C-V3")
@pytest.mark.failure("F-1")
def test_one_word_makes_one_payment_whatever_happens_to_the_write(world: World) -> None:
    """The books do not answer at the moment of the payment: it is entered once all the same."""
    made = invoice(world, world.client("Ada"), "INV-1")
    settle(world)
    world.sql("UPDATE invoice SET paid = true WHERE id = :id", id=made)
    world.run()
    answer(world, "accept-source")
    world.run()
    world.sandbox.add_fault("reset", when="after", operation="create", entity="Payment", realm=world.realm, count=1)
    world.run()
    world.sandbox.clear_faults()
    settle(world)
    assert len(world.books("Payment")) == len(world.rows("SELECT id FROM payment")) == 1
    assert Decimal(world.one("Invoice")["Balance"]) == 0
    assert mutations(world, 0)
    at_rest(world)


@pytest.mark.behaviour("C-V5")
def test_deletions_and_voids_wait_for_a_person(world: World) -> None:
    ada = world.client("Ada")
    gone, deleted, voided, taken, _ = (invoice(world, ada, f"INV-{n}") for n in range(1, 6))
    lost = world.payment(ada, (invoice(world, ada, "INV-6"), "100.00"))
    settle(world)
    sent = {i["DocNumber"]: i for i in world.books("Invoice")}
    world.sql("DELETE FROM invoice_line WHERE invoice_id = :id", id=gone)
    world.sql("DELETE FROM invoice WHERE id = :id", id=gone)
    world.accountant.delete("Invoice", sent["INV-2"])
    world.accountant.void("Invoice", sent["INV-3"])
    world.sql("UPDATE invoice SET state = 'draft' WHERE id = :id", id=taken)
    payment = world.one("Payment")
    world.accountant.delete("Payment", payment)
    writes, source = world.writes(), snapshot(world)
    world.run()
    assert {(each.kind, each.label, each.case) for each in held(world)} == {
        (Kind.INVOICE, "INV-1", "C30"),
        (Kind.INVOICE, "INV-2", "C32"),
        (Kind.INVOICE, "INV-3", "C34"),
        (Kind.INVOICE, "INV-4", "C30"),
        (Kind.PAYMENT, "W1", "C32"),
    }
    assert world.writes() == writes
    now = snapshot(world)
    assert now["payment"] == source["payment"]
    assert [r["state"] for r in now["invoice"]] == [r["state"] for r in source["invoice"]]
    assert (deleted, voided, lost) == (2, 3, 1)


@pytest.mark.behaviour("C-V5")
def test_the_settings_say_what_becomes_of_deletions_and_voids(start: Start) -> None:
    world = start({"on_qbo_delete": "unpublish", "on_qbo_void": "void", "on_source_delete": "delete"})
    ada = world.client("Ada")
    gone, deleted, voided = (invoice(world, ada, f"INV-{n}") for n in (1, 2, 3))
    kept = invoice(world, ada, "INV-4")
    world.payment(ada, (kept, "10.00"))
    world.payment(ada, (kept, "5.00"), reference="W2")
    settle(world)
    sent = {i["DocNumber"]: i for i in world.books("Invoice")}
    world.sql("DELETE FROM invoice_line WHERE invoice_id = :id", id=gone)
    world.sql("DELETE FROM invoice WHERE id = :id", id=gone)
    world.accountant.delete("Invoice", sent["INV-2"])
    world.accountant.void("Invoice", sent["INV-3"])
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="W2"))
    removals = {Kind.INVOICE: 5, Kind.PAYMENT: 5}
    world.run(allow_removals=removals)
    world.run(allow_removals=removals)
    assert sorted(i["DocNumber"] for i in world.books("Invoice")) == ["INV-3", "INV-4"]
    states = {r["id"]: r["state"] for r in world.rows("SELECT id, state FROM invoice")}
    assert states == {deleted: "draft", voided: "void", kept: "sent"}
    assert [p["reference"] for p in world.rows("SELECT reference FROM payment")] == ["W1"]
    settle(world)
    at_rest(world)


@pytest.mark.behaviour("V-11")
def test_a_taxed_invoice_changes_like_any_other_and_its_rate_stays_quickbooks(start: Start) -> None:
    world = start({"default_tax_code": "California"}, using_sales_tax=True)
    made = invoice(world, world.client("Ada"), "INV-1", ("100.00", "a", "time"), tax="8.00")
    settle(world)
    assert Decimal(world.one("Invoice")["TxnTaxDetail"]["TotalTax"]) == 8
    assert row(world, "invoice", made)["tax_rate"] is None, "nothing of the content comes back"
    at_rest(world)
    with world.entering():
        world.sql("UPDATE invoice_line SET amount = '50.00', rate = '50.00' WHERE invoice_id = :id", id=made)
        world.sql("UPDATE invoice SET total = '54.00', tax = '4.00' WHERE id = :id", id=made)
    settle(world)
    assert held(world) == []
    sent = world.one("Invoice")
    assert (Decimal(sent["TotalAmt"]), Decimal(sent["TxnTaxDetail"]["TotalTax"])) == (54, 4)
    at_rest(world)


@pytest.mark.behaviour("V-10", "C-V3")
def test_a_mark_that_was_there_from_the_start_is_asked_about_although_nobody_mentions_it_again(start: Start) -> None:
    """Of one invoice that is new in QuickBooks, and of one that is linked because it was there."""
    world = start(source_options={"overlap_seconds": 0}, qbo={"cdc_overlap_seconds": 0})
    known = bill(world, customer(world, "Bob"), "INV-2", ("100.00", "Work"))
    invoice(world, world.client("Ada"), "INV-1", paid=True)
    invoice(world, world.client("Bob"), "INV-2", paid=True, qbo_id=known["Id"])
    world.sandbox.advance(60)
    world.run()
    assert [each.reason for each in held(world)] == []
    world.run(every_dirty=False)
    reasons = {each.label: each.reason for each in held(world)}
    assert reasons.keys() == {"INV-1", "INV-2"}
    assert all("no payment of 100.00 USD is recorded" in reason for reason in reasons.values())
    for each in held(world):
        world.store.resolve_held(world.name, each.id, "accept-source", "Ann")
    settle(world)
    assert {(i["DocNumber"], i["EmailStatus"], Decimal(i["Balance"])) for i in world.books("Invoice")} == {
        ("INV-1", "EmailSent", 0),
        ("INV-2", "EmailSent", 0),
    }
    at_rest(world)


@pytest.mark.behaviour("V-9", "V-10")
def test_an_invoice_that_was_paid_in_quickbooks_before_the_link_comes_in_as_paid(world: World) -> None:
    bob = customer(world, "Bob")
    known = bill(world, bob, "INV-1", ("100.00", "Work"))
    receive(world, bob["Id"], (known["Id"], "100.00"))
    made = invoice(world, world.client("Bob"), "INV-1")
    settle(world)
    assert row(world, "invoice", made)["paid"]
    assert world.one("Invoice")["EmailStatus"] == "EmailSent"
    assert held(world) == []
    assert len(world.books("Invoice")) == 1


@pytest.mark.behaviour("V-9", "V-10", "C-V3")
def test_a_mark_set_together_with_its_payment_is_no_question_at_any_moment(world: World) -> None:
    ada = world.client("Ada")
    made = invoice(world, ada, "INV-1")
    settle(world)
    with world.entering():
        world.payment(ada, (made, "100.00"))
        world.sql("UPDATE invoice SET paid = true WHERE id = :id", id=made)
    world.run()
    assert held(world) == [], "its payment is on its way"
    settle(world)
    assert Decimal(world.one("Invoice")["Balance"]) == 0
    at_rest(world)


@pytest.mark.behaviour("C-V3")
def test_what_a_person_says_of_a_mark_is_about_the_mark_alone(world: World) -> None:
    """What else people change goes the way it always goes; and what changes after the answer is asked about anew."""
    made = invoice(world, world.client("Ada"), "INV-1", notes="first")
    settle(world)
    world.sql("UPDATE invoice SET paid = true WHERE id = :id", id=made)
    world.run()
    answer(world, "accept-qbo")
    world.sql("UPDATE invoice SET notes = 'second' WHERE id = :id", id=made)
    world.run()
    assert bool(row(world, "invoice", made)["paid"])
    assert "accept-qbo takes the mark back" in held_one(world).reason
    answer(world, "accept-qbo")
    settle(world)
    assert (row(world, "invoice", made)["notes"], bool(row(world, "invoice", made)["paid"])) == ("second", False)
    assert world.one("Invoice")["CustomerMemo"]["value"] == "second"
    at_rest(world)


@pytest.mark.behaviour("V-13", "C-V3")
def test_what_is_open_in_quickbooks_is_what_a_mark_pays(world: World) -> None:
    """An accountant made the invoice dearer there, and that was left."""
    made = invoice(world, world.client("Ada"), "INV-1")
    settle(world)
    sent = world.one("Invoice")
    change(world, "Invoice", sent, Line=[*sales_lines(sent), sales_line("50.00", "more")])
    settle(world)
    assert money(row(world, "invoice", made)["total"]) == 100
    world.sql("UPDATE invoice SET paid = true WHERE id = :id", id=made)
    world.run()
    assert "no payment of 150.00 USD is recorded" in held_one(world).reason
    answer(world, "accept-source")
    world.run()
    assert held(world) == [], "what was said is being done"
    settle(world)
    assert [Decimal(p["TotalAmt"]) for p in world.books("Payment")] == [150]
    assert Decimal(world.one("Invoice")["Balance"]) == 0
    at_rest(world)
