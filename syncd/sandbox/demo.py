"""The seed ``demo-company``: the sample company's lists and, on top, people, things and a few months of business.

Everything here is made as a client would make it, so the books balance and every derived member is there.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from syncd.sandbox import operations
from syncd.sandbox.book import Book
from syncd.sandbox.clock import pacific_date
from syncd.sandbox.switches import Switches
from syncd.sandbox.wire import Json, decode

_CUSTOMERS = (
    "Alder & Finch Architects", "Bright Harbor Dental", "Cedar Lane Nursery", "Delta Print Works", "Eastgate Bakery",
    "Fernhill Primary School", "Granite Gym", "Holloway Legal", "Ironbridge Cycles", "Juniper Cafe",
    "Kestrel Logistics", "Larkspur Hotels", "Mill Pond Pottery", "Northgate Motors", "Orchard Veterinary",
    "Pine Street Books", "Quarry Stone Supply",
)  # fmt: skip
# name, parent: sub-customers, three levels below the first
_JOBS = (
    ("Town hall extension", "Alder & Finch Architects"),
    ("Survey", "Town hall extension"),
    ("Drawings", "Survey"),
    ("Riverside flats", "Alder & Finch Architects"),
    ("Main street practice", "Bright Harbor Dental"),
    ("Airport hotel", "Larkspur Hotels"),
    ("Lakeside hotel", "Larkspur Hotels"),
    ("Website", "Kestrel Logistics"),
)
_VENDORS = (
    "Acorn Office Supply", "Beacon Telecom", "Copperfield Power", "Drayton Insurance", "Elm City Properties",
    "Foundry Tools", "Garrison Travel", "Harrow Hosting", "Ibis Freight", "Jackdaw Cleaning",
)  # fmt: skip
_BILLED = ((_VENDORS[0], "Stationery"), (_VENDORS[1], "Telephone"), (_VENDORS[2], "Utilities"))
_EMPLOYEES = (("Mara", "Lindqvist"), ("Tobias", "Okafor"), ("Wen", "Castellano"))
# name, type, sub-type, parent
_ACCOUNTS = (
    ("Retained Earnings", "Equity", "RetainedEarnings", ""),
    ("Petty Cash", "Bank", "CashOnHand", ""),
    ("Prepaid Expenses", "Other Current Asset", "PrepaidExpenses", ""),
    ("Furniture", "Fixed Asset", "FurnitureAndFixtures", ""),
    ("Security Deposits", "Other Asset", "SecurityDeposits", ""),
    ("Loan Payable", "Other Current Liability", "LoanPayable", ""),
    ("Notes Payable", "Long Term Liability", "NotesPayable", ""),
    ("Owner's Equity", "Equity", "OwnersEquity", ""),
    ("Design income", "Income", "ServiceFeeIncome", ""),
    ("Fixed price", "Income", "ServiceFeeIncome", "Design income"),
    ("Hourly", "Income", "ServiceFeeIncome", "Design income"),
    ("Interest Earned", "Other Income", "InterestEarned", ""),
    ("Office", "Expense", "OfficeGeneralAdministrativeExpenses", ""),
    ("Stationery", "Expense", "OfficeGeneralAdministrativeExpenses", "Office"),
    ("Rent or Lease", "Expense", "RentOrLeaseOfBuildings", ""),
    ("Utilities", "Expense", "Utilities", ""),
    ("Telephone", "Expense", "Utilities", "Utilities"),
    ("Insurance", "Expense", "Insurance", ""),
    ("Bank Charges", "Expense", "BankCharges", ""),
    ("Subcontractors", "Cost of Goods Sold", "CostOfLaborCos", ""),
    ("Exchange Gain or Loss", "Other Expense", "ExchangeGainOrLoss", ""),
)
_CLASSES = (("Design", ""), ("Build", ""), ("Residential", "Build"), ("Commercial", "Build"))
_LOCATIONS = (("Head office", ""), ("North", ""), ("North workshop", "North"))
_STANDARD_TAX = {"CA": "5", "AU": "2"}  # Ids of the sample's tax codes; TAX in the US, "2" elsewhere


def fill(book: Book) -> None:
    """Put the demo's people, things and transactions into a company that has the sample's lists."""
    _Demo(book).fill()


class _Demo:
    def __init__(self, book: Book) -> None:
        self._book = book
        self._switches = Switches()
        self._ids: dict[tuple[str, str], str] = {}
        self._today = date.fromisoformat(pacific_date(book.clock.now()))
        country = book.settings.country
        self._tax = "TAX" if country == "US" else _STANDARD_TAX.get(country, "2")
        us = country == "US"
        self._form: Json = {} if us else {"GlobalTaxCalculation": "TaxExcluded"}
        self._taxed: Json = {"TxnTaxDetail": {"TxnTaxCodeRef": {"value": "2"}}} if us else {}

    def fill(self) -> None:
        self._lists()
        self._items()
        self._people()
        self._sales()
        self._purchases()

    def _save(self, entity: str, **members: Any) -> Json:
        """Create one record as a client would."""
        raw = operations.write(self._book, self._switches, entity, "create", members, frozenset())
        body: Json = decode(raw)
        self._ids[(entity, str(body.get("Name") or body.get("DisplayName")))] = body["Id"]
        return body

    def _ref(self, entity: str, name: str) -> Json:
        return {"value": self._ids[(entity, name)]}

    def _parent(self, entity: str, name: str) -> Json:
        return {"ParentRef": self._ref(entity, name)} if name else {}

    def _lists(self) -> None:
        for name, kind, sub_kind, parent in _ACCOUNTS:
            above = self._parent("Account", parent)
            self._save("Account", Name=name, AccountType=kind, AccountSubType=sub_kind, **above)
        for entity, rows in (("Class", _CLASSES), ("Department", _LOCATIONS)):
            for name, parent in rows:
                self._save(entity, Name=name, **self._parent(entity, parent))
        self._save("Term", Name="15th of the month", DayOfMonthDue=15, DueNextMonthDays=5)

    def _items(self) -> None:
        self._save("Item", Name="Workshop", Type="Category")
        sold = {"IncomeAccountRef": self._ref("Account", "Hourly")}
        goods = {"IncomeAccountRef": {"value": "79"}, "ExpenseAccountRef": {"value": "80"}}
        stock = {**goods, "AssetAccountRef": {"value": "81"}, "TrackQtyOnHand": True, "InvStartDate": self._day(120)}
        self._save("Item", Name="Design hours", Type="Service", UnitPrice=85, **sold)
        self._save("Item", Name="Consulting", Type="Service", UnitPrice=120, Taxable=True, **sold)
        below = {"SubItem": True, **self._parent("Item", "Workshop")}
        self._save("Item", Name="Timber kit", Type="NonInventory", UnitPrice=49, Taxable=True, **goods, **below)
        self._save(
            "Item", Name="Fixing set", Type="Inventory", UnitPrice=Decimal("7.5"), QtyOnHand=200, **stock, **below
        )

    def _people(self) -> None:
        for place, name in enumerate(_CUSTOMERS, 1):
            address = {"Line1": f"{place} Station Road", "City": "Fairview", "PostalCode": f"{94000 + place}"}
            mail = {"PrimaryEmailAddr": {"Address": f"accounts{place}@example.com"}}
            self._save("Customer", DisplayName=name, CompanyName=name, BillAddr=address, ShipAddr=address, **mail)
        for name, parent in _JOBS:
            self._save("Customer", DisplayName=name, Job=True, **self._parent("Customer", parent))
        for place, name in enumerate(_VENDORS, 1):
            self._save("Vendor", DisplayName=name, CompanyName=name, AcctNum=f"V-{place:04d}", TermRef={"value": "3"})
        for given, family in _EMPLOYEES:
            self._save("Employee", GivenName=given, FamilyName=family)

    def _day(self, ago: int) -> str:
        return (self._today - timedelta(days=ago)).isoformat()

    def _line(self, amount: int, item: str = "Design hours", tax: str = "") -> Json:
        detail: Json = {"ItemRef": self._ref("Item", item)}
        if tax or self._book.settings.country != "US":
            detail["TaxCodeRef"] = {"value": tax or self._tax}
        return {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}

    def _form_of(self, customer: str, ago: int, *lines: Json) -> Json:
        who = {"CustomerRef": self._ref("Customer", customer)}
        return {**who, "TxnDate": self._day(ago), "Line": list(lines), **self._form, **self._taxed}

    def _sales(self) -> None:
        """Two months of invoices, most of them paid, and one of every other form."""
        paid: list[Json] = []
        for place, name in enumerate(_CUSTOMERS[:10]):
            ago = 60 - 5 * place
            first, second = self._line(850 + 40 * place), self._line(120, "Consulting", self._tax)
            paid.append(self._save("Invoice", **self._form_of(name, ago, first, second)))
        self._save("Invoice", **self._form_of("Drawings", 12, self._line(400)))
        received = [self._pay(invoice, invoice["TotalAmt"]) for invoice in paid[:6]]
        self._pay(paid[6], Decimal(300))
        owner = self._ref("Customer", _CUSTOMERS[11])
        self._save("Payment", CustomerRef=owner, TotalAmt=250, TxnDate=self._day(8), PaymentRefNum="on account")
        self._save("Estimate", **self._form_of(_CUSTOMERS[12], 6, self._line(2400)))
        self._save("CreditMemo", **self._form_of(_CUSTOMERS[8], 5, self._line(90)))
        self._save("SalesReceipt", **self._form_of(_CUSTOMERS[13], 4, self._line(60, "Timber kit", self._tax)))

        self._bank(received[:2])

    def _bank(self, payments: list[Json]) -> None:
        """Take payments to the bank: they cannot be changed from then on."""
        lines = [
            {
                "Amount": payment["TotalAmt"],
                "LinkedTxn": [{"TxnId": payment["Id"], "TxnType": "Payment", "TxnLineId": "0"}],
            }
            for payment in payments
        ]
        self._save("Deposit", DepositToAccountRef={"value": "35"}, TxnDate=self._day(1), Line=lines)

    def _pay(self, invoice: Json, amount: Decimal) -> Json:
        link = [{"TxnId": invoice["Id"], "TxnType": "Invoice"}]
        return self._save(
            "Payment",
            CustomerRef={"value": invoice["CustomerRef"]["value"]},
            TotalAmt=amount,
            TxnDate=self._day(3),
            PaymentMethodRef={"value": "2"},
            PaymentRefNum=f"{2000 + int(invoice['Id'])}",
            Line=[{"Amount": amount, "LinkedTxn": link}],
        )

    def _spent(self, amount: int, account: str) -> Json:
        detail: Json = {"AccountRef": self._ref("Account", account)}
        if self._book.settings.country != "US":
            detail["TaxCodeRef"] = {"value": self._tax}
        return {
            "Amount": amount,
            "DetailType": "AccountBasedExpenseLineDetail",
            "AccountBasedExpenseLineDetail": detail,
        }

    def _purchases(self) -> None:
        """Bills, one of them paid, a vendor credit, a card charge, an order and a journal entry."""
        bills = [
            self._save(
                "Bill",
                VendorRef=self._ref("Vendor", name),
                TxnDate=self._day(40 - 8 * place),
                DocNumber=f"B-{place + 1:03d}",
                Line=[self._spent(180 + 35 * place, account)],
                **self._form,
            )
            for place, (name, account) in enumerate(
                zip(_VENDORS, ("Stationery", "Telephone", "Utilities"), strict=False)
            )
        ]
        bill = bills[0]
        link = [{"TxnId": bill["Id"], "TxnType": "Bill"}]
        self._save(
            "BillPayment",
            VendorRef=bill["VendorRef"],
            TotalAmt=bill["TotalAmt"],
            PayType="Check",
            CheckPayment={"BankAccountRef": {"value": "35"}},
            TxnDate=self._day(10),
            Line=[{"Amount": bill["TotalAmt"], "LinkedTxn": link}],
        )
        vendor = self._ref("Vendor", _VENDORS[5])
        line = [self._spent(75, "Subcontractors")]
        self._save("VendorCredit", VendorRef=vendor, TxnDate=self._day(7), Line=line, **self._form)
        payee = {"EntityRef": {**self._ref("Vendor", _VENDORS[6]), "type": "Vendor"}}
        card = {"PaymentType": "CreditCard", "AccountRef": {"value": "41"}}
        line = [self._spent(310, "Office")]
        self._save("Purchase", **card, **payee, TxnDate=self._day(2), Line=line, **self._form)
        self._save("PurchaseOrder", VendorRef=vendor, TxnDate=self._day(1), Line=[self._spent(640, "Subcontractors")])
        entry = [self._entry(side, account) for side, account in (("Debit", "Furniture"), ("Credit", "Owner's Equity"))]
        self._save("JournalEntry", TxnDate=self._day(90), Line=entry)

    def _entry(self, side: str, account: str) -> Json:
        detail = {"PostingType": side, "AccountRef": self._ref("Account", account)}
        return {"Amount": 1500, "DetailType": "JournalEntryLineDetail", "JournalEntryLineDetail": detail}
