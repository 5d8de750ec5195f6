"""The sales forms and their lines (entities.md 4)."""

from __future__ import annotations

from syncd.sandbox import fields
from syncd.sandbox.fields import anything, array, boolean, cash, choice, day, decimal, text
from syncd.sandbox.specs.base import META, REF, Spec, members, rw, words

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

INVOICE = Spec(
    name="Invoice",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete", "void"}),
    indexed=("DocNumber", "CustomerRef"),
    queryable=META
    | words(
        "DocNumber TxnDate DueDate CustomerRef Balance TotalAmt SalesTermRef ShipDate CurrencyRef EmailStatus "
        "PrintStatus"
    ),
    known_only=frozenset({"PrivateNote", "DepartmentRef", "ClassRef", "Deposit", "CustomerMemo", "TrackingNum"}),
    total_count=True,
    members=members(
        {
            **dict.fromkeys(
                (
                    "CustomerRef",
                    "SalesTermRef",
                    "CurrencyRef",
                    "ClassRef",
                    "DepartmentRef",
                    "ProjectRef",
                    "ShipMethodRef",
                    "DepositToAccountRef",
                ),
                REF,
            ),
            "Line": rw(array(_LINE)),
            "DocNumber": rw(text(21)),
            "TxnDate": rw(day),
            "DueDate": rw(day),
            "ShipDate": rw(day),
            "ExchangeRate": rw(decimal(11, 12)),
            "PrivateNote": rw(text(4000)),
            "CustomerMemo": rw(fields.memo),
            "BillEmail": rw(fields.email()),
            "BillEmailCc": rw(fields.email(200)),
            "BillEmailBcc": rw(fields.email(200)),
            "BillAddr": rw(fields.address),
            "ShipAddr": rw(fields.address),
            "ShipFromAddr": rw(fields.address),
            "CustomField": rw(CUSTOM_FIELDS),
            "TrackingNum": rw(text(31)),
            "PONumber": rw(text(15)),
            "TxnTaxDetail": rw(TAX_DETAIL),
            "GlobalTaxCalculation": rw(choice("TaxExcluded", "TaxInclusive", "NotApplicable")),
            "ApplyTaxAfterDiscount": rw(boolean),
            "Deposit": rw(cash),
            "AllowOnlineCreditCardPayment": rw(boolean),
            "AllowOnlineACHPayment": rw(boolean),
            "EmailStatus": rw(choice("NotSet", "NeedToSend", "EmailSent")),
            "PrintStatus": rw(choice("NotSet", "NeedToPrint", "PrintComplete")),
            "LinkedTxn": rw(fields.linked),
            "TransactionLocationType": rw(text(50)),
        },
        "AllowOnlinePayment AllowIPNPayment TotalAmt Balance HomeTotalAmt HomeBalance DeliveryInfo InvoiceLink "
        "EInvoiceStatus ECloudStatusTimeStamp RecurDataRef TaxExemptionRef FreeFormAddress TxnSource "
        "DiscountAmt DiscountRate CashBack ARAccountRef TemplateRef SalesRepRef PaymentMethodRef "
        "DepartmentName RemitToRef FinanceCharge TxnStatus",
    ),
)

SALES = (INVOICE,)
