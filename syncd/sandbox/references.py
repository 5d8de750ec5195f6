"""Which records a record names: for seeds that must hang together, and for merges (entities.md 1.1, 9.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from syncd.sandbox.specs.base import TXN_TYPES
from syncd.sandbox.wire import Json

_TARGETS = {
    "CustomerRef": "Customer", "ProjectRef": "Customer", "ShipTo": "Customer",
    "VendorRef": "Vendor", "PrefVendorRef": "Vendor",
    "EmployeeRef": "Employee",
    "ItemRef": "Item", "GroupItemRef": "Item",
    "ClassRef": "Class", "DepartmentRef": "Department",
    "SalesTermRef": "Term", "TermRef": "Term", "DefaultTerms": "Term",
    "PaymentMethodRef": "PaymentMethod", "CustomerTypeRef": "CustomerType",
    "TaxCodeRef": "TaxCode", "TxnTaxCodeRef": "TaxCode", "DefaultTaxCodeRef": "TaxCode", "TaxGroupCodeRef": "TaxCode",
    "SalesTaxCodeRef": "TaxCode", "PurchaseTaxCodeRef": "TaxCode",
    "TaxRateRef": "TaxRate", "AgencyRef": "TaxAgency", "DefaultMarkupAccount": "Account",
}  # fmt: skip
_BUILT_IN = frozenset({"SHIPPING_ITEM_ID", "GRATUITY_ITEM_ID", "TAX", "NON"})


def references(entity: str, body: Json) -> Iterator[tuple[str, str, Json]]:
    """Entity and Id of everything a record names, with the reference itself (which may be changed in place)."""
    yield from _inside(entity, body)


def _inside(entity: str, value: Any) -> Iterator[tuple[str, str, Json]]:
    if isinstance(value, list):
        for item in value:
            yield from _inside(entity, item)
    if not isinstance(value, dict):
        return
    if "TxnId" in value and value.get("TxnType") in TXN_TYPES:
        yield TXN_TYPES[value["TxnType"]], str(value["TxnId"]), value
    for name, inner in value.items():
        if isinstance(inner, dict) and "value" in inner:
            target = _target(entity, name, inner)
            if target and str(inner["value"]) not in _BUILT_IN:
                yield target, str(inner["value"]), inner
        else:
            yield from _inside(entity, inner)


def _target(entity: str, name: str, ref: Json) -> str:
    if name == "ParentRef":
        return entity
    if name in ("EntityRef", "PayeeEntityRef"):
        return TXN_TYPES.get(str(ref.get("type")), str(ref.get("type", "")))
    if name.endswith("AccountRef"):
        return "Account"
    return _TARGETS.get(name, "")
