"""Whatever the admin API is sent: an answer of its own, and a server that goes on serving."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.sandbox.server import RunningSandbox, running_sandbox
from syncd.sandbox.switches import Switches
from tests.support.hostile import ErrorLog, Wire, broken, check, damaged, error_log
from tests.support.valid import ADMIN

tries = settings(max_examples=settings().max_examples // 2)


@pytest.fixture(scope="module")
def admin_target() -> Iterator[tuple[RunningSandbox, Wire, ErrorLog]]:
    with error_log() as log, running_sandbox(switches={"throttle": "off"}) as running:
        wire = Wire(urlsplit(running.base_url).port or 80)
        yield running, wire, log
        wire.close()


@tries
@given(data=st.data())
def test_admin_bodies(admin_target: tuple[RunningSandbox, Wire, ErrorLog], data: st.DataObject) -> None:
    running, wire, log = admin_target
    running.switch(**{**Switches().public(), "throttle": "off"})
    running.clear_faults()
    running.admin("DELETE", "/scenario")
    running.set_speed(1)
    running.set_clock(time.time())
    if not running.admin("GET", "/companies")["companies"] or "8" not in _realms(running):
        running.create_company(realm="8")
    for realm in _realms(running) - {"8"}:
        running.admin("DELETE", f"/companies/{realm}")
    log.lines = []
    method, path, body = data.draw(st.sampled_from(ADMIN))
    raw = None if body is None else data.draw(broken(damaged(st.just(body))))
    answer = wire.ask(method, "/_sandbox" + path.replace("{realm}", "8"), [], raw)
    assert answer.status in (200, 400, 404, 405), (answer.status, answer.body[:500])
    assert log.lines == []
    if answer.status == 400:
        assert isinstance(answer.content["error"], str)
    assert running.admin("GET", "/health")["status"] == "ok"
    running.clear_faults()
    token = running.tokens("8", access_seconds=60)["access_token"]
    for place in ("companyinfo/8", "query?query=select%20*%20from%20Customer"):
        signed = [("Authorization", f"Bearer {token}"), ("Accept", "application/json")]
        check(wire.ask("GET", f"/v3/company/8/{place}", signed), "GET")
    assert log.lines == []


def _realms(running: RunningSandbox) -> set[str]:
    return {row["realm"] for row in running.admin("GET", "/companies")["companies"]}


@pytest.mark.parametrize("wanted", ['{"set":1e16}', '{"set":-1}', '{"advance_seconds":1e300}', '{"speed":1e300}'])
def test_the_clock_stays_where_times_can_be_written(
    admin_target: tuple[RunningSandbox, Wire, ErrorLog], wanted: str
) -> None:
    running, wire, _ = admin_target
    before = running.admin("GET", "/clock")
    answer = wire.ask("POST", "/_sandbox/clock", [], wanted.encode())
    assert (answer.status, set(answer.content)) == (400, {"error"})
    after = running.admin("GET", "/clock")
    assert 0 <= after["epoch"] - before["epoch"] < 60
    assert after["speed"] == before["speed"]
