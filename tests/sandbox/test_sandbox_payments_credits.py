"""Credit memos applied by payments and by QBO itself, and deposited payments (entities.md 4.5, 5.2 to 5.4, 8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox

Json = dict[str, Any]
Make = Callable[..., Json]
NOTE = "Created by QB Online to link credits to charges."


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        work()
    return caught.value.code


def share(amount: int, *documents: tuple[str, Json]) -> Json:
    return {"Amount": amount, "LinkedTxn": [{"TxnId": body["Id"], "TxnType": kind} for kind, body in documents]}


@pytest.fixture
def credit(person: Accountant, customer: Json, line: Make) -> Make:
    """credit(30) saves a credit memo of the customer."""

    def make(amount: Any, **members: Any) -> Json:
        return person.save("CreditMemo", {"CustomerRef": {"value": customer["Id"]}, "Line": [line(amount)], **members})

    return make


@pytest.fixture
def apply(person: Accountant, customer: Json) -> Make:
    """apply(10, line, line) saves a payment of 10 with these lines."""

    def make(total: int, *lines: Json, **members: Any) -> Json:
        body = {"CustomerRef": {"value": customer["Id"]}, "TotalAmt": total, "Line": list(lines), **members}
        return person.save("Payment", body)

    return make


@pytest.fixture
def standing(person: Accountant, customer: Json) -> Callable[..., Any]:
    """standing(invoice, memo): balance, remaining credit, what the customer owes."""

    def read(invoice: Json, memo: Json) -> Any:
        current = person.read("CreditMemo", memo["Id"])
        assert current["Balance"] == current["RemainingCredit"]
        owed = person.read("Customer", customer["Id"])["Balance"]
        return person.read("Invoice", invoice["Id"])["Balance"], current["RemainingCredit"], owed

    return read


@pytest.mark.checklist(11)
@pytest.mark.parametrize("in_one_line", [False, True])
def test_a_payment_of_nothing_uses_a_credit_on_an_invoice(
    in_one_line: bool, person: Accountant, invoice: Make, credit: Make, apply: Make, standing: Callable[..., Any]
) -> None:
    """The shape of S:payment-update-full: two lines of one amount; both links in one line are accepted too."""
    bill, memo = invoice(300), credit(300)
    assert standing(bill, memo) == (300, 300, 0)
    both = ("Invoice", bill), ("CreditMemo", memo)
    lines = [share(300, *both)] if in_one_line else [share(300, document) for document in both]
    payment = apply(0, *lines)
    assert (payment["TotalAmt"], payment["UnappliedAmt"], "DepositToAccountRef" in payment) == (0, 0, False)
    assert [(row["Amount"], row["LinkedTxn"][0]["TxnType"]) for row in payment["Line"]] == [
        (300, "Invoice"),
        (300, "CreditMemo"),
    ]
    assert standing(bill, memo) == (0, 0, 0)
    used = person.read("CreditMemo", memo["Id"])
    assert (used["SyncToken"], used["TotalAmt"], "LinkedTxn" in used) == ("1", 300, False)
    assert person.read("Invoice", bill["Id"])["LinkedTxn"] == [{"TxnId": payment["Id"], "TxnType": "Payment"}]
    groups, _ = person.cdc("CreditMemo", payment["MetaData"]["CreateTime"])
    assert groups["CreditMemo"] == [used]


@pytest.mark.checklist(12)
@pytest.mark.parametrize("how", ["delete", "void", "unapply"])
def test_undoing_a_payment_frees_the_credit(
    how: str, person: Accountant, invoice: Make, credit: Make, apply: Make, standing: Callable[..., Any]
) -> None:
    bill, memo = invoice(100), credit(30)
    payment = apply(50, share(80, ("Invoice", bill)), share(30, ("CreditMemo", memo)))
    assert payment["UnappliedAmt"] == 0
    assert standing(bill, memo) == (20, 0, 20)
    if how == "unapply":
        assert person.save("Payment", {**payment, "Line": []})["UnappliedAmt"] == 50
        assert standing(bill, memo) == (100, 30, 20)
    else:
        getattr(person, how)("Payment", payment)
        assert standing(bill, memo) == (100, 30, 70)
    assert person.read("CreditMemo", memo["Id"])["SyncToken"] == "2"


def test_more_credit_than_debt_stays_unapplied(
    invoice: Make, credit: Make, apply: Make, standing: Callable[..., Any]
) -> None:
    bill, memo = invoice(20), credit(50)
    payment = apply(10, share(20, ("Invoice", bill)), share(50, ("CreditMemo", memo)))
    assert payment["UnappliedAmt"] == 40  # TotalAmt and credits less what was paid (entities.md 5.1)
    assert standing(bill, memo) == (0, 0, -40)


def test_no_more_credit_can_be_used_than_is_left(invoice: Make, credit: Make, apply: Make) -> None:
    bill, memo = invoice(100), credit(30)
    lines = share(40, ("Invoice", bill)), share(40, ("CreditMemo", memo))
    assert code_of(lambda: apply(0, *lines)) == "6000"
    assert code_of(lambda: apply(0, share(40, ("Invoice", bill)), share(30, ("CreditMemo", memo)))) == "6000"
    assert code_of(lambda: apply(0, share(30, ("CreditMemo", {"Id": "99999"})))) == "620"


def test_an_update_that_only_uses_credits_needs_no_amount(
    person: Accountant, customer: Json, invoice: Make, credit: Make, apply: Make
) -> None:
    """S:payment-full-request has no TotalAmt; everything else without one is refused."""
    bill, memo, payment = invoice(300), credit(300), apply(0)
    slim = {"Id": payment["Id"], "SyncToken": "0", "CustomerRef": {"value": customer["Id"]}}
    lines = [share(300, ("Invoice", bill)), share(300, ("CreditMemo", memo))]
    assert code_of(lambda: person.save("Payment", {**slim, "Line": lines[:1]})) == "6000"
    assert person.save("Payment", {**slim, "Line": lines})["TotalAmt"] == 0


def test_a_credit_memo_made_smaller_takes_back_what_it_paid(
    person: Accountant, line: Make, invoice: Make, credit: Make, apply: Make, standing: Callable[..., Any]
) -> None:
    bill, memo = invoice(100), credit(60)
    payment = apply(0, share(60, ("Invoice", bill)), share(60, ("CreditMemo", memo)))
    current = person.read("CreditMemo", memo["Id"])
    smaller = person.save("CreditMemo", {**current, "Line": [line(25)]})
    assert (smaller["TotalAmt"], smaller["RemainingCredit"]) == (25, 0)
    assert standing(bill, memo) == (75, 0, 75)
    assert [row["Amount"] for row in person.read("Payment", payment["Id"])["Line"]] == [25, 25]
    larger = person.save("CreditMemo", {**smaller, "Line": [line(40)]})
    assert larger["RemainingCredit"] == 15


def test_a_credit_memo_made_smaller_that_paid_nothing_yet(
    person: Accountant, line: Make, credit: Make, apply: Make
) -> None:
    memo = credit(60)
    payment = apply(10, share(40, ("CreditMemo", memo)))
    assert payment["UnappliedAmt"] == 50
    smaller = person.save("CreditMemo", {**person.read("CreditMemo", memo["Id"]), "Line": [line(25)]})
    assert smaller["RemainingCredit"] == 0
    after = person.read("Payment", payment["Id"])
    assert (after["UnappliedAmt"], after["Line"][0]["Amount"]) == (35, 25)


def test_an_invoice_made_smaller_or_voided_frees_the_credits_that_paid_it(
    person: Accountant, line: Make, invoice: Make, credit: Make, apply: Make, standing: Callable[..., Any]
) -> None:
    bill, memo = invoice(100), credit(60)
    payment = apply(40, share(100, ("Invoice", bill)), share(60, ("CreditMemo", memo)))
    current = person.read("Invoice", bill["Id"])
    smaller = person.save("Invoice", {**current, "Line": [line(70)]})
    assert standing(bill, memo) == (0, 0, -30)
    assert person.read("Payment", payment["Id"])["UnappliedAmt"] == 30
    person.void("Invoice", smaller)
    after = person.read("Payment", payment["Id"])
    assert (after["TotalAmt"], after["UnappliedAmt"], after["Line"]) == (40, 40, [])
    assert standing(bill, memo) == (0, 60, -100)


def test_deleting_a_used_credit_memo_opens_the_invoice_or_is_refused(
    sandbox: RunningSandbox, person: Accountant, invoice: Make, credit: Make, apply: Make
) -> None:
    bill, memo = invoice(100), credit(60)
    payment = apply(10, share(70, ("Invoice", bill)), share(60, ("CreditMemo", memo)))
    current = person.read("CreditMemo", memo["Id"])
    sandbox.switch(delete_applied_credit="refuse")
    assert code_of(lambda: person.delete("CreditMemo", current)) == "800"
    sandbox.switch(delete_applied_credit="unapply")
    person.delete("CreditMemo", current)
    assert person.read("Invoice", bill["Id"])["Balance"] == 90
    after = person.read("Payment", payment["Id"])
    assert [row["Amount"] for row in after["Line"]] == [10]
    assert (after["UnappliedAmt"], after["SyncToken"]) == (0, "1")


def test_the_customer_of_a_used_credit_cannot_change(
    person: Accountant, invoice: Make, credit: Make, apply: Make
) -> None:
    bill, memo = invoice(100), credit(60)
    other = {"CustomerRef": {"value": person.save("Customer", {"DisplayName": "Other"})["Id"]}}
    assert person.save("CreditMemo", {**credit(5), **other})["CustomerRef"]["value"] == other["CustomerRef"]["value"]
    apply(0, share(60, ("Invoice", bill)), share(60, ("CreditMemo", memo)))
    current = person.read("CreditMemo", memo["Id"])
    assert code_of(lambda: person.save("CreditMemo", {**current, **other})) == "6000"


@pytest.fixture
def automatic(sandbox: RunningSandbox, realm: str) -> None:
    sandbox.change_company(realm, auto_apply_credit=True)


@pytest.mark.usefixtures("automatic")
def test_qbo_puts_open_credits_on_a_new_invoice(
    person: Accountant, customer: Json, invoice: Make, credit: Make, standing: Callable[..., Any]
) -> None:
    """S:payment-auto-credit-recorded: a payment of nothing, its Id the invoice's plus one, and no deposit account."""
    old, new = credit(30), credit(50)
    bill = invoice(70)
    assert (bill["TotalAmt"], bill["Balance"], bill["SyncToken"]) == (70, 0, "0")
    payment = person.read("Payment", str(int(bill["Id"]) + 1))
    assert bill["LinkedTxn"] == [{"TxnId": payment["Id"], "TxnType": "Payment"}]
    assert (payment["TotalAmt"], payment["UnappliedAmt"], payment["ProcessPayment"]) == (0, 0, False)
    assert (payment["PrivateNote"], payment["SyncToken"]) == (NOTE, "0")
    assert payment["CustomerRef"] == {"value": customer["Id"], "name": "Ada Lovelace"}
    assert "DepositToAccountRef" not in payment
    assert [(row["Amount"], row["LinkedTxn"][0]["TxnId"]) for row in payment["Line"]] == [
        (70, bill["Id"]),
        (30, old["Id"]),
        (40, new["Id"]),
    ]
    assert standing(bill, old) == (0, 0, -10)
    assert person.read("CreditMemo", new["Id"])["RemainingCredit"] == 10
    second = invoice(100)
    assert second["Balance"] == 90
    assert invoice(5)["Balance"] == 5
    changed = person.save("Invoice", {**second, "PrivateNote": "x"})
    assert changed["Balance"] == 90
    person.delete("Payment", payment)
    assert standing(bill, old) == (70, 30, 85 + 70 + 10 - 80 + 10)


