"""Having QuickBooks mail what was copied (O-15 to O-18, C-O2, X-7): only when asked, only to the source's own address,
and never twice."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from syncd.errors import StateError
from syncd.model.kinds import Kind
from syncd.report import CycleRequest
from tests.e2e.helpers import at_rest, born, change, configure, customer, held, held_one, row, syncd
from tests.onedesk.conftest import SETTINGS, Make, push
from tests.support.world import World


@pytest.fixture
def world(make: Make) -> World:
    """A company where QuickBooks may mail."""
    return make(profile="onedesk", settings=msgspec.structs.replace(SETTINGS, send_via_qbo=True))


def bill(world: World, number: str = "INV-1", **columns: Any) -> int:
    """An open invoice of Ada's."""
    return world.invoice(1, number, ("60.00", "Logo", 1), **columns)


def client(world: World, **columns: Any) -> None:
    """Ada, and what she is billed for."""
    world.client("Ada Ltd", **columns)
    world.item("Design")


def mails(world: World) -> int:
    """How many documents QuickBooks mailed."""
    return sum(version["op"] == "emailed" for version in world.sandbox.history(world.realm, entity="Invoice"))


@pytest.mark.behaviour("O-15", "O-16", "O-18")
def test_sending_copies_and_has_quickbooks_mail_it_to_the_billing_contact(world: World) -> None:
    client(world, email="billing@ada.example", contact="Ada Byron")
    first, _ = bill(world), bill(world, "INV-2", emails="boss@ada.example")
    shown = push(world, "INV-1", send=True, dry_run=True)
    assert [f"{o.verb} {o.kind}" for o in shown.plan.writes][-2:] == ["create invoice", "send invoice"]
    assert mails(world) == 0
    push(world, "INV-1", send=True)
    there = world.one("Invoice", DocNumber="INV-1")
    assert (there["EmailStatus"], there["BillEmail"]["Address"]) == ("EmailSent", "billing@ada.example")
    assert row(world, "invoice", first)["qbo_id"] == there["Id"]
    (asked,) = [r for r in world.sandbox.requests(realm=world.realm) if r["operation"] == "send"]
    assert asked["request_size"] == 0, "how the mail looks is QuickBooks' own"
    push(world, "INV-2", send=True)
    assert world.one("Invoice", DocNumber="INV-2")["BillEmail"]["Address"] == "boss@ada.example"
    assert mails(world) == 2
    at_rest(world)
    at_rest(world)
    assert mails(world) == 2


@pytest.mark.behaviour("O-11", "X-7")
@pytest.mark.failure("F-120")
def test_copying_mails_nothing_and_without_the_setting_nothing_can_be_sent(make: Make) -> None:
    world = make(profile="onedesk", settings=SETTINGS)
    client(world, email="billing@ada.example")
    bill(world)
    with pytest.raises(StateError, match="send_via_qbo = true"):
        push(world, "INV-1", send=True)
    assert world.books("Invoice") == []
    push(world, "INV-1")
    world.run()
    assert world.one("Invoice").get("EmailStatus", "NotSet") == "NotSet"
    assert mails(world) == 0
    config = configure(world, default_income_account="Services")
    config.write_text(config.read_text().replace('profile = "ruddr"', 'profile = "onedesk"'))
    refused = syncd(config, "push", "invoice", "INV-1", "--send")
    assert (refused.returncode, "send_via_qbo" in refused.stderr) == (1, True)


@pytest.mark.behaviour("O-17", "C-O2")
def test_without_a_billing_email_in_the_source_it_is_only_copied(world: World) -> None:
    """Whatever QuickBooks knows: of the customer, or on the invoice itself, where it may fill it in."""
    customer(world, "Ada Ltd", PrimaryEmailAddr={"Address": "known@ada.example"})
    client(world)
    bill(world)
    report = push(world, "INV-1", send=True)
    assert report.outcome == "ok"
    assert [left.reason for left in report.plan.left_out] == ["is not mailed: the source has no billing e-mail for it"]
    change(world, "Invoice", world.one("Invoice"), BillEmail={"Address": "known@ada.example"})
    world.run()
    push(world, "INV-1", send=True)
    world.run()
    assert mails(world) == 0
    assert world.one("Customer")["PrimaryEmailAddr"]["Address"] == "known@ada.example"
    at_rest(world)
    world.sql("UPDATE client SET email = 'billing@ada.example'")
    push(world, "INV-1", send=True)
    there = world.one("Invoice")
    assert (there["BillEmail"]["Address"], mails(world)) == ("billing@ada.example", 1)
    world.run()
    at_rest(world)


