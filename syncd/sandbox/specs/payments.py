"""Money received (entities.md 5)."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.sandbox import fields
from syncd.sandbox.fields import anything, array, cash, day, decimal, text
from syncd.sandbox.specs.base import META, REF, Spec, linked_by_lines, members, rw, words
from syncd.sandbox.specs.sales import OPEN_CREDIT, open_on
from syncd.sandbox.wire import Json


def _links(body: Json) -> Iterable[tuple[str, str]]:
    yield from linked_by_lines(body)
    yield from open_on(body, "UnappliedAmt", OPEN_CREDIT)


PAYMENT = Spec(
    name="Payment",
    family="txn",
    is_list=False,
    sparse=False,
    links=_links,
    operations=frozenset({"create", "update", "delete", "void"}),
    indexed=("CustomerRef", "PaymentRefNum"),
    queryable=META | words("TxnDate CustomerRef TotalAmt UnappliedAmt PaymentRefNum CurrencyRef PaymentMethodRef"),
    known_only=frozenset({"PrivateNote", "DepositToAccountRef"}),
    members=members(
        {
            **dict.fromkeys(
                (
                    "CustomerRef",
                    "DepositToAccountRef",
                    "ARAccountRef",
                    "PaymentMethodRef",
                    "CurrencyRef",
                    "ProjectRef",
                ),
                REF,
            ),
            "TotalAmt": rw(cash),
            "Line": rw(
                array(
                    fields.struct(
                        {
                            "Amount": cash,
                            "LinkedTxn": fields.linked,
                            "LineEx": anything,
                            "Id": text(20),
                            "LineNum": fields.integer(0, 1_000_000),
                            "Description": text(4000),
                        }
                    )
                )
            ),
            "TxnDate": rw(day),
            "PaymentRefNum": rw(text(21)),
            "PrivateNote": rw(text(4000)),
            "ExchangeRate": rw(decimal(11, 12)),
            "TransactionLocationType": rw(text(50)),
        },
        "UnappliedAmt ProcessPayment CreditCardPayment TxnSource TaxExemptionRef HomeTotalAmt TxnStatus LinkedTxn "
        "DepartmentRef",
    ),
)

PAYMENTS = (PAYMENT,)
