"""Things that happen by themselves: at a moment of the sandbox's clock, or after so many requests (scenario files)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syncd.sandbox import company, injection, operations
from syncd.sandbox.clock import moment, stamp_millis
from syncd.sandbox.faults import FaultError
from syncd.sandbox.ledger import Entry
from syncd.sandbox.specs import SPECS
from syncd.sandbox.switches import Switches
from syncd.sandbox.wire import Json

if TYPE_CHECKING:
    from syncd.sandbox.app import Sandbox

OPERATIONS = ("create", "update", "delete", "void")
LATEST = 221_845_392_000  # the year 9000: times must stay within four digits of year, whatever happens then
FASTEST = 1_000_000
MATCH = frozenset({"realm", "client_id", "endpoint", "entity", "operation", "method", "requestid"})


@dataclass
class Event:
    """One thing to happen, once. Exactly one of ``at`` and ``after_requests`` says when."""

    action: str
    value: Any
    label: str = ""
    at: float | None = None
    after_requests: int | None = None
    match: dict[str, str] = field(default_factory=dict)  # which requests count
    counted: int = 0
    state: str = "waiting"  # done, failed, missed: its moment had passed before the scenario came
    done_at: float | None = None
    error: str = ""

    def public(self) -> Json:
        """As the admin API shows it."""
        return {
            "label": self.label,
            "action": self.action,
            "value": self.value,
            "at": None if self.at is None else stamp_millis(self.at),
            "after_requests": self.after_requests,
            "match": self.match,
            "counted": self.counted,
            "state": self.state,
            "done_at": None if self.done_at is None else stamp_millis(self.done_at),
            "error": self.error,
        }


class Agenda:
    """The events that wait. ``run_due`` is called before each request, when the clock is moved, and by a timer, so that
    nobody ever sees a state in which something overdue has not happened; it happens as of the moment it was due."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.events: list[Event] = []
        self._waiting: list[Event] = []
        self._seen = 0
        self._unread: list[Entry] = []
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None

    def add(self, events: list[Event], since: float) -> None:
        """Wait for these too; what lies before ``since`` is missed, so that a restart does not repeat it."""
        self._note_requests()
        for event in events:
            if event.at is not None and event.at < since:
                event.state = "missed"
            else:
                self._waiting.append(event)
        self.events += events

    def clear(self) -> None:
        """Wait for nothing any more."""
        self.events.clear()
        self._waiting.clear()

    def run_due(self) -> None:
        """Carry out everything whose time has come."""
        if self._busy or not self._waiting:
            return
        self._busy = True
        try:
            self._note_requests()
            while (event := self._next()) is not None:
                self._waiting.remove(event)
                self._carry_out(event)
        finally:
            self._busy = False
        self._set_timer()

    def _note_requests(self) -> None:
        """Count the requests since the last look; one whose body is still on its way is looked at again."""
        ledger = self._sandbox.world.ledger
        fresh = [*self._unread, *(entry for entry in _newer(ledger.entries, self._seen))]
        self._seen = ledger.last
        self._unread = [entry for entry in fresh if not entry.endpoint and not entry.status]
        for entry in fresh:
            if entry.endpoint or entry.status:
                for event in self._waiting:
                    if event.after_requests is not None and entry.matches(event.match):
                        event.counted += 1

    def _next(self) -> Event | None:
        now = self._sandbox.world.clock.now()
        timed = [event for event in self._waiting if event.at is not None and event.at <= now]
        counted = [e for e in self._waiting if e.after_requests is not None and e.counted >= e.after_requests]
        return min(timed, key=lambda event: event.at or 0.0) if timed else next(iter(counted), None)

    def _carry_out(self, event: Event) -> None:
        world = self._sandbox.world
        event.done_at = event.at if event.at is not None else world.clock.now()
        try:
            if event.action == "clock":
                ACTIONS["clock"].run(self._sandbox, event.value)
            else:
                with world.clock.standing_at(event.done_at):
                    ACTIONS[event.action].run(self._sandbox, event.value)
            event.state = "done"
        except (FaultError, ValueError, KeyError) as error:
            event.state, event.error = "failed", str(error)
        self._sandbox.save()

    def _set_timer(self) -> None:
        """Wake up for the next moment, where a loop is running and the clock too."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        clock = self._sandbox.world.clock
        moments = [event.at for event in self._waiting if event.at is not None]
        if not moments or clock.speed <= 0:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._timer = loop.call_later(max(0.0, (min(moments) - clock.now()) / clock.speed) + 0.001, self.run_due)


def _newer(entries: Any, seen: int) -> list[Entry]:
    found = []
    for entry in reversed(entries):
        if entry.seq <= seen:
            break
        found.append(entry)
    return found[::-1]


@dataclass(frozen=True)
class Action:
    """What an event does: ``problems`` names what is wrong with its value, ``run`` does it."""

    problems: Callable[[Any, frozenset[str]], list[str]]
    run: Callable[[Sandbox, Any], object]


def _wants(value: Any, members: Mapping[str, type], needed: tuple[str, ...], more: bool = False) -> list[str]:
    """What is wrong with a table of named members."""
    if not isinstance(value, dict):
        return ["must be a table"]
    problems = [f"{name}: is missing" for name in needed if name not in value]
    problems += [f"{name}: unknown member" for name in sorted(value.keys() - members) if not more]
    problems += [
        f"{name}: must be {'a table' if kind is dict else 'text'}"
        for name, kind in members.items()
        if name in value and not isinstance(value[name], kind)
    ]
    return problems


def _realm(value: Any, realms: frozenset[str]) -> list[str]:
    return [] if value in realms else ["realm: no such company"]


def _of_company(members: Mapping[str, type], needed: tuple[str, ...] = (), more: bool = False) -> Any:
    def problems(value: Any, realms: frozenset[str]) -> list[str]:
        found = _wants(value, {"realm": str, **members}, ("realm", *needed), more)
        return found or _realm(value["realm"], realms)

    return problems


def _tried(check: Callable[[Any], object]) -> Any:
    def problems(value: Any, _: frozenset[str]) -> list[str]:
        if not isinstance(value, dict):
            return ["must be a table"]
        try:
            check(value)
        except (ValueError, TypeError) as error:
            return [str(error)]
        return []

    return problems


def _edit_problems(value: Any, realms: frozenset[str]) -> list[str]:
    members = {"entity": str, "operation": str, "record": dict}
    found: list[str] = _of_company(members, ("entity", "record"))(value, realms)
    if found:
        return found
    if value["entity"] not in SPECS:
        found.append("entity: not an entity that is served")
    if value.get("operation", "create") not in OPERATIONS:
        found.append(f"operation: must be one of {', '.join(OPERATIONS)}")
    elif value.get("operation", "create") != "create" and "Id" not in value["record"]:
        found.append("record.Id: is missing")
    return found


def edit(sandbox: Sandbox, value: Json) -> None:
    """What a person does in the browser: the record as it stands, with some members changed."""
    world = sandbox.world
    book, entity, record = world.companies[value["realm"]].book, value["entity"], value["record"]
    operation = value.get("operation") or ("update" if "Id" in record else "create")
    if operation != "create":
        now = operations.read(book, entity, str(record["Id"])).body
        kept = now if operation == "update" else {"Id": now["Id"]}
        record = {**kept, **record, "SyncToken": now["SyncToken"]}
    operations.write(book, world.switches, entity, operation, record, frozenset())


def disconnect(sandbox: Sandbox, realm: str) -> int:
    """The user disconnects every app from a company; says how many grants ended."""
    authority = sandbox.world.authority
    ended = [grant for grant in authority.grants.values() if grant.realm == realm]
    for grant in ended:
        authority.end(grant)
    return len(ended)


def set_clock(sandbox: Sandbox, wanted: Json) -> None:
    """``set``, ``advance_seconds`` and ``speed``, in the order speed, set, advance; ValueError for what is wrong."""
    problems = check_clock(wanted)
    if problems:
        raise ValueError("; ".join(problems))
    clock = sandbox.world.clock
    at = moment(wanted["set"]) if "set" in wanted else clock.now()
    if not 0 <= at + float(wanted.get("advance_seconds", 0)) <= LATEST:
        raise ValueError("the clock stands between 1970 and 9000")
    if "speed" in wanted:
        clock.set_speed(float(wanted["speed"]))
    if "set" in wanted:
        clock.set(moment(wanted["set"]))
    if "advance_seconds" in wanted:
        clock.advance(float(wanted["advance_seconds"]))


def check_clock(wanted: Json) -> list[str]:
    """What is wrong with an order to the clock."""
    problems = [f"{name}: unknown member" for name in sorted(wanted.keys() - {"set", "advance_seconds", "speed"})]
    for name, check in (("set", moment), ("advance_seconds", moment), ("speed", moment)):
        try:
            if name in wanted and name == "speed" and not 0 <= check(wanted[name]) <= FASTEST:
                problems.append(f"speed: must be between 0 and {FASTEST}")
            elif name in wanted:
                check(wanted[name])
        except (ValueError, TypeError):
            problems.append(f"{name}: must be a {'moment' if name == 'set' else 'number'}")
    return problems


def _change(sandbox: Sandbox, value: Json) -> None:
    options = {name: member for name, member in value.items() if name != "realm"}
    company.change(sandbox.world.companies[value["realm"]].book, options)


def _snapshots(sandbox: Sandbox, value: Json, restore: bool) -> None:
    work = sandbox.snapshots.restore if restore else sandbox.snapshots.take
    for realm in [value["realm"]] if "realm" in value else list(sandbox.world.companies):
        work(realm, value["name"])


def _snapshot_problems(value: Any, realms: frozenset[str]) -> list[str]:
    found = _wants(value, {"realm": str, "name": str}, ("name",))
    return found or (_realm(value["realm"], realms) if "realm" in value else [])


def _add_fault(sandbox: Sandbox, value: Json) -> None:
    sandbox.world.injector.add(value)


def _clear_faults(sandbox: Sandbox, _: object) -> None:
    sandbox.world.injector.clear()


def _switch(sandbox: Sandbox, value: Json) -> None:
    sandbox.world.switches.change(value)


def _is_true(value: Any, _: frozenset[str]) -> list[str]:
    return [] if value is True else ["must be true"]


def _clock_problems(value: Any, _: frozenset[str]) -> list[str]:
    return check_clock(value) if isinstance(value, dict) else ["must be a table"]


ACTIONS: dict[str, Action] = {
    "fault": Action(_tried(injection.make), _add_fault),
    "clear_faults": Action(_is_true, _clear_faults),
    "switches": Action(_tried(lambda value: Switches().change(value)), _switch),
    "disconnect": Action(_of_company({}), lambda sandbox, value: disconnect(sandbox, value["realm"])),
    "close_books": Action(
        _of_company({"date": str}, ("date",)),
        lambda sandbox, value: _change(sandbox, {"realm": value["realm"], "book_close_date": value["date"]}),
    ),
    "change": Action(_of_company({}, more=True), _change),
    "edit": Action(_edit_problems, edit),
    "clock": Action(_clock_problems, set_clock),
    "snapshot": Action(_snapshot_problems, lambda sandbox, value: _snapshots(sandbox, value, restore=False)),
    "restore": Action(_snapshot_problems, lambda sandbox, value: _snapshots(sandbox, value, restore=True)),
}
"""What an event may do, by the name of its member."""
