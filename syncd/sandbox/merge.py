"""Merging two list records into one, as an accountant can in the browser and no client can (entities.md 9.3)."""

from __future__ import annotations

import copy
from decimal import Decimal

from syncd.sandbox import settings
from syncd.sandbox.book import Book
from syncd.sandbox.context import Context
from syncd.sandbox.operations import EFFECTS
from syncd.sandbox.references import references
from syncd.sandbox.rules.account_types import SPECIAL
from syncd.sandbox.rules.base import value_of
from syncd.sandbox.rules.trees import rename_children, suffixed
from syncd.sandbox.switches import Switches
from syncd.sandbox.unit import Unit
from syncd.sandbox.wire import Json, amount, money

MERGEABLE = ("Customer", "Vendor", "Employee", "Account", "Item", "Class", "Department", "PaymentMethod", "Term")
_KEPT_ACCOUNTS = SPECIAL | {"AccountsReceivable", "AccountsPayable", "SalesTaxPayable"}
_BALANCES = ("Balance", "CurrentBalance")
_WITH_BELOW = {"Customer": "BalanceWithJobs", "Account": "CurrentBalanceWithSubAccounts"}


def merge(book: Book, switches: Switches, entity: str, loser: str, survivor: str) -> Json:
    """Make one record of two: what named the loser names the survivor, the loser goes; gives the survivor.

    The history gets ``merge`` on the survivor with both Ids, ``moved`` for whatever was moved (``update`` where the
    switch ``merge_bumps`` is on) and ``merged`` for the loser. ValueError says what stands against it. Looks through
    all records: nothing that a client can ask for.
    """
    gone, kept = _pair(book, entity, loser, survivor)
    _check(book, entity, gone, kept)
    name = str(kept[book.tables[entity].spec.name_field])
    unit = Unit(book, EFFECTS)
    _move(unit, entity, loser, survivor, name, "update" if switches.merge_bumps else "moved")
    unit.commit()
    unit = Unit(book, EFFECTS)
    ctx = Context(unit, switches)
    _carry_rest(ctx, entity, loser, survivor)
    _end(ctx, entity, loser)
    unit.commit()
    rest = book.find(entity, survivor)
    body = {} if rest is None else rest.body
    book.note(entity, survivor, "merge", {"Id": survivor, "deletedId": loser}, unit.at)
    prefs = book.find("Preferences", "1")
    if prefs is not None:
        book.settings = settings.read_settings(prefs.body, book.hidden)
    return body


def _pair(book: Book, entity: str, loser: str, survivor: str) -> tuple[Json, Json]:
    if entity not in MERGEABLE:
        raise ValueError(f"only {', '.join(MERGEABLE)} can be merged")
    if loser == survivor:
        raise ValueError("a record cannot be merged with itself")
    found = [book.find(entity, record_id) for record_id in (loser, survivor)]
    if found[0] is None or found[1] is None:
        raise ValueError(f"there is no {entity} {loser if found[0] is None else survivor}")
    return found[0].body, found[1].body


def _check(book: Book, entity: str, gone: Json, kept: Json) -> None:
    if kept.get("Active") is False:
        raise ValueError("the survivor is inactive")
    for member in ("CurrencyRef", "AccountType", "Type"):
        before, after = gone.get(member), kept.get(member)
        if isinstance(before, dict):
            before, after = before.get("value"), (after or {}).get("value")
        if entity != "Term" and before != after:
            raise ValueError(f"the two differ in {member}")
    if gone.get("AccountSubType") in _KEPT_ACCOUNTS:
        raise ValueError("this account cannot be merged away")
    above = value_of(kept, "ParentRef")
    while above:
        if above == gone["Id"]:
            raise ValueError("the survivor lies below the other")
        parent = book.find(entity, above)
        above = "" if parent is None else value_of(parent.body, "ParentRef")


def _move(unit: Unit, entity: str, loser: str, survivor: str, name: str, op: str) -> None:
    """Re-point every reference to the loser."""
    for kind, table in unit.book.tables.items():
        if kind in ("CompanyInfo", "ExchangeRate"):
            continue
        for record in list(table.rows(inactive=True)):
            if (kind, record.id) == (entity, loser) or loser.encode() not in record.raw:
                continue
            body = copy.deepcopy(record.body)
            refs = [ref for target, value, ref in references(kind, body) if (target, value) == (entity, loser)]
            for ref in refs:
                ref["value"] = survivor
                if "name" in ref:
                    ref["name"] = name
            if kind == "Preferences" and _in_preferences(body, entity, loser, survivor):
                refs.append({})
            if refs:
                unit.put(kind, record.id, body, op)


def _in_preferences(body: Json, entity: str, loser: str, survivor: str) -> bool:
    """Preferences name accounts and the default item by bare Ids."""
    found = False
    sales = body.get("SalesFormsPrefs", {})
    if entity == "Account" and sales.get("DefaultDiscountAccount") == loser:
        sales["DefaultDiscountAccount"] = survivor
        found = True
    for pair in body.get("OtherPrefs", {}).get("NameValue", []):
        about = "Item" if pair["Name"].endswith("DefaultItem") else "Account" if "AccountId" in pair["Name"] else ""
        if about == entity and pair.get("Value") == loser:
            pair["Value"] = survivor
            found = True
    return found


def _carry_rest(ctx: Context, entity: str, loser: str, survivor: str) -> None:
    """What no transaction explains (loaded balances), and what lies below, moves too; paths follow."""
    unit = ctx.unit
    gone, kept = unit.get(entity, loser) or {}, unit.get(entity, survivor) or {}
    below = _WITH_BELOW.get(entity)
    if below is not None:
        whole = amount(gone, below)
        _add_above(unit, entity, below, value_of(gone, "ParentRef"), -whole)
        _add_above(unit, entity, below, survivor, whole)
        kept = unit.get(entity, survivor) or {}
    for member in _BALANCES:
        if gone.get(member):
            kept[member] = money(amount(kept, member) + amount(gone, member))
            unit.put(entity, survivor, kept, "derived")
    if "FullyQualifiedName" in kept:
        rename_children(ctx, entity, survivor, kept, ctx.book.tables[entity].spec.name_field)


def _add_above(unit: Unit, entity: str, member: str, record_id: str, change: Decimal) -> None:
    while record_id and change:
        body = unit.get(entity, record_id)
        if body is None:
            return
        body[member] = money(amount(body, member) + change)
        unit.put(entity, record_id, body, "derived")
        record_id = value_of(body, "ParentRef")


def _end(ctx: Context, entity: str, loser: str) -> None:
    """Remove the loser, or leave it inactive and empty (switch ``merge_loser``)."""
    if ctx.switches.merge_loser == "gone":
        ctx.unit.delete(entity, loser, "merged")
        return
    body = ctx.unit.get(entity, loser) or {}
    field = ctx.book.tables[entity].spec.name_field
    for member in (*_BALANCES, *_WITH_BELOW.values()):
        if member in body:
            body[member] = money(Decimal(0))
    body["Active"] = False
    body[field] = suffixed(body[field], lambda name: name.casefold() in ctx.book.names)
    if "FullyQualifiedName" in body:
        path = str(body["FullyQualifiedName"]).rpartition(":")[0]
        body["FullyQualifiedName"] = f"{path}:{body[field]}" if path else body[field]
    ctx.unit.put(entity, loser, body, "merged")
