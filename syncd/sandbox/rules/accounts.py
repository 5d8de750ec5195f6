"""Rules of the Account (entities.md 3.5)."""

from __future__ import annotations

from decimal import Decimal

from syncd.sandbox import faults
from syncd.sandbox.context import Context
from syncd.sandbox.currencies import CURRENCIES, currency_ref
from syncd.sandbox.rules import currencies
from syncd.sandbox.rules.account_types import CLASSIFICATIONS, DEFAULT_SUB_TYPES, SPECIAL, SUB_TYPES, TYPE_OF
from syncd.sandbox.rules.base import Rules, account_of, value_of
from syncd.sandbox.rules.trees import holder_of, place_in_tree, rename_children, switch_active, unique_path
from syncd.sandbox.wire import ZERO, Json, amount, money

_LONG_NUMBERS = frozenset({"AU", "CA"})


class AccountRules:
    """An account: its type decides everything; balances are moved by transactions only."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves."""
        if "Name" not in new:
            raise faults.missing("Name")
        new["Name"] = new["Name"].strip()
        _types(new, old, sent)
        _number(ctx, new)
        taken = unique_path(ctx, "Account", record_id, new)
        deactivated = switch_active(ctx, new, old, "Name", taken)
        self._parent(ctx, record_id, new)
        if taken(new["Name"]):
            holder = holder_of(ctx, "Account", "FullyQualifiedName", new["FullyQualifiedName"])
            raise faults.duplicate_name("account", holder)
        self._currency(ctx, new, old)
        code = ctx.resolve("TaxCode", new.get("TaxCodeRef"), "TaxCodeRef")
        if code is not None:
            new["TaxCodeRef"] = {"value": code["Id"]}
        for member in ("CurrentBalance", "CurrentBalanceWithSubAccounts"):
            new[member] = amount(old or {}, member)
        if old is not None:
            self._moved(ctx, record_id, new, old)
        if deactivated and new["CurrentBalance"]:
            _write_off(ctx, record_id, new)
        return new

    def _parent(self, ctx: Context, record_id: str, new: Json) -> None:
        parent = place_in_tree(ctx, "Account", record_id, new, new["Name"])
        new.pop("Level", None)
        new["SubAccount"] = parent is not None
        if parent is None:
            return
        if new["AccountSubType"] in SPECIAL or parent["AccountSubType"] in SPECIAL:
            raise faults.business("This account can neither have nor be a sub-account.", "ParentRef")
        if new["AccountType"] != parent["AccountType"]:
            raise faults.business("A sub-account must be of the same type as its parent.", "ParentRef")
        new["ParentRef"] = {"value": parent["Id"]}

    def _currency(self, ctx: Context, new: Json, old: Json | None) -> None:
        settings = ctx.settings
        code = str(new["CurrencyRef"]["value"]).upper() if "CurrencyRef" in new else settings.home_currency
        if old is not None:
            code = value_of(old, "CurrencyRef", settings.home_currency)
        elif code != settings.home_currency:
            if not settings.multicurrency:
                raise faults.business("Multicurrency is not switched on for this company.", "CurrencyRef")
            if code not in CURRENCIES:
                raise faults.bad_reference("CurrencyRef")
            currencies.add(ctx, code)
        new["CurrencyRef"] = currency_ref(code)

    def _moved(self, ctx: Context, record_id: str, new: Json, old: Json) -> None:
        """A new name or place: the paths below follow, and so do the sums above."""
        if old.get("FullyQualifiedName") != new["FullyQualifiedName"]:
            rename_children(ctx, "Account", record_id, new, "Name")
        before, after = value_of(old, "ParentRef"), value_of(new, "ParentRef")
        if before != after:
            whole = amount(new, "CurrentBalanceWithSubAccounts")
            _add_above(ctx, before, -whole)
            _add_above(ctx, after, whole)


def _types(new: Json, old: Json | None, sent: frozenset[str]) -> None:
    """AccountType and AccountSubType, each filled in from the other; neither is 6010."""
    kind, sub_kind = new.get("AccountType"), new.get("AccountSubType")
    if old is not None and "AccountType" in sent and "AccountSubType" not in sent:
        sub_kind = sub_kind if kind == old.get("AccountType") else None
    if kind is None and sub_kind is None:
        raise faults.account_type_missing()
    if kind is None:
        kind = TYPE_OF.get(str(sub_kind))
        if kind is None:
            raise faults.bad_enum("AccountSubType", str(sub_kind))
    if kind not in CLASSIFICATIONS:
        raise faults.bad_enum("AccountType", str(kind))
    if sub_kind is None:
        sub_kind = DEFAULT_SUB_TYPES[kind]
    elif sub_kind not in SUB_TYPES[kind] and (old is None or sub_kind != old.get("AccountSubType")):
        raise faults.bad_enum("AccountSubType", sub_kind)
    if old is not None and old["AccountSubType"] in SPECIAL and sub_kind != old["AccountSubType"]:
        raise faults.business("The type of this account cannot be changed.", "AccountSubType")
    new["AccountType"], new["AccountSubType"] = kind, sub_kind
    new["Classification"] = CLASSIFICATIONS[kind]


def _number(ctx: Context, new: Json) -> None:
    longest = 20 if ctx.settings.country in _LONG_NUMBERS else 7
    number = new.get("AcctNum", "")
    if len(number) > longest:
        raise faults.bad_length("AcctNum", 0, longest, len(number))


def _write_off(ctx: Context, record_id: str, new: Json) -> None:
    """A deactivated account shows no balance; what it held goes to Opening Balance Equity (protocol.md 8.4)."""
    equity_id = account_of(ctx.book, "", "OpeningBalanceEquity")
    if not equity_id or equity_id == record_id:
        return
    own = amount(new, "CurrentBalance")
    equity = ctx.unit.get("Account", equity_id) or {}
    debit = -own if new["AccountType"] == "Credit Card" else own
    for member in ("CurrentBalance", "CurrentBalanceWithSubAccounts"):
        equity[member] = money(amount(equity, member) + debit)
    ctx.unit.put("Account", equity_id, equity, "derived")
    new["CurrentBalance"] = ZERO
    new["CurrentBalanceWithSubAccounts"] = money(amount(new, "CurrentBalanceWithSubAccounts") - own)
    _add_above(ctx, value_of(new, "ParentRef"), -own)


def _add_above(ctx: Context, account: str, change: Decimal) -> None:
    """Change what an account and everything above it shows with its sub-accounts."""
    while account:
        body = ctx.unit.get("Account", account)
        if body is None:
            return
        body["CurrentBalanceWithSubAccounts"] = money(amount(body, "CurrentBalanceWithSubAccounts") + change)
        ctx.unit.put("Account", account, body, "derived")
        account = value_of(body, "ParentRef")


RULES: dict[str, Rules] = {"Account": AccountRules()}
