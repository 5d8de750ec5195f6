"""The stage of the demonstration: a directory with a source database, a look-alike of QuickBooks, a configuration."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa
from cryptography.fernet import Fernet

from syncd.clock import SystemClock
from syncd.config import load_config
from syncd.engine import Engine
from syncd.errors import ConfigError
from syncd.metrics import Metrics
from syncd.sandbox.server import Accountant, RunningSandbox, running_sandbox
from syncd.sources.sql.reference import create_reference_schema
from syncd.state.store import Store
from syncd.state.values import Tokens

COMPANY = "demo"
MARKER = ".syncd-demo"

_CONFIG = """\
# Made by `syncd demo`. Everything in it is on this machine only.
[syncd]
state_url = "sqlite:///{directory}/state.db"
encryption_key_file = "{directory}/encryption.key"

[[company]]
name = "{company}"
profile = "{profile}"

[company.qbo]
realm_id = "{realm}"
environment = "sandbox"
client_id = "{client_id}"
client_secret_file = "{directory}/client.secret"
api_url = "{base}"
token_url = "{base}/oauth2/v1/tokens/bearer"
authorize_url = "{base}/connect/oauth2"
revoke_url = "{base}/v2/oauth2/tokens/revoke"
throttle = false # the look-alike has no limits here; Intuit's are kept by default

[company.source]
type = "sql"
url = "sqlite:///{directory}/source.db"
schema = "reference"

[company.settings]
{settings}"""


class Records(Protocol):
    """What a business has, always the same rows."""

    def insert(self, engine: sa.Engine) -> None:
        """Write everything to an empty database with the reference schema."""
        ...


class Scenery(msgspec.Struct, frozen=True):
    """Where a story plays. ``business`` makes the source's records, ``books`` are the options of the company in
    QuickBooks, ``settings`` those of ``[company.settings]``, as text of the configuration or as values."""

    profile: str
    business: Callable[[], Records]
    books: Mapping[str, Any]
    settings: Mapping[str, Any]


class Stage:
    """Everything the story acts on. ``accountant`` is a person with their own login to the books."""

    def __init__(self, directory: Path, sandbox: RunningSandbox, scenery: Scenery) -> None:
        self.directory = directory
        self.sandbox = sandbox
        self.scenery = scenery
        self.realm = sandbox.create_company(**scenery.books)
        self.accountant: Accountant = sandbox.connect(self.realm)
        self.source = sa.create_engine(f"sqlite:///{directory / 'source.db'}")
        create_reference_schema(self.source)
        scenery.business().insert(self.source)
        self.config_path = directory / "syncd.toml"
        self._configure()

    def _configure(self) -> None:
        grant = self.sandbox.tokens(self.realm)
        _secret(self.directory / "encryption.key", Fernet.generate_key().decode())
        _secret(self.directory / "client.secret", grant["client_secret"])
        text = _CONFIG.format(
            directory=self.directory,
            company=COMPANY,
            profile=self.scenery.profile,
            settings="".join(f"{name} = {_toml(value)}\n" for name, value in self.scenery.settings.items()),
            realm=self.realm,
            client_id=grant["client_id"],
            base=self.sandbox.base_url,
        )
        _secret(self.config_path, text)
        self.config = load_config(self.config_path)
        self.clock = SystemClock()
        self.store = Store.open(
            self.config.syncd.state_url.get_secret_value(),
            clock=self.clock,
            encryption_keys=[key.encode() for key in self.config.syncd.encryption_keys],
        )
        self.store.migrate()
        now = self.clock.now()
        self.store.tokens("sandbox", self.realm).save(
            Tokens(
                realm_id=self.realm,
                environment="sandbox",
                access_token=grant["access_token"],
                refresh_token=grant["refresh_token"],
                access_expires_at=now + timedelta(seconds=int(grant["expires_in"])),
                refresh_expires_at=now + timedelta(seconds=int(grant["x_refresh_token_expires_in"])),
                connected_at=now,
            ),
            0,
        )
        self.engine = Engine.build(
            self.config,
            self.config.companies[0],
            store=self.store,
            clock=self.clock,
            metrics=Metrics(process=False),
            stop=threading.Event(),
        )

    def sql(self, statement: str, **values: object) -> None:
        """Somebody changes the source, as any program would."""
        with self.source.begin() as connection:
            connection.execute(sa.text(statement), values)

    def value(self, statement: str, **values: object) -> object:
        """One value of the source."""
        with self.source.connect() as connection:
            return connection.execute(sa.text(statement), values).scalar()

    def rows(self, statement: str, **values: object) -> list[dict[str, Any]]:
        """Rows of the source."""
        with self.source.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(statement), values).mappings()]

    def close(self) -> None:
        """Give everything back."""
        self.engine.close()
        self.store.close()
        self.source.dispose()


@contextmanager
def stage(directory: Path, scenery: Scenery) -> Iterator[Stage]:
    """Set the stage in ``directory``, which is made anew; an earlier demonstration's is replaced, no other."""
    directory = directory.resolve()
    if directory.exists() and any(directory.iterdir()):
        if not (directory / MARKER).exists():
            raise ConfigError(f"{directory} is not empty and was not made by a demonstration.", remedy="Name another.")
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARKER).touch()
    with running_sandbox(process=True, data=directory / "books.db", switches={"throttle": "off"}) as sandbox:
        made = Stage(directory, sandbox, scenery)
        try:
            yield made
        finally:
            made.close()


def _secret(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)


def _toml(value: object) -> str:
    """A value as TOML says it: text, numbers, truth and lists as JSON does, tables in one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_toml(each)}" for name, each in value.items()) + " }"
    return json.dumps(value)
