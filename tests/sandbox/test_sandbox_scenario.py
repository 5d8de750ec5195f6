"""Scenario files: read and checked as a whole, carried out as a whole; events by clock and by count."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from syncd.sandbox import __main__ as sandbox_command
from syncd.sandbox import scenario
from syncd.sandbox.server import Accountant, AdminError, RefusedError, RunningSandbox, running_sandbox
from syncd.sandbox.wire import encode
from tests.sandbox.commands import command

Json = dict[str, Any]

STORY = """
[clock]
start = 2026-01-05T09:00:00-08:00
speed = 0

[switches]
cdc_limit = 7
cdc_lag_seconds = 0

[[app]]
client_id = "mine"
client_secret = "s3cret"

[[company]]
realm = "{realm}"
name = "Ada Ltd"
custom_txn_numbers = true
[[company.seed.Customer]]
Id = "7"
DisplayName = "Seeded"

[[fault]]
kind = "status"
endpoint = "query"
realm = "{realm}"
nth = 2
label = "second query"

[[event]]
label = "an accountant's edit"
at = 2026-01-05T10:00:00-08:00
edit = {{ realm = "{realm}", entity = "Customer", record = {{ Id = "7", Notes = "seen" }} }}

[[event]]
after_seconds = 7200
close_books = {{ realm = "{realm}", date = "2026-01-04" }}

[[event]]
after_seconds = 7201
switches = {{ cdc_limit = 9 }}

