"""python-quickbooks: what is not an ordinary record (settings, taxes, rates), files, e-mail, faults."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from quickbooks import QuickBooks, exceptions
from quickbooks import objects as qbo
from quickbooks.objects.companycurrency import CompanyCurrency
from quickbooks.objects.creditcardpayment_entity import CreditCardPayment
from quickbooks.objects.customertype import CustomerType
from quickbooks.objects.exchangerate import ExchangeRate
from quickbooks.objects.recurringtransaction import RecurringTransaction
from quickbooks.objects.taxservice import TaxRateDetails

from syncd.sandbox.server import RunningSandbox
from tests.sandbox.office import Office, signed_in
from tests.sandbox.receiver import running_receiver


@pytest.fixture
def realm(sandbox: RunningSandbox) -> str:
    return sandbox.create_company(multicurrency=True, exchange_rates={"EUR": "1.25"})


@pytest.fixture
def client(sandbox: RunningSandbox, realm: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[QuickBooks]:
    with signed_in(sandbox, realm, monkeypatch) as client:
        yield client


@pytest.fixture
def office(client: QuickBooks) -> Office:
    return Office(client)


# --- settings, taxes, rates -------------------------------------------------------------------------------------------


def test_company_info(client: QuickBooks) -> None:
    company = qbo.CompanyInfo.get(1, qb=client)
    assert qbo.CompanyInfo.all(qb=client)[0].CompanyName == company.CompanyName
    company.LegalName = "Changed"
    company.save(qb=client)
    found = qbo.CompanyInfo.get(client.company_id, qb=client)
    assert (found.LegalName, found.Id, found.SyncToken) == ("Changed", "1", str(int(company.SyncToken) + 1))


def test_preferences(client: QuickBooks) -> None:
    preferences = qbo.Preferences.get(qb=client)
    assert preferences.Id == "1"
    assert preferences.AccountingInfoPrefs.TaxYearMonth == "January"
    assert preferences.ProductAndServicesPrefs.ForPurchase is True
    assert preferences.VendorAndPurchasesPrefs.BillableExpenseTracking is True
    assert preferences.TimeTrackingPrefs.WorkWeekStartDate == "Monday"
    preferences.EmailMessagesPrefs.EstimateMessage.Subject = "Changed"
    preferences.save(qb=client)
    assert qbo.Preferences.get(qb=client).EmailMessagesPrefs.EstimateMessage.Subject == "Changed"


def test_the_first_of_the_other_preferences_is_the_one_in_every_recording(client: QuickBooks) -> None:
    names = [one.Name for one in qbo.Preferences.get(qb=client).OtherPrefs.NameValue]
    assert names[:2] == ["SalesFormsPrefs.DefaultCustomerMessage", "SalesFormsPrefs.DefaultItem"]


def test_exchange_rates_and_currencies(office: Office, client: QuickBooks) -> None:
    rate = ExchangeRate.where("SourceCurrencyCode = 'EUR'", qb=client)[0]
    assert (rate.SourceCurrencyCode, rate.TargetCurrencyCode, rate.Rate) == ("EUR", "USD", 1.25)
    rate.Rate += 1
    rate.save(qb=client)
    assert ExchangeRate.where("SourceCurrencyCode = 'EUR'", qb=client)[0].Rate == 2.25
    euro = office.save(office.new(CompanyCurrency, Code="EUR"))
    assert CompanyCurrency.get(euro.Id, qb=client).Name == "Euro"
    customer = office.save(office.new(qbo.Customer, DisplayName="Eva", CurrencyRef=euro.to_ref()))
    invoice = office.sale(qbo.Invoice, CurrencyRef=euro.to_ref())
    invoice.CustomerRef, invoice.ExchangeRate = customer.to_ref(), 1.2
    saved = office.save(invoice)
    assert (saved.CurrencyRef.value, saved.TotalAmt, saved.HomeTotalAmt) == ("EUR", 100, 120)


def test_taxes(office: Office, client: QuickBooks) -> None:
    agency = office.save(office.new(qbo.TaxAgency, DisplayName="Agency of tests"))
    assert qbo.TaxAgency.get(agency.Id, qb=client).DisplayName == "Agency of tests"
    assert agency.Id in [one.Id for one in qbo.TaxAgency.all(qb=client)]
    detail = office.new(TaxRateDetails, TaxRateName="Rate 22", RateValue=10, TaxAgencyId=int(agency.Id))
    service = office.new(qbo.TaxService, TaxCode="Code 22", TaxRateDetails=[detail])
    made = office.save(service)
    assert (made.TaxCode, made.TaxRateDetails[0].TaxRateName) == ("Code 22", "Rate 22")
    assert (made.TaxRateDetails[0].RateValue, made.TaxRateDetails[0].TaxAgencyId) == (10, agency.Id)
    (rate,) = qbo.TaxRate.filter(Name="Rate 22", qb=client)
    assert qbo.TaxRate.get(rate.Id, qb=client).RateValue == 10
    (code,) = qbo.TaxCode.filter(Name="Code 22", qb=client)
    detail = qbo.TaxCode.get(code.Id, qb=client).SalesTaxRateList.TaxRateDetail[0]
    assert detail.TaxRateRef.value == rate.Id
    assert "NON" in [one.Id for one in qbo.TaxCode.all(qb=client)]


@pytest.mark.parametrize("kind", [CustomerType, RecurringTransaction, qbo.TimeActivity, CreditCardPayment, qbo.Budget])
def test_what_the_company_does_not_have_reads_as_empty(client: QuickBooks, kind: Any) -> None:
    assert kind.all(qb=client) == []
    assert kind.count(qb=client) in (0, None)


# --- files, e-mail, webhooks ------------------------------------------------------------------------------------------


def owned(office: Office, record: Any, **members: Any) -> Any:
    """An attachment of a record, not saved."""
    ref = office.new(qbo.AttachableRef, EntityRef=record.to_ref())
    return office.new(qbo.Attachable, AttachableRef=[ref], **members)


@pytest.mark.checklist(64)
@pytest.mark.parametrize("by", ["bytes", "path"])
@pytest.mark.parametrize("content", [b"%PDF-1.4 \x00\xff and more", b"x" * 70_000, "Grüße\n".encode()])
def test_files_come_back_as_they_were(
    office: Office, client: QuickBooks, tmp_path: Path, content: bytes, by: str
) -> None:
    invoice = office.make(qbo.Invoice)
    attachment = owned(office, invoice, FileName="report.pdf", ContentType="application/pdf", Note="")
    if by == "path":
        (tmp_path / "report.pdf").write_bytes(content)
        attachment._FilePath = str(tmp_path / "report.pdf")
    else:
        attachment._FileBytes = content
    made = office.save(attachment)
    assert (made.FileName, made.ContentType, made.Size) == ("report.pdf", "application/pdf", len(content))
    found = qbo.Attachable.get(made.Id, qb=client)
    assert found.AttachableRef[0].EntityRef.value == invoice.Id
    where = f"AttachableRef.EntityRef.Type = 'Invoice' AND AttachableRef.EntityRef.value = '{invoice.Id}'"
    assert [one.Id for one in qbo.Attachable.where(where, qb=client)] == [made.Id]
    link = client.session.get(f"{client.api_url}/company/{client.company_id}/download/{made.Id}").text
    assert requests.get(link, timeout=10).content == content
    assert requests.get(found.TempDownloadUri, timeout=10).content == content
    found.delete(qb=client)
    assert qbo.Attachable.where(where, qb=client) == []


@pytest.mark.checklist(64)
def test_notes_are_attached_and_changed(office: Office, client: QuickBooks) -> None:
    vendor = office.make(qbo.Vendor)
    made = office.save(owned(office, vendor, Note="first"))
    made.Note = "second"
    office.save(made)
    found = qbo.Attachable.get(made.Id, qb=client)
    assert (found.Note, found.AttachableRef[0].EntityRef.value) == ("second", vendor.Id)


@pytest.mark.checklist(65)
@pytest.mark.parametrize("kind", [qbo.Invoice, qbo.Estimate, qbo.PurchaseOrder])
def test_forms_are_sent(office: Office, client: QuickBooks, kind: Any) -> None:
    made = office.make(kind)
    answer = made.send(qb=client, send_to="ada+1@example.com")[kind.qbo_object_name]
    assert answer["EmailStatus"] == "EmailSent"
    found = kind.get(made.Id, qb=client)
    assert found.EmailStatus == "EmailSent"
    if kind is not qbo.PurchaseOrder:
        assert found.BillEmail.Address == "ada+1@example.com"
        assert (kind is not qbo.Invoice) or found.email_sent


@pytest.mark.checklist(65)
@pytest.mark.parametrize("kind", [qbo.Invoice, qbo.Estimate, qbo.SalesReceipt])
def test_forms_are_downloaded_as_pdf(office: Office, client: QuickBooks, kind: Any) -> None:
    content = office.make(kind).download_pdf(qb=client)
    assert content.startswith(b"%PDF-")
    with pytest.raises(exceptions.ObjectNotFoundException):
        office.new(kind, Id="999999").download_pdf(qb=client)


@pytest.mark.checklist(61)
def test_the_library_finds_the_signature_of_a_webhook_good(
    office: Office, client: QuickBooks, sandbox: RunningSandbox
) -> None:
    with running_receiver() as receiver:
        hook = {"url": receiver.url, "verifier_token": "4d2c"}
        sandbox.admin("PUT", "/webhooks/sandbox-client", hook)
        office.save(office.new(qbo.Customer, DisplayName="Jürgen"))
        sandbox.admin("POST", "/webhooks/sandbox-client/settle")
        sandbox.admin("DELETE", "/webhooks/sandbox-client")
    (post,) = receiver.posts
    body, signature = post.body.decode(), post.headers["intuit-signature"]
    assert client.validate_webhook_signature(body, signature, "4d2c")
    assert not client.validate_webhook_signature(body + " ", signature, "4d2c")
    assert not client.validate_webhook_signature(body, base64.b64encode(b"x").decode(), "4d2c")


# --- faults -----------------------------------------------------------------------------------------------------------


def caught(work: Callable[[], Any]) -> tuple[type[Exception], int]:
    with pytest.raises(exceptions.QuickbooksException) as found:
        work()
    return type(found.value), int(found.value.error_code)


def test_faults_become_the_librarys_exceptions(office: Office, client: QuickBooks) -> None:
    customer = office.save(office.new(qbo.Customer, DisplayName="Ada"))
    journal = office.journal()
    journal.Line[0].Amount = 90
    bad_item = office.sale(qbo.Invoice)
    bad_item.Line[0].SalesItemLineDetail.ItemRef.value = "9999"
    lines = office.sale(qbo.Invoice)
    lines.Line = []
    plain, validation = exceptions.QuickbooksException, exceptions.ValidationException
    expected: list[tuple[Callable[[], Any], type[Exception], int]] = [
        (lambda: office.save(office.new(qbo.Vendor, DisplayName="ADA")), plain, 6240),
        (lambda: office.save(office.new(qbo.Customer)), plain, 6080),
        (lambda: qbo.Customer.get(9999, qb=client), exceptions.ObjectNotFoundException, 610),
        (lambda: office.save(office.new(qbo.Customer, Id=customer.Id, SyncToken="7", DisplayName="x")), plain, 5010),
        (lambda: office.save(bad_item), validation, 2500),
        (lambda: office.save(lines), validation, 2020),
        (lambda: office.save(journal), validation, 2300),
        (lambda: office.save(office.new(qbo.Customer, DisplayName="B", Unheard="x")), validation, 2010),
        (lambda: qbo.Customer.query("select * form Customer", qb=client), validation, 4000),
        (lambda: qbo.Customer.where("Unheard = 'x'", qb=client), validation, 4001),
        (lambda: qbo.Customer.all(max_results=1001, qb=client), validation, 4001),
        (lambda: office.save(office.new(qbo.TimeActivity, NameOf="Employee")), exceptions.UnsupportedException, 500),
    ]
    for work, kind, code in expected:
        assert caught(work) == (kind, code)


def test_an_expired_token_and_what_helps(office: Office, client: QuickBooks, sandbox: RunningSandbox) -> None:
    sandbox.advance(3601)
    assert caught(lambda: qbo.Customer.all(qb=client)) == (exceptions.AuthorizationException, 401)
    assert caught(lambda: office.new(qbo.Invoice, Id=1).download_pdf(qb=client)) == (
        exceptions.AuthorizationException,
        401,
    )
    client.auth_client.refresh()
    client.session.close()
    client._start_session()
    assert qbo.Customer.all(qb=client) == []


def test_another_company_and_a_throttle(client: QuickBooks, sandbox: RunningSandbox) -> None:
    own = client.company_id
    client.company_id = sandbox.create_company()
    assert caught(lambda: qbo.Customer.all(qb=client)) == (exceptions.QuickbooksException, 10000)
    client.company_id = own
    sandbox.switch(throttle="exact")
    sandbox.set_speed(0)
    for _ in range(10):
        qbo.Customer.all(qb=client)
    with pytest.raises(exceptions.QuickbooksException, match="429"):
        qbo.Customer.all(qb=client)
