"""Where the machine plays: one look-alike and a few prepared companies, each of which is put back for every example.

An example costs milliseconds that way: books, source and state are copies of a prepared beginning, and only what
forgets nothing is kept (the compiled mapping of the source, the connections). Both clocks stand still unless told to
move, so that a history can be repeated; syncd's is wrong by eight minutes all the time.
"""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import sqlalchemy as sa

from syncd.clock import ManualClock
from syncd.cycle import scope_digest
from syncd.engine import Engine
from syncd.model.facts import Settings
from syncd.model.writes import Outcome, WireWrite
from syncd.qbo import cdc, query
from syncd.report import CycleReport, CycleRequest
from syncd.sandbox.server import RunningSandbox, running_sandbox
from syncd.sources.base import Source
from syncd.sources.sql.reference import create_reference_schema
from syncd.sources.sql.shipped import reference_mapping
from tests.reliability.machine_broken import Broken
from tests.reliability.machine_policies import varied
from tests.reliability.machine_truth import Truth, history, watch
from tests.reliability.machine_wire import HEALTHY, LAG_SECONDS, Crash, Meddler, Trouble, Wire
from tests.support.histories import LIFTED
from tests.support.world import SETTINGS, World

BEGINNING = datetime.fromisoformat("2026-03-30T09:00:00+00:00")
CLOCKS_APART = timedelta(minutes=8)
"""syncd's clock is that much ahead of QuickBooks'. Recovery has to bear ten minutes."""
OVERLAP_SECONDS = 5
TICK_SECONDS = 10
"""What passes between two things that happen: more than the overlap, so that nothing is read twice by luck."""
SHORT_FEED = 4
"""Objects that a feed or a page holds where they are made short, so that a handful of records fills it."""
BIG = 24
LARGE = 1_234_567
"""An amount of which a short float does not show the cents."""
FEEDS = ("fed", "swept", "whole")
"""How the source tells what changed: stamps and tombstones; stamps alone, so that keys are compared; nothing at all."""


@dataclass(frozen=True)
class Setup:
    """What is drawn once for an example. ``start``: nothing synced yet, a few records linked, or many."""

    start: str = "linked"
    feed: str = "fed"
    numbers: bool = True
    policy: str = "ruddr"
    on_qbo_delete: str = "hold"
    on_qbo_void: str = "hold"
    remove_invoice: bool = False
    batch_size: int = 30
    short_feed: bool = False

    def settings(self) -> Settings:
        """The company's settings."""
        return msgspec.structs.replace(
            SETTINGS,
            on_qbo_delete=self.on_qbo_delete,
            on_qbo_void=self.on_qbo_void,
            remove_invoice_on_unpublish=self.remove_invoice,
        )


class StillClock(ManualClock):
    """Time passes when the machine says so; a pause between two attempts takes none."""

    def set(self, moment: datetime) -> None:
        """Go to a moment, forwards or back."""
        with self._lock:
            self._now = moment

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> bool:
        return wake is not None and wake.is_set()


@dataclass
class Beginning:
    """A prepared company, to be put back."""

    world: World
    source: Source
    clock: StillClock
    now: datetime
    place: Path
    keep: list[tuple[Path, Path]] = field(default_factory=list)


