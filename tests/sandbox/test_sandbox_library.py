"""A second, independent client against the look-alike: python-quickbooks, as its users call it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from quickbooks import QuickBooks
from quickbooks.batch import batch_create
from quickbooks.cdc import change_data_capture
from quickbooks.exceptions import ObjectNotFoundException, QuickbooksException
from quickbooks.objects.base import Ref
from quickbooks.objects.customer import Customer
from quickbooks.objects.detailline import SalesItemLine, SalesItemLineDetail
from quickbooks.objects.invoice import Invoice
from quickbooks.objects.item import Item
from quickbooks.objects.payment import Payment, PaymentLine

from syncd.sandbox.server import RunningSandbox


@pytest.fixture
def library(sandbox: RunningSandbox, realm: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setattr(QuickBooks, "sandbox_api_url_v3", f"{sandbox.base_url}/v3")
    tokens = sandbox.tokens(realm)
    signed_in = SimpleNamespace(
        environment="sandbox",
        client_id=tokens["client_id"],
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
    )
    client = QuickBooks(
        auth_client=signed_in,
        refresh_token=tokens["refresh_token"],
        company_id=realm,
        minorversion=75,
        use_decimal=True,
    )
    yield client
    client.session.close()


def new_customer(client: Any, name: str = "Ada Lovelace") -> Any:
    customer = Customer()
    customer.DisplayName = name
    return customer.save(qb=client)


def new_invoice(client: Any, customer: Any, amount: int) -> Any:
    invoice, line = Invoice(), SalesItemLine()
    line.Amount, line.SalesItemLineDetail = amount, SalesItemLineDetail()
    line.SalesItemLineDetail.ItemRef = Item.get(1, qb=client).to_ref()
    line.SalesItemLineDetail.Qty, line.SalesItemLineDetail.UnitPrice = 1, amount
    invoice.CustomerRef = customer.to_ref()
    invoice.Line.append(line)
    return invoice.save(qb=client)


def test_customers_live_their_whole_life(library: Any) -> None:
    made = new_customer(library)
    assert Customer.get(made.Id, qb=library).DisplayName == "Ada Lovelace"
    made.Notes = "changed"
    made = made.save(qb=library)
    assert (made.SyncToken, made.Notes) == ("1", "changed")
    assert [c.Id for c in Customer.filter(DisplayName="ada lovelace", Active=True, qb=library)] == [made.Id]
    assert Customer.count(qb=library) == 1
    made.Active = False
    assert made.save(qb=library).DisplayName == "Ada Lovelace (deleted)"
    assert Customer.all(qb=library) == []
    with pytest.raises(QuickbooksException) as caught:
        new_customer(library, "Ada Lovelace (DELETED)")
    assert caught.value.error_code == 6240


def test_items_are_made_and_listed(library: Any) -> None:
    item = Item()
    item.Name, item.Type = "Design", "Service"
    item.IncomeAccountRef = Ref()
    item.IncomeAccountRef.value = "1"
    made = item.save(qb=library)
    assert {i.Name for i in Item.all(qb=library)} == {"Services", "Hours", "Design"}
    assert Item.choose([made.Id, "1"], qb=library)[0].Type == "Service"


def test_invoices_and_payments_are_made_changed_voided_and_deleted(library: Any) -> None:
    customer = new_customer(library)
    invoice = new_invoice(library, customer, 100)
    assert (invoice.TotalAmt, invoice.Balance, invoice.DocNumber) == (100, 100, "1001")
    invoice.PrivateNote = "seen"
    invoice = invoice.save(qb=library)
    assert (invoice.SyncToken, invoice.PrivateNote, invoice.TotalAmt) == ("1", "seen", 100)

    payment, line = Payment(), PaymentLine()
    line.Amount = 60
    line.LinkedTxn = [invoice.to_linked_txn()]
    payment.CustomerRef, payment.TotalAmt = customer.to_ref(), 60
    payment.Line.append(line)
    payment = payment.save(qb=library)
    assert Invoice.get(invoice.Id, qb=library).Balance == 40
    payment.PrivateNote = "changed"
    payment = payment.save(qb=library)
    assert (payment.SyncToken, payment.UnappliedAmt) == ("1", 0)
    payment.void(qb=library)
    assert Payment.get(payment.Id, qb=library).TotalAmt == 0
    current = Invoice.get(invoice.Id, qb=library)
    assert current.Balance == 100
    current.void(qb=library)
    voided = Invoice.get(invoice.Id, qb=library)
    assert (voided.TotalAmt, voided.PrivateNote) == (0, "Voided - seen")
    voided.delete(qb=library)
    with pytest.raises(ObjectNotFoundException):
        Invoice.get(invoice.Id, qb=library)
    Payment.get(payment.Id, qb=library).delete(qb=library)
    assert Payment.count(qb=library) == 0


def test_request_ids_batch_and_change_data_capture(library: Any, sandbox: RunningSandbox) -> None:
    since = sandbox.admin("GET", "/clock")["now"]
    customer = Customer()
    customer.DisplayName = "Once"
    ids = {customer.save(qb=library, request_id="same").Id}
    customer.Id = None
    ids.add(customer.save(qb=library, request_id="same").Id)
    assert len(ids) == 1

    several = []
    for name in ("Bob", "Carl", "once"):
        several.append(Customer())
        several[-1].DisplayName = name
    result = batch_create(several, qb=library)
    assert {made.DisplayName for made in result.successes} == {"Bob", "Carl"}
    assert [fault.Error[0].code for fault in result.faults] == ["6240"]

    invoice = new_invoice(library, result.successes[0], 10)
    invoice.delete(qb=library)
    changes = change_data_capture([Customer, Invoice, Payment], since, qb=library)
    assert {c.DisplayName for c in changes.Customer._object_list} == {"Once", "Bob", "Carl"}
    (gone,) = changes.Invoice._object_list
    assert (gone.Id, gone.status) == (invoice.Id, "Deleted")
    assert not hasattr(changes, "Payment")
