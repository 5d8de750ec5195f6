"""python-quickbooks, as its users call it, for every entity it knows: a client that nobody here wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from quickbooks import QuickBooks
from quickbooks import objects as qbo
from quickbooks.batch import batch_create, batch_delete, batch_update
from quickbooks.cdc import change_data_capture
from quickbooks.exceptions import ObjectNotFoundException, QuickbooksException
from quickbooks.mixins import DeleteMixin, VoidMixin
from quickbooks.objects.companycurrency import CompanyCurrency

from syncd.sandbox.server import RunningSandbox
from syncd.sandbox.specs import SPECS
from tests.sandbox.office import MAKERS, Office, signed_in

ELSEWHERE = {"CompanyInfo", "CustomerType", "ExchangeRate", "Preferences", "TaxAgency", "TaxCode", "TaxRate"}
"""Entities with fewer operations, in test_sandbox_client_settings.py."""
CHANGES = {
    qbo.Account: ("Description", "changed"),
    qbo.Attachable: ("Note", "changed"),
    CompanyCurrency: ("Active", False),
    qbo.Customer: ("Notes", "changed"),
    qbo.Employee: ("GivenName", "changed"),
    qbo.Item: ("Description", "changed"),
    qbo.Term: ("DueDays", 12),
    qbo.Vendor: ("AcctNum", "changed"),
    **dict.fromkeys((qbo.Class, qbo.Department, qbo.PaymentMethod), ("Name", None)),
}
KINDS = list(MAKERS)
DELETABLE = [kind for kind in KINDS if issubclass(kind, DeleteMixin)]
LISTS = [kind for kind in KINDS if kind not in DELETABLE]
VOIDABLE = [kind for kind in KINDS if issubclass(kind, VoidMixin)]


def each(kinds: list[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", kinds, ids=[kind.qbo_object_name for kind in kinds])


@pytest.fixture(params=[False, True], ids=["float", "decimal"])
def use_decimal(request: pytest.FixtureRequest) -> bool:
    """With decimals the library sends its numbers as text."""
    return bool(request.param)


@pytest.fixture(scope="module")
def shared_office(shared_sandbox: RunningSandbox) -> Iterator[Office]:
    """One company for the module: every test makes its own records."""
    realm = shared_sandbox.create_company(multicurrency=True)
    with pytest.MonkeyPatch.context() as patch, signed_in(shared_sandbox, realm, patch) as client:
        yield Office(client)


@pytest.fixture
def office(sandbox: RunningSandbox, shared_office: Office) -> Office:
    """The module's office on a server whose switches and clock are as new."""
    shared_office.client.use_decimal = False
    return shared_office


@pytest.fixture
def client(office: Office) -> QuickBooks:
    return office.client


def changed(kind: Any, record: Any) -> Any:
    """The record with its member of the table changed."""
    name, value = CHANGES.get(kind, ("PrivateNote", "changed"))
    setattr(record, name, f"{record.Name} changed" if value is None else value)
    return record


def test_nothing_that_both_know_is_left_out() -> None:
    both = {name for name in QuickBooks._BUSINESS_OBJECTS if name in SPECS}
    assert both == {kind.qbo_object_name for kind in KINDS} | (ELSEWHERE & both)


@each(KINDS)
def test_create_read_and_update(office: Office, client: QuickBooks, kind: Any, use_decimal: bool) -> None:
    client.use_decimal = use_decimal
    made = office.make(kind)
    assert int(made.Id) > 0
    assert made.SyncToken == "0"
    found = kind.get(made.Id, qb=client)
    assert found.to_dict() == made.to_dict()
    wanted = changed(kind, found)
    saved = office.save(wanted)
    name, _ = CHANGES.get(kind, ("PrivateNote", "changed"))
    assert (saved.Id, saved.SyncToken, getattr(saved, name)) == (made.Id, "1", getattr(wanted, name))
    assert kind.get(made.Id, qb=client).to_dict() == saved.to_dict()
    if hasattr(made, "TotalAmt") and kind is not qbo.JournalEntry:  # which has none (S:journalentry-create)
        assert saved.TotalAmt == made.TotalAmt == 100
    with pytest.raises(QuickbooksException) as caught:
        office.save(changed(kind, made))
    assert caught.value.error_code == 5010


