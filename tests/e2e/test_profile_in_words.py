"""A fifth system by a profile file alone (docs/write-a-profile.md): one whose invoices go out when a person asks, and
one that keeps marks, contacts and projects in agreement. No module of syncd knows them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from syncd.errors import StateError
from syncd.model.kinds import Kind
from syncd.report import CycleReport, CycleRequest
from tests.e2e.conftest import Make
from tests.e2e.helpers import answer, at_rest, born, change, customer, held_one, money, row, snapshot
from tests.support.world import World, told

STUDIO = """\
# A studio: an invoice is copied when somebody presses the button, and what is paid shows in the studio.
name = "studio"
contact_emails = true

[settings]
missing_item = "create"

[kind.item]
goes_out = "when_needed"

[kind.client]
update = "leave"

[kind.invoice]
goes_out = "when_asked"
mails = true
update = "careful"
source_removed = "leave"
qbo_removed = "leave"
qbo_removed_edited = "leave"

[kind.payment]
goes_out = "never"
update = "qbo_only"
from_qbo = "import"
match_differs = "leave"
"""
AGENCY = """\
# An agency: QuickBooks' customers are its contacts, what is sent and paid is so on both sides, projects have theirs.
name = "agency"

[settings]
project_as = "sub_customer"
numbering = "source"

[kind.item]
line_types = ["hours", "costs"]

[kind.client]
update = "source_wins"
both_changed = "hold"
from_qbo = "import_at_first"
shows_link = true

[kind.project]
goes_out = "always"
update = "source_wins"
asks = ["client"]
remedy = "ask Ann"
source_closed = "deactivate"

[kind.invoice]
states = ["sent"]
update = "careful"
marks = ["sent", "paid"]
never_left = ["number"]
left_out = ["transaction_number", "tax_rate"]

[kind.payment]
update = "qbo_wins"
both_changed = "hold_same_field"
from_qbo = "import"
"""


TYPES = {"hours": "Services", "costs": "Services"}


def company(make: Make, folder: Path, text: str, **said: object) -> World:
    """A company with this profile file, that says this of its settings."""
    place = folder / "profile.toml"
    place.write_text(text, encoding="utf-8")
    profile = str(place)
    return make(profile=profile, settings=told(profile, **said), source_options={"overlap_seconds": 0})


@pytest.fixture
def studio(make: Make, tmp_path: Path) -> World:
    """A company whose invoices go out when a person asks."""
    return company(make, tmp_path, STUDIO, default_income_account="Services", send_via_qbo=True)


def push(world: World, number: str, **request: object) -> CycleReport:
    """A person asks for an invoice."""
    return world.engine.push(Kind.INVOICE, number, CycleRequest(**({"approve_first_run": True} | request)))  # type: ignore[arg-type]  # as the test says it


def copied(world: World) -> None:
    """Ada's invoice of 100, asked for."""
    world.run()
    ada = world.client("Ada Ltd", email="ada@a.example")
    world.invoice(ada, "INV-1", ("100.00", "Logo", world.item("Design")))
    push(world, "INV-1")


def test_nothing_goes_out_before_a_person_asks_and_then_that_alone(studio: World) -> None:
    ada = studio.client("Ada Ltd", email="ada@a.example")
    for number, item in (("INV-1", "Design"), ("INV-2", "Travel")):
        studio.invoice(ada, number, ("100.00", "Logo", studio.item(item)))
    before = studio.writes()
    studio.run()
    assert studio.writes() == before
    shown = push(studio, "INV-1", dry_run=True)
    assert [f"{o.verb} {o.kind}" for o in shown.plan.writes] == ["create item", "create client", "create invoice"]
    push(studio, "INV-1")
    there = studio.one("Invoice")
    assert (there["DocNumber"], Decimal(there["TotalAmt"])) == ("INV-1", 100)
    assert "Design" in {item["Name"] for item in studio.books("Item")}
    assert there.get("EmailStatus", "NotSet") == "NotSet"
    at_rest(studio)

    push(studio, "INV-2", send=True)
    sent = studio.one("Invoice", DocNumber="INV-2")
    assert (sent["EmailStatus"], sent["BillEmail"]["Address"]) == ("EmailSent", "ada@a.example")


