"""Rules of the Payment and what it does to invoices (entities.md 5 and 8, protocol.md 5.4)."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.wire import ZERO, Json, amount, money

_CREDITS = frozenset({"CreditMemo", "JournalEntry", "Expense", "Check", "CreditCardCredit"})
Applied = dict[str, Decimal]


class PaymentRules:
    """Payment: new money, applied to invoices by its lines."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        customer = self._customer(ctx, new)
        if "TotalAmt" not in new:
            raise faults.business("You must set a transaction amount.", "TotalAmt")
        if new["TotalAmt"] < 0:
            raise faults.negative("TotalAmt")
        new.setdefault("TxnDate", ctx.today)
        ctx.check_open(new["TxnDate"], (old or {}).get("TxnDate"))
        new["CurrencyRef"] = ctx.currency(new.get("CurrencyRef"), customer, old)
        code = new["CurrencyRef"]["value"]
        rate = ctx.rate(new.pop("ExchangeRate", None), code, None)
        if rate is not None:
            new["ExchangeRate"] = rate
        self._references(ctx, new)
        before = applied(old)
        after = self._read_lines(ctx, new, before)
        unapplied = new["TotalAmt"] - sum(after.values(), ZERO)
        if unapplied < 0:
            raise faults.business("The amount applied to transactions is more than the amount received.", "Line")
        new["UnappliedAmt"] = money(unapplied)
        new["ProcessPayment"] = False
        apply(ctx, record_id, before, after)
        new["Line"] = rendered(ctx, after)
        if old is not None:
            ctx.unit.owe(old["CustomerRef"]["value"], amount(old, "TotalAmt"))
        ctx.unit.owe(new["CustomerRef"]["value"], -new["TotalAmt"])
        return new

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete: the invoices open again."""
        ctx.check_open(old.get("TxnDate"))
        apply(ctx, record_id, applied(old), {})
        ctx.unit.owe(old["CustomerRef"]["value"], amount(old, "TotalAmt"))
        ctx.unit.delete("Payment", record_id)

    def void(self, ctx: Context, record_id: str, old: Json) -> Json:
        """Nothing received, nothing applied, note "Voided" (entities.md 5.4, S:payment-void)."""
        from syncd.sandbox.sales import void_note  # the two rule modules need each other

        ctx.check_open(old.get("TxnDate"))
        apply(ctx, record_id, applied(old), {})
        ctx.unit.owe(old["CustomerRef"]["value"], amount(old, "TotalAmt"))
        note = void_note(old.get("PrivateNote"))
        return {**old, "TotalAmt": ZERO, "UnappliedAmt": ZERO, "Line": [], "PrivateNote": note}

    def _customer(self, ctx: Context, new: Json) -> Json:
        if "CustomerRef" not in new:
            raise faults.missing("CustomerRef")
        customer = ctx.unit.get("Customer", str(new["CustomerRef"]["value"]))
        if customer is None:
            raise faults.bad_reference("CustomerRef")
        if customer.get("Active") is False:
            raise faults.inactive_customer()
        new["CustomerRef"] = {"value": customer["Id"], "name": customer["FullyQualifiedName"]}
        return customer

    def _references(self, ctx: Context, new: Json) -> None:
        table = ctx.book.tables["Account"]
        if "DepositToAccountRef" not in new:
            funds = next(iter(table.lookup("Name", "Undeposited Funds")), None)
            if funds is not None:
                new["DepositToAccountRef"] = {"value": funds.id}
        for member, entity in (
            ("DepositToAccountRef", "Account"),
            ("ARAccountRef", "Account"),
            ("PaymentMethodRef", "PaymentMethod"),
        ):
            found = ctx.resolve(entity, new.get(member), member)
            if found is not None:
                new[member] = {"value": found["Id"]}

    def _read_lines(self, ctx: Context, new: Json, before: Applied) -> Applied:
        result: Applied = {}
        for line in new.get("Line", []):
            if "Amount" not in line:
                raise faults.missing("Amount")
            if line["Amount"] < 0:
                raise faults.negative("Line.Amount")
            links = line.get("LinkedTxn", [])
            if not links:
                raise faults.missing("LinkedTxn")
            for link in links:
                invoice = self._target(ctx, link, new)
                result[invoice["Id"]] = result.get(invoice["Id"], ZERO) + line["Amount"]
        return {
            invoice: used
            for invoice, wanted in result.items()
            if (used := self._cap(ctx, invoice, wanted, before.get(invoice, ZERO)))
        }

    def _target(self, ctx: Context, link: Json, new: Json) -> Json:
        kind, target = link.get("TxnType"), str(link.get("TxnId", ""))
        if kind in _CREDITS:
            raise faults.cannot_link(f"TxnType={kind} with TxnId={target} does not exist in this company.")
        if kind != "Invoice":
            raise faults.bad_enum("TxnType", str(kind))
        invoice = ctx.unit.get("Invoice", target)
        if invoice is None:
            if target in ctx.book.tables["Invoice"].deleted:
                raise faults.not_found()
            raise faults.cannot_link(f"TxnType=Invoice with TxnId={target} does not exist.")
        if _top(ctx, invoice["CustomerRef"]["value"]) != _top(ctx, new["CustomerRef"]["value"]):
            raise faults.business("The customer of the payment is not the customer of the invoice.", "CustomerRef")
        if invoice.get("CurrencyRef", {}).get("value") != new["CurrencyRef"]["value"]:
            raise faults.business("You can only use one foreign currency per transaction.", "CurrencyRef")
        return invoice

    def _cap(self, ctx: Context, invoice: str, wanted: Decimal, already: Decimal) -> Decimal:
        body = ctx.unit.get("Invoice", invoice)
        open_balance = amount(body or {}, "Balance") + already
        if wanted <= open_balance:
            return wanted
        if ctx.switches.overpayment == "refuse":
            raise faults.business("The amount applied is more than the open balance of the invoice.", "Line")
        return open_balance


def _top(ctx: Context, customer: str) -> str:
    body = ctx.unit.get("Customer", customer)
    while body is not None and "ParentRef" in body:
        customer = body["ParentRef"]["value"]
        body = ctx.unit.get("Customer", customer)
    return customer


def applied(payment: Json | None) -> Applied:
    """How much a stored payment puts on each invoice."""
    result: Applied = {}
    for line in (payment or {}).get("Line", []):
        for link in line.get("LinkedTxn", []):
            if link.get("TxnType") == "Invoice":
                result[link["TxnId"]] = result.get(link["TxnId"], ZERO) + amount(line, "Amount")
    return result


def linked_payments(invoice: Json) -> list[str]:
    """Ids of the payments on an invoice, in the order they came."""
    return [link["TxnId"] for link in invoice.get("LinkedTxn", []) if link.get("TxnType") == "Payment"]


def apply(ctx: Context, payment: str, before: Applied, after: Applied) -> None:
    """Move the balances of the invoices whose share changes and bump them (entities.md 8)."""
    for invoice in dict.fromkeys((*before, *after)):
        change = after.get(invoice, ZERO) - before.get(invoice, ZERO)
        body = ctx.unit.get("Invoice", invoice)
        if body is None or not change:
            continue
        _set_balance(body, amount(body, "Balance") - change)
        others = [link for link in body.get("LinkedTxn", []) if link.get("TxnId") != payment]
        mine = [link for link in body.get("LinkedTxn", []) if link.get("TxnId") == payment]
        if invoice in after:
            mine = mine or [{"TxnId": payment, "TxnType": "Payment"}]
            body["LinkedTxn"] = [*others, *mine]
        else:
            body["LinkedTxn"] = others
        ctx.unit.put("Invoice", invoice, body, "linked")
        refresh(ctx, body, without=payment)


def _set_balance(body: Json, balance: Decimal) -> None:
    body["Balance"] = money(balance)
    if "ExchangeRate" in body and "HomeBalance" in body:
        body["HomeBalance"] = money(balance * body["ExchangeRate"])


def refresh(ctx: Context, invoice: Json, without: str = "") -> None:
    """Give the payments on an invoice their LineEx anew: it shows the balance at reading time (entities.md 5.2)."""
    for payment in linked_payments(invoice):
        body = ctx.unit.get("Payment", payment) if payment != without else None
        if body is not None:
            body["Line"] = rendered(ctx, applied(body))
            ctx.unit.put("Payment", payment, body, "derived")


def unapply_all(ctx: Context, invoice_id: str, invoice: Json) -> None:
    """Take every payment off an invoice; each keeps its amount as unapplied and is bumped (entities.md 4.3)."""
    for payment in linked_payments(invoice):
        _reapply(ctx, payment, invoice_id, ZERO)


def shrink(ctx: Context, invoice_id: str, invoice: Json, excess: Decimal) -> list[Json]:
    """An invoice became smaller than what is paid on it: the newest payments give way. The links that stay."""
    links = list(invoice.get("LinkedTxn", []))
    for payment in reversed(linked_payments(invoice)):
        if excess <= 0:
            break
        body = ctx.unit.get("Payment", payment)
        held = applied(body).get(invoice_id, ZERO)
        given = min(held, excess)
        excess -= given
        _reapply(ctx, payment, invoice_id, held - given)
        if given == held:
            links = [link for link in links if link.get("TxnId") != payment]
    return links


def _reapply(ctx: Context, payment: str, invoice_id: str, share: Decimal) -> None:
    body = ctx.unit.get("Payment", payment)
    if body is None:
        return
    shares = applied(body)
    if share:
        shares[invoice_id] = share
    else:
        shares.pop(invoice_id, None)
    body["UnappliedAmt"] = money(amount(body, "TotalAmt") - sum(shares.values(), ZERO))
    body["Line"] = rendered(ctx, shares)
    ctx.unit.put("Payment", payment, body, "linked")


def rendered(ctx: Context, shares: Applied) -> list[Json]:
    """Lines as answers carry them, one per invoice, with LineEx (entities.md 5.2, S:payment-read)."""
    return [_line(ctx.unit.get("Invoice", invoice) or {}, invoice, share) for invoice, share in shares.items()]


def _line(invoice: Json, invoice_id: str, share: Decimal) -> Json:
    pairs = [("txnId", invoice_id), ("txnOpenBalance", f"{amount(invoice, 'Balance') + share:.2f}")]
    if "DocNumber" in invoice:
        pairs.append(("txnReferenceNumber", invoice["DocNumber"]))
    return {
        "Amount": money(share),
        "LineEx": {"any": [_extension(name, value) for name, value in pairs]},
        "LinkedTxn": [{"TxnId": invoice_id, "TxnType": "Invoice"}],
    }


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
