"""What a cycle needs to know of the company and of the settings before it can compare or decide anything."""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

import msgspec

UpdateWay: TypeAlias = Literal["qbo_wins", "source_wins", "overwrite", "frozen", "manual"]
"""Who is followed after both sides agreed (X-1). ``qbo_wins``: whichever side changed; QuickBooks where both changed
the same field. ``source_wins``: the source, field by field; what QuickBooks changed besides is recorded and left.
``overwrite``: the source, with the whole record. ``frozen``: neither, what is in QuickBooks is not changed any more.
``manual``: every change waits for a person."""


class BooksFacts(msgspec.Struct, frozen=True):
    """The QBO company and those of its preferences that change what may be sent (entities.md 2.1, 2.2).

    ``tracks``: what the company wants to have on its documents beside what syncd sends (classes, locations).
    ``purchase_orders``: false where it is known that the plan or the preferences have none (B-15, entities.md 1.8).
    """

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
    tracks: tuple[str, ...] = ()
    close_date: date | None = None
    read_only: bool = False
    purchase_orders: bool = True

    @property
    def global_tax(self) -> bool:
        """Outside the US every line carries a real tax code (entities.md 3.9)."""
        return self.country not in {"US", "USA", ""}


class Settings(msgspec.Struct, frozen=True):
    """A company's settings: the catalogue of behaviour.md section 7 as far as its kinds exist.

    Accounts and items are named as in QBO or given by id (``"id:57"``); the QBO adapter resolves them. The maps go from
    a name in the source to a name in QBO (or ``"id:57"``); what they do not name is matched by identical spelling.

    These are the settings that hold. What a configuration says, and what a profile brings along where it says nothing,
    is put together in one place (``profiles.said``).
    """

    default_item: str = ""
    default_expense_account: str = ""
    deposit_account: str = ""
    discount_account: str = ""
    default_tax_code: str = ""
    exempt_tax_code: str = ""
    tax_code_map: dict[str, str] = msgspec.field(default_factory=dict)
    customer_map: dict[str, str] = msgspec.field(default_factory=dict)
    item_map: dict[str, str] = msgspec.field(default_factory=dict)
    line_type_map: dict[str, str] = msgspec.field(default_factory=dict)
    """By the types of lines that the source knows, the item of QBO that each is billed as (V-4)."""
    line_types: tuple[str, ...] = ()
    """Those types, where the source calls them otherwise than the profile does; empty: as the profile says."""
    vendor_map: dict[str, str] = msgspec.field(default_factory=dict)
    category_map: dict[str, str] = msgspec.field(default_factory=dict)
    payment_method_map: dict[str, str] = msgspec.field(default_factory=dict)
    project_map: dict[str, str] = msgspec.field(default_factory=dict)
    save_invoice_on_publish: bool = True
    """What holds for a published invoice or credit note whose source does not say (R-2)."""
    save_payment_on_entry: bool = True
    """The same for a payment (R-50)."""
    remove_invoice_on_unpublish: bool = False
    """Whether QBO's document goes when the source withdraws or deletes it and does not say (R-45)."""
    remove_payment_on_delete: bool = True
    """The same for a payment (R-73)."""
    on_source_delete: Literal["hold", "delete", "ignore"] = "hold"
    """What becomes of QBO's record when the source deletes one of a profile that does not know tick boxes (C-V5)."""
    on_qbo_delete: Literal["hold", "unpublish", "ignore"] = "hold"
    """What becomes of the source's invoice when QBO's is deleted (C-R15)."""
    on_qbo_void: Literal["hold", "void", "ignore"] = "hold"
    """The same when it is voided."""
    missing_item: Literal["default_item", "create", "refuse"] = "default_item"
    """What becomes of a line whose item QBO does not have (X-4): the default item stands for it, a product of that name
    is made on ``default_income_account`` (O-22), or the document is held."""
    default_income_account: str = ""
    """The account of the products that are made (O-4)."""
    push_on: Literal["", "publish", "submit", "create", "sent", "button"] = ""
    """When an invoice goes out; empty: as the profile has it. ``button``: only when a person asks (O-10)."""
    tax_mode: Literal["code", "line", "none"] = "code"
    """How tax goes out: by a tax code; as a line of ``tax_item``, with every line free of tax (O-29, C-O3), and the
    discount as a line of ``discount_item``; or not at all (B-17): documents then go out without it, and people add it
    in QBO by hand (C-B4)."""
    tax_item: str = ""
    discount_item: str = ""
    currency_mode: Literal["keep", "home_only"] = "keep"
    """Whether documents and customers carry their currency, or QBO decides it (O-32); a document in another one than
    its customer's is then held (C-O5)."""
    send_via_qbo: bool = False
    """Whether QBO may be asked to mail an invoice (O-15, X-7). Nothing is ever mailed without a person asking."""
    numbering: Literal["", "source", "qbo", "counted"] = ""
    """Who numbers documents. Empty: as the profile says, mostly the source as far as QBO takes its numbers, and QBO's
    answer comes back (C-R10). ``source``: nothing goes out that QBO would number itself (V-8). ``qbo``: QBO alone.
    ``counted``: syncd counts invoices up from ``first_number`` (B-18)."""
    first_number: str = ""
    """The first number that syncd gives, such as ``1001`` or ``INV-0100``; it must be free in QBO (B-19)."""
    project_as: Literal["none", "sub_customer"] = "none"
    """What a project of the source is in QBO: nothing, or a sub-customer under its client's customer, which its
    documents are billed to (B-20, B-22)."""
    estimates: bool = False
    """Whether estimates are sent (V-14)."""
    mark_paid_account: str = ""
    """Where the money lies that is entered because somebody marked an invoice as paid; empty: ``deposit_account``
    (C-V3)."""
    rate_sources: tuple[Literal["qbo_on_date", "qbo_current", "source"], ...] = ("qbo_on_date", "qbo_current", "source")
    """Where the exchange rate of a foreign document comes from, in this order (R-20)."""
    discount_before_tax: bool = True
    """Whether tax is computed on what is left after the discount (US companies; elsewhere it always is)."""
    expense_bills: bool = False
    """Whether reimbursable expenses become bills (R-89)."""
    expense_bills_from: date | None = None
    expense_bills_to: date | None = None
    """The dates of the expenses that do, both included; None: no limit (R-95)."""
    expense_bills_by: Literal["report", "run"] = "report"
    """One bill for each expense report, or one for everything that is new in a run; always one member and currency."""
    update_policy: dict[str, UpdateWay] = msgspec.field(default_factory=dict)
    """By kind, who is followed after a change, in place of what the profile says (X-1)."""
    payment_account: str = ""
    """The account that approved expenses are paid from (entities.md 6.4). Its type says whether by card."""
    payable_as: Literal["expense", "bill", "by_payment"] = "expense"
    """What an approved expense becomes: money already spent (B-38), what is owed, or as its own mark says (C-B7)."""
    purchase_orders: bool = False
    """Whether purchase orders go to QBO (B-44); takes the plan Plus."""
    attachments: bool = True
    """Whether files go along with their documents (B-28, B-39), where the source has them."""
    allow_tax_drop: bool = False
    allow_discount_drop: bool = False
    sync_start_date: date | None = None
    reconciled_until: date | None = None
    """Up to this date the books are reconciled with the bank: changes and removals there wait for approval (F-94)."""
    amount_ceiling: str = ""
    """An amount (in any currency) above which a create or an amount change waits for approval; empty: none."""
