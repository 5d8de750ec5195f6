"""Rules of the Estimate, and its link with the invoice made from it (entities.md 4.4). Estimates post nothing."""

from __future__ import annotations

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.rules.base import value_of
from syncd.sandbox.rules.forms import SalesForm
from syncd.sandbox.wire import Json

_USABLE = ("Pending", "Accepted")


class EstimateRules(SalesForm):
    """Estimate: a price named to a customer."""

    entity = "Estimate"

    def complete(
        self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str], customer: Json
    ) -> None:
        """Its status; the link to the invoice is written from the invoice's side only."""
        term = ctx.resolve("Term", new.get("SalesTermRef"), "SalesTermRef")
        if term is not None:
            new["SalesTermRef"] = {"value": term["Id"]}
        links = (old or {}).get("LinkedTxn", [])
        if links:
            new["LinkedTxn"] = links
        new.setdefault("TxnStatus", "Closed" if links else "Pending")

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete; the invoice made from it names it no more."""
        self.check_end(ctx, record_id, old)
        for invoice in ctx.book.holders("Estimate", record_id, "Invoice"):
            body = ctx.unit.get("Invoice", invoice)
            if body is not None:
                body["LinkedTxn"] = [link for link in body["LinkedTxn"] if not _names(link, record_id)]
                ctx.unit.put("Invoice", invoice, body, "linked")
        ctx.unit.delete("Estimate", record_id)


def read_links(ctx: Context, invoice: str, new: Json, old: Json | None, sent: bool) -> list[Json]:
    """An invoice's LinkedTxn: one estimate, as sent; everything else is QBO's own to write."""
    held = list((old or {}).get("LinkedTxn", []))
    if not sent:
        return held
    wanted = new.get("LinkedTxn", [])
    if any(link.get("TxnType") == "TimeActivity" for link in wanted):
        raise faults.cannot_link("TxnType=TimeActivity is not available in this company.")
    others = [link for link in held if link.get("TxnType") != "Estimate"]
    estimates = list(dict.fromkeys(str(link.get("TxnId")) for link in wanted if link.get("TxnType") == "Estimate"))
    if len(estimates) > 1:
        raise faults.cannot_link("An invoice can be linked to one estimate only.")
    usable = [estimate for estimate in estimates if _is_usable(ctx, invoice, new, estimate)]
    return [*({"TxnId": estimate, "TxnType": "Estimate"} for estimate in usable), *others]


def follow(ctx: Context, invoice: str, body: Json) -> None:
    """Bring the estimates in step with an invoice's links: the linked one closes, one let go opens again."""
    before = ctx.book.find("Invoice", invoice)
    then = _linked(before.body) if before is not None else ()
    now = _linked(body)
    for estimate in then:
        if estimate not in now:
            _set(ctx, estimate, invoice, linked=False)
    for estimate in now:
        if estimate not in then:
            _set(ctx, estimate, invoice, linked=True)


def _is_usable(ctx: Context, invoice: str, new: Json, estimate: str) -> bool:
    body = ctx.unit.get("Estimate", estimate)
    if body is None:
        if estimate in ctx.book.tables["Estimate"].deleted:
            raise faults.not_found()
        raise faults.cannot_link(f"TxnType=Estimate with TxnId={estimate} does not exist.")
    if value_of(body, "CustomerRef") != value_of(new, "CustomerRef"):
        raise faults.cannot_link(f"TxnType=Estimate with TxnId={estimate} belongs to another customer.")
    holders = ctx.book.holders("Estimate", estimate, "Invoice")
    if holders:
        if invoice in holders:
            return True
        raise faults.cannot_link(f"TxnType=Estimate with TxnId={estimate} is linked to TxnId={holders[0]}.")
    if body.get("TxnStatus") in _USABLE:
        return True
    if ctx.switches.unusable_estimate == "refuse":
        raise faults.cannot_link(f"TxnType=Estimate with TxnId={estimate} is {body.get('TxnStatus')}.")
    return False


def _linked(invoice: Json) -> list[str]:
    return [str(link["TxnId"]) for link in invoice.get("LinkedTxn", []) if link.get("TxnType") == "Estimate"]


def _names(link: Json, estimate: str) -> bool:
    return bool(link.get("TxnType") == "Estimate" and link.get("TxnId") == estimate)


def _set(ctx: Context, estimate: str, invoice: str, linked: bool) -> None:
    body = ctx.unit.get("Estimate", estimate)
    if body is None:
        return
    if linked:
        body.update(TxnStatus="Closed", LinkedTxn=[{"TxnId": invoice, "TxnType": "Invoice"}])
    else:
        body["TxnStatus"] = "Accepted" if {"AcceptedBy", "AcceptedDate"} & body.keys() else "Pending"
        body.pop("LinkedTxn", None)
    ctx.unit.put("Estimate", estimate, body, "linked")
