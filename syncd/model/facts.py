"""What a cycle needs to know of the company and of the settings before it can compare or decide anything."""

from __future__ import annotations

from datetime import date

import msgspec


class BooksFacts(msgspec.Struct, frozen=True):
    """The QBO company and those of its preferences that change what may be sent (entities.md 2.1, 2.2)."""

    realm_id: str
    name: str
    country: str
    home_currency: str
    multicurrency: bool = False
    custom_numbers: bool = False
    sales_tax: bool = False
    automated_tax: bool = False
    allow_discount: bool = False
    auto_apply_credit: bool = False
    close_date: date | None = None
    read_only: bool = False

    @property
    def global_tax(self) -> bool:
        """Outside the US every line carries a real tax code (entities.md 3.9)."""
        return self.country not in {"US", "USA", ""}


class Settings(msgspec.Struct, frozen=True):
    """A company's settings: the catalogue of behaviour.md section 7 as far as its kinds exist.

    Accounts and items are named as in QBO or given by id (``"id:57"``); the QBO adapter resolves them.
    """

    default_item: str = ""
    deposit_account: str = ""
    discount_account: str = ""
    default_tax_code: str = ""
    exempt_tax_code: str = ""
    tax_code_map: dict[str, str] = msgspec.field(default_factory=dict)
    allow_tax_drop: bool = False
    allow_discount_drop: bool = False
    sync_start_date: date | None = None
    amount_ceiling: str = ""
    """An amount (in any currency) above which a create or an amount change waits for approval; empty: none."""
