"""Reloading one record from QuickBooks by hand: the repair for copies that drifted apart (R-34 to R-43, R-66 to R-68,
R-86 to R-88, C-R1, C-R2), by the engine and by the command."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from syncd.errors import StateError
from syncd.model.kinds import Kind
from tests.e2e.helpers import (
    Json,
    at_rest,
    bill,
    change,
    configure,
    held,
    lines_of,
    money,
    once,
    parts_of,
    receive,
    row,
    sales_line,
    snapshot,
    syncd,
)
from tests.support.world import World


def link(kind: str, record_id: str, amount: str) -> Json:
    """What a line of a payment in QuickBooks applies to one document."""
    return {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": record_id, "TxnType": kind}]}


@pytest.fixture
def sent(world: World) -> Json:
    """An invoice of 100 and another beside it, on both sides."""
    ada = world.client("Ada")
    world.invoice(ada, "INV-1", ("60.00", "Design"), ("40.00", "Travel"), bill_to="Ada Ltd\nMain Road 1")
    world.invoice(ada, "INV-2")
    world.run()
    return world.one("Invoice", DocNumber="INV-1")


@pytest.mark.behaviour("R-34", "R-37", "R-38", "R-39", "R-40", "R-41", "R-42", "R-43", "R-66", "R-67", "R-68")
def test_a_reload_brings_the_invoice_and_its_payments_and_nothing_else(world: World, sent: Json) -> None:
    world.named("payment_method", "Check")
    visa = world.named("payment_method", "Visa")
    mine = world.payment(1, (1, "10.00"), method_id=1)
    world.run()
    other = world.one("Invoice", DocNumber="INV-2")
    change(world, "Invoice", other, DueDate="2026-12-31")
    detail = {"PercentBased": False, "DiscountAccountRef": {"value": "86"}}
    off = {"Amount": Decimal(5), "DetailType": "DiscountLineDetail", "DiscountLineDetail": detail}
    (design, _) = [line for line in sent["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    change(
        world,
        "Invoice",
        sent,
        DocNumber="INV-1007",
        TxnDate="2026-03-05",
        DueDate="2026-05-05",
        CustomerMemo={"value": "As agreed"},
        BillAddr={"Line1": "Ada Ltd", "Line2": "New Street 9", "City": "Leeds"},
        Line=[design, sales_line("80.00", "Printing"), off],
    )
    paid = world.one("Payment")
    world.accountant.save(
        "Payment",
        {
            **paid,
            "TotalAmt": Decimal(25),
            "TxnDate": "2026-03-22",
            "PaymentRefNum": "W1b",
            "PrivateNote": "By card",
            "PaymentMethodRef": {"value": "3"},
            "Line": [link("Invoice", sent["Id"], "25")],
        },
    )
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "30.00"), PaymentRefNum="NEW", PrivateNote="Cheque")
    before = snapshot(world)
    planned = world.engine.reload(Kind.INVOICE, "INV-1", dry_run=True)
    assert sorted((o.kind.value, o.verb.value) for o in planned.plan.writes) == [
        ("invoice", "update"),
        ("payment", "create"),
        ("payment", "update"),
    ]
    assert snapshot(world) == before

    world.engine.reload(Kind.INVOICE, "INV-1")
    here = row(world, "invoice", 1)
    assert (here["number"], here["transaction_number"], here["notes"]) == ("INV-1007", "1007", "As agreed")
    assert (str(here["issue_date"]), str(here["due_date"])) == ("2026-03-05", "2026-05-05")
    assert here["bill_to"].split() == ["Ada", "Ltd", "New", "Street", "9", "Leeds"]
    assert (money(here["discount"]), money(here["total"])) == (5, 135)
    assert [(li["description"], money(li["amount"])) for li in lines_of(world, 1)] == [("Design", 60), ("Printing", 80)]
    payments = {p["reference"]: p for p in world.rows("SELECT * FROM payment")}
    assert sorted(payments) == ["NEW", "W1b"]
    known = payments["W1b"]
    assert (known["id"], money(known["amount"]), str(known["date"])) == (mine, 25, "2026-03-22")
    assert (known["notes"], known["method_id"]) == ("By card", visa)
    assert parts_of(world, payments["NEW"]["id"]) == {1: 30}
    assert str(row(world, "invoice", 2)["due_date"]) == "2026-04-01", "only what was named is reloaded"

    # The next cycle brings the rest, and what was reloaded is no news to it.
    world.run()
    assert str(row(world, "invoice", 2)["due_date"]) == "2026-12-31"
    assert len(world.rows("SELECT id FROM payment")) == 2
    at_rest(world)


@pytest.mark.behaviour("R-35", "C-R1")
def test_a_reload_mends_copies_that_drifted_apart(world: World, sent: Json) -> None:
    """Both sides changed, and the source alone changed: QuickBooks' copy is taken each time, and nothing is sent."""
    change(world, "Invoice", sent, DueDate="2026-05-05")
    world.sql("UPDATE invoice SET notes = 'Drifted', due_date = '2026-09-09', total = '99' WHERE id = 1")
    world.sql("UPDATE invoice_line SET amount = '59', rate = '59' WHERE invoice_id = 1 AND description = 'Design'")
    books = world.writes()
    world.engine.reload(Kind.INVOICE, sent["Id"])  # by QuickBooks' id
    here = row(world, "invoice", 1)
    assert (str(here["due_date"]), here["notes"] or "", money(here["total"])) == ("2026-05-05", "", 100)
    assert [money(line["amount"]) for line in lines_of(world, 1)] == [60, 40]
    at_rest(world)
    # A row that cannot be read as an invoice is not written over: it stays held, with the reason.
    world.sql("UPDATE invoice SET issue_date = 'soon' WHERE id = 1")
    world.engine.reload(Kind.INVOICE, "1")
    assert [each.label for each in held(world)] == ["INV-1"]
    assert row(world, "invoice", 1)["issue_date"] == "soon"
    world.sql("UPDATE invoice SET issue_date = '2026-03-09' WHERE id = 1")
    world.engine.reload(Kind.INVOICE, "1")
    assert str(row(world, "invoice", 1)["issue_date"]) == "2026-03-02"
    assert world.writes() == books
    at_rest(world)


