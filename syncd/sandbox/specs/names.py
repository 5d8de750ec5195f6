"""The lists that share one space of names: Customer, Vendor, Employee (entities.md 3.1 to 3.3)."""

from __future__ import annotations

from syncd.sandbox import fields
from syncd.sandbox.fields import anything, boolean, cash, choice, day, decimal, text
from syncd.sandbox.specs.base import META, NAME_MARKS, REF, Spec, members, once, rw, words

_PARTS = {
    "DisplayName": rw(text(500, 1, NAME_MARKS)),
    "Title": rw(text(16, 0, NAME_MARKS)),
    "Suffix": rw(text(16, 0, NAME_MARKS)),
    **dict.fromkeys(("GivenName", "MiddleName", "FamilyName"), rw(text(100, 0, NAME_MARKS))),
    "Active": rw(boolean),
}
_CONTACT = {
    "PrimaryEmailAddr": rw(fields.email()),
    **dict.fromkeys(("PrimaryPhone", "AlternatePhone", "Mobile", "Fax"), rw(fields.phone)),
    "WebAddr": rw(fields.web),
    "BillAddr": rw(fields.address),
}
_MONEY = {"CurrencyRef": once(fields.reference), "Balance": once(cash), "OpenBalanceDate": once(day)}

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
            **_PARTS,
            **_CONTACT,
            **_MONEY,
            "CompanyName": rw(text(100)),
            "PrintOnCheckName": rw(text(110, 0, NAME_MARKS)),
            **dict.fromkeys(("Job", "BillWithParent", "Taxable"), rw(boolean)),
            **dict.fromkeys(
                ("ParentRef", "DefaultTaxCodeRef", "SalesTermRef", "PaymentMethodRef", "CustomerTypeRef"), REF
            ),
            "ShipAddr": rw(fields.address),
            "Notes": rw(text(2000)),
            "TaxExemptionReasonId": rw(text(10)),
            "ResaleNum": rw(text(16)),
            "PrimaryTaxIdentifier": rw(text(30)),
            "SecondaryTaxIdentifier": rw(text(30)),
            "PreferredDeliveryMethod": rw(choice("Print", "Email", "None")),
        },
        "FullyQualifiedName Level IsProject BalanceWithJobs V4IDPseudonym ClientEntityId ARAccountRef GSTIN "
        "GSTRegistrationType Organization AcctNum OtherAddr ContactName AltContactName InvoiceLayoutRef Source "
        "source BusinessNumber",
    ),
)

VENDOR = Spec(
    name="Vendor",
    family="name",
    name_field="DisplayName",
    indexed=("DisplayName",),
    queryable=META
    | words(
        "DisplayName GivenName MiddleName FamilyName Title Suffix CompanyName PrintOnCheckName Active Balance "
        "PrimaryEmailAddr"
    ),
    known_only=frozenset({"AcctNum", "TermRef", "Vendor1099", "TaxIdentifier"}),
    members=members(
        {
            **_PARTS,
            **_CONTACT,
            **_MONEY,
            "CompanyName": rw(text(100)),
            "PrintOnCheckName": rw(text(100, 0, NAME_MARKS)),
            "AcctNum": rw(text(100)),
            "TermRef": REF,
            "APAccountRef": REF,
            "TaxIdentifier": rw(text(20)),
            **dict.fromkeys(("Vendor1099", "T4AEligible", "T5018Eligible", "HasTPAR"), rw(boolean)),
            "BillRate": rw(decimal()),
            "CostRate": rw(decimal()),
            **dict.fromkeys(("BusinessNumber", "GSTIN", "GSTRegistrationType", "TaxReportingBasis"), rw(text(50))),
            "OtherContactInfo": rw(anything),
            "VendorPaymentBankDetail": rw(anything),
        },
        "FullyQualifiedName V4IDPseudonym ClientEntityId Organization ShipAddr OtherAddr ContactName AltContactName "
        "Notes Source source",
    ),
)

EMPLOYEE = Spec(
    name="Employee",
    family="name",
    name_field="DisplayName",
    indexed=("DisplayName",),
    queryable=META | words("DisplayName GivenName MiddleName FamilyName Title Suffix PrintOnCheckName Active"),
    known_only=frozenset({"EmployeeNumber", "HiredDate", "BillableTime"}),
    members=members(
        {
            **_PARTS,
            "PrintOnCheckName": rw(text(110, 0, NAME_MARKS)),
            "PrimaryEmailAddr": rw(fields.email()),
            **dict.fromkeys(("PrimaryPhone", "Mobile"), rw(fields.phone)),
            "PrimaryAddr": rw(fields.address),
            "EmployeeNumber": rw(text(100)),
            "SSN": rw(text(100)),
            "Gender": rw(choice("Male", "Female")),
            **dict.fromkeys(("BirthDate", "HiredDate", "ReleasedDate"), rw(day)),
            "BillableTime": rw(boolean),
            "BillRate": rw(decimal()),
            "CostRate": rw(decimal()),
        },
        "V4IDPseudonym Organization WebAddr Fax AlternatePhone EmployeeType CompanyName",
    ),
)

NAMES = (CUSTOMER, VENDOR, EMPLOYEE)
