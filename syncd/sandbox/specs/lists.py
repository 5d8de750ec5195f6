"""The name lists: Customer, Item, Account, PaymentMethod, Term (entities.md 3)."""

from __future__ import annotations

from syncd.sandbox import fields
from syncd.sandbox.fields import boolean, choice, day, decimal, text
from syncd.sandbox.specs.base import META, NAME_MARKS, REF, Spec, members, once, rw, words

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
    members=members(
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
    members=members(
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
    indexed=("Name", "FullyQualifiedName", "AccountType", "AccountSubType", "ParentRef"),
    queryable=META
    | words(
        "Name FullyQualifiedName Active Classification AccountType AccountSubType AcctNum CurrentBalance "
        "SubAccount ParentRef Description"
    ),
    members=members({}),
)

PAYMENT_METHOD = Spec(
    name="PaymentMethod",
    family="paymentmethod",
    name_field="Name",
    indexed=("Name",),
    queryable=META | frozenset({"Name", "Type", "Active"}),
    members=members(
        {"Name": rw(text(31, 1)), "Type": rw(choice("CREDIT_CARD", "NON_CREDIT_CARD")), "Active": rw(boolean)}
    ),
)

TERM = Spec(
    name="Term",
    family="term",
    name_field="Name",
    indexed=("Name",),
    queryable=META | frozenset({"Name", "Type", "Active", "DueDays"}),
    members=members(
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

LISTS = (CUSTOMER, ITEM, ACCOUNT, PAYMENT_METHOD, TERM)