@pytest.mark.usefixtures("automatic")
def test_a_new_credit_memo_finds_open_invoices_unless_switched_off(
    sandbox: RunningSandbox, person: Accountant, invoice: Make, credit: Make
) -> None:
    one, two = invoice(30), invoice(50)
    memo = credit(40)
    assert (memo["RemainingCredit"], memo["SyncToken"]) == (0, "0")
    assert [person.read("Invoice", bill["Id"])["Balance"] for bill in (one, two)] == [0, 40]
    sandbox.switch(auto_apply_credit_on="invoice")
    assert credit(10)["RemainingCredit"] == 10


def test_credits_stay_where_they_are_without_the_preference(invoice: Make, credit: Make) -> None:
    assert credit(30)["RemainingCredit"] == 30
    assert invoice(70)["Balance"] == 70


def test_unapplied_payments_go_to_a_new_invoice_by_switch(
    sandbox: RunningSandbox, realm: str, person: Accountant, invoice: Make, apply: Make
) -> None:
    payment = apply(25)
    sandbox.change_company(realm, auto_apply_payments=True)
    assert invoice(10)["Balance"] == 10
    sandbox.switch(auto_apply_payments=True)
    bill = invoice(40)
    assert (bill["Balance"], bill["SyncToken"]) == (15, "0")
    after = person.read("Payment", payment["Id"])
    assert (after["UnappliedAmt"], after["SyncToken"], after["Line"][0]["Amount"]) == (0, "1", 25)


