"""Scenario files (TOML): companies, switches, clock, fault rules and events, read and checked before anything is done.

A file with a mistake changes nothing; every mistake is named with its key. docs/sandbox.md has an example.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.sandbox import company, injection
from syncd.sandbox.agenda import ACTIONS, MATCH, Event
from syncd.sandbox.clock import moment
from syncd.sandbox.oauth import App
from syncd.sandbox.readseed import read_seed
from syncd.sandbox.switches import Switches
from syncd.sandbox.wire import DecodeError, Json
from syncd.sandbox.world import Company

if TYPE_CHECKING:
    from syncd.sandbox.app import Sandbox

_PARTS: dict[str, type] = {
    "clock": dict, "switches": dict, "app": list, "company": list, "fault": list, "event": list,
}  # fmt: skip
_TRIGGERS = ("at", "after_seconds", "after_requests")
_EVENT = frozenset({"label", "match", *_TRIGGERS, *ACTIONS})


@dataclass
class Scenario:
    """What a file asks for, checked."""

    start: float | None = None
    speed: float | None = None
    switches: Json = field(default_factory=dict)
    apps: list[App] = field(default_factory=list)
    companies: list[Json] = field(default_factory=list)
    faults: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)


def parse(text: str) -> Json:
    """A scenario file as plain data; ValueError for text that is not TOML. Dates become text, decimals are exact."""
    try:
        content: Json = _plain(tomllib.loads(text, parse_float=Decimal))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not TOML: {error}") from None
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return value.isoformat() if isinstance(value, date) else value


def read(content: Json, folder: Path | None = None) -> Scenario:
    """Check a scenario; ValueError names every mistake. ``folder`` is where seed files are looked for."""
    problems = [f"{name}: unknown part" for name in sorted(content.keys() - _PARTS)]
    for name, kind in _PARTS.items():
        value = content.get(name, kind())
        tables = value if kind is list else [value]
        if not isinstance(value, kind) or not all(isinstance(table, dict) for table in tables):
            problems.append(f"{name}: must be {'a list of tables' if kind is list else 'a table'}")
    if problems:
        raise ValueError("; ".join(problems))
    result = Scenario(
        switches=_switches(content.get("switches", {}), problems),
        apps=[app for at, table in _numbered(content, "app") if (app := _app(table, at, problems)) is not None],
        companies=[_company(table, at, folder, problems) for at, table in _numbered(content, "company")],
        faults=[table for _, table in _numbered(content, "fault")],
        events=[table for _, table in _numbered(content, "event")],
    )
    _clock(content.get("clock", {}), result, problems)
    for at, table in _numbered(content, "fault"):
        _attempt(f"fault[{at}]", problems, injection.make, table)
    if problems:
        raise ValueError("; ".join(problems))
    return result


def apply(sandbox: Sandbox, scenario: Scenario, set_clock: bool = True) -> Json:
    """Do what a scenario asks for, all of it or, with ValueError, nothing; companies that exist already are kept."""
    world = sandbox.world
    problems: list[str] = []
    made: dict[str, Company] = {}
    kept = []
    start = scenario.start if set_clock and scenario.start is not None else world.clock.now()
    with world.clock.standing_at(start):
        for at, options in enumerate(scenario.companies):
            realm = str(options.get("realm") or world.free_realm(frozenset(made)))
            if realm in world.companies:
                kept.append(realm)
            elif realm in made:
                problems.append(f"company[{at}].realm: is there twice")
            else:
                held = _attempt(f"company[{at}]", problems, world.make_company, realm, options)
                if isinstance(held, Company):
                    made[realm] = held
    realms = frozenset(made) | frozenset(world.companies)
    events = [_event(table, f"event[{at}]", start, realms, problems) for at, table in enumerate(scenario.events)]
    if problems:
        raise ValueError("; ".join(problems))
    if set_clock and scenario.start is not None:
        world.clock.set(scenario.start)
    if scenario.speed is not None:
        world.clock.set_speed(scenario.speed)
    world.switches.change(scenario.switches)
    for app in scenario.apps:
        world.authority.add_app(app)
    world.companies.update(made)
    rules = [world.injector.add(table).id for table in scenario.faults]
    sandbox.agenda.add(events, start)
    return {"companies": list(made), "kept": kept, "faults": rules, "events": len(events)}


def _numbered(content: Json, part: str) -> list[tuple[int, Json]]:
    return list(enumerate(content.get(part, [])))


def _attempt(where: str, problems: list[str], work: Any, *given: Any) -> Any:
    """The result of some work; what it refuses is noted, each mistake with its place."""
    try:
        return work(*given)
    except (ValueError, TypeError, KeyError, DecodeError, OSError) as error:
        problems += [f"{where}: {text}" for text in str(error).split("; ")]
        return None


def _switches(wanted: Json, problems: list[str]) -> Json:
    clean = as_switches(wanted)
    _attempt("switches", problems, Switches().change, clean)
    return clean


def as_switches(wanted: Json) -> Json:
    """Switches as they come from JSON or TOML: a number for a switch with fractions becomes one."""
    defaults = Switches().public()
    return {
        name: float(value) if isinstance(defaults.get(name), float) and isinstance(value, (int, Decimal)) else value
        for name, value in wanted.items()
    }


def _clock(wanted: Json, result: Scenario, problems: list[str]) -> None:
    problems += [f"clock.{name}: unknown member" for name in sorted(wanted.keys() - {"start", "speed"})]
    if "start" in wanted:
        result.start = _attempt("clock.start", problems, moment, wanted["start"])
    if "speed" in wanted:
        result.speed = _attempt("clock.speed", problems, _speed, wanted["speed"])


def _speed(value: Any) -> float:
    if isinstance(value, (bool, str)) or float(value) < 0:
        raise ValueError("must be a number from 0")
    return float(value)


def _app(wanted: Json, at: int, problems: list[str]) -> App | None:
    where = f"app[{at}]"
    unknown = sorted(wanted.keys() - {"client_id", "client_secret", "redirect_uris"})
    lacking = [name for name in ("client_id", "client_secret") if not isinstance(wanted.get(name), str)]
    uris = wanted.get("redirect_uris")
    if uris is not None and not (isinstance(uris, list) and all(isinstance(uri, str) for uri in uris)):
        lacking.append("redirect_uris")
    problems += [f"{where}.{name}: unknown member" for name in unknown]
    problems += [f"{where}.{name}: must be {'a list of ' if name.endswith('s') else ''}text" for name in lacking]
    return None if unknown or lacking else App(wanted["client_id"], wanted["client_secret"], uris)


def _company(wanted: Json, at: int, folder: Path | None, problems: list[str]) -> Json:
    options = {name: value for name, value in wanted.items() if name != "seed_file"}
    problems += [f"company[{at}].{name}: unknown option" for name in sorted(options.keys() - company.OPTIONS)]
    if "seed_file" in wanted:
        where = f"company[{at}].seed_file"
        if folder is None or not isinstance(wanted["seed_file"], str):
            problems.append(f"{where}: only the name of a file, in a scenario file")
        elif "seed" in wanted:
            problems.append(f"{where}: there is a seed too")
        else:
            options["seed"] = _attempt(where, problems, read_seed, folder / wanted["seed_file"])
    return {name: value for name, value in options.items() if name in company.OPTIONS}


def _event(wanted: Json, where: str, start: float, realms: frozenset[str], problems: list[str]) -> Event:
    found = [f"{name}: unknown member" for name in sorted(wanted.keys() - _EVENT)]
    actions = [name for name in ACTIONS if name in wanted]
    triggers = [name for name in _TRIGGERS if name in wanted]
    if len(triggers) != 1:
        found.append(f"one of {', '.join(_TRIGGERS)} is needed")
    if len(actions) != 1:
        found.append(f"one of {', '.join(ACTIONS)} is needed")
    event = Event(action=actions[0] if actions else "", value=None, label=str(wanted.get("label", "")))
    for name in actions[:1]:
        value = wanted[name]
        event.value = as_switches(value) if name == "switches" and isinstance(value, dict) else value
        found += [f"{name}.{text}" for text in ACTIONS[name].problems(event.value, realms)]
    for name in triggers[:1]:
        found += _trigger(event, name, wanted[name], start)
    match = wanted.get("match", {})
    if not isinstance(match, dict) or match.keys() - MATCH or not all(isinstance(text, str) for text in match.values()):
        found.append(f"match: must be a table of texts, with {', '.join(sorted(MATCH))}")
    elif match and event.after_requests is None:
        found.append("match: goes with after_requests only")
    else:
        event.match = match
    problems += [f"{where}.{text}" for text in found]
    return event


def _trigger(event: Event, name: str, value: Any, start: float) -> list[str]:
    if name == "after_requests":
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            return ["after_requests: must be a whole number from 1"]
        event.after_requests = value
        return []
    try:
        event.at = moment(value) if name == "at" else start + _speed(value)
    except (ValueError, TypeError):
        return [f"{name}: must be {'a date-time or epoch seconds' if name == 'at' else 'a number from 0'}"]
    return []
