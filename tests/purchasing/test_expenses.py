"""Approved expenses are expenses in QuickBooks: which, what they say, and what becomes of them (B-38 to B-43)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from syncd.model.kinds import Kind, Side
from syncd.model.writes import Verb
from syncd.qbo import transport
from syncd.report import CycleRequest
from tests.e2e.conftest import Make
from tests.e2e.helpers import answer, at_rest, change, customer, held, held_one, mutations
from tests.purchasing.buying import (
    ACCOUNT,
    BUYING,
    CHECKING,
    SPENDING,
    TRAVEL,
    UNCATEGORIZED,
    change_expense,
    ever,
    lines,
    said,
    spent,
)
from tests.support.world import World


def purchase(world: World) -> dict[str, Any]:
    """The only expense in the books."""
    return world.one("Purchase")


# ---- what goes out


@pytest.mark.behaviour("B-38", "B-40", "B-43", "B-10", "X-8")
def test_an_approved_expense_becomes_an_expense_and_no_bill(world: World) -> None:
    hicks = world.accountant.save("Vendor", {"DisplayName": "Hicks Hardware"})
    nord = customer(world, "Nord")
    site = customer(world, "Roof", ParentRef={"value": nord["Id"]}, Job=True)
    project = world.named("project", "Roof", client_id=world.client("Nord"))
    travel, nails = world.named("expense_category", "Travel"), world.named("expense_category", "Nails")
    known, fresh = world.member("Hicks Hardware", email="hicks@example.com"), world.member("Zoë's Crane / Łódź")
    world.member("Nobody bought anything here", email="nobody@example.com")
    spent(world, known, "10.25", "Drive", category_id=travel, project_id=project, merchant="Shell")
    spent(world, fresh, "7.5", "Hooks", category_id=nails, date="2026-02-27")
    euro = world.member("Pierre", currency="EUR")
    spent(world, euro, "3.00", "Bread", currency="EUR")
    for status in ("not_submitted", "pending_approval", "rejected"):
        spent(world, known, "1.00", status, status=status)
    world.run()
    made = {lines(each)[0][0]: each for each in world.books("Purchase")}
    drive, hooks = made["Nord - Roof - Shell - Drive"], made["Hooks"]
    assert lines(drive) == [("Nord - Roof - Shell - Drive", Decimal("10.25"), TRAVEL, site["Id"])]
    assert (drive["EntityRef"]["value"], drive["EntityRef"]["type"]) == (hicks["Id"], "Vendor")
    assert (drive["PaymentType"], drive["AccountRef"]["value"], str(drive["TxnDate"])) == (
        "Cash",
        CHECKING,
        "2026-03-03",
    )
    assert Decimal(drive["TotalAmt"]) == Decimal("10.25")
    assert lines(hooks) == [("Hooks", Decimal("7.50"), UNCATEGORIZED, "")]
    assert world.one("Vendor", DisplayName="Zoë's Crane / Łódź")["Id"] == hooks["EntityRef"]["value"]
    assert "PrimaryEmailAddr" not in world.one("Vendor", DisplayName="Hicks Hardware")  # X-5: not ours, left alone
    # The whole list of suppliers is brought together, whether anything was bought there or not.
    assert world.one("Vendor", DisplayName="Nobody bought anything here")["PrimaryEmailAddr"]["Address"]
    assert len(world.books("Vendor")) == 4
    # In euros from an account in dollars: a person has to say what happened.
    assert (held_one(world).problems[0].code, len(made)) == ("payment-currency", 2)
    assert world.books("Bill") == [] == world.books("BillPayment")
    world.sql("DELETE FROM expense WHERE currency = 'EUR'")
    world.sql("UPDATE expense SET status = 'approved' WHERE notes = 'rejected'")
    world.run()
    assert said(world, "Purchase")["rejected"] == 1
    assert set(ever(world, "Purchase").values()) == {1}
    at_rest(world)


@pytest.mark.behaviour("B-38")
def test_what_a_card_paid_is_a_card_expense_and_the_account_stays_as_the_accountant_has_it(make: Make) -> None:
    world = make(**BUYING | {"settings": msgspec.structs.replace(SPENDING, payment_account="Visa")})
    visa = world.accountant.save("Account", {"Name": "Visa", "AccountType": "Credit Card"})
    expense = spent(world, world.member("Hicks"), "12.00", "Nails")
    world.run()
    assert (purchase(world)["PaymentType"], purchase(world)["AccountRef"]["value"]) == ("CreditCard", visa["Id"])
    other = world.accountant.save("Account", {"Name": "Master", "AccountType": "Credit Card"})
    change(world, "Purchase", purchase(world), PaymentType="CreditCard", AccountRef={"value": other["Id"]})
    change_expense(world, expense, amount="13.00")
    world.run()
    assert (Decimal(purchase(world)["TotalAmt"]), purchase(world)["AccountRef"]["value"]) == (13, other["Id"])
    at_rest(world)


# ---- what changes


@pytest.mark.behaviour("B-41", "C-B2")
def test_a_change_of_the_source_overwrites_the_expense(world: World) -> None:
    hicks, crane = world.member("Hicks"), world.member("Crane")
    expense = spent(world, hicks, "10.00", "Nails")
    world.run()
    first = purchase(world)
    change_expense(world, expense, amount="11.50", notes="Long nails", member_id=crane, date="2026-03-09")
    world.run()
    now = purchase(world)
    assert (now["Id"], lines(now)) == (first["Id"], [("Long nails", Decimal("11.50"), UNCATEGORIZED, "")])
    assert [line["Id"] for line in now["Line"]] == [line["Id"] for line in first["Line"]]
    assert (now["EntityRef"]["name"], str(now["TxnDate"])) == ("Crane", "2026-03-09")
    # What the accountant changes stays, and the source does not hear of it (B-16) ...
    line = now["Line"][0] | {"Amount": Decimal(99), "Description": "Screws"}
    change(world, "Purchase", now, PaymentType="Cash", TxnDate="2026-04-01", Line=[line], PrivateNote="by hand")
    source = world.rows("SELECT * FROM expense")
    world.run()
    assert Decimal(purchase(world)["TotalAmt"]) == 99
    assert world.rows("SELECT * FROM expense") == source
    assert held(world) == []
    # ... until the source changes anything: then all of it is as the source says, and the accountant's own note stays.
    change_expense(world, expense, member_id=hicks)
    plan = world.plan().plan
    (planned,) = plan.writes
    assert (planned.verb, planned.side) == (Verb.UPDATE, Side.QBO)
    assert planned.reason.endswith("what QuickBooks has otherwise in date, lines and total is overwritten")
    world.run()
    now = purchase(world)
    assert lines(now) == [("Long nails", Decimal("11.50"), UNCATEGORIZED, "")]
    assert (now["EntityRef"]["name"], str(now["TxnDate"]), now["PrivateNote"]) == ("Hicks", "2026-03-09", "by hand")
    assert ever(world, "Purchase") == {"Nails": 1}
    at_rest(world)


@pytest.mark.behaviour("B-41", "C-B2", "10.1")
@pytest.mark.parametrize("theirs", ["the same field", "another field"])
def test_changed_on_both_sides_at_once_the_source_wins(world: World, theirs: str) -> None:
    expense = spent(world, world.member("Hicks"), "10.00", "Nails")
    world.run()
    now = purchase(world)
    if theirs == "the same field":
        change(world, "Purchase", now, PaymentType="Cash", Line=[now["Line"][0] | {"Amount": Decimal(50)}])
    else:
        change(world, "Purchase", now, PaymentType="Cash", TxnDate="2026-05-05")
    change_expense(world, expense, amount="12.00")
    world.run()
    assert (Decimal(purchase(world)["TotalAmt"]), str(purchase(world)["TxnDate"])) == (12, "2026-03-03")
    at_rest(world)


@pytest.mark.behaviour("B-42", "B-40")
def test_what_is_deleted_or_loses_its_approval_is_removed(world: World) -> None:
    hicks = world.member("Hicks")
    kept, deleted, withdrawn = (spent(world, hicks, "1.00", text) for text in ("kept", "deleted", "withdrawn"))
    world.run()
    assert said(world, "Purchase").keys() == {"kept", "deleted", "withdrawn"}
    world.sql("DELETE FROM expense WHERE id = :id", id=deleted)
    world.run()
    assert said(world, "Purchase").keys() == {"kept", "withdrawn"}
    change_expense(world, withdrawn, status="rejected")
    world.run()
    assert said(world, "Purchase").keys() == {"kept"}
    at_rest(world)
    change_expense(world, withdrawn, status="approved", amount="2.00")
    world.run()
    assert said(world, "Purchase") == {"kept": 1, "withdrawn": 2}
    at_rest(world)
    # A slip of the hand is no mass deletion: more than one at a time waits for a word.
    world.sql("DELETE FROM expense")
    assert world.run().outcome == "halted"
    assert said(world, "Purchase").keys() == {"kept", "withdrawn"}
    assert kept


@pytest.mark.behaviour("B-42", "10.4")
@pytest.mark.failure("F-93")
def test_what_people_have_gone_on_with_is_not_removed(world: World) -> None:
    hicks = world.member("Hicks")
    spent(world, hicks, "3.00", "stays")
    closed, edited = spent(world, hicks, "1.00", "closed", date="2026-01-15"), spent(world, hicks, "2.00", "edited")
    world.run()
    world.sandbox.change_company(world.realm, book_close_date="2026-01-31")
    world.sql("DELETE FROM expense WHERE id = :id", id=closed)
    world.run()
    assert "closed period" in held_one(world).reason
    assert len(world.books("Purchase")) == 3
    world.sandbox.change_company(world.realm, book_close_date=None)
    answer(world, "retry")
    world.run()
    (now,) = [each for each in world.books("Purchase") if lines(each)[0][0] == "edited"]
    change(world, "Purchase", now, PaymentType="Cash", TxnDate="2026-03-05")
    world.sql("DELETE FROM expense WHERE id = :id", id=edited)
    world.run()
    assert held_one(world).case == "C31"
    assert said(world, "Purchase").keys() == {"stays", "edited"}
    at_rest(world, held=1, differ=["#3"])


@pytest.mark.behaviour("B-41")
@pytest.mark.failure("F-114")
def test_one_that_was_deleted_in_quickbooks_waits_for_a_person(world: World) -> None:
    expense = spent(world, world.member("Hicks"), "10.00", "Nails")
    world.run()
    world.accountant.delete("Purchase", purchase(world))
    world.run()
    change_expense(world, expense, amount="11.00")
    world.run()
    assert world.books("Purchase") == []
    assert held_one(world).case == "C33"
    answer(world, "accept-source")
    world.run()
    assert said(world, "Purchase") == {"Nails": 11}
    at_rest(world)


# ---- what is there already


@pytest.mark.behaviour("B-38", "B-43")
@pytest.mark.failure("F-10")
def test_the_same_expense_entered_by_hand_is_adopted_and_a_look_alike_waits(world: World) -> None:
    vendor = world.accountant.save("Vendor", {"DisplayName": "Hicks"})
    paid = {"PaymentType": "Cash", "AccountRef": {"value": CHECKING}, "TxnDate": "2026-03-03"}
    payee = {"EntityRef": {"value": vendor["Id"], "type": "Vendor"}}
    for text, amount in (("Nails", 10), ("Other text", 20)):
        detail = {"DetailType": ACCOUNT, ACCOUNT: {"AccountRef": {"value": UNCATEGORIZED}}}
        line = {"Amount": Decimal(amount), "Description": text, **detail}
        world.accountant.save("Purchase", {**paid, **payee, "Line": [line]})
    hicks = world.member("Hicks")
    spent(world, hicks, "10.00", "Nails")
    spent(world, hicks, "20.00", "Screws")
    for _ in range(2):
        spent(world, hicks, "5.00", "Coffee")  # twice the same: each is one of its own
    world.run()
    assert held_one(world).case == "C14"
    totals = sorted(Decimal(each["TotalAmt"]) for each in world.books("Purchase"))
    assert totals == [5, 5, 10, 20]
    at_rest(world, held=1)


@pytest.mark.behaviour("B-43")
@pytest.mark.failure("F-74")
def test_a_supplier_named_like_a_customer_and_other_trouble_wait_with_the_remedy(make: Make) -> None:
    world = make(**BUYING | {"settings": msgspec.structs.replace(SPENDING, payment_account="")})
    customer(world, "Hicks")
    hicks, crane = world.member("Hicks"), world.member("Crane")
    spent(world, hicks, "1.00", "Nails")
    spent(world, crane, "2.00", "Hook")
    spent(world, crane, "-3.00", "Hook came back")
    world.run()
    waiting = {each.label: each for each in held(world)}
    assert "used by the customer" in waiting["Hicks"].reason
    assert {waiting[label].problems[0].code for label in ("#1", "#2")} == {"payment-account"}
    assert "which account expenses are paid from" in waiting["#2"].reason
    assert "payment_account" in waiting["#2"].problems[0].remedy
    assert "negative" in waiting["#3"].reason
    assert world.books("Purchase") == []
    world.accountant.save("Vendor", {"DisplayName": "Hicks Hardware"})
    world.adjust(payment_account="Checking", vendor_map={"Hicks": "Hicks Hardware"})
    world.run(accept_config=True)
    for each in held(world):
        world.store.resolve_held(world.name, each.id, "retry", "Ann")
    world.run()
    assert said(world, "Purchase") == {"Nails": 1, "Hook": 2}
    assert world.one("Vendor", DisplayName="Hicks Hardware")
    at_rest(world, held=1)
    world.adjust(payment_account="Accounts Receivable (A/R)")
    found = {finding.subject: finding for finding in world.engine.check() if finding.level == "error"}
    assert any("bank, cash or credit card" in each.remedy for each in found.values())


# ---- paid, or owed still


@pytest.mark.behaviour("C-B7", "X-8")
def test_what_is_paid_is_an_expense_and_what_is_owed_a_bill(make: Make) -> None:
    world = make(**BUYING | {"settings": msgspec.structs.replace(SPENDING, payable_as="by_payment")})
    hicks = world.member("Hicks")
    owed = spent(world, hicks, "10.00", "owed", reimbursable=True)
    spent(world, hicks, "20.00", "paid at once")
    spent(world, hicks, "30.00", "owed and paid since", reimbursable=True, reimbursed=True)
    draft = spent(world, hicks, "40.00", "draft", reimbursable=True, status="pending_approval")
    world.run()
    assert said(world, "Bill") == {"owed": 10}
    assert said(world, "Purchase") == {"paid at once": 20, "owed and paid since": 30}
    at_rest(world)
    # What was sent stays what it was sent as, however its mark or the setting changes: it is paid where it stands.
    change_expense(world, owed, reimbursed=True, amount="11.00")
    world.adjust(payable_as="expense")
    change_expense(world, draft, status="approved")
    world.run(accept_config=True)
    assert said(world, "Bill") == {"owed": 11}
    assert said(world, "Purchase").keys() == {"paid at once", "owed and paid since", "draft"}
    at_rest(world)
    # With its approval it loses that as well.
    change_expense(world, owed, status="pending_approval")
    world.run()
    assert world.books("Bill") == []
    change_expense(world, owed, status="approved")
    world.run()
    assert said(world, "Purchase")["owed"] == 11
    assert ever(world, "Bill") == {"owed": 1}
    at_rest(world)
    world.adjust(payable_as="bill")
    spent(world, hicks, "5.00", "everything is owed")
    world.run(accept_config=True)
    assert said(world, "Bill") == {"everything is owed": 5}
    at_rest(world)


@pytest.mark.behaviour("C-B7")
def test_a_bill_on_which_something_is_paid_is_not_removed(make: Make) -> None:
    world = make(**BUYING | {"settings": msgspec.structs.replace(SPENDING, payable_as="bill")})
    expense = spent(world, world.member("Hicks"), "10.00", "Nails")
    world.run()
    bill = world.one("Bill")
    paid = {"PayType": "Check", "CheckPayment": {"BankAccountRef": {"value": CHECKING}}, "TotalAmt": Decimal(4)}
    linked = {"Amount": Decimal(4), "LinkedTxn": [{"TxnId": bill["Id"], "TxnType": "Bill"}]}
    world.accountant.save("BillPayment", {"VendorRef": bill["VendorRef"], "Line": [linked], **paid})
    change_expense(world, expense, status="rejected")
    world.run()
    assert "something is paid on it" in held_one(world).reason
    assert world.one("Bill")["Id"] == bill["Id"]
    assert world.books("Purchase") == []
    at_rest(world, held=1, differ=["#1"])


# ---- when something goes wrong, or was a mistake


@pytest.mark.failure("F-1")
def test_a_lost_answer_makes_no_second_expense(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_backoff", lambda _: 0.0)
    hicks = world.member("Hicks")
    for text in ("first", "second"):  # alike but for their text
        spent(world, hicks, "5.00", text)
    world.sandbox.add_fault("reset", when="after", endpoint="batch", nth=2, realm=world.realm)
    world.run()
    world.sandbox.clear_faults()
    world.restart()
    world.run()
    assert ever(world, "Purchase") == {"first": 1, "second": 1}
    named = {
        link.source_id: link.qbo_id
        for link in world.store.links_by_source(world.name, Kind.PURCHASE, ["1", "2"]).values()
    }
    there = {lines(each)[0][0]: each["Id"] for each in world.books("Purchase")}
    assert named == {"1": there["first"], "2": there["second"]}
    at_rest(world)


def test_a_run_is_undone_and_stays_so(world: World) -> None:
    hicks = world.member("Hicks")
    expense = spent(world, hicks, "5.00", "Nails")
    world.run()
    change_expense(world, expense, amount="6.00")
    changed = world.run()
    world.engine.undo(changed.run_id, CycleRequest(actor="Ann"))
    assert said(world, "Purchase") == {"Nails": 5}
    answer(world, "retry")
    world.run()
    gone = spent(world, hicks, "7.00", "Mistake")
    made = world.run()
    world.engine.undo(made.run_id, CycleRequest(actor="Ann"))
    assert said(world, "Purchase") == {"Nails": 6}
    before = world.sandbox.last_request()
    world.run()
    assert mutations(world, before) == []
    assert held_one(world).source_id == str(gone)