@each(KINDS)
def test_queries(office: Office, client: QuickBooks, kind: Any) -> None:
    ids = [office.make(kind).Id for _ in range(3)]
    chosen = f"Id IN ({', '.join(repr(one) for one in ids)})"
    assert {one.Id for one in kind.choose(ids, qb=client)} == set(ids)
    assert [one.Id for one in kind.filter(Id=ids[1], qb=client)] == [ids[1]]
    assert kind.count(chosen, qb=client) == 3
    assert kind.count(qb=client) >= 3
    assert set(ids) <= {one.Id for one in kind.all(max_results=1000, qb=client)}
    assert len(kind.all(order_by="MetaData.LastUpdatedTime DESC", start_position=2, max_results=1, qb=client)) == 1
    pages = [
        kind.where(chosen, order_by="MetaData.CreateTime", start_position=n, max_results=1, qb=client)
        for n in range(1, 5)
    ]
    assert sorted(one.Id for page in pages for one in page) == sorted(ids)
    assert kind.filter(Id="999999", qb=client) == []
    assert kind.query(f"select Id from {kind.qbo_object_name} where {chosen} maxresults 1", qb=client)[0].Id in ids


@each(DELETABLE)
def test_delete(office: Office, client: QuickBooks, kind: Any) -> None:
    made = office.make(kind)
    answer = made.delete(qb=client)[kind.qbo_object_name]
    assert (answer["Id"], answer["status"]) == (made.Id, "Deleted")
    assert kind.filter(Id=made.Id, qb=client) == []
    with pytest.raises(ObjectNotFoundException):
        kind.get(made.Id, qb=client)
    with pytest.raises(ObjectNotFoundException):
        made.delete(qb=client)
    with pytest.raises(ObjectNotFoundException):
        office.save(made)


@each(LISTS)
def test_deactivate(office: Office, client: QuickBooks, kind: Any) -> None:
    made = office.make(kind)
    made.Active = False
    gone = office.save(made)
    assert (gone.Active, gone.SyncToken) == (False, "1")
    assert made.Id not in [one.Id for one in kind.all(max_results=1000, qb=client)]
    assert made.Id in [one.Id for one in kind.filter(Active=False, qb=client)]
    assert made.Id in [one.Id for one in kind.where("Active IN (true, false)", max_results=1000, qb=client)]
    assert kind.get(made.Id, qb=client).Active is False


@each(VOIDABLE)
def test_void(office: Office, client: QuickBooks, kind: Any) -> None:
    made = office.make(kind)
    assert "Voided" not in (made.PrivateNote or "")
    made.void(qb=client)
    voided = kind.get(made.Id, qb=client)
    assert (voided.TotalAmt, voided.SyncToken) == (0, "1")
    assert voided.PrivateNote.startswith("Voided")


@each(KINDS)
def test_batch(office: Office, client: QuickBooks, kind: Any) -> None:
    made = batch_create([MAKERS[kind](office) for _ in range(3)], qb=client)
    assert (len(made.successes), made.faults) == (3, [])
    assert {one.SyncToken for one in made.successes} == {"0"}
    edited = batch_update([changed(kind, one) for one in made.successes[:1]], qb=client)
    assert [(one.Id, one.SyncToken) for one in edited.successes] == [(made.successes[0].Id, "1")]
    stale = batch_update(made.successes[:1], qb=client)
    assert [fault.Error[0].code for fault in stale.faults] == ["5010"]
    if kind in DELETABLE:
        gone = batch_delete([*edited.successes, *made.successes[1:]], qb=client)
        assert (len(gone.successes), gone.faults) == (3, [])
        assert kind.choose([one.Id for one in made.successes], qb=client) == []


