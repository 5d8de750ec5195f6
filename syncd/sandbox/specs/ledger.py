"""Deposits, transfers and journal entries."""

from __future__ import annotations

from syncd.sandbox import fields
from syncd.sandbox.fields import anything, array, boolean, cash, choice, day, decimal, text
from syncd.sandbox.specs.base import META, REF, Spec, linked_by_lines, members, rw, words
from syncd.sandbox.specs.sales import TAX_DETAIL

_LINE: dict[str, fields.Kind] = {
    "Id": text(20),
    "LineNum": fields.integer(0, 1_000_000),
    "Description": text(4000),
    "Amount": cash,
    "LinkedTxn": fields.linked,
    "ProjectRef": fields.reference,
    "CustomField": anything,
    "CustomExtensions": anything,
}
_TXN = {
    "CurrencyRef": REF,
    "TxnDate": rw(day),
    "ExchangeRate": rw(decimal(11, 12)),
    "PrivateNote": rw(text(4000)),
    "GlobalTaxCalculation": rw(choice("TaxExcluded", "TaxInclusive", "NotApplicable")),
    "TxnTaxDetail": rw(TAX_DETAIL),
    "TransactionLocationType": rw(text(50)),
}
_DERIVED = "TotalAmt HomeTotalAmt RecurDataRef TxnSource TxnStatus CustomExtensions "

DEPOSIT = Spec(
    name="Deposit",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete"}),
    queryable=META | words("TxnDate"),
    known_only=words("TotalAmt PrivateNote DepartmentRef DepositToAccountRef CurrencyRef DocNumber"),
    total_count=True,
    links=linked_by_lines,
    members=members(
        {
            **_TXN,
            **dict.fromkeys(("DepositToAccountRef", "DepartmentRef"), REF),
            "Line": rw(
                array(
                    fields.struct(
                        {
                            **_LINE,
                            "DetailType": choice("DepositLineDetail"),
                            "DepositLineDetail": fields.struct(
                                {
                                    **dict.fromkeys(
                                        ("AccountRef", "Entity", "ClassRef", "PaymentMethodRef", "TaxCodeRef"),
                                        fields.reference,
                                    ),
                                    "CheckNum": text(21),
                                    "TxnType": text(50),
                                    "TaxApplicableOn": text(20),
                                }
                            ),
                        }
                    )
                )
            ),
            "CashBack": rw(fields.struct({"Amount": cash, "AccountRef": fields.reference, "Memo": text(4000)})),
            "DocNumber": rw(text(21)),
        },
        _DERIVED,
    ),
)

TRANSFER = Spec(
    name="Transfer",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete"}),
    queryable=META | words("TxnDate"),
    known_only=words("Amount PrivateNote FromAccountRef ToAccountRef CurrencyRef"),
    total_count=True,
    members=members(
        {
            **{name: field for name, field in _TXN.items() if name not in ("GlobalTaxCalculation", "TxnTaxDetail")},
            **dict.fromkeys(("FromAccountRef", "ToAccountRef"), REF),
            "Amount": rw(cash),
        },
        _DERIVED,
    ),
)

JOURNAL_ENTRY = Spec(
    name="JournalEntry",
    family="txn",
    is_list=False,
    operations=frozenset({"create", "update", "delete", "void"}),  # void: answered, and nothing is done
    numbers="journal",
    indexed=("DocNumber",),
    queryable=META | words("DocNumber TxnDate"),
    known_only=words("PrivateNote TotalAmt CurrencyRef Adjustment"),
    total_count=True,
    members=members(
        {
            **_TXN,
            "TaxRateRef": REF,
            "Line": rw(
                array(
                    fields.struct(
                        {
                            **_LINE,
                            "DetailType": choice("JournalEntryLineDetail", "DescriptionOnly"),
                            "JournalEntryLineDetail": fields.struct(
                                {
                                    **dict.fromkeys(
                                        ("AccountRef", "ClassRef", "DepartmentRef", "TaxCodeRef", "JournalCodeRef"),
                                        fields.reference,
                                    ),
                                    "PostingType": choice("Debit", "Credit"),
                                    "Entity": fields.struct({"Type": text(30), "EntityRef": fields.reference}),
                                    "TaxApplicableOn": text(20),
                                    "TaxAmount": cash,
                                    "TaxInclusiveAmt": cash,
                                    "BillableStatus": anything,
                                }
                            ),
                            "DescriptionLineDetail": anything,
                        }
                    )
                )
            ),
            "DocNumber": rw(text(21)),
            "Adjustment": rw(boolean),
        },
        _DERIVED,
    ),
)

LEDGER = (DEPOSIT, TRANSFER, JOURNAL_ENTRY)
