"""A whole world for end-to-end tests: a source database, a QuickBooks look-alike, a state database, an engine.

Nothing is mocked. The books are changed through the look-alike's HTTP interface as an accountant would, the source by
plain SQL; what happened is read from the look-alike's own records and history and by SQL, never through syncd.
"""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from cryptography.fernet import Fernet

from syncd.clock import SystemClock
from syncd.config import CompanyConfig
from syncd.engine import Engine
from syncd.metrics import Metrics
from syncd.model.facts import Settings
from syncd.profiles.said import Said
from syncd.qbo.settings import QboConfig
from syncd.report import CycleReport, CycleRequest
from syncd.sandbox.server import Accountant, RunningSandbox
from syncd.sources.registry import source_config
from syncd.sources.sql.reference import create_reference_schema
from syncd.state.store import Store
from syncd.state.values import Tokens

SAID: Mapping[str, Any] = {
    "default_item": "Services",
    "discount_account": "Discounts given",
    "deposit_account": "Undeposited Funds",
}
"""What a company says of its settings, where a test says nothing else."""
SETTINGS = msgspec.structs.replace(Settings(), **SAID)


def told(profile: str, **said: Any) -> Settings:
    """The settings of a company with this profile, name or file, that says ``SAID`` and these."""
    company = CompanyConfig.model_construct(profile=profile, settings=Said.model_validate({**SAID, **said}))
    return company.settings


