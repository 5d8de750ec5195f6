"""The records of which a company has one, CompanyInfo and Preferences (entities.md 2), and its exchange rates (3.8)."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.sandbox import fields
from syncd.sandbox.fields import Field, Kind, boolean, choice, day, decimal, text
from syncd.sandbox.specs.base import META, Spec, members, rw, words

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

COMPANY_INFO = Spec(
    name="CompanyInfo",
    family="company",
    is_list=False,
    operations=frozenset({"update"}),
    queryable=META | frozenset({"CompanyName", "Country"}),
    in_cdc=False,
    members=members(
        {
            "CompanyName": rw(text(1024, 1)),
            "LegalName": rw(text(1024)),
            **dict.fromkeys(("CompanyAddr", "LegalAddr", "CustomerCommunicationAddr"), rw(fields.address)),
            "Email": rw(fields.email()),
            "CustomerCommunicationEmailAddr": rw(fields.email()),
            "WebAddr": rw(fields.web),
            "PrimaryPhone": rw(fields.phone),
            "FiscalYearStartMonth": rw(choice(*MONTHS)),
            "SupportedLanguages": rw(text(100)),
        },
        "Country CompanyStartDate DefaultTimeZone NameValue EmployerId",
    ),
)

_FLAGS = dict.fromkeys
_MESSAGE = fields.struct({"Subject": text(1000), "Message": text(4000)})

WRITABLE: Mapping[str, Mapping[str, Kind]] = {
    "SalesFormsPrefs": {
        **_FLAGS(
            words(
                "CustomTxnNumbers AllowDiscount AllowDeposit AllowShipping AllowServiceDate AllowEstimates "
                "ETransactionPaymentEnabled ETransactionAttachPDF EmailCopyToCompany DefaultShippingAccount"
            ),
            boolean,
        ),
        "DefaultTerms": fields.reference,
        "DefaultDiscountAccount": text(30),
        "DefaultCustomerMessage": text(1000),
        "SalesEmailCc": fields.email(200),
        "SalesEmailBcc": fields.email(200),
    },
    "AccountingInfoPrefs": {
        **_FLAGS(words("ClassTrackingPerTxn ClassTrackingPerTxnLine TrackDepartments"), boolean),
        "DepartmentTerminology": text(50),
        "CustomerTerminology": text(50),
    },
    "ProductAndServicesPrefs": _FLAGS(words("ForSales ForPurchase QuantityWithPriceAndRate QuantityOnHand"), boolean),
    "VendorAndPurchasesPrefs": {
        **_FLAGS(words("TrackingByCustomer BillableExpenseTracking"), boolean),
        "DefaultTerms": fields.reference,
        "DefaultMarkup": decimal(3, 4),
        "DefaultMarkupAccount": fields.reference,
    },
    "TimeTrackingPrefs": {
        **_FLAGS(words("UseServices BillCustomers ShowBillRateToAll MarkTimeEntriesBillable"), boolean),
        "WorkWeekStartDate": choice(*DAYS),
    },
    "EmailMessagesPrefs": _FLAGS(
        words("InvoiceMessage EstimateMessage SalesReceiptMessage StatementMessage"), _MESSAGE
    ),
    "ReportPrefs": {"ReportBasis": choice("Accrual", "Cash"), "CalcAgingReportFromTxnDate": boolean},
}
"""The members of Preferences that a client may write, by group (entities.md 2.2, column W)."""

_READ_ONLY = {
    "SalesFormsPrefs": words(
        "AutoApplyCredit AutoApplyPayments UsingProgressInvoicing UsingPriceLevels CustomField IPNSupportEnabled "
        "ETransactionEnabledStatus EstimateMessage"
    ),
    "AccountingInfoPrefs": words("BookCloseDate UseAccountNumbers FirstMonthOfFiscalYear TaxYearMonth TaxForm"),
    "ProductAndServicesPrefs": words("RevenueRecognition RevenueRecognitionFrequency"),
    "VendorAndPurchasesPrefs": words("POCustomField TPAREnabled UseCustomTxnNumbers"),
}


def _group(name: str) -> Kind:
    """One group: writable members checked, read-only ones dropped, others 2010."""
    known = {**dict.fromkeys(_READ_ONLY.get(name, ()), lambda _, __: None), **WRITABLE[name]}
    return fields.struct(known, lambda _, clean: clean)


PREFERENCES = Spec(
    name="Preferences",
    family="preferences",
    is_list=False,
    operations=frozenset({"update"}),
    queryable=META,
    in_cdc=False,
    members=members(
        {name: rw(_group(name)) for name in WRITABLE},
        "CurrencyPrefs TaxPrefs OtherPrefs",
    ),
)

EXCHANGE_RATE = Spec(
    name="ExchangeRate",
    family="exchangerate",
    is_list=False,
    keyed=False,
    operations=frozenset(),  # posted to an endpoint of its own
    indexed=("SourceCurrencyCode", "AsOfDate"),
    queryable=words("SourceCurrencyCode TargetCurrencyCode AsOfDate Rate MetaData.LastUpdatedTime"),
    total_count=True,
    in_cdc=False,
    members=members(
        {
            "SourceCurrencyCode": Field(text(3, 3)),
            "TargetCurrencyCode": Field(text(3, 3)),
            "Rate": Field(decimal(11, 12)),
            "AsOfDate": Field(day),
        }
    ),
)

COMPANY = (COMPANY_INFO, PREFERENCES, EXCHANGE_RATE)
