"""Money applied to documents: payments to invoices, bill payments to bills, and credits on either side.

A payment's lines name documents. *Debts* are paid by it (invoice, bill), *credits* are used up by it (credit memo,
vendor credit). What a line moves is kept as shares: document to amount (entities.md 5, 6.3 and 8, protocol.md 5.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.book import Key
from syncd.sandbox.context import Context
from syncd.sandbox.rules.extensions import name_values
from syncd.sandbox.wire import ZERO, Json, amount, money

Shares = dict[Key, Decimal]
"""Document (entity, Id) to the amount a payment puts on it or takes from it."""


@dataclass(frozen=True)
class Scheme:
    """One side of the business: what pays what.

    ``kinds``: TxnType on the wire to entity. ``link_type``: how a debt names the payment in its LinkedTxn.
    ``refused``: TxnTypes that exist but cannot be applied here. ``open_members``: the members that hold what is still
    open, by entity; the first one counts. ``linked_credits``: credits name the payment in their LinkedTxn too
    (protocol.md 8.6). ``empty_links``: a document nothing is linked with shows an empty LinkedTxn. ``line_ex``: lines
    of the payment carry LineEx.
    """

    payment: str
    party: str
    kinds: Mapping[str, str]
    debts: frozenset[str]
    link_type: str
    open_members: Mapping[str, tuple[str, ...]]
    refused: frozenset[str] = frozenset()
    linked_credits: bool = False
    empty_links: bool = True
    line_ex: bool = True

    def open_amount(self, entity: str, body: Json) -> Decimal:
        """What is still open on a document."""
        return amount(body, self.open_members[entity][0])

    def type_of(self, entity: str) -> str:
        """The TxnType of an entity."""
        return next(kind for kind, name in self.kinds.items() if name == entity)

    def net(self, shares: Shares) -> Decimal:
        """Debts paid less credits used: what the new money has to cover."""
        return sum((share if entity in self.debts else -share for (entity, _), share in shares.items()), ZERO)


RECEIVABLE = Scheme(
    payment="Payment",
    party="CustomerRef",
    kinds={"Invoice": "Invoice", "CreditMemo": "CreditMemo"},
    debts=frozenset({"Invoice"}),
    link_type="Payment",
    open_members={"Invoice": ("Balance",), "CreditMemo": ("RemainingCredit", "Balance")},
    refused=frozenset({"JournalEntry", "Expense", "Check", "CreditCardCredit"}),
)
PAYABLE = Scheme(
    payment="BillPayment",
    party="VendorRef",
    kinds={"Bill": "Bill", "VendorCredit": "VendorCredit"},
    debts=frozenset({"Bill"}),
    link_type="BillPaymentCheck",
    open_members={"Bill": ("Balance",), "VendorCredit": ("Balance",)},
    refused=frozenset({"JournalEntry", "Deposit"}),
    linked_credits=True,
    empty_links=False,
    line_ex=False,
)


def shares_of(scheme: Scheme, payment: Json | None) -> Shares:
    """What a stored payment puts on each document."""
    result: Shares = {}
    for line in (payment or {}).get("Line", []):
        for link in line.get("LinkedTxn", []):
            entity = scheme.kinds.get(str(link.get("TxnType")))
            if entity is not None:
                key = (entity, str(link["TxnId"]))
                result[key] = result.get(key, ZERO) + amount(line, "Amount")
    return result


def payments_on(ctx: Context, scheme: Scheme, entity: str, record_id: str) -> list[str]:
    """Ids of the stored payments that hang on a document, in the order they came."""
    return ctx.book.holders(entity, record_id, scheme.payment)


def apply(ctx: Context, scheme: Scheme, payment: str, before: Shares, after: Shares) -> None:
    """Move the open amounts of the documents whose share changes, and bump them."""
    for key in dict.fromkeys((*before, *after)):
        change = after.get(key, ZERO) - before.get(key, ZERO)
        entity, record_id = key
        body = ctx.unit.get(entity, record_id)
        if body is None or not change:
            continue
        set_open(scheme, entity, body, scheme.open_amount(entity, body) - change)
        if entity in scheme.debts or scheme.linked_credits:
            links = body.get("LinkedTxn", [])
            others = [link for link in links if link.get("TxnId") != payment]
            mine = [link for link in links if link.get("TxnId") == payment]
            if key in after:
                mine = mine or [{"TxnId": payment, "TxnType": scheme.link_type}]
                body["LinkedTxn"] = [*others, *mine]
            elif others or scheme.empty_links:
                body["LinkedTxn"] = others
            else:
                body.pop("LinkedTxn", None)
        ctx.unit.put(entity, record_id, body, "linked")
        refresh(ctx, scheme, entity, record_id, without=payment)


def set_open(scheme: Scheme, entity: str, body: Json, open_amount: Decimal) -> None:
    """Write what is still open into every member that shows it."""
    for member in scheme.open_members[entity]:
        body[member] = money(open_amount)
    if "ExchangeRate" in body and "HomeBalance" in body:
        body["HomeBalance"] = money(open_amount * body["ExchangeRate"])


def refresh(ctx: Context, scheme: Scheme, entity: str, record_id: str, without: str = "") -> None:
    """Give the payments on a document their LineEx anew: it shows the balance at reading time (entities.md 5.2)."""
    if not scheme.line_ex:
        return
    for payment in payments_on(ctx, scheme, entity, record_id):
        body = ctx.unit.get(scheme.payment, payment) if payment != without else None
        if body is not None:
            body["Line"] = rendered(ctx, scheme, shares_of(scheme, body))
            ctx.unit.put(scheme.payment, payment, body, "derived")


def unapply_all(ctx: Context, scheme: Scheme, entity: str, record_id: str) -> None:
    """Take every payment off a document; each keeps its money as unapplied and is bumped (entities.md 4.3)."""
    for payment in payments_on(ctx, scheme, entity, record_id):
        _reapply(ctx, scheme, payment, (entity, record_id), ZERO)


def shrink(ctx: Context, scheme: Scheme, entity: str, record_id: str, old: Json, excess: Decimal) -> list[Json]:
    """A document became smaller than what is applied to it: the newest payments give way. The links that stay."""
    links = list(old.get("LinkedTxn", []))
    for payment in reversed(payments_on(ctx, scheme, entity, record_id)):
        if excess <= 0:
            break
        held = shares_of(scheme, ctx.unit.get(scheme.payment, payment)).get((entity, record_id), ZERO)
        given = min(held, excess)
        excess -= given
        _reapply(ctx, scheme, payment, (entity, record_id), held - given)
        if given == held:
            links = [link for link in links if link.get("TxnId") != payment]
    return links


def _reapply(ctx: Context, scheme: Scheme, payment: str, document: Key, share: Decimal) -> None:
    body = ctx.unit.get(scheme.payment, payment)
    if body is None:
        return
    before = shares_of(scheme, body)
    after = dict(before)
    if share:
        after[document] = share
    else:
        after.pop(document, None)
    after = _within(scheme, after, amount(body, "TotalAmt"), taken=document[0])
    apply(ctx, scheme, payment, {key: held for key, held in before.items() if key != document},
          {key: held for key, held in after.items() if key != document})  # fmt: skip
    if "UnappliedAmt" in body:
        body["UnappliedAmt"] = money(amount(body, "TotalAmt") - scheme.net(after))
    body["Line"] = rendered(ctx, scheme, after)
    ctx.unit.put(scheme.payment, payment, body, "linked")


def _within(scheme: Scheme, shares: Shares, total: Decimal, taken: str) -> Shares:
    """What a payment can still hold after a share of a document (its entity is ``taken``) was taken from it.

    A credit was taken: what it paid is no longer covered, so the last debts give way. A debt was taken: new money stays
    with the payment, but the last credits that pay for nothing any more are free again.
    """
    from_debts = taken not in scheme.debts
    excess = scheme.net(shares) - total if from_debts else -scheme.net(shares)
    result = dict(shares)
    for key in reversed(list(result)):
        if excess <= 0:
            break
        if (key[0] in scheme.debts) is from_debts:
            given = min(result[key], excess)
            excess -= given
            result[key] -= given
            if not result[key]:
                del result[key]
    return result


def read_lines(ctx: Context, scheme: Scheme, new: Json, before: Shares) -> Shares:
    """The shares that sent lines ask for, each cut to what is open on its document."""
    wanted: Shares = {}
    for line in new.get("Line", []):
        if "Amount" not in line:
            raise faults.missing("Amount")
        if line["Amount"] < 0:
            raise faults.negative("Line.Amount")
        links = line.get("LinkedTxn", [])
        if not links:
            raise faults.missing("LinkedTxn")
        for link in links:
            key = _target(ctx, scheme, link, new)
            wanted[key] = wanted.get(key, ZERO) + line["Amount"]
    return {key: used for key, share in wanted.items() if (used := _cap(ctx, scheme, key, share, before))}


def _target(ctx: Context, scheme: Scheme, link: Json, new: Json) -> Key:
    kind, target = str(link.get("TxnType")), str(link.get("TxnId", ""))
    if kind in scheme.refused:
        raise faults.cannot_link(f"TxnType={kind} with TxnId={target} does not exist in this company.")
    entity = scheme.kinds.get(kind)
    if entity is None:
        raise faults.bad_enum("TxnType", kind)
    body = ctx.unit.get(entity, target)
    if body is None:
        if target in ctx.book.tables[entity].deleted:
            raise faults.not_found()
        raise faults.cannot_link(f"TxnType={kind} with TxnId={target} does not exist.")
    if top(ctx, scheme, body[scheme.party]["value"]) != top(ctx, scheme, new[scheme.party]["value"]):
        raise faults.business(f"The payment and the {entity} do not belong to the same name.", scheme.party)
    if body.get("CurrencyRef", {}).get("value") != new["CurrencyRef"]["value"]:
        raise faults.business("You can only use one foreign currency per transaction.", "CurrencyRef")
    return entity, target


def _cap(ctx: Context, scheme: Scheme, key: Key, wanted: Decimal, before: Shares) -> Decimal:
    body = ctx.unit.get(*key) or {}
    open_amount = scheme.open_amount(key[0], body) + before.get(key, ZERO)
    if wanted <= open_amount:
        return wanted
    if ctx.switches.overpayment == "refuse" or key[0] not in scheme.debts:
        raise faults.business(f"The amount applied is more than what is open on the {key[0]}.", "Line")
    return open_amount


def top(ctx: Context, scheme: Scheme, party: str) -> str:
    """The topmost parent: a parent may pay for its sub-customers."""
    entity = scheme.party.removesuffix("Ref")
    body = ctx.unit.get(entity, party)
    while body is not None and "ParentRef" in body:
        party = body["ParentRef"]["value"]
        body = ctx.unit.get(entity, party)
    return party


def rendered(ctx: Context, scheme: Scheme, shares: Shares) -> list[Json]:
    """Lines as answers carry them, one per document, with LineEx (entities.md 5.2, S:payment-read)."""
    return [_line(ctx, scheme, key, share) for key, share in shares.items()]


def _line(ctx: Context, scheme: Scheme, key: Key, share: Decimal) -> Json:
    entity, record_id = key
    body = ctx.unit.get(entity, record_id) or {}
    pairs = [("txnId", record_id), ("txnOpenBalance", f"{scheme.open_amount(entity, body) + share:.2f}")]
    if "DocNumber" in body:
        pairs.append(("txnReferenceNumber", body["DocNumber"]))
    line: Json = {"Amount": money(share)}
    if scheme.line_ex:
        line["LineEx"] = name_values(pairs)
    return {**line, "LinkedTxn": [{"TxnId": record_id, "TxnType": scheme.type_of(entity)}]}
