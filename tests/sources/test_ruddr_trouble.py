"""Refusals, outages and throttles; the key is never told; the vendor's own link; and what ``check`` says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import SecretStr, ValidationError

from syncd.clock import ManualClock
from syncd.errors import SourceError, SourceMisconfigured, SourceUnavailable
from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present
from syncd.sources.registry import open_source, source_config
from syncd.sources.ruddr.settings import RuddrSourceConfig
from syncd.sources.ruddr.source import RuddrSource
from tests.support.ruddr_server import KEY, Fault, RuddrServer
from tests.support.ruddr_source import MakeSource, clock, make_source, server, source, workspace
from tests.support.ruddr_workspace import Workspace


def asks(source: RuddrSource) -> list[Callable[[], object]]:
    """Every way of reading."""
    return [
        lambda: source.changes(""),
        lambda: source.read(Kind.CLIENT, ["11111111-1111-4111-8111-111111111111"]),
        lambda: list(source.scan(Kind.CLIENT)),
        source.identity,
    ]


@pytest.mark.parametrize(
    ("trouble", "remedy"),
    [("key", "Make a new key in Ruddr"), ("disabled", "Ask Ruddr's support")],
)
def test_a_refused_key_stops_and_says_what_to_do(
    source: RuddrSource, server: RuddrServer, trouble: str, remedy: str
) -> None:
    if trouble == "key":
        server.key = "another"
    else:
        server.disabled = True
    for ask in asks(source):
        before = len(server.requests)
        with pytest.raises(SourceMisconfigured) as caught:
            ask()
        assert remedy in str(caught.value)
        assert not caught.value.retryable
        assert len(server.requests) - before <= 4  # never in a loop
    findings = source.check()
    assert [finding.level for finding in findings] == ["error"]
    assert remedy in findings[0].remedy


def test_the_key_is_in_no_message(clock: ManualClock) -> None:
    with RuddrServer() as server:
        config = RuddrSourceConfig(api_key=SecretStr(KEY), api_url=server.url, attempts=1)
        source = RuddrSource(config, clock)
        shown = [repr(config), source.identity()]
        for status in (302, 400, 401, 403, 404, 409, 418, 423, 429, 500):
            server.faults[:] = [Fault(status, times=99)]
            shown += [tell(ask) for ask in asks(source)] + [repr(finding) for finding in source.check()]
    gone = [tell(ask) for ask in asks(source)[:3]]
    assert all("cannot be reached" in text or "No answer came" in text for text in gone)
    assert len(shown) > 50
    assert not [text for text in (*shown, *gone) if KEY in text]


def tell(ask: Callable[[], object]) -> str:
    """All that can be seen of an answer, or of a failure."""
    try:
        return repr(ask())
    except SourceError as error:
        return f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"


def test_a_feature_that_is_off_is_no_empty_list(source: RuddrSource, server: RuddrServer, workspace: Workspace) -> None:
    note = workspace.credit_note(workspace.client())
    mark = source.changes("").watermark
    server.off.add("/credit-notes")
    seen = source.changes(mark, {Kind.CREDIT_NOTE: frozenset({note}), Kind.CLIENT: frozenset()})
    assert not {Kind.CREDIT_NOTE, Kind.CREDIT_APPLICATION} & (seen.counts.keys() | seen.changed.keys() | seen.swept)
    assert not seen.suspects
    held = source.read(Kind.CREDIT_NOTE, [note])[note]
    assert isinstance(held, Flawed)
    assert "leave_out" in held.problems[0].remedy
    with pytest.raises(SourceUnavailable, match="credit-notes"):
        list(source.scan(Kind.CREDIT_NOTE))
    warned = [finding for finding in source.check() if finding.level != "ok"]
    assert [(f.level, f.subject) for f in warned] == [("warning", "source credit_note, credit_application")]
    server.off.clear()
    workspace.change("/credit-notes", note, notes="on again")
    again = source.changes(mark)
    assert again.changed[Kind.CREDIT_NOTE].keys() == {note}
    assert again.counts[Kind.CREDIT_NOTE] == 1


def test_an_unreadable_answer_is_asked_for_again(
    source: RuddrSource, server: RuddrServer, workspace: Workspace, clock: ManualClock
) -> None:
    client = workspace.client()
    server.faults += [
        Fault(500, path="/clients"),
        Fault(cut=True, path="/clients"),
        Fault(200, body=b"<html>", path="/clients"),
    ]
    started = clock.monotonic()
    assert isinstance(source.read(Kind.CLIENT, [client])[client], Present)
    assert [asked.status for asked in server.asked(path="/clients")] == [500, 0, 200, 200]
    assert clock.monotonic() > started


@pytest.mark.parametrize(
    "fault",
    [
        Fault(500),
        Fault(503, body=b"<html>Bad gateway</html>"),
        Fault(cut=True),
        Fault(200, body=b""),
        Fault(200, body=b"[]"),
        Fault(200, body=b'{"results": [{"id": "x"}]}'),
        Fault(200, body=b'{"results": [{"name": "x"}], "hasMore": false}'),
        Fault(200, body=b'{"results": {}, "hasMore": false}'),
        Fault(200, body=b"\xff\xfe"),
    ],
)
def test_what_is_no_answer_is_never_taken_for_one(
    make_source: MakeSource, server: RuddrServer, workspace: Workspace, fault: Fault
) -> None:
    source = make_source(attempts=3)
    workspace.client()
    fault.path, fault.times = "/clients", 99
    server.faults.append(fault)
    with pytest.raises(SourceUnavailable):
        source.changes("")
    fault.times = 0


def test_a_throttle_is_waited_out_as_long_as_it_says(
    source: RuddrSource, server: RuddrServer, clock: ManualClock
) -> None:
    server.faults.append(Fault(429, headers={"Retry-After": "37"}))
    started = clock.monotonic()
    source.identity()
    assert 37 <= clock.monotonic() - started < 38
    server.faults.append(Fault(429, headers={"Retry-After": "86400"}))
    list(source.scan(Kind.CLIENT))
    assert clock.monotonic() - started < 37 + 61 + 1


def test_a_throttle_holds_up_every_request_and_not_its_own_alone(
    make_source: MakeSource, server: RuddrServer, clock: ManualClock
) -> None:
    source = make_source(attempts=1)
    server.faults.append(Fault(429, headers={"Retry-After": "37"}))
    started = clock.monotonic()
    with pytest.raises(SourceUnavailable, match="too many requests"):
        source.identity()
    assert clock.monotonic() == started
    source.identity()
    assert clock.monotonic() - started >= 37


def test_another_row_than_was_asked_for_is_no_answer(
    source: RuddrSource, server: RuddrServer, workspace: Workspace
) -> None:
    one, two = workspace.client("One"), workspace.client("Two")
    server.faults.append(Fault(200, body=bytes(workspace.encoded("/clients", two)), times=99))
    with pytest.raises(SourceUnavailable, match="another row"):
        source.read(Kind.CLIENT, [one])


def test_a_throttle_without_a_time_backs_off_further_and_further(
    make_source: MakeSource, server: RuddrServer, clock: ManualClock
) -> None:
    source = make_source(attempts=5)
    server.faults.append(Fault(429, times=99))
    started = clock.monotonic()
    with pytest.raises(SourceUnavailable, match="too many requests"):
        source.identity()
    assert len(server.requests) == 5
    assert clock.monotonic() - started >= 4


def test_no_more_requests_leave_than_the_settings_say(
    make_source: MakeSource, server: RuddrServer, clock: ManualClock
) -> None:
    source = make_source(requests_per_second=4, burst=2)
    started = clock.monotonic()
    for _ in range(22):
        list(source.scan(Kind.CLIENT))
    assert clock.monotonic() - started == pytest.approx(5.0)
    clock.advance(1000)
    again = clock.monotonic()
    for _ in range(6):
        list(source.scan(Kind.CLIENT))
    assert clock.monotonic() - again == pytest.approx(1.0)  # two saved up, four waited for


def test_the_limit_of_the_server_is_kept_in_real_time() -> None:
    """With real clocks: a server that counts strictly, and a source that is told its figures, one less at once."""
    with RuddrServer(rate=200, burst=20) as server:
        server.workspace.fill(3000)
        source = RuddrSource(
            RuddrSourceConfig(api_key=SecretStr(KEY), api_url=server.url, requests_per_second=150, burst=10)
        )
        assert source.changes("").counts[Kind.INVOICE] == 3000
        source.close()
        assert {asked.status for asked in server.requests} == {200}


def test_waiting_ends_when_the_source_is_closed(make_source: MakeSource) -> None:
    source = make_source()
    source.close()
    with pytest.raises(SourceUnavailable, match="stopping"):
        source.changes("")


# ---- the vendor's own link


def test_the_vendors_own_link_is_not_doubled(
    make_source: MakeSource, workspace: Workspace, server: RuddrServer
) -> None:
    workspace.client("Linked", qbo="58", connection="c-1")
    source = make_source()
    for _ in range(2):
        with pytest.raises(SourceMisconfigured, match="both would post") as caught:
            source.changes("")
        assert 'native_link = "replaced"' in caught.value.remedy
    errors = [finding for finding in source.check() if finding.level == "error"]
    assert [finding.subject for finding in errors] == ["native link"]
    assert "(1 clients)" in errors[0].text
    assert make_source(native_link="replaced").changes("").counts[Kind.CLIENT] == 1
    assert make_source(connection_id="another company's").changes("").counts[Kind.CLIENT] == 1
    with pytest.raises(SourceMisconfigured):
        make_source(connection_id="c-1").changes("")


def test_a_link_that_is_made_later_is_noticed(source: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client()
    mark = source.changes("").watermark
    link = [{"type": "qbo", "connectionId": "c", "externalId": "58"}]
    workspace.change("/clients", client, integrations=link)
    with pytest.raises(SourceMisconfigured):
        source.changes(mark)
    workspace.change("/clients", client, integrations=[])
    assert source.changes(mark).counts[Kind.CLIENT] == 1
    linked = workspace.client("Linked", qbo="59")
    with pytest.raises(SourceMisconfigured):
        source.changes(mark)
    workspace.remove("/clients", linked)
    assert source.changes(mark).counts[Kind.CLIENT] == 1


def test_what_check_says_of_a_sound_workspace(make_source: MakeSource, workspace: Workspace) -> None:
    workspace.client("A", qbo="1", connection="one")
    workspace.client("B", qbo="2", connection="two")
    workspace.credit_note(workspace.client("C"), appliedCredit=1)
    findings = make_source(native_link="replaced").check()
    assert [(f.level, f.subject) for f in findings] == [
        ("ok", "source connection"),
        ("warning", "source credit_application"),
        ("ok", "native link"),
        ("warning", "native link"),
        ("ok", "worklist"),
    ]
    assert "Example Studio" in findings[0].text
    assert all(f.remedy for f in findings if f.level == "warning")


# ---- configuration


def test_the_workspace_is_who_it_is_whatever_the_key(make_source: MakeSource, server: RuddrServer) -> None:
    first = make_source().identity()
    assert first == f"ruddr:{server.workspace.id}"
    server.key = "second-key"
    assert make_source(api_key="second-key").identity() == first


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"api_url": "http://ruddr.example/api"}, "must start with https://"),
        ({"api_url": "https://u:p@ruddr.example/api"}, "no user name or password"),
        ({"api_key": "two words"}, "one word"),
        ({"api_key": "line\n"}, "one word"),
        ({"modes": {"bill": "worklist"}}, "Ruddr has no bill"),
        ({"modes": {"expense": "api"}}, "expense cannot be written"),
        ({"leave_out": ["client"]}, "always read"),
        ({"pace": 3}, "docs/source-ruddr-api.md"),
        ({"requests_per_second": 0}, "greater than 0"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(SourceMisconfigured) as caught:
        source_config({"type": "ruddr", "api_key": "k", **wrong})
    assert said in str(caught.value)
    assert "two words" not in str(caught.value)


def test_the_key_is_required_and_never_shown() -> None:
    with pytest.raises(SourceMisconfigured, match="api_key: this key is required"):
        source_config({"type": "ruddr"})
    config = source_config({"type": "ruddr", "api_key": KEY})
    assert KEY not in repr(config)
    assert config.api_url == "https://www.ruddr.io/api/workspace"  # type: ignore[union-attr] # the type says so
    open_source(config).close()
    with pytest.raises(ValidationError):
        RuddrSourceConfig(api_key=SecretStr(""))


__all__ = ["clock", "make_source", "server", "source", "workspace"]
