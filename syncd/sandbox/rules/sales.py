"""Rules of the Invoice, written so that the other sales forms can join (entities.md 4.2, 4.3, 8)."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.book import Book
from syncd.sandbox.clock import add_days
from syncd.sandbox.context import Context
from syncd.sandbox.effects import Effect, effect
from syncd.sandbox.rules import applications, tax
from syncd.sandbox.rules.applications import RECEIVABLE
from syncd.sandbox.rules.base import Rules, account_of, value_of
from syncd.sandbox.rules.lines import Lines, flat, make_net, read_lines, set_discount
from syncd.sandbox.rules.lists import without_id
from syncd.sandbox.rules.notes import void_note
from syncd.sandbox.wire import ZERO, Json, amount, money, rounded

_MONEY_MEMBERS = frozenset({"Line", "TxnTaxDetail", "GlobalTaxCalculation", "ApplyTaxAfterDiscount"})


class InvoiceRules:
    """Invoice: built from what was sent, with everything QBO derives."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        customer = self._customer(ctx, record_id, new, old)
        new.setdefault("TxnDate", ctx.today)
        ctx.check_open(new["TxnDate"], (old or {}).get("TxnDate"))
        currency = ctx.currency(new.get("CurrencyRef"), customer, old)
        new["CurrencyRef"] = currency
        self._terms(ctx, new, customer)
        self._number(ctx, record_id, new, sent, old)
        if old is not None and not _MONEY_MEMBERS & sent:
            new.update({name: old[name] for name in (*_MONEY_MEMBERS, "TotalAmt") if name in old})
        else:
            self._amounts(ctx, new, old, sent)
        self._links(new, old)
        self._balance(ctx, record_id, new, old, currency["value"])
        self._defaults(ctx, new, old, customer)
        return new

    def saved(self, ctx: Context, record_id: str, body: Json) -> None:
        """After staging: the payments on it show its new balance and number."""
        applications.refresh(ctx, RECEIVABLE, "Invoice", record_id)

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Delete; payments on it become unapplied, or the switch refuses (entities.md 4.3)."""
        ctx.check_open(old.get("TxnDate"))
        if (
            applications.payments_on(ctx, RECEIVABLE, "Invoice", record_id)
            and ctx.switches.delete_paid_invoice == "refuse"
        ):
            raise faults.fault(800, "Cannot delete object", "The transaction has payments applied to it.")
        applications.unapply_all(ctx, RECEIVABLE, "Invoice", record_id)
        ctx.unit.delete("Invoice", record_id)

    def void(self, ctx: Context, record_id: str, old: Json) -> Json:
        """Zero amounts and quantities, note "Voided", links dropped (entities.md 4.3, S:invoice-void)."""
        ctx.check_open(old.get("TxnDate"))
        applications.unapply_all(ctx, RECEIVABLE, "Invoice", record_id)
        new = {**old, "Line": [_zeroed(line) for line in old["Line"]], "LinkedTxn": []}
        if "TxnTaxDetail" in old:
            new["TxnTaxDetail"] = {"TotalTax": ZERO}
        for member in ("TotalAmt", "Balance", "Deposit", "HomeTotalAmt", "HomeBalance"):
            if member in old:
                new[member] = ZERO
        new["PrivateNote"] = void_note(old.get("PrivateNote"))
        return new

    def effect(self, book: Book, body: Json) -> Effect:
        """Receivables and the deposit up, income, discount and tax on the other side."""
        total, deposit = amount(body, "TotalAmt"), amount(body, "Deposit")
        receivable = account_of(book, "Accounts Receivable")
        paid_to = value_of(body, "DepositToAccountRef") or account_of(book, "", "UndepositedFunds")
        postings = [(receivable, total - deposit), (paid_to, deposit), *form_postings(book, body)]
        owed = [(("Customer", value_of(body, "CustomerRef")), total - deposit)]
        return effect(postings, owed, body.get("ExchangeRate"))

    def _customer(self, ctx: Context, record_id: str, new: Json, old: Json | None) -> Json:
        if "CustomerRef" not in new:
            raise faults.missing("CustomerRef")
        customer = ctx.unit.get("Customer", str(new["CustomerRef"]["value"]))
        if customer is None:
            raise faults.bad_reference("CustomerRef")
        if customer.get("Active") is False:
            raise faults.inactive_customer()
        moved = old is not None and old["CustomerRef"]["value"] != customer["Id"]
        if moved and applications.payments_on(ctx, RECEIVABLE, "Invoice", record_id):
            raise faults.business("The customer of a paid invoice cannot be changed.", "CustomerRef")
        new["CustomerRef"] = {"value": customer["Id"], "name": customer["DisplayName"]}
        return customer

    def _terms(self, ctx: Context, new: Json, customer: Json) -> None:
        term_ref = new.get("SalesTermRef") or customer.get("SalesTermRef")
        term = ctx.resolve("Term", term_ref, "SalesTermRef")
        if term is not None:
            new["SalesTermRef"] = {"value": term["Id"]}
        elif ctx.settings.default_term is not None:
            term = ctx.unit.get("Term", ctx.settings.default_term)
        if "DueDate" not in new:
            new["DueDate"] = due_date(new["TxnDate"], term)

    def _number(self, ctx: Context, record_id: str, new: Json, sent: frozenset[str], old: Json | None) -> None:
        book, settings = ctx.book, ctx.settings
        number = new.get("DocNumber")
        if number is None:
            if not settings.custom_numbers:
                new["DocNumber"] = book.next_id("document")
            return
        if settings.custom_numbers and settings.warn_duplicate_numbers and "DocNumber" in sent:
            changed = old is None or old.get("DocNumber") != number
            holders = (h for h in book.tables["Invoice"].lookup("DocNumber", number) if h.id != record_id)
            if changed and "allowduplicatedocnum" not in ctx.include:
                for holder in holders:
                    raise faults.duplicate_number(number, "Invoice", holder.id)
        if old is None:
            book.note_number(number)

    def _amounts(self, ctx: Context, new: Json, old: Json | None, sent: frozenset[str]) -> None:
        if "Line" not in new:
            raise faults.missing("Line")
        lines = read_lines(ctx, new["Line"], (old or {}).get("Line", []), check="Line" in sent)
        explicit = new.get("TxnTaxDetail") if old is None or "TxnTaxDetail" in sent else None
        if ctx.settings.country == "US":
            new.pop("GlobalTaxCalculation", None)
            new["ApplyTaxAfterDiscount"] = bool(new.get("ApplyTaxAfterDiscount"))
            self._us(ctx, new, lines, explicit)
        else:
            new.pop("ApplyTaxAfterDiscount", None)
            self._global(ctx, new, lines, explicit)
        if new["TotalAmt"] < 0:
            raise faults.business("Transaction amount must be 0 or greater.", "TotalAmt")
        new["Line"] = lines.finished()

    def _us(self, ctx: Context, new: Json, lines: Lines, explicit: Json | None) -> None:
        subtotal = lines.subtotal()
        discount = set_discount(lines, subtotal)
        stored = new.pop("TxnTaxDetail", None)
        total_tax = ZERO
        if ctx.settings.sales_tax:
            taxable = sum(
                (li["Amount"] for li in lines.sales() if li["SalesItemLineDetail"]["TaxCodeRef"]["value"] == "TAX"),
                ZERO,
            )
            if new["ApplyTaxAfterDiscount"] and subtotal:
                taxable -= rounded(discount * taxable / subtotal)
            code = (stored or {}).get("TxnTaxCodeRef")
            rates = us_rates(ctx, code)
            by_rate = tax.added_on_top([tax.Charge(rates, taxable, taxable)]) if rates else {}
            total_tax = sum((amount_ for _, amount_ in by_rate.values()), ZERO)
            wanted = _explicit_tax(explicit, code)
            if wanted is None and code is None and explicit is None:
                wanted = amount(stored or {}, "TotalTax")
            if wanted is not None:
                total_tax, by_rate = wanted, tax.overridden(by_rate, wanted)
            new["TxnTaxDetail"] = tax.detail(code, by_rate, total_tax)
        new["TotalAmt"] = money(subtotal - discount + total_tax)

    def _global(self, ctx: Context, new: Json, lines: Lines, explicit: Json | None) -> None:
        mode = new.setdefault("GlobalTaxCalculation", "TaxExcluded")
        new.pop("TxnTaxDetail", None)
        if not ctx.settings.sales_tax or mode == "NotApplicable":
            if explicit and ctx.settings.sales_tax:
                raise faults.bad_tax_code("Tax detail is not allowed when tax is not applicable.", 6170)
            subtotal = lines.subtotal()
            new["TotalAmt"] = money(subtotal - set_discount(lines, subtotal))
            return
        inclusive = mode == "TaxInclusive"
        codes: dict[str, tuple[Decimal, Decimal]] = {}
        rates: dict[str, tuple[tax.Rate, ...]] = {}
        for line in lines.sales():
            ref = line["SalesItemLineDetail"].get("TaxCodeRef")
            if ref is None:
                raise faults.business("Make sure all your transactions have a tax rate before you save.", "TaxCodeRef")
            code = ref["value"]
            rates.setdefault(code, line_rates(ctx, ref))
            gross = make_net(line, tax.total_percent(rates[code])) if inclusive else line["Amount"]
            net, before = codes.get(code, (ZERO, ZERO))
            codes[code] = (net + line["Amount"], before + gross)
        charges, discount = _discounted(lines, codes, rates)
        by_rate = tax.contained(charges) if inclusive else tax.added_on_top(charges)
        total_tax = sum((part for _, part in by_rate.values()), ZERO)
        wanted = None if inclusive else _explicit_tax(explicit, {"value": ""})
        if wanted is not None and by_rate:
            total_tax, by_rate = wanted, tax.overridden(by_rate, wanted)
        new["TxnTaxDetail"] = tax.detail(None, by_rate, total_tax)
        new["TotalAmt"] = money(lines.subtotal() - discount + total_tax)

    def _balance(self, ctx: Context, record_id: str, new: Json, old: Json | None, code: str) -> None:
        deposit = amount(new, "Deposit")
        if deposit < 0:
            raise faults.negative("Deposit")
        if deposit and not ctx.settings.allow_deposit:
            raise faults.feature_off("Deposits on sales forms are not switched on for this company.")
        total = amount(new, "TotalAmt")
        if deposit > total:
            raise faults.business("The deposit cannot be more than the total.", "Deposit")
        new["Deposit"] = money(deposit)
        owed, applied = total - deposit, ZERO
        if old is not None:
            applied = amount(old, "TotalAmt") - amount(old, "Deposit") - amount(old, "Balance")
            if applied > owed:
                new["LinkedTxn"] = applications.shrink(ctx, RECEIVABLE, "Invoice", record_id, old, applied - owed)
                applied = owed
        new["Balance"] = money(owed - applied)
        rate = ctx.rate(new.pop("ExchangeRate", None), code, ctx.settings.rates.get(code))
        for member in ("HomeTotalAmt", "HomeBalance"):
            new.pop(member, None)
        if rate is not None:
            new["ExchangeRate"] = rate
            home_amounts(new)

    def _links(self, new: Json, old: Json | None) -> None:
        for link in new.get("LinkedTxn", []):
            if link.get("TxnType") in ("Estimate", "TimeActivity"):
                raise faults.cannot_link(f"TxnType={link['TxnType']} is not available in this company.")
        new["LinkedTxn"] = list((old or {}).get("LinkedTxn", []))  # payments' links are not the client's to write

    def _defaults(self, ctx: Context, new: Json, old: Json | None, customer: Json) -> None:
        for member in ("ClassRef", "DepartmentRef"):
            new.pop(member, None)  # unavailable while tracking is off, and it cannot be on yet (entities.md 1.8)
        new.setdefault("EmailStatus", "NotSet")
        new.setdefault("PrintStatus", "NeedToPrint")
        if new["EmailStatus"] == "NeedToSend" and "BillEmail" not in new:
            raise faults.no_address()
        for member in ("AllowOnlineCreditCardPayment", "AllowOnlineACHPayment"):
            new[member] = False  # inactive without ETransactionPaymentEnabled (entities.md 1.8)
        new["AllowIPNPayment"] = new["AllowOnlinePayment"] = False
        account = ctx.resolve("Account", new.get("DepositToAccountRef"), "DepositToAccountRef")
        if account is not None:
            new["DepositToAccountRef"] = {"value": account["Id"], "name": account["Name"]}
        self._addresses(ctx, new, old, customer)
        self._custom_fields(ctx, new)

    def _addresses(self, ctx: Context, new: Json, old: Json | None, customer: Json) -> None:
        for member in ("BillAddr", "ShipAddr"):
            theirs = customer.get(member)
            if member not in new:
                if theirs is not None:
                    new[member] = theirs
                continue
            self._own_address(ctx, new, member, ((old or {}).get(member), theirs))
        if "ShipFromAddr" in new:
            self._own_address(ctx, new, "ShipFromAddr", ((old or {}).get("ShipFromAddr"),))

    def _own_address(self, ctx: Context, new: Json, member: str, known: tuple[Json | None, ...]) -> None:
        content = without_id(new[member])
        for candidate in known:
            if candidate is not None and without_id(candidate) == content:
                new[member] = candidate
                return
        new[member] = {"Id": ctx.book.next_id("address"), **content}

    def _custom_fields(self, ctx: Context, new: Json) -> None:
        sent = {entry.get("DefinitionId"): entry for entry in new.get("CustomField", [])}
        kept = []
        for definition, name in ctx.settings.custom_field_names:
            entry: Json = {"DefinitionId": definition, "Name": name, "Type": "StringType"}
            value = sent.get(definition, {}).get("StringValue")
            if value is not None:
                entry["StringValue"] = value
            kept.append(entry)
        new["CustomField"] = kept


def form_postings(book: Book, body: Json) -> list[tuple[str, Decimal]]:
    """The other side of a sale: income by line and tax as credits, the discount as a debit."""
    rows: list[tuple[str, Decimal]] = []
    for line in flat(body.get("Line", [])):
        detail = line.get("SalesItemLineDetail")
        if detail is not None:
            account = value_of(detail, "ItemAccountRef") or account_of(book, "Income")
            rows.append((account, -amount(line, "Amount")))
        elif "DiscountLineDetail" in line:
            rows.append((value_of(line["DiscountLineDetail"], "DiscountAccountRef"), amount(line, "Amount")))
    tax_total = amount(body.get("TxnTaxDetail", {}), "TotalTax")
    if tax_total:
        rows.append((account_of(book, "", "SalesTaxPayable"), -tax_total))
    return rows


def home_amounts(body: Json) -> None:
    """HomeTotalAmt and HomeBalance from the transaction's own rate."""
    rate = body["ExchangeRate"]
    body["HomeTotalAmt"] = money(amount(body, "TotalAmt") * rate)
    body["HomeBalance"] = money(amount(body, "Balance") * rate)


