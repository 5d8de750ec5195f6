"""The whole program under one stateful property test (correctness.md sections 4 and 5).

What people do on both sides and what syncd does (``machine_runs``), in any order, with anything going wrong; and
stories, which put both together. The policy is drawn once for an example.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.reliability.machine_broken import ensure
from tests.reliability.machine_draws import nth, which
from tests.reliability.machine_people import EDITS, MEDDLING
from tests.reliability.machine_runs import Runs
from tests.reliability.machine_wire import HEALTHY, Trouble

CHANGES = (
    *("new", "new client", "edit", "edit there", "paid", "paid there", "date", "date there", "unpaid", "unpaid there"),
    "entered before",
)
"""What people do between two runs, in the source or ``there``, in the books."""


class SyncMachine(Runs):
    """What people do in the world, and what happens to them there."""

    # ---- the source

    @rule(client=which, draft=st.booleans())
    def src_put(self, client: int, draft: bool) -> None:
        self.people.put_invoice(client, draft=draft)

    @rule(which=which, what=st.sampled_from(EDITS))
    def src_edit(self, which: int, what: str) -> None:
        self._meanwhile()
        self.people.edit_in_source(which, what)

    @rule(which=which, act=st.sampled_from(("new", "date", "delete", "restore")))
    def src_payment(self, which: int, act: str) -> None:
        self._meanwhile()
        match act:
            case "new":
                self.people.put_payment(which)
            case "date":
                self.people.edit_payment_in_source(which)
            case "delete":
                self.people.delete_in_source("payment", which)
            case _:
                self.people.restore_in_source("payment")

    @rule(which=which, act=st.sampled_from(("delete", "restore", "withdraw", "ticked", "publish")))
    def src_delete(self, which: int, act: str) -> None:
        self._meanwhile()
        match act:
            case "delete":
                self.people.delete_in_source("invoice", which)
            case "restore":
                self.people.restore_in_source("invoice")
            case "publish":
                self.people.publish_in_source(which)
            case _:
                self.people.withdraw_in_source(which, remove=True if act == "ticked" else None)

    @rule(which=which, act=st.sampled_from(("address", "new", "known", "known otherwise")))
    def src_client(self, which: int, act: str) -> None:
        if act == "address":
            self.people.edit_client(which)
        else:
            self.people.put_client(known=act != "new", other=act == "known otherwise")

    @rule(kind=st.sampled_from(("payment", "invoice")), but_one=st.booleans(), at_once=st.booleans())
    def wipe_source(self, kind: str, but_one: bool, at_once: bool) -> None:
        """A table is emptied, or a faulty filter leaves a single payment of all; and the next cycle sees it at once."""
        self._meanwhile()
        self.people.wipe(kind, but_one=but_one)
        if at_once:
            self.run(HEALTHY, "there same", tick=True)

    @rule(count=st.integers(2, 5))
    def bulk_load(self, count: int) -> None:
        for n in range(count):
            self.people.put_invoice(n)
            self.people.put_payment(n)
        self.run(HEALTHY, "there same", tick=True)

    @precondition(lambda self: self.stage.setup.start == "big")
    @rule()
    def bulk_change(self) -> None:
        """A mistake in a mapping: everything is different at once."""
        self._meanwhile()
        self.people.change_all()
        self.checks.mass_change = self.checks.before().linked["invoice"] >= 24 and self._published() >= 24

    def _published(self) -> int:
        return sum(v.values["state"] == "published" for v in self.stage.truth.source.of("invoice"))

    # ---- the books

    @rule(which=which, what=st.sampled_from(EDITS[:5]))
    def human_edit(self, which: int, what: str) -> None:
        self._meanwhile()
        self.people.edit_in_books(which, what)

    @rule(which=which, act=st.sampled_from(("new", "date", "delete")))
    def human_payment(self, which: int, act: str) -> None:
        self._meanwhile()
        match act:
            case "new":
                self.people.pay_in_books(which)
            case "date":
                self.people.edit_payment_in_books(which)
            case _:
                self.people.delete_in_books("payment", which)

    @rule(which=which)
    def human_void(self, which: int) -> None:
        self._meanwhile()
        self.people.void_in_books(which)

    @rule(which=which)
    def human_delete(self, which: int) -> None:
        self._meanwhile()
        self.people.delete_in_books("invoice", which)

    @rule(which=which, copied=st.integers(0, 2))
    def foreign_doc(self, which: int, copied: int) -> None:
        if copied:
            self.people.copy_in_books(which, times=copied)
        else:
            self.people.stranger()

    @rule(which=which, times=st.integers(1, 2), same=st.booleans())
    def preexisting_doc(self, which: int, times: int, same: bool) -> None:
        self.people.put_invoice(which)
        self.people.enter_before(which, times=times, same=same)

    @rule(which=which, forgotten=st.booleans())
    def late_create(self, which: int, forgotten: bool) -> None:
        """A create that travels for long: meanwhile nobody answers a repeat, or its record is gone and comes back."""
        self.people.put_payment(which)
        self.run(Trouble(late=1), "there same", tick=True)
        if forgotten:
            self.people.delete_in_source("payment", -1)
            self.run(HEALTHY, "there same", tick=True)
            self.people.restore_in_source("payment")
        else:
            self.run(Trouble(away=1), "there same", tick=True)
        self.run(HEALTHY, "there same", tick=True)
        self._arrive()

    # ---- stories: what chance alone would hardly ever put together

    @rule(change=st.sampled_from(CHANGES), which=which, how=st.sampled_from(MEDDLING))
    def change_and_somebody_acts(self, change: str, which: int, how: str) -> None:
        """What was changed on one side is about to be written to the other, and somebody acts at that very moment."""
        self._change(change, which)
        self.run(Trouble(meddle=1), how, tick=True)

    @rule(change=st.sampled_from(CHANGES), which=which, read=st.integers(1, 5), outage=st.booleans())
    def change_and_lost_read(self, change: str, which: int, read: int, outage: bool) -> None:
        """Something changed, and of what it takes to decide about it an answer never comes, or several."""
        self._change(change, which)
        self.run(Trouble(read=read, outage=outage), "there same", tick=True)

    @rule(which=which, read=st.integers(1, 3))
    def typed_in_early(self, which: int, read: int) -> None:
        """The accountant types in what is still a draft. When it is published, nobody answers whether it is there."""
        self.people.put_invoice(which, draft=True)
        self.people.enter_draft()
        self.run(HEALTHY, "there same", tick=True)
        self._meanwhile()
        self.people.publish_in_source(-1)
        self.run(Trouble(read=read, outage=True), "there same", tick=True)

    @rule(change=st.sampled_from(CHANGES), which=which, write=nth)
    def change_and_refusal(self, change: str, which: int, write: int) -> None:
        """Something changed, and QuickBooks says no to what comes of it."""
        self._change(change, which)
        self.run(Trouble(refused=write), "there same", tick=True)

    @rule(change=st.sampled_from(CHANGES), which=which)
    def change_and_lag(self, change: str, which: int) -> None:
        """Something changed, and QuickBooks does not show it yet."""
        self._change(change, which)
        self.run(Trouble(lag=True), "there same", tick=True)

    @rule(which=which, kind=st.sampled_from(("invoice", "payment")), deleted=st.booleans())
    def both_at_once(self, which: int, kind: str, deleted: bool) -> None:
        """The same record is changed in QuickBooks, and deleted or changed in the source."""
        self._change("date there" if kind == "payment" else "edit there", which)
        if deleted:
            self.people.delete_in_source(kind, which)
        else:
            self._change("date" if kind == "payment" else "edit", which)

    @rule(which=which)
    def copied_and_deleted(self, which: int) -> None:
        """The accountant copies an invoice, and deletes the one it was copied from."""
        self._meanwhile()
        self.people.copy_in_books(which)
        self.run(HEALTHY, "there same", tick=True)
        self.people.delete_in_books("invoice", which)

    @rule(which=which)
    def known_client_moves(self, which: int) -> None:
        """A customer that the accountant made gets another address, in the source."""
        self.people.put_client(known=True, other=True)
        self.run(HEALTHY, "there same", tick=True)
        self._meanwhile()
        self.people.edit_client(-1)

    @rule(which=which)
    def note_too_long(self, which: int) -> None:
        """What changes in a note stands where QuickBooks has cut it off."""
        self.src_edit(which, "long")
        self.run(HEALTHY, "there same", tick=True)
        self.src_edit(which, "long")

    def _change(self, change: str, which: int) -> None:
        """One of ``CHANGES``."""
        self._meanwhile()
        match change:
            case "new":
                self.people.put_invoice(which)
            case "new client":
                self.people.put_client(known=False, other=False)
            case "edit":
                self.people.edit_in_source(which, EDITS[which % 3])
            case "edit there":
                self.people.edit_in_books(which, EDITS[which % 3])
            case "paid":
                self.people.put_payment(which)
            case "paid there":
                self.people.pay_in_books(which)
            case "date":
                self.people.edit_payment_in_source(which)
            case "date there":
                self.people.edit_payment_in_books(which)
            case "unpaid":
                self.people.delete_in_source("payment", which)
            case "unpaid there":
                self.people.delete_in_books("payment", which)
            case _:
                self.preexisting_doc(which, 1, same=True)

    @rule(crash=st.integers(1, 24))
    def crash_is_no_difference(self, crash: int) -> None:
        """I11: where a process ended, whatever it was doing, the same comes of it in the end (ids aside)."""
        self._meanwhile()
        with self._tried():
            undisturbed = self._ending(HEALTHY)
        ending = self._ending(Trouble(crash=crash))
        ensure(ending == undisturbed, "I11", f"killed at {crash}: {_apart(undisturbed, ending)}")

    def _ending(self, trouble: Trouble) -> Any:
        self.run(trouble, "there same", tick=False)
        self.settle(lifted=True)
        return self.checks.world_without_ids()

    @contextmanager
    def _tried(self) -> Iterator[None]:
        """What happens inside has not happened afterwards; people and checks do not remember it either."""
        minds = (self.people, self.checks)
        kept = [{n: copy(v) for n, v in mind.__dict__.items() if isinstance(v, dict | set | tuple)} for mind in minds]
        with self.stage.tried():
            yield
        for mind, was in zip(minds, kept, strict=True):
            mind.__dict__.update(was)
        self.checks.links_again()


def _apart(one: Any, other: Any) -> str:
    """What only one of two worlds holds."""
    parts = [(mine, theirs) for mine, theirs in zip(one, other, strict=True) if mine != theirs]
    return "; ".join(
        f"only undisturbed {[x for x in mine if x not in theirs]}, only killed {[x for x in theirs if x not in mine]}"
        for mine, theirs in parts
    )
