"""Webhooks bring the next cycle forward and do nothing else: real deliveries of the look-alike to a real service."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from syncd import web, webhooks
from syncd.clock import ManualClock
from syncd.config import CompanyConfig, HttpConfig
from syncd.metrics import Metrics
from syncd.qbo.settings import QboConfig
from syncd.sandbox.server import RunningSandbox, running_sandbox
from tests.e2e.helpers import at_rest, born, change, row
from tests.reliability.serving import Service, configured, secret_file, serving
from tests.support.samples import FOLDER, needs_samples
from tests.support.world import World
from tests.support.world import world as new_world

Json = dict[str, Any]
TOKEN = "4d2c-verifier-of-the-app"
HOUR = 3600
"""So long a poll interval that only a webhook makes a cycle soon."""


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(switches={"throttle": "off"}) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, sandbox: RunningSandbox) -> Iterator[World]:
    """A company with one linked invoice."""
    with new_world(tmp_path, sandbox) as made:
        made.invoice(made.client("Ada"), "INV-1")
        assert made.run().outcome == "ok"
        yield made


Hook = Callable[..., Service]


@pytest.fixture
def hook(world: World, tmp_path: Path) -> Iterator[Hook]:
    """The service with the endpoint, registered with the look-alike; its first cycle is over."""
    with ExitStack() as stack:

        def start(*, form: str = "classic", poll: int = HOUR, registered: bool = True) -> Service:
            verifier = secret_file(tmp_path, "verifier", TOKEN)
            config = configured(world, poll=poll, qbo=f'webhook_verifier_file = "{verifier}"')
            service = stack.enter_context(serving(config))
            service.until(service.cycles)
            if registered:
                url = f"http://127.0.0.1:{service.port}{webhooks.PATH}"
                world.sandbox.admin(
                    "PUT", "/webhooks/sandbox-client", {"url": url, "verifier_token": TOKEN, "form": form}
                )
                stack.callback(world.sandbox.admin, "DELETE", "/webhooks/sandbox-client")
            return service

        yield start


def signed(body: bytes, token: str = TOKEN) -> str:
    return base64.b64encode(hmac.new(token.encode(), body, hashlib.sha256).digest()).decode()


def post(service: Service, body: bytes, **headers: str) -> int:
    return service.ask(webhooks.PATH, "POST", body, **({"intuit_signature": signed(body)} | headers))[0]


def classic(realm: str, *changed: Json) -> bytes:
    told = [{"realmId": realm, "dataChangeEvent": {"entities": list(changed)}}]
    return json.dumps({"eventNotifications": told}).encode()


def update(number: int = 1, entity: str = "Invoice", operation: str = "Update") -> Json:
    moment = f"2026-01-01T00:00:{number % 60:02d}.000Z"
    return {"name": entity, "id": str(number), "operation": operation, "lastUpdated": moment}


def due(world: World, day: str) -> None:
    """A person moves the due date of the invoice in QuickBooks."""
    change(world, "Invoice", world.one("Invoice", DocNumber="INV-1"), DueDate=day)


def attempts(world: World) -> list[Json]:
    found: list[Json] = world.sandbox.admin("GET", "/webhooks/sandbox-client/deliveries")["attempts"]
    return found


def next_cycle(service: Service, name: str = "acme") -> str:
    found: str = json.loads(service.ask("/readyz")[1])["companies"][name]["next_cycle_at"]
    return found


# ---- what they are for


@pytest.mark.failure("F-53")
@pytest.mark.parametrize("form", ["classic", "cloudevents", "both"])
def test_a_change_in_quickbooks_arrives_long_before_the_next_poll(world: World, hook: Hook, form: str) -> None:
    service = hook(form=form)
    due(world, "2026-07-07")
    service.until(lambda: str(row(world, "invoice", 1)["due_date"]) == "2026-07-07")
    service.until(lambda: service.cycles() == 2)
    world.sandbox.admin("POST", "/webhooks/sandbox-client/settle", {})
    assert {each["status"] for each in attempts(world)} == {200}
    assert service.metric("syncd_webhook_posts_total", result="taken") == len(attempts(world))
    assert service.metric("syncd_webhook_events_total", company="acme", result="new") >= 1
    assert service.metric("syncd_webhook_events_total", company="acme", result="unknown") == 0
    assert service.metric("syncd_webhook_last_event_timestamp_seconds", company="acme") > 0
    assert TOKEN not in "".join(service.raw)


@pytest.mark.failure("F-49", "F-52")
def test_events_that_come_twice_late_and_in_any_order_change_nothing_but_the_hour(world: World, hook: Hook) -> None:
    world.sandbox.switch(webhook_duplicates=1.0, webhook_reorder=0.5, webhook_reorder_seconds=1.0)
    service = hook(form="both")
    for day in range(1, 21):
        due(world, f"2026-08-{day:02d}")
    service.until(lambda: str(row(world, "invoice", 1)["due_date"]) == "2026-08-20")
    writes = world.writes()
    sent = world.sandbox.admin("POST", "/webhooks/sandbox-client/flush", {})
    assert sent is not None
    world.sandbox.admin("POST", "/webhooks/sandbox-client/settle", {})
    assert len(attempts(world)) >= 40
    assert service.metric("syncd_webhook_events_total", company="acme", result="repeated") >= 20
    assert service.cycles() <= 4, "twenty edits, told four times each, are a few cycles"
    service.end()
    assert world.writes() == writes
    assert str(row(world, "invoice", 1)["due_date"]) == "2026-08-20"
    assert born(world, "Invoice") == {"INV-1": 1}
    at_rest(world)


@pytest.mark.failure("F-50")
def test_it_is_acknowledged_while_the_cycle_hangs_and_what_it_tells_is_not_forgotten(world: World, hook: Hook) -> None:
    service = hook()
    rule = world.sandbox.add_fault("stall", seconds=6.0, endpoint="cdc", when="after", count=1, realm=world.realm)
    due(world, "2026-07-01")
    service.until(lambda: any(each["id"] == rule and each["fired"] for each in world.sandbox.faults()))
    due(world, "2026-07-02")  # after the reading of the cycle that hangs
    world.sandbox.admin("POST", "/webhooks/sandbox-client/settle", {})
    assert [each["status"] for each in attempts(world)] == [200, 200]
    assert service.cycles() == 1, "both were acknowledged before the work was done"
    service.until(lambda: str(row(world, "invoice", 1)["due_date"]) == "2026-07-02")
    assert not service.logged("run_not_started")


@pytest.mark.failure("F-51")
def test_with_every_webhook_lost_polling_finds_the_same(world: World, hook: Hook) -> None:
    world.sandbox.switch(webhook_drops=1.0)
    service = hook(poll=1)
    due(world, "2026-07-07")
    service.until(lambda: str(row(world, "invoice", 1)["due_date"]) == "2026-07-07")
    world.sandbox.admin("POST", "/webhooks/sandbox-client/settle", {})
    assert attempts(world) == []
    assert service.metric("syncd_webhook_events_total", company="acme", result="new") == 0


@pytest.mark.failure("F-76")
def test_a_merge_is_no_more_than_a_hint(world: World, hook: Hook) -> None:
    """The event names the record that went; nothing is done about it before QuickBooks itself was asked."""
    other = world.accountant.save("Customer", {"DisplayName": "Somebody"})
    service = hook(form="both")
    before = world.rows("SELECT * FROM client"), world.rows("SELECT * FROM invoice")
    linked = world.one("Invoice", DocNumber="INV-1")["CustomerRef"]["value"]
    claimed = {**update(1, "Customer", "Merge"), "id": other["Id"], "deletedId": linked}
    assert post(service, classic(world.realm, claimed)) == 200  # signed, and not true
    service.until(lambda: service.cycles() == 2)
    assert (world.rows("SELECT * FROM client"), world.rows("SELECT * FROM invoice")) == before
    assert world.one("Invoice", DocNumber="INV-1")["CustomerRef"]["value"] == linked
    merged = {"entity": "Customer", "loser": other["Id"], "survivor": linked}
    world.sandbox.admin("POST", f"/companies/{world.realm}/merge", merged)
    service.until(lambda: service.cycles() >= 3)
    assert (world.rows("SELECT * FROM client"), world.rows("SELECT * FROM invoice")) == before


# ---- who may


@pytest.mark.failure("F-54")
def test_without_a_verifier_token_there_is_no_endpoint(world: World, tmp_path: Path) -> None:
    config = configured(world, poll=HOUR)
    body = classic(world.realm, update())
    with serving(config) as service:
        service.until(service.cycles)
        for headers in ({}, {"intuit_signature": signed(body)}, {"intuit_signature": signed(body, "")}):
            assert service.ask(webhooks.PATH, "POST", body, **headers)[0] == 404
        later = next_cycle(service)
        verifier = secret_file(tmp_path, "verifier", TOKEN)
        text = config.read_text()
        config.write_text(text.replace("[company.qbo]", f'[company.qbo]\nwebhook_verifier_file = "{verifier}"'))
        service.process.send_signal(signal.SIGHUP)
        service.until(lambda: service.logged("reloaded"))
        service.until(lambda: service.cycles() == 2)  # a company that changed is looked at
        assert post(service, body) == 200
        config.write_text(text)
        service.process.send_signal(signal.SIGHUP)
        service.until(lambda: len(service.logged("reloaded")) == 2)
        assert post(service, body) == 404
    assert later


@pytest.mark.failure("F-54")
def test_a_wrong_signature_is_refused_before_anything_is_read(world: World, hook: Hook) -> None:
    service = hook(registered=False)
    later = next_cycle(service)
    body = classic(world.realm, update())
    right = signed(body)
    wrong = [
        *("", "x", right[:-2], right + "=", right.lower(), right.swapcase(), f"sha256={right}", "\xff" * 44),
        *(signed(body, "another-verifier"), signed(body + b" "), signed(json.dumps(json.loads(body)).encode() + b"\n")),
        hmac.new(TOKEN.encode(), body, hashlib.sha256).hexdigest(),
    ]
    for signature in wrong:
        assert post(service, body, intuit_signature=signature) == 401, signature
    assert service.ask(webhooks.PATH, "POST", body)[0] == 401
    assert _twice_signed(service.port, body, right, "x") == 401
    assert service.ask(webhooks.PATH)[0] == 405
    assert service.metric("syncd_webhook_posts_total", result="refused") == len(wrong) + 2
    assert service.metric("syncd_webhook_posts_total", result="taken") == 0
    assert next_cycle(service) == later
    assert len(service.logged("webhook_refused")) == 1, "a stranger does not fill the log"


def _announced(port: int, path: str, length: int) -> int:
    """The answer to a body of which only the length was sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
        return int(client.recv(4096).split()[1])


