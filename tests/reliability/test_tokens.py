"""Renewing the grant: once for everybody who needs it, through every crash that QuickBooks' rules let one survive, and
otherwise a clear word that a person has to connect again (protocol.md 2)."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from freezegun import freeze_time

from syncd import grant as grants
from syncd.clock import ManualClock, SystemClock
from syncd.engine import Engine
from syncd.errors import EXIT_OK, EXIT_RECONNECT, ReconnectNeeded
from syncd.grant import WARN_DAYS, GrantWatch, StoredGrant, endings
from syncd.metrics import METRICS
from syncd.qbo.token_service import TokenAnswer, TokenEndpoint
from syncd.sandbox.server import RunningSandbox, running_sandbox
from syncd.state.store import Store
from syncd.state.tokens import StateTokenStore
from syncd.state.values import Lease, Tokens
from tests.e2e.helpers import at_rest, born, configure, syncd
from tests.e2e.killing import until
from tests.reliability.serving import configured, serving
from tests.support.logs import captured
from tests.support.world import World
from tests.support.world import world as new_world

ROOT = Path(__file__).parents[2]
DAY = 86_400.0


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    """A look-alike of one's own: its clock is moved."""
    with running_sandbox(switches={"throttle": "off"}) as running:
        yield running


@pytest.fixture
def make(tmp_path: Path, sandbox: RunningSandbox) -> Iterator[Callable[..., World]]:
    """Makes companies."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(new_world(tmp_path, sandbox, **options))


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    """A company with one linked invoice."""
    made = make()
    made.invoice(made.client("Ada"), "INV-1")
    assert made.run().outcome == "ok"
    return made


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Logs as JSON, into memory; everything as it was afterwards."""
    with captured("warning") as target:
        yield target


class Worker:
    """A process of ``token_worker``."""

    def __init__(self, world: World, job: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.token_worker", job, json.dumps(world.spec())],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> Worker:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        return self

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self) -> str:
        """What it said at the end."""
        text, _ = self.process.communicate(timeout=120)
        return text


def stored(world: World) -> Tokens:
    """The grant as it is stored now."""
    found = world.store.tokens("sandbox", world.realm).load()
    assert found is not None
    return found


def store(world: World, **changes: Any) -> None:
    """Change the stored grant."""
    now = stored(world)
    assert world.store.tokens("sandbox", world.realm).save(msgspec.structs.replace(now, **changes), now.version)


def renewals(world: World, after: int = 0) -> list[dict[str, Any]]:
    """What the look-alike's ledger has of renewals; of any company, should the realm be unknown to it."""
    return world.sandbox.requests(after=after, endpoint="token")


def expire(world: World) -> int:
    """The access token has run out on both sides, and the refresh token is due to be replaced."""
    world.sandbox.advance(DAY + 3600)
    store(world, access_expires_at=world.clock.now() - timedelta(seconds=1))
    return world.sandbox.last_request()


def refresh_token_at_intuit(world: World) -> str:
    assert world.sandbox.sandbox is not None
    (token,) = {
        each.refresh
        for each in world.sandbox.sandbox.world.authority.grants.values()
        if each.realm == world.realm and stored(world).refresh_token in (each.refresh, *each.superseded)
    }
    return token


# ---- one renewal for all


