"""Tokens: one refresh at a time, stored before use, never lost to an error, never in a message."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import responses
from qbo_world import REALM, MemoryStore, Stub, config, grant, http

from syncd.clock import ManualClock
from syncd.errors import QboUnavailable, ReconnectNeeded, WrongCompany
from syncd.metrics import Metrics
from syncd.qbo import TokenAnswer, authorize_url, exchange_code, new_state, revoke
from syncd.qbo.auth import Authorizer

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def tokens(number: int = 1, **extra: Any) -> bytes:
    body = {
        "token_type": "bearer",
        "access_token": f"access-{number}",
        "refresh_token": f"refresh-{number}",
        "expires_in": 3600,
        "x_refresh_token_expires_in": 8_726_400,
        "x_refresh_token_hard_expires_in": 157_680_000,
    }
    return http(json.dumps(body | extra).encode())


def refusal(error: str = "invalid_grant", status: str = "400 Bad Request") -> bytes:
    return http(json.dumps({"error": error, "error_description": "Incorrect"}).encode(), status=status)


class World:
    def __init__(self, server: Stub, store: MemoryStore) -> None:
        self.clock = ManualClock(NOW)
        self.store = store
        self.server = server
        self.metrics = Metrics(process=False)
        self.auth = Authorizer(
            config(server.base), store, self.clock, stop=threading.Event(), metrics=self.metrics, company="acme"
        )


@pytest.fixture
def world(stub: Callable[..., Stub]) -> Callable[..., World]:
    def make(*answers: bytes, expired: bool = True, **changes: Any) -> World:
        expires = NOW if expired else NOW + timedelta(hours=1)
        return World(stub(*answers), MemoryStore(grant(expires=expires, **changes)))

    return make


def test_a_good_token_is_used_as_it_is(world: Callable[..., World]) -> None:
    made = world(expired=False)
    assert made.auth.access_token() == "access-0"
    assert not made.server.requests


@pytest.mark.failure("F-55")
def test_a_new_pair_is_stored_before_it_is_used(world: Callable[..., World]) -> None:
    made = world(tokens())
    assert made.auth.access_token() == "access-1"
    assert made.store.grant.refresh_token == "refresh-1"
    assert made.store.grant.access_expires_at == NOW + timedelta(hours=1)
    assert made.store.grant.hard_expires_at == NOW + timedelta(seconds=157_680_000)
    request = made.server.requests[0]
    assert b"x-include-refresh-token-hard-expires-in: true" in request
    assert b"grant_type=refresh_token&refresh_token=refresh-0" in request


@pytest.mark.failure("F-56")
def test_fifty_threads_make_one_refresh(world: Callable[..., World]) -> None:
    made = world(tokens())
    found: list[str] = []
    start = threading.Barrier(50)

    def work() -> None:
        start.wait(10)
        found.append(made.auth.access_token())

    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == ["access-1"] * 50
    assert len(made.server.requests) == 1


@pytest.mark.failure("F-56")
def test_two_processes_make_one_refresh(stub: Callable[..., Stub]) -> None:
    store = MemoryStore(grant(expires=NOW))
    server = stub(tokens())
    worlds = [World(server, store) for _ in range(2)]
    threads = [threading.Thread(target=each.auth.access_token) for each in worlds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [each.auth.access_token() for each in worlds] == ["access-1"] * 2
    assert len(server.requests) == 1


def test_a_refused_token_is_renewed_once_for_all(world: Callable[..., World]) -> None:
    made = world(tokens(), expired=False)
    assert made.auth.renew("access-0") == "access-1"
    assert made.auth.renew("access-0") == "access-1"
    assert len(made.server.requests) == 1


def test_invalid_grant_is_final_after_a_second_look(world: Callable[..., World]) -> None:
    made = world(refusal())
    with pytest.raises(ReconnectNeeded) as caught:
        made.auth.access_token()
    assert "syncd connect" in str(caught.value)
    assert made.store.grant.broken == "invalid_grant"
    assert made.store.grant.refresh_token == "refresh-0"
    with pytest.raises(ReconnectNeeded):
        made.auth.access_token()
    assert len(made.server.requests) == 1  # no loop


def test_somebody_else_was_quicker(stub: Callable[..., Stub]) -> None:
    store = MemoryStore(grant(expires=NOW))

    def other_process_wins(_: bytes) -> bytes:
        newer = grant(expires=NOW, access_token="access-x", refresh_token="refresh-x")
        assert store.save(newer, 0)
        return refusal()

    made = World(stub(other_process_wins, tokens(7)), store)
    assert made.auth.access_token() == "access-7"
    assert b"refresh_token=refresh-x" in made.server.requests[1]


@pytest.mark.failure("F-59")
@pytest.mark.parametrize(
    "bad", [http(b"<html>", status="503 Service Unavailable", kind="text/html"), b"", refusal("", "500 Server Error")]
)
def test_a_passing_failure_is_repeated(world: Callable[..., World], bad: bytes) -> None:
    made = world(bad, bad, tokens())
    assert made.auth.access_token() == "access-1"


@pytest.mark.failure("F-58")
@pytest.mark.parametrize("body", [b"{}", b"null", b"<html/>", b'{"access_token": "", "refresh_token": "r"}'])
def test_an_empty_success_replaces_nothing(world: Callable[..., World], body: bytes) -> None:
    made = world(*[http(body)] * 4)
    with pytest.raises(QboUnavailable):
        made.auth.access_token()
    assert made.store.saves == []
    assert made.store.grant.refresh_token == "refresh-0"


def test_a_failed_save_is_tried_again_and_not_lost(world: Callable[..., World]) -> None:
    made = world(tokens())
    made.store.fail_saves = 2
    with pytest.raises(OSError, match="disk full"):
        made.auth.access_token()
    assert made.auth.access_token() == "access-1"  # the pair that was kept, without another refresh
    assert len(made.server.requests) == 1


def test_what_could_not_be_stored_outlives_that_somebody_called_the_grant_dead(world: Callable[..., World]) -> None:
    made = world(tokens())
    made.store.fail_saves = 2
    with pytest.raises(OSError, match="disk full"):
        made.auth.access_token()
    now = made.store.grant
    assert made.store.save(msgspec.structs.replace(now, broken="invalid_grant"), now.version)
    assert made.auth.access_token() == "access-1"
    assert (made.store.grant.broken, made.store.grant.refresh_token) == ("", "refresh-1")
    assert len(made.server.requests) == 1


def test_what_a_person_ended_is_not_brought_back(world: Callable[..., World]) -> None:
    made = world(tokens())
    made.store.fail_saves = 2
    with pytest.raises(OSError, match="disk full"):
        made.auth.access_token()
    now = made.store.grant
    assert made.store.save(msgspec.structs.replace(now, broken="ended by Ann"), now.version)
    with pytest.raises(ReconnectNeeded):
        made.auth.access_token()
    assert made.store.grant.broken == "ended by Ann"


@pytest.mark.failure("F-63")
def test_a_grant_of_another_company_is_refused(world: Callable[..., World]) -> None:
    made = world(realm_id="1", expired=False)
    with pytest.raises(WrongCompany):
        made.auth.access_token()


def test_wrong_keys_stop_without_a_retry(world: Callable[..., World]) -> None:
    made = world(refusal("invalid_client", "401 Unauthorized"))
    with pytest.raises(WrongCompany, match="client id"):
        made.auth.access_token()
    assert len(made.server.requests) == 1


@pytest.mark.failure("F-65")
def test_no_secret_in_a_message() -> None:
    answer = TokenAnswer("AAA", "BBB", NOW, None, None)
    assert "AAA" not in repr(answer)
    assert "BBB" not in repr(answer)
    with pytest.raises(ValueError, match="realm_id") as caught:
        config("http://127.0.0.1:1", realm="not-a-realm", client_secret="hush-hush")
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(config("http://127.0.0.1:1", client_secret="hush-hush"))


def test_plain_http_is_for_this_machine() -> None:
    for environment in ("production", "sandbox"):
        with pytest.raises(ValueError, match="https"):
            config("http://books.example.com", environment=environment)
    assert config("http://127.0.0.1:8080").base_url == f"http://127.0.0.1:8080/v3/company/{REALM}"
    real = config("https://intuit.example", api_url="", environment="production")
    assert real.base_url == f"https://quickbooks.api.intuit.com/v3/company/{REALM}"


@responses.activate
def test_connect_exchange_and_revoke() -> None:
    made = config("https://intuit.example")
    state = new_state()
    address = authorize_url(made, redirect_uri="https://syncd.example/callback", state=state)
    assert "scope=com.intuit.quickbooks.accounting" in address
    assert f"state={state}" in address
    assert len({new_state() for _ in range(100)}) == 100
    body = {"access_token": "a", "refresh_token": "r", "expires_in": 3600}
    responses.post(made.token_url, json=body)
    found = exchange_code(made, ManualClock(NOW), code="c", redirect_uri="https://syncd.example/callback")
    assert found.access_expires_at == NOW + timedelta(hours=1)
    responses.post(made.revoke_url, body="")
    revoke(made, ManualClock(NOW), token="r")


@responses.activate
def test_a_code_that_was_used_before() -> None:
    made = config("https://intuit.example")
    responses.post(made.token_url, json={"error": "invalid_grant"}, status=400)
    with pytest.raises(ReconnectNeeded, match="code"):
        exchange_code(made, ManualClock(NOW), code="c", redirect_uri="https://syncd.example/callback")
    assert len(responses.calls) == 1
