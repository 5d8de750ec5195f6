"""Journal entries, deposits and transfers (protocol.md 8, entities.md 5.4)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox
from tests.sandbox.purchasing import (
    CARD,
    CHECKING,
    EXPENSES,
    FUNDS,
    PAYABLE,
    RECEIVABLE,
    SAVINGS,
    Purchasing,
    code_of,
    journal,
    ref,
    refusal,
)

Json = dict[str, Any]
Make = Callable[..., Json]
VENDOR = {"Type": "Vendor", "EntityRef": {"value": "1"}}


@pytest.fixture
def buy(person: Accountant) -> Purchasing:
    return Purchasing(person)


def name(record: Json, kind: str) -> Json:
    return {"Type": kind, "EntityRef": ref(record["Id"])}


@pytest.mark.checklist(60)
def test_a_journal_entry_balances_or_is_refused(buy: Purchasing) -> None:
    save = buy.person.save
    lines = [journal(30, "Debit", EXPENSES), journal(10, "Debit", SAVINGS), journal(40, "Credit", CHECKING)]
    made = save("JournalEntry", {"Line": lines, "TxnDate": "2026-03-01"})
    assert [line["Id"] for line in made["Line"]] == ["0", "1", "2"]
    assert ("TotalAmt" in made, made["Adjustment"], made["TxnTaxDetail"]) == (False, False, {})
    account = {"value": EXPENSES, "name": "Purchases"}
    assert made["Line"][0]["JournalEntryLineDetail"] == {"PostingType": "Debit", "AccountRef": account}
    assert "DocNumber" not in made
    assert (buy.account(SAVINGS), buy.account(CHECKING)) == (10, -40)
    assert code_of(lambda: save("JournalEntry", {"Line": lines[:2]})) == "2300"
    words = {"DetailType": "DescriptionOnly", "Description": "nothing but words"}
    assert refusal(lambda: save("JournalEntry", {"Line": [words]})) == ("2020", "Line")
    changed = save("JournalEntry", {**made, "Line": [made["Line"][2], journal(40, "Debit", SAVINGS)]})
    assert [line["Id"] for line in changed["Line"]] == ["2", "3"]
    assert (buy.account(SAVINGS), buy.account(CHECKING), changed["SyncToken"]) == (40, -40, "1")
    noted = {"Id": made["Id"], "SyncToken": "1", "sparse": True, "PrivateNote": "x"}
    assert save("JournalEntry", noted)["Line"] == changed["Line"]
    buy.person.delete("JournalEntry", {**made, "SyncToken": "2"})
    assert (buy.account(SAVINGS), buy.account(CHECKING)) == (0, 0)


@pytest.mark.checklist(57)
@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ({"Amount": 5}, ("2020", "DetailType")),
        ({"DetailType": "JournalEntryLineDetail"}, ("2020", "Amount")),
        ({"DetailType": "JournalEntryLineDetail", "Amount": 5}, ("2020", "PostingType")),
        (journal(5, "Both", EXPENSES), ("2170", "Line.JournalEntryLineDetail.PostingType")),
        (journal(-5, "Debit", EXPENSES), ("2290", "Line.Amount")),
        (journal(5, "Debit", "999"), ("2500", "AccountRef")),
        (journal(5, "Debit", RECEIVABLE), ("6000", "Entity")),
        (journal(5, "Debit", PAYABLE), ("6000", "Entity")),
        (journal(5, "Debit", RECEIVABLE, Entity=VENDOR), ("6000", "Entity")),
        (journal(5, "Debit", EXPENSES, Entity={**VENDOR, "EntityRef": {"value": "9"}}), ("2500", "EntityRef")),
        (journal(5, "Debit", EXPENSES, Entity={**VENDOR, "Type": "Bank"}), ("2170", "EntityRef.type")),
    ],
)
def test_journal_lines_that_are_refused(buy: Purchasing, line: Json, fault: tuple[str, str]) -> None:
    assert buy.vendor["Id"] == "1"
    body = {"Line": [line, journal(5, "Credit", CHECKING)]}
    assert refusal(lambda: buy.person.save("JournalEntry", body)) == fault
    assert refusal(lambda: buy.person.save("JournalEntry", {})) == ("2020", "Line")
    assert (buy.person.count("JournalEntry"), buy.account(CHECKING)) == (0, 0)


def test_names_on_a_journal_entry_owe_and_are_owed(buy: Purchasing, customer: Json) -> None:
    lines = [
        journal(30, "Debit", RECEIVABLE, Entity=name(customer, "Customer")),
        journal(30, "Credit", PAYABLE, Entity=name(buy.vendor, "Vendor")),
    ]
    made = buy.person.save("JournalEntry", {"Line": lines})
    entity = made["Line"][0]["JournalEntryLineDetail"]["Entity"]
    assert entity == {"Type": "Customer", "EntityRef": {"value": customer["Id"], "name": "Ada Lovelace"}}
    assert (buy.person.read("Customer", customer["Id"])["Balance"], buy.owed()) == (30, 30)
    assert (buy.account(RECEIVABLE), buy.account(PAYABLE)) == (30, -30)
    buy.person.delete("JournalEntry", made)
    assert (buy.person.read("Customer", customer["Id"])["Balance"], buy.owed()) == (0, 0)


@pytest.mark.checklist(23)
def test_voiding_a_journal_entry_answers_200_and_does_nothing(sandbox: RunningSandbox, buy: Purchasing) -> None:
    made = buy.person.save("JournalEntry", {"Line": [journal(8, "Debit", EXPENSES), journal(8, "Credit", CHECKING)]})
    answer = buy.person.call("POST", "journalentry", {"Id": made["Id"], "SyncToken": "0"}, operation="void")
    assert (set(answer), answer["BatchItemResponse"]) == ({"BatchItemResponse", "time"}, [])
    assert buy.person.read("JournalEntry", made["Id"]) == made
    assert len(sandbox.history(buy.person.realm, entity="JournalEntry")) == 1


@pytest.mark.checklist(56)
def test_numbers_of_journal_entries(sandbox: RunningSandbox, buy: Purchasing) -> None:
    lines = [journal(8, "Debit", EXPENSES), journal(8, "Credit", CHECKING)]

    def save(number: str = "", **params: str) -> Json:
        return buy.person.save("JournalEntry", {"Line": lines, **({"DocNumber": number} if number else {})}, **params)

    first = save("309")
    assert save("309")["DocNumber"] == "309"
    assert save(include="allowautodocnum")["DocNumber"] == "310"
    prefs = {"OtherPrefs": {"NameValue": [{"Name": "WarnDuplicateJournalNumber", "Value": "true"}]}}
    sandbox.admin("PATCH", f"/companies/{buy.person.realm}/preferences", prefs)
    with pytest.raises(RefusedError, match=f"TxnType=Journal Entry with TxnId={first['Id']}"):
        save("309")
    assert save("309", include="allowduplicatedocnum")["DocNumber"] == "309"


def test_a_foreign_journal_entry_converts(sandbox: RunningSandbox) -> None:
    buy = Purchasing(sandbox.connect(sandbox.create_company(multicurrency=True, exchange_rates={"EUR": "1.2"})))
    euro = buy.person.save("Customer", {"DisplayName": "Euro", "CurrencyRef": ref("EUR")})
    lines = [journal(10, "Debit", EXPENSES), journal(10, "Credit", RECEIVABLE, Entity=name(euro, "Customer"))]
    assert code_of(lambda: buy.person.save("JournalEntry", {"Line": lines})) == "6000"
    made = buy.person.save("JournalEntry", {"Line": lines, "CurrencyRef": ref("EUR")})
    assert made["ExchangeRate"] == Decimal("1.2")
    assert (buy.account(RECEIVABLE), buy.person.read("Customer", euro["Id"])["Balance"]) == (-12, -10)


def test_a_transfer_moves_money(buy: Purchasing) -> None:
    save = buy.person.save
    body = {"FromAccountRef": ref(CHECKING), "ToAccountRef": ref(SAVINGS), "Amount": "120.00"}
    made = save("Transfer", body)
    assert (made["Amount"], made["SyncToken"]) == (120, "0")
    assert made["FromAccountRef"] == {"value": CHECKING, "name": "Checking"}
    assert "TotalAmt" not in made
    assert (buy.account(CHECKING), buy.account(SAVINGS)) == (-120, 120)
    slim = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "Amount": 20, "ToAccountRef": ref(CARD)}
    moved = save("Transfer", slim)
    assert moved["TxnDate"] == made["TxnDate"]
    assert (buy.account(CHECKING), buy.account(SAVINGS), buy.account(CARD)) == (-20, 0, -20)
    buy.person.delete("Transfer", moved)
    assert (buy.account(CHECKING), buy.account(CARD)) == (0, 0)
    assert refusal(lambda: save("Transfer", {**body, "ToAccountRef": ref(EXPENSES)})) == ("6430", "ToAccountRef")
    assert code_of(lambda: save("Transfer", {**body, "ToAccountRef": ref(CHECKING)})) == "6000"
    assert refusal(lambda: save("Transfer", {"Amount": 1})) == ("2020", "FromAccountRef")
    assert refusal(lambda: save("Transfer", {**body, "Amount": -1})) == ("2290", "Amount")
    again = save("Transfer", body)
    assert code_of(lambda: save("Transfer", {"Id": again["Id"], "SyncToken": "0"}, operation="void")) == "500"


def link(record: Json, kind: str = "Payment") -> Json:
    return {"Amount": 1, "LinkedTxn": [{"TxnId": record["Id"], "TxnType": kind, "TxnLineId": "0"}]}


def own(amount: Any, account: str, **detail: Any) -> Json:
    inner = {"AccountRef": ref(account), **detail}
    return {"Amount": Decimal(str(amount)), "DetailType": "DepositLineDetail", "DepositLineDetail": inner}


def test_a_deposit_takes_payments_to_the_bank(buy: Purchasing, pay: Make) -> None:
    payment = pay("75.50")
    assert buy.account(FUNDS) == Decimal("75.5")
    lines = [link(payment), own(20, EXPENSES)]
    back = {"AccountRef": ref(SAVINGS), "Amount": 15, "Memo": "cash"}
    made = buy.person.save("Deposit", {"DepositToAccountRef": ref(CHECKING), "Line": lines, "CashBack": back})
    assert made["TotalAmt"] == Decimal("80.5")
    linked, direct = made["Line"]
    held = [{"TxnId": payment["Id"], "TxnType": "Payment", "TxnLineId": "0"}]
    assert linked == {"Amount": Decimal("75.5"), "LinkedTxn": held}
    assert (direct["Id"], direct["LineNum"], direct["DepositLineDetail"]["AccountRef"]["name"]) == ("1", 1, "Purchases")
    assert made["CashBack"]["AccountRef"] == {"value": SAVINGS, "name": "Savings"}
    assert (buy.account(FUNDS), buy.account(CHECKING), buy.account(SAVINGS)) == (0, Decimal("80.5"), 15)
    assert buy.person.read("Payment", payment["Id"]) == payment
    again = {"DepositToAccountRef": ref(SAVINGS), "Line": [link(payment)]}
    assert code_of(lambda: buy.person.save("Deposit", again)) == "620"
    smaller = buy.person.save("Deposit", {**made, "CashBack": None, "Line": [direct]})
    assert (smaller["TotalAmt"], smaller["Line"][0]["Id"]) == (20, "1")
    assert (buy.account(FUNDS), buy.account(CHECKING), buy.account(SAVINGS)) == (Decimal("75.5"), 20, 0)
    noted = {"Id": made["Id"], "SyncToken": "1", "sparse": True, "PrivateNote": "x"}
    assert buy.person.save("Deposit", noted)["Line"] == smaller["Line"]
    buy.person.delete("Deposit", {**made, "SyncToken": "2"})
    assert buy.account(CHECKING) == 0


def test_a_deposit_takes_what_else_lies_in_undeposited_funds(buy: Purchasing, customer: Json) -> None:
    """A sales receipt and a transfer into Undeposited Funds; a transfer that is deposited stays as it is."""
    detail = {"ItemRef": ref("1")}
    line = {"Amount": 30, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
    receipt = buy.person.save("SalesReceipt", {"CustomerRef": ref(customer["Id"]), "Line": [line]})
    moved = {"FromAccountRef": ref(SAVINGS), "ToAccountRef": ref(FUNDS), "Amount": 12}
    transfer = buy.person.save("Transfer", moved)
    assert buy.account(FUNDS) == 42
    lines = [link(receipt, "SalesReceipt"), link(transfer, "Transfer")]
    made = buy.person.save("Deposit", {"DepositToAccountRef": ref(CHECKING), "Line": lines})
    assert (made["TotalAmt"], buy.account(FUNDS), buy.account(CHECKING)) == (42, 0, 42)
    assert code_of(lambda: buy.person.delete("SalesReceipt", receipt)) == "6540"
    assert code_of(lambda: buy.person.delete("Transfer", transfer)) == "6540"
    assert code_of(lambda: buy.person.save("Transfer", {**transfer, "Amount": 1})) == "6540"


@pytest.mark.checklist(58)
def test_a_deposited_payment_is_locked_until_it_leaves_the_deposit(buy: Purchasing, pay: Make) -> None:
    payment = pay(75)
    deposit = buy.person.save("Deposit", {"DepositToAccountRef": ref(CHECKING), "Line": [link(payment)]})
    assert code_of(lambda: buy.person.delete("Payment", payment)) == "6540"
    assert code_of(lambda: buy.person.save("Payment", {**payment, "TotalAmt": 5})) == "6540"
    buy.person.delete("Deposit", deposit)
    assert buy.person.delete("Payment", payment)["status"] == "Deleted"
    assert buy.account(FUNDS) == 0


@pytest.mark.checklist(57)
def test_deposits_that_are_refused(buy: Purchasing, pay: Make) -> None:
    banked, gone = pay(5, DepositToAccountRef=ref(CHECKING)), pay(6)
    buy.person.delete("Payment", gone)
    before = buy.account(CHECKING)

    def fault(*lines: Json, account: str = CHECKING, **members: Any) -> tuple[str, str]:
        body = {"DepositToAccountRef": ref(account), "Line": list(lines), **members}
        return refusal(lambda: buy.person.save("Deposit", body))

    assert fault() == ("2020", "Line")
    assert fault(own(5, EXPENSES), DepositToAccountRef=None) == ("2020", "DepositToAccountRef")
    assert fault(own(5, EXPENSES), account=CARD) == ("6430", "DepositToAccountRef")
    assert fault(link(banked))[0] == "620"
    assert fault(link(gone))[0] == "610"
    assert fault(link({"Id": "9999"}))[0] == "620"
    assert fault(link(banked, "Invoice"))[0] == "620"
    assert fault({"Amount": 1, "LinkedTxn": [{"TxnId": "1", "TxnType": "Payment"}]}) == ("2020", "TxnLineId")
    assert fault({"Amount": 1, "DetailType": "DepositLineDetail"}) == ("2020", "AccountRef")
    assert fault(own(-5, EXPENSES)) == ("6000", "TotalAmt")
    assert fault(own(5, RECEIVABLE)) == ("6000", "Entity")
    assert fault(own(5, EXPENSES), CashBack={"Amount": 1}) == ("2020", "AccountRef")
    assert (buy.account(CHECKING), buy.person.count("Deposit")) == (before, 0)


def test_a_vendors_refund_is_deposited(buy: Purchasing) -> None:
    line = own(40, PAYABLE, Entity=ref(buy.vendor["Id"]))
    made = buy.person.save("Deposit", {"DepositToAccountRef": ref(CHECKING), "Line": [line]})
    assert made["Line"][0]["DepositLineDetail"]["Entity"]["type"] == "Vendor"
    assert (buy.owed(), buy.account(CHECKING)) == (40, 40)


@pytest.mark.checklist(58)
def test_closed_periods_close_the_ledger(sandbox: RunningSandbox, buy: Purchasing) -> None:
    day = {"TxnDate": "2026-01-10"}
    bodies: dict[str, Json] = {
        "JournalEntry": {"Line": [journal(8, "Debit", EXPENSES), journal(8, "Credit", CHECKING)]},
        "Deposit": {"DepositToAccountRef": ref(CHECKING), "Line": [own(5, EXPENSES)]},
        "Transfer": {"FromAccountRef": ref(CHECKING), "ToAccountRef": ref(SAVINGS), "Amount": 5},
    }
    made = {entity: buy.person.save(entity, {**body, **day}) for entity, body in bodies.items()}
    sandbox.change_company(buy.person.realm, book_close_date="2026-01-31")
    for entity, record in made.items():
        assert code_of(partial(buy.person.delete, entity, record)) == "6210"
        for body in ({**record, "TxnDate": "2026-02-02"}, {**bodies[entity], **day}):
            assert code_of(partial(buy.person.save, entity, body)) == "6210"
        assert buy.person.query(f"select * from {entity} where TxnDate = '2026-01-10'") == [record]
        found = buy.person.call("GET", "query", query=f"select * from {entity}")["QueryResponse"]
        assert found["totalCount"] == 1


@pytest.mark.checklist(4, 5)
def test_the_ledger_is_in_change_data_capture(sandbox: RunningSandbox, buy: Purchasing) -> None:
    since = sandbox.admin("GET", "/clock")["now"]
    transfer = {"FromAccountRef": ref(CHECKING), "ToAccountRef": ref(SAVINGS), "Amount": 5}
    kept, gone = buy.person.save("Transfer", transfer), buy.person.save("Transfer", transfer)
    buy.person.delete("Transfer", gone)
    order = buy.order(5)
    groups, _ = buy.person.cdc("Transfer,PurchaseOrder,Purchase,VendorCredit,Deposit,JournalEntry", since)
    assert groups["PurchaseOrder"] == [order]
    assert groups["Transfer"][0] == kept
    assert (groups["Transfer"][1]["Id"], groups["Transfer"][1]["status"]) == (gone["Id"], "Deleted")
    assert set(groups) == {"Transfer", "PurchaseOrder"}