@pytest.mark.behaviour("R-36", "C-R15")
def test_only_what_is_published_and_saved_can_be_reloaded_and_a_reload_removes_no_invoice(
    world: World, sent: Json
) -> None:
    world.invoice(1, "INV-3", save_to_qbo=False)
    world.invoice(1, "INV-4", state="draft")
    paid = world.invoice(1, "INV-5")
    for _ in range(2):
        world.payment(1, (paid, "1.00"), reference="TWICE")
    world.run()
    with pytest.raises(StateError, match=r"2 records are called TWICE \(ids 1, 2\)") as twice:
        world.engine.reload(Kind.PAYMENT, "TWICE")
    assert "by its id" in twice.value.remedy
    for name in ("INV-3", "INV-4", "INV-9", ""):
        with pytest.raises(StateError, match="was saved to QuickBooks") as error:
            world.engine.reload(Kind.INVOICE, name)
        assert "syncd reconcile" in error.value.remedy
    other = world.one("Invoice", DocNumber="INV-2")
    world.sql("UPDATE invoice SET state = 'draft', notes = 'work in progress' WHERE id = 2")
    for _ in range(2):  # before the cycle that sees it and after
        with pytest.raises(StateError, match="a draft or void"):
            world.engine.reload(Kind.INVOICE, "INV-2")
        world.run()
    assert row(world, "invoice", 2)["notes"] == "work in progress"
    world.sql("UPDATE invoice SET state = 'published' WHERE id = 2")
    world.engine.reload(Kind.INVOICE, "INV-2")
    assert row(world, "invoice", 2)["notes"] in {None, ""}
    assert world.one("Invoice", DocNumber="INV-2")["SyncToken"] == other["SyncToken"]
    at_rest(world)

    # Deleted or voided there: what then becomes of the source's is for its own settings to say (C-R15).
    world.accountant.delete("Invoice", sent)
    world.accountant.void("Invoice", other)
    for name in ("INV-1", "INV-2"):
        assert world.engine.reload(Kind.INVOICE, name).outcome == "held"
    assert [i["state"] for i in world.rows("SELECT state FROM invoice WHERE id < 3")] == ["published", "published"]
    assert sorted(h.case for h in held(world)) == ["C32", "C34"]


