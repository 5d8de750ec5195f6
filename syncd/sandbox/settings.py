"""The settings that decide behaviour, read out of Preferences and of what no API shows (entities.md 1.8, 2.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from syncd.sandbox.book import Settings
from syncd.sandbox.wire import Json

DEFAULT_PLAN = "QuickBooks Online Plus"
PLANS = (
    "QuickBooks Online Simple Start",
    "QuickBooks Online Essentials",
    DEFAULT_PLAN,
    "QuickBooks Online Advanced",
)
"""The OfferingSku values; classes, locations and purchase orders come with the last two (entities.md 1.8)."""


def has_plus(plan: str) -> bool:
    """Is it Plus or above?"""
    return plan in PLANS[2:]


def read_settings(prefs: Json, hidden: Json) -> Settings:
    """The settings of a company with these Preferences and these hidden options."""
    sales: Json = prefs.get("SalesFormsPrefs", {})
    accounting: Json = prefs.get("AccountingInfoPrefs", {})
    currency: Json = prefs.get("CurrencyPrefs", {})
    purchases: Json = prefs.get("VendorAndPurchasesPrefs", {})
    other = {pair["Name"]: pair.get("Value") for pair in prefs.get("OtherPrefs", {}).get("NameValue", [])}
    return Settings(
        country=str(hidden.get("country", "US")),
        home_currency=currency.get("HomeCurrency", {}).get("value", "USD"),
        multicurrency=bool(currency.get("MultiCurrencyEnabled")),
        custom_numbers=bool(sales.get("CustomTxnNumbers")),
        warn_duplicate_numbers=bool(hidden.get("warn_duplicate_numbers", True)),
        sales_tax=bool(prefs.get("TaxPrefs", {}).get("UsingSalesTax")),
        allow_discount=bool(sales.get("AllowDiscount")),
        allow_deposit=bool(sales.get("AllowDeposit")),
        auto_apply_credit=bool(sales.get("AutoApplyCredit")),
        auto_apply_payments=bool(sales.get("AutoApplyPayments")),
        allow_shipping=bool(sales.get("AllowShipping")),
        online_payments=bool(sales.get("ETransactionPaymentEnabled")),
        automated_tax="PartnerTaxEnabled" in prefs.get("TaxPrefs", {}),
        automated_tax_codes=dict(hidden.get("automated_tax_codes", {})),
        class_per_form=bool(accounting.get("ClassTrackingPerTxn")),
        class_per_line=bool(accounting.get("ClassTrackingPerTxnLine")),
        departments=bool(accounting.get("TrackDepartments")),
        projects=str(other.get("ProjectsEnabled")).lower() == "true",
        email_copies=tuple(
            (member, sales[name]["Address"])
            for member, name in (("BillEmailCc", "SalesEmailCc"), ("BillEmailBcc", "SalesEmailBcc"))
            if sales.get(name, {}).get("Address")
        ),
        book_close_date=accounting.get("BookCloseDate"),
        default_term=sales.get("DefaultTerms", {}).get("value"),
        default_discount_account=sales.get("DefaultDiscountAccount"),
        default_item=str(other.get("SalesFormsPrefs.DefaultItem") or "1"),
        subscription=str(hidden.get("subscription", "PAID")),
        plan=str(hidden.get("plan", DEFAULT_PLAN)),
        allow_service_date=bool(sales.get("AllowServiceDate")),
        allow_estimates=bool(sales.get("AllowEstimates")),
        default_tax_code=prefs.get("TaxPrefs", {}).get("TaxGroupCodeRef", {}).get("value"),
        purchase_items=bool(prefs.get("ProductAndServicesPrefs", {}).get("ForPurchase")),
        billable_expenses=bool(purchases.get("BillableExpenseTracking")),
        expenses_by_customer=bool(purchases.get("TrackingByCustomer")),
        custom_purchase_numbers=_is_true(other.get("VendorAndPurchasesPrefs.UseCustomTxnNumbers")),
        warn_duplicate_checks=_is_true(other.get("WarnDuplicateCheckNumber")),
        warn_duplicate_bills=_is_true(other.get("WarnDuplicateBillNumber")),
        default_vendor_term=purchases.get("DefaultTerms", {}).get("value"),
        custom_field_names=tuple(
            (str(place), str(name)) for place, name in enumerate(hidden.get("custom_fields", []), 1)
        ),
        rates={str(code): Decimal(str(rate)) for code, rate in hidden.get("exchange_rates", {}).items()},
    )


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"