def due_date(txn_date: str, term: Json | None) -> str:
    """TxnDate plus the term's days; the date-driven kind falls on a day of this or the next month (entities.md 3.6)."""
    if term is None:
        return txn_date
    if "DueDays" in term:
        return add_days(txn_date, int(term["DueDays"]))
    year, month, today = (int(part) for part in txn_date.split("-"))
    wanted = int(term.get("DayOfMonthDue", 1))
    if today + int(term.get("DueNextMonthDays", 0)) > wanted:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    first = f"{year:04d}-{month:02d}-01"
    last = int(add_days(f"{year + month // 12:04d}-{month % 12 + 1:02d}-01", -1)[8:])
    return f"{first[:8]}{min(wanted, last):02d}"


def us_rates(ctx: Context, code: Json | None) -> tuple[tax.Rate, ...]:
    """The rates of a form's TxnTaxCodeRef; the pseudo codes are refused (entities.md 3.9)."""
    if code is None:
        return ()
    if code["value"] == "CustomSalesTax":
        raise faults.bad_tax_code("CustomSalesTax cannot be used.", 6160)
    if code["value"] in ("TAX", "NON"):
        raise faults.bad_tax_code("TxnTaxCodeRef must name a real tax code.")
    return line_rates(ctx, code)


def line_rates(ctx: Context, code: Json) -> tuple[tax.Rate, ...]:
    """The sales rates of a tax code."""
    body = ctx.resolve("TaxCode", code, "TaxCodeRef") or {}
    rates = []
    for entry in body.get("SalesTaxRateList", {}).get("TaxRateDetail", []):
        rate = ctx.unit.get("TaxRate", entry["TaxRateRef"]["value"])
        if rate is not None:
            rates.append(tax.Rate(rate["Id"], Decimal(rate["RateValue"])))
    return tuple(rates)


