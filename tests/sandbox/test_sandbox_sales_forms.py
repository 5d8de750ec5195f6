"""What all sales forms have in common: their life, numbers, minimums, locks (entities.md 1, 4; protocol.md 8)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox

Json = dict[str, Any]
Make = Callable[..., Json]
FORMS = ("Invoice", "Estimate", "CreditMemo", "SalesReceipt", "RefundReceipt")
every_form = pytest.mark.parametrize("entity", FORMS)


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        work()
    return caught.value.code


@pytest.fixture
def form(person: Accountant, customer: Json, line: Make) -> Make:
    """form("CreditMemo", 100, DocNumber=...) saves a form of one line."""

    def make(entity: str, amount: Any = 100, include: str = "", **members: Any) -> Json:
        body = {"CustomerRef": {"value": customer["Id"]}, "Line": [line(amount)], **members}
        if entity == "RefundReceipt":
            body.setdefault("DepositToAccountRef", {"value": "35"})
        return person.save(entity, body, **({"include": include} if include else {}))

    return make


@pytest.mark.checklist(1)
@pytest.mark.checklist(2)
@pytest.mark.checklist(3)
@pytest.mark.checklist(18)
@pytest.mark.checklist(19)
@pytest.mark.checklist(20)
@every_form
def test_a_form_lives_from_create_to_delete(
    entity: str, sandbox: RunningSandbox, person: Accountant, customer: Json, form: Make
) -> None:
    made = form(entity, PrivateNote="first")
    assert (made["SyncToken"], made["domain"], made["sparse"]) == ("0", "QBO", False)
    assert made["CustomerRef"] == {"value": customer["Id"], "name": "Ada Lovelace"}
    assert made["TotalAmt"] == 100
    assert person.read(entity, made["Id"]) == made
    assert person.query(f"select * from {entity} where DocNumber = '{made['DocNumber']}'") == [made]
    sandbox.advance(2)
    changed = person.save(entity, {**made, "PrivateNote": "second"})
    assert (changed["SyncToken"], changed["PrivateNote"]) == ("1", "second")
    assert changed["MetaData"]["LastUpdatedTime"] > made["MetaData"]["LastUpdatedTime"]
    assert code_of(lambda: person.save(entity, made)) == "5010"
    groups, _ = person.cdc(entity, changed["MetaData"]["LastUpdatedTime"])
    assert groups == {entity: [changed]}
    assert person.delete(entity, changed) == {"status": "Deleted", "domain": "QBO", "Id": made["Id"]}
    for again in (
        lambda: person.read(entity, made["Id"]),
        lambda: person.save(entity, changed),
        lambda: person.delete(entity, changed),
    ):
        assert code_of(again) == "610"
    assert person.read("Customer", customer["Id"])["Balance"] == 0


@pytest.mark.checklist(21)
@pytest.mark.checklist(22)
@every_form
def test_full_updates_clear_and_sparse_ones_keep(entity: str, person: Accountant, line: Make, form: Make) -> None:
    made = form(entity, PrivateNote="note", CustomerMemo={"value": "memo"})
    slim = {"Id": made["Id"], "SyncToken": "0", "sparse": True}
    kept = person.save(entity, {**slim, "CustomerMemo": {"value": "other"}})
    assert (kept["PrivateNote"], kept["CustomerMemo"]) == ("note", {"value": "other"})
    assert kept["Line"] == made["Line"]
    replaced = person.save(entity, {**slim, "SyncToken": "1", "Line": [line(7)]})
    assert (replaced["TotalAmt"], len(replaced["Line"])) == (7, 2)
    full = {name: replaced[name] for name in ("Id", "SyncToken", "CustomerRef", "Line")}
    full["DepositToAccountRef"] = {"value": "35"}
    if entity in ("Estimate", "CreditMemo"):
        del full["DepositToAccountRef"]
    cleared = person.save(entity, full)
    assert "PrivateNote" not in cleared
    assert "CustomerMemo" not in cleared


@every_form
def test_reading_a_form_back_and_writing_it_again_changes_nothing(entity: str, person: Accountant, form: Make) -> None:
    made = form(entity, "19.99", BillEmail={"Address": "a@b.c"}, BillAddr={"Line1": "1 High St"})
    again = person.save(entity, made)
    for record in (made, again):
        record.pop("MetaData")
        record.pop("SyncToken")
    assert again == made


@pytest.mark.checklist(57)
@every_form
def test_what_a_form_must_have(entity: str, person: Accountant, customer: Json, line: Make, form: Make) -> None:
    who = {"CustomerRef": {"value": customer["Id"]}, "DepositToAccountRef": {"value": "35"}}
    if entity in ("Estimate", "CreditMemo"):
        del who["DepositToAccountRef"]

    def refused(body: Json) -> tuple[str, str]:
        with pytest.raises(RefusedError) as caught:
            person.save(entity, body)
        return caught.value.code, caught.value.body["Fault"]["Error"][0]["element"]

    assert refused(who) == ("2020", "Line")
    assert refused({**who, "Line": [{"Amount": 1}]}) == ("2020", "DetailType")
    assert refused({**who, "Line": [line(1)], "CustomerRef": {"value": "999"}}) == ("2500", "CustomerRef")
    assert refused({**who, "Line": [line(1, ItemRef={"value": "999"})]}) == ("2500", "ItemRef")
    assert refused({**who, "Line": [line(1)], "Colour": "red"}) == ("2010", "Colour")
    assert refused({**who, "Line": [line(1)], "DocNumber": "x" * 22})[0] == "2050"
    assert refused({**who, "Line": [line(2, Qty=1, UnitPrice=1)]})[0] == "6070"
    assert refused({**who, "Line": [line(-1)]})[0] == ("2290" if entity in ("CreditMemo", "RefundReceipt") else "6000")
    nobody = {name: value for name, value in who.items() if name != "CustomerRef"}
    if entity in ("SalesReceipt", "RefundReceipt"):
        assert "CustomerRef" not in person.save(entity, {**nobody, "Line": [line(1)]})
    else:
        assert refused({**nobody, "Line": [line(1)]}) == ("2020", "CustomerRef")
    person.save("Customer", {**customer, "Active": False})
    assert refused({**who, "Line": [line(1)]})[0] == "6250"


def test_a_refund_needs_its_account_and_money_needs_a_place(person: Accountant, line: Make, form: Make) -> None:
    assert code_of(lambda: person.save("RefundReceipt", {"Line": [line(1)]})) == "2020"
    for entity in ("SalesReceipt", "RefundReceipt", "Invoice"):
        assert code_of(partial(form, entity, DepositToAccountRef={"value": "1"})) == "6430"
    assert form("SalesReceipt")["DepositToAccountRef"] == {"value": "4", "name": "Undeposited Funds"}
    assert form("RefundReceipt")["PaymentRefNum"] == "To Print"
    assert "PaymentRefNum" not in form("RefundReceipt", PrintStatus="NotSet")
    paid = form("SalesReceipt", PaymentMethodRef={"value": "2"}, PaymentRefNum="x" * 21)
    assert paid["PaymentMethodRef"] == {"value": "2", "name": "Check"}
    assert code_of(lambda: form("SalesReceipt", PaymentRefNum="x" * 22)) == "2050"
    assert form("RefundReceipt", PaymentRefNum="x" * 100)["PaymentRefNum"] == "x" * 100
    assert code_of(lambda: form("RefundReceipt", PaymentRefNum="x" * 101)) == "2050"


@pytest.mark.checklist(58)
@every_form
def test_forms_of_a_closed_period_stay_as_they_are(
    entity: str, sandbox: RunningSandbox, person: Accountant, realm: str, form: Make
) -> None:
    made = form(entity, TxnDate="2026-01-31")
    sandbox.change_company(realm, book_close_date="2026-01-31")
    assert code_of(lambda: form(entity, TxnDate="2026-01-31")) == "6210"
    assert code_of(lambda: person.save(entity, {**made, "TxnDate": "2026-02-01"})) == "6210"
    assert code_of(lambda: person.delete(entity, made)) == "6210"
    if entity in ("Invoice", "SalesReceipt"):
        assert code_of(lambda: person.void(entity, made)) == "6210"
    assert form(entity, TxnDate="2026-02-01")["TxnDate"] == "2026-02-01"


@pytest.mark.checklist(24)
def test_voiding_a_sales_receipt(person: Accountant, form: Make) -> None:
    made = form("SalesReceipt", PrivateNote="keep me")
    void = person.void("SalesReceipt", made)
    assert (void["TotalAmt"], void["Balance"], void["TxnTaxDetail"], void["SyncToken"]) == (0, 0, {"TotalTax": 0}, "1")
    assert [row["Amount"] for row in void["Line"]] == [0, 0]
    assert void["PrivateNote"] == "Voided - keep me"
    assert person.read("Account", "4")["CurrentBalance"] == 0


@pytest.mark.parametrize("entity", ["CreditMemo", "RefundReceipt", "Estimate"])
def test_voids_that_no_page_documents_are_refused_unless_switched_on(
    entity: str, sandbox: RunningSandbox, person: Accountant, form: Make
) -> None:
    made = form(entity)
    assert code_of(lambda: person.void(entity, made)) == "500"
    sandbox.switch(undocumented_voids=True)
    if entity == "Estimate":
        assert code_of(lambda: person.void(entity, made)) == "500"
    else:
        void = person.void(entity, made)
        assert (void["TotalAmt"], void["PrivateNote"]) == (0, "Voided")
        assert void.get("RemainingCredit", 0) == 0


@pytest.mark.checklist(56)
def test_forms_share_one_run_of_numbers_and_estimates_have_their_own(form: Make) -> None:
    given = [form(entity)["DocNumber"] for entity in (*FORMS, *FORMS)]
    assert given == ["1001", "1001", "1002", "1003", "1004", "1005", "1002", "1006", "1007", "1008"]
    form("CreditMemo", DocNumber="2000")
    assert form("SalesReceipt")["DocNumber"] == "2001"
    assert form("Invoice", DocNumber="2001")["DocNumber"] == "2001"  # no duplicate check while QBO counts


@pytest.mark.checklist(56)
@pytest.mark.parametrize(
    ("entity", "called"),
    [
        ("Estimate", "Estimate"),
        ("CreditMemo", "Credit Memo"),
        ("SalesReceipt", "Sales Receipt"),
        ("RefundReceipt", "Refund Receipt"),
    ],
)
def test_a_number_taken_by_another_kind_names_its_holder(
    entity: str, called: str, sandbox: RunningSandbox, person: Accountant, realm: str, form: Make
) -> None:
    sandbox.change_company(realm, custom_txn_numbers=True)
    assert "DocNumber" not in form(entity)
    holder = form(entity, DocNumber="A-1")
    with pytest.raises(RefusedError) as caught:
        form("Invoice", DocNumber="A-1")
    assert caught.value.code == "6140"
    detail = caught.value.body["Fault"]["Error"][0]["Detail"]
    assert detail.endswith(f"DocNumber=A-1 is assigned to TxnType={called} with TxnId={holder['Id']}")
    assert form("Invoice", include="allowduplicatedocnum", DocNumber="A-1")["DocNumber"] == "A-1"
    other = form("Invoice", DocNumber="A-2")
    assert code_of(lambda: person.save("Invoice", {**other, "DocNumber": "A-1"})) == "6140"
    sandbox.switch(document_pool="kind")
    assert form("Invoice", include="allowduplicatedocnum", DocNumber="A-1")["DocNumber"] == "A-1"
    assert code_of(lambda: form(entity, DocNumber="A-1")) == "6140"
    free = "Invoice" if entity != "Invoice" else "Estimate"
    assert form(free, DocNumber="A-3")["DocNumber"] == "A-3"
    assert form(entity, DocNumber="A-3")["DocNumber"] == "A-3"


def test_a_french_company_numbers_everything(sandbox: RunningSandbox, line: Make) -> None:
    person = sandbox.connect(sandbox.create_company(country="FR", custom_txn_numbers=True, using_sales_tax=False))
    who = {"CustomerRef": {"value": person.save("Customer", {"DisplayName": "Ada"})["Id"]}}
    assert code_of(lambda: person.save("Invoice", {**who, "Line": [line(1)]})) == "2020"
    assert code_of(lambda: person.save("Payment", {**who, "TotalAmt": 1})) == "2020"
    assert person.save("Payment", {**who, "TotalAmt": 1, "PaymentRefNum": "7"})["PaymentRefNum"] == "7"


@pytest.mark.checklist(44)
def test_total_count_comes_for_some_forms_only(person: Accountant, form: Make) -> None:
    for entity in FORMS:
        form(entity)
        answer = person.call("GET", "query", query=f"select * from {entity}")["QueryResponse"]
        assert ("totalCount" in answer) == (entity in ("Invoice", "RefundReceipt"))


@pytest.mark.checklist(48)
@every_form
def test_what_queries_may_ask_of_a_form(entity: str, person: Accountant, customer: Json, form: Make) -> None:
    made = form(entity, TxnDate="2026-03-01")
    for where in (
        f"CustomerRef = '{customer['Id']}'",
        "TotalAmt > '99.5'",
        "TxnDate = '2026-03-01'",
        f"Id IN ('{made['Id']}')",
    ):
        assert person.query(f"select * from {entity} where {where}") == [made]
    assert code_of(lambda: person.query(f"select * from {entity} where PrivateNote = 'x'")) == "4001"


def test_members_that_only_the_server_writes_are_ignored(form: Make) -> None:
    memo = form("CreditMemo", RemainingCredit=1, Balance=2, TotalAmt=3, DeliveryInfo={"DeliveryType": "Email"})
    assert (memo["RemainingCredit"], memo["Balance"], memo["TotalAmt"]) == (100, 100, 100)
    assert {"DueDate", "Deposit", "LinkedTxn", "DeliveryInfo"} & memo.keys() == set()
    receipt = form("SalesReceipt", Balance=5, LinkedTxn=[{"TxnId": "1", "TxnType": "Invoice"}])
    assert receipt["Balance"] == 0
    assert "LinkedTxn" not in receipt
    estimate = form("Estimate", LinkedTxn=[{"TxnId": "1", "TxnType": "Invoice"}])
    assert {"LinkedTxn", "Balance", "Deposit"} & estimate.keys() == set()


def test_a_taxable_invoice_has_at_most_750_lines(person: Accountant, customer: Json, line: Make) -> None:
    body = {"CustomerRef": {"value": customer["Id"]}, "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "2"}}}
    taxed, free = line(1, TaxCodeRef={"value": "TAX"}), line(1)
    assert person.save("Invoice", {**body, "Line": [taxed] * 750})["TotalAmt"] == 810
    assert code_of(lambda: person.save("Invoice", {**body, "Line": [taxed] * 751})) == "6000"
    assert person.save("Invoice", {**body, "Line": [free] * 751})["TotalAmt"] == 751


def test_where_the_money_goes(person: Accountant, customer: Json, line: Make) -> None:
    """Receivables, Undeposited Funds, a bank account and the tax owed move with each form; the customer only owes."""
    taxed = {"Line": [line(100, TaxCodeRef={"value": "TAX"})], "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "2"}}}
    body = {"CustomerRef": {"value": customer["Id"]}, **taxed}

    def standing() -> Any:
        accounts = tuple(person.read("Account", number)["CurrentBalance"] for number in ("84", "4", "35", "89"))
        return (*accounts, person.read("Customer", customer["Id"])["Balance"])

    assert standing() == (0, 0, 0, 0, 0)
    person.save("Estimate", body)
    assert standing() == (0, 0, 0, 0, 0)
    invoice = person.save("Invoice", body)
    assert standing() == (108, 0, 0, -8, 108)
    receipt = person.save("SalesReceipt", body)
    assert standing() == (108, 108, 0, -16, 108)
    memo = person.save("CreditMemo", body)
    assert standing() == (0, 108, 0, -8, 0)
    refund = person.save("RefundReceipt", {**body, "DepositToAccountRef": {"value": "35"}})
    assert standing() == (0, 108, -108, 0, 0)
    for entity, record in (("SalesReceipt", receipt), ("RefundReceipt", refund), ("CreditMemo", memo)):
        person.delete(entity, record)
    assert standing() == (108, 0, 0, -8, 108)
    person.void("Invoice", invoice)
    assert standing() == (0, 0, 0, 0, 0)


def test_forms_in_a_foreign_currency_show_both(sandbox: RunningSandbox, line: Make) -> None:
    person = sandbox.connect(sandbox.create_company(multicurrency=True, exchange_rates={"EUR": "1.25"}))
    euro = {"CurrencyRef": {"value": "EUR"}}
    customer = person.save("Customer", {"DisplayName": "Euro", **euro})
    body = {"CustomerRef": {"value": customer["Id"]}, "Line": [line(10)], **euro}
    for entity in FORMS:
        extra = {"DepositToAccountRef": {"value": "35"}} if entity == "RefundReceipt" else {}
        made = person.save(entity, {**body, **extra})
        assert (made["ExchangeRate"], made["HomeTotalAmt"]) == (Decimal("1.25"), Decimal("12.5"))
        if entity == "CreditMemo":
            assert made["HomeBalance"] == Decimal("12.5")
        at_home = {**made, "CurrencyRef": {"value": "USD"}}
        assert code_of(partial(person.save, entity, at_home)) == "6000"
