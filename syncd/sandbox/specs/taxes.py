"""Tax codes, rates and agencies (entities.md 3.9). Codes and rates are made through the tax service only."""

from __future__ import annotations

from syncd.sandbox.fields import boolean, text
from syncd.sandbox.specs.base import META, Spec, members, rw

TAX_CODE = Spec(
    name="TaxCode",
    family="taxcode",
    name_field="Name",
    operations=frozenset(),
    indexed=("Name",),
    queryable=META | frozenset({"Name", "Active", "Hidden", "Taxable", "TaxGroup", "Description"}),
    total_count=True,
    in_cdc=False,
    members=members(
        {},
        "Name Description Active Hidden Taxable TaxGroup SalesTaxRateList PurchaseTaxRateList AdjustmentTaxRateList "
        "TaxCodeConfigType",
    ),
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
    members=members(
        {},
        "Name Description Active RateValue AgencyRef SpecialTaxType EffectiveTaxRate DisplayType TaxReturnLineRef "
        "OriginalTaxRate",
    ),
)

TAX_AGENCY = Spec(
    name="TaxAgency",
    family="taxagency",
    name_field="DisplayName",
    operations=frozenset({"create"}),
    indexed=("DisplayName",),
    queryable=META | frozenset({"DisplayName", "TaxTrackedOnSales", "TaxTrackedOnPurchases", "TaxRegistrationNumber"}),
    total_count=True,
    in_cdc=False,
    members=members(
        {
            "DisplayName": rw(text(100, 1)),
            "TaxTrackedOnSales": rw(boolean),
            "TaxTrackedOnPurchases": rw(boolean),
            "TaxRegistrationNumber": rw(text(30)),
        },
        "TaxAgencyConfig LastFileDate Active",
    ),
)

TAXES = (TAX_CODE, TAX_RATE, TAX_AGENCY)
