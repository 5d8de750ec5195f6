"""What a company starts with: CompanyInfo, Preferences, a chart of accounts, items, terms, payment methods, tax codes.

The account numbers and the texts of lists follow Intuit's own sandbox company where the samples show them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from syncd.sandbox import fields
from syncd.sandbox.wire import ZERO, Json

# Id, Name, AccountType, AccountSubType, Classification
_SYSTEM_ACCOUNTS = (
    ("4", "Undeposited Funds", "Other Current Asset", "UndepositedFunds", "Asset"),
    ("33", "Accounts Payable (A/P)", "Accounts Payable", "AccountsPayable", "Liability"),
    ("34", "Opening Balance Equity", "Equity", "OpeningBalanceEquity", "Equity"),
    ("84", "Accounts Receivable (A/R)", "Accounts Receivable", "AccountsReceivable", "Asset"),
)
_ACCOUNTS = (
    ("1", "Services", "Income", "ServiceFeeIncome", "Revenue"),
    ("30", "Uncategorized Income", "Income", "ServiceFeeIncome", "Revenue"),
    ("31", "Uncategorized Expense", "Expense", "OtherMiscellaneousServiceCost", "Expense"),
    ("32", "Uncategorized Asset", "Other Current Asset", "OtherCurrentAssets", "Asset"),
    ("35", "Checking", "Bank", "Checking", "Asset"),
    ("36", "Savings", "Bank", "Savings", "Asset"),
    ("41", "Mastercard", "Credit Card", "CreditCard", "Liability"),
    ("78", "Purchases", "Expense", "SuppliesMaterials", "Expense"),
    ("79", "Sales of Product Income", "Income", "SalesOfProductIncome", "Revenue"),
    ("80", "Cost of Goods Sold", "Cost of Goods Sold", "SuppliesMaterialsCogs", "Expense"),
    ("81", "Inventory Asset", "Other Current Asset", "Inventory", "Asset"),
    ("85", "Billable Expense Income", "Income", "ServiceFeeIncome", "Revenue"),
    ("86", "Discounts given", "Income", "DiscountsRefundsGiven", "Revenue"),
    ("87", "Travel", "Expense", "Travel", "Expense"),
    ("89", "Sales Tax Payable", "Other Current Liability", "SalesTaxPayable", "Liability"),
)
_MESSAGE = "Thank you for your business and have a great day!"
_ITEMS = (("1", "Services", "1", ZERO), ("2", "Hours", "1", ZERO))
_TERMS = (("1", "Due on receipt", 0), ("2", "Net 15", 15), ("3", "Net 30", 30), ("4", "Net 60", 60))
_METHODS = (
    ("1", "Cash", "NON_CREDIT_CARD"),
    ("2", "Check", "NON_CREDIT_CARD"),
    ("3", "Visa", "CREDIT_CARD"),
    ("4", "MasterCard", "CREDIT_CARD"),
    ("5", "Discover", "CREDIT_CARD"),
    ("6", "American Express", "CREDIT_CARD"),
    ("7", "Diners Club", "CREDIT_CARD"),
)
# Code Id, name, rates of the code as (rate Id, name, percent)
_TAXES: dict[str, tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...]] = {
    "US": (
        ("2", "California", (("3", "California", "8"),)),
        ("3", "Tucson", (("1", "AZ State tax", "7.1"), ("2", "Tucson City", "2"))),
    ),
    "CA": (
        ("2", "Exempt", (("2", "Exempt", "0"),)),
        ("3", "Zero-rated", (("3", "Zero-rated", "0"),)),
        ("4", "GST", (("4", "GST", "5"),)),
        ("5", "HST ON", (("12", "HST ON", "13"),)),
        ("6", "GST/PST BC", (("4", "GST", "5"), ("7", "PST BC", "7"))),
    ),
    "AU": (("2", "GST", (("2", "GST", "10"),)), ("3", "GST free", (("3", "GST free", "0"),))),
    "": (
        ("2", "20.0% S", (("2", "20.0% S", "20"),)),
        ("3", "5.0% R", (("3", "5.0% R", "5"),)),
        ("4", "0.0% Z", (("4", "0.0% Z", "0"),)),
        ("5", "Exempt", (("5", "Exempt", "0"),)),
    ),
}
AUTOMATED_TAX_CODES = {"CA": "2", "AZ": "3"}
"""Where a company with automated sales tax collects it: state to the code of the list above."""
_AGENCIES = {
    "US": ("Arizona Dept. of Revenue", "Board of Equalization"),
    "CA": ("Canada Revenue Agency", "Ministry of Finance (BC)"),
    "AU": ("Australian Taxation Office",),
    "": ("HM Revenue & Customs (VAT)",),
}
_RATES_OF_SECOND_AGENCY = {"US": frozenset({"3"}), "CA": frozenset({"7", "57"})}
_PURCHASE_RATES = 50  # what the Id of a purchase rate is above that of its sales rate
FIRST_IDS = {"class": 5_000_000_000_000_000_000}
"""Where a family of Ids starts if not at 1; those of classes are large (S:class-recorded)."""
HOME_CURRENCIES = {
    "US": "USD", "CA": "CAD", "GB": "GBP", "AU": "AUD", "NZ": "NZD", "IN": "INR",
    "FR": "EUR", "DE": "EUR", "IE": "EUR", "NL": "EUR", "ES": "EUR", "IT": "EUR", "AT": "EUR", "BE": "EUR",
}  # fmt: skip


def company_info(name: str, country: str, today: str, subscription: str) -> Json:
    """CompanyInfo (entities.md 2.1)."""
    sent = {
        "Id": "1",
        "Line1": "2500 Garcia Ave",
        "City": "Mountain View",
        "CountrySubDivisionCode": "CA",
        "PostalCode": "94043",
        "Country": country,
    }
    address = fields.address("CompanyAddr", sent)  # with the country as answers carry it (protocol.md 1.7)
    return {
        "Id": "1",
        "CompanyName": name,
        "LegalName": name,
        "CompanyAddr": address,
        "LegalAddr": address,
        "CustomerCommunicationAddr": address,
        "Country": country,
        "FiscalYearStartMonth": "January",
        "SupportedLanguages": "en",
        "CompanyStartDate": today,
        "DefaultTimeZone": "America/Los_Angeles",
        "WebAddr": {},
        "NameValue": [
            {"Name": "NeoEnabled", "Value": "true"},
            {"Name": "SubscriptionStatus", "Value": subscription},
            {"Name": "OfferingSku", "Value": "QuickBooks Online Plus"},
        ],
    }


def preferences(country: str) -> Json:
    """Preferences before the company's own options are put in (entities.md 2.2, S:preferences-read)."""
    return {
        "Id": "1",
        "AccountingInfoPrefs": {
            "FirstMonthOfFiscalYear": "January",
            "UseAccountNumbers": False,
            "TaxYearMonth": "January",
            "TaxForm": "6",
            "ClassTrackingPerTxn": False,
            "ClassTrackingPerTxnLine": False,
            "TrackDepartments": False,
            "DepartmentTerminology": "Location",
            "CustomerTerminology": "Customers",
        },
        "ProductAndServicesPrefs": {
            "ForSales": True,
            "ForPurchase": True,
            "QuantityWithPriceAndRate": True,
            "QuantityOnHand": True,
        },
        "SalesFormsPrefs": {
            "CustomTxnNumbers": False,
            "AllowDeposit": True,
            "AllowDiscount": True,
            "AllowEstimates": True,
            "AllowShipping": False,
            "AllowServiceDate": False,
            "AutoApplyCredit": False,
            "AutoApplyPayments": False,
            "ETransactionPaymentEnabled": False,
            "ETransactionEnabledStatus": "NotApplicable",
            "ETransactionAttachPDF": False,
            "DefaultCustomerMessage": _MESSAGE,
            "EmailCopyToCompany": False,
            "IPNSupportEnabled": False,
            "UsingPriceLevels": False,
        },
        "VendorAndPurchasesPrefs": {
            "BillableExpenseTracking": True,
            "TrackingByCustomer": True,
            "POCustomField": [
                {
                    "CustomField": [
                        {"Type": "BooleanType", "Name": f"PurchasePrefs.UsePurchaseCustom{n}", "BooleanValue": False}
                        for n in (1, 2, 3)
                    ]
                }
            ],
        },
        "TimeTrackingPrefs": {
            "UseServices": True,
            "BillCustomers": True,
            "ShowBillRateToAll": False,
            "WorkWeekStartDate": "Monday",
            "MarkTimeEntriesBillable": True,
        },
        "EmailMessagesPrefs": {
            name: {"Subject": f"{words} from your supplier", "Message": f"Your {words.lower()} is attached."}
            for name, words in (
                ("InvoiceMessage", "Invoice"),
                ("EstimateMessage", "Estimate"),
                ("SalesReceiptMessage", "Sales receipt"),
                ("StatementMessage", "Statement"),
            )
        },
        "TaxPrefs": {"UsingSalesTax": True},
        "CurrencyPrefs": {
            "MultiCurrencyEnabled": False,
            "HomeCurrency": {"value": HOME_CURRENCIES.get(country, "USD")},
        },
        "ReportPrefs": {"ReportBasis": "Accrual", "CalcAgingReportFromTxnDate": False},
        "OtherPrefs": {
            "NameValue": [
                {"Name": "SalesFormsPrefs.DefaultCustomerMessage", "Value": _MESSAGE},
                {"Name": "SalesFormsPrefs.DefaultItem", "Value": "1"},
                {"Name": "VendorAndPurchasesPrefs.UseCustomTxnNumbers", "Value": "false"},
                {"Name": "WarnDuplicateCheckNumber", "Value": "true"},
                {"Name": "WarnDuplicateBillNumber", "Value": "false"},
                {"Name": "ProjectsEnabled", "Value": "false"},
                {"Name": "UncategorizedAssetAccountId", "Value": "32"},
                {"Name": "UncategorizedIncomeAccountId", "Value": "30"},
                {"Name": "UncategorizedExpenseAccountId", "Value": "31"},
                {"Name": "DateFormat", "Value": "Month Date Year separated by a slash"},
            ]
        },
    }


