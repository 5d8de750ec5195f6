"""Money, tax and payments (section I of the catalogue), as far as no other test shows the defence."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.model.kinds import Kind
from tests.e2e.helpers import at_rest, born, change, held, held_one, mutations, once, receive, row, sales_lines
from tests.support.world import World


@pytest.mark.failure("F-107")
def test_the_account_of_a_payment_is_set_once_and_then_left_to_the_bank(world: World) -> None:
    """The bank feed moves it to another account; whatever else changes on either side, it stays there."""
    ada = world.client("Ada")
    world.payment(ada, (world.invoice(ada, "INV-1"), "40.00"), reference="P-1")
    world.run()
    sent = world.one("Payment")
    bank = next(account["Id"] for account in world.books("Account") if account["AccountType"] == "Bank")
    assert sent["DepositToAccountRef"]["value"] != bank
    world.accountant.save("Payment", {**sent, "DepositToAccountRef": {"value": bank}})
    world.run()
    world.accountant.save("Payment", {**world.one("Payment"), "TxnDate": "2026-04-02"})
    world.sql("UPDATE invoice SET notes = 'x'")
    world.run()
    assert world.one("Payment")["DepositToAccountRef"]["value"] == bank
    assert str(row(world, "payment", 1)["date"]) == "2026-04-02"
    assert [v["op"] for v in world.sandbox.history(world.realm, entity="Payment")] == ["create", "update", "update"]
    at_rest(world)


@pytest.mark.failure("F-109", "F-116")
def test_a_payment_waits_by_name_for_an_invoice_that_was_refused(world: World) -> None:
    """However often it waits, it has used up nothing: the moment the invoice goes, it goes with it."""
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    world.payment(ada, (invoice, "40.00"), reference="P-1")
    refused = {"entity": "Invoice", "operation": "create", "realm": world.realm}
    world.sandbox.add_fault("status", code="6000", count=0, **refused)
    for _ in range(4):
        world.run()
        assert world.books("Payment") == []
    waits = held_one(world, Kind.PAYMENT)
    assert waits.case == "C50"
    world.sandbox.clear_faults()
    world.run()
    assert Decimal(world.one("Invoice")["Balance"]) == 60
    assert held(world) == []
    once(world)
    at_rest(world)


@pytest.mark.failure("F-110")
@pytest.mark.parametrize("ends", ["voided", "deleted"])
def test_money_for_an_invoice_that_is_no_more_is_neither_lost_nor_put_elsewhere(world: World, ends: str) -> None:
    """The accountant ends the invoice, and meanwhile the client's money is entered in the source."""
    ada = world.client("Ada")
    invoice, other = world.invoice(ada, "INV-1"), world.invoice(ada, "INV-2")
    world.run()
    sent = world.one("Invoice", DocNumber="INV-1")
    (world.accountant.void if ends == "voided" else world.accountant.delete)("Invoice", sent)
    world.payment(ada, (invoice, "100.00"), reference="P-1")
    for _ in range(3):
        world.run()
    assert world.books("Payment") == []
    assert Decimal(world.one("Invoice", DocNumber="INV-2")["Balance"]) == 100
    assert len(world.rows("SELECT id FROM payment")) == 1
    assert {each.kind for each in held(world)} == {Kind.INVOICE, Kind.PAYMENT}
    assert born(world, "Invoice") == {"INV-1": 1, "INV-2": 1}, "nothing is opened again"
    world.sql("UPDATE payment_allocation SET invoice_id = :id", id=other)
    world.run()
    assert Decimal(world.one("Invoice", DocNumber="INV-2")["Balance"]) == 0
    once(world)


