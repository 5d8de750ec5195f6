"""Rules of the PurchaseOrder, and how bills come from it (entities.md 6.5, protocol.md 8.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from syncd.sandbox import faults
from syncd.sandbox.book import Record
from syncd.sandbox.context import Context
from syncd.sandbox.rules import purchase_forms, purchase_numbers
from syncd.sandbox.rules.addresses import keep_addresses, without_id
from syncd.sandbox.rules.base import Rules
from syncd.sandbox.rules.invoices import due_date
from syncd.sandbox.wire import ZERO, Json, amount

ORDER = "PurchaseOrder"


class PurchaseOrderRules:
    """PurchaseOrder: posts nothing; bills link to its lines."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        ctx.require("purchase orders")
        vendor = purchase_forms.vendor(ctx, new, sent)
        if old is not None and old["VendorRef"]["value"] != vendor["Id"] and old.get("LinkedTxn"):
            raise faults.business("The vendor of a billed purchase order cannot be changed.", "VendorRef")
        purchase_forms.header(ctx, new, old, vendor)
        purchase_numbers.order(ctx, record_id, new, old)
        purchase_forms.amounts(ctx, new, old, sent)
        for line in new["Line"]:
            line.pop("LinkedTxn", None)
        self._payable(ctx, new, vendor)
        term = ctx.resolve("Term", new.get("SalesTermRef"), "SalesTermRef")
        if term is not None:
            new["SalesTermRef"] = {"value": term["Id"]}
            new.setdefault("DueDate", due_date(new["TxnDate"], term))
        new.pop("LinkedTxn", None)
        if old is not None and "LinkedTxn" in old:
            new["LinkedTxn"] = old["LinkedTxn"]  # the bills' links are not the client's to write
        new.setdefault("POStatus", "Open")
        new.setdefault("EmailStatus", "NotSet")
        self._addresses(ctx, new, old, vendor)
        new["CustomField"] = _custom_fields(ctx, new.get("CustomField", []))
        purchase_forms.convert(ctx, new)
        return new

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete; bills made from it lose the link, or the switch refuses (D:purchaseorder asks to unlink first)."""
        ctx.check_open(old.get("TxnDate"))
        bills = ctx.book.holders(ORDER, record_id, "Bill")
        if bills and ctx.switches.delete_linked_purchase == "refuse":
            raise faults.fault(800, "Cannot delete object", "Bills were made from the purchase order.")
        for bill in bills:
            body = ctx.unit.get("Bill", bill)
            if body is not None:
                body["Line"] = [_unlinked(line, record_id) for line in body["Line"]]
                body = _unlinked(body, record_id)
                ctx.unit.put("Bill", bill, body, "linked")
        ctx.unit.delete(ORDER, record_id)

    def _payable(self, ctx: Context, new: Json, vendor: Json) -> None:
        """Any account is taken: an order posts nothing."""
        if "APAccountRef" not in new:
            purchase_forms.payable(ctx, new, vendor)
            return
        account = purchase_forms.account(ctx, new["APAccountRef"], "APAccountRef")
        if account is not None:
            new["APAccountRef"] = purchase_forms.account_ref(account)

    def _addresses(self, ctx: Context, new: Json, old: Json | None, vendor: Json) -> None:
        shipped_to = ctx.resolve("Customer", new.get("ShipTo"), "ShipTo") or {}
        if shipped_to:
            new["ShipTo"] = {"value": shipped_to["Id"], "name": shipped_to["FullyQualifiedName"]}
        for member, theirs in (("VendorAddr", vendor.get("BillAddr")), ("ShipAddr", shipped_to.get("ShipAddr"))):
            sent: Json = new.get(member) or theirs or {}
            if theirs is not None and without_id(sent) == without_id(theirs):
                new[member] = theirs
            else:
                keep_addresses(ctx, new, old, (member,))
        if "POEmail" not in new and "PrimaryEmailAddr" in vendor:
            new["POEmail"] = vendor["PrimaryEmailAddr"]
        if new["EmailStatus"] == "NeedToSend" and "POEmail" not in new:
            raise faults.no_address()


def links(ctx: Context, bill_id: str, bill: Json) -> list[Json]:
    """Check the links of a bill's lines to purchase orders and give those of the whole bill; others are dropped.

    A link the bill has already stands, whatever became of the order's line.
    """
    stored = ctx.book.find("Bill", bill_id)
    known = set() if stored is None else {_place(link) for line in stored.body["Line"] for link in _ours(line)}
    found: dict[str, None] = {}
    for line in bill["Line"]:
        kept = []
        for link in _ours(line):
            order, order_line = _place(link) if _place(link) in known else _target(ctx, bill, link)
            found[order] = None
            kept.append({"TxnId": order, "TxnType": ORDER, "TxnLineId": order_line})
        line.pop("LinkedTxn", None)
        if kept:
            line["LinkedTxn"] = kept
    return [{"TxnId": order, "TxnType": ORDER} for order in found]


def _target(ctx: Context, bill: Json, link: Json) -> tuple[str, str]:
    order = str(link.get("TxnId", ""))
    body = ctx.unit.get(ORDER, order)
    if body is None:
        if order in ctx.book.tables[ORDER].deleted:
            raise faults.not_found()
        raise faults.cannot_link(f"TxnType={ORDER} with TxnId={order} does not exist.")
    if body["VendorRef"]["value"] != bill["VendorRef"]["value"]:
        raise faults.cannot_link("The bill and the purchase order do not belong to the same vendor.")
    if body["CurrencyRef"]["value"] != bill["CurrencyRef"]["value"]:
        raise faults.business("You can only use one foreign currency per transaction.", "CurrencyRef")
    if "TxnLineId" not in link:
        raise faults.missing("TxnLineId")
    if not any(line["Id"] == link["TxnLineId"] for line in body["Line"]):
        raise faults.cannot_link(f"TxnType={ORDER} with TxnId={order} has no line {link['TxnLineId']}.")
    return order, str(link["TxnLineId"])


def refresh(ctx: Context, bill: str, before: Record | None, after: Json) -> None:
    """A bill was staged: each order it was or is made from shows its bills and whether it is fully billed."""
    old: Json = {} if before is None else before.body
    for order in dict.fromkeys((*_orders(old), *_orders(after))):
        body = ctx.unit.get(ORDER, order)
        if body is None:
            continue
        bills = dict.fromkeys((*ctx.book.holders(ORDER, order, "Bill"), bill))
        was = [record.body for record in (ctx.book.find("Bill", held) for held in bills) if record is not None]
        now = [(held, found) for held in bills if (found := ctx.unit.get("Bill", held)) is not None]
        linked = [{"TxnId": held, "TxnType": "Bill"} for held, found in now if order in _orders(found)]
        changed = dict(body)
        changed.pop("LinkedTxn", None)
        if linked:
            changed["LinkedTxn"] = linked
        if ctx.switches.order_closes:
            if _billed(body, order, [found for _, found in now]):
                changed["POStatus"] = "Closed"
            elif _billed(body, order, was):
                changed["POStatus"] = "Open"
        if changed != body:
            ctx.unit.put(ORDER, order, changed, "linked")


def _billed(order: Json, order_id: str, bills: list[Json]) -> bool:
    """Is every line of the order billed in full?"""
    billed: dict[str, Decimal] = {}
    for bill in bills:
        for line in bill["Line"]:
            for link in _ours(line):
                if link["TxnId"] == order_id:
                    place = _place(link)[1]
                    billed[place] = billed.get(place, ZERO) + amount(line, "Amount")
    return all(billed.get(line["Id"], ZERO) >= amount(line, "Amount") for line in order["Line"])


def _orders(bill: Json) -> list[str]:
    return [str(link["TxnId"]) for link in _ours(bill)]


def _ours(holder: Json) -> list[Json]:
    """The links of a bill or a line that lead to purchase orders."""
    return [link for link in holder.get("LinkedTxn", []) if link.get("TxnType") == ORDER]


def _place(link: Json) -> tuple[str, str]:
    return str(link.get("TxnId", "")), str(link.get("TxnLineId", ""))


def _unlinked(holder: Json, order: str) -> Json:
    """A bill or a line of it without its links to the order."""
    kept = [link for link in holder.get("LinkedTxn", []) if (link["TxnType"], link["TxnId"]) != (ORDER, order)]
    rest = {name: value for name, value in holder.items() if name != "LinkedTxn"}
    return {**rest, "LinkedTxn": kept} if kept else rest


def _custom_fields(ctx: Context, sent: list[Json]) -> list[Json]:
    """The fields that Preferences switches on for purchase orders (POCustomField)."""
    groups: list[Any] = (
        (ctx.unit.get("Preferences", "1") or {}).get("VendorAndPurchasesPrefs", {}).get("POCustomField", [])
    )
    entries = {entry["Name"]: entry for group in groups for entry in group.get("CustomField", [])}
    values = {entry.get("DefinitionId"): entry.get("StringValue") for entry in sent}
    kept = []
    for place in ("1", "2", "3"):
        if not entries.get(f"PurchasePrefs.UsePurchaseCustom{place}", {}).get("BooleanValue"):
            continue
        name = entries.get(f"PurchasePrefs.PurchaseCustomName{place}", {}).get("StringValue", "")
        entry: Json = {"DefinitionId": place, "Type": "StringType", "Name": name}
        if values.get(place) is not None:
            entry["StringValue"] = values[place]
        kept.append(entry)
    return kept


RULES: dict[str, Rules] = {ORDER: PurchaseOrderRules()}
