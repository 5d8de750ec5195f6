"""The purchase side: bills, their payments, expenses, purchase orders (entities.md 6)."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.sandbox import fields
from syncd.sandbox.fields import anything, array, boolean, cash, choice, day, decimal, text
from syncd.sandbox.specs.base import META, REF, Spec, linked_by_lines, members, rw, words
from syncd.sandbox.specs.sales import CUSTOM_FIELDS, TAX_DETAIL
from syncd.sandbox.wire import Json

_REFS = dict.fromkeys(("CustomerRef", "ClassRef", "TaxCodeRef", "ProjectRef"), fields.reference)
_BILLABLE: dict[str, fields.Kind] = {"BillableStatus": text(50), "MarkupInfo": anything, "TaxInclusiveAmt": cash}
_LINE = fields.struct(
    {
        "Id": text(20),
        "LineNum": fields.integer(0, 1_000_000),
        "Description": text(4000),
        "Amount": cash,
        "DetailType": choice("AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail"),
        "AccountBasedExpenseLineDetail": fields.struct(
            {**_REFS, **_BILLABLE, "AccountRef": fields.reference, "TaxAmount": cash}, lambda _, clean: clean
        ),
        "ItemBasedExpenseLineDetail": fields.struct(
            {
                **_REFS,
                **_BILLABLE,
                **dict.fromkeys(("ItemRef", "PriceLevelRef", "ItemAccountRef"), fields.reference),
                "Qty": decimal(11, 7),
                "UnitPrice": decimal(11, 7),
            },
            lambda _, clean: clean,
        ),
        "LinkedTxn": fields.linked,
        "ProjectRef": fields.reference,
        "CustomField": anything,
        "CustomExtensions": anything,
        "LineEx": anything,
    }
)
_FORM = {
    **dict.fromkeys(("CurrencyRef", "DepartmentRef", "ClassRef"), REF),
    "Line": rw(array(_LINE)),
    "DocNumber": rw(text(21)),
    "TxnDate": rw(day),
    "ExchangeRate": rw(decimal(11, 12)),
    "PrivateNote": rw(text(4000)),
    "GlobalTaxCalculation": rw(choice("TaxExcluded", "TaxInclusive", "NotApplicable")),
    "TxnTaxDetail": rw(TAX_DETAIL),
    "TransactionLocationType": rw(text(50)),
    "IncludeInAnnualTPAR": rw(boolean),
}
_DERIVED = "TotalAmt HomeTotalAmt RecurDataRef TxnSource TxnStatus CustomExtensions "
_PRINT = choice("NotSet", "NeedToPrint", "PrintComplete")


def billable_to(body: Json) -> Iterable[tuple[str, str]]:
    """The customers that lines of a purchase wait to be billed to."""
    for line in body.get("Line", []):
        detail: Json = line.get(line.get("DetailType", ""), {})
        if detail.get("BillableStatus") == "Billable" and "CustomerRef" in detail:
            yield "Customer", str(detail["CustomerRef"]["value"])


def _hangs_on(body: Json) -> Iterable[tuple[str, str]]:
    """A purchase hangs on the orders its lines come from and on the customers they are billed to."""
    yield from linked_by_lines(body)
    yield from billable_to(body)


BILL = Spec(
    name="Bill",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete", "void"}),  # void: answered with a fault of its own
    indexed=("DocNumber", "VendorRef"),
    queryable=META | words("DocNumber TxnDate DueDate VendorRef APAccountRef SalesTermRef TotalAmt Balance"),
    known_only=words("PrivateNote DepartmentRef CurrencyRef"),
    total_count=True,
    links=_hangs_on,
    members=members(
        {
            **_FORM,
            **dict.fromkeys(("VendorRef", "APAccountRef", "SalesTermRef"), REF),
            "DueDate": rw(day),
            "LinkedTxn": rw(fields.linked),
        },
        _DERIVED + "Balance HomeBalance VendorAddr RemitToAddr",
    ),
)

VENDOR_CREDIT = Spec(
    name="VendorCredit",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete"}),
    indexed=("DocNumber", "VendorRef"),
    queryable=META | words("DocNumber TxnDate VendorRef APAccountRef TotalAmt"),
    known_only=words("PrivateNote DepartmentRef CurrencyRef Balance"),
    total_count=True,
    links=billable_to,
    members=members(
        {**_FORM, **dict.fromkeys(("VendorRef", "APAccountRef"), REF), "LinkedTxn": rw(fields.linked)},
        _DERIVED + "Balance HomeBalance",
    ),
)

BILL_PAYMENT = Spec(
    name="BillPayment",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete", "void"}),
    indexed=("DocNumber", "VendorRef"),
    queryable=META | words("DocNumber TxnDate VendorRef APAccountRef TotalAmt"),
    known_only=words("PrivateNote DepartmentRef CurrencyRef PayType"),
    total_count=True,
    links=linked_by_lines,
    members=members(
        {
            **dict.fromkeys(("VendorRef", "APAccountRef", "DepartmentRef", "CurrencyRef"), REF),
            "TotalAmt": rw(cash),
            "PayType": rw(choice("Check", "CreditCard")),
            "CheckPayment": rw(
                fields.struct(
                    {
                        "BankAccountRef": fields.reference,
                        "PrintStatus": _PRINT,
                        "CheckDetail": anything,
                        "PayeeAddr": anything,
                    }
                )
            ),
            "CreditCardPayment": rw(fields.struct({"CCAccountRef": fields.reference, "CCDetail": anything})),
            "Line": rw(
                array(
                    fields.struct(
                        {
                            "Amount": cash,
                            "LinkedTxn": fields.linked,
                            "Id": text(20),
                            "LineNum": fields.integer(0, 1_000_000),
                            "Description": text(4000),
                            "LineEx": anything,
                            "CustomExtensions": anything,
                        }
                    )
                )
            ),
            "DocNumber": rw(text(21)),
            "TxnDate": rw(day),
            "ExchangeRate": rw(decimal(11, 12)),
            "PrivateNote": rw(text(4000)),
            "ProcessBillPayment": rw(boolean),
            "TransactionLocationType": rw(text(50)),
        },
        "HomeTotalAmt RecurDataRef TxnSource TxnStatus CustomExtensions LinkedTxn",
    ),
)

PURCHASE = Spec(
    name="Purchase",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete"}),
    numbers="purchase",
    indexed=("DocNumber",),
    queryable=META | words("DocNumber TxnDate PaymentType TotalAmt"),
    known_only=words("PrivateNote DepartmentRef EntityRef CurrencyRef PrintStatus Credit PaymentMethodRef"),
    links=billable_to,
    members=members(
        {
            **_FORM,
            **dict.fromkeys(("AccountRef", "EntityRef", "PaymentMethodRef"), REF),
            "PaymentType": rw(choice("Cash", "Check", "CreditCard")),
            "Credit": rw(boolean),
            "PrintStatus": rw(_PRINT),
            "PurchaseEx": rw(anything),
            "LinkedTxn": rw(fields.linked),
        },
        _DERIVED + "RemitToAddr",
    ),
)

PURCHASE_ORDER = Spec(
    name="PurchaseOrder",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete"}),
    numbers="purchaseorder",
    indexed=("DocNumber", "VendorRef"),
    queryable=META | words("DocNumber TxnDate DueDate TotalAmt APAccountRef"),
    known_only=words("PrivateNote VendorRef CurrencyRef POStatus ClassRef SalesTermRef EmailStatus"),
    total_count=True,
    members=members(
        {
            **_FORM,
            **dict.fromkeys(
                ("VendorRef", "APAccountRef", "SalesTermRef", "ShipTo", "ShipMethodRef", "TaxCodeRef"), REF
            ),
            "DueDate": rw(day),
            "POStatus": rw(choice("Open", "Closed")),
            "Memo": rw(text(4000)),
            "POEmail": rw(fields.email()),
            "EmailStatus": rw(choice("NotSet", "NeedToSend", "EmailSent")),
            "VendorAddr": rw(fields.address),
            "ShipAddr": rw(fields.address),
            "CustomField": rw(CUSTOM_FIELDS),
            "LinkedTxn": rw(fields.linked),
        },
        _DERIVED + "DeliveryInfo TemplateRef",
    ),
)

PURCHASES = (BILL, VENDOR_CREDIT, BILL_PAYMENT, PURCHASE, PURCHASE_ORDER)
