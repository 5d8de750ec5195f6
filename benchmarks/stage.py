"""One company on disk and in the look-alike: where everything is, how an engine is opened on it, how it is filled."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from cryptography.fernet import Fernet

from benchmarks import data
from benchmarks.data import Size
from syncd.clock import Clock, SystemClock
from syncd.config import load_config
from syncd.engine import Engine
from syncd.metrics import Metrics
from syncd.model.kinds import Kind, Side
from syncd.model.lens import Lens
from syncd.model.observations import Present
from syncd.model.projections import differing
from syncd.qbo.books import Books
from syncd.report import CycleRequest
from syncd.sandbox.server import Admin
from syncd.sources.registry import open_source
from syncd.sources.sql import layout
from syncd.sources.sql.reference import create_reference_schema
from syncd.state.store import Store
from syncd.state.values import Link, Tokens

COMPANY = "bench"
CHUNK = 1000
UNTOLD = frozenset({"tax_rate"})
"""What QuickBooks does not tell of documents without tax, so that it stands in the source's half of a base alone."""

_CONFIG = """\
[syncd]
state_url = "sqlite:///{directory}/state.db"
encryption_key_file = "{directory}/encryption.key"

[[company]]
name = "{company}"
profile = "ruddr"

[company.qbo]
realm_id = "{realm}"
environment = "sandbox"
client_id = "{client_id}"
client_secret_file = "{directory}/client.secret"
api_url = "{base}"
token_url = "{base}/oauth2/v1/tokens/bearer"
authorize_url = "{base}/connect/oauth2"
revoke_url = "{base}/v2/oauth2/tokens/revoke"
throttle = {throttle}

[company.source]
type = "sql"
url = "sqlite:///{directory}/source.db"
schema = "reference"

[company.settings]
default_item = "Services"
"""


class Spec(msgspec.Struct, frozen=True):
    """A company to be measured: everything a measured process has to know."""

    directory: str
    base_url: str
    size: Size
    throttle: bool = False
    speed: float = 1.0
    realm: str = ""

    @property
    def source_url(self) -> str:
        """The source's database."""
        return f"sqlite:///{self.directory}/source.db"


class ScaledClock:
    """The look-alike's clock: so many times as fast as real time, its sleeps so many times as short."""

    def __init__(self, start: datetime, speed: float) -> None:
        self._start = start
        self._speed = speed
        self._real = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._real) * self._speed

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> bool:
        return SystemClock().sleep(seconds / self._speed, wake)


