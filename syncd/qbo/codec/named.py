"""What is matched by name and hardly ever written: items, tax codes, payment methods, accounts, projects (entities.md
3.2, 3.4 to 3.6, 3.9; R-22, R-57, R-101, R-102, R-112). Written are products, where the settings have them made (O-22),
and projects, where they are sub-customers (B-20)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import UNSET

from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present
from syncd.model.records.lists import Category, Item, PaymentMethod, Project, TaxCode
from syncd.model.values import text
from syncd.qbo.codec.parts import (
    CannotReadError,
    Reading,
    Ref,
    Wishes,
    decode_with,
    identity_of,
    linked,
    reference,
    refuse,
)
from syncd.qbo.codec.party import active_again, bare_name
from syncd.qbo.wire import Json, Raw

ITEM = "Item"
TAX_CODE = "TaxCode"
PAYMENT_METHOD = "PaymentMethod"
ACCOUNT = "Account"

_NO_PRODUCT = frozenset({"Category", "Group"})
"""A category only sorts; a bundle cannot stand for one line."""


class _Row(msgspec.Struct, rename="pascal"):
    """TAX and NON come without a SyncToken (entities.md 3.9)."""

    id: str
    sync_token: str = ""
    name: str | None = None
    display_name: str | None = None
    fully_qualified_name: str | None = None
    type: str | None = None
    active: bool = True
    parent_ref: Ref | None = None
    income_account_ref: Ref | None = None
    balance: Decimal | None = None
    currency_ref: Ref | None = None


_decoder = msgspec.json.Decoder(_Row)


def decode_item(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _item, row, reading)


def decode_tax_code(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _tax_code, row, reading)


def decode_payment_method(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _payment_method, row, reading)


def decode_category(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _category, row, reading)


def decode_project(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _project, row, reading)


def is_project(row: Raw | bytes) -> bool:
    """Whether a customer is a sub-customer or project: it has a parent (entities.md 3.2)."""
    return _decoder.decode(row).parent_ref is not None


def _item(row: _Row, _: Reading) -> tuple[Item, str]:
    if row.type in _NO_PRODUCT:
        raise CannotReadError(
            "item-type", f"A {row.type.lower()} is no product or service of its own.", "Choose another item.", "name"
        )
    name = _name(row, row.name, "item")
    return Item(id=row.id, name=name, active=row.active, booked=row.income_account_ref is not None), row.sync_token


def create_item(record: Item, wishes: Wishes) -> Json:
    """A service on the account that the settings name (O-22, entities.md 3.4)."""
    account = wishes.settings.default_income_account
    if not account:
        raise refuse(
            "income-account",
            "The product is not in QuickBooks, and no income account is chosen for new ones.",
            "Set default_income_account to an income account in QuickBooks.",
        )
    return {
        "Name": text(record.name),
        "Type": "Service",
        "IncomeAccountRef": reference(wishes.resolve.account(account)),
    }


def _tax_code(row: _Row, _: Reading) -> tuple[TaxCode, str]:
    return TaxCode(id=row.id, name=_name(row, row.name, "tax code"), active=row.active), row.sync_token


def _payment_method(row: _Row, _: Reading) -> tuple[PaymentMethod, str]:
    return PaymentMethod(id=row.id, name=_name(row, row.name, "payment method"), active=row.active), row.sync_token


def _category(row: _Row, _: Reading) -> tuple[Category, str]:
    """By its full name: several accounts may have the same name under different parents (entities.md 3.1)."""
    name = _name(row, row.fully_qualified_name or row.name, "account")
    return Category(id=row.id, name=name, active=row.active), row.sync_token


def _project(row: _Row, reading: Reading) -> tuple[Project, str]:
    return Project(
        id=row.id,
        name=_name(row, row.display_name, "project"),
        active=row.active,
        client=row.parent_ref.value if row.parent_ref else "",
        currency=(row.currency_ref.value if row.currency_ref else "") or reading.home_currency,
        balance=UNSET if row.balance is None else row.balance,
    ), row.sync_token


def create_project(record: Project, wishes: Wishes) -> Json:
    """A sub-customer of its client's customer, in the same currency (entities.md 3.2)."""
    body: Json = {
        "DisplayName": text(record.name),
        "Job": True,
        "ParentRef": reference(linked(wishes, Kind.CLIENT, record.client)),
    }
    if wishes.facts.multicurrency and isinstance(record.currency, str) and record.currency:
        body["CurrencyRef"] = reference(record.currency)
    return body


def update_project(record: Project, wishes: Wishes, current: Json) -> Json:
    """A sparse update of the named fields."""
    body: Json = identity_of(current) | {"sparse": True}
    if "name" in wishes.fields:
        body["DisplayName"] = text(record.name)
    if "client" in wishes.fields:
        body |= {"Job": True, "ParentRef": reference(linked(wishes, Kind.CLIENT, record.client))}
    return body | active_again(wishes, current)


def _name(row: _Row, name: str | None, noun: str) -> str:
    if not name:
        raise CannotReadError("name-empty", f"The {noun} has no name.", "Give it a name in QuickBooks.", "name")
    return bare_name(name, active=row.active)
