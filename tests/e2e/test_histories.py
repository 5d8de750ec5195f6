"""Random histories: people work on both sides, several things at once between two runs, and it always comes right."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from syncd.model.kinds import Kind, Side
from syncd.sandbox.server import RefusedError, RunningSandbox
from tests.e2e.helpers import change, held, receive, sales_line, snapshot
from tests.support.world import World
from tests.support.world import world as new_world

INVOICES = 4
Step = tuple[Any, ...]

which = st.integers(1, INVOICES)
amount = st.sampled_from(["10.00", "33.33", "120.00"])
day = st.integers(1, 28)
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("edit_due"), which, day),
    st.tuples(st.just("edit_amount"), which, amount),
    st.tuples(st.just("publish"), which),
    st.tuples(st.just("unpublish"), which),
    st.tuples(st.just("pay"), which, amount),
    st.tuples(st.just("edit_payment"), st.integers(0, 3), day),
    st.tuples(st.just("delete_payment"), st.integers(0, 3)),
    st.tuples(st.just("books_due"), which, day),
    st.tuples(st.just("books_amount"), which, amount),
    st.tuples(st.just("books_memo"), which, day),
    st.tuples(st.just("books_pay"), which, amount),
    st.tuples(st.just("books_edit_payment"), st.integers(0, 3), day),
    st.tuples(st.just("books_delete_payment"), st.integers(0, 3)),
    st.tuples(st.just("books_delete_invoice"), which),
)
histories = st.lists(st.lists(steps, min_size=1, max_size=4), min_size=2, max_size=4)

LIFTED: dict[str, Any] = {
    "allow_removals": {Kind.PAYMENT: 99},
    "allow_empty": {(Side.SOURCE, Kind.PAYMENT): 99},
}


class People:
    """Everybody who works on either side."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.paid = 0
        client = world.client("Ada")
        for n in range(1, INVOICES + 1):
            world.invoice(client, f"INV-{n}", ("100.00", "Work"), state="published" if n < INVOICES else "draft")

    def do(self, step: Step) -> None:
        """One thing; what the books refuse, or what is not there to be worked on, does not happen."""
        with suppress(RefusedError):
            getattr(self, step[0])(*step[1:])

    def edit_due(self, invoice: int, day: int) -> None:
        self.world.sql("UPDATE invoice SET due_date = :due WHERE id = :id", id=invoice, due=f"2026-05-{day:02}")

    def edit_amount(self, invoice: int, value: str) -> None:
        self.world.sql(
            "UPDATE invoice_line SET amount = :v, rate = :v, quantity = '1' WHERE id = "
            "(SELECT min(id) FROM invoice_line WHERE invoice_id = :id)",
            v=value,
            id=invoice,
        )
        rest = self.world.rows("SELECT amount FROM invoice_line WHERE invoice_id = :id", id=invoice)
        total = sum((Decimal(str(row["amount"])) for row in rest), Decimal(0))
        self.world.sql("UPDATE invoice SET total = :v WHERE id = :id", v=str(total), id=invoice)

    def publish(self, invoice: int) -> None:
        self.world.sql("UPDATE invoice SET state = 'published' WHERE id = :id", id=invoice)

    def unpublish(self, invoice: int) -> None:
        self.world.sql("UPDATE invoice SET state = 'draft' WHERE id = :id", id=invoice)

    def pay(self, invoice: int, value: str) -> None:
        self.paid += 1
        self.world.payment(1, (invoice, value), reference=f"P-{self.paid}")

    def _payment(self, n: int) -> int | None:
        found = self.world.rows("SELECT id FROM payment ORDER BY id")
        return found[n]["id"] if n < len(found) else None

    def edit_payment(self, n: int, day: int) -> None:
        self.world.sql("UPDATE payment SET date = :d WHERE id = :id", d=f"2026-04-{day:02}", id=self._payment(n))

    def delete_payment(self, n: int) -> None:
        payment = self._payment(n)
        self.world.sql("DELETE FROM payment_allocation WHERE payment_id = :id", id=payment)
        self.world.sql("DELETE FROM payment WHERE id = :id", id=payment)

    def _invoice(self, n: int) -> dict[str, Any] | None:
        return next((i for i in self.world.books("Invoice") if i["DocNumber"] == f"INV-{n}"), None)

    def books_due(self, n: int, day: int) -> None:
        if found := self._invoice(n):
            change(self.world, "Invoice", found, DueDate=f"2026-06-{day:02}")

    def books_memo(self, n: int, day: int) -> None:
        if found := self._invoice(n):
            change(self.world, "Invoice", found, CustomerMemo={"value": f"memo {day}"})

    def books_amount(self, n: int, value: str) -> None:
        if found := self._invoice(n):
            change(self.world, "Invoice", found, Line=[sales_line(value, "Work")])

    def books_pay(self, n: int, value: str) -> None:
        found = self._invoice(n)
        if found and Decimal(found["Balance"]) >= Decimal(value):
            self.paid += 1
            receive(self.world, found["CustomerRef"]["value"], (found["Id"], value), PaymentRefNum=f"P-{self.paid}")

    def books_edit_payment(self, n: int, day: int) -> None:
        for payment in self.world.books("Payment")[n : n + 1]:
            self.world.accountant.save("Payment", {**payment, "TxnDate": f"2026-07-{day:02}"})

    def books_delete_payment(self, n: int) -> None:
        for payment in self.world.books("Payment")[n : n + 1]:
            self.world.accountant.delete("Payment", payment)

    def books_delete_invoice(self, n: int) -> None:
        if found := self._invoice(n):
            self.world.accountant.delete("Invoice", found)


def in_order(world: World) -> None:
    """No document twice; every difference is explained; a further run does nothing."""
    for entity, key in (("Invoice", "DocNumber"), ("Payment", "PaymentRefNum"), ("Customer", "DisplayName")):
        counted = Counter(str(record.get(key)) for record in world.books(entity))
        assert max(counted.values(), default=1) == 1, counted
    linked = Counter(row["qbo_id"] for row in world.rows("SELECT qbo_id FROM payment WHERE qbo_id IS NOT NULL"))
    assert max(linked.values(), default=1) == 1
    references = Counter(row["reference"] for row in world.rows("SELECT reference FROM payment"))
    assert max(references.values(), default=1) == 1, references

    books, source = world.writes(), snapshot(world)
    again = world.run(**LIFTED)
    assert [f"{o.id}: {o.reason}" for o in again.plan.writes] == []
    assert again.plan.brakes == ()
    assert world.writes() == books
    assert snapshot(world) == source
    assert world.store.open_entries(world.name) == []

    waiting = {(each.kind, each.source_id) for each in held(world)}
    money_waits = any(kind is Kind.PAYMENT for kind, _ in waiting)
    for difference in world.engine.audit().differ:
        only_paid = difference.reason.startswith("shows ")
        assert (difference.kind, difference.source_id) in waiting or (only_paid and money_waits), difference


@pytest.mark.failure("F-52")
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # each example takes a second: a long one that fails is soon read
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories)
def test_whatever_people_do_the_books_stay_in_order(sandbox: RunningSandbox, history: list[list[Step]]) -> None:
    with tempfile.TemporaryDirectory() as folder, new_world(Path(folder), sandbox) as world:
        people = People(world)
        world.run()
        for between in history:
            for step in between:
                people.do(step)
            world.run(**LIFTED)
            in_order(world)
