"""The entities as tables: members, who may write them, lengths, what queries may use (entities.md 2 to 5).

An entity that is not here but exists in QBO is listed in ``NOT_SERVED``: it reads as an empty list and takes no writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncd.sandbox import fields
from syncd.sandbox.fields import Field, anything, array, boolean, cash, choice, day, decimal, text

NAME_MARKS = ":\t\n"


@dataclass(frozen=True)
class Spec:
    """What the machinery needs to know about one entity."""

    name: str
    members: Mapping[str, Field]
    family: str  # which Id counter it draws from (entities.md 1.1)
    is_list: bool = True  # a name list: deactivated, never deleted; hidden from queries when inactive
    name_field: str = ""
    operations: frozenset[str] = frozenset({"create", "update"})
    indexed: tuple[str, ...] = ()
    queryable: frozenset[str] = frozenset()
    known_only: frozenset[str] = frozenset()  # exists but may not be queried (protocol.md 4.3)
    total_count: bool = False  # do query answers carry totalCount (protocol.md 4.5)
    in_cdc: bool = True
    sparse: bool = True
    system: Mapping[str, object] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The segment of the address."""
        return self.name.lower()


def rw(kind: fields.Kind) -> Field:
    """Optional and writable."""
    return Field(kind)


def once(kind: fields.Kind) -> Field:
    """Writable on create only."""
    return Field(kind, once=True)


RO = Field(anything, writable=False)
REF = rw(fields.reference)


def words(text: str) -> frozenset[str]:
    """Names written as one text."""
    return frozenset(text.split())


SYSTEM = dict.fromkeys(
    ("Id", "SyncToken", "MetaData", "domain", "sparse", "status", "CustomField", "AttachableRef"), RO
)
META = frozenset({"Id", "MetaData.CreateTime", "MetaData.LastUpdatedTime"})


def _members(rows: Mapping[str, Field], readonly: str = "") -> dict[str, Field]:
    return {**SYSTEM, **dict.fromkeys(readonly.split(), RO), **rows}


CUSTOMER = Spec(
    name="Customer",
    family="name",
    name_field="DisplayName",
    indexed=("DisplayName", "ParentRef"),
    queryable=META
    | words(
        "DisplayName GivenName MiddleName FamilyName Title Suffix CompanyName PrintOnCheckName Active Balance "
        "FullyQualifiedName PrimaryEmailAddr Taxable Job ParentRef BillWithParent"
    ),
    known_only=frozenset({"CustomerTypeRef", "Notes", "SalesTermRef", "PreferredDeliveryMethod"}),
    members=_members(
        {
            "DisplayName": rw(text(500, 1, NAME_MARKS)),
            "Title": rw(text(16, 0, NAME_MARKS)),
            "Suffix": rw(text(16, 0, NAME_MARKS)),
            **dict.fromkeys(("GivenName", "MiddleName", "FamilyName"), rw(text(100, 0, NAME_MARKS))),
            "CompanyName": rw(text(100)),
            "PrintOnCheckName": rw(text(110, 0, NAME_MARKS)),
            **dict.fromkeys(("Job", "BillWithParent", "Active", "Taxable"), rw(boolean)),
            **dict.fromkeys(
                ("ParentRef", "DefaultTaxCodeRef", "SalesTermRef", "PaymentMethodRef", "CustomerTypeRef"), REF
            ),
            "PrimaryEmailAddr": rw(fields.email()),
            **dict.fromkeys(("PrimaryPhone", "AlternatePhone", "Mobile", "Fax"), rw(fields.phone)),
            "WebAddr": rw(fields.web),
            "BillAddr": rw(fields.address),
            "ShipAddr": rw(fields.address),
            "Notes": rw(text(2000)),
            "TaxExemptionReasonId": rw(text(10)),
            "ResaleNum": rw(text(16)),
            "PrimaryTaxIdentifier": rw(text(30)),
            "SecondaryTaxIdentifier": rw(text(30)),
            "PreferredDeliveryMethod": rw(choice("Print", "Email", "None")),
            "CurrencyRef": once(fields.reference),
        },
        "FullyQualifiedName Level IsProject Balance BalanceWithJobs OpenBalanceDate V4IDPseudonym ClientEntityId "
        "ARAccountRef GSTIN GSTRegistrationType Organization AcctNum OtherAddr ContactName AltContactName "
        "InvoiceLayoutRef Source",
    ),
)

