"""The stage of the fault matrix: one company with everything still to be done, put back for each trial.

Nothing here reads through syncd: what was created twice is told by the look-alike's history, what is missing by its
books and by SQL.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import sqlalchemy as sa

from syncd.model.kinds import Kind
from syncd.sandbox.server import Accountant, AdminError, RunningSandbox, running_sandbox
from tests.e2e.credit_books import shares
from tests.e2e.helpers import Json, at_rest, change, receive, sales_lines, snapshot
from tests.e2e.owed import EXACT, ON, said
from tests.support.world import World

Picture = dict[str, list[Any]]

PATIENT: dict[str, Any] = {"cdc_overlap_seconds": 1}
"""So little overlap that an edit which the cursor has passed is not read again by luck."""
BRIEF: dict[str, Any] = PATIENT | {"read_timeout_seconds": 0.4, "connect_timeout_seconds": 0.4}
STEP_SECONDS = 10
"""By so much the look-alike's clock goes on before each run: more than the overlap."""
LIFTED: dict[str, Any] = {"allow_removals": {Kind.PAYMENT: 9, Kind.CREDIT_APPLICATION: 9}}

# ---- the stage


class Stage:
    """One company, made once, with everything still to be done; ``set`` puts it back as it was."""

    def __init__(self, folder: Path, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        world = World(folder, sandbox, name="matrix", settings=ON, source_options=EXACT, qbo=PATIENT)
        self.world = world
        own_app(world)
        agree(world)
        edit(world)
        world.engine.close()
        world.store.close()
        world.database.dispose()
        self._files = [Path(url.removeprefix("sqlite:///")) for url in (world.source_url, world.state_url)]
        for file in self._files:
            with sqlite3.connect(file) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
            shutil.copyfile(file, _kept(file))
        sandbox.snapshot("set", world.realm)
        self.expected: Picture = {}
        self.requests: list[str] = []
        self.batched: list[int] = []
        self.statements = Counter[str]()
        self.brief = False
        self._rehearse()

    @property
    def sorts(self) -> list[str]:
        """The sorts of requests that the cycle makes."""
        return list(dict.fromkeys(self.requests))

    def set(self, **qbo: Any) -> World:
        """Everything as it was, but for the clock; the access token has run out."""
        world = self.world
        self.sandbox.clear_faults()
        self.sandbox.restore("set", world.realm)
        for file in self._files:
            for suffix in ("-wal", "-shm"):
                file.with_name(file.name + suffix).unlink(missing_ok=True)
            shutil.copyfile(_kept(file), file)
        own_app(world)
        self._open(qbo)
        world.grant()
        tokens = world.store.tokens("sandbox", world.realm)
        grant = tokens.load()
        assert grant is not None
        tokens.save(
            msgspec.structs.replace(grant, access_expires_at=world.clock.now() - timedelta(seconds=1)), grant.version
        )
        return world

    def reopen(self, **qbo: Any) -> None:
        """As after a restart of the process."""
        self.strike()
        self._open(qbo)

    def _open(self, qbo: Mapping[str, Any]) -> None:
        world = self.world
        self.brief = bool(qbo)
        world._qbo = PATIENT | dict(qbo)
        world.store = world.open_store()
        world.engine = world.build()

    def strike(self) -> None:
        """Close what a trial opened."""
        self.world.engine.close()
        self.world.store.close()
        self.world.database.dispose()

    def _rehearse(self) -> None:
        """What it comes to when nothing goes wrong, and what the first run asks of both sides."""
        world = self.set()
        first = self.sandbox.last_request()
        with counted(world, self.statements):
            tick(world)
            world.run(**LIFTED)
        seen = self.sandbox.requests(after=first, client_id="sandbox-client")
        self.requests = [" ".join(filter(None, (r["endpoint"], r["entity"], r["operation"]))) for r in seen]
        self.batched = [len(r["bids"]) for r in seen if r["endpoint"] == "batch"]
        edit_meanwhile(world)
        for _ in range(2):
            tick(world)
            world.run(**LIFTED)
        self.expected = picture(world)
        at_rest(world)
        self.strike()


def own_app(world: World) -> None:
    """The accountant works with another app, so that the ledger tells the two apart, and no fault is meant for them."""
    office = {"client_id": "office", "client_secret": "office-secret"}
    with suppress(AdminError):  # known already
        world.sandbox.admin("POST", "/apps", office)
    world.accountant = Accountant(world.sandbox, world.realm, world.sandbox.tokens(world.realm, client_id="office"))


def _kept(file: Path) -> Path:
    return file.with_name(file.name + ".kept")


def tick(world: World) -> None:
    """Time passes in the books."""
    world.sandbox.advance(STEP_SECONDS)


def agree(world: World) -> None:
    """A company at work: four invoices, three of them paid in part, a credit note in use, a billed expense."""
    ada = world.client("Ada")
    for n in range(1, 5):
        world.invoice(ada, f"INV-{n}", ("100.00", "Work"), ("20.00", "Travel"))
    for n in range(1, 4):
        world.payment(ada, (n, "10.00"), reference=f"P-{n}")
    world.apply_credit(world.credit_note(ada, "CN-1"), (1, "30.00"))
    world.expense(world.member("Max"), "12.00", notes="taxi")
    tick(world)
    world.run()
    tick(world)
    at_rest(world)
    tick(world)


def edit(world: World) -> None:
    """What makes the next cycle do everything: look-ups, creates alone and in batches, an update, a removal, reads by
    id, and changes, imports and a removal in the source."""
    eva = world.client("Eva")
    world.invoice(eva, "INV-10", ("70.00", "Design"))
    five = world.invoice(1, "INV-11", ("11.00", "More"))
    world.invoice(1, "INV-12", ("12.00", "Still more"))
    world.payment(1, (five, "1.00"), reference="P-10")
    world.apply_credit(world.credit_note(1, "CN-2", ("25.00", "Sorry")), (3, "25.00"))
    world.expense(world.member("Mia"), "33.00", notes="train", report="April trip")
    world.sql("UPDATE invoice SET due_date = '2026-05-05' WHERE number = 'INV-4'")
    world.sql("DELETE FROM payment_allocation WHERE payment_id = 2")
    world.sql("DELETE FROM payment WHERE id = 2")
    one, three = (world.one("Invoice", DocNumber=f"INV-{n}") for n in (1, 3))
    change(world, "Invoice", one, CustomerMemo={"value": "thank you"})
    receive(world, three["CustomerRef"]["value"], (three["Id"], "5.00"), PaymentRefNum="Q-1")
    world.accountant.delete("Payment", world.one("Payment", PaymentRefNum="P-3"))


def edit_meanwhile(world: World) -> None:
    """What people do on both sides while the trouble lasts: none of it may be passed over."""
    two, four = (world.one("Invoice", DocNumber=f"INV-{n}") for n in (2, 4))
    change(world, "Invoice", two, CustomerMemo={"value": "meanwhile"})
    receive(world, four["CustomerRef"]["value"], (four["Id"], "7.00"), PaymentRefNum="Q-2")
    world.sql("UPDATE invoice SET notes = 'also meanwhile' WHERE number = 'INV-12'")
    world.invoice(1, "INV-13", ("13.00", "Late"))


# ---- what there is


def picture(world: World) -> Picture:
    """Both sides by value, without ids, versions and times."""
    books = {
        entity: world.books(entity) for entity in ("Customer", "Vendor", "Invoice", "CreditMemo", "Payment", "Bill")
    }
    names = {c["Id"]: c["DisplayName"] for c in books["Customer"]} | {
        v["Id"]: v["DisplayName"] for v in books["Vendor"]
    }
    numbers = {d["Id"]: d["DocNumber"] for entity in ("Invoice", "CreditMemo") for d in books[entity]}
    found: Picture = {
        "customers": [c["DisplayName"] for c in books["Customer"]],
        "vendors": [v["DisplayName"] for v in books["Vendor"]],
        "invoices": [(*_form(i, names), str(i["DueDate"]), Decimal(i["Balance"])) for i in books["Invoice"]],
        "credit memos": [(*_form(m, names), Decimal(m["RemainingCredit"])) for m in books["CreditMemo"]],
        "payments": [_payment(p, names, numbers) for p in books["Payment"]],
        "bills": [(names[b["VendorRef"]["value"]], Decimal(b["TotalAmt"]), said(b)) for b in books["Bill"]],
    }
    found |= {f"source {table}": [_plain(row) for row in rows] for table, rows in snapshot(world).items()}
    return {what: sorted(rows, key=repr) for what, rows in found.items()}


def _form(form: Json, names: Mapping[str, str]) -> tuple[Any, ...]:
    lines = sorted((line["Description"], Decimal(line["Amount"])) for line in sales_lines(form))
    memo = form.get("CustomerMemo", {}).get("value", "")
    return form["DocNumber"], names[form["CustomerRef"]["value"]], Decimal(form["TotalAmt"]), memo, lines


def _payment(payment: Json, names: Mapping[str, str], numbers: Mapping[str, str]) -> tuple[Any, ...]:
    parts = sorted((numbers[document], amount) for (_, document), amount in shares(payment).items())
    return (
        payment.get("PaymentRefNum", ""),
        names[payment["CustomerRef"]["value"]],
        str(payment["TxnDate"]),
        Decimal(payment["TotalAmt"]),
        parts,
    )


def _plain(row: Json) -> tuple[tuple[str, Any], ...]:
    """A row without what may differ: ids and versions; of QuickBooks' id only that there is one."""
    left = {name: value for name, value in row.items() if name not in {"id", "version", "updated_at"}}
    return tuple(
        (name, value is not None if name == "qbo_id" else value)
        for name, value in left.items()
        if name == "qbo_id" or not name.endswith("_id")
    )


def twice(world: World) -> list[str]:
    """What was ever created more than once: in the books by their history, in the source as it is now."""
    keys: dict[str, Callable[[Json], object]] = {
        "Customer": lambda r: r["DisplayName"],
        "Vendor": lambda r: r["DisplayName"],
        "Invoice": lambda r: r["DocNumber"],
        "CreditMemo": lambda r: r["DocNumber"],
        "Payment": lambda r: r.get("PaymentRefNum") or sorted(shares(r)),
        "Bill": said,
    }
    found = []
    for entity, key in keys.items():
        made = [v["record"] for v in world.sandbox.history(world.realm, entity=entity) if v["op"] == "create"]
        found += [f"{entity} {name}: {n}" for name, n in Counter(repr(key(record)) for record in made).items() if n > 1]
    for table, column in (
        ("payment", "reference"),
        ("credit_note", "number"),
        ("invoice", "number"),
        ("client", "name"),
    ):
        rows = Counter(row[column] for row in world.rows(f"SELECT {column} FROM {table}"))
        found += [f"{table} {name} in the source: {n}" for name, n in rows.items() if n > 1]
    return found


# ---- setting it up


@contextmanager
def no_pauses() -> Iterator[None]:
    """Repeats follow at once: how long they wait is tested with the transport."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch("syncd.qbo.transport._backoff", return_value=0.0))
        for module in ("syncd.qbo.transport", "syncd.qbo.limiter"):
            stack.enter_context(mock.patch(f"{module}.PENALTY_SECONDS", 0.0))
        yield


@contextmanager
def staged() -> Iterator[Stage]:
    """A stage in a look-alike of its own."""
    with (
        no_pauses(),
        tempfile.TemporaryDirectory(prefix="matrix-") as folder,
        running_sandbox(switches={"throttle": "off"}) as sandbox,
    ):
        yield Stage(Path(folder), sandbox)


# ---- the source's connection


@contextmanager
def counted(world: World, counts: Counter[str]) -> Iterator[None]:
    """Counts syncd's statements and commits on the source."""
    with _listening(world, lambda where: counts.update([where])):
        yield


@contextmanager
def cut_off(world: World, where: str, nth: int) -> Iterator[list[str]]:
    """Ends the connection at the ``nth`` occasion of this sort; later ones go through. Gives where it did."""
    counts, cuts = Counter[str](), list[str]()

    def cut(place: str) -> None:
        counts[place] += 1
        if place == where and counts[place] == nth:
            cuts.append(place)
            lost = sqlite3.OperationalError("the connection was lost")
            raise sa.exc.DBAPIError.instance("", None, lost, sqlite3.Error, connection_invalidated=True)  # type: ignore[arg-type]  # as the engine itself calls it

    with _listening(world, cut):
        yield cuts


@contextmanager
def _listening(world: World, told: Callable[[str], None]) -> Iterator[None]:
    """Tells of each statement of syncd's on the source, and before and after each commit."""
    source: Any = world.engine.parts.source
    engine: sa.Engine = source._inner.database.engine  # within what makes bills of expenses
    commit = engine.dialect.do_commit

    def at_commit(connection: Any) -> None:
        told("before a commit")
        commit(connection)
        told("after a commit")

    def before(*_: Any) -> None:
        told("before a statement")

    sa.event.listen(engine, "before_cursor_execute", before)
    try:
        with mock.patch.object(engine.dialect, "do_commit", at_commit):
            yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", before)
