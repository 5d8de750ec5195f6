"""Payments and what they do to invoices and customers (entities.md 5, 8; protocol.md 5.4)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox

Json = dict[str, Any]
Make = Callable[..., Json]


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        work()
    return caught.value.code


def extension(line: Json) -> dict[str, str]:
    return {pair["value"]["Name"]: pair["value"]["Value"] for pair in line["LineEx"]["any"]}


@pytest.mark.checklist(11)
def test_a_payment_bumps_the_invoice_at_its_own_second(
    sandbox: RunningSandbox, person: Accountant, invoice: Make, pay: Make
) -> None:
    made = invoice(100)
    sandbox.advance(5)
    payment = pay(60, {made["Id"]: 60})
    after = person.read("Invoice", made["Id"])
    assert (after["Balance"], after["TotalAmt"], after["SyncToken"]) == (40, 100, "1")
    assert after["LinkedTxn"] == [{"TxnId": payment["Id"], "TxnType": "Payment"}]
    assert after["MetaData"]["LastUpdatedTime"] == payment["MetaData"]["CreateTime"]
    assert after["MetaData"]["LastUpdatedTime"] > made["MetaData"]["LastUpdatedTime"]
    groups, _ = person.cdc("Invoice,Payment", payment["MetaData"]["CreateTime"])
    assert groups == {"Invoice": [after], "Payment": [payment]}
    assert code_of(lambda: person.save("Invoice", made)) == "5010"
    assert payment["DepositToAccountRef"] == {"value": "4"}
    assert (payment["UnappliedAmt"], payment["ProcessPayment"]) == (0, False)


@pytest.mark.checklist(12)
@pytest.mark.parametrize("how", ["delete", "void", "unapply", "operation=void"])
def test_undoing_a_payment_restores_the_invoice_and_bumps_it(
    how: str, person: Accountant, customer: Json, invoice: Make, pay: Make
) -> None:
    made = invoice(100)
    payment = pay(60, {made["Id"]: 60})
    if how == "delete":
        person.delete("Payment", payment)
    elif how == "void":
        void = person.void("Payment", payment)
        assert (void["TotalAmt"], void["UnappliedAmt"], void["Line"], void["SyncToken"]) == (0, 0, [], "1")
        assert void["PrivateNote"] == "Voided"
    elif how == "unapply":
        loose = person.save("Payment", {**payment, "Line": []})
        assert (loose["UnappliedAmt"], loose["Line"]) == (60, [])
    else:
        slim = {"Id": payment["Id"], "SyncToken": payment["SyncToken"]}
        assert person.save("Payment", slim, operation="void")["TotalAmt"] == 0
    after = person.read("Invoice", made["Id"])
    assert (after["Balance"], after["LinkedTxn"], after["SyncToken"]) == (100, [], "2")
    assert person.read("Customer", customer["Id"])["Balance"] == (40 if how == "unapply" else 100)


def test_changing_a_payment_moves_only_what_changed(person: Accountant, invoice: Make, pay: Make) -> None:
    one, two = invoice(100), invoice(50)
    payment = pay(100, {one["Id"]: 60, two["Id"]: 40})
    share = {row["LinkedTxn"][0]["TxnId"]: row["Amount"] for row in payment["Line"]}
    assert share == {one["Id"]: 60, two["Id"]: 40}
    payment["Line"][0]["Amount"] = Decimal(30)
    changed = person.save("Payment", payment)
    assert changed["UnappliedAmt"] == 30
    assert [person.read("Invoice", i["Id"])["SyncToken"] for i in (one, two)] == ["2", "1"]
    assert [person.read("Invoice", i["Id"])["Balance"] for i in (one, two)] == [70, 10]


def test_line_extension_shows_the_balance_at_reading_time(person: Accountant, invoice: Make, pay: Make) -> None:
    """The figures of S:payment-query: 55, 55 and 15 on one invoice with 16 left show 71.00, 71.00 and 31.00."""
    made = invoice(141)
    payments = [pay(amount, {made["Id"]: amount}) for amount in (55, 55, 15)]
    lines = [person.read("Payment", payment["Id"])["Line"][0] for payment in payments]
    assert [extension(row)["txnOpenBalance"] for row in lines] == ["71.00", "71.00", "31.00"]
    assert extension(lines[0])["txnId"] == made["Id"]
    assert extension(lines[0])["txnReferenceNumber"] == made["DocNumber"]
    assert person.read("Payment", payments[0]["Id"])["SyncToken"] == "0"


def test_unapplied_money_is_the_customers_credit(person: Accountant, customer: Json, invoice: Make, pay: Make) -> None:
    payment = pay(25)
    assert (payment["UnappliedAmt"], payment["Line"]) == (25, [])
    assert person.read("Customer", customer["Id"])["Balance"] == -25
    made = invoice(25)
    line = {"Amount": 25, "LinkedTxn": [{"TxnId": made["Id"], "TxnType": "Invoice"}]}
    person.save("Payment", {**payment, "Line": [line]})
    assert person.read("Invoice", made["Id"])["Balance"] == 0
    assert person.read("Customer", customer["Id"])["Balance"] == 0
    assert person.read("Customer", customer["Id"])["SyncToken"] == "0"


def test_an_overpayment_is_cut_to_the_open_balance(
    sandbox: RunningSandbox, person: Accountant, invoice: Make, pay: Make
) -> None:
    made = invoice(5)
    payment = pay(30, {made["Id"]: 30})
    assert (payment["UnappliedAmt"], payment["Line"][0]["Amount"]) == (25, 5)
    sandbox.switch(overpayment="refuse")
    other = invoice(5)
    assert code_of(lambda: pay(30, {other["Id"]: 30})) == "6000"


def test_what_a_payment_must_have(person: Accountant, customer: Json, invoice: Make, pay: Make) -> None:
    who = {"CustomerRef": {"value": customer["Id"]}}
    assert code_of(lambda: person.save("Payment", who)) == "6000"
    assert code_of(lambda: person.save("Payment", {"TotalAmt": 1})) == "2020"
    assert code_of(lambda: pay(-1)) == "2290"
    made = invoice(100)
    assert code_of(lambda: pay(10, {made["Id"]: -1})) == "2290"
    assert code_of(lambda: pay(10, {made["Id"]: 20})) == "6000"
    assert code_of(lambda: pay(10, {"99999": 10})) == "620"
    assert code_of(lambda: pay(10, PaymentRefNum="x" * 22)) == "2050"
    other = person.save("Customer", {"DisplayName": "Other"})
    assert code_of(lambda: pay(10, {made["Id"]: 10}, CustomerRef={"value": other["Id"]})) == "6000"
    person.delete("Invoice", made)
    assert code_of(lambda: pay(10, {made["Id"]: 10})) == "610"
    assert pay(0)["TotalAmt"] == 0


def test_a_sparse_payment_update_is_refused_unless_the_switch_allows_it(
    sandbox: RunningSandbox, person: Accountant, pay: Make
) -> None:
    payment = pay(10)
    sparse = {"Id": payment["Id"], "SyncToken": "0", "sparse": True, "PrivateNote": "x"}
    assert code_of(lambda: person.save("Payment", sparse)) == "2020"
    sandbox.switch(sparse_payment=True)
    assert person.save("Payment", sparse)["PrivateNote"] == "x"


@pytest.mark.checklist(24)
def test_voiding_a_paid_invoice_leaves_the_payment_unapplied(person: Accountant, invoice: Make, pay: Make) -> None:
    made = invoice(20)
    payment = pay(20, {made["Id"]: 20})
    void = person.void("Invoice", person.read("Invoice", made["Id"]))
    assert (void["SyncToken"], void["LinkedTxn"], void["Balance"]) == ("2", [], 0)
    after = person.read("Payment", payment["Id"])
    assert (after["TotalAmt"], after["UnappliedAmt"], after["Line"], after["SyncToken"]) == (20, 20, [], "1")


def test_deleting_a_paid_invoice_unapplies_or_is_refused(
    sandbox: RunningSandbox, person: Accountant, customer: Json, invoice: Make, pay: Make
) -> None:
    made = invoice(20)
    payment = pay(20, {made["Id"]: 20})
    current = person.read("Invoice", made["Id"])
    sandbox.switch(delete_paid_invoice="refuse")
    assert code_of(lambda: person.delete("Invoice", current)) == "800"
    sandbox.switch(delete_paid_invoice="unapply")
    person.delete("Invoice", current)
    assert person.read("Payment", payment["Id"])["UnappliedAmt"] == 20
    assert person.read("Customer", customer["Id"])["Balance"] == -20


def test_an_invoice_made_smaller_than_its_payments_gives_money_back(
    person: Accountant, customer: Json, line: Make, invoice: Make, pay: Make
) -> None:
    made = invoice(100)
    first, second = pay(60, {made["Id"]: 60}), pay(40, {made["Id"]: 40})
    current = person.read("Invoice", made["Id"])
    smaller = person.save("Invoice", {**current, "Line": [line(50)]})
    assert (smaller["Balance"], smaller["TotalAmt"]) == (0, 50)
    assert smaller["LinkedTxn"] == [{"TxnId": first["Id"], "TxnType": "Payment"}]
    assert person.read("Payment", first["Id"])["UnappliedAmt"] == 10
    assert person.read("Payment", second["Id"])["UnappliedAmt"] == 40
    assert person.read("Customer", customer["Id"])["Balance"] == -50
    larger = person.save("Invoice", {**smaller, "Line": [line(70)]})
    assert larger["Balance"] == 20


def test_a_payment_in_a_closed_period_stays(sandbox: RunningSandbox, person: Accountant, pay: Make, realm: str) -> None:
    payment = pay(10, TxnDate="2026-01-01")
    sandbox.change_company(realm, book_close_date="2026-01-31")
    assert code_of(lambda: person.void("Payment", payment)) == "6210"
    assert code_of(lambda: person.delete("Payment", payment)) == "6210"


def test_a_customers_time_moves_with_the_balance_only_by_switch(
    sandbox: RunningSandbox, person: Accountant, customer: Json, invoice: Make
) -> None:
    sandbox.advance(10)
    invoice(10)
    assert person.read("Customer", customer["Id"])["MetaData"] == customer["MetaData"]
    sandbox.switch(derived_balances="time")
    made = invoice(10)
    after = person.read("Customer", customer["Id"])
    assert after["MetaData"]["LastUpdatedTime"] == made["MetaData"]["CreateTime"]
    assert after["SyncToken"] == "0"
    groups, _ = person.cdc("Customer", made["MetaData"]["CreateTime"])
    assert groups["Customer"] == [after]
