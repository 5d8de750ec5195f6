"""Random histories: whatever people do on both sides, an invoice is in QuickBooks only where somebody asked for it,
once, and as it was when they last asked, but for what QuickBooks changed itself; nothing of it ever comes back.

``make test`` runs some sixty histories; ``SYNCD_HISTORIES=10000`` runs that many. What must be true is kept here, by a
model of a few lines that knows nothing of syncd.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncd.errors import StateError
from syncd.model.kinds import Kind
from syncd.sandbox.server import RunningSandbox
from tests.e2e.helpers import change, held, lines_of, money, receive, sales_line, snapshot
from tests.onedesk.conftest import SETTINGS, push
from tests.support.world import World
from tests.support.world import world as new_world

FLEET = 12
INTERVALS = 4
HISTORIES = int(os.environ.get("SYNCD_HISTORIES", "60"))
LIFTED: dict[str, Any] = {"allow_removals": {Kind.INVOICE: 99, Kind.PAYMENT: 99}}
FIELDS = ("due", "notes", "amount")


class Story:
    """One invoice: what it is in the source, what QuickBooks has of it, and what it was when it was last copied."""

    def __init__(self, world: World, luck: random.Random, number: int) -> None:
        self.world = world
        self.luck = luck
        self.number = f"INV-{number}"
        self.mine: dict[str, str] = {"due": "2026-04-01", "notes": "first", "amount": "100.00"}
        self.state = "published"
        self.theirs: dict[str, str] | None = None
        self.agreed: dict[str, str] = {}
        self.left: dict[str, str] = {}
        self.born = self.mails = 0
        self.paid: list[str] = []
        self.id = world.invoice(
            1, self.number, ("100.00", "Work", 1), due_date=self.mine["due"], notes="first", emails="a@ada.example"
        )

    # ---- what people do

    def act(self) -> None:
        """One thing that is possible now."""
        ways: list[Callable[[], None]] = [self.ask, self.ask, self.send, self.edit, self.edit, self.turn]
        if self.theirs is not None:
            ways += [self.edit_there, self.edit_there, self.pay, self.delete_there]
        if self.luck.random() < 0.05:
            ways = [self.delete]
        self.luck.choice(ways)()

    def ask(self, *, mail: bool = False) -> None:
        if self.state != "published":
            with pytest.raises(StateError):
                push(self.world, self.number, send=mail)
            return
        before, disputed = self.theirs, self.disputed()
        report = push(self.world, self.number, send=mail, **LIFTED)
        if disputed:
            assert report.outcome == "held", (self.number, disputed)
            self.insist(disputed)
        else:
            assert report.outcome == "ok", (self.number, [h.reason for h in held(self.world)])
            changed = {f for f in FIELDS if before is None or self.mine[f] != self.agreed[f]}
            self.theirs = {**(before or {}), **{f: self.mine[f] for f in changed}}
            self.left = {f: self.theirs[f] for f in FIELDS}
            self.agreed = dict(self.mine)
            self.born += before is None
            if mail:
                self.mails += bool(changed) or not self.mailed
                self.mailed = True
            elif before is None:
                self.mailed = False

    mailed = False

    def send(self) -> None:
        self.ask(mail=True)

    def disputed(self) -> set[str]:
        """The fields that QuickBooks changed itself and a copy would overwrite: a person has to say so."""
        if self.theirs is None:
            return set()
        edited = {f for f in FIELDS if self.theirs[f] != self.left[f] and self.theirs[f] != self.mine[f]}
        return {f for f in edited if self.mine[f] != self.agreed[f] or f == "amount"}

    def insist(self, disputed: set[str]) -> None:
        """A person lets the source stand: what was disputed is the source's now, and nothing is anybody else's."""
        (case,) = held(self.world)
        assert self.there() == self.theirs, "nothing is overwritten before"
        self.world.store.resolve_held(self.world.name, case.id, "accept-source", "Ann")
        self.world.run(**LIFTED)
        assert held(self.world) == []
        now = self.there()
        assert now is not None
        assert self.theirs is not None
        assert {f: now[f] for f in disputed} == {f: self.mine[f] for f in disputed}
        assert all(now[f] in {self.mine[f], self.theirs[f]} for f in FIELDS)
        self.theirs, self.left, self.agreed = now, dict(now), dict(self.mine)
        self.mails = self.mailings()  # it may have been asked to be mailed as well
        self.mailed = self.mails > 0

    def edit(self) -> None:
        field = self.luck.choice(FIELDS)
        if self.state == "gone" or (field == "amount" and self.paid):
            return
        self.mine[field] = self.value(field, "mine")
        if field == "amount":
            values = {"v": self.mine["amount"], "id": self.id}
            with self.world.entering():
                self.world.sql("UPDATE invoice_line SET amount = :v, rate = :v WHERE invoice_id = :id", **values)
                self.world.sql("UPDATE invoice SET total = :v WHERE id = :id", **values)
        else:
            column = {"due": "due_date", "notes": "notes"}[field]
            self.world.sql(f"UPDATE invoice SET {column} = :v WHERE id = :id", v=self.mine[field], id=self.id)

    def turn(self) -> None:
        if self.state == "gone":
            return
        self.state = "published" if self.state != "published" else self.luck.choice(["draft", "void"])
        self.world.sql("UPDATE invoice SET state = :state WHERE id = :id", state=self.state, id=self.id)

    def delete(self) -> None:
        if self.paid or self.state == "gone":
            return
        self.state = "gone"
        self.world.sql("DELETE FROM invoice WHERE id = :id", id=self.id)

    def edit_there(self) -> None:
        field = self.luck.choice(FIELDS)
        if field == "amount" and self.paid:
            return
        assert self.theirs is not None
        self.theirs[field] = value = self.value(field, "theirs")
        body: dict[str, Any] = {"DueDate": value} if field == "due" else {"CustomerMemo": {"value": value}}
        if field == "amount":
            body = {"Line": [sales_line(value, "Work", self.item())]}
        change(self.world, "Invoice", self.record(), **body)

    def pay(self) -> None:
        there = self.record()
        if self.state != "published" or self.disputed() or self.theirs != self.agreed or Decimal(there["Balance"]) < 1:
            return
        self.paid.append(f"{self.number}/{len(self.paid)}")
        who = there["CustomerRef"]["value"]
        receive(self.world, who, (there["Id"], "1.00"), PaymentRefNum=self.paid[-1])

    def delete_there(self) -> None:
        if self.paid:
            return
        self.world.accountant.delete("Invoice", self.record())
        self.theirs, self.mailed = None, False

    # ---- what there is

    def value(self, field: str, whose: str) -> str:
        number = self.luck.randint(1, 28)
        return {"due": f"2026-06-{number:02}", "notes": f"{whose} {number}", "amount": f"{number}.50"}[field]

    def record(self) -> dict[str, Any]:
        (found,) = [i for i in self.world.books("Invoice") if i["DocNumber"] == self.number]
        return found

    def item(self) -> str:
        return str(self.world.one("Item", Name="Design")["Id"])

    def there(self) -> dict[str, str] | None:
        found = [i for i in self.world.books("Invoice") if i["DocNumber"] == self.number]
        assert len(found) < 2, f"{self.number} is there twice"
        if not found:
            return None
        amount = f"{Decimal(found[0]['TotalAmt']):.2f}"
        return {"due": found[0]["DueDate"], "notes": found[0]["CustomerMemo"]["value"], "amount": amount}

    def mailings(self) -> int:
        versions = self.world.sandbox.history(self.world.realm, entity="Invoice")
        return sum(v["op"] == "emailed" and v["record"]["DocNumber"] == self.number for v in versions)

    def check(self) -> None:
        """Both sides are what people made of them."""
        assert self.there() == self.theirs, self.number
        rows = self.world.rows("SELECT * FROM invoice WHERE id = :id", id=self.id)
        if self.state == "gone":
            assert rows == []
        else:
            (row,) = rows
            assert (str(row["due_date"]), row["notes"], row["state"]) == (
                self.mine["due"],
                self.mine["notes"],
                self.state,
            )
            assert money(row["total"]) == Decimal(self.mine["amount"])
            assert [money(line["amount"]) for line in lines_of(self.world, self.id)] == [Decimal(self.mine["amount"])]
        versions = self.world.sandbox.history(self.world.realm, entity="Invoice")
        born = sum(v["op"] == "create" and v["record"]["DocNumber"] == self.number for v in versions)
        assert (born, self.mailings()) == (self.born, self.mails), self.number
        received = self.world.rows("SELECT reference FROM payment WHERE reference LIKE :own", own=f"{self.number}/%")
        assert sorted(r["reference"] for r in received) == sorted(self.paid), self.number


@pytest.mark.behaviour("O-8", "O-10", "C-O1", "C-O6", "X-1", "X-7")
@pytest.mark.parametrize("seed", range(-(-HISTORIES // FLEET)))
def test_whatever_people_do_only_what_was_asked_for_is_there_as_it_was_asked(
    sandbox: RunningSandbox, seed: int
) -> None:
    luck = random.Random(seed)
    settings = msgspec.structs.replace(SETTINGS, send_via_qbo=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        new_world(Path(folder), sandbox, profile="onedesk", settings=settings) as world,
    ):
        world.client("Ada Ltd")
        world.item("Design")
        world.run()
        stories = [Story(world, luck, number) for number in range(1, FLEET + 1)]
        for _ in range(INTERVALS):
            for story in luck.sample(stories, k=FLEET * 2 // 3):
                for _ in range(luck.randint(1, 2)):
                    story.act()
            world.run(**LIFTED)
            for story in stories:
                story.check()
        world.run(**LIFTED)
        books, source = world.writes(), snapshot(world)
        again = world.run(**LIFTED)
        assert [f"{o.id}: {o.reason}" for o in again.plan.writes] == []
        assert (world.writes(), snapshot(world)) == (books, source), "one more run does nothing"
        assert world.store.open_entries(world.name) == []
        assert [f"{d.label} {d.reason}" for d in world.engine.audit().differ] == []