def _explicit_tax(sent: Json | None, code: Json | None) -> Decimal | None:
    """TotalTax where it overrides: always without a code; with one only when it is not zero (docs/sandbox.md)."""
    if sent is None or "TotalTax" not in sent:
        return None
    total = Decimal(sent["TotalTax"])
    if total < 0:
        raise faults.negative("TotalTax")
    return total if total or code is None else None


def _discounted(
    lines: Lines, codes: dict[str, tuple[Decimal, Decimal]], rates: dict[str, tuple[tax.Rate, ...]]
) -> tuple[list[tax.Charge], Decimal]:
    """Charges per code with the discount spread over them, and the net discount."""
    nets = [net for net, _ in codes.values()]
    grosses = [gross for _, gross in codes.values()]
    discount = set_discount(lines, sum(nets, ZERO))
    net_shares = tax.share(discount, nets)
    gross_shares = net_shares
    if lines.discount is not None:
        detail = lines.discount["DiscountLineDetail"]
        if detail["PercentBased"]:
            gross_shares = tax.share(rounded(sum(grosses, ZERO) * detail["DiscountPercent"] / 100), grosses)
        else:
            ratio = [gross / net if net else Decimal(1) for net, gross in codes.values()]
            gross_shares = [rounded(part * by) for part, by in zip(net_shares, ratio, strict=True)]
    charges = [
        tax.Charge(rates[code], net - net_part, gross - gross_part)
        for (code, (net, gross)), net_part, gross_part in zip(codes.items(), net_shares, gross_shares, strict=True)
    ]
    return charges, discount


def _zeroed(line: Json) -> Json:
    line = {**line, "Amount": ZERO} if "Amount" in line else dict(line)
    detail = line.get("SalesItemLineDetail")
    if detail is not None:
        kept = {name: value for name, value in detail.items() if name not in ("UnitPrice", "TaxInclusiveAmt")}
        line["SalesItemLineDetail"] = {**kept, "Qty": ZERO} if "Qty" in kept else kept
    group = line.get("GroupLineDetail")
    if group is not None:
        line["GroupLineDetail"] = {**group, "Line": [_zeroed(part) for part in group.get("Line", [])]}
    return line


RULES: dict[str, Rules] = {"Invoice": InvoiceRules()}