def test_what_changes_later_waits_until_a_person_asks_again(studio: World) -> None:
    copied(studio)
    kept = studio.one("Invoice")["Id"]
    studio.sql("UPDATE invoice SET due_date = '2026-05-05', notes = 'Thank you'")
    studio.sql("UPDATE client SET name = 'Ada and Sons'")
    before = studio.writes()
    (left,) = studio.run().plan.left_out
    assert (left.label, "syncd push invoice INV-1" in left.reason) == ("INV-1", True)
    assert studio.writes() == before
    at_rest(studio)
    assert [each.label for each in studio.engine.audit().left] == ["INV-1"]
    push(studio, "INV-1")
    there = studio.one("Invoice")
    assert (there["Id"], there["DueDate"], there["CustomerMemo"]["value"]) == (kept, "2026-05-05", "Thank you")
    assert [c["DisplayName"] for c in studio.books("Customer")] == ["Ada Ltd"], "a client is left as it is"
    assert push(studio, "INV-1").applied == 0
    at_rest(studio)


def test_quickbooks_edits_stay_there_and_are_never_overwritten_unasked(studio: World) -> None:
    copied(studio)
    mine = snapshot(studio)
    change(studio, "Invoice", studio.one("Invoice"), DueDate="2026-09-09")
    studio.run()
    assert snapshot(studio) == mine, "nothing of an invoice comes back"
    at_rest(studio)
    studio.sql("UPDATE invoice SET due_date = '2026-06-06'")
    assert push(studio, "INV-1").outcome == "held"
    assert studio.one("Invoice")["DueDate"] == "2026-09-09"
    answer(studio, "accept-source", Kind.INVOICE)
    studio.run()
    assert studio.one("Invoice")["DueDate"] == "2026-06-06"
    at_rest(studio)


@pytest.mark.parametrize("edited", [False, True])
def test_what_quickbooks_removed_stays_and_is_made_anew_when_asked_for(studio: World, edited: bool) -> None:
    copied(studio)
    there = studio.one("Invoice")
    studio.accountant.delete("Invoice", there)
    if edited:
        studio.sql("UPDATE invoice SET notes = 'Thank you'")
    studio.run()
    studio.run()
    assert studio.books("Invoice") == []
    push(studio, "INV-1")
    assert born(studio, "Invoice") == {"INV-1": 2}
    at_rest(studio)


def test_payments_only_come_in_and_none_of_them_twice(studio: World) -> None:
    copied(studio)
    own = studio.payment(1, (1, "40.00"), reference="OURS")
    studio.run()
    assert studio.books("Payment") == [], "the source's own stays there"
    at_rest(studio)
    there = studio.one("Invoice")
    for reference, amount in (("OURS", 40), ("THEIRS", 25)):
        studio.accountant.save(
            "Payment",
            {
                "CustomerRef": there["CustomerRef"],
                "TotalAmt": amount,
                "TxnDate": "2026-03-20",
                "PaymentRefNum": reference,
                "Line": [{"Amount": amount, "LinkedTxn": [{"TxnId": there["Id"], "TxnType": "Invoice"}]}],
            },
        )
        studio.run()
    rows = studio.rows("SELECT reference, amount FROM payment ORDER BY id")
    assert [(r["reference"], money(r["amount"])) for r in rows] == [("OURS", 40), ("THEIRS", 25)]
    studio.accountant.save("Payment", {**studio.one("Payment", PaymentRefNum="OURS"), "PaymentRefNum": "OURS-2"})
    studio.run()
    assert row(studio, "payment", own)["reference"] == "OURS-2", "from then on the two are one"
    studio.sql("UPDATE payment SET notes = 'changed here' WHERE reference = 'THEIRS'")
    studio.run()
    assert "payment" in held_one(studio, Kind.PAYMENT).kind, "what is QuickBooks' is changed there"