def _twice_signed(port: int, body: bytes, *signatures: str) -> int:
    head = "".join(f"intuit-signature: {one}\r\n" for one in signatures)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(
            f"POST {webhooks.PATH} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        )
        return int(client.recv(4096).split()[1])


@pytest.mark.failure("F-54", "F-64")
def test_an_event_of_a_company_that_is_not_ours_brings_nothing_forward(world: World, hook: Hook) -> None:
    service = hook(registered=False)
    later = next_cycle(service)
    for realm in ("1", world.realm + "0", world.realm[:-1], "", " " + world.realm):
        assert post(service, classic(realm, update())) == 200
    assert service.metric("syncd_webhook_events_total", company="", result="foreign") == 5
    assert next_cycle(service) == later


@pytest.mark.failure("F-49", "F-54")
def test_a_delivery_that_is_sent_again_brings_nothing_forward(world: World, hook: Hook) -> None:
    service = hook(form="both")
    due(world, "2026-07-07")
    service.until(lambda: service.cycles() == 2)
    world.sandbox.admin("POST", "/webhooks/sandbox-client/settle", {})
    posts = len(attempts(world))
    later = next_cycle(service)
    for _ in range(5):
        world.sandbox.admin("POST", "/webhooks/sandbox-client/replay", {})
        world.sandbox.admin("POST", "/webhooks/sandbox-client/settle", {})
    assert len(attempts(world)) > posts
    assert {each["status"] for each in attempts(world)} == {200}
    assert service.metric("syncd_webhook_events_total", company="acme", result="repeated") >= 5
    assert next_cycle(service) == later
    assert service.cycles() == 2


@pytest.mark.failure("F-53")
def test_hostile_and_unknown_bodies_are_answered_and_survived(world: World, hook: Hook) -> None:
    service = hook(registered=False)
    later = next_cycle(service)
    unreadable = [
        *(b"", b"x", b"null", b"0", b'"a"', b"{}", b"[1]", b"[null]", b"[{}]", b"\xff\xfe", b"{" * 100_000),
        *(b"[" * 100_000, b'{"eventNotifications": null}', b'{"eventNotifications": [{"realmId": 7}]}'),
        *(b'{"eventNotifications": [{"realmId": "1", "dataChangeEvent": []}]}', b"NaN", b"<xml/>", b"\x00" * 1000),
        b'{"eventNotifications": [{"realmId": "1", "dataChangeEvent": {"entities": [{"id": {}}]}}]}',
    ]
    for body in unreadable:
        assert post(service, body) == 200, body[:60]
    assert service.metric("syncd_webhook_posts_total", result="unreadable") == len(unreadable)
    assert next_cycle(service) == later
    for body in (b"[]", b'{"eventNotifications": []}'):
        assert post(service, body) == 200
    assert next_cycle(service) == later
    assert _announced(service.port, webhooks.PATH, webhooks.BODY_BYTES + 1) == 413
    assert _announced(service.port, "/metrics", webhooks.BODY_BYTES) == 413, "nobody else may send so much"
    strange = {"type": "qbo.spaceship.launched.v2", "intuitaccountid": world.realm, "id": "1", "more": {"a": [1]}}
    assert post(service, json.dumps([strange]).encode()) == 200
    assert service.metric("syncd_webhook_events_total", company="acme", result="unknown") == 1
    assert next_cycle(service) < later, "what nobody knows is a hint all the same"
    large = classic(world.realm, *(update(number) | {"id": str(number)} for number in range(5000)))
    assert post(service, large) == 200
    assert service.metric("syncd_webhook_events_total", company="acme", result="new") == 5000
    service.until(lambda: service.cycles() >= 2)
    assert service.ask("/healthz")[0] == 200


# ---- its parts


def receiver(*companies: tuple[str, str, str], clock: ManualClock | None = None) -> tuple[webhooks.Receiver, list[str]]:
    """A receiver for companies (name, realm, token), and the hints it gives."""
    told: list[str] = []
    made = webhooks.Receiver(told.append, clock=clock or ManualClock(), metrics=Metrics(process=False))
    made.configure(
        CompanyConfig.model_construct(
            name=name,
            qbo=QboConfig(
                realm_id=realm,
                environment="sandbox",
                client_id="app",
                client_secret="s",
                webhook_verifier=SecretStr(token),
            ),
        )
        for name, realm, token in companies
    )
    return made, told


def test_each_app_speaks_for_its_own_companies_only() -> None:
    made, told = receiver(("a", "1", "token-of-one"), ("b", "2", "token-of-two"), ("c", "3", "token-of-two"))
    body = b"".join([classic("1", update())])
    assert made.take(body, [signed(body, "token-of-two")]) == 200
    assert told == []
    assert made.take(body, [signed(body, "token-of-one")]) == 200
    assert told == ["a"]
    both = json.dumps(
        [{"type": "qbo.invoice.updated.v1", "intuitaccountid": realm, "id": f"e{realm}"} for realm in "1233"]
    ).encode()
    assert made.take(both, [signed(both, "token-of-two")]) == 200
    assert sorted(told) == ["a", "b", "c"]


def test_what_is_remembered_is_bounded_in_time_and_space() -> None:
    clock = ManualClock()
    seen = webhooks.Seen(clock)
    for number in range(webhooks.REMEMBERED_EVENTS + 500):
        seen.add(str(number).encode())
    assert b"499" not in seen
    assert b"500" in seen
    assert len(seen._until) == webhooks.REMEMBERED_EVENTS
    clock.advance(webhooks.REMEMBERED_SECONDS)
    assert b"500" not in seen
    seen.add(b"new")
    assert len(seen._until) == 1


@given(st.binary(max_size=300) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(str).map(str.encode))
def test_no_body_makes_it_fail(body: bytes) -> None:
    made, told = receiver(("a", "1", "token-of-one"))
    assert made.take(body, [signed(body, "token-of-one")]) == 200
    assert made.take(body, ["x"]) == 401
    assert told == []


def test_a_hint_that_cannot_be_given_is_not_remembered_as_given() -> None:
    made, told = receiver(("a", "1", "token-of-one"))
    made._hint = lambda name: 1 / 0  # type: ignore[assignment, return-value]
    body = classic("1", update())
    with pytest.raises(ZeroDivisionError):
        made.take(body, [signed(body, "token-of-one")])
    made._hint = told.append
    made.take(body, [signed(body, "token-of-one")])
    assert told == ["a"], "sent again, as QuickBooks does after a 500, it counts"


@needs_samples
@pytest.mark.failure("F-53")
def test_every_recorded_webhook_is_understood() -> None:
    found = sorted(FOLDER.glob("webhook-*.json"))
    assert len(found) == 7
    for path in found:
        events = webhooks.events_in(path.read_bytes())
        assert events, path.name
        assert all(event.known and event.realm and event.identity for event in events), path.name


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_BODY_SECONDS", 0.2)
    made, _ = receiver(("a", "1", "token-of-one"))
    http = HttpConfig(port=0)
    listener = web.bind(http)
    port = listener.getsockname()[1]
    health = web.Health(alive=True, ready=True)
    app = web.create_app(CollectorRegistry(), lambda: health, http, made)
    with (
        web.serving(listener, app, max_concurrency=8),
        socket.create_connection(("127.0.0.1", port), timeout=30) as client,
    ):
        client.sendall(f"POST {webhooks.PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
        assert b" 408 " in client.recv(4096)
