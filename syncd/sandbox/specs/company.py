"""The records of which a company has one: CompanyInfo and Preferences (entities.md 2)."""

from __future__ import annotations

from syncd.sandbox import fields
from syncd.sandbox.fields import text
from syncd.sandbox.specs.base import META, Spec, members, rw

COMPANY_INFO = Spec(
    name="CompanyInfo",
    family="company",
    is_list=False,
    operations=frozenset({"update"}),
    queryable=META | frozenset({"CompanyName", "Country"}),
    in_cdc=False,
    members=members(
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
    members=members({}),
)

COMPANY = (COMPANY_INFO, PREFERENCES)
