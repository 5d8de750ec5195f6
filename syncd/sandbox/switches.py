"""Switches for behaviour that QBO does not document, or that a test wants otherwise (protocol.md 14 and 15).

The defaults are the stricter reading: a client that survives them survives the other setting too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, get_args, get_type_hints

Throttle = ("exact", "lenient", "off")

CHOICES: dict[str, tuple[str, ...]] = {
    "throttle": Throttle,
    "throttle_body": ("json_lower", "json_title", "xml", "empty"),
    "missing_accept": ("xml", "refuse"),
    "cdc_cap": ("total", "entity"),
    "cdc_too_old": ("error", "clamp"),
    "cdc_since": ("inclusive", "exclusive"),
    "requestid_mismatch": ("replay", "600"),
    "refresh_grace": ("0", "24h", "revoke-on-reuse"),
    "naive_times": ("pacific", "utc"),
    "query_unequal": ("accept", "refuse"),
    "default_order": ("id_desc", "id", "shuffle"),
    "content_type": ("refuse", "ignore"),
    "duplicate_bid": ("refuse", "each"),
    "requestid_concurrent": ("run", "wait", "600"),
    "invalid_client_status": ("401", "400"),
    "invalid_grant_text": ("invalid", "token", "none"),
    "code_reuse": ("revoke", "keep"),
    "derived_balances": ("still", "time"),
    "overpayment": ("cap", "refuse"),
    "delete_paid_invoice": ("unapply", "refuse"),
    "omitted_currency": ("home", "customer"),
    "reactivated_name": ("kept", "restored"),
    "inactive_reference": ("2500", "610"),
    "preferences_update": ("clear", "keep"),
    "merge_loser": ("gone", "inactive"),
    "webhook_retries": ("current", "immediate", "old"),
    "webhook_inactive": ("update", "delete"),
    "webhook_times": ("utc", "offset"),
    "webhook_data": ("empty", "alternative_ids", "absent"),
    "webhook_content_type": ("json", "cloudevents", "batch"),
    "duplicate_bill_number": ("error", "vendor", "preference"),
    "purchase_numbers": ("auto", "none"),
    "purchase_ex": ("ignore", "refuse"),
    "delete_linked_purchase": ("unlink", "refuse"),
    "unlinked_bill_payment": ("keep", "void"),
    "document_pool": ("forms", "kind"),
    "global_tax_missing": ("refuse", "excluded"),
    "automated_tax_override": ("ignore", "honour"),
    "automated_tax_no_address": ("zero", "origin"),
    "auto_apply_credit_on": ("both", "invoice"),
    "delete_applied_credit": ("unapply", "refuse"),
    "unusable_estimate": ("drop", "refuse"),
}

NUMBERS: dict[str, tuple[float, ...]] = {
    "requests_per_minute": (60,),
    "requests_per_second": (3,),
    "batches_per_minute_app": (5,),
    "batches_per_minute_realm": (5,),
    "cdc_limit": (2,),
    "webhook_aggregate_seconds": (60.0,),
    "webhook_duplicates": (1.0,),
    "webhook_reorder": (0.5,),
    "webhook_reorder_seconds": (600.0,),
    "webhook_drops": (0.5,),
    "webhook_deadline_seconds": (0.5,),
    "webhook_max_events": (1,),
    "cdc_lag_seconds": (30.0,),
    "requestid_ttl_seconds": (0.0,),
    "monthly_cap": (0,),
    "batch_objects": (10_000,),
    "body_limit_bytes": (1_000_000,),
    "upload_limit_bytes": (1_000_000,),
    "url_limit_bytes": (65_536,),
    "code_seconds": (60.0,),
}
"""For each number another value that a client should survive, for suites that try them all."""


@dataclass
class Switches:
    """All switches of a server; changed with ``PATCH /_sandbox/switches``."""

    throttle: str = "exact"
    """exact: every limit of protocol.md 3.1; lenient: the per-minute ones only; off."""
    throttle_body: str = "json_lower"
    """Form of a 429 body (protocol.md 3.2)."""
    requests_per_minute: int = 500
    requests_per_second: int = 10
    batches_per_minute_app: int = 40
    batches_per_minute_realm: int = 120
    monthly_cap: int = 500_000
    """Metered reads ("CorePlus") of all companies together in a calendar month, then 429; 0: none (protocol.md 3.3)."""
    body_limit_bytes: int = 10_485_760
    """A larger body is refused with 413 (protocol.md 9.2; the size is a guess)."""
    upload_limit_bytes: int = 104_857_600
    """The same for a whole upload, which is refused with 6030 (protocol.md 11)."""
    url_limit_bytes: int = 8_192
    """A longer address is refused with 414 (a guess)."""
    gzip: bool = True
    """Compress answers for those who accept it (protocol.md 1.3)."""
    content_type: str = "refuse"
    """A body that does not say it is JSON: 415, or read as JSON all the same (protocol.md 1.3)."""
    unknown_members: bool = False
    """Every record carries a member nobody has heard of (protocol.md 1.6)."""
    missing_accept: str = "xml"
    """What a request that does not accept JSON gets: XML, as from QBO, or a refusal (protocol.md 1.3)."""
    cdc_cap: str = "total"
    """Does the cap of 1,000 hold for the whole answer or for each entity (protocol.md 5.5)."""
    cdc_limit: int = 1000
    cdc_too_old: str = "error"
    """changedSince more than 30 days ago: a fault, or silently the last 30 days (protocol.md 5.5)."""
    cdc_since: str = "inclusive"
    cdc_shuffle: bool = True
    """Give the groups in another order than asked (protocol.md 5.2)."""
    cdc_lag_seconds: float = 0.0
    """Hide changes from CDC until they are so old (protocol.md 5.7)."""
    batch_shuffle: bool = True
    """Answer the items of a batch in another order than sent (protocol.md 6.2)."""
    batch_objects: int = 1000
    """Objects in the answer of a batch; the item that goes beyond gets fault 10100 (protocol.md 3.1)."""
    duplicate_bid: str = "refuse"
    """Two items with the same bId: the batch is refused, or each is carried out (protocol.md 6.2)."""
    requestid_ttl_seconds: float = 86_400.0
    requestid_faults: bool = False
    """Are faults remembered and replayed too (protocol.md 7)."""
    requestid_mismatch: str = "replay"
    """The same requestid with another body: the first answer again, or fault 600."""
    requestid_concurrent: str = "run"
    """A requestid whose first request is not answered yet: whichever reaches the books first is carried out and the
    other gets its answer; wait: the second waits for the first; 600: the second is refused (protocol.md 7)."""
    invalid_client_status: str = "401"
    """HTTP status of invalid_client (protocol.md 2.7)."""
    invalid_grant_text: str = "invalid"
    """error_description of invalid_grant: "Incorrect or invalid refresh token", "Token invalid" or none."""
    code_seconds: float = 300.0
    """Life of an authorization code (protocol.md 2.2)."""
    code_reuse: str = "revoke"
    """A code that is presented again also ends the tokens it gave, or leaves them alone (protocol.md 2.2)."""
    refresh_grace: str = "0"
    """A superseded refresh token: refused at once, good for 24 h, or ends the grant (protocol.md 2.5)."""
    naive_times: str = "pacific"
    """How a time without offset is read (protocol.md 4.4)."""
    query_unequal: str = "accept"
    """``!=`` in a query, on members other than Id: it works live but is not documented (protocol.md 4.1)."""
    default_order: str = "id_desc"
    """Order of transactions in a query without ORDERBY (protocol.md 4.2); shuffle: of any entity, another each time."""
    derived_balances: str = "still"
    """time: a customer's LastUpdatedTime moves with the balance, the SyncToken never does (protocol.md 5.4)."""
    noop_update_bumps: bool = True
    """Does an update that changes nothing raise the SyncToken (protocol.md 8.2, entities.md 1.2)."""
    sparse_payment: bool = False
    """Accept a sparse update of a Payment (refused live, entities.md 1.3)."""
    overpayment: str = "cap"
    """A payment line above the open balance: cut to it, the rest unapplied, or refused (entities.md 5.2)."""
    delete_paid_invoice: str = "unapply"
    """Deleting an invoice that has payments: they become unapplied, or it is refused (entities.md 4.3)."""
    omitted_currency: str = "home"
    """CurrencyRef left out in a multicurrency company: the home currency (so 6000 for a foreign customer), or the
    customer's (entities.md 12, item 6)."""
    duplicate_bill_number: str = "error"
    """The DocNumber of another bill: 6140, only for the same vendor, or only with the preference
    WarnDuplicateBillNumber (the pages differ, entities.md 1.7)."""
    purchase_numbers: str = "auto"
    """A Purchase without DocNumber in a company that numbers by itself: the next number, as its page says, or none, as
    in the samples (entities.md 1.7, S:purchase-create)."""
    purchase_ex: str = "ignore"
    """PurchaseEx sent back: ignored, as in the page's own full update, or 2010, as seen live (protocol.md 8.2)."""
    delete_linked_purchase: str = "unlink"
    """Deleting a bill or vendor credit that bill payments hang on, or a purchase order that was billed: they let go, or
    it is refused (code 800; the pages ask to unlink first, entities.md 6.2, 6.5)."""
    unlinked_bill_payment: str = "keep"
    """A bill payment whose bills are all paid already: keeps its money as a credit (S:billpayment-query, Id 237), or is
    voided at once."""
    order_closes: bool = True
    """Is a purchase order Closed once its lines are billed in full (entities.md 6.5)."""
    document_pool: str = "forms"
    """Where a DocNumber must be unique: over all sales forms, or among forms of its own kind (entities.md 1.7)."""
    global_tax_missing: str = "refuse"
    """GlobalTaxCalculation left out outside the US: 2020, or taken as TaxExcluded (entities.md 3.9, 4.2)."""
    automated_tax_override: str = "ignore"
    """An explicit TotalTax under automated sales tax: ignored, or honoured (entities.md 3.9, 11)."""
    automated_tax_no_address: str = "zero"
    """Automated sales tax without any address: no tax (seen live), or that of the company's own (entities.md 3.9)."""
    auto_apply_credit_on: str = "both"
    """With the preference AutoApplyCredit: on new invoices and new credit memos, or on new invoices only
    (entities.md 5.3 and 12, item 7)."""
    auto_apply_payments: bool = False
    """With the preference AutoApplyPayments (undocumented): put unapplied payments on a new invoice."""
    delete_applied_credit: str = "unapply"
    """Deleting a credit memo that is applied: what it paid opens again, or it is refused (entities.md 4.5)."""
    undocumented_voids: bool = False
    """Accept a void of CreditMemo and RefundReceipt, which no page documents (entities.md 1.5)."""
    unusable_estimate: str = "drop"
    """An invoice that names an estimate which is not Pending or Accepted: saved without the link, or 620."""
    duplicate_name_id: bool = False
    """Append the holder's Id to the Detail of 6240 (entities.md 3.1)."""
    reactivated_name: str = "kept"
    """What comes back keeps " (deleted)" in its name unless another is sent, or loses it (entities.md 9.1)."""
    inactive_reference: str = "2500"
    """The code for naming something inactive in a write (entities.md 9.1)."""
    preferences_update: str = "clear"
    """A full update of Preferences: what is left out falls back to its default, as the page says, or stays as in the
    page's sample."""
    merge_loser: str = "gone"
    """What a merge leaves of the absorbed record: nothing (610, a deletion in CDC), or an inactive one (9.3)."""
    merge_bumps: bool = False
    """Does a merge raise the SyncToken of the transactions it moves (entities.md 9.3)."""
    webhook_aggregate_seconds: float = 0.0
    """Events of so many seconds travel together; 0: as soon as they happen (protocol.md 10.4)."""
    webhook_shuffle: bool = True
    """The events of one POST come in another order than they happened (S:webhook-classic-vendor-customer)."""
    webhook_duplicates: float = 0.0
    """Probability that an event comes once more, in a POST of its own (protocol.md 10.4)."""
    webhook_reorder: float = 0.0
    """Probability that an event is late, so that later ones overtake it; how late is the next switch."""
    webhook_reorder_seconds: float = 60.0
    webhook_drops: float = 0.0
    """Probability that an event is lost."""
    webhook_blocking: bool = True
    """Are later events held back until a failed POST is answered with 200 (protocol.md 10.4)."""
    webhook_retries: str = "current"
    """The ladder in force; with an immediate first retry, as announced in 2025; or the old text's: 20, 30 and 50
    minutes, only after 408, 500, 502, 503, 504 or no answer, then nothing more is sent (protocol.md 10.4)."""
    webhook_deadline_seconds: float = 3.0
    """So long, in real time, may an endpoint take to answer (protocol.md 10.4)."""
    webhook_linked: bool = False
    """Does a document that a payment bumps cause an Update event too (entities.md 8, not established)."""
    webhook_inactive: str = "update"
    """What the event of a deactivated list record says: Update or Delete (not established)."""
    webhook_times: str = "utc"
    """lastUpdated of the classic form: UTC with milliseconds, or an older sample's offset without colon (10.2)."""
    webhook_data: str = "empty"
    """``data`` of a CloudEvent: empty, with alternative_ids, or absent, as the samples vary (protocol.md 10.3)."""
    webhook_content_type: str = "json"
    """Content-Type of the CloudEvents form: application/json, application/cloudevents+json or its batch variant."""
    webhook_max_events: int = 100
    """So many events at most in one POST of the CloudEvents form (protocol.md 10.3)."""
    keep_bodies: bool = False
    """Does the ledger keep the bodies of requests and answers; not a matter of QuickBooks."""

    def public(self) -> dict[str, Any]:
        """All switches with their values."""
        return asdict(self)

    def change(self, wanted: dict[str, Any]) -> None:
        """Set several at once; ValueError names every bad one and nothing is set."""
        hints = get_type_hints(type(self))
        known = {item.name for item in fields(self)}
        problems = []
        for name, value in wanted.items():
            if name not in known:
                problems.append(f"unknown switch {name}")
                continue
            kinds = (int, float) if hints[name] is float else get_args(hints[name]) or (hints[name],)
            if not isinstance(value, kinds) or (isinstance(value, bool) and hints[name] is not bool):
                problems.append(f"{name} must be {hints[name].__name__}")
            elif name in CHOICES and value not in CHOICES[name]:
                problems.append(f"{name} must be one of {', '.join(CHOICES[name])}")
        if problems:
            raise ValueError("; ".join(problems))
        for name, value in wanted.items():
            setattr(self, name, value)