def base(country: str, currency: Json) -> list[tuple[str, Json]]:
    """What even an empty company has: system accounts and, in the US, the pseudo tax codes."""
    rows = [_account(row, currency) for row in _SYSTEM_ACCOUNTS]
    return rows + (_pseudo_codes() if country == "US" else [])


def sample(country: str, currency: Json) -> list[tuple[str, Json]]:
    """The built-in sample company beyond its base: accounts, items, terms, payment methods, tax codes."""
    rows = [_account(row, currency) for row in _ACCOUNTS]
    for item_id, name, account, price in _ITEMS:
        item: Json = {
            "Id": item_id,
            "Name": name,
            "FullyQualifiedName": name,
            "Active": True,
            "Taxable": False,
            "UnitPrice": price,
            "Type": "Service",
            "IncomeAccountRef": {"value": account, "name": "Services"},
            "PurchaseCost": ZERO,
            "TrackQtyOnHand": False,
        }
        rows.append(("Item", item))
    for term_id, name, due in _TERMS:
        term = {"Id": term_id, "Name": name, "Active": True, "Type": "STANDARD", "DueDays": due}
        rows.append(("Term", {**term, "DiscountDays": 0, "DiscountPercent": ZERO}))
    rows += [
        ("PaymentMethod", {"Id": method_id, "Name": name, "Active": True, "Type": kind})
        for method_id, name, kind in _METHODS
    ]
    return rows + _agencies(country) + _tax_codes(country)