@pytest.mark.failure("F-110")
@pytest.mark.parametrize("policy", ["hold", "ignore"])
@pytest.mark.parametrize("ends", ["voided", "deleted"])
def test_money_for_an_invoice_that_ended_long_ago_waits_for_it_and_is_never_sent(
    world: World, ends: str, policy: str
) -> None:
    """Nobody looks at the invoice any more; its payment is still not offered to QuickBooks, which would refuse it."""
    world.adjust(on_qbo_delete=policy, on_qbo_void=policy)
    ada = world.client("Ada")
    invoice, other = world.invoice(ada, "INV-1"), world.invoice(ada, "INV-2")
    world.run()
    sent = world.one("Invoice", DocNumber="INV-1")
    (world.accountant.void if ends == "voided" else world.accountant.delete)("Invoice", sent)
    for _ in range(2):
        world.run()
    assert len(held(world)) == (1 if policy == "hold" else 0)
    world.sandbox.advance(3 * 3600)  # neither feed tells of it any more
    world.sql("UPDATE invoice SET updated_at = '2026-01-01 00:00:00.000000'")
    world.run()
    place = world.sandbox.last_request()
    world.payment(ada, (invoice, "100.00"), reference="P-1")
    for _ in range(3):
        world.run()
        assert {each.kind for each in held(world)} - {Kind.PAYMENT} == ({Kind.INVOICE} if policy == "hold" else set())
    assert mutations(world, place) == []
    waits = held_one(world, Kind.PAYMENT)
    assert (waits.case, "invoice INV-1" in waits.reason) == ("C50", True)
    world.sql("UPDATE payment_allocation SET invoice_id = :id", id=other)
    world.run()
    assert Decimal(world.one("Invoice", DocNumber="INV-2")["Balance"]) == 0
    assert all(each.kind is Kind.INVOICE for each in held(world))
    once(world)


@pytest.mark.failure("F-110")
def test_money_received_for_an_invoice_that_the_source_voided_is_shown_to_a_person(world: World) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    world.run()
    sent = world.one("Invoice")
    world.sql("UPDATE invoice SET state = 'void' WHERE id = :id", id=invoice)
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "100.00"), PaymentRefNum="Q-1")
    for _ in range(2):
        world.run()
    assert len(world.books("Payment")) == 1
    assert held(world), "somebody has to look at it"
    assert row(world, "invoice", invoice)["state"] == "void"


@pytest.mark.failure("F-110")
def test_money_received_for_an_invoice_that_the_source_removed_waits_and_is_not_offered_to_it(world: World) -> None:
    """The invoice was left in QuickBooks and is paid there: the source could only refuse the payment, or lose it."""
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    world.run()
    sent = world.one("Invoice")
    world.sql("DELETE FROM invoice_line WHERE invoice_id = :id", id=invoice)
    world.sql("DELETE FROM invoice WHERE id = :id", id=invoice)
    world.run()
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "100.00"), PaymentRefNum="Q-1")
    for _ in range(3):
        report = world.run()
        assert (report.failed, report.applied) == (0, 0)
    waits = held_one(world, Kind.PAYMENT)
    assert (waits.case, waits.reason) == ("C50", "waits for invoice INV-1, which was removed in the source")
    assert len(world.books("Payment")) == 1
    assert world.rows("SELECT id FROM payment") == []


@pytest.mark.failure("F-112", "F-23")
def test_what_hangs_on_a_line_hangs_there_after_every_edit(world: World) -> None:
    """The accountant tied the invoice to an estimate; edits of the source, of the very lines, too, leave that alone."""
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1", ("60.00", "Work"), ("40.00", "Travel"))
    world.run()
    sent = world.one("Invoice")
    customer = sent["CustomerRef"]
    estimate = world.accountant.save(
        "Estimate", {"CustomerRef": customer, "TxnDate": "2026-03-01", "TxnStatus": "Accepted", "Line": _bare(sent)}
    )
    tied = [{"TxnId": estimate["Id"], "TxnType": "Estimate"}]
    change(world, "Invoice", sent, LinkedTxn=tied)
    world.run()
    assert world.one("Invoice")["LinkedTxn"] == tied
    world.sql("UPDATE invoice SET notes = 'x', due_date = '2026-05-05' WHERE id = :id", id=invoice)
    world.run()
    world.sql("UPDATE invoice_line SET amount = '50', rate = '50' WHERE description = 'Travel'")
    world.sql("UPDATE invoice SET total = '110' WHERE id = :id", id=invoice)
    world.run()
    now = world.one("Invoice")
    assert now["LinkedTxn"] == tied
    assert Decimal(now["TotalAmt"]) == 110
    ids = {line["Description"]: line["Id"] for line in sales_lines(sent)}
    assert {line["Description"]: line["Id"] for line in sales_lines(now)} == ids
    at_rest(world)


def _bare(invoice: dict[str, object]) -> list[dict[str, object]]:
    return [{key: value for key, value in line.items() if key != "Id"} for line in sales_lines(invoice)]