@pytest.mark.failure("F-120")
def test_what_was_mailed_is_not_mailed_again_unless_it_changed(world: World) -> None:
    client(world, email="billing@ada.example")
    bill(world)
    push(world, "INV-1", send=True)
    again = push(world, "INV-1", send=True)
    assert "was mailed already" in again.plan.left_out[0].reason
    assert mails(world) == 1
    world.sql("UPDATE invoice SET notes = 'Corrected'")
    push(world, "INV-1", send=True)
    assert (mails(world), world.one("Invoice")["CustomerMemo"]["value"]) == (2, "Corrected")
    at_rest(world)


@pytest.mark.failure("F-120")
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_is_looked_after_and_never_repeated(world: World, when: str) -> None:
    client(world, email="billing@ada.example")
    bill(world)
    world.sandbox.add_fault("reset", when=when, operation="send", realm=world.realm)
    assert push(world, "INV-1", send=True).in_doubt == 1
    world.sandbox.clear_faults()
    world.restart()
    for _ in range(3):
        world.run()
    assert born(world, "Invoice") == {"INV-1": 1}
    if when == "after":
        assert mails(world) == 1
        at_rest(world)
        return
    assert mails(world) == 0, "nobody knows, so a person looks"
    case = held_one(world, Kind.INVOICE)
    assert "If not: syncd push invoice INV-1 --send" in case.reason
    push(world, "INV-1", send=True)
    assert (mails(world), held(world)) == (1, [])
    at_rest(world)


@pytest.mark.failure("F-120")
def test_a_stop_between_copying_and_mailing_mails_once(world: World) -> None:
    client(world, email="billing@ada.example")
    bill(world)

    def stop(done: int, total: int, what: str) -> None:
        if what == "invoices" and done == total - 1:
            world.stop.set()

    request = CycleRequest(approve_first_run=True, send=True)
    world.engine.push(Kind.INVOICE, "INV-1", request, stop)
    assert (born(world, "Invoice"), mails(world)) == ({"INV-1": 1}, 0)
    world.stop.clear()
    world.restart()
    world.run()
    assert (born(world, "Invoice"), mails(world)) == ({"INV-1": 1}, 1)
    at_rest(world)


def test_quickbooks_refuses_to_mail_it(world: World) -> None:
    """What was copied stays, the reason is told, and it is tried again when asked for."""
    client(world, email="billing@ada.example")
    bill(world)
    world.sandbox.add_fault("fault200", code="6000", operation="send", count=0, realm=world.realm)
    assert push(world, "INV-1", send=True).failed == 1
    assert born(world, "Invoice") == {"INV-1": 1}
    assert held_one(world, Kind.INVOICE).reason
    world.sandbox.clear_faults()
    world.run()
    assert mails(world) == 1
    at_rest(world)


def test_where_something_is_in_the_way_it_is_mailed_once_that_is_gone(world: World) -> None:
    client(world, email="billing@ada.example")
    bill(world)
    world.sql("UPDATE client SET name = 'Ada: Ltd'")
    assert push(world, "INV-1", send=True).outcome == "held"
    world.run()
    assert mails(world) == 0
    world.sql("UPDATE client SET name = 'Ada Ltd'")
    world.run()
    assert (world.one("Invoice")["EmailStatus"], mails(world)) == ("EmailSent", 1)
    at_rest(world)


def test_a_mail_cannot_be_undone(world: World) -> None:
    client(world, email="billing@ada.example")
    bill(world)
    run = push(world, "INV-1", send=True).run_id
    plan = world.engine.undo(run, CycleRequest(dry_run=True)).plan
    assert ["mail" in left.reason for left in plan.left_out if left.kind is Kind.INVOICE] == [True]
