"""The sales forms by entity."""

from __future__ import annotations

from syncd.sandbox.rules.base import Rules
from syncd.sandbox.rules.creditmemos import CreditMemoRules
from syncd.sandbox.rules.estimates import EstimateRules
from syncd.sandbox.rules.invoices import InvoiceRules
from syncd.sandbox.rules.receipts import RefundReceiptRules, SalesReceiptRules

RULES: dict[str, Rules] = {
    "Invoice": InvoiceRules(),
    "Estimate": EstimateRules(),
    "CreditMemo": CreditMemoRules(),
    "SalesReceipt": SalesReceiptRules(),
    "RefundReceipt": RefundReceiptRules(),
}
