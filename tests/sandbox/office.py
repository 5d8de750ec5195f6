"""python-quickbooks and intuit-oauth at work in a company: how their users sign in, and how they make each record."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from intuitlib.client import AuthClient
from quickbooks import QuickBooks
from quickbooks import objects as qbo
from quickbooks.objects.companycurrency import CompanyCurrency
from quickbooks.objects.deposit import DepositLineDetail
from quickbooks.objects.journalentry import JournalEntryLineDetail

from syncd.sandbox.server import RunningSandbox

DISCOVERY = "/.well-known/openid_sandbox_configuration"
REDIRECT = "http://localhost:8000/callback"
CODES = ("NOK", "SEK", "DKK", "CHF", "JPY", "GBP", "CAD", "AUD", "NZD", "PLN", "CZK", "HUF", "INR", "CNY", "BRL", "MXN")


@contextmanager
def signed_in(
    sandbox: RunningSandbox, realm: str, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> Iterator[QuickBooks]:
    """The two libraries, unmodified but for where QuickBooks is."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    for name in ("api_url_v3", "sandbox_api_url_v3"):
        monkeypatch.setattr(QuickBooks, name, f"{sandbox.base_url}/v3")
    tokens = sandbox.tokens(realm)
    auth = AuthClient(
        tokens["client_id"],
        tokens["client_secret"],
        REDIRECT,
        f"{sandbox.base_url}{DISCOVERY}",
        refresh_token=tokens["refresh_token"],
        realm_id=realm,
    )
    client = QuickBooks(
        auth_client=auth, refresh_token=tokens["refresh_token"], company_id=realm, minorversion=75, **options
    )
    try:
        yield client
    finally:
        client.session.close()
        auth.close()


class Office:
    """Someone who uses the library: makes what a record needs, and the record."""

    def __init__(self, client: QuickBooks) -> None:
        self.client = client
        self._numbers = itertools.count(1)
        self._currencies = iter(CODES)

    def name(self, what: str = "Name") -> str:
        """A name that is not there yet."""
        return f"{what} {next(self._numbers)}"

    def currency(self) -> str:
        """A code that the company does not have yet."""
        return next(self._currencies)

    def new(self, kind: Any, **members: Any) -> Any:
        """An object of the library with some members, not saved."""
        made = kind()
        for name, value in members.items():
            setattr(made, name, value)
        return made

    def save(self, record: Any) -> Any:
        """Save it; what came back."""
        return record.save(qb=self.client)

    def make(self, kind: Any) -> Any:
        """A saved record of a kind of the table below."""
        return self.save(MAKERS[kind](self))

    def account(self, account_type: str) -> Any:
        """An account of a type, made where there is none."""
        found = qbo.Account.filter(AccountType=account_type, max_results=1, qb=self.client)
        return found[0] if found else self.save(self.new(qbo.Account, Name=account_type, AccountType=account_type))

    def item(self) -> Any:
        """Some item."""
        return qbo.Item.all(max_results=1, qb=self.client)[0]

    def sale(self, kind: Any, **members: Any) -> Any:
        """A sales form of one line of 100."""
        detail = self.new(qbo.SalesItemLineDetail, ItemRef=self.item().to_ref(), Qty=1, UnitPrice=100)
        line = self.new(qbo.SalesItemLine, LineNum=1, Amount=100, Description="d", SalesItemLineDetail=detail)
        return self.new(kind, CustomerRef=self.make(qbo.Customer).to_ref(), Line=[line], **members)

    def expense(self, amount: float = 100) -> Any:
        """A line on an expense account."""
        detail = self.new(qbo.AccountBasedExpenseLineDetail, AccountRef=self.account("Expense").to_ref())
        return self.new(qbo.AccountBasedExpenseLine, Amount=amount, AccountBasedExpenseLineDetail=detail)

    def bill_payment(self) -> Any:
        """A cheque over a bill."""
        bill = self.make(qbo.Bill)
        return self.new(
            qbo.BillPayment,
            VendorRef=bill.VendorRef,
            PayType="Check",
            TotalAmt=100,
            CheckPayment=self.new(qbo.CheckPayment, BankAccountRef=self.account("Bank").to_ref()),
            Line=[self.new(qbo.BillPaymentLine, Amount=100, LinkedTxn=[bill.to_linked_txn()])],
        )

    def purchase_order(self) -> Any:
        """An order of one piece of an item."""
        detail = self.new(
            qbo.ItemBasedExpenseLineDetail,
            ItemRef=self.item().to_ref(),
            Qty=1,
            UnitPrice=100,
            BillableStatus="NotBillable",
        )
        line = self.new(qbo.ItemBasedExpenseLine, Amount=100, ItemBasedExpenseLineDetail=detail)
        payable = self.account("Accounts Payable").to_ref()
        return self.new(
            qbo.PurchaseOrder, VendorRef=self.make(qbo.Vendor).to_ref(), APAccountRef=payable, TotalAmt=100, Line=[line]
        )

    def purchase(self) -> Any:
        """Something bought in cash."""
        bank = self.account("Bank").to_ref()
        return self.new(qbo.Purchase, PaymentType="Cash", AccountRef=bank, TotalAmt=100, Line=[self.expense()])

    def deposit(self) -> Any:
        """Income put on the bank."""
        detail = self.new(DepositLineDetail, AccountRef=self.account("Income").to_ref())
        line = self.new(qbo.DepositLine, Amount=100, DepositLineDetail=detail)
        return self.new(qbo.Deposit, DepositToAccountRef=self.account("Bank").to_ref(), Line=[line])

    def journal(self) -> Any:
        """An entry of two lines."""
        lines = []
        for side, account_type in (("Debit", "Expense"), ("Credit", "Bank")):
            account = self.account(account_type).to_ref()
            detail = self.new(JournalEntryLineDetail, PostingType=side, AccountRef=account)
            lines.append(self.new(qbo.JournalEntryLine, Amount=100, Description="d", JournalEntryLineDetail=detail))
        return self.new(qbo.JournalEntry, Line=lines)

    def transfer(self) -> Any:
        """Money moved to another account."""
        return self.new(
            qbo.Transfer,
            Amount=100,
            FromAccountRef=self.account("Bank").to_ref(),
            ToAccountRef=self.account("Credit Card").to_ref(),
        )