def test_change_data_capture(office: Office, client: QuickBooks, sandbox: RunningSandbox) -> None:
    kinds = [kind for kind in KINDS if SPECS[kind.qbo_object_name].in_cdc]
    since = sandbox.admin("GET", "/clock")["now"]
    sandbox.advance(5)
    made = {kind: [office.make(kind), office.make(kind)] for kind in kinds}
    for kind in set(kinds) & set(DELETABLE):
        made[kind][1].delete(qb=client)
    changes = change_data_capture(kinds, since, qb=client)
    for kind in kinds:
        group = getattr(changes, kind.qbo_object_name)._object_list
        state = {one.Id: getattr(one, "status", "") for one in group}
        assert state[made[kind][0].Id] == ""
        assert state[made[kind][1].Id] == ("Deleted" if kind in DELETABLE else "")


def test_an_invoice_is_paid_by_a_payment_that_names_it(office: Office, client: QuickBooks) -> None:
    invoice = office.make(qbo.Invoice)
    line = office.new(qbo.PaymentLine, Amount=60, LinkedTxn=[invoice.to_linked_txn()])
    payment = office.save(office.new(qbo.Payment, CustomerRef=invoice.CustomerRef, TotalAmt=60, Line=[line]))
    paid = qbo.Invoice.get(invoice.Id, qb=client)
    assert (paid.Balance, paid.SyncToken) == (40, "1")
    assert [(link.TxnId, link.TxnType) for link in paid.LinkedTxn] == [(payment.Id, "Payment")]
    payment.delete(qb=client)
    assert qbo.Invoice.get(invoice.Id, qb=client).Balance == 100


def test_a_bill_is_paid_by_cheque(office: Office, client: QuickBooks) -> None:
    payment = office.make(qbo.BillPayment)
    bill = qbo.Bill.get(payment.Line[0].LinkedTxn[0].TxnId, qb=client)
    assert bill.Balance == 0
    payment.void(qb=client)
    assert qbo.Bill.get(bill.Id, qb=client).Balance == 100


def test_an_estimate_with_a_discount_and_addresses(office: Office, client: QuickBooks) -> None:
    address = office.new(qbo.Address, Line1="65 Ocean Dr.", City="Half Moon Bay", PostalCode="94213", Lat="37.4")
    estimate = office.sale(qbo.Estimate, BillAddr=address, ShipAddr=address, PrintStatus="NeedToPrint")
    estimate.BillEmail = office.new(qbo.EmailAddress, Address="ada@example.com")
    estimate.CustomerMemo = office.new(qbo.CustomerMemo, value="Thank you")
    estimate.TxnTaxDetail = office.new(qbo.TxnTaxDetail, TotalTax=0)
    detail = office.new(qbo.DiscountLineDetail, PercentBased=True, DiscountPercent=10)
    estimate.Line.append(
        office.new(qbo.DetailLine, Amount=10, DetailType="DiscountLineDetail", DiscountLineDetail=detail)
    )
    found = qbo.Estimate.get(office.save(estimate).Id, qb=client)
    assert found.TotalAmt == 90
    assert [one.DetailType for one in found.Line] == [
        "SalesItemLineDetail", "SubTotalLineDetail", "DiscountLineDetail",
    ]  # fmt: skip
    assert (found.Line[2].DiscountLineDetail.DiscountPercent, found.PrintStatus) == (10, "NeedToPrint")
    assert (found.BillAddr.Line1, found.ShipAddr.City) == ("65 Ocean Dr.", "Half Moon Bay")
    assert (found.BillEmail.Address, found.CustomerMemo.value) == ("ada@example.com", "Thank you")


def test_a_refund_by_cheque(office: Office, client: QuickBooks) -> None:
    refund = MAKERS[qbo.RefundReceipt](office)
    cheque = qbo.refundreceipt.RefundReceiptCheckPayment()
    cheque.CheckNum, cheque.NameOnAcct, cheque.AcctNum, cheque.BankName = "1001", "Ada", "0000000000", "Bank"
    refund.CheckPayment, refund.PaymentType, refund.DocNumber = cheque, "Check", "R-1"
    found = qbo.RefundReceipt.get(office.save(refund).Id, qb=client)
    assert (found.DocNumber, found.TotalAmt) == ("R-1", 100)


