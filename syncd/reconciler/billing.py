"""Bills out of expenses: which expenses belong on which bill, and what the bill says (R-90 to R-102, C-R8, C-R9).

Pure. An expense is billed once: what is on a bill stays on that bill whatever its flags become, and is found there by
the bill's own memory of its expenses, never by a flag. Approvals that come later make a further bill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from syncd.model import values
from syncd.model.facts import Settings
from syncd.model.kinds import State
from syncd.model.records.purchases import Bill, BillLine, Expense

_DIGITS = 2
_RUN = "run"

Group = tuple[str, str, str]
"""What goes on one bill: a member's expenses of one report (or of one run) in one currency."""


class Billed(msgspec.Struct, frozen=True):
    """What is remembered of a bill: the expenses on it, whether it still stands, and whether that is known for certain
    (not while a write of it is under way)."""

    expenses: frozenset[str]
    live: bool = True
    settled: bool = True


def bills_of(
    expenses: Iterable[Expense], remembered: Mapping[str, Billed], settings: Settings, home_currency: str
) -> dict[str, Bill | None]:
    """Every bill by its id, made of the expenses as they are now; None for one whose expenses are all gone.

    ``remembered``: the bills that were made before, by id. An expense that belongs to another member or currency by now
    is gone from its bill, and comes onto another one as soon as the bill is remembered without it.
    """
    owner = {expense_id: bill_id for bill_id, bill in remembered.items() if bill.live for expense_id in bill.expenses}
    members: dict[str, list[Expense]] = defaultdict(list)
    fresh: dict[Group, list[Expense]] = defaultdict(list)
    for expense in expenses:
        bill_id = owner.get(expense.id)
        if bill_id is not None and expense.approved and expense.reimbursable:
            members[bill_id].append(expense)
        elif bill_id is None and is_eligible(expense, settings):
            fresh[group_of(expense, settings, home_currency)].append(expense)
    found: dict[str, Bill | None] = {
        bill_id: _again(bill_id, members.get(bill_id, []), home_currency)
        for bill_id, bill in remembered.items()
        if bill.live
    }
    for group, new in fresh.items():
        bill_id = _next_id(group, remembered)
        found[bill_id] = _bill(bill_id, new, home_currency)
    return found


def is_eligible(expense: Expense, settings: Settings) -> bool:
    """Approved, to be reimbursed, not reimbursed yet, and dated within the range that is set (R-92 to R-95).

    The start date counts for each expense by itself (X-9): an old one does not keep the rest of its report away.
    """
    if not (expense.approved and expense.reimbursable) or expense.reimbursed:
        return False
    firsts, last = (settings.expense_bills_from, settings.sync_start_date), settings.expense_bills_to
    return all(first is None or expense.date >= first for first in firsts) and (last is None or expense.date <= last)


def group_of(expense: Expense, settings: Settings, home_currency: str) -> Group:
    """The bill that an expense belongs on: one per member, report and currency; or per member, run and currency."""
    report = expense.report if settings.expense_bills_by == "report" else _RUN
    return (expense.vendor, report, _currency(expense, home_currency))


def _currency(expense: Expense, home_currency: str) -> str:
    return expense.currency if isinstance(expense.currency, str) and expense.currency else home_currency


def _again(bill_id: str, expenses: list[Expense], home_currency: str) -> Bill | None:
    """A bill that was made before; its id says whose it is and in which currency."""
    currency = bill_id.rpartition("/")[0].rpartition("/")[2]
    kept = [
        each
        for each in expenses
        if bill_id.startswith(f"{each.vendor}/") and _currency(each, home_currency) == currency
    ]
    return _bill(bill_id, kept, home_currency) if kept else None


def _next_id(group: Group, remembered: Mapping[str, Billed]) -> str:
    """The id of a further bill of a group: counted, and never one that was used before."""
    stem = "/".join(group)
    number = 1
    while f"{stem}/{number}" in remembered:
        number += 1
    return f"{stem}/{number}"


def _bill(bill_id: str, expenses: list[Expense], home_currency: str) -> Bill:
    expenses.sort(key=lambda expense: (expense.date, len(expense.id), expense.id))
    lines = tuple(line_of(expense, _currency(expense, home_currency)) for expense in expenses)
    day: date = expenses[0].date
    return Bill(
        id=bill_id,
        vendor=expenses[0].vendor,
        date=day,
        total=sum((line.amount for line in lines), Decimal(0)),
        lines=lines,
        state=State.LIVE,
        currency=expenses[0].currency,
        reimbursed=all(expense.reimbursed for expense in expenses),
    )


def line_of(expense: Expense, currency: str) -> BillLine:
    """The line that stands for an expense. Amounts have two decimals at most (R-99), and none in a currency without."""
    unit = Decimal(1).scaleb(-min(_DIGITS, values.minor_digits(currency)))
    said = (expense.client_name, expense.project_name, expense.merchant, expense.notes)
    return BillLine(
        amount=expense.amount.quantize(unit, ROUND_HALF_UP),
        category=expense.category,
        category_name=expense.category_name,
        project=expense.project,
        project_name=expense.project_name,
        description=" - ".join(part.strip() for part in said if part.strip()),
        expense=expense.id,
    )