@pytest.mark.behaviour("R-66", "R-70", "R-64", "R-86", "R-87", "R-88", "C-R2", "C-R3")
def test_credits_come_with_the_payments_and_credit_notes_and_payments_are_reloaded_by_themselves(
    world: World, sent: Json
) -> None:
    note = world.credit_note(1, "CN-1", ("30.00", "Back"))
    world.run()
    memo, customer_id = world.one("CreditMemo"), sent["CustomerRef"]["value"]
    made = world.accountant.save(
        "Payment",
        {
            "CustomerRef": {"value": customer_id},
            "TotalAmt": Decimal(50),
            "TxnDate": "2026-04-10",
            "PaymentRefNum": "MIXED",
            "Line": [link("Invoice", sent["Id"], "70"), link("CreditMemo", memo["Id"], "20")],
        },
    )
    applied = world.accountant.save(
        "Payment",
        {
            "CustomerRef": {"value": customer_id},
            "TotalAmt": Decimal(0),
            "TxnDate": "2026-04-11",
            "Line": [link("Invoice", sent["Id"], "10"), link("CreditMemo", memo["Id"], "10")],
        },
    )
    world.engine.reload(Kind.INVOICE, "INV-1")
    (here,) = world.rows("SELECT * FROM payment")
    assert (money(here["amount"]), parts_of(world, here["id"])) == (70, {1: Decimal(70)})
    (used,) = world.rows("SELECT credit_note_id, amount FROM payment_credit")
    assert (used["credit_note_id"], money(used["amount"])) == (note, 20)
    (application,) = world.rows("SELECT * FROM credit_application")
    assert (application["credit_note_id"], application["qbo_id"]) == (note, applied["Id"])
    (status,) = world.rows("SELECT * FROM invoice_status WHERE invoice_id = 1")
    assert (money(status["balance"]), status["status"]) == (20, "open")

    # A payment by its reference, a credit note by its number.
    world.sql("UPDATE payment SET notes = 'Drifted', date = '2026-01-01' WHERE reference = 'MIXED'")
    world.sql("UPDATE credit_note SET notes = 'Drifted' WHERE id = :id", id=note)
    world.engine.reload(Kind.PAYMENT, "MIXED")
    assert str(row(world, "payment", here["id"])["date"]) == "2026-04-10"
    assert row(world, "credit_note", note)["notes"] == "Drifted"
    change(world, "CreditMemo", memo, CustomerMemo={"value": "Sorry"})
    world.engine.reload(Kind.CREDIT_NOTE, "CN-1")
    assert row(world, "credit_note", note)["notes"] == "Sorry"
    world.accountant.delete("Payment", made)
    world.engine.reload(Kind.PAYMENT, "MIXED")
    assert world.rows("SELECT id FROM payment") == [], "deleted there, it is removed here (R-71)"
    once(world)


@pytest.mark.behaviour("R-34", "R-36", "C-R1")
def test_the_command_reloads_shows_and_refuses(world: World, sent: Json) -> None:
    config = configure(world)
    change(world, "Invoice", sent, DueDate="2026-05-05")
    bill(world, {"Id": sent["CustomerRef"]["value"]}, "INV-77")
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "30.00"))
    shown = syncd(config, "reload", "invoice", "INV-1", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "due date" in shown.stdout
    assert "2026-04-01" in shown.stdout
    assert "2026-05-05" in shown.stdout
    assert str(row(world, "invoice", 1)["due_date"]) == "2026-04-01"
    done = syncd(config, "reload", "invoice", "INV-1", "--json")
    assert done.returncode == 0, done.stderr
    (company,) = json.loads(done.stdout)["companies"]
    assert (company["applied"], company["exit_code"]) == (2, 0)
    assert str(row(world, "invoice", 1)["due_date"]) == "2026-05-05"
    assert [money(p["amount"]) for p in world.rows("SELECT amount FROM payment")] == [30]
    refused = syncd(config, "reload", "invoice", "INV-77")
    assert refused.returncode == 1
    assert "No invoice INV-77 of acme was saved to QuickBooks" in refused.stderr
    assert "Only what is in QuickBooks can be reloaded" in refused.stderr
    at_rest(world)