def test_a_person_with_every_kind_of_detail(office: Office, client: QuickBooks) -> None:
    for kind in (qbo.Customer, qbo.Vendor):
        name = office.name()
        person = office.new(
            kind, Title="Ms.", GivenName="First", FamilyName="Last", Suffix="Sr.", CompanyName=name, DisplayName=name
        )
        person.BillAddr = office.new(qbo.Address, Line1="123 Main", Line2="Apartment 1", PostalCode="94030")
        person.PrimaryPhone = office.new(qbo.PhoneNumber, FreeFormNumber="555-555-5555")
        person.PrimaryEmailAddr = office.new(qbo.EmailAddress, Address="test@example.com")
        person.WebAddr = office.new(qbo.WebAddress, URI="http://example.com")
        found = kind.get(office.save(person).Id, qb=client)
        assert (found.Title, found.GivenName, found.FamilyName, found.Suffix) == ("Ms.", "First", "Last", "Sr.")
        assert (found.BillAddr.Line2, found.BillAddr.PostalCode) == ("Apartment 1", "94030")
        assert (found.PrimaryPhone.FreeFormNumber, found.PrimaryEmailAddr.Address) == (
            "555-555-5555",
            "test@example.com",
        )
        assert found.WebAddr.URI == "http://example.com"


def test_inventory_and_a_card_purchase_with_an_item_line(office: Office, client: QuickBooks) -> None:
    accounts = {
        "IncomeAccountRef": ("Income", "SalesOfProductIncome"),
        "ExpenseAccountRef": ("Cost of Goods Sold", "SuppliesMaterialsCogs"),
        "AssetAccountRef": ("Other Current Asset", "Inventory"),
    }
    item = office.new(qbo.Item, Name=office.name(), Type="Inventory", TrackQtyOnHand=True, QtyOnHand=10)
    item.InvStartDate = "2015-01-01"
    for member, (account_type, sub_type) in accounts.items():
        account = office.new(qbo.Account, Name=office.name(), AccountType=account_type, AccountSubType=sub_type)
        setattr(item, member, office.save(account).to_ref())
    item = office.save(item)
    found = qbo.Item.filter(Type="Inventory", max_results=1, qb=client)[0]
    assert (found.Id, found.QtyOnHand, found.TrackQtyOnHand) == (item.Id, 10, True)

    detail = office.new(qbo.ItemBasedExpenseLineDetail, ItemRef=item.to_ref(), Qty=2, UnitPrice=50)
    detail.BillableStatus, detail.CustomerRef = "NotBillable", office.make(qbo.Customer).to_ref()
    line = office.new(qbo.ItemBasedExpenseLine, Amount=100, ItemBasedExpenseLineDetail=detail)
    card = office.account("Credit Card").to_ref()
    purchase = office.new(qbo.Purchase, DocNumber="Doc123", PaymentType="CreditCard", AccountRef=card, Line=[line])
    for _ in range(2):
        saved = purchase.save(qb=client, params={"include": "allowduplicatedocnum"})
        purchase.Id = None
    assert (saved.DocNumber, saved.TotalAmt, saved.AccountRef.value) == ("Doc123", 100, card.value)
    assert saved.Line[0].ItemBasedExpenseLineDetail.CustomerRef.value == detail.CustomerRef.value


def test_references_may_be_numbers_and_accounts_go_by_sub_type(office: Office, client: QuickBooks) -> None:
    account = office.save(office.new(qbo.Account, Name=office.name(), AcctNum="170942", AccountSubType="CashOnHand"))
    found = qbo.Account.where("AccountSubType = 'cashonhand' AND AcctNum = '170942'", qb=client)
    assert [(one.Id, one.AcctNum, one.AccountType) for one in found] == [(account.Id, "170942", "Bank")]
    bill = MAKERS[qbo.Bill](office)
    bill.Line[0].AccountBasedExpenseLineDetail.AccountRef.value = int(office.account("Expense").Id)
    assert office.save(bill).TotalAmt == 100


def test_unequal_in_a_query_as_the_librarys_own_tests_do(office: Office, client: QuickBooks) -> None:
    receivable = office.account("Accounts Receivable").FullyQualifiedName
    others = qbo.Account.where(f"Classification = 'Asset' AND FullyQualifiedName != '{receivable}'", qb=client)
    assert others
    assert receivable not in [one.FullyQualifiedName for one in others]
