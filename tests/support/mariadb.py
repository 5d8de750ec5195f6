"""MariaDB or MySQL for tests: ``mysql_url()`` gives the address of a fresh, empty database.

Taken in this order: the server named by SYNCD_TEST_MYSQL_URL, the binaries of MariaDB, those of MySQL.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.support.servers import Server, ServerError, missing

SERVER_VARIABLE = "SYNCD_TEST_MYSQL_URL"
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[str]:
    """The address of a server, without a database."""
    given = os.environ.get(SERVER_VARIABLE)
    if given:
        yield given
        return
    server = Server("mysql")
    try:
        try:
            url = _start(server)
        except ServerError as error:
            missing(f"no MariaDB or MySQL can be started: {error}")
        yield url
    finally:
        server.stop()


@pytest.fixture
def mysql_url(mysql_server: str) -> Iterator[Callable[[], str]]:
    """Call it for the address (``mysql+pymysql://``) of a new, empty database; dropped after the test."""
    engine = sa.create_engine(mysql_server, poolclass=sa.pool.NullPool)
    made: list[str] = []

    def fresh() -> str:
        name = f"t_{uuid4().hex}"
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        made.append(name)
        return sa.make_url(mysql_server).set(database=name).render_as_string(hide_password=False)

    yield fresh
    for name in made:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")


def _start(server: Server) -> str:
    daemon = shutil.which("mariadbd", path=_PATH)
    common = ["--no-defaults", f"--datadir={server.data}"]
    if daemon:
        install = shutil.which("mariadb-install-db", path=_PATH)
        if install is None:
            raise ServerError("found mariadbd, but not mariadb-install-db")
        server.run(
            [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db", f"--tmpdir={server.home}"]
        )
    else:
        daemon = shutil.which("mysqld", path=_PATH)
        if daemon is None:
            raise ServerError("found neither mariadbd nor mysqld (Debian: apt-get install mariadb-server)")
        server.run([daemon, *common, "--initialize-insecure"])
    command = [
        daemon,
        *common,
        f"--port={server.port}",
        "--bind-address=127.0.0.1",
        f"--socket={server.home / 's'}",
        f"--pid-file={server.home / 'pid'}",
        f"--tmpdir={server.home}",
        "--innodb-flush-log-at-trx-commit=0",
        "--log-bin-trust-function-creators=1",
    ]
    url = f"mysql+pymysql://root@127.0.0.1:{server.port}/"
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool, connect_args={"connect_timeout": 2})
    server.start(command, lambda: engine.connect().close())
    return url
