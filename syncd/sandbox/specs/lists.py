"""The other lists: Item, Account, PaymentMethod, Term, Class, Department, CustomerType, currencies (entities.md 3)."""

from __future__ import annotations

from syncd.sandbox import fields
from syncd.sandbox.fields import Field, boolean, choice, day, decimal, text
from syncd.sandbox.specs.base import META, NAME_MARKS, REF, RO, Spec, members, once, rw, words
from syncd.sandbox.specs.names import NAMES

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
            "Type": rw(choice("Service", "NonInventory", "Inventory", "Group", "Category", "Bundle")),
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
            "ItemCategoryType": rw(choice("Product", "Service")),
            "ServiceType": rw(choice("ADVT", "EXPORT", "GOODS", "SERVICE")),
        },
        "FullyQualifiedName Level ItemGroupDetail PrintGroupedItems AbatementRate ReverseChargeRate UQCDisplayText "
        "UQCId Source TaxClassificationCode",
    ),
)

ACCOUNT = Spec(
    name="Account",
    family="account",
    name_field="Name",
    indexed=("Name", "FullyQualifiedName", "AccountType", "AccountSubType", "ParentRef", "AcctNum"),
    queryable=META
    | words(
        "Name FullyQualifiedName Active Classification AccountType AccountSubType AcctNum CurrentBalance "
        "SubAccount ParentRef Description"
    ),
    members=members(
        {
            "Name": rw(text(100, 1, f'"{NAME_MARKS}')),
            "AccountType": rw(text(100)),
            "AccountSubType": rw(text(100)),
            "AcctNum": rw(text(20, 0, ":")),
            "Description": rw(text(100)),
            "ParentRef": REF,
            "CurrencyRef": once(fields.reference),
            "TaxCodeRef": REF,
            "TxnLocationType": rw(text(50)),
            "AccountAlias": rw(text(50)),
            "Active": rw(boolean),
        },
        "FullyQualifiedName SubAccount Classification CurrentBalance CurrentBalanceWithSubAccounts Source",
    ),
)


def _tree(name: str, child: str, readonly: str = "", extra: dict[str, Field] | None = None) -> Spec:
    """Class and Department differ in the name of one member (entities.md 3.7)."""
    return Spec(
        name=name,
        family=name.lower(),
        name_field="Name",
        indexed=("Name", "FullyQualifiedName", "ParentRef"),
        queryable=META | words(f"Name FullyQualifiedName Active {child} ParentRef"),
        total_count=name == "Class",
        members=members(
            {"Name": rw(text(100, 1, NAME_MARKS)), "ParentRef": REF, "Active": rw(boolean), **(extra or {})},
            f"FullyQualifiedName {child} {readonly}",
        ),
    )


CLASS = _tree("Class", "SubClass")
DEPARTMENT = _tree("Department", "SubDepartment", "FilterLevel", {"Address": rw(fields.address)})

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

CUSTOMER_TYPE = Spec(
    name="CustomerType",
    family="customertype",
    name_field="Name",
    operations=frozenset(),
    indexed=("Name",),
    queryable=META | frozenset({"Name", "Active"}),
    members=members({"Name": RO, "Active": RO}),
)

COMPANY_CURRENCY = Spec(
    name="CompanyCurrency",
    family="companycurrency",
    name_field="Name",
    indexed=("Code",),
    queryable=META | frozenset({"Code", "Name", "Active"}),
    members=members({"Code": rw(text(3, 3)), "Active": rw(boolean), "CustomField": RO}, "Name"),
)

LISTS = (*NAMES, ITEM, ACCOUNT, CLASS, DEPARTMENT, PAYMENT_METHOD, TERM, CUSTOMER_TYPE, COMPANY_CURRENCY)
