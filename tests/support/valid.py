"""Valid requests of every kind, to be taken apart. They suit a company with customer 1, vendor 2, invoice 101 and
bill 102."""

from __future__ import annotations

from typing import Any

from syncd.sandbox.switches import Switches

Json = dict[str, Any]

ADDRESS = {"Line1": "1 High St", "City": "Bath", "PostalCode": "BA1", "Country": "GB", "CountrySubDivisionCode": "X"}


def _line(detail: str, amount: Any = 10, **inside: Any) -> Json:
    return {"Id": "1", "LineNum": 1, "Description": "d", "Amount": amount, "DetailType": detail, detail: inside}


SOLD = _line("SalesItemLineDetail", ItemRef={"value": "1"}, Qty=2, UnitPrice=5, TaxCodeRef={"value": "NON"})
SPENT = _line("AccountBasedExpenseLineDetail", AccountRef={"value": "78"}, BillableStatus="NotBillable")
BOUGHT = _line("ItemBasedExpenseLineDetail", ItemRef={"value": "1"}, Qty=1, UnitPrice=10)
FORM: Json = {
    "CustomerRef": {"value": "1"},
    "Line": [SOLD, {"Amount": 1, "DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": False}}],
    "TxnDate": "2026-01-05",
    "DocNumber": "F-1",
    "CustomerMemo": {"value": "m"},
    "BillEmail": {"Address": "a@b.co"},
    "BillAddr": ADDRESS,
    "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "2"}},
    "CustomField": [{"DefinitionId": "1", "Type": "StringType", "StringValue": "x"}],
    "EmailStatus": "NotSet",
    "PrivateNote": "n",
}
BILL: Json = {"VendorRef": {"value": "2"}, "Line": [SPENT, BOUGHT], "TxnDate": "2026-01-05", "DocNumber": "B-9"}


def _entry(side: str) -> Json:
    return _line("JournalEntryLineDetail", PostingType=side, AccountRef={"value": "78" if side == "Debit" else "35"})


CREATES: list[tuple[str, Json]] = [
    ("Customer", {"DisplayName": "N", "BillAddr": ADDRESS, "PrimaryPhone": {"FreeFormNumber": "1"}, "Job": False}),
    ("Customer", {"DisplayName": "Sub", "Job": True, "ParentRef": {"value": "1"}, "CurrencyRef": {"value": "USD"}}),
    ("Vendor", {"DisplayName": "W", "PrimaryEmailAddr": {"Address": "w@x.yz"}, "TermRef": {"value": "3"}}),
    ("Employee", {"GivenName": "E", "FamilyName": "F", "PrimaryAddr": ADDRESS}),
    ("Item", {"Name": "I", "Type": "Service", "IncomeAccountRef": {"value": "1"}, "UnitPrice": 5, "Taxable": True}),
    (
        "Item",
        {
            "Name": "Stock", "Type": "Inventory", "TrackQtyOnHand": True, "QtyOnHand": 3, "InvStartDate": "2026-01-01",
            "IncomeAccountRef": {"value": "79"}, "ExpenseAccountRef": {"value": "80"},
            "AssetAccountRef": {"value": "81"},
        },
    ),
    ("Account", {"Name": "New", "AccountType": "Expense", "AccountSubType": "Travel", "AcctNum": "77"}),
    ("Class", {"Name": "Blue", "ParentRef": {"value": "5000000000000000001"}}),
    ("Department", {"Name": "South"}),
    ("Term", {"Name": "Net 7", "DueDays": 7, "DiscountDays": 1, "DiscountPercent": 2.5}),
    ("PaymentMethod", {"Name": "Barter", "Type": "NON_CREDIT_CARD"}),
    ("CompanyCurrency", {"Code": "SEK"}),
    ("TaxAgency", {"DisplayName": "Agency"}),
    ("ExchangeRate", {"SourceCurrencyCode": "EUR", "Rate": 1.1, "AsOfDate": "2026-01-05", "TargetCurrencyCode": "USD"}),
    ("Invoice", {**FORM, "DueDate": "2026-02-05", "SalesTermRef": {"value": "3"}, "Deposit": 1}),
    ("Estimate", {**FORM, "TxnStatus": "Pending", "ExpirationDate": "2026-03-01"}),
    ("CreditMemo", FORM),
    ("SalesReceipt", {**FORM, "PaymentMethodRef": {"value": "1"}, "DepositToAccountRef": {"value": "35"}}),
    ("RefundReceipt", {**FORM, "DepositToAccountRef": {"value": "35"}, "PaymentRefNum": "7"}),
    (
        "Payment",
        {
            "CustomerRef": {"value": "1"}, "TotalAmt": 5, "PaymentMethodRef": {"value": "1"},
            "Line": [{"Amount": 5, "LinkedTxn": [{"TxnId": "101", "TxnType": "Invoice"}]}],
        },
    ),
    ("Bill", {**BILL, "SalesTermRef": {"value": "3"}, "DueDate": "2026-02-01"}),
    ("VendorCredit", {**BILL, "DocNumber": "C-9"}),
    (
        "BillPayment",
        {
            "VendorRef": {"value": "2"}, "TotalAmt": 5, "PayType": "Check",
            "CheckPayment": {"BankAccountRef": {"value": "35"}, "PrintStatus": "NeedToPrint"},
            "Line": [{"Amount": 5, "LinkedTxn": [{"TxnId": "102", "TxnType": "Bill"}]}],
        },
    ),
    (
        "Purchase",
        {
            **{name: value for name, value in BILL.items() if name != "VendorRef"}, "PaymentType": "CreditCard",
            "AccountRef": {"value": "41"}, "EntityRef": {"value": "2", "type": "Vendor"}, "Credit": False,
        },
    ),
    ("PurchaseOrder", {**BILL, "APAccountRef": {"value": "33"}, "POStatus": "Open", "ShipAddr": ADDRESS}),
    (
        "Deposit",
        {
            "DepositToAccountRef": {"value": "35"}, "TxnDate": "2026-01-05",
            "Line": [_line("DepositLineDetail", AccountRef={"value": "1"}, Entity={"value": "1", "type": "Customer"})],
        },
    ),
    ("Transfer", {"FromAccountRef": {"value": "35"}, "ToAccountRef": {"value": "36"}, "Amount": 9}),
    ("JournalEntry", {"TxnDate": "2026-01-05", "Line": [_entry("Debit"), _entry("Credit")]}),
    ("Attachable", {"Note": "n", "AttachableRef": [{"EntityRef": {"type": "Invoice", "value": "101"}}]}),
]  # fmt: skip
TAX_SERVICE: Json = {
    "TaxCode": "New code",
    "TaxRateDetails": [{"TaxRateName": "nr", "RateValue": "9", "TaxAgencyId": "1", "TaxApplicableOn": "Sales"}],
}