ITEM = Spec(
    name="Item",
    family="item",
    name_field="Name",
    indexed=("Name", "FullyQualifiedName", "ParentRef"),
    queryable=META | words("Name Type Active FullyQualifiedName UnitPrice Sku Description SubItem ParentRef Taxable"),
    known_only=frozenset({"IncomeAccountRef", "ExpenseAccountRef", "PurchaseDesc"}),
    members=_members(
        {
            "Name": rw(text(100, 1, NAME_MARKS)),
            "Type": rw(choice("Service", "NonInventory", "Inventory", "Group", "Category")),
            **dict.fromkeys(
                (
                    "IncomeAccountRef",
                    "ExpenseAccountRef",
                    "AssetAccountRef",
                    "SalesTaxCodeRef",
                    "PurchaseTaxCodeRef",
                    "ParentRef",
                    "ClassRef",
                    "TaxClassificationRef",
                    "PrefVendorRef",
                ),
                REF,
            ),
            "QtyOnHand": rw(decimal()),
            "InvStartDate": rw(day),
            "UnitPrice": rw(decimal(11, 7)),
            "PurchaseCost": rw(decimal(11, 7)),
            "ReorderPoint": rw(decimal()),
            "Description": rw(text(4000)),
            "PurchaseDesc": rw(text(1000)),
            "Sku": rw(text(100)),
            **dict.fromkeys(
                ("TrackQtyOnHand", "Taxable", "SalesTaxIncluded", "PurchaseTaxIncluded", "SubItem", "Active"),
                rw(boolean),
            ),
        },
        "FullyQualifiedName Level ItemGroupDetail PrintGroupedItems AbatementRate ReverseChargeRate ServiceType "
        "ItemCategoryType UQCDisplayText UQCId Source TaxClassificationCode",
    ),
)

ACCOUNT = Spec(
    name="Account",
    family="account",
    name_field="Name",
    operations=frozenset(),
    indexed=("Name", "FullyQualifiedName"),
    queryable=META
    | words(
        "Name FullyQualifiedName Active Classification AccountType AccountSubType AcctNum CurrentBalance "
        "SubAccount ParentRef Description"
    ),
    members=_members({}),
)

PAYMENT_METHOD = Spec(
    name="PaymentMethod",
    family="paymentmethod",
    name_field="Name",
    indexed=("Name",),
    queryable=META | frozenset({"Name", "Type", "Active"}),
    members=_members(
        {"Name": rw(text(31, 1)), "Type": rw(choice("CREDIT_CARD", "NON_CREDIT_CARD")), "Active": rw(boolean)}
    ),
)

TERM = Spec(
    name="Term",
    family="term",
    name_field="Name",
    indexed=("Name",),
    queryable=META | frozenset({"Name", "Type", "Active", "DueDays"}),
    members=_members(
        {
            "Name": rw(text(31, 1)),
            "DueDays": rw(fields.integer(0, 999)),
            "DiscountDays": rw(fields.integer(0, 999)),
            "DiscountPercent": rw(decimal(3, 4)),
            "DayOfMonthDue": rw(fields.integer(1, 31)),
            "DueNextMonthDays": rw(fields.integer(0, 999)),
            "DiscountDayOfMonth": rw(fields.integer(0, 31)),
            "Active": rw(boolean),
        },
        "Type",
    ),
)

TAX_CODE = Spec(
    name="TaxCode",
    family="taxcode",
    name_field="Name",
    operations=frozenset(),
    indexed=("Name",),
    queryable=META | frozenset({"Name", "Active", "Taxable", "TaxGroup", "Description"}),
    total_count=True,
    in_cdc=False,
    members=_members({}),
)

