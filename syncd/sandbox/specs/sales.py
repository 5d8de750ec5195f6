"""The sales forms and their lines (entities.md 4)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from syncd.sandbox import fields
from syncd.sandbox.faults import FaultError
from syncd.sandbox.fields import anything, array, boolean, cash, choice, day, decimal, text
from syncd.sandbox.specs.base import META, REF, Spec, members, rw, words
from syncd.sandbox.wire import Json

OPEN_DEBT = "open debts"
OPEN_CREDIT = "open credits"
"""What is open on a customer, as ``Book.holders(OPEN_CREDIT, customer, "CreditMemo")`` finds it without a scan."""

_SALES_ITEM = fields.struct(
    {
        **dict.fromkeys(
            ("ItemRef", "TaxCodeRef", "ClassRef", "ItemAccountRef", "TaxClassificationRef", "PriceLevelRef"),
            fields.reference,
        ),
        "Qty": decimal(11, 7),
        "UnitPrice": decimal(11, 7),
        "ServiceDate": day,
        "DiscountRate": decimal(),
        "DiscountAmt": cash,
        "TaxInclusiveAmt": cash,
        "MarkupInfo": anything,
        "RatePercent": decimal(),
        "DeferredRevenue": boolean,
    },
    lambda _, clean: clean,
)
_DISCOUNT = fields.struct(
    {
        "PercentBased": boolean,
        "DiscountPercent": decimal(3, 7),
        **dict.fromkeys(("DiscountAccountRef", "ClassRef", "TaxCodeRef", "DiscountRef"), fields.reference),
        "Discount": anything,
        "ServiceDate": day,
    },
    lambda _, clean: clean,
)
_DESCRIPTION = fields.struct(
    {"TaxCodeRef": fields.reference, "ServiceDate": day, "Discount": anything}, lambda _, clean: clean
)


def _copy_email(name: str, value: Any) -> Any:
    """BillEmailCc and BillEmailBcc: an address that is none is silently not used (entities.md 4.2)."""
    try:
        return fields.email(200)(name, value)
    except FaultError as refusal:
        if refusal.errors[0].code != "2210":
            raise
        return None


def open_on(body: Json, member: str, key: str) -> Iterable[tuple[str, str]]:
    """The link that keeps a transaction findable by its customer while something is open on it."""
    if Decimal(body.get(member, 0)) > 0 and "CustomerRef" in body:
        yield key, str(body["CustomerRef"]["value"])


def _invoice_links(body: Json) -> Iterable[tuple[str, str]]:
    for link in body.get("LinkedTxn", []):
        if link.get("TxnType") == "Estimate":
            yield "Estimate", str(link.get("TxnId"))
    yield from open_on(body, "Balance", OPEN_DEBT)


LINE_TYPES = (
    "SalesItemLineDetail",
    "DescriptionOnly",
    "DiscountLineDetail",
    "SubTotalLineDetail",
    "GroupLineDetail",
)

_LINE_COMMON: dict[str, fields.Kind] = {
    "Id": text(20),
    "LineNum": fields.integer(0, 1_000_000),
    "Description": text(4000),
    "Amount": cash,
    "DetailType": choice(*LINE_TYPES),
    "LinkedTxn": fields.linked,
    "CustomField": anything,
    "SalesItemLineDetail": _SALES_ITEM,
    "DiscountLineDetail": _DISCOUNT,
    "DescriptionLineDetail": _DESCRIPTION,
    "SubTotalLineDetail": anything,
    "LineEx": anything,
}
_GROUP = fields.struct(
    {
        "GroupItemRef": fields.reference,
        "Quantity": decimal(),
        "Line": array(fields.struct(_LINE_COMMON)),
        "ServiceDate": day,
    }
)
_LINE = fields.struct({**_LINE_COMMON, "GroupLineDetail": _GROUP})

TAX_DETAIL = fields.struct(
    {
        "TxnTaxCodeRef": fields.reference,
        "TotalTax": cash,
        "TaxLine": array(
            fields.struct(
                {
                    "Id": text(20),
                    "LineNum": fields.integer(0, 1_000_000),
                    "Amount": cash,
                    "Description": text(4000),
                    "DetailType": choice("TaxLineDetail"),
                    "TaxLineDetail": fields.struct(
                        {
                            "TaxRateRef": fields.reference,
                            "PercentBased": boolean,
                            "TaxPercent": decimal(),
                            "NetAmountTaxable": cash,
                            "TaxInclusiveAmount": cash,
                            "OverrideDeltaAmount": cash,
                            "ServiceDate": day,
                        }
                    ),
                }
            )
        ),
    }
)
CUSTOM_FIELDS = array(
    fields.struct(
        {
            "DefinitionId": text(10),
            "Name": text(100),
            "Type": text(30),
            "StringValue": text(31),
            "BooleanValue": boolean,
            "DateValue": day,
            "NumberValue": decimal(),
        }
    )
)

_READ_ONLY = (
    "TotalAmt HomeTotalAmt HomeBalance DeliveryInfo RecurDataRef TaxExemptionRef FreeFormAddress TxnSource "
    "AutoDocNumber DiscountAmt DiscountRate CashBack ARAccountRef TemplateRef SalesRepRef DepartmentName RemitToRef"
)
_FORM: dict[str, fields.Field] = {
    **dict.fromkeys(("CustomerRef", "CurrencyRef", "ClassRef", "DepartmentRef", "ProjectRef", "ShipMethodRef"), REF),
    "Line": rw(array(_LINE)),
    "DocNumber": rw(text(21)),
    "TxnDate": rw(day),
    "ShipDate": rw(day),
    "ExchangeRate": rw(decimal(11, 12)),
    "PrivateNote": rw(text(4000)),
    "CustomerMemo": rw(fields.memo),
    "BillEmail": rw(fields.email()),
    "BillEmailCc": rw(_copy_email),
    "BillEmailBcc": rw(_copy_email),
    "BillAddr": rw(fields.address),
    "ShipAddr": rw(fields.address),
    "ShipFromAddr": rw(fields.address),
    "CustomField": rw(CUSTOM_FIELDS),
    "TrackingNum": rw(text(31)),
    "PONumber": rw(text(15)),
    "TxnTaxDetail": rw(TAX_DETAIL),
    "GlobalTaxCalculation": rw(choice("TaxExcluded", "TaxInclusive", "NotApplicable")),
    "ApplyTaxAfterDiscount": rw(boolean),
    "EmailStatus": rw(choice("NotSet", "NeedToSend", "EmailSent")),
    "PrintStatus": rw(choice("NotSet", "NeedToPrint", "PrintComplete")),
    "TransactionLocationType": rw(text(50)),
}
_DUE: dict[str, fields.Field] = {"SalesTermRef": REF, "DueDate": rw(day)}
_CASH: dict[str, fields.Field] = {
    "DepositToAccountRef": REF,
    "PaymentMethodRef": REF,
    "PaymentType": rw(choice("Cash", "Check", "CreditCard", "Other")),
    "CheckPayment": rw(anything),
    "CreditCardPayment": rw(anything),
}
_QUERYABLE = META | words("DocNumber TxnDate CustomerRef TotalAmt ShipDate CurrencyRef EmailStatus PrintStatus")
_KNOWN_ONLY = words("PrivateNote DepartmentRef ClassRef CustomerMemo TrackingNum")
_INDEXED = ("DocNumber", "CustomerRef")

INVOICE = Spec(
    name="Invoice",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete", "void"}),
    indexed=_INDEXED,
    queryable=_QUERYABLE | words("DueDate Balance SalesTermRef"),
    known_only=_KNOWN_ONLY | {"Deposit"},
    total_count=True,
    links=_invoice_links,
    numbers="document",
    members=members(
        {
            **_FORM,
            **_DUE,
            "DepositToAccountRef": REF,
            "Deposit": rw(cash),
            "AllowOnlineCreditCardPayment": rw(boolean),
            "AllowOnlineACHPayment": rw(boolean),
            "LinkedTxn": rw(fields.linked),
        },
        f"{_READ_ONLY} Balance AllowOnlinePayment AllowIPNPayment InvoiceLink EInvoiceStatus ECloudStatusTimeStamp "
        "PaymentMethodRef FinanceCharge TxnStatus",
    ),
)

ESTIMATE = Spec(
    name="Estimate",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete"}),
    indexed=_INDEXED,
    queryable=_QUERYABLE | words("TxnStatus ExpirationDate AcceptedDate AcceptedBy DueDate SalesTermRef"),
    known_only=_KNOWN_ONLY,
    numbers="estimate",
    members=members(
        {
            **_FORM,
            **_DUE,
            "TxnStatus": rw(choice("Pending", "Accepted", "Closed", "Rejected", "Converted")),
            "AcceptedBy": rw(text(100)),
            "AcceptedDate": rw(day),
            "ExpirationDate": rw(day),
        },
        f"{_READ_ONLY} Balance LinkedTxn",
    ),
)

CREDIT_MEMO = Spec(
    name="CreditMemo",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete", "void"}),
    indexed=_INDEXED,
    queryable=_QUERYABLE | words("Balance RemainingCredit SalesTermRef"),
    known_only=_KNOWN_ONLY,
    links=lambda body: open_on(body, "RemainingCredit", OPEN_CREDIT),
    numbers="document",
    members=members(
        {**_FORM, "SalesTermRef": REF, "InvoiceRef": REF},
        f"{_READ_ONLY} Balance RemainingCredit PaymentMethodRef LinkedTxn DueDate PaymentRefNum",
    ),
)

SALES_RECEIPT = Spec(
    name="SalesReceipt",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete", "void"}),
    indexed=_INDEXED,
    queryable=_QUERYABLE | words("Balance PaymentRefNum PaymentMethodRef DepositToAccountRef"),
    known_only=_KNOWN_ONLY,
    numbers="document",
    members=members(
        {**_FORM, **_CASH, "PaymentRefNum": rw(text(21))}, f"{_READ_ONLY} Balance LinkedTxn DueDate SalesTermRef"
    ),
)

REFUND_RECEIPT = Spec(
    name="RefundReceipt",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete", "void"}),
    indexed=_INDEXED,
    queryable=_QUERYABLE | words("Balance PaymentRefNum PaymentMethodRef DepositToAccountRef"),
    known_only=_KNOWN_ONLY,
    total_count=True,
    numbers="document",
    members=members(
        {**_FORM, **_CASH, "PaymentRefNum": rw(text(100))}, f"{_READ_ONLY} Balance LinkedTxn DueDate SalesTermRef"
    ),
)

SALES = (INVOICE, ESTIMATE, CREDIT_MEMO, SALES_RECEIPT, REFUND_RECEIPT)
