"""Making tax codes with their rates, and tax agencies (entities.md 3.9, D:taxservice)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.fields import array, choice, decimal, struct, text
from syncd.sandbox.rules.base import Rules
from syncd.sandbox.switches import Switches
from syncd.sandbox.unit import Unit
from syncd.sandbox.wire import HUNDRED, Json, encode

_DETAILS = array(
    struct(
        {
            "TaxRateId": text(30),
            "TaxRateName": text(10, 1),
            "RateValue": decimal(3, 10),
            "TaxAgencyId": text(30),
            "TaxApplicableOn": choice("Sales", "Purchase", "Adjustment", "Other"),
        }
    )
)
_NAME = text(100, 1)
_KNOWN = frozenset({"TaxCode", "TaxCodeId", "TaxRateDetails", "Id", "domain", "sparse", "SyncToken"})


class TaxAgencyRules:
    """TaxAgency: create and read only."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        if "DisplayName" not in new:
            raise faults.missing("DisplayName")
        new["DisplayName"] = new["DisplayName"].strip()
        if _taken(ctx, "TaxAgency", "DisplayName", new["DisplayName"]):
            raise faults.duplicate_name("tax agency")
        new.setdefault("TaxTrackedOnSales", True)
        new.setdefault("TaxTrackedOnPurchases", False)
        new["TaxAgencyConfig"] = "USER_DEFINED"
        return new


def create(book: Book, switches: Switches, body: Any) -> bytes:
    """``POST /taxservice/taxcode``: the whole answer, which has no envelope; FaultError and nothing has changed."""
    if not isinstance(body, dict):
        raise faults.unknown_property("TaxService")
    if book.settings.subscription not in ("PAID", "TRIAL"):
        raise faults.lapsed()
    counters = dict(book.counters)
    try:
        return encode(_create(Context(Unit(book), switches), body))
    except faults.FaultError:
        book.counters = counters
        raise


def _create(ctx: Context, body: Json) -> Json:
    for member in body.keys() - _KNOWN:
        raise faults.unknown_property(member)
    if body.get("TaxCodeId"):
        raise faults.unsupported("update")
    name = _NAME("TaxCode", body.get("TaxCode") or "")
    if name is None:
        raise faults.missing("TaxCode")
    if _taken(ctx, "TaxCode", "Name", name):
        raise faults.duplicate_name("tax code")
    details = _DETAILS("TaxRateDetails", body.get("TaxRateDetails") or [])
    if not details:
        raise faults.missing("TaxRateDetails")
    sides: dict[str, list[Json]] = {"Sales": [], "Purchase": []}
    answer = [_rate(ctx, detail, sides) for detail in details]
    code_id = ctx.book.next_id("taxcode")
    code: Json = {"Name": name, "Description": name, "Active": True, "Taxable": True, "TaxGroup": True}
    for side, rows in sides.items():
        code[f"{side}TaxRateList"] = {"TaxRateDetail": rows}
    ctx.unit.put("TaxCode", code_id, {**code, "TaxCodeConfigType": "USER_DEFINED"}, "create")
    ctx.unit.commit()
    return {"TaxCode": name, "TaxCodeId": code_id, "TaxRateDetails": answer}


def _rate(ctx: Context, detail: Json, sides: dict[str, list[Json]]) -> Json:
    """One rate of the code, known or new; ``sides`` takes it as the code lists it."""
    side = detail.get("TaxApplicableOn", "Sales")
    if side not in sides:
        raise faults.bad_enum("TaxApplicableOn", side)
    if "TaxRateId" in detail:
        found = ctx.resolve("TaxRate", {"value": detail["TaxRateId"]}, "TaxRateId")
        rate_id, name = detail["TaxRateId"], (found or {})["Name"]
        answer: Json = {"TaxRateId": rate_id, "TaxApplicableOn": side}
    else:
        rate_id, name = _new_rate(ctx, detail)
        answer = {**detail, "TaxRateId": rate_id, "TaxApplicableOn": side}
    ref = {"value": rate_id, "name": name}
    sides[side].append({"TaxRateRef": ref, "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": 0})
    return answer


def _new_rate(ctx: Context, detail: Json) -> tuple[str, str]:
    for member in ("TaxRateName", "RateValue", "TaxAgencyId"):
        if member not in detail:
            raise faults.missing(member)
    name, value = detail["TaxRateName"], Decimal(detail["RateValue"])
    if not 0 <= value <= HUNDRED:
        raise faults.out_of_range("RateValue", str(value))
    ctx.resolve("TaxAgency", {"value": detail["TaxAgencyId"]}, "TaxAgencyId")
    if _taken(ctx, "TaxRate", "Name", name):
        raise faults.duplicate_name("tax rate")
    rate_id = ctx.book.next_id("taxrate")
    body = {
        "Name": name,
        "Description": name,
        "Active": True,
        "RateValue": value,
        "AgencyRef": {"value": detail["TaxAgencyId"]},
        "SpecialTaxType": "NONE" if value else "ZERO_RATE",
        "DisplayType": "ReadOnly",
    }
    ctx.unit.put("TaxRate", rate_id, body, "create")
    return rate_id, name


def _taken(ctx: Context, entity: str, member: str, name: str) -> bool:
    """Is the name stored, or about to be by this very request?"""
    if any(True for _ in ctx.book.tables[entity].lookup(member, name)):
        return True
    return any(str(body.get(member, "")).casefold() == name.casefold() for body in ctx.unit.staged(entity))


RULES: dict[str, Rules] = {"TaxAgency": TaxAgencyRules()}