class Stage:
    """A company, opened: the engine that is measured, and hands to act on both sides as a person would."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.admin = Admin(spec.base_url)
        self.clock = self._clock()
        self.config = load_config(Path(spec.directory, "syncd.toml"))
        self.store = open_store(self.config, self.clock)
        self.engine = Engine.build(
            self.config,
            self.config.companies[0],
            store=self.store,
            clock=self.clock,
            metrics=Metrics(process=False),
            stop=threading.Event(),
        )

    def _clock(self) -> Clock:
        if self.spec.speed == 1.0:
            return SystemClock()
        shown = self.admin.admin("GET", "/clock")
        return ScaledClock(datetime.fromtimestamp(float(shown["epoch"]), UTC), self.spec.speed)

    def reconcile(self) -> Any:
        """One cycle."""
        return self.engine.reconcile(CycleRequest(approve_first_run=True))

    def close(self) -> None:
        """Give everything back."""
        self.engine.close()
        self.store.close()


def open_store(config: Any, clock: Clock) -> Store:
    """The state database."""
    keys = [key.encode() for key in config.syncd.encryption_keys]
    return Store.open(config.syncd.state_url.get_secret_value(), clock=clock, encryption_keys=keys)


def connect(spec: Spec) -> Spec:
    """A new company in the look-alike, with a configuration, an empty source and an empty state; nothing runs yet."""
    admin = Admin(spec.base_url)
    realm = admin.create_company(name="Benchmark Inc.", country="US", multicurrency=True, custom_txn_numbers=True)
    grant = admin.tokens(realm)
    directory = Path(spec.directory)
    _secret(directory / "encryption.key", Fernet.generate_key().decode())
    _secret(directory / "client.secret", grant["client_secret"])
    text = _CONFIG.format(
        directory=directory,
        company=COMPANY,
        realm=realm,
        client_id=grant["client_id"],
        base=spec.base_url,
        throttle=str(spec.throttle).lower(),
    )
    _secret(directory / "syncd.toml", text)
    clock = SystemClock()
    store = open_store(load_config(directory / "syncd.toml"), clock)
    store.migrate()
    now = datetime.fromtimestamp(float(admin.admin("GET", "/clock")["epoch"]), UTC)
    store.tokens("sandbox", realm).save(
        Tokens(
            realm_id=realm,
            environment="sandbox",
            access_token=grant["access_token"],
            refresh_token=grant["refresh_token"],
            access_expires_at=now + timedelta(seconds=int(grant["expires_in"])),
            refresh_expires_at=now + timedelta(seconds=int(grant["x_refresh_token_expires_in"])),
            connected_at=now,
        ),
        0,
    )
    store.close()
    engine = sa.create_engine(spec.source_url)
    create_reference_schema(engine)
    engine.dispose()
    return msgspec.structs.replace(spec, realm=realm)


def fill_source(spec: Spec, *, linked: bool) -> None:
    """Put the whole business into the source's database, changed last a long time ago; with QBO's ids if ``linked``."""
    engine = sa.create_engine(spec.source_url)
    size = spec.size
    with engine.begin() as connection:
        connection.execute(layout.client.insert(), list(data.client_rows(size)))
        connection.execute(
            layout.item.insert(), [{"id": place, "name": name} for place, name in enumerate(data.ITEMS, start=1)]
        )
        for places in _chunks(range(1, size.invoices + 1)):
            lines = {place: data.line_rows(place, size) for place in places}
            connection.execute(
                layout.invoice.insert(), [data.invoice_row(place, size, lines[place]) for place in places]
            )
            connection.execute(layout.invoice_line.insert(), [line for rows in lines.values() for line in rows])
        if linked:  # what QuickBooks tells the source once an invoice is there
            number = sa.func.substr(layout.invoice.c.number, len(data.PREFIX) + 1)
            connection.execute(layout.invoice.update().values(transaction_number=number))
        for table, above in ((layout.client, 0), (layout.item, 0), (layout.invoice, data.FIRST_INVOICE)):
            qbo_id = sa.cast(table.c.id + above, sa.Text()) if linked else None
            connection.execute(table.update().values(qbo_id=qbo_id))
            connection.execute(table.update().values(updated_at="2026-01-05 09:00:00.000"))
    engine.dispose()


def fill_books(spec: Spec) -> None:
    """Put the same business into the look-alike, changed last a long time ago."""
    admin, size = Admin(spec.base_url), spec.size
    admin.load(spec.realm, [b'{"Customer":' + data.wire_client(row) + b"}" for row in data.client_rows(size)])
    for places in _chunks(range(1, size.invoices + 1)):
        admin.load(spec.realm, [b'{"Invoice":' + _wire(place, size) + b"}" for place in places])


def link(spec: Spec) -> None:
    """Load links with their bases, as they were had syncd brought the records over long ago, and run a first cycle."""
    stage = Stage(spec)
    company = stage.config.companies[0]
    source = open_source(company.source)
    books = Books(
        company.qbo,
        stage.store.tokens("sandbox", spec.realm),
        stage.clock,
        settings=company.settings,
        stop=threading.Event(),
        on_read=lambda _: None,
    )
    held = {kind: capability.fields for kind, capability in source.capabilities().items()}
    lens = Lens(held, books.facts(), company.settings)
    for kind in (Kind.CLIENT, Kind.ITEM, Kind.INVOICE):
        links = (_link(kind, seen, books, lens, spec.size) for seen in source.scan(kind) if isinstance(seen, Present))
        stage.store.bulk_load_links(COMPANY, links)
    first = stage.reconcile()
    assert first.outcome == "ok", first
    assert not first.plan.operations, f"{len(first.plan.operations)} operations in a company in agreement"
    books.close()
    stage.close()


def _link(kind: Kind, seen: Present, books: Books, lens: Lens, size: Size) -> Link:
    place = int(seen.record.id)
    base = lens.source(kind, seen.record, _qbo_id)
    if place == 1 and kind is Kind.INVOICE:
        there = books.decode(kind, _wire(place, size))
        assert isinstance(there, Present), there
        told = lens.qbo(kind, there.record)
        assert told.keys() == base.keys() - UNTOLD, (base, told)
        assert not differing(base, told), (base, told)
    return Link(
        company=COMPANY,
        kind=kind,
        source_id=seen.record.id,
        qbo_id=_qbo_id(kind, seen.record.id),
        source_version=seen.version,
        qbo_version="0",
        source_base=base,
        qbo_base={name: value for name, value in base.items() if name not in UNTOLD},
        created_by=Side.QBO,
        label=str(getattr(seen.record, "number", "") or getattr(seen.record, "name", "")),
    )


def _qbo_id(kind: Kind, source_id: str) -> str:
    return str(data.FIRST_INVOICE + int(source_id)) if kind is Kind.INVOICE else source_id


def _wire(place: int, size: Size) -> bytes:
    lines = data.line_rows(place, size)
    return data.wire_invoice(data.invoice_row(place, size, lines), lines)


def _chunks(places: range) -> Iterator[list[int]]:
    left = iter(places)
    while chunk := list(islice(left, CHUNK)):
        yield chunk


def _secret(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
