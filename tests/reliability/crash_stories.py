"""What happens on the two sides before a run that is killed: every kind of write that there is, each by itself, and
many of them together."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from syncd.model.kinds import Kind
from syncd.reconciler.policy import Answer, Case
from syncd.report import CycleRequest
from tests.e2e.credit_books import applied
from tests.e2e.helpers import Json, bill, change, customer, receive, sales_line
from tests.e2e.owed import EXACT, ON, pay
from tests.purchasing.buying import BUYING, attached, change_expense, ordered, spent
from tests.support.world import SETTINGS, World

Act = Callable[[World], None]


class Story(msgspec.Struct, frozen=True):
    """``before`` makes what is there and in agreement; ``change`` is what people do then, on either side.

    ``world`` are options of the company, ``request`` what the run is allowed, ``answers`` changes of the profile, by
    kind. ``renews``: the access token has run out when the run begins.
    """

    name: str
    before: Act
    change: Act
    world: dict[str, Any] = {}
    request: CycleRequest = CycleRequest()
    answers: dict[str, dict[Case, Answer]] = {}
    renews: bool = False

    @property
    def slug(self) -> str:
        """A name for files."""
        return "".join(c if c.isalnum() else "-" for c in self.name)


# ---- what is there


def nothing(_: World) -> None:
    """Nobody does anything."""


def settled(world: World) -> None:
    """Invoices of two clients, with payments and credit notes in use, and a bill for an expense: all on both sides.

    Of whatever a story takes away something is left, so that no side looks emptied."""
    ada = world.client("Ada", email="ada@example.com")
    first, second = (world.invoice(ada, f"INV-{n}", ("100.00", "Work"), ("50.00", "Travel")) for n in (1, 2))
    world.invoice(world.client("Bea"), "INV-3", ("80.00", "Alone"), ("20.00", "Travel"))
    for number, amount in (("P-1", "40.00"), ("P-2", "5.00")):
        world.payment(ada, (first, amount), reference=number)
    notes = [world.credit_note(ada, f"CN-{n}", ("60.00", "Back")) for n in (1, 2, 3)]
    world.apply_credit(notes[0], (second, "25.00"))
    world.apply_credit(notes[1], (second, "10.00"))
    if world.settings.expense_bills:
        for name in ("Ann", "Eve"):
            world.expense(world.member(name, email=f"{name}@example.com"), "12.00", notes=f"taxi of {name}")
    for _ in range(2):
        world.run()


def source_id(world: World, table: str, **fields: Any) -> int:
    """The id of the only row with these values."""
    where = " AND ".join(f"{name} = :{name}" for name in fields) or "1 = 1"
    (found,) = world.rows(f"SELECT id FROM {table} WHERE {where}", **fields)
    return int(found["id"])


def book(world: World, number: str) -> Json:
    """An invoice in QuickBooks."""
    return world.one("Invoice", DocNumber=number)


def update(world: World, table: str, which: int, **fields: Any) -> None:
    """Somebody changes a row of the source."""
    sets = ", ".join(f"{name} = :{name}" for name in fields)
    world.sql(f"UPDATE {table} SET {sets} WHERE id = :which", which=which, **fields)


# ---- what people do in the source


def everything_new(world: World) -> None:
    """One record of every kind that goes out."""
    ada = world.client("Ada", email="ada@example.com")
    hours = world.item("Hours")
    first, second = world.invoice(ada, "INV-1", ("100", "Work", hours)), world.invoice(ada, "INV-2", ("50", "More"))
    note = world.credit_note(ada, "CN-1", ("30", "Back"))
    world.apply_credit(note, (first, "30.00"))
    world.payment(ada, (first, "70.00"), (second, "20.00"), reference="P-1")
    if world.settings.expense_bills:
        world.expense(world.member("Ann"), "12.00", notes="taxi")


def invoice_and_payment(world: World) -> None:
    ada = world.client("Ada")
    world.payment(ada, (world.invoice(ada, "INV-1"), "40.00"), reference="P-1")


def invoices_and_payment(world: World) -> None:
    invoice_and_payment(world)
    world.invoice(source_id(world, "client"), "INV-2", ("70.00", "More"))


def forms_without_numbers(world: World) -> None:
    ada = world.client("Ada")
    world.invoice(ada, "draft-1", ("100", "Work"))
    world.invoice(ada, "draft-2", ("70", "Other work"))
    world.credit_note(ada, "draft-3", ("30", "Back"))


def many_invoices(world: World) -> None:
    """More than one batch: while one travels, the answers to the one before are stored and the next is made ready."""
    ada = world.client("Ada")
    for n in range(6):
        world.payment(ada, (world.invoice(ada, f"INV-{n}", (f"{n + 1}0", "Work")), "5.00"), reference=f"P-{n}")


def new_invoice(world: World) -> None:
    world.invoice(source_id(world, "client", name="Ada"), "INV-4", ("80.00", "New"))


def new_credit_note(world: World) -> None:
    world.credit_note(source_id(world, "client", name="Ada"), "CN-4", ("15.00", "New"))


def new_payment(world: World) -> None:
    first = source_id(world, "invoice", number="INV-1")
    world.payment(source_id(world, "client", name="Ada"), (first, "30.00"), reference="P-3")


def new_use(world: World) -> None:
    note, invoice = source_id(world, "credit_note", number="CN-3"), source_id(world, "invoice", number="INV-1")
    world.apply_credit(note, (invoice, "10.00"))


def new_expense(world: World) -> None:
    world.expense(world.member("Bob"), "33.00", notes="hotel", report="April trip")


def edited_client(world: World) -> None:
    update(world, "client", source_id(world, "client", name="Ada"), email="new@example.com")


def edited_member(world: World) -> None:
    update(world, "member", source_id(world, "member", name="Ann"), email="new@example.com")


def edited_invoice(world: World) -> None:
    invoice = source_id(world, "invoice", number="INV-3")
    world.sql("UPDATE invoice_line SET amount = '70', rate = '70' WHERE invoice_id = :i AND position = 2", i=invoice)
    update(world, "invoice", invoice, total="150.00", notes="Thank you")


def edited_credit_note(world: World) -> None:
    note = source_id(world, "credit_note", number="CN-3")
    world.sql("UPDATE credit_note_line SET amount = '12', rate = '12' WHERE credit_note_id = :n", n=note)
    update(world, "credit_note", note, total="12.00")


def moved_use(world: World) -> None:
    use = source_id(world, "credit_application", credit_note_id=source_id(world, "credit_note", number="CN-1"))
    invoice = source_id(world, "invoice", number="INV-1")
    statement = "UPDATE credit_application_part SET invoice_id = :i, amount = '20' WHERE credit_application_id = :u"
    world.sql(statement, i=invoice, u=use)


def edited_expense(world: World) -> None:
    update(world, "expense", source_id(world, "expense", notes="taxi of Ann"), amount="14.00")


def unpublished(world: World) -> None:
    """Ticked: it goes from QuickBooks."""
    invoice = source_id(world, "invoice", number="INV-3")
    update(world, "invoice", invoice, state="draft", remove_from_qbo=True)


def left_behind(world: World) -> None:
    update(world, "invoice", source_id(world, "invoice", number="INV-3"), state="draft")


def left_and_published_again(world: World) -> None:
    """Edited meanwhile: the one that was left in QuickBooks is changed, and none is made."""
    left_behind(world)
    world.run()
    edited_invoice(world)
    update(world, "invoice", source_id(world, "invoice", number="INV-3"), state="published")


def removed_and_published_again(world: World) -> None:
    """In QuickBooks it is made anew: the same slot, one generation on."""
    unpublished(world)
    world.run()
    update(world, "invoice", source_id(world, "invoice", number="INV-3"), state="published", remove_from_qbo=None)


def removed_note(world: World) -> None:
    note = source_id(world, "credit_note", number="CN-3")
    update(world, "credit_note", note, state="draft", remove_from_qbo=True)


def removed_payment(world: World) -> None:
    payment = source_id(world, "payment", reference="P-1")
    world.sql("DELETE FROM payment_allocation WHERE payment_id = :p", p=payment)
    world.sql("DELETE FROM payment WHERE id = :p", p=payment)


def removed_use(world: World) -> None:
    use = source_id(world, "credit_application", credit_note_id=source_id(world, "credit_note", number="CN-1"))
    world.sql("DELETE FROM credit_application_part WHERE credit_application_id = :u", u=use)
    world.sql("DELETE FROM credit_application WHERE id = :u", u=use)


def removed_invoice(world: World) -> None:
    invoice = source_id(world, "invoice", number="INV-3")
    world.sql("DELETE FROM invoice_line WHERE invoice_id = :i", i=invoice)
    world.sql("DELETE FROM invoice WHERE id = :i", i=invoice)


def removed_client(world: World) -> None:
    removed_invoice(world)
    world.sql("DELETE FROM client WHERE name = 'Bea'")


# ---- what people do in QuickBooks


def edited_there(world: World) -> None:
    change(world, "Invoice", book(world, "INV-2"), DueDate="2026-06-30", CustomerMemo={"value": "New words"})


def other_lines_there(world: World) -> None:
    lines = [sales_line("75.00", "Less travel"), sales_line("100.00", "Work")]
    change(world, "Invoice", book(world, "INV-2"), Line=lines)


def edited_on_both_sides(world: World) -> None:
    change(world, "Invoice", book(world, "INV-2"), DueDate="2026-06-30")
    update(world, "invoice", source_id(world, "invoice", number="INV-2"), notes="Thank you")


def edited_otherwise_on_both_sides(world: World) -> None:
    change(world, "Invoice", book(world, "INV-2"), DueDate="2026-06-30")
    update(world, "invoice", source_id(world, "invoice", number="INV-2"), due_date="2026-07-31")


def deleted_there(world: World) -> None:
    world.accountant.delete("Invoice", book(world, "INV-3"))


def voided_there(world: World) -> None:
    world.accountant.void("Invoice", book(world, "INV-3"))


def memo_there(world: World) -> None:
    """A credit memo of QuickBooks with its use: both come in."""
    whose = world.one("Customer", DisplayName="Ada")["Id"]
    fields = {"CustomerRef": {"value": whose}, "DocNumber": "ACC-1", "TxnDate": "2026-04-09"}
    memo = world.accountant.save("CreditMemo", {**fields, "Line": [sales_line("20", "Goodwill")]})
    lines = [applied("Invoice", book(world, "INV-1")["Id"], "20"), applied("CreditMemo", memo["Id"], "20")]
    body = {"CustomerRef": {"value": whose}, "TotalAmt": Decimal(0), "TxnDate": "2026-04-10", "Line": lines}
    world.accountant.save("Payment", body)


def edited_memo_there(world: World) -> None:
    change(world, "CreditMemo", world.one("CreditMemo", DocNumber="CN-3"), CustomerMemo={"value": "Sorry"})


def deleted_memo_there(world: World) -> None:
    world.accountant.delete("CreditMemo", world.one("CreditMemo", DocNumber="CN-3"))


def payment_there(world: World) -> None:
    receive(
        world,
        book(world, "INV-1")["CustomerRef"]["value"],
        (book(world, "INV-1")["Id"], "20.00"),
        PaymentRefNum="THEIRS",
    )


def edited_payment_there(world: World) -> None:
    world.accountant.save("Payment", {**world.one("Payment", PaymentRefNum="P-1"), "TxnDate": "2026-03-25"})


def deleted_payment_there(world: World) -> None:
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="P-1"))


def voided_payment_there(world: World) -> None:
    world.accountant.void("Payment", world.one("Payment", PaymentRefNum="P-1"))


def _use(world: World) -> Json:
    """The payment of zero that puts CN-1 on an invoice."""
    memo = world.one("CreditMemo", DocNumber="CN-1")["Id"]
    return next(p for p in world.books("Payment") if {"TxnId": memo, "TxnType": "CreditMemo"} in _linked(p))


def _linked(payment: Json) -> list[Json]:
    return [link for line in payment["Line"] for link in line["LinkedTxn"]]


def moved_use_there(world: World) -> None:
    memo = world.one("CreditMemo", DocNumber="CN-1")["Id"]
    lines = [applied("Invoice", book(world, "INV-1")["Id"], "15"), applied("CreditMemo", memo, "15")]
    world.accountant.save("Payment", {**_use(world), "Line": lines})


def deleted_use_there(world: World) -> None:
    world.accountant.delete("Payment", _use(world))


def paid_bill(world: World) -> None:
    pay(world, world.books("Bill")[0])


# ---- both at once


def on_both_sides_already(world: World) -> None:
    """The same customer, invoice and payment, entered by hand on either side."""
    there = bill(world, customer(world, "Ada"), "INV-1", ("100.00", "Work"))
    receive(world, there["CustomerRef"]["value"], (there["Id"], "40.00"), PaymentRefNum="P-1", TxnDate="2026-03-20")
    invoice_and_payment(world)


def in_all_directions(world: World) -> None:
    """Edits out and in, and new payments on both sides."""
    edited_there(world)
    payment_there(world)
    new_payment(world)
    update(world, "invoice", source_id(world, "invoice", number="INV-1"), notes="Thank you")


def one_removed(world: World) -> None:
    """As ``settled``, and one more invoice, which was unpublished and has gone from QuickBooks since."""
    settled(world)
    invoice = world.invoice(source_id(world, "client", name="Bea"), "INV-5", ("60.00", "To and fro"))
    world.run()
    update(world, "invoice", invoice, state="draft", remove_from_qbo=True)
    world.run()


def removals(world: World) -> None:
    """Withdrawn and deleted in the source, deleted in QuickBooks; and what was removed before is published again."""
    unpublished(world)
    removed_use(world)
    deleted_payment_there(world)
    invoice = source_id(world, "invoice", number="INV-5")
    update(world, "invoice", invoice, state="published", remove_from_qbo=None)


# ---- the list


def bought(world: World) -> None:
    """Expenses and an order of a supplier, with files, on both sides."""
    hicks = world.member("Hicks", email="hicks@example.com")
    for name in ("nails", "planks", "hooks"):
        expense = spent(world, hicks, "10.00", name)
        attached(world, "expense", expense, f"{name}.pdf", name.encode())
    attached(world, "purchase_order", ordered(world, hicks, "PO-1"), "drawing.png", b"drawing")
    for _ in range(2):
        world.run()


def buying(world: World) -> None:
    """A new expense with two files; one file with other content, one with another name, one gone; an expense that is
    not approved any more, with its file; and a changed order."""
    crane = spent(world, 1, "99.00", "crane")
    for name in ("offer.pdf", "receipt.pdf"):
        attached(world, "expense", crane, name, name.encode())
    world.sql("UPDATE attachment SET content = :c WHERE file_name = 'nails.pdf'", c=b"better nails")
    world.sql("UPDATE attachment SET file_name = 'beams.pdf' WHERE file_name = 'planks.pdf'")
    world.sql("DELETE FROM attachment WHERE file_name = 'drawing.png'")
    change_expense(world, source_id(world, "expense", notes="hooks"), status="rejected")
    change_expense(world, source_id(world, "expense", notes="planks"), amount="11.00")
    with world.entering():
        world.sql("UPDATE purchase_order_line SET amount = '120.00'")
        world.sql("UPDATE purchase_order SET total = '120.00', notes = 'Call first'")


def replacing(world: World) -> None:
    """A file with other content, and an expense that goes with its file."""
    world.sql("UPDATE attachment SET content = :c WHERE file_name = 'nails.pdf'", c=b"better nails")
    change_expense(world, source_id(world, "expense", notes="hooks"), status="rejected")


PLAIN: dict[str, Any] = {"settings": SETTINGS, "source_options": EXACT}
BILLS: dict[str, Any] = {"settings": ON, "source_options": EXACT}


def _with(**settings: Any) -> dict[str, Any]:
    return {**PLAIN, "settings": msgspec.structs.replace(SETTINGS, **settings)}


def _gone(kind: Kind, answer: Answer, case: Case = Case.SRC_GONE) -> dict[str, dict[Case, Answer]]:
    return {kind.value: {case: answer}}


MIXED = (
    Story("everything for the first time", nothing, everything_new, BILLS),
    Story("numbers of QuickBooks", nothing, forms_without_numbers, PLAIN | {"custom_txn_numbers": False}),
    Story("batches that overtake", nothing, many_invoices, PLAIN | {"qbo": {"batch_size": 2}}),
    Story("in all directions", settled, in_all_directions, PLAIN),
    Story("removals on both sides", one_removed, removals, PLAIN),
)
OUT = (
    Story("new invoice", settled, new_invoice, PLAIN),
    Story("new credit note", settled, new_credit_note, PLAIN),
    Story("new payment", settled, new_payment, PLAIN),
    Story("credit used", settled, new_use, PLAIN),
    Story("new expense", settled, new_expense, BILLS),
    Story("client edited", settled, edited_client, PLAIN),
    Story("member edited", settled, edited_member, BILLS),
    Story("invoice edited", settled, edited_invoice, PLAIN),
    Story("credit note edited", settled, edited_credit_note, PLAIN),
    Story("credit used elsewhere", settled, moved_use, PLAIN),
    Story("expense edited", settled, edited_expense, BILLS),
    Story("invoice unpublished", settled, unpublished, PLAIN),
    Story("invoice unpublished and left", settled, left_behind, PLAIN),
    Story("left and published again", settled, left_and_published_again, PLAIN),
    Story("credit note unpublished", settled, removed_note, PLAIN),
    Story("payment removed", settled, removed_payment, PLAIN),
    Story("credit not used after all", settled, removed_use, PLAIN),
    Story("removed and published again", settled, removed_and_published_again, PLAIN),
    Story("access token renewed", settled, new_invoice, PLAIN, renews=True),
)
IN = (
    Story("invoice edited there", settled, edited_there, PLAIN),
    Story("other lines there", settled, other_lines_there, PLAIN),
    Story("invoice deleted there", settled, deleted_there, _with(on_qbo_delete="unpublish")),
    Story("invoice voided there", settled, voided_there, _with(on_qbo_void="void")),
    Story("credit memo there", settled, memo_there, PLAIN),
    Story("credit memo edited there", settled, edited_memo_there, PLAIN),
    Story("credit memo deleted there", settled, deleted_memo_there, PLAIN),
    Story("payment there", settled, payment_there, PLAIN),
    Story("payment edited there", settled, edited_payment_there, PLAIN),
    Story("payment deleted there", settled, deleted_payment_there, PLAIN),
    Story("credit used elsewhere there", settled, moved_use_there, PLAIN),
    Story("use of credit deleted there", settled, deleted_use_there, PLAIN),
    Story("bill paid there", settled, paid_bill, BILLS),
    Story("edited on both sides", settled, edited_on_both_sides, PLAIN),
    Story("edited otherwise on both sides", settled, edited_otherwise_on_both_sides, PLAIN),
    Story("on both sides already", nothing, on_both_sides_already, PLAIN),
)
OTHER_PROFILES = (
    Story(
        "invoice voided in QuickBooks",
        settled,
        removed_invoice,
        PLAIN,
        answers=_gone(Kind.INVOICE, Answer.VOID_QBO),
    ),
    Story(
        "payment voided in QuickBooks", settled, removed_payment, PLAIN, answers=_gone(Kind.PAYMENT, Answer.VOID_QBO)
    ),
    Story(
        "client made inactive",
        settled,
        removed_client,
        PLAIN,
        answers=_gone(Kind.INVOICE, Answer.DELETE_QBO) | _gone(Kind.CLIENT, Answer.DEACTIVATE_QBO),
    ),
    Story(
        "payment voided in the source",
        settled,
        voided_payment_there,
        PLAIN,
        answers=_gone(Kind.PAYMENT, Answer.VOID_SOURCE, Case.QBO_VOID),
    ),
    Story(
        "invoice made anew in QuickBooks",
        settled,
        deleted_there,
        PLAIN,
        answers=_gone(Kind.INVOICE, Answer.RECREATE_QBO, Case.QBO_GONE),
    ),
)
PURCHASES = (
    Story("bought, with files", bought, buying, BUYING),
    Story("files replaced and gone", bought, replacing, BUYING),
)
COMPACT = (
    Story("invoices and a payment", nothing, invoices_and_payment, PLAIN | {"custom_txn_numbers": False}),
    *(story for story in MIXED if story.name in {"in all directions", "removals on both sides"}),
    *PURCHASES[1:],
)
"""Small, and with every step of the journal on both sides."""
STORIES = (*MIXED, *OUT, *IN, *OTHER_PROFILES, *PURCHASES)