[[event]]
after_seconds = 7202
disconnect = {{ realm = "{realm}" }}
"""


@pytest.fixture
def story(sandbox: RunningSandbox) -> Any:
    """A name for a company that is not there yet, and the story about it carried out."""
    realm = str(int(sandbox.create_company()) + 500_000)
    sandbox.scenario(STORY.format(realm=realm))
    yield Accountant(sandbox, realm, sandbox.tokens(realm, access_seconds=1_000_000))
    sandbox.admin("DELETE", "/scenario")


def test_a_scenario_sets_the_stage(sandbox: RunningSandbox, story: Accountant) -> None:
    clock = sandbox.admin("GET", "/clock")
    assert (clock["now"], clock["speed"]) == ("2026-01-05T09:00:00.000-08:00", 0)
    assert sandbox.admin("GET", "/switches")["cdc_limit"] == 7
    assert "mine" in [app["client_id"] for app in sandbox.admin("GET", "/apps")["apps"]]
    assert story.read("CompanyInfo", story.realm)["CompanyName"] == "Ada Ltd"
    assert story.read("Customer", "7")["MetaData"]["CreateTime"] == "2026-01-05T09:00:00-08:00"
    assert story.query("select * from Customer")
    with pytest.raises(RefusedError):
        story.query("select * from Customer")
    assert [rule["label"] for rule in sandbox.faults()] == ["second query"]
    told = sandbox.scenario(f'[[company]]\nrealm = "{story.realm}"\nname = "Other"\n')
    assert (told["kept"], told["companies"]) == ([story.realm], [])
    assert story.read("CompanyInfo", story.realm)["CompanyName"] == "Ada Ltd"


def test_events_happen_at_their_moment_however_far_the_clock_jumps(sandbox: RunningSandbox, story: Accountant) -> None:
    sandbox.advance(3599)
    assert story.read("Customer", "7")["SyncToken"] == "0"
    sandbox.advance(51)
    assert story.read("Customer", "7")["Notes"] == "seen"
    sandbox.advance(86_400)
    states = [event["state"] for event in sandbox.events()]
    assert states == ["done"] * 4
    (_, edited) = sandbox.history(story.realm, entity="Customer", id="7")
    assert (edited["op"], edited["at"]) == ("update", "2026-01-05T10:00:00-08:00")
    assert sandbox.admin("GET", "/switches")["cdc_limit"] == 9
    assert sandbox.admin("GET", f"/companies/{story.realm}")["settings"]["book_close_date"] == "2026-01-04"
    with pytest.raises(RefusedError) as caught:
        story.read("Customer", "7")
    assert caught.value.status == 401
    events = sandbox.events()
    assert events[1]["done_at"] == "2026-01-05T11:00:00.000-08:00"


def test_events_happen_after_so_many_requests(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.scenario(f"""
        [[event]]
        after_requests = 2
        match = {{ realm = "{person.realm}", endpoint = "query" }}
        fault = {{ kind = "status", code = "6190", endpoint = "entity", count = 0 }}

        [[event]]
        after_requests = 4
        match = {{ realm = "{person.realm}" }}
        clear_faults = true
    """)
    codes = []
    for number in range(5):
        try:
            person.save("Customer", {"DisplayName": f"c{number}"}) if number % 2 else person.query("select * from Term")
            codes.append("")
        except RefusedError as error:
            codes.append(error.code)
    assert codes == ["", "", "", "6190", ""]
    sandbox.admin("DELETE", "/scenario")
    assert sandbox.events() == []


def test_an_edit_goes_by_the_rules_and_a_refusal_is_told(sandbox: RunningSandbox, person: Accountant) -> None:
    made = person.save("Customer", {"DisplayName": "Ada", "Notes": "mine"})
    edits: list[Json] = [
        {"entity": "Customer", "record": {"Id": made["Id"], "GivenName": "A."}},
        {"entity": "Customer", "record": {"DisplayName": "Ada"}},
        {"entity": "Payment", "operation": "create", "record": {"CustomerRef": {"value": made["Id"]}, "TotalAmt": 5}},
        {"entity": "Customer", "operation": "update", "record": {"Id": "999"}},
    ]
    events = [{"after_seconds": 0, "edit": {"realm": person.realm, **edit}} for edit in edits]
    sandbox.admin("POST", "/scenario", encode({"event": events}))
    now = person.read("Customer", made["Id"])
    assert (now["GivenName"], now["Notes"], now["SyncToken"]) == ("A.", "mine", "1")
    assert person.count("Payment") == 1
    told = [(event["state"], event["error"][:4]) for event in sandbox.events()]
    assert told == [("done", ""), ("failed", "6240"), ("done", ""), ("failed", "610 ")]
    sandbox.admin("DELETE", "/scenario")


def test_snapshots_and_the_clock_in_a_story(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.set_speed(0)
    here = f'{{ realm = "{person.realm}", name = "s" }}'
    sandbox.scenario(f"""
        event = [
          {{ after_seconds = 10, snapshot = {here} }},
          {{ after_seconds = 20, restore = {here} }},
          {{ after_seconds = 30, clock = {{ advance_seconds = 3600 }} }},
        ]
    """)
    begun = sandbox.admin("GET", "/clock")["epoch"]
    sandbox.advance(15)
    person.save("Customer", {"DisplayName": "Ada"})
    sandbox.advance(10)
    assert person.count("Customer") == 0
    sandbox.advance(10)
    assert sandbox.admin("GET", "/clock")["epoch"] - begun == 3635
    sandbox.admin("DELETE", "/scenario")


def test_an_event_happens_without_anybody_asking(sandbox: RunningSandbox, person: Accountant) -> None:
    assert sandbox.sandbox is not None
    news: list[str] = []
    listener = lambda realm, versions: news.append(realm)  # noqa: E731  # removed below
    listeners = sandbox.sandbox.world.listeners
    listeners.append(listener)
    record = 'record = { DisplayName = "By itself" }'
    sandbox.scenario(
        f'event = [{{ after_seconds = 0.1, edit = {{ realm = "{person.realm}", entity = "Customer", {record} }} }}]'
    )
    sandbox.admin("GET", "/health")
    try:
        until = time.monotonic() + 5
        while person.realm not in news and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        listeners.remove(listener)
    assert person.realm in news
    sandbox.admin("DELETE", "/scenario")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[fault", "not TOML"),
        ("colour = 1", "colour: unknown part"),
        ("clock = 3", "clock: must be a table"),
        ("[clock]\nstart = 'soon'", r"clock\.start: "),
        ("[clock]\nspeed = -1", r"clock\.speed: "),
        ("[clock]\nat = 1", r"clock\.at: unknown"),
        ("[switches]\nthrottle = 'maybe'", "switches: throttle must be one of"),
        ("[switches]\nnonsense = 1", "switches: unknown switch nonsense"),
        ("[[app]]\nclient_id = 'x'", r"app\[0\]\.client_secret: "),
        ("[[company]]\ncolour = 1", r"company\[0\]\.colour: unknown option"),
        ("[[company]]\nmulticurrency = 'yes'", r"company\[0\]: multicurrency must be"),
        ("[[company]]\nrealm = 'x'", r"company\[0\]: realm must be digits"),
        ("[[company]]\nseed_file = '/etc/hostname'", r"company\[0\]\.seed_file: "),
        ("[[company]]\n[company.seed]\nNothing = []", r"company\[0\]: seed: Nothing"),
        ("[[fault]]\nkind = 'reset'\nnth = 0", r"fault\[0\]: nth: "),
        ("[[event]]\nclear_faults = true", r"event\[0\]\.one of at, after_seconds, after_requests"),
        ("[[event]]\nat = 5\nafter_seconds = 5\nclear_faults = true", r"event\[0\]\.one of at"),
        ("[[event]]\nafter_seconds = 5", r"event\[0\]\.one of fault"),
        ("[[event]]\nafter_seconds = 5\nclear_faults = true\ncolour = 1", r"event\[0\]\.colour: unknown"),
        ("[[event]]\nafter_requests = 0\nclear_faults = true", r"event\[0\]\.after_requests: "),
        ("[[event]]\nat = 'x'\nclear_faults = true", r"event\[0\]\.at: "),
        ("[[event]]\nafter_seconds = 5\nfault = {kind = 'x'}", r"event\[0\]\.fault\.kind: "),
        ("[[event]]\nafter_seconds = 5\ndisconnect = {realm = '5'}", r"event\[0\]\.disconnect\.realm: no such"),
        ("[[event]]\nafter_seconds = 5\nclose_books = {realm = '5'}", r"close_books\.date: is missing"),
        ("[[event]]\nafter_seconds = 5\nmatch = {realm = '5'}\nclear_faults = true", r"event\[0\]\.match: "),
        ("[[event]]\nafter_seconds = 5\nclock = {speed = -1}", r"clock\.speed: "),
    ],
)
def test_a_mistake_is_named_and_nothing_is_done(sandbox: RunningSandbox, text: str, named: str) -> None:
    companies = len(sandbox.admin("GET", "/companies")["companies"])
    good = "" if text.startswith("[[fault") or "=" in text.splitlines()[0] else '[[company]]\nname = "New"\n'
    with pytest.raises(AdminError, match=named):
        sandbox.scenario(text + "\n" + (good if "[[company]]" not in text else ""))
    assert len(sandbox.admin("GET", "/companies")["companies"]) == companies
    assert sandbox.faults() == []
    assert sandbox.events() == []


def test_every_mistake_of_a_file_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"unknown switch a.*speed.*nth") as caught:
        scenario.read({"switches": {"a": 1}, "clock": {"speed": "x"}, "fault": [{"kind": "reset", "nth": 0}]})
    assert len(str(caught.value).split("; ")) == 3


def test_the_command_takes_a_scenario_with_a_seed_file(tmp_path: Path) -> None:
    (tmp_path / "books.jsonl").write_text('{"Customer": {"Id": "5", "DisplayName": "Ada"}}\n')
    file = tmp_path / "story.toml"
    file.write_text(
        "[clock]\nstart = 2026-01-05T09:00:00-08:00\nspeed = 0\n"
        '[[company]]\nrealm = "77"\nseed_file = "books.jsonl"\n'
        "[[event]]\nat = 2026-01-01T00:00:00-08:00\nclear_faults = true\n"
    )
    options = ("--scenario", str(file), "--data", str(tmp_path / "books.db"))
    with command(*options) as admin:
        person = admin.connect("77")
        assert person.read("Customer", "5")["DisplayName"] == "Ada"
        person.save("Customer", {"DisplayName": "Grace"})
        assert len(admin.admin("GET", "/companies")["companies"]) == 1
        assert [event["state"] for event in admin.events()] == ["missed"]
        assert admin.admin("GET", "/clock")["speed"] == 0
    again = sandbox_command.set_up(sandbox_command.parser().parse_args(options))  # as a restart reads it
    assert again.store is not None
    again.store.close()
    assert len(again.world.companies["77"].book.tables["Customer"].records) == 2


def test_a_story_in_a_file_is_not_lost_on_the_books(tmp_path: Path) -> None:
    data = tmp_path / "books.db"
    event = {"after_seconds": 5, "edit": {"realm": "77", "entity": "Customer", "record": {"DisplayName": "Late"}}}
    with running_sandbox(data=data, speed=0) as sandbox:
        sandbox.create_company(realm="77")
        sandbox.admin("POST", "/scenario", encode({"event": [event]}))
        sandbox.advance(5)
    with running_sandbox(data=data) as sandbox:
        assert [row["DisplayName"] for row in sandbox.records("77", "Customer")] == ["Late"]
