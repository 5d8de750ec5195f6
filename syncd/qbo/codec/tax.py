"""Tax of a form when writing: the code of a line, the amount of the whole, and prices that contain it
(entities.md 3.9). Where the two tax worlds part, and nowhere else."""

from __future__ import annotations

from decimal import Decimal

from syncd.model.checks.forms import tax_code_name
from syncd.model.kinds import Kind
from syncd.model.records.forms import Form, Line
from syncd.model.references import key_of
from syncd.model.values import round_money
from syncd.qbo import wire
from syncd.qbo.codec.currency import code_of
from syncd.qbo.codec.parts import ZERO, Wishes, reference, refuse
from syncd.qbo.wire import Json

HUNDRED = Decimal(100)


def inclusive(record: Form, wishes: Wishes) -> bool:
    """Whether the lines go out with prices that contain the tax. QBO knows such documents outside the US only."""
    if record.tax_inclusive is not True or not wishes.facts.sales_tax:
        return False
    if wishes.facts.global_tax:
        return True
    if record.tax == ZERO:
        return False
    raise refuse(
        "tax-inclusive",
        "The prices contain the tax, which QuickBooks does not know in the US.",
        "Enter the lines without tax, and the tax beside them, in the source.",
        "tax",
    )


def document_code(record: Form, wishes: Wishes) -> str:
    """QBO's id of the tax code of a document: the linked one, else the one that the settings name; empty: none."""
    code = record.tax_code if isinstance(record.tax_code, str) else ""
    found = wishes.link(Kind.TAX_CODE, key_of("", code)) if code.strip() else ""
    name = tax_code_name(record, wishes.settings)
    return found or (wishes.resolve.tax_code(name) if name else "")


def line_code(line: Line, detail: Json, record: Form, wishes: Wishes) -> Json:
    """US: TAX or NON on every line (F-96). Elsewhere: a real code on every line (F-100).

    A line that says nothing of it keeps the code it has.
    """
    taxable = line.taxable
    if not isinstance(taxable, bool):
        if "TaxCodeRef" in detail:
            return {}
        taxable = bool(record.tax) if isinstance(record.tax, Decimal) else False
    if not wishes.facts.global_tax:
        return {"TaxCodeRef": reference("TAX" if taxable and wishes.facts.sales_tax else "NON")}
    if not wishes.facts.sales_tax:
        return {}
    code = document_code(record, wishes) if taxable else _exempt_code(wishes)
    if not code:
        setting = "default_tax_code" if taxable else "exempt_tax_code"
        raise refuse(
            "tax-code",
            "Outside the US every line needs a tax code, and none is chosen.",
            f"Set {setting} to a QuickBooks tax code.",
            "lines",
        )
    return {"TaxCodeRef": reference(code)}


def _exempt_code(wishes: Wishes) -> str:
    name = wishes.settings.exempt_tax_code
    return wishes.resolve.tax_code(name) if name else ""


def without_tax(gross: Decimal, detail: Json, record: Form, wishes: Wishes) -> Decimal:
    """What is left of an amount without the tax that the code of its line puts on it, rounded half up."""
    code = str((detail.get("TaxCodeRef") or {}).get("value", ""))
    percent = wishes.resolve.tax_percent(code) if code else ZERO
    return round_money(gross * HUNDRED / (HUNDRED + percent), code_of(record, wishes))


def whole_tax(record: Form, wishes: Wishes) -> Json:
    """Tax of the whole form. US: the amount, and the code that names the rate unless QBO's engine chooses it.

    A known zero is sent as such, or the customer's default code would add tax. Elsewhere each line carries its code
    and QBO computes.
    """
    facts = wishes.facts
    if not facts.sales_tax:
        return {}
    if facts.global_tax:
        return {"GlobalTaxCalculation": "TaxInclusive" if inclusive(record, wishes) else "TaxExcluded"}
    body: Json = {}
    if isinstance(record.discount, Decimal) and record.discount and wishes.settings.discount_account:
        body["ApplyTaxAfterDiscount"] = wishes.settings.discount_before_tax
    if isinstance(record.tax, Decimal):
        detail: Json = {"TotalTax": wire.plain(record.tax)}
        code = document_code(record, wishes) if record.tax and not facts.automated_tax else ""
        if code:
            detail["TxnTaxCodeRef"] = reference(code)
        body["TxnTaxDetail"] = detail
    return body
