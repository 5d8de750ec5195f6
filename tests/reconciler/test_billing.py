"""Bills out of expenses: nothing twice, nothing forgotten, and what the bill says (R-90 to R-102, C-R8, C-R9)."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.facts import Settings
from syncd.model.records.purchases import Bill, Expense
from syncd.reconciler.billing import Billed, bills_of
from tests.reconciler.build import moderate

ON = Settings(expense_bills=True)
HOME = "USD"


def expense(id_: str = "1", amount: str = "10.00", **parts: Any) -> Expense:
    """An approved expense of member m1 on report r1."""
    made: dict[str, Any] = {
        "vendor": "m1",
        "date": date(2026, 3, 3),
        "approved": True,
        "reimbursable": True,
        "report": "r1",
    }
    return Expense(id=id_, amount=Decimal(amount), **(made | {"currency": "USD"} | parts))


def bills(*expenses: Expense, remembered: dict[str, Billed] | None = None, settings: Settings = ON) -> dict[str, Any]:
    return bills_of(expenses, remembered or {}, settings, HOME)


def remember(made: dict[str, Bill | None]) -> dict[str, Billed]:
    """What the links of these bills hold afterwards."""
    return {
        bill_id: Billed(frozenset(line.expense for line in bill.lines))
        for bill_id, bill in made.items()
        if isinstance(bill, Bill)
    }


def test_one_bill_for_each_member_report_and_currency() -> None:
    made = bills(
        expense("1", "10.00"),
        expense("2", "5.25", date=date(2026, 2, 27)),
        expense("3", report="r2"),
        expense("4", vendor="m2"),
        expense("5", currency="EUR"),
    )
    assert sorted(made) == ["m1/r1/EUR/1", "m1/r1/USD/1", "m1/r2/USD/1", "m2/r1/USD/1"]
    bill = made["m1/r1/USD/1"]
    assert (bill.vendor, bill.currency, bill.total) == ("m1", "USD", Decimal("15.25"))
    assert bill.date == date(2026, 2, 27), "the date of the earliest expense"
    assert [line.expense for line in bill.lines] == ["2", "1"]


def test_one_bill_for_everything_new_in_a_run() -> None:
    by_run = msgspec.structs.replace(ON, expense_bills_by="run")
    made = bills(expense("1"), expense("2", report="r2"), settings=by_run)
    assert list(made) == ["m1/run/USD/1"]
    later = bills(expense("1"), expense("2", report="r2"), expense("3"), remembered=remember(made), settings=by_run)
    assert [line.expense for line in later["m1/run/USD/2"].lines] == ["3"]


def test_only_what_is_approved_reimbursable_open_and_dated_in_range_is_billed() -> None:
    ranged = msgspec.structs.replace(ON, expense_bills_from=date(2026, 3, 1), expense_bills_to=date(2026, 3, 31))
    made = bills(
        expense("1", approved=False),
        expense("2", reimbursable=False),
        expense("3", reimbursed=True),
        expense("4", date=date(2026, 2, 28)),
        expense("5", date=date(2026, 4, 1)),
        expense("6", date=date(2026, 3, 1)),
        expense("7", date=date(2026, 3, 31)),
        settings=ranged,
    )
    assert [line.expense for bill in made.values() for line in bill.lines] == ["6", "7"]


def test_a_later_approval_makes_a_further_bill() -> None:
    first = bills(expense("1"), expense("2", approved=False))
    second = bills(expense("1"), expense("2"), remembered=remember(first))
    assert {bill_id: [line.expense for line in bill.lines] for bill_id, bill in second.items()} == {
        "m1/r1/USD/1": ["1"],
        "m1/r1/USD/2": ["2"],
    }


def test_what_is_billed_stays_on_its_bill_whatever_its_flags_say() -> None:
    remembered = remember(bills(expense("1")))
    for flags in ({"reimbursed": True}, {"date": date(2020, 1, 1)}, {"report": "r9"}, {"vendor": "m1"}):
        made = bills(expense("1", **flags), remembered=remembered)
        assert [line.expense for line in made["m1/r1/USD/1"].lines] == ["1"]
        assert len(made) == 1


def test_a_bill_whose_expenses_are_all_gone_is_gone_itself_and_its_id_is_never_used_again() -> None:
    remembered = remember(bills(expense("1")))
    assert bills(expense("1", approved=False), remembered=remembered) == {"m1/r1/USD/1": None}
    buried = {"m1/r1/USD/1": Billed(frozenset({"1"}), live=False)}
    assert list(bills(expense("1"), remembered=buried)) == ["m1/r1/USD/2"]


def test_a_billed_expense_of_another_member_or_currency_leaves_its_bill_and_is_billed_once_that_is_known() -> None:
    first = bills(expense("1"), expense("2"))
    for change, other in (({"vendor": "m2"}, "m2/r1/USD/1"), ({"currency": "EUR"}, "m1/r1/EUR/1")):
        made = bills(expense("1", **change), expense("2"), remembered=remember(first))
        assert {bill_id: [line.expense for line in bill.lines] for bill_id, bill in made.items()} == {
            "m1/r1/USD/1": ["2"]
        }
        made = bills(expense("1", **change), expense("2"), remembered=remember(made))
        assert [line.expense for line in made[other].lines] == ["1"]
        assert bills(expense("1", **change), remembered=remember(bills(expense("1")))) == {"m1/r1/USD/1": None}


def test_amounts_are_rounded_half_up_and_descriptions_say_where_the_money_went() -> None:
    whole = expense("1", "10.005", client_name="Nord", project_name=" Relaunch ", merchant="City Taxi", notes="Airport")
    bare = expense("2", "0.004", merchant="Kiosk")
    bill = bills(whole, bare)["m1/r1/USD/1"]
    assert [line.amount for line in bill.lines] == [Decimal("10.01"), Decimal("0.00")]
    assert bill.total == Decimal("10.01")
    assert [line.description for line in bill.lines] == ["Nord - Relaunch - City Taxi - Airport", "Kiosk"]


def test_a_bill_is_reimbursed_when_all_of_its_expenses_are() -> None:
    remembered = remember(bills(expense("1"), expense("2")))
    half = bills(expense("1", reimbursed=True), expense("2"), remembered=remembered)["m1/r1/USD/1"]
    whole = bills(expense("1", reimbursed=True), expense("2", reimbursed=True), remembered=remembered)["m1/r1/USD/1"]
    assert (half.reimbursed, whole.reimbursed) == (False, True)


flags = st.fixed_dictionaries(
    {
        "approved": st.booleans(),
        "reimbursable": st.booleans(),
        "reimbursed": st.booleans(),
        "vendor": st.sampled_from(["m1", "m2"]),
        "report": st.sampled_from(["r1", "r2", ""]),
        "currency": st.sampled_from(["USD", "EUR"]),
        "date": st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    }
)
moments = st.lists(st.dictionaries(st.sampled_from("123456"), flags, max_size=6), min_size=1, max_size=5)


@moderate
@given(moments, st.sampled_from(["report", "run"]))
def test_whatever_people_tick_no_expense_is_ever_on_two_bills(history: list[dict[str, Any]], by: Any) -> None:
    """Each moment is settled before the next: the memory is what the links would hold."""
    settings = msgspec.structs.replace(ON, expense_bills_by=by)
    remembered: dict[str, Billed] = {}
    for moment in history:
        expenses = [expense(id_, **parts) for id_, parts in moment.items()]
        made = bills_of(expenses, remembered, settings, HOME)
        assert made == bills_of(list(reversed(expenses)), remembered, settings, HOME), "the order does not matter"
        held = Counter(line.expense for bill in made.values() if isinstance(bill, Bill) for line in bill.lines)
        assert all(count == 1 for count in held.values())
        ever = Counter(each for bill in remembered.values() for each in bill.expenses)
        for bill_id, bill in made.items():
            if not isinstance(bill, Bill):
                continue
            assert bill.lines
            assert bill.total == sum(line.amount for line in bill.lines)
            for line in bill.lines:
                assert not ever[line.expense] or line.expense in remembered[bill_id].expenses
        for each in expenses:
            leaving = any(
                each.id in bill.expenses and not (key.startswith(f"{each.vendor}/") and f"/{each.currency}/" in key)
                for key, bill in remembered.items()
            )
            if each.approved and each.reimbursable and not each.reimbursed:
                assert held[each.id] == (0 if leaving else 1), "nothing that is owed is forgotten"
        remembered |= remember(made)
