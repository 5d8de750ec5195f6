"""The tick boxes of Ruddr as columns of the source and as settings: what goes out, what is removed, and what becomes of
the source's invoice when an accountant removes QuickBooks' (R-2 to R-5, R-44 to R-50, R-73 to R-75, C-R5, C-R15)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, born, change, held, held_one, money, once, receive, row
from tests.support.world import SETTINGS, World


def told(**settings: Any) -> Any:
    """The settings of the tests with these beside them."""
    return msgspec.structs.replace(SETTINGS, **settings)


def numbers(world: World) -> list[str]:
    """The numbers of the invoices in QuickBooks."""
    return sorted(i["DocNumber"] for i in world.books("Invoice"))


def references(world: World) -> list[str]:
    """The references of the payments in QuickBooks."""
    return sorted(p["PaymentRefNum"] for p in world.books("Payment"))


def ends(world: World, entity: str) -> list[str]:
    """How records of an entity ended in QuickBooks: deleted or voided."""
    return [v["op"] for v in world.sandbox.history(world.realm, entity=entity) if v["op"] in {"delete", "void"}]


def unpublish(world: World, invoice: int, remove: bool | None = None) -> None:
    """The confirmation of unpublishing, with its tick box."""
    world.sql("UPDATE invoice SET state = 'draft', remove_from_qbo = :tick WHERE id = :id", id=invoice, tick=remove)


def publish(world: World, invoice: int) -> None:
    world.sql("UPDATE invoice SET state = 'published' WHERE id = :id", id=invoice)


def delete(world: World, table: str, row_id: int) -> None:
    """A person deletes a row; its parts go with it."""
    parts = {"payment": "payment_allocation", "invoice": "invoice_line"}[table]
    world.sql(f"DELETE FROM {parts} WHERE {table}_id = :id", id=row_id)
    world.sql(f"DELETE FROM {table} WHERE id = :id", id=row_id)


@pytest.mark.behaviour("R-2", "R-5", "R-48", "R-50")
def test_what_is_ticked_goes_out_and_nobody_asked_means_yes(world: World) -> None:
    ada = world.client("Ada")
    asked = {None: "INV-1", True: "INV-2", False: "INV-3"}
    invoices = {tick: world.invoice(ada, number, save_to_qbo=tick) for tick, number in asked.items()}
    draft = world.invoice(ada, "INV-4", state="draft", save_to_qbo=True)
    for tick, reference in {None: "W-1", True: "W-2", False: "W-3"}.items():
        world.payment(ada, (invoices[None], "10.00"), reference=reference, save_to_qbo=tick)
    world.run()
    assert (numbers(world), references(world)) == (["INV-1", "INV-2"], ["W-1", "W-2"])
    assert row(world, "invoice", invoices[False])["qbo_id"] is None
    at_rest(world)

    # Saved later, from its menu; on one that is in QuickBooks the box means nothing any more.
    world.sql("UPDATE invoice SET save_to_qbo = true WHERE id = :id", id=invoices[False])
    world.sql("UPDATE payment SET save_to_qbo = true WHERE reference = 'W-3'")
    world.sql("UPDATE invoice SET save_to_qbo = false WHERE id = :id", id=invoices[True])
    world.run()
    assert (numbers(world), references(world)) == (["INV-1", "INV-2", "INV-3"], ["W-1", "W-2", "W-3"])
    assert row(world, "invoice", draft)["qbo_id"] is None
    sent = world.one("Invoice", DocNumber="INV-2")
    receive(world, sent["CustomerRef"]["value"], (sent["Id"], "40.00"))
    change(world, "Invoice", sent, DueDate="2026-08-01")
    world.run()
    assert str(row(world, "invoice", invoices[True])["due_date"]) == "2026-08-01"
    assert len(world.rows("SELECT id FROM payment")) == 4
    once(world)
    at_rest(world)


@pytest.mark.behaviour("R-2", "R-50")
def test_a_company_may_keep_at_home_what_nobody_ticked(make: Make) -> None:
    world = make(settings=told(save_invoice_on_publish=False, save_payment_on_entry=False))
    ada = world.client("Ada")
    asked = {None: "INV-1", True: "INV-2", False: "INV-3"}
    invoices = {tick: world.invoice(ada, number, save_to_qbo=tick) for tick, number in asked.items()}
    for tick, reference in {None: "W-1", True: "W-2", False: "W-3"}.items():
        world.payment(ada, (invoices[True], "10.00"), reference=reference, save_to_qbo=tick)
    world.payment(ada, (invoices[None], "10.00"), reference="W-4", save_to_qbo=True)
    world.run()
    assert (numbers(world), references(world)) == (["INV-2"], ["W-2"])
    assert "waits for invoice" in held_one(world, Kind.PAYMENT).reason
    assert world.run().plan.writes == ()
    world.sql("UPDATE invoice SET save_to_qbo = true WHERE id = :id", id=invoices[None])
    world.run()
    assert (numbers(world), references(world)) == (["INV-1", "INV-2"], ["W-2", "W-4"])
    once(world)
    at_rest(world)


@pytest.mark.behaviour("R-44", "R-45", "R-46", "R-47", "C-R5")
def test_unpublishing_removes_what_is_ticked_and_reuses_what_was_left(world: World) -> None:
    ada = world.client("Ada")
    kept, ticked, unticked = (world.invoice(ada, f"INV-{n}") for n in (1, 2, 3))
    world.run()
    ids = {i["DocNumber"]: i["Id"] for i in world.books("Invoice")}
    unpublish(world, kept)
    unpublish(world, ticked, remove=True)
    unpublish(world, unticked, remove=False)
    report = world.run()
    assert numbers(world) == ["INV-1", "INV-3"]
    assert ends(world, "Invoice") == ["delete"]
    left = {o.label: o.reason for o in report.plan.operations if o.verb == "orphan"}
    assert left.keys() == {"INV-1", "INV-3"}
    assert all("Tick that it is to be removed from QuickBooks" in reason for reason in left.values()), left
    at_rest(world)

    # Left behind and ticked after all: it goes now. Published again, the one that stayed is used again, the one
    # that was removed is made anew, once.
    world.sql("UPDATE invoice SET remove_from_qbo = true WHERE id = :id", id=unticked)
    world.sql("UPDATE invoice_line SET amount = '120', rate = '120' WHERE invoice_id = :id", id=kept)
    world.sql("UPDATE invoice SET total = '120' WHERE id = :id", id=kept)
    publish(world, kept)
    publish(world, ticked)
    world.run()
    now = {i["DocNumber"]: i for i in world.books("Invoice")}
    assert sorted(now) == ["INV-1", "INV-2"]
    assert (now["INV-1"]["Id"], Decimal(now["INV-1"]["TotalAmt"])) == (ids["INV-1"], 120)
    assert now["INV-2"]["Id"] != ids["INV-2"]
    assert row(world, "invoice", ticked)["qbo_id"] == now["INV-2"]["Id"]
    assert born(world, "Invoice") == {"INV-1": 1, "INV-2": 2, "INV-3": 1}
    at_rest(world)


@pytest.mark.behaviour("R-45", "R-46")
def test_a_company_may_remove_what_is_unpublished_unless_a_tick_says_no(make: Make) -> None:
    world = make(settings=told(remove_invoice_on_unpublish=True))
    ada = world.client("Ada")
    gone, kept, paid, deleted = (world.invoice(ada, f"INV-{n}") for n in (1, 2, 3, 4))
    world.run()
    unpublish(world, gone)
    unpublish(world, kept, remove=False)
    world.run()
    assert numbers(world) == ["INV-2", "INV-3", "INV-4"]
    delete(world, "invoice", deleted)
    world.run()
    assert numbers(world) == ["INV-2", "INV-3"]

    # What is paid on an invoice keeps it in QuickBooks; once the payment is gone, so is the invoice.
    world.payment(ada, (kept, "1.00"), reference="W-1", save_to_qbo=False)
    payment = world.payment(ada, (paid, "40.00"))
    world.run()
    unpublish(world, paid)
    world.run()
    assert "payments or credits" in held_one(world, Kind.INVOICE).reason
    assert numbers(world) == ["INV-2", "INV-3"]
    delete(world, "payment", payment)
    for _ in range(2):
        world.run()
    assert (numbers(world), held(world)) == (["INV-2"], [])
    assert set(ends(world, "Invoice")) == {"delete"}
    at_rest(world)


@pytest.mark.behaviour("R-73", "R-74", "R-75")
def test_a_deleted_payment_goes_from_both_unless_its_tick_says_no(world: World) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    payments = {
        tick: world.payment(ada, (invoice, "10.00"), reference=reference, remove_from_qbo=tick)
        for tick, reference in {None: "W-1", True: "W-2", False: "W-3"}.items()
    }
    world.payment(ada, (invoice, "10.00"), reference="W-4")
    world.run()
    for payment in payments.values():
        delete(world, "payment", payment)
        world.run()
    assert references(world) == ["W-3", "W-4"]
    assert ends(world, "Payment") == ["delete", "delete"]

    # What was left behind is QuickBooks' own affair: neither it nor its changes come back in.
    left = world.one("Payment", PaymentRefNum="W-3")
    world.accountant.save("Payment", {**left, "TxnDate": "2026-05-05"})
    world.run()
    assert [p["reference"] for p in world.rows("SELECT reference FROM payment")] == ["W-4"]
    at_rest(world, differ=["INV-1"])
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="W-3"))
    world.run()
    at_rest(world)


@pytest.mark.behaviour("R-73", "R-75")
def test_a_company_may_leave_payments_in_quickbooks_unless_a_tick_says_otherwise(make: Make) -> None:
    world = make(settings=told(remove_payment_on_delete=False))
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    left = world.payment(ada, (invoice, "10.00"), reference="W-1")
    ticked = world.payment(ada, (invoice, "10.00"), reference="W-2", remove_from_qbo=True)
    world.payment(ada, (invoice, "10.00"), reference="W-3")
    world.run()
    for payment in (left, ticked):
        delete(world, "payment", payment)
        world.run()
    assert references(world) == ["W-1", "W-3"]
    assert [p["reference"] for p in world.rows("SELECT reference FROM payment")] == ["W-3"]
    at_rest(world, differ=["INV-1"])


@pytest.mark.behaviour("C-R15")
def test_what_is_deleted_in_quickbooks_becomes_a_draft_and_what_is_voided_is_void(make: Make) -> None:
    world = make(settings=told(on_qbo_delete="unpublish", on_qbo_void="void"))
    ada = world.client("Ada")
    deleted, voided, _ = (world.invoice(ada, f"INV-{n}") for n in (1, 2, 3))
    world.run()
    world.accountant.delete("Invoice", world.one("Invoice", DocNumber="INV-1"))
    world.run()
    world.accountant.void("Invoice", world.one("Invoice", DocNumber="INV-2"))
    world.run()
    states = {i["number"]: i["state"] for i in world.rows("SELECT number, state FROM invoice")}
    assert states == {"INV-1": "draft", "INV-2": "void", "INV-3": "published"}
    assert money(row(world, "invoice", voided)["total"]) == 100
    assert held(world) == []
    at_rest(world)

    # A draft again, it is edited, published and made anew, once.
    world.sql("UPDATE invoice SET notes = 'Second try' WHERE id = :id", id=deleted)
    world.run()
    publish(world, deleted)
    world.run()
    assert world.one("Invoice", DocNumber="INV-1")["CustomerMemo"]["value"] == "Second try"
    assert born(world, "Invoice") == {"INV-1": 2, "INV-2": 1, "INV-3": 1}
    at_rest(world)


@pytest.mark.behaviour("C-R15")
def test_a_removal_in_quickbooks_may_be_ignored_and_is_never_undone_by_an_edit(make: Make) -> None:
    world = make(settings=told(on_qbo_delete="ignore", on_qbo_void="ignore"))
    ada = world.client("Ada")
    deleted, voided, _ = (world.invoice(ada, f"INV-{n}") for n in (1, 2, 3))
    world.run()
    world.accountant.delete("Invoice", world.one("Invoice", DocNumber="INV-1"))
    world.accountant.void("Invoice", world.one("Invoice", DocNumber="INV-2"))
    world.run()
    assert {i["state"] for i in world.rows("SELECT state FROM invoice")} == {"published"}
    at_rest(world)
    world.sql("UPDATE invoice SET notes = 'edited' WHERE id IN (:one, :two)", one=deleted, two=voided)
    world.run()
    assert born(world, "Invoice")["INV-1"] == 1, "an edit brought back what the accountant deleted"
    assert sorted((h.label, h.case) for h in held(world)) == [("INV-1", "C33"), ("INV-2", "C35")]
    assert money(row(world, "invoice", voided)["total"]) == 100

    # Unpublishing it is the way to say that it is wanted again.
    unpublish(world, deleted)
    world.run()
    publish(world, deleted)
    world.run()
    assert born(world, "Invoice")["INV-1"] == 2
    at_rest(world, held=1)
