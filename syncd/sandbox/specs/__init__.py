"""The entities as tables, one module for each family.

An entity that is not here but exists in QBO is in ``NOT_SERVED``: it reads as an empty list and takes no writes.
"""

from __future__ import annotations

from syncd.sandbox.specs.base import Spec as Spec
from syncd.sandbox.specs.base import words
from syncd.sandbox.specs.company import COMPANY
from syncd.sandbox.specs.files import FILES
from syncd.sandbox.specs.ledger import LEDGER
from syncd.sandbox.specs.lists import LISTS
from syncd.sandbox.specs.payments import PAYMENTS
from syncd.sandbox.specs.purchases import PURCHASES
from syncd.sandbox.specs.sales import SALES
from syncd.sandbox.specs.taxes import TAXES

_FAMILIES = (LISTS, TAXES, COMPANY, SALES, PAYMENTS, PURCHASES, LEDGER, FILES)
SPECS: dict[str, Spec] = {spec.name: spec for family in _FAMILIES for spec in family}

_IN_QBO = words(
    "Attachable Bill BillPayment Budget Class CompanyCurrency CreditCardPayment CreditMemo CustomerType Department "
    "Deposit Employee Estimate ExchangeRate JournalCode JournalEntry Purchase PurchaseOrder RecurringTransaction "
    "RefundReceipt SalesReceipt TaxAgency TimeActivity Transfer Vendor VendorCredit"
)
NOT_SERVED = _IN_QBO - SPECS.keys()
NOT_IN_CDC = frozenset(
    {"TaxAgency", "TimeActivity", "JournalCode", "ExchangeRate"}
    | {spec.name for spec in SPECS.values() if not spec.in_cdc}
)

BY_PATH: dict[str, str] = {name.lower(): name for name in (*SPECS, *NOT_SERVED)}
