"""Credit notes that are withdrawn, deleted, or not sent at all, on either side (R-71, R-72; C-R5 for credit notes)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.model.kinds import Kind
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, born, held_one, row
from tests.support.world import SETTINGS, World

REMOVES = type(SETTINGS)(default_item="Services", remove_invoice_on_unpublish=True)


def set_to(world: World, note: int, **columns: Any) -> None:
    """Somebody changes columns of a credit note in the source."""
    pairs = ", ".join(f"{name} = :{name}" for name in columns)
    world.sql(f"UPDATE credit_note SET {pairs} WHERE id = :id", id=note, **columns)


def delete(world: World, note: int) -> None:
    """Somebody deletes a credit note in the source, with what it was used for."""
    world.sql("DELETE FROM credit_application WHERE credit_note_id = :id", id=note)
    world.sql("DELETE FROM credit_note WHERE id = :id", id=note)


def memos(world: World) -> list[str]:
    """The numbers of the credit memos in QuickBooks."""
    return sorted(memo["DocNumber"] for memo in world.books("CreditMemo"))


def test_ticks_decide_what_is_sent(make: Make) -> None:
    unticked = make(settings=type(SETTINGS)(default_item="Services", save_invoice_on_publish=False))
    ada = unticked.client("Ada")
    kept = unticked.credit_note(ada, "CN-1")
    unticked.credit_note(ada, "CN-2", save_to_qbo=True)
    draft = unticked.credit_note(ada, "CN-3", state="draft", save_to_qbo=True)
    unticked.run()
    assert memos(unticked) == ["CN-2"]
    set_to(unticked, kept, save_to_qbo=True)
    set_to(unticked, draft, state="published")
    unticked.run()
    assert memos(unticked) == ["CN-1", "CN-2", "CN-3"]
    at_rest(unticked)

    world = make(name="ticked")
    ada = world.client("Ada")
    home = world.credit_note(ada, "CN-1", save_to_qbo=False)
    world.credit_note(ada, "CN-2")
    world.apply_credit(home, (world.invoice(ada, "INV-1"), "10.00"))
    world.run()
    assert memos(world) == ["CN-2"]
    assert row(world, "credit_note", home)["qbo_id"] is None
    assert world.books("Payment") == []  # what is not there cannot be used there
    waiting = held_one(world, Kind.CREDIT_APPLICATION)
    assert (waiting.case, "not in QuickBooks" in waiting.reason) == ("C50", True)


def test_withdrawn_it_is_left_for_reuse_unless_its_tick_or_the_settings_remove_it(make: Make) -> None:
    for name, settings, left in (("keeps", SETTINGS, ["CN-2", "CN-3"]), ("removes", REMOVES, ["CN-2"])):
        world = make(name=name, settings=settings)
        ada = world.client("Ada")
        ticked, unticked, unset = (world.credit_note(ada, f"CN-{n}") for n in (1, 2, 3))
        for n in range(4, 30):  # so that no brake stops two removals
            world.credit_note(ada, f"X-{n}", save_to_qbo=False)
        world.run()
        first = world.one("CreditMemo", DocNumber="CN-2")
        set_to(world, ticked, state="draft", remove_from_qbo=True)
        set_to(world, unticked, state="draft", remove_from_qbo=False)
        set_to(world, unset, state="draft")
        world.run(allow_removals={Kind.CREDIT_NOTE: 2})
        assert memos(world) == left
        at_rest(world)
        for each in (ticked, unticked, unset):
            set_to(world, each, state="published")
        world.run()
        assert memos(world) == ["CN-1", "CN-2", "CN-3"]
        assert world.one("CreditMemo", DocNumber="CN-2")["Id"] == first["Id"]
        assert born(world, "CreditMemo")["CN-1"] == 2
        at_rest(world)


def test_deleted_in_the_source_it_goes_as_its_tick_says(make: Make) -> None:
    for name, settings, left in (("keeps", SETTINGS, ["CN-2", "CN-3"]), ("removes", REMOVES, ["CN-2"])):
        world = make(name=name, settings=settings)
        ada = world.client("Ada")
        notes = [world.credit_note(ada, f"CN-{n}") for n in (1, 2, 3)]
        world.run()
        set_to(world, notes[0], remove_from_qbo=True)
        set_to(world, notes[1], remove_from_qbo=False)
        for note in notes:
            delete(world, note)
        world.credit_note(ada, "CN-4")
        world.run(allow_removals={Kind.CREDIT_NOTE: 3})  # a removal of all there is stops for a person otherwise
        assert memos(world) == [*left, "CN-4"]
        at_rest(world)


@pytest.mark.behaviour("R-71")
def test_deleted_in_quickbooks_it_goes_from_the_source(world: World) -> None:
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    note = world.credit_note(ada, "CN-1", ("40", "Back"))
    world.credit_note(ada, "CN-2")
    world.apply_credit(note, (invoice, "40.00"))
    world.run()
    world.accountant.delete("Payment", world.one("Payment"))
    world.accountant.delete("CreditMemo", world.one("CreditMemo", DocNumber="CN-1"))
    world.run()
    assert [each["number"] for each in world.rows("SELECT number FROM credit_note")] == ["CN-2"]
    assert world.rows("SELECT id FROM credit_application") == []
    assert world.rows("SELECT id FROM credit_application_part") == []
    assert Decimal(world.one("Invoice")["Balance"]) == 100
    at_rest(world)


@pytest.mark.behaviour("R-71")
def test_a_memo_deleted_while_it_is_used_goes_with_its_use(world: World) -> None:
    """QuickBooks takes the credit off the invoice by itself and leaves an empty payment of zero behind."""
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    note = world.credit_note(ada, "CN-1", ("40", "Back"))
    world.credit_note(ada, "CN-2")
    world.apply_credit(note, (invoice, "40.00"))
    world.run()
    world.accountant.delete("CreditMemo", world.one("CreditMemo", DocNumber="CN-1"))
    world.run()
    assert [each["number"] for each in world.rows("SELECT number FROM credit_note")] == ["CN-2"]
    assert world.rows("SELECT id FROM credit_application") == []
    assert Decimal(world.one("Invoice")["Balance"]) == 100
    at_rest(world)