MAKERS: dict[Any, Callable[[Office], Any]] = {
    qbo.Account: lambda o: o.new(qbo.Account, Name=o.name(), AccountType="Expense"),
    qbo.Attachable: lambda o: o.new(qbo.Attachable, Note=o.name("note")),
    qbo.Bill: lambda o: o.new(qbo.Bill, VendorRef=o.make(qbo.Vendor).to_ref(), Line=[o.expense()]),
    qbo.BillPayment: Office.bill_payment,
    qbo.Class: lambda o: o.new(qbo.Class, Name=o.name()),
    CompanyCurrency: lambda o: o.new(CompanyCurrency, Code=o.currency()),
    qbo.CreditMemo: lambda o: o.sale(qbo.CreditMemo),
    qbo.Customer: lambda o: o.new(qbo.Customer, DisplayName=o.name("Customer")),
    qbo.Department: lambda o: o.new(qbo.Department, Name=o.name()),
    qbo.Deposit: Office.deposit,
    qbo.Employee: lambda o: o.new(qbo.Employee, GivenName="Grace", FamilyName=o.name("Hopper")),
    qbo.Estimate: lambda o: o.sale(qbo.Estimate),
    qbo.Invoice: lambda o: o.sale(qbo.Invoice),
    qbo.Item: lambda o: o.new(
        qbo.Item, Name=o.name(), Type="Service", IncomeAccountRef=o.account("Income").to_ref(), UnitPrice=12.5
    ),
    qbo.JournalEntry: Office.journal,
    qbo.Payment: lambda o: o.new(qbo.Payment, CustomerRef=o.make(qbo.Customer).to_ref(), TotalAmt=100),
    qbo.PaymentMethod: lambda o: o.new(qbo.PaymentMethod, Name=o.name(), Type="NON_CREDIT_CARD"),
    qbo.Purchase: Office.purchase,
    qbo.PurchaseOrder: Office.purchase_order,
    qbo.RefundReceipt: lambda o: o.sale(qbo.RefundReceipt, DepositToAccountRef=o.account("Bank").to_ref()),
    qbo.SalesReceipt: lambda o: o.sale(qbo.SalesReceipt),
    qbo.Term: lambda o: o.new(qbo.Term, Name=o.name(), DueDays=10),
    qbo.Transfer: Office.transfer,
    qbo.Vendor: lambda o: o.new(qbo.Vendor, DisplayName=o.name("Vendor")),
    qbo.VendorCredit: lambda o: o.new(qbo.VendorCredit, VendorRef=o.make(qbo.Vendor).to_ref(), Line=[o.expense()]),
}
"""How each entity that can be made and changed is made."""