def _account(row: tuple[str, str, str, str, str], currency: Json) -> tuple[str, Json]:
    account_id, name, kind, sub_kind, classification = row
    body: dict[str, Any] = {
        "Id": account_id,
        "Name": name,
        "SubAccount": False,
        "FullyQualifiedName": name,
        "Active": True,
        "Classification": classification,
        "AccountType": kind,
        "AccountSubType": sub_kind,
        "CurrentBalance": ZERO,
        "CurrentBalanceWithSubAccounts": ZERO,
        "CurrencyRef": currency,
    }
    return "Account", body


def _pseudo_codes() -> list[tuple[str, Json]]:
    rows = []
    for word, taxable, group in (("TAX", True, False), ("NON", False, False), ("CustomSalesTax", True, True)):
        body = {"Id": word, "Name": word, "Description": word, "Taxable": taxable, "TaxGroup": group}
        rows.append(("TaxCode", body))
    return rows


def _agencies(country: str) -> list[tuple[str, Json]]:
    return [
        (
            "TaxAgency",
            {
                "Id": str(place),
                "DisplayName": name,
                "TaxTrackedOnSales": True,
                "TaxTrackedOnPurchases": country != "US",
                "TaxAgencyConfig": "USER_DEFINED",
            },
        )
        for place, name in enumerate(_AGENCIES.get(country, _AGENCIES[""]), 1)
    ]


def _tax_codes(country: str) -> list[tuple[str, Json]]:
    """Codes with their rates; outside the US each has rates of its own for purchases."""
    rows: dict[tuple[str, str], Json] = {}
    for code_id, name, rates in _TAXES.get(country, _TAXES[""]):
        sides: dict[str, list[Json]] = {"Sales": [], "Purchase": []}
        for rate_id, rate_name, percent in rates:
            _add_rate(rows, sides["Sales"], country, (rate_id, rate_name, percent))
            if country != "US":
                bought = str(int(rate_id) + _PURCHASE_RATES), f"{rate_name} (Purchases)", percent
                _add_rate(rows, sides["Purchase"], country, bought)
        rows[("TaxCode", code_id)] = {
            "Id": code_id,
            "Name": name,
            "Description": name,
            "Active": True,
            "Taxable": True,
            "TaxGroup": True,
            "SalesTaxRateList": {"TaxRateDetail": sides["Sales"]},
            "PurchaseTaxRateList": {"TaxRateDetail": sides["Purchase"]},
        }
    return [(entity, body) for (entity, _), body in rows.items()]


def _add_rate(rows: dict[tuple[str, str], Json], side: list[Json], country: str, rate: tuple[str, str, str]) -> None:
    """A rate, and its place in a code."""
    rate_id, name, percent = rate
    second = rate_id in _RATES_OF_SECOND_AGENCY.get(country, ())
    rows[("TaxRate", rate_id)] = {
        "Id": rate_id,
        "Name": name,
        "Description": "Sales Tax",
        "Active": True,
        "RateValue": Decimal(percent),
        "AgencyRef": {"value": "2" if second else "1"},
        "SpecialTaxType": "NONE" if Decimal(percent) else "ZERO_RATE",
        "DisplayType": "ReadOnly",
    }
    ref = {"value": rate_id, "name": name}
    side.append({"TaxRateRef": ref, "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": 0})