METADATA = {
    "AttachableRef": [{"EntityRef": {"type": "Invoice", "value": "101"}, "IncludeOnSend": True}],
    "FileName": "a.txt",
    "ContentType": "text/plain",
}

ADMIN: list[tuple[str, str, Any]] = [
    ("POST", "/companies", {"name": "N", "country": "CA", "seed": {"Customer": [{"DisplayName": "S"}]}, "plan": "x"}),
    ("POST", "/companies", {"realm": "77", "multicurrency": True, "exchange_rates": {"EUR": 1.1}, "seed": "empty"}),
    ("PATCH", "/companies/{realm}", {"book_close_date": "2026-01-01", "custom_fields": ["a"], "subscription": "PAID"}),
    ("PATCH", "/companies/{realm}/preferences", {"SalesFormsPrefs": {"CustomTxnNumbers": True}}),
    ("POST", "/companies/{realm}/tokens", {"client_id": "sandbox-client", "access_seconds": 60}),
    ("POST", "/companies/{realm}/load", {"Customer": {"Id": "9", "SyncToken": "0", "DisplayName": "L"}}),
    ("POST", "/companies/{realm}/merge", {"entity": "Customer", "loser": "1", "survivor": "2"}),
    ("POST", "/apps", {"client_id": "c", "client_secret": "s", "redirect_uris": ["http://127.0.0.1/"]}),
    ("POST", "/clock", {"set": "2026-01-01T00:00:00Z", "speed": 2}),
    ("POST", "/clock", {"advance_seconds": 60}),
    ("PATCH", "/switches", {**Switches().public(), "throttle": "off"}),
    ("POST", "/faults", {"kind": "status", "status": 503, "endpoint": "query", "nth": 2, "count": 1, "when": "before"}),
    ("POST", "/faults", {"kind": "stall", "seconds": 0, "then": "answer", "probability": 0.5, "endpoint": "nowhere"}),
    ("POST", "/scenario", {"events": [{"after": 1, "clock": {"advance_seconds": 5}}]}),
    ("POST", "/snapshots/s", {}),
    ("POST", "/snapshots/s/restore", {}),
    ("POST", "/throttle/reset", {}),
    ("GET", "/requests?limit=2&after=0&order=desc", None),
    ("GET", "/companies/{realm}/history?limit=x", None),
    ("GET", "/companies/{realm}/export?entity=Nothing", None),
    ("GET", "/requests/999999", None),
    ("DELETE", "/faults/7", None),
    ("GET", "/nowhere", None),
]
