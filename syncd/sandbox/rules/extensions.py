"""The form in which QBO adds values that have no member of their own (entities.md 1.1)."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.sandbox.wire import Json


def name_values(pairs: Iterable[tuple[str, str]]) -> Json:
    """LineEx and PurchaseEx (S:payment-read, S:purchase-recorded)."""
    return {"any": [_extension(name, value) for name, value in pairs]}


def _extension(name: str, value: str) -> Json:
    return {
        "name": "{http://schema.intuit.com/finance/v3}NameValue",
        "nil": False,
        "value": {"Name": name, "Value": value},
        "declaredType": "com.intuit.schema.finance.v3.NameValue",
        "scope": "javax.xml.bind.JAXBElement$GlobalScope",
        "globalScope": True,
        "typeSubstituted": False,
    }
