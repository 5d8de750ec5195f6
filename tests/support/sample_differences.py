"""Where the server's answers may differ from the sample payloads, and why; data for test_sandbox_samples.py.

``lacks`` is a member of the sample that the server does not answer, ``adds`` one that it answers besides. Lists are
written without brackets; several patterns of one rule are separated by " | ". ``python -m
tests.support.sample_differences`` gives the Markdown table of docs/sandbox.md.
"""

from __future__ import annotations

import sys

from tests.support.shapes import Allowed, table_of

ALLOWED: tuple[Allowed, ...] = (
    # Members that came or went since the sample was taken.
    Allowed("*", "lacks *Addr.Lat | lacks *Addr.Long", "not answered since August 2025 (protocol.md 1.7)"),
    Allowed(
        "*",
        "adds *CurrencyRef",
        "newer than the sample: answered for the home currency too in every recording since 2017 "
        "(S:payment-with-lineex-recorded)",
    ),
    Allowed(
        "*",
        "adds *.SalesItemLineDetail.ItemAccountRef",
        "newer than the sample: S:salesreceipt-ast-tax-recorded of 2021 has it",
    ),
    Allowed(
        "*",
        "adds *.ItemBasedExpenseLineDetail.ItemAccountRef",
        "a guess: taken over from sales lines (S:salesreceipt-ast-tax-recorded)",
    ),
    Allowed(
        "invoice-*",
        "adds *.AllowOnline* | adds *.AllowIPNPayment",
        "newer than the sample: S:invoice-void and the recorded invoices have the four flags",
    ),
    Allowed(
        "bill-* | cdc-multi-*",
        "adds *.Line.LineNum",
        "newer than the sample: the lines of S:bill-paid-recorded of 2019 are numbered",
    ),
    Allowed(
        "purchaseorder-* | vendorcredit-*",
        "adds *.Line.LineNum",
        "a guess: taken over from bills (S:bill-paid-recorded); the samples are of 2014 and 2015",
    ),
    Allowed("companyinfo-*", "adds CompanyInfo.DefaultTimeZone", "since minor version 75 (protocol.md 1.6)"),
    Allowed(
        "vendorcredit-create", "adds VendorCredit.Balance", "a guess: what is left of the credit, as a bill has it"
    ),
    Allowed(
        "preferences-recorded",
        "adds Preferences.AccountingInfoPrefs.* | adds Preferences.SalesFormsPrefs.AutoApply* | "
        "adds Preferences.SalesFormsPrefs.Default* | adds Preferences.SalesFormsPrefs.EmailCopyToCompany",
        "that company does not show them; S:preferences-read does",
    ),
    # Envelopes and whole records that the sample leaves out.
    Allowed("*", "adds time", "the sample is a list or a record without its envelope"),
    Allowed(
        "*-recorded | taxcode-fyle",
        "adds QueryResponse.totalCount",
        "the sample's envelope was put around a bare list by those who collected it",
    ),
    Allowed(
        "cdc-response-with-deleted",
        "adds CDCResponse.QueryResponse.*",
        "the page abridges the records to their Ids",
    ),
    Allowed(
        "fault-3200-authentication",
        "adds *",
        "abridged; the whole gateway envelope is in protocol.md 9.4",
    ),
    Allowed(
        "fault-10000-system | fault-4001-query-validation",
        "adds Fault.Error.element",
        "may be absent or empty (protocol.md 9.1); recorded as XML, where an empty attribute is left out",
    ),
    Allowed(
        "*-recorded",
        "adds *.domain | adds *.sparse",
        "recorded as XML or typed again: every JSON answer has both",
    ),
    Allowed(
        "exchangerate-query",
        "adds *.domain | adds *.sparse",
        "transcribed; S:exchangerate-read has both",
    ),
    Allowed("exchangerate-recorded", "adds *.SyncToken", "S:exchangerate-read and S:exchangerate-query have it"),
    Allowed(
        "invoice-discount-recorded | invoice-bundle-discount-tax-recorded",
        "adds Invoice.CustomField | adds Invoice.LinkedTxn | adds Invoice.TxnTaxDetail",
        "recorded as XML, which has no empty lists and objects; S:invoice-create has them",
    ),
    Allowed(
        "attachable-query",
        "adds QueryResponse.Attachable.domain",
        "not known whether rows of a column list carry it; clients do not read it",
    ),
    Allowed(
        "attachable-upload-response",
        "adds *.ThumbnailTempDownloadUri",
        "shortened by the page: S:attachable-recorded has it for images",
    ),
    Allowed(
        "payment-update-full",
        "adds Payment.CustomerRef.name | adds Payment.Line.LineEx | adds Payment.ProcessPayment",
        "an old sample (2013); all newer payments have them",
    ),
    Allowed("invoice-send", "adds Invoice.LinkedTxn", "an old sample; S:invoice-create has the empty list"),
    # What the company of the test does not have or does otherwise.
    Allowed(
        "invoice-send",
        "adds Invoice.CustomField.DefinitionId | lacks Invoice.CustomField.StringValue",
        "a field the company has not switched on is dropped; its own one comes back empty (entities.md 1.6)",
    ),
    Allowed("companyinfo-read", "lacks CompanyInfo.EmployerId", "not writable, and the company has none"),
    Allowed(
        "preferences-*",
        "lacks Preferences.VendorAndPurchasesPrefs.POCustomField.CustomField.StringValue",
        "the company has no custom fields for purchase orders",
    ),
    Allowed(
        "preferences-recorded",
        "adds Preferences.SalesFormsPrefs.CustomField.CustomField.StringValue",
        "the company's custom field has a name; S:preferences-read shows it so",
    ),
    Allowed(
        "purchaseorder-*",
        "lacks *PurchaseOrder.CustomField",
        "the company has no custom fields for purchase orders",
    ),
    Allowed(
        "purchaseorder-*",
        "adds *PurchaseOrder.POStatus | adds *PurchaseOrder.EmailStatus",
        "always answered, as in S:purchaseorder-read",
    ),
    Allowed(
        "purchase-create | purchase-recorded",
        "adds *Purchase.DocNumber",
        "the company numbers its purchases by itself, as the page says; switch purchase_numbers",
    ),
    Allowed(
        "purchase-query | purchase-recorded",
        "adds *Purchase.CustomField",
        "always answered, as in S:purchase-create",
    ),
    Allowed(
        "invoice-bundle-discount-tax-recorded",
        "adds Invoice.HomeBalance",
        "with multicurrency, as its page says (entities.md 4.2)",
    ),
    Allowed(
        "invoice-bundle-discount-tax-recorded",
        "adds *.SalesItemLineDetail.TaxInclusiveAmt",
        "documented for tax-inclusive lines (entities.md 4.1); the recording has none",
    ),
    Allowed(
        "salesreceipt-ast-tax-recorded",
        "adds SalesReceipt.ApplyTaxAfterDiscount",
        "S:salesreceipt-create has it; under automated tax it is not known",
    ),
    Allowed(
        "taxcode-fyle",
        "adds QueryResponse.TaxCode.TaxCodeConfigType",
        "newer than the sample (entities.md 3.9)",
    ),
    Allowed("term-create", "adds Term.DiscountDays", "S:term-query has it for terms without a discount"),
)

if __name__ == "__main__":
    sys.stdout.write(table_of(ALLOWED))
