"""python-quickbooks through whole stories: documents that hang on each other, retries, a company outside the US."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from quickbooks import QuickBooks, exceptions
from quickbooks import objects as qbo
from quickbooks.objects.deposit import DepositLineDetail
from quickbooks.objects.journalentry import Entity

from syncd.sandbox.server import RunningSandbox
from tests.sandbox.office import MAKERS, Office, signed_in


@pytest.fixture
def office(sandbox: RunningSandbox, realm: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    with signed_in(sandbox, realm, monkeypatch) as client:
        yield Office(client)


@pytest.fixture
def client(office: Office) -> QuickBooks:
    return office.client


def pays(office: Office, amount: float, document: Any) -> Any:
    """A payment line for a document."""
    return office.new(qbo.PaymentLine, Amount=amount, LinkedTxn=[document.to_linked_txn()])


@pytest.mark.checklist(14)
def test_the_same_request_id_makes_one_record(office: Office, client: QuickBooks) -> None:
    first = MAKERS[qbo.Invoice](office)
    second = office.new(qbo.Invoice, **{name: value for name, value in vars(first).items() if name != "Id"})
    made = [invoice.save(qb=client, request_id="8c6f") for invoice in (first, second)]
    assert made[0].Id == made[1].Id
    assert qbo.Invoice.count(qb=client) == 1


def test_sub_customers(office: Office, client: QuickBooks) -> None:
    parent = office.make(qbo.Customer)
    job = office.new(qbo.Customer, DisplayName="Kitchen", Job=True, ParentRef=parent.to_ref(), BillWithParent=True)
    saved = office.save(job)
    assert (saved.FullyQualifiedName, saved.Level) == (f"{parent.DisplayName}:Kitchen", 1)
    invoice = office.sale(qbo.Invoice)
    invoice.CustomerRef = saved.to_ref()
    office.save(invoice)
    found = qbo.Customer.get(parent.Id, qb=client)
    assert (found.Balance, found.BalanceWithJobs) == (0, 100)


def test_an_estimate_becomes_an_invoice(office: Office, client: QuickBooks) -> None:
    estimate = office.make(qbo.Estimate)
    invoice = office.sale(qbo.Invoice, LinkedTxn=[estimate.to_linked_txn()])
    invoice.CustomerRef = estimate.CustomerRef
    made = office.save(invoice)
    assert [link.TxnId for link in made.LinkedTxn] == [estimate.Id]
    found = qbo.Estimate.get(estimate.Id, qb=client)
    assert (found.TxnStatus, [link.TxnId for link in found.LinkedTxn]) == ("Closed", [made.Id])


@pytest.mark.checklist(11)
def test_a_credit_memo_pays_an_invoice(office: Office, client: QuickBooks) -> None:
    credit, invoice = office.make(qbo.CreditMemo), office.sale(qbo.Invoice)
    invoice.CustomerRef = credit.CustomerRef
    invoice = office.save(invoice)
    lines = [pays(office, 100, invoice), pays(office, 100, credit)]
    payment = office.save(office.new(qbo.Payment, CustomerRef=invoice.CustomerRef, TotalAmt=0, Line=lines))
    assert (payment.TotalAmt, payment.UnappliedAmt) == (0, 0)
    assert qbo.Invoice.get(invoice.Id, qb=client).Balance == 0
    assert qbo.CreditMemo.get(credit.Id, qb=client).RemainingCredit == 0
    payment.delete(qb=client)
    assert qbo.Invoice.get(invoice.Id, qb=client).Balance == 100
    assert qbo.CreditMemo.get(credit.Id, qb=client).RemainingCredit == 100


def test_an_order_becomes_a_bill_that_a_credit_and_a_cheque_pay(office: Office, client: QuickBooks) -> None:
    order = office.make(qbo.PurchaseOrder)
    link = office.new(qbo.LinkedTxn, TxnId=order.Id, TxnType="PurchaseOrder", TxnLineId=order.Line[0].Id)
    line = order.Line[0]
    line.Id, line.LinkedTxn = None, [link]
    bill = office.save(office.new(qbo.Bill, VendorRef=order.VendorRef, Line=[line]))
    found = qbo.PurchaseOrder.get(order.Id, qb=client)
    assert (found.POStatus, [one.TxnId for one in found.LinkedTxn]) == ("Closed", [bill.Id])

    credit = office.new(qbo.VendorCredit, VendorRef=order.VendorRef, Line=[office.expense(40)])
    credit = office.save(credit)
    lines = [
        office.new(qbo.BillPaymentLine, Amount=amount, LinkedTxn=[document.to_linked_txn()])
        for amount, document in ((100, bill), (40, credit))
    ]
    cheque = office.new(qbo.CheckPayment, BankAccountRef=office.account("Bank").to_ref())
    payment = office.new(qbo.BillPayment, VendorRef=bill.VendorRef, PayType="Check", TotalAmt=60, CheckPayment=cheque)
    payment.Line = lines
    office.save(payment)
    assert qbo.Bill.get(bill.Id, qb=client).Balance == 0
    assert qbo.Vendor.get(bill.VendorRef.value, qb=client).Balance == 0


@pytest.mark.checklist(58)
def test_a_deposited_payment_is_locked(office: Office, client: QuickBooks) -> None:
    payment = office.make(qbo.Payment)
    line = office.new(qbo.DepositLine, Amount=100, LinkedTxn=[payment.to_linked_txn()])
    line.LinkedTxn[0].TxnLineId = 0
    line.DetailType = None
    deposit = office.new(qbo.Deposit, DepositToAccountRef=office.account("Bank").to_ref(), Line=[line])
    deposit = office.save(deposit)
    assert deposit.TotalAmt == 100
    with pytest.raises(exceptions.QuickbooksException) as caught:
        payment.delete(qb=client)
    assert caught.value.error_code == 6540
    deposit.delete(qb=client)
    payment = qbo.Payment.get(payment.Id, qb=client)
    assert payment.delete(qb=client)["Payment"]["status"] == "Deleted"


def test_a_deposit_line_names_a_customer(office: Office, client: QuickBooks) -> None:
    customer = office.make(qbo.Customer)
    detail = office.new(DepositLineDetail, AccountRef=office.account("Income").to_ref(), Entity=customer.to_ref())
    line = office.new(qbo.DepositLine, Amount=20.5, Description="refund", DepositLineDetail=detail)
    deposit = office.new(qbo.Deposit, DepositToAccountRef=office.account("Bank").to_ref(), Line=[line])
    found = qbo.Deposit.get(office.save(deposit).Id, qb=client)
    assert (found.TotalAmt, found.Line[0].DepositLineDetail.Entity.value) == (20.5, customer.Id)


def test_a_journal_entry_on_a_customer(office: Office, client: QuickBooks) -> None:
    customer, journal = office.make(qbo.Customer), office.journal()
    detail = journal.Line[0].JournalEntryLineDetail
    detail.AccountRef = office.account("Accounts Receivable").to_ref()
    detail.Entity = office.new(Entity, Type="Customer", EntityRef=customer.to_ref())
    found = qbo.JournalEntry.get(office.save(journal).Id, qb=client)
    assert found.Line[0].JournalEntryLineDetail.Entity.EntityRef.value == customer.Id
    assert qbo.Customer.get(customer.Id, qb=client).Balance == 100


def test_a_bill_payment_by_card_shows_on_the_bill(office: Office, client: QuickBooks) -> None:
    payment = office.bill_payment()
    payment.PayType, payment.CheckPayment = "CreditCard", None
    card = qbo.billpayment.BillPaymentCreditCard()
    card.CCAccountRef = office.account("Credit Card").to_ref()
    payment.CreditCardPayment = card
    made = office.save(payment)
    (link,) = qbo.Bill.get(made.Line[0].LinkedTxn[0].TxnId, qb=client).LinkedTxn
    assert (link.TxnId, link.TxnType) == (made.Id, "BillPaymentCheck")


@pytest.mark.checklist(22)
def test_a_sparse_update_keeps_what_is_not_sent(office: Office, client: QuickBooks) -> None:
    made = office.make(qbo.Invoice)
    part = office.new(qbo.Invoice, Id=made.Id, SyncToken=made.SyncToken, sparse=True, PrivateNote="only this")
    for name in [name for name in vars(part) if name not in ("Id", "SyncToken", "sparse", "PrivateNote", "domain")]:
        delattr(part, name)
    client.update_object("Invoice", part.to_json())
    found = qbo.Invoice.get(made.Id, qb=client)
    assert (found.PrivateNote, found.TotalAmt, found.CustomerRef.value) == ("only this", 100, made.CustomerRef.value)


def test_a_link_to_the_invoice_may_be_asked_for(office: Office, client: QuickBooks) -> None:
    made = office.make(qbo.Invoice)
    assert qbo.Invoice.get(made.Id, qb=client, params={"include": "invoiceLink"}).Id == made.Id


def test_many_records_page_by_page(office: Office, client: QuickBooks, sandbox: RunningSandbox) -> None:
    rows = [b'{"Term":{"Id":"%d","Name":"T%d","DueDays":1}}' % (number, number) for number in range(100, 1250)]
    sandbox.load(client.company_id, rows)
    seen: list[str] = []
    while page := qbo.Term.all(order_by="Id", start_position=len(seen) + 1, max_results=1000, qb=client):
        seen += [one.Id for one in page]
    assert len(seen) == len(set(seen)) == qbo.Term.count(qb=client) >= 1150


def test_a_company_outside_the_us(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    realm = sandbox.create_company(country="CA")
    with signed_in(sandbox, realm, monkeypatch) as client:
        office = Office(client)
        (code,) = qbo.TaxCode.filter(Name="HST ON", qb=client)
        for how, total in (("TaxExcluded", 113), ("TaxInclusive", 100)):
            invoice = office.sale(qbo.Invoice, GlobalTaxCalculation=how)
            invoice.Line[0].SalesItemLineDetail.TaxCodeRef = code.to_ref()
            if how == "TaxInclusive":
                invoice.Line[0].SalesItemLineDetail.TaxInclusiveAmt = 100
            assert office.save(invoice).TotalAmt == total


def test_reports_are_refused_properly(client: QuickBooks) -> None:
    with pytest.raises(exceptions.QuickbooksException):
        client.get_report("ProfitAndLoss", {"start_date": "2026-01-01"})