TAX_RATE = Spec(
    name="TaxRate",
    family="taxrate",
    name_field="Name",
    operations=frozenset(),
    indexed=("Name",),
    queryable=META | frozenset({"Name", "Active", "RateValue", "AgencyRef", "Description"}),
    total_count=True,
    in_cdc=False,
    members=_members({}),
)

COMPANY_INFO = Spec(
    name="CompanyInfo",
    family="company",
    is_list=False,
    operations=frozenset({"update"}),
    queryable=META | frozenset({"CompanyName", "Country"}),
    in_cdc=False,
    members=_members(
        {
            "CompanyName": rw(text(1024, 1)),
            "LegalName": rw(text(1024)),
            **dict.fromkeys(("CompanyAddr", "LegalAddr", "CustomerCommunicationAddr"), rw(fields.address)),
            "Email": rw(fields.email()),
            "CustomerCommunicationEmailAddr": rw(fields.email()),
            "WebAddr": rw(fields.web),
            "PrimaryPhone": rw(fields.phone),
            "FiscalYearStartMonth": rw(text(20)),
            "SupportedLanguages": rw(text(100)),
        },
        "Country CompanyStartDate DefaultTimeZone NameValue EmployerId",
    ),
)

PREFERENCES = Spec(
    name="Preferences",
    family="preferences",
    is_list=False,
    operations=frozenset(),
    queryable=META,
    in_cdc=False,
    members=_members({}),
)

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
    members=_members(
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

PAYMENT = Spec(
    name="Payment",
    family="txn",
    is_list=False,
    sparse=False,
    operations=frozenset({"create", "update", "delete", "void"}),
    indexed=("CustomerRef", "PaymentRefNum"),
    queryable=META | words("TxnDate CustomerRef TotalAmt UnappliedAmt PaymentRefNum CurrencyRef PaymentMethodRef"),
    known_only=frozenset({"PrivateNote", "DepositToAccountRef"}),
    members=_members(
        {
            **dict.fromkeys(
                (
                    "CustomerRef",
                    "DepositToAccountRef",
                    "ARAccountRef",
                    "PaymentMethodRef",
                    "CurrencyRef",
                    "ProjectRef",
                ),
                REF,
            ),
            "TotalAmt": rw(cash),
            "Line": rw(
                array(
                    fields.struct(
                        {
                            "Amount": cash,
                            "LinkedTxn": fields.linked,
                            "LineEx": anything,
                            "Id": text(20),
                            "LineNum": fields.integer(0, 1_000_000),
                            "Description": text(4000),
                        }
                    )
                )
            ),
            "TxnDate": rw(day),
            "PaymentRefNum": rw(text(21)),
            "PrivateNote": rw(text(4000)),
            "ExchangeRate": rw(decimal(11, 12)),
            "TransactionLocationType": rw(text(50)),
        },
        "UnappliedAmt ProcessPayment CreditCardPayment TxnSource TaxExemptionRef HomeTotalAmt TxnStatus LinkedTxn "
        "DepartmentRef",
    ),
)

SPECS: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        CUSTOMER,
        ITEM,
        ACCOUNT,
        PAYMENT_METHOD,
        TERM,
        TAX_CODE,
        TAX_RATE,
        COMPANY_INFO,
        PREFERENCES,
        INVOICE,
        PAYMENT,
    )
}

# QBO has these; the sandbox does not serve them yet.
NOT_SERVED = words(
    "Attachable Bill BillPayment Budget Class CompanyCurrency CreditCardPayment CreditMemo CustomerType Department "
    "Deposit Employee Estimate ExchangeRate JournalCode JournalEntry Purchase PurchaseOrder RecurringTransaction "
    "RefundReceipt SalesReceipt TaxAgency TimeActivity Transfer Vendor VendorCredit"
)
NOT_IN_CDC = frozenset(
    {"TaxAgency", "TimeActivity", "JournalCode", "ExchangeRate"}
    | {spec.name for spec in SPECS.values() if not spec.in_cdc}
)

BY_PATH: dict[str, str] = {name.lower(): name for name in (*SPECS, *NOT_SERVED)}