class Stage:
    """One example's world, and what can be done with it as a whole."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._begun = _beginning(setup.start, setup.feed, setup.numbers)
        self.world, self.sandbox = self._begun.world, self._begun.world.sandbox
        self._put_back()
        self.wire = Wire(self.sandbox, realm=self.world.realm)
        self._settings = setup.settings()
        self.world.engine = self._engine()
        self.world.store.set_scope_digest(self.world.name, self.world.engine.parts.scope_digest)
        self.truth = Truth(self.world)
        self.wire.moment(self.book_place())

    # ---- beginning again

    def _put_back(self) -> None:
        begun = self._begun
        for kept, used in begun.keep:
            _copy(kept, used)
        self.sandbox.set_clock(begun.now.timestamp())
        self.sandbox.restore("beginning", self.world.realm)
        begun.clock.set(begun.now + CLOCKS_APART)
        self.world.accountant = self.sandbox.connect(self.world.realm)
        self.world.grant()

    def _engine(self) -> Engine:
        """syncd as after a start. What only holds a mapping is kept, all else is new."""
        world = self.world
        world.settings = self._settings
        world._qbo = {"cdc_overlap_seconds": OVERLAP_SECONDS, "batch_size": self.setup.batch_size}
        built = world.build()
        parts = built.parts
        parts.source.close()
        policy = varied(self.setup.policy, parts.policy)
        source = self._begun.source
        digest = scope_digest(policy, self._settings, source)
        parts = msgspec.structs.replace(parts, source=source, policy=policy, scope_digest=digest)
        object.__setattr__(parts.books, "post", lambda writes: _at_once(parts.books.send, writes))
        return Engine(parts, world.metrics)

    def restart(self) -> None:
        """The process ended, and another one begins."""
        self.world.engine.parts.books.close()
        self._begun.source.database.engine.dispose()  # type: ignore[attr-defined]  # connections die with a process
        self.world.engine = self._engine()

    def reconfigure(self, **changes: Any) -> None:
        """Somebody changed the configuration; the next run begins with it."""
        self._settings = msgspec.structs.replace(self._settings, **changes)
        self.restart()

    # ---- time

    def tick(self, seconds: float = TICK_SECONDS) -> None:
        """Time passes on both clocks. What is older than the lag of an index shows in it."""
        assert self.sandbox.sandbox is not None
        self.sandbox.sandbox.world.clock.advance(seconds)
        self._begun.clock.advance(seconds)
        if seconds > LAG_SECONDS:
            self.wire.moment(self.book_place())

    def pause(self, days: int) -> None:
        """Nobody looks for a long time. What was on its way has arrived or is lost by then."""
        self.wire.late.clear()
        self.tick(days * 86_400)
        self.world.accountant = self.sandbox.connect(self.world.realm)
        self.world.grant()

    def book_place(self) -> int:
        """How long the books' history is."""
        return len(history(self.sandbox, self.world.realm))

    # ---- running

    def run(self, trouble: Trouble = HEALTHY, meddler: Meddler = lambda _: None, **request: Any) -> CycleReport | None:
        """One cycle. None where the process died or the run ended in an error; an error of a healthy run is raised."""
        return self._go(trouble, meddler, lambda: self.world.run(**request))

    def apply(self, file: Any) -> CycleReport | None:
        """Apply a saved plan."""
        return self._go(HEALTHY, lambda _: None, lambda: self.world.engine.apply(file, CycleRequest()))

    def _go(self, trouble: Trouble, meddler: Meddler, go: Any) -> CycleReport | None:
        engines = [self.world.store._db._writer, self._begun.source.database.engine]  # type: ignore[attr-defined]
        with ExitStack() as stack:
            if self.setup.short_feed:
                stack.enter_context(_short())
                self.sandbox.switch(cdc_limit=SHORT_FEED)
                stack.callback(self.sandbox.switch, cdc_limit=1000)
            stack.enter_context(
                self.wire.disturbed(
                    trouble, realm=self.world.realm, store=self.world.store, engines=engines, meddler=meddler
                )
            )
            try:
                report: CycleReport = go()
            except Crash:
                report = None  # type: ignore[assignment]
            except Exception as error:
                if not trouble:
                    raise Broken("I1", f"a healthy run ended with {type(error).__name__}: {error}") from error
                report = None  # type: ignore[assignment]
        if self.wire.crashed:
            self.restart()
            report = None  # type: ignore[assignment]
        return report

    @contextmanager
    def dry(self) -> Iterator[None]:
        """For a dry run: feeds and pages are as short as in a run."""
        with ExitStack() as stack:
            if self.setup.short_feed:
                stack.enter_context(_short())
                self.sandbox.switch(cdc_limit=SHORT_FEED)
                stack.callback(self.sandbox.switch, cdc_limit=1000)
            yield

    # ---- keeping a moment

    @contextmanager
    def tried(self) -> Iterator[None]:
        """Whatever happens inside has not happened afterwards."""
        aside = self._begun.place / "tried"
        aside.mkdir(exist_ok=True)
        kept = [(aside / used.name, used) for _, used in self._begun.keep]
        for copy, used in kept:
            _copy(used, copy)
        self.sandbox.snapshot("tried", self.world.realm)
        now, late, known = self._begun.clock.now(), list(self.wire.late), self.truth.kept()
        crashed = self.wire.crashed
        try:
            yield
        finally:
            self.truth.back(known)
            for copy, used in kept:
                _copy(copy, used)
            self.sandbox.set_clock((now - CLOCKS_APART).timestamp())
            self.sandbox.restore("tried", self.world.realm)
            self._begun.clock.set(now)
            self.wire.late, self.wire.crashed = late, crashed  # a dead process is dead again, and its lease is there
            self.wire.moment(self.book_place())
            self.restart()