@pytest.mark.failure("F-56")
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_four_processes_with_fifty_threads_each_make_one_renewal(
    make: Callable[..., World], database: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url")() if database == "postgresql" else ""
    world = make(state_url=url)
    after = expire(world)
    before = stored(world).refresh_token
    workers = [Worker(world, "50") for _ in range(4)]
    for worker in workers:
        worker.ready()
    for worker in workers:
        worker.go()
    said = [json.loads(worker.end()) for worker in workers]
    assert said == [["ok"] * 50] * 4
    assert len(renewals(world, after)) == 1
    assert stored(world).refresh_token == refresh_token_at_intuit(world) != before


class Hurried(SystemClock):
    """A clock whose wall can be put forward; what waits, waits as long as before."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


def renew_from_both(world: World, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Two processes need a token at the same time."""
    other = world.build()

    def need(engine: Engine) -> None:
        with suppress(ReconnectNeeded):
            engine.parts.books.facts(refresh=True)

    try:
        running = [threading.Thread(target=need, args=(engine,)) for engine in (world.engine, other)]
        for thread in running:
            thread.start()
        meanwhile()
        for thread in running:
            thread.join(60)
    finally:
        other.close()


@pytest.mark.failure("F-56")
def test_a_renewal_that_takes_longer_than_the_lock_lasts_is_not_overtaken(
    make: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Intuit's answer is under way for minutes on the wall, which moves on only as the lock is prolonged."""
    world = make(clock=(clock := Hurried()))
    after = expire(world)
    ends: list[datetime] = []
    arrived = threading.Event()
    prolong, refresh = StateTokenStore.renew, TokenEndpoint.refresh

    def prolonged(store: StateTokenStore, lease: Lease) -> Lease:
        kept = prolong(store, lease)
        ends.append(kept.expires_at)
        return kept

    def refreshed(endpoint: TokenEndpoint, token: str) -> TokenAnswer:
        answer = refresh(endpoint, token)
        arrived.wait(120)
        return answer

    monkeypatch.setattr(StateTokenStore, "renew", prolonged)
    monkeypatch.setattr(TokenEndpoint, "refresh", refreshed)
    monkeypatch.setattr(grants, "LOCK_TTL_SECONDS", 1.0)  # how often it gives a sign; the lock lasts as long as ever

    def minutes() -> None:
        try:
            for _ in range(4):
                until(lambda: bool(ends) and ends[-1] - clock.now() > timedelta(seconds=80), 20)
                clock.ahead += timedelta(seconds=45)
        finally:
            arrived.set()

    renew_from_both(world, minutes)
    assert len(renewals(world, after)) == 1


@pytest.mark.failure("F-56")
def test_a_renewal_that_was_overtaken_all_the_same_keeps_the_grant_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine slept with the answer under way: the other was refused, and called dead what was just renewed."""
    monkeypatch.setattr(sys.modules["syncd.state.tokens"], "LOCK_TTL_SECONDS", 0.5)
    after = expire(world)
    before = stored(world).refresh_token
    refresh = TokenEndpoint.refresh

    def refreshed(endpoint: TokenEndpoint, token: str) -> TokenAnswer:
        answer = refresh(endpoint, token)
        until(lambda: bool(stored(world).broken), 60)
        return answer

    monkeypatch.setattr(TokenEndpoint, "refresh", refreshed)
    renew_from_both(world)
    assert len(renewals(world, after)) == 2
    assert not stored(world).broken
    assert stored(world).refresh_token == refresh_token_at_intuit(world) != before
    assert world.run().outcome == "ok"


@pytest.mark.failure("F-61")
def test_companies_renew_beside_each_other_without_touching_the_other_s_grant(world: World) -> None:
    realms = [world.realm, world.sandbox.create_company()]
    kept = Tokens(realms[1], "sandbox", "a", "r-0", datetime.now(UTC))
    assert world.store.tokens("sandbox", realms[1]).save(kept, 0)

    def renew(realm: str) -> None:
        mine = world.store.tokens("sandbox", realm)
        for number in range(1, 21):
            now = mine.load()
            assert now is not None
            assert mine.save(msgspec.structs.replace(now, refresh_token=f"{realm}-{number}"), now.version)

    running = [threading.Thread(target=renew, args=(realm,)) for realm in realms]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
    found = [world.store.tokens("sandbox", realm).load() for realm in realms]
    assert [each and each.refresh_token for each in found] == [f"{realm}-20" for realm in realms]


# ---- killed between Intuit's answer and our commit


def kill_with_the_answer_in_hand(world: World) -> None:
    """The answer arrived, and was not stored."""
    worker = Worker(world, "die").ready()
    worker.go()
    worker.end()
    assert worker.process.returncode == -signal.SIGKILL


def kill_with_the_answer_on_its_way(world: World) -> None:
    """Intuit replaced the token, and its answer never arrived."""
    rule = world.sandbox.add_fault("stall", seconds=60.0, endpoint="token", when="after", then="reset", count=1)
    worker = Worker(world, "1").ready()
    worker.go()
    end = time.monotonic() + 60
    while not any(each["id"] == rule and each["fired"] for each in world.sandbox.faults()):
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.1)
    worker.process.send_signal(signal.SIGKILL)
    worker.end()
    world.sandbox.clear_faults()


KILLS = pytest.mark.parametrize("kill", [kill_with_the_answer_in_hand, kill_with_the_answer_on_its_way])


@KILLS
@pytest.mark.failure("F-55")
def test_a_crash_before_the_new_token_is_stored_costs_nothing_while_the_old_one_is_good(
    world: World, kill: Callable[[World], None]
) -> None:
    world.sandbox.switch(refresh_grace="24h")
    after = expire(world)
    old = stored(world).refresh_token
    kill(world)
    assert stored(world).refresh_token == old != refresh_token_at_intuit(world), "rotated there, not stored here"
    world.restart()
    world.invoice(1, "INV-2")
    assert world.run().outcome == "ok"
    assert stored(world).refresh_token == refresh_token_at_intuit(world)
    assert [each["status"] for each in renewals(world, after)][-1] == 200
    assert len(renewals(world, after)) == 2
    at_rest(world)


@pytest.mark.failure("F-55")
def test_a_crash_within_a_day_of_the_last_rotation_costs_nothing_in_any_case(world: World) -> None:
    store(world, access_expires_at=world.clock.now() - timedelta(seconds=1))
    kill_with_the_answer_in_hand(world)
    world.restart()
    assert world.run().outcome == "ok"


@pytest.mark.parametrize(
    ("kill", "grace"),
    [
        (kill_with_the_answer_in_hand, "0"),
        (kill_with_the_answer_on_its_way, "0"),
        (kill_with_the_answer_in_hand, "revoke-on-reuse"),
    ],
)
@pytest.mark.failure("F-55", "F-62")
def test_a_crash_that_cannot_be_survived_asks_once_more_and_never_again(
    world: World, kill: Callable[[World], None], grace: str
) -> None:
    world.sandbox.switch(refresh_grace=grace)
    after = expire(world)
    kill(world)
    for _ in range(3):
        world.restart()
        for _ in range(2):
            with pytest.raises(ReconnectNeeded, match="syncd connect") as caught:
                world.run()
            assert caught.value.exit_code == EXIT_RECONNECT
    assert [each["status"] for each in renewals(world, after)][1:] == [400]
    assert stored(world).broken == "invalid_grant"


@pytest.mark.failure("F-55", "F-62")
def test_every_command_says_that_somebody_has_to_connect_again(world: World) -> None:
    after = expire(world)
    kill_with_the_answer_in_hand(world)
    config = configure(world)
    done = syncd(config, "reconcile")
    assert done.returncode == EXIT_RECONNECT
    assert "Run `syncd connect`" in done.stderr
    shown = syncd(config, "status")
    assert shown.returncode == EXIT_RECONNECT
    assert "NO LONGER CONNECTED" in shown.stdout
    assert "invalid_grant" in shown.stdout
    told = json.loads(syncd(config, "status", "--json").stdout)["companies"][0]
    assert (told["state"], told["connection"]["broken"]) == ("reconnect", "invalid_grant")
    assert "syncd connect" in syncd(config, "check").stdout
    assert len(renewals(world, after)) == 2


def test_nobody_waits_for_a_refresher_that_was_killed(world: World) -> None:
    expire(world)
    kill_with_the_answer_in_hand(world)
    clock = ManualClock(datetime.now(UTC))
    with Store.open(world.state_url, clock=clock, encryption_keys=[world.key]) as opened:
        kept = StoredGrant(opened.tokens("sandbox", world.realm), world.name)
        with kept.lock():
            pass
    assert clock.monotonic() == 0


# ---- the service, and connecting again


@pytest.mark.failure("F-62")
def test_the_service_tells_that_the_grant_is_dead_asks_nobody_again_and_goes_on_when_connected(world: World) -> None:
    with serving(configured(world)) as service:
        service.until(service.cycles)
        assert 'syncd_reconnect_needed{company="acme"} 0.0' in service.ask("/metrics")[1]
        world.sandbox.admin("POST", f"/companies/{world.realm}/disconnect")
        world.invoice(1, "INV-2")
        service.until(lambda: len(service.logged("work_failed")) >= 3)
        assert len(renewals(world)) == 1
        status, body = service.ask("/readyz")
        company = json.loads(body)["companies"]["acme"]
        assert (status, company["ready"], company["outcome"]) == (503, False, "reconnect")
        assert "syncd connect" in company["detail"]
        assert 'syncd_reconnect_needed{company="acme"} 1.0' in service.ask("/metrics")[1]
        world.grant()
        service.until(lambda: len(world.books("Invoice")) == 2)
        service.until(lambda: service.ask("/readyz")[0] == 200)
        assert 'syncd_reconnect_needed{company="acme"} 0.0' in service.ask("/metrics")[1]
    assert born(world, "Invoice") == {"INV-1": 1, "INV-2": 1}
    assert len(renewals(world)) == 1


# ---- the end of a grant


@pytest.mark.failure("F-60")
def test_warnings_come_at_thirty_fourteen_seven_and_two_days() -> None:
    watch, told = GrantWatch(), []
    start = datetime(2028, 1, 1, tzinfo=UTC)
    ends = start + timedelta(days=40)
    tokens = Tokens("1", "sandbox", "a", "r", start, refresh_expires_at=ends + timedelta(days=50), hard_expires_at=ends)
    with freeze_time(start) as frozen:
        clock = SystemClock()
        while clock.now() < ends:
            told += [(ending.part, ending.threshold, ends - clock.now()) for ending in watch.news(tokens, clock.now())]
            frozen.tick(timedelta(hours=1))
    assert {part for part, _, _ in told} == {"hard"}
    for days in WARN_DAYS:
        first = next(left for _, threshold, left in told if threshold == days)
        assert first == timedelta(days=days), "at the very hour"
    assert len(told) == 30, "and once a day from then on"


@pytest.mark.failure("F-60")
@pytest.mark.parametrize("part", ["refresh_expires_at", "hard_expires_at"])
def test_check_and_log_tell_when_the_connection_is_about_to_end(world: World, logs: io.StringIO, part: str) -> None:
    for days, threshold in ((31.0, 0), (29.5, 30), (13.5, 14), (6.5, 7), (1.5, 2), (-1.0, 2)):
        at = world.clock.now() + timedelta(days=days)
        store(world, **{"refresh_expires_at": world.clock.now() + timedelta(days=100), part: at})
        world.restart()
        logs.seek(0)
        logs.truncate()
        assert world.run().outcome == "ok"
        logged = [line for line in logs.getvalue().splitlines() if '"connection_ends"' in line]
        (said,) = [each for each in world.engine.check() if each.subject == "connection"]
        near = endings(stored(world), world.clock.now())
        assert [each.threshold for each in near] == [threshold] * bool(threshold)
        assert (said.level, len(logged)) == (("warning", 1) if threshold else ("ok", 0))
        if near:
            assert said.text == near[0].text
            assert json.loads(logged[0])["ends_at"] == at.isoformat()


@pytest.mark.failure("F-60")
def test_status_and_check_print_the_date(world: World) -> None:
    at = world.clock.now() + timedelta(days=6, hours=1)
    store(world, hard_expires_at=at)
    config = configure(world)
    for command in ("status", "check"):
        shown = " ".join(syncd(config, command).stdout.split())
        assert f"ends in 6 days, at {at:%Y-%m-%d %H:%M} UTC: Intuit's limit for one approval" in shown, command
        assert "syncd connect" in shown


def test_the_alert_rules_speak_of_metrics_that_are_there() -> None:
    rules = yaml.safe_load((ROOT / "docs/alerts.yml").read_text(encoding="utf-8"))
    known = {f"{each.name}_total" if each.type == "counter" else each.name: set(each.labels) for each in METRICS}
    names = []
    for group in rules["groups"]:
        assert set(group) <= {"name", "interval", "rules"}
        for rule in group["rules"]:
            assert (
                {"alert", "expr", "labels", "annotations"}
                <= set(rule)
                <= {"alert", "expr", "for", "labels", "annotations"}
            )
            assert set(rule["annotations"]) == {"summary", "description"}
            assert rule["labels"]["severity"] in {"page", "warning", "info"}
            used = set(re.findall(r"syncd_\w+", rule["expr"]))
            assert used <= known.keys(), used - known.keys()
            assert rule["expr"].count("(") == rule["expr"].count(")")
            told = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
            assert told <= set().union(*(known[name] for name in used)), rule["alert"]
            names.append(rule["alert"])
    assert len(names) == len(set(names))
    ends = [name for name in names if name.startswith("SyncdConnectionEnds")]
    assert ends == [f"SyncdConnectionEnds{days}Days" for days in WARN_DAYS]
    for wanted in ("syncd_reconnect_needed", "syncd_last_success_timestamp_seconds", "syncd_halted"):
        assert any(wanted in rule["expr"] for group in rules["groups"] for rule in group["rules"])


@pytest.mark.skipif(
    not any((Path(d) / "promtool").exists() for d in os.get_exec_path()), reason="promtool is not installed"
)
def test_promtool_takes_the_alert_rules() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", str(ROOT / "docs/alerts.yml")], check=False, capture_output=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


# ---- nobody else


@pytest.mark.failure("F-57")
def test_one_module_speaks_to_the_token_endpoint() -> None:
    """Nothing else names its address or imports a library that could; only renewing and a person's consent use it."""
    found = set()
    for path in (ROOT / "syncd").rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith("syncd/sandbox/"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in {"token_url", "revoke_url"}:
                found.add(name)
            if isinstance(node, ast.Import | ast.ImportFrom):
                imported = [getattr(node, "module", "") or "", *(alias.name for alias in node.names)]
                assert not any(part.startswith(("intuitlib", "quickbooks")) for part in imported), name
            if isinstance(node, ast.Name) and node.id == "TokenEndpoint":
                assert name in {"syncd/qbo/auth.py", "syncd/qbo/consent.py"}
    assert found == {"syncd/qbo/token_service.py"}


@pytest.mark.failure("F-57")
def test_work_with_a_good_token_never_asks_for_another(world: World) -> None:
    """Constructing, reading, writing, auditing, planning, checking: all with the stored token."""
    world.restart()
    world.invoice(1, "INV-2")
    config = configure(world)
    for command in (["check"], ["reconcile", "--dry-run"], ["reconcile"], ["audit"], ["status"]):
        assert syncd(config, *command).returncode == EXIT_OK, command
    assert renewals(world) == []
    tokens = {each["client_id"] for each in world.sandbox.requests(realm=world.realm)}
    assert tokens == {"sandbox-client"}


@pytest.mark.failure("F-58", "F-59")
@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}, {"status": 200, "body": "{}"}, {"status": 429}])
def test_whatever_else_the_token_service_says_leaves_the_grant_alive(world: World, fault: dict[str, Any]) -> None:
    after = expire(world)
    before = stored(world)
    world.sandbox.add_fault("status", endpoint="token", count=0, **fault)
    world.engine.parts.books._auth._endpoint._clock = ManualClock(datetime.now(UTC))  # its pauses cost no time
    with pytest.raises(Exception, match="token service") as caught:
        world.run()
    assert not isinstance(caught.value, ReconnectNeeded)
    assert stored(world) == before
    assert 1 < len(renewals(world, after)) <= 8
    world.sandbox.clear_faults()
    assert world.run().outcome == "ok"
