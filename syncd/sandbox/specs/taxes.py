"""Tax codes and rates (entities.md 3.9)."""

from __future__ import annotations

from syncd.sandbox.specs.base import META, Spec, members

TAX_CODE = Spec(
    name="TaxCode",
    family="taxcode",
    name_field="Name",
    operations=frozenset(),
    indexed=("Name",),
    queryable=META | frozenset({"Name", "Active", "Taxable", "TaxGroup", "Description"}),
    total_count=True,
    in_cdc=False,
    members=members({}),
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
    members=members({}),
)

TAXES = (TAX_CODE, TAX_RATE)