class World:
    """One company with both its sides. ``sql`` and ``rows`` speak to the source, ``accountant`` to the books.

    ``settings`` are all that hold: none of them is left to the profile. Left out, they are those of ``told``."""

    def __init__(
        self,
        directory: Path,
        sandbox: RunningSandbox,
        *,
        name: str = "acme",
        settings: Settings | None = None,
        source_url: str = "",
        state_url: str = "",
        profile: str = "ruddr",
        key: bytes = b"",
        source: Mapping[str, Any] | None = None,
        source_options: Mapping[str, Any] | None = None,
        qbo: Mapping[str, Any] | None = None,
        epoch_file: Path | None = None,
        clock: SystemClock | None = None,
        **company: Any,
    ) -> None:
        self.directory = directory
        self.epoch_file = epoch_file
        self.sandbox = sandbox
        self.name = name
        options = {"country": "US", "multicurrency": True, "custom_txn_numbers": True} | company
        self.realm = sandbox.create_company(**options)
        self.accountant: Accountant = sandbox.connect(self.realm)
        self.source_url = source_url or f"sqlite:///{directory / f'{name}-source.db'}"
        self.state_url = state_url or f"sqlite:///{directory / f'{name}-state.db'}"
        self.database = sa.create_engine(self.source_url)
        self._entering = threading.local()
        if source is None:
            _prepared(self.source_url, "source", lambda _: create_reference_schema(self.database))
        self.settings = told(profile) if settings is None else settings
        self.key = key or Fernet.generate_key()
        self.clock = clock or SystemClock()
        self.metrics = Metrics(process=False)
        self.stop = threading.Event()
        self.profile = profile
        self._source = dict(source or {"type": "sql", "url": self.source_url, "schema": "reference"})
        self._source |= source_options or {}
        self._qbo = dict(qbo or {})
        self.store = self.open_store()
        self.grant()
        self.engine = self.build()

    def open_store(self) -> Store:
        """The state database, migrated."""
        _prepared(self.state_url, "state", self._migrate)
        return Store.open(self.state_url, clock=self.clock, encryption_keys=[self.key])

    def _migrate(self, url: str) -> None:
        with Store.open(url, clock=self.clock, encryption_keys=[self.key]) as store:
            store.migrate()

    def grant(self) -> None:
        """A person connects the company to its books, anew where it was connected before."""
        grant = self.sandbox.tokens(self.realm)
        now = self.clock.now()
        tokens = self.store.tokens("sandbox", self.realm)
        known = tokens.load()
        tokens.save(
            Tokens(
                realm_id=self.realm,
                environment="sandbox",
                access_token=grant["access_token"],
                refresh_token=grant["refresh_token"],
                access_expires_at=now + timedelta(seconds=3600),
                refresh_expires_at=now + timedelta(days=100),
                connected_at=now,
            ),
            known.version if known is not None else 0,
        )

    def build(self) -> Engine:
        """A fresh engine on the same databases, as after a restart."""
        return build_engine(self.spec(), self.store, self.clock, self.metrics, self.stop)

    def spec(self) -> dict[str, Any]:
        """Everything that another process needs to run this company, as plain values."""
        return {
            "name": self.name,
            "realm": self.realm,
            "base": self.sandbox.base_url,
            "profile": self.profile,
            "source": self._source,
            "qbo": self._qbo,
            "settings": msgspec.to_builtins(self.settings),
            "state_url": self.state_url,
            "key": self.key.decode(),
            "epoch_file": str(self.epoch_file or ""),
        }

    def restart(self) -> None:
        """Forget everything that is not on disk."""
        self.engine.close()
        self.store.close()
        self.store = self.open_store()
        self.engine = self.build()

    def adjust(self, **settings: Any) -> None:
        """These settings of the company are others from now on."""
        self.engine.close()
        self.settings = msgspec.structs.replace(self.settings, **settings)
        self.engine = self.build()

    def close(self) -> None:
        """Close everything that is open."""
        self.engine.close()
        self.store.close()
        self.database.dispose()

    # ---- working

    def run(self, **request: Any) -> CycleReport:
        """One cycle, the first run approved."""
        return self.engine.reconcile(CycleRequest(**({"approve_first_run": True} | request)))

    def plan(self, **request: Any) -> CycleReport:
        """A dry run."""
        return self.engine.reconcile(CycleRequest(**({"dry_run": True, "approve_first_run": True} | request)))

    # ---- the source, by SQL

    def sql(self, statement: str, **values: Any) -> int:
        """Run one statement on the source; the id of the row it inserted, where it did."""
        with self.entering() as connection:
            result = connection.execute(sa.text(statement), values)
            return int(result.lastrowid or 0) if statement.lstrip().lower().startswith("insert") else 0

    @contextmanager
    def entering(self) -> Iterator[sa.Connection]:
        """What is entered inside is seen by others all at once, as business systems store a document and its rows."""
        connection = getattr(self._entering, "connection", None)
        if connection is not None:
            yield connection
            return
        with self.database.begin() as connection:
            self._entering.connection = connection
            try:
                yield connection
            finally:
                self._entering.connection = None

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of the source."""
        with self.database.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(statement), values).mappings()]

    def client(self, name: str, currency: str = "USD", **columns: Any) -> int:
        """A client of the source."""
        return self._insert("client", name=name, currency=currency, **columns)

    def item(self, name: str) -> int:
        """An item of the source."""
        return self._insert("item", name=name)

    def invoice(self, client: int, number: str, *lines: tuple[Any, ...], **columns: Any) -> int:
        """An invoice of the source. A line is (amount, description) or (amount, description, item id)."""
        discount, tax = Decimal(columns.pop("discount", "0")), Decimal(columns.pop("tax", "0"))
        rows = lines or (("100.00", "Work"),)
        total = sum((Decimal(row[0]) for row in rows), Decimal(0)) - discount + tax
        values: dict[str, Any] = {
            "client_id": client,
            "number": number,
            "state": "published",
            "issue_date": "2026-03-02",
            "due_date": "2026-04-01",
            "currency": "USD",
            "discount": str(discount),
            "tax": str(tax),
            "total": str(total),
        }
        with self.entering():
            invoice = self._insert("invoice", **(values | columns))
            self._lines("invoice", invoice, rows, taxable=bool(tax))
        return invoice

    def credit_note(self, client: int, number: str, *lines: tuple[Any, ...], **columns: Any) -> int:
        """A credit note of the source, with lines as an invoice has them."""
        tax = Decimal(columns.pop("tax", "0"))
        rows = lines or (("100.00", "Correction"),)
        values: dict[str, Any] = {
            "client_id": client,
            "number": number,
            "state": "published",
            "issue_date": "2026-03-10",
            "currency": "USD",
            "tax": str(tax),
            "total": str(sum((Decimal(row[0]) for row in rows), Decimal(0)) + tax),
        }
        with self.entering():
            note = self._insert("credit_note", **(values | columns))
            self._lines("credit_note", note, rows, taxable=bool(tax))
        return note

    def _lines(self, parent: str, parent_id: int, rows: tuple[tuple[Any, ...], ...], *, taxable: bool) -> None:
        for place, row in enumerate(rows, start=1):
            self._insert(
                f"{parent}_line",
                **{f"{parent}_id": parent_id},
                position=place,
                amount=str(Decimal(row[0])),
                description=row[1],
                item_id=row[2] if len(row) > 2 else None,
                quantity="1",
                rate=str(Decimal(row[0])),
                taxable=taxable,
            )

    def apply_credit(self, note: int, *parts: tuple[int, str], **columns: Any) -> int:
        """What a credit note of the source is used for: (invoice, amount)."""
        values = {"credit_note_id": note, "date": "2026-03-12", "currency": "USD"}
        with self.entering():
            application = self._insert("credit_application", **(values | columns))
            for invoice, amount in parts:
                self._insert(
                    "credit_application_part", credit_application_id=application, invoice_id=invoice, amount=amount
                )
        return application

    def member(self, name: str, **columns: Any) -> int:
        """A member of the staff."""
        return self._insert("member", name=name, **columns)

    def expense(self, member: int, amount: str, **columns: Any) -> int:
        """An approved expense that is to be reimbursed."""
        values = {
            "member_id": member,
            "report": "March trip",
            "date": "2026-03-03",
            "amount": amount,
            "currency": "USD",
            "status": "approved",
            "reimbursable": True,
        }
        return self._insert("expense", **(values | columns))

    def named(self, table: str, name: str, **columns: Any) -> int:
        """A row of a list: payment_method, expense_category, project, tax_rate."""
        return self._insert(table, name=name, **columns)

    def payment(
        self,
        client: int,
        *parts: tuple[int, str],
        credits: tuple[tuple[int, str], ...] = (),  # noqa: A002 - what the field is called
        **columns: Any,
    ) -> int:
        """A payment of the source, spread over (invoice, amount); ``credits`` are the parts of it that are no money:
        (credit note, amount)."""
        amount = sum((Decimal(part) for _, part in parts), Decimal(0))
        values = {
            "client_id": client,
            "date": "2026-03-20",
            "amount": str(amount),
            "currency": "USD",
            "reference": "W1",
        }
        with self.entering():
            payment = self._insert("payment", **(values | columns))
            for invoice, part in parts:
                self._insert("payment_allocation", payment_id=payment, invoice_id=invoice, amount=part)
            for note, part in credits:
                self._insert("payment_credit", payment_id=payment, credit_note_id=note, amount=part)
        return payment

    def _insert(self, table: str, **values: Any) -> int:
        names = ", ".join(values)
        places = ", ".join(f":{name}" for name in values)
        if self.database.dialect.name == "postgresql":
            returning = f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING id"
            with self.entering() as connection:
                return int(connection.execute(sa.text(returning), values).scalar_one())
        return self.sql(f"INSERT INTO {table} ({names}) VALUES ({places})", **values)

    # ---- the books, from the look-alike's own records

    def books(self, entity: str) -> list[dict[str, Any]]:
        """Every record of an entity that the look-alike holds now."""
        return self.sandbox.records(self.realm, entity)

    def one(self, entity: str, **fields: Any) -> dict[str, Any]:
        """The only record of an entity whose fields have these values."""
        found = [r for r in self.books(entity) if all(r.get(name) == value for name, value in fields.items())]
        assert len(found) == 1, f"{len(found)} {entity} records with {fields}"
        return found[0]

    def writes(self) -> int:
        """How many records the books ever changed."""
        return len(self.sandbox.history(self.realm))


_EMPTY: dict[str, Path] = {}
"""Files with empty tables, made once: migrations take a second, copies do not."""


def _prepared(url: str, what: str, make: Callable[[str], None]) -> None:
    """Tables in the database at ``url``; for a new SQLite file a copy of tables made before."""
    path = Path(url.removeprefix("sqlite:///"))
    if not url.startswith("sqlite:///"):
        make(url)
    elif path.exists():
        return
    elif what in _EMPTY:
        shutil.copyfile(_EMPTY[what], path)
    else:
        make(url)
        kept = Path(tempfile.mkdtemp(prefix="syncd-empty-")) / what
        with sqlite3.connect(path) as origin, sqlite3.connect(kept) as copy:
            origin.backup(copy)
        origin.close()
        copy.close()
        _EMPTY[what] = kept
        atexit.register(shutil.rmtree, kept.parent, ignore_errors=True)


def build_engine(
    spec: Mapping[str, Any], store: Store, clock: SystemClock, metrics: Metrics, stop: threading.Event
) -> Engine:
    """The engine of a company described by ``World.spec``."""
    base = spec["base"]
    config = QboConfig(
        realm_id=spec["realm"],
        environment="sandbox",
        client_id="sandbox-client",
        client_secret="sandbox-secret",
        api_url=base,
        token_url=f"{base}/oauth2/v1/tokens/bearer",
        authorize_url=f"{base}/connect/oauth2",
        revoke_url=f"{base}/v2/oauth2/tokens/revoke",
        **({"throttle": False} | spec["qbo"]),
    )
    company = CompanyConfig.model_construct(
        name=spec["name"],
        profile=spec["profile"],
        qbo=config,
        source=source_config(spec["source"]),
        settings=Said.model_validate(spec["settings"]),
    )
    epoch_file = spec.get("epoch_file", "")
    return Engine.build(
        None,
        company,
        store=store,
        clock=clock,
        metrics=metrics,
        stop=stop,
        epoch_file=Path(epoch_file) if epoch_file else None,
    )


@contextmanager
def world(directory: Path, sandbox: RunningSandbox, **options: Any) -> Iterator[World]:
    """A world that is closed afterwards."""
    made = World(directory, sandbox, **options)
    try:
        yield made
    finally:
        made.close()
