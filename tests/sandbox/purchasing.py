"""Short words for the purchase side, for the tests of the look-alike."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError

Json = dict[str, Any]
EXPENSES, PAYABLE, RECEIVABLE, CHECKING, SAVINGS, CARD, FUNDS = "78", "33", "84", "35", "36", "41", "4"
"""Accounts of the sample seed."""


def ref(value: str) -> Json:
    return {"value": value}


def expense(
    amount: Any, account: str = EXPENSES, *, text: str = "", links: list[Json] | None = None, **detail: Any
) -> Json:
    """A line on an account."""
    line: Json = {"Amount": Decimal(str(amount)), "DetailType": "AccountBasedExpenseLineDetail"}
    line["AccountBasedExpenseLineDetail"] = {"AccountRef": ref(account), **detail}
    if text:
        line["Description"] = text
    return {**line, "LinkedTxn": links} if links else line


def goods(amount: Any, item: str = "1", *, links: list[Json] | None = None, **detail: Any) -> Json:
    """A line for an item."""
    line: Json = {"Amount": Decimal(str(amount)), "DetailType": "ItemBasedExpenseLineDetail"}
    line["ItemBasedExpenseLineDetail"] = {"ItemRef": ref(item), **detail}
    return {**line, "LinkedTxn": links} if links else line


def journal(amount: Any, posting: str, account: str, **detail: Any) -> Json:
    """A line of a journal entry."""
    inner = {"PostingType": posting, "AccountRef": ref(account), **detail}
    return {"Amount": Decimal(str(amount)), "DetailType": "JournalEntryLineDetail", "JournalEntryLineDetail": inner}


class Purchasing:
    """One vendor, and the money that goes there."""

    def __init__(self, person: Accountant) -> None:
        self.person = person
        self.vendor: Json = person.save("Vendor", {"DisplayName": "Norton Lumber"})

    def bill(self, *lines: Any, **members: Any) -> Json:
        """A bill; numbers become lines on the expense account."""
        return self.person.save("Bill", self.form(*lines, **members))

    def credit(self, *lines: Any, **members: Any) -> Json:
        return self.person.save("VendorCredit", self.form(*lines, **members))

    def order(self, *lines: Any, **members: Any) -> Json:
        return self.person.save("PurchaseOrder", self.form(*lines, **members))

    def form(self, *lines: Any, **members: Any) -> Json:
        made = [line if isinstance(line, dict) else expense(line) for line in lines]
        return {"VendorRef": ref(self.vendor["Id"]), "Line": made, **members}

    def pay(self, total: Any, *shares: tuple[Json, Any], card: bool = False, **members: Any) -> Json:
        """A payment with (document, amount) pairs; documents are bills and vendor credits."""
        lines = [{"Amount": Decimal(str(amount)), "LinkedTxn": [_link(document)]} for document, amount in shares]
        body: Json = {"VendorRef": ref(self.vendor["Id"]), "TotalAmt": Decimal(str(total)), "Line": lines}
        if card:
            body |= {"PayType": "CreditCard", "CreditCardPayment": {"CCAccountRef": ref(CARD)}}
        else:
            body |= {"PayType": "Check", "CheckPayment": {"BankAccountRef": ref(CHECKING)}}
        return self.person.save("BillPayment", {**body, **members})

    def owed(self) -> Any:
        """What the company owes the vendor."""
        return self.person.read("Vendor", self.vendor["Id"])["Balance"]

    def account(self, account: str) -> Any:
        """The balance of an account."""
        return self.person.read("Account", account)["CurrentBalance"]


def _link(document: Json) -> Json:
    return {"TxnId": document["Id"], "TxnType": "Bill" if "DueDate" in document else "VendorCredit"}


def refusal(work: Callable[[], object]) -> tuple[str, str]:
    """The code and the element of the fault a request deserves."""
    with pytest.raises(RefusedError) as caught:
        work()
    error = caught.value.body["Fault"]["Error"][0]
    return error["code"], error["element"]


def code_of(work: Callable[[], object]) -> str:
    return refusal(work)[0]