@pytest.mark.checklist(58)
@pytest.mark.parametrize("entity", ["Payment", "SalesReceipt"])
def test_deposited_money_stays_as_it_is(
    entity: str, person: Accountant, customer: Json, line: Make, apply: Make
) -> None:
    body = {"CustomerRef": {"value": customer["Id"]}, "Line": [line(40)]}
    money = apply(40) if entity == "Payment" else person.save("SalesReceipt", body)
    held = {"TxnId": money["Id"], "TxnType": entity, "TxnLineId": "0"}
    deposit = {"DepositToAccountRef": {"value": "35"}, "Line": [{"Amount": 40, "LinkedTxn": [held]}]}
    made = person.save("Deposit", deposit)
    current = person.read(entity, money["Id"])
    for work in (
        lambda: person.save(entity, {**current, "PrivateNote": "x"}),
        lambda: person.delete(entity, current),
        lambda: person.void(entity, current),
    ):
        assert code_of(work) == "6540"
    person.delete("Deposit", made)
    current = person.read(entity, money["Id"])
    assert person.save(entity, {**current, "PrivateNote": "x"})["PrivateNote"] == "x"


def test_money_goes_where_money_can_be(apply: Make) -> None:
    assert apply(1, DepositToAccountRef={"value": "35"})["DepositToAccountRef"] == {"value": "35"}
    assert code_of(lambda: apply(1, DepositToAccountRef={"value": "1"})) == "6430"
    assert code_of(lambda: apply(1, ARAccountRef={"value": "35"})) == "6430"
    assert apply(1, ARAccountRef={"value": "84"})["ARAccountRef"] == {"value": "84"}