def test_a_company_may_say_otherwise_than_its_profile(make: Make, tmp_path: Path) -> None:
    world = company(make, tmp_path, STUDIO, missing_item="default_item")
    copied(world)
    assert "Design" not in {item["Name"] for item in world.books("Item")}
    with pytest.raises(StateError, match="send_via_qbo = true"):
        push(world, "INV-1", send=True)


def test_what_is_left_out_is_sent_with_a_new_record_and_not_looked_at_again(make: Make, tmp_path: Path) -> None:
    world = company(make, tmp_path, AGENCY.replace('"tax_rate"]', '"tax_rate", "notes"]'), line_type_map=TYPES)
    customer(world, "Bob Ltd")
    world.item("hours")
    world.run()
    world.invoice(1, "INV-1", ("100.00", "Work", 1), state="sent", notes="as made", due_date="2026-04-01")
    world.run()
    world.sql("UPDATE invoice SET notes = 'otherwise', due_date = '2026-05-01'")
    world.run()
    there = world.one("Invoice")
    assert (there["CustomerMemo"]["value"], there["DueDate"]) == ("as made", "2026-05-01")
    at_rest(world)


@pytest.fixture
def agency(make: Make, tmp_path: Path) -> World:
    """A company whose contacts come from QuickBooks; there is one customer to begin with."""
    world = company(make, tmp_path, AGENCY, line_type_map=TYPES)
    customer(world, "Bob Ltd")
    for name in ("hours", "costs"):
        world.item(name)
    return world


def test_contacts_come_in_at_first_and_projects_are_sub_customers(agency: World) -> None:
    agency.run()
    assert [each["name"] for each in agency.rows("SELECT name FROM client")] == ["Bob Ltd"]
    customer(agency, "Later Ltd")
    agency.run()
    assert [each["name"] for each in agency.rows("SELECT name FROM client")] == ["Bob Ltd"], "only at first"

    roof = agency.named("project", "Roof", client_id=1)
    agency.run()
    bob = agency.one("Customer", DisplayName="Bob Ltd")
    there = next(c for c in agency.books("Customer") if c.get("ParentRef", {}).get("value") == bob["Id"])
    assert there["Active"] is True
    other = agency.client("Eva Ltd")
    agency.sql("UPDATE project SET client_id = :other", other=other)
    agency.run()
    assert "ask Ann" in held_one(agency, Kind.PROJECT).reason
    agency.sql("UPDATE project SET client_id = 1, active = false WHERE id = :roof", roof=roof)
    agency.run()
    assert agency.one("Customer", Id=there["Id"])["Active"] is False


def test_marks_are_kept_alike_and_numbers_are_the_same(agency: World) -> None:
    agency.run()
    invoice = agency.invoice(1, "INV-1", ("100.00", "Work", 1), state="published")
    agency.run()
    assert agency.books("Invoice") == [], "what is not sent yet is not in the books"
    agency.sql("UPDATE invoice SET state = 'sent'")
    agency.run()
    there = agency.one("Invoice")
    assert there["EmailStatus"] == "EmailSent"
    payment = agency.payment(1, (invoice, "100.00"))
    agency.run()
    agency.run()
    assert bool(row(agency, "invoice", invoice)["paid"]) is True, "paid in QuickBooks, paid here"
    agency.sql("UPDATE payment SET notes = 'ours' WHERE id = :payment", payment=payment)
    agency.run()
    assert agency.one("Payment")["PrivateNote"] == "ours"

    change(agency, "Invoice", agency.one("Invoice"), CustomerMemo={"value": "see you"})
    agency.run()
    at_rest(agency)
    change(agency, "Invoice", agency.one("Invoice"), DocNumber="INV-9")
    agency.run()
    assert "QuickBooks changed" in held_one(agency, Kind.INVOICE).reason


def test_a_type_of_lines_without_an_item_keeps_everything_waiting(make: Make, tmp_path: Path) -> None:
    world = company(make, tmp_path, AGENCY, line_type_map={"hours": "Services"})
    customer(world, "Bob Ltd")
    assert world.run().outcome == "halted"
    assert world.rows("SELECT * FROM client") == []