# ---- beginnings


@cache
def _sandbox() -> RunningSandbox:
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(
        running_sandbox(switches={"throttle": "off", "keep_bodies": True}, clock_start=BEGINNING.timestamp(), speed=0)
    )


@cache
def _directory() -> Path:
    shared = Path("/dev/shm")  # memory, where there is such a place: what is written here need not survive
    made = Path(tempfile.mkdtemp(prefix="syncd-machine-", dir=shared if shared.is_dir() else None))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@cache
def _beginning(start: str, feed: str, numbers: bool) -> Beginning:
    """A company whose source holds two clients, three published invoices (one paid in part) and a draft."""
    sandbox, place = _sandbox(), _directory() / f"{start}-{feed}-{numbers}"
    place.mkdir()
    sandbox.set_clock(BEGINNING.timestamp())
    url = f"sqlite:///{place / 'source.db'}"
    database = sa.create_engine(url)
    create_reference_schema(database)
    watch(database)
    database.dispose()
    world = World(
        place,
        sandbox,
        name="machine",
        source_url=url,
        source={"type": "sql", "url": url, "mapping": _mapping(feed), "overlap_seconds": 0},
        custom_txn_numbers=numbers,
        warn_duplicate_numbers=False,
    )
    clock = StillClock(BEGINNING + CLOCKS_APART)
    world.store.close()
    world.clock = clock  # type: ignore[assignment]
    world.store = world.open_store()
    world.grant()
    world.engine.close()
    world._qbo = {"cdc_overlap_seconds": OVERLAP_SECONDS}
    world.engine = world.build()
    source = world.engine.parts.source
    _fill(world, start, numbers)
    if start != "blank":
        for _ in range(2):
            world.run(**LIFTED)
            sandbox.advance(TICK_SECONDS)
            clock.advance(TICK_SECONDS)
    sandbox.snapshot("beginning", world.realm)
    begun = Beginning(world, source, clock, clock.now() - CLOCKS_APART, place)
    for used in (place / "source.db", place / "machine-state.db"):
        kept = used.with_suffix(".kept")
        _copy(used, kept)
        begun.keep.append((kept, used))
    atexit.register(world.close)
    return begun


def _fill(world: World, start: str, numbers: bool) -> None:
    ada, bea = world.client("Ada", email="ada@example.com"), world.client("Bea")
    first = [
        world.invoice(client, f"N{n}" if numbers else "", *_lines(f"W{n}", unit), state=state, notes=f"note {n}")
        for n, (client, unit, state) in enumerate(
            ((ada, 10, "published"), (ada, LARGE, "published"), (bea, 10, "published"), (bea, 10, "draft")), start=1
        )
    ]
    world.payment(ada, (first[0], "7.50"), reference="P1")
    for n in range(BIG if start == "big" else 0):
        world.invoice(ada, f"B{n}" if numbers else "", ("55.00", f"B{n}"))


def _lines(tag: str, unit: int) -> list[tuple[str, str]]:
    """Lines of which some say the same: [A, A, B, B]."""
    return [(f"{amount}.00", tag) for amount in (unit, unit, unit * 2, unit * 2)]


def _mapping(feed: str) -> dict[str, Any]:
    """The reference tables of clients, invoices and payments; what else there is costs time and shows nothing here."""
    every = reference_mapping().model_dump(mode="json", exclude_none=True)
    mapped = {name: every[name] for name in ("client", "invoice", "payment", "write_log")}
    mapped["payment"].pop("credits")
    mapped["payment"]["fields"].pop("method")
    for kind in ("client", "invoice", "payment"):
        if feed != "fed":
            mapped[kind].pop("tombstones")
        if feed == "whole":
            mapped[kind].pop("changed")
    return mapped


def _copy(origin: Path, target: Path) -> None:
    with sqlite3.connect(origin) as read, sqlite3.connect(target) as written:
        read.backup(written)
    read.close()
    written.close()


@contextmanager
def _short() -> Iterator[None]:
    with patch.object(cdc, "CAP", SHORT_FEED), patch.object(query, "PAGE", SHORT_FEED):
        yield


def _at_once(send: Any, writes: Sequence[WireWrite]) -> Future[list[Outcome]]:
    """Sent before anything else is done: two threads at once would make a history that cannot be repeated."""
    done: Future[list[Outcome]] = Future()
    try:
        done.set_result(send(writes))
    except Exception as error:
        done.set_exception(error)
    return done
