"""Faults on demand: rules that make chosen requests fail (protocol.md 9, checklist 17, 39, 40)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from syncd.sandbox import faults
from syncd.sandbox.clock import moment, stamp_millis
from syncd.sandbox.faults import Error, FaultError
from syncd.sandbox.ledger import Entry
from syncd.sandbox.specs import NOT_SERVED, SPECS
from syncd.sandbox.wire import Json

KINDS = ("status", "fault200", "html", "empty", "content_type", "truncate", "trickle", "stall", "reset")
LEVELS = ("request", "item")
_AFTER = frozenset({"truncate", "trickle", "content_type"})  # they spoil the real answer, unless told otherwise
_ITEM_KINDS = ("status", "fault200")
_HITS_KEPT = 100


@dataclass(frozen=True)
class Target:
    """What a request is, as far as rules can match it. A batch has one target for each of its items too."""

    endpoint: str  # entity, query, cdc, batch, token, revoke and so on
    entity: str = ""
    operation: str = ""
    method: str = ""
    realm: str = ""
    bid: str = ""


@dataclass
class Rule:
    """One rule: what it matches, when it fires and what it does; docs/sandbox.md describes the members.

    Empty match members match everything.
    """

    kind: str
    label: str = ""
    level: str = "request"  # item: the fault is put in place of one item of a batch
    endpoint: str = ""
    entity: str = ""
    operation: str = ""
    method: str = ""
    realm: str = ""
    client: str = ""
    requestid: str = ""
    bid: str = ""
    since: float | None = None  # epoch seconds of the sandbox's clock
    until: float | None = None
    nth: int = 1  # the first matching call that fails
    every: int = 1  # from then on every n-th
    count: int | None = None  # how many fail; 0 = all; default 1, or all with every or a probability
    probability: float = 1.0
    seed: int | None = None
    when: str = ""  # before or after the commit
    status: int = 0
    code: str = ""
    detail: str = ""
    error: str = ""  # of the token endpoints
    seconds: float = 120.0
    then: str = "answer"  # after a stall: answer, or reset
    keep_bytes: int | None = None
    content_type: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    id: int = 0
    matched: int = 0
    fired: int = 0
    hits: list[int] = field(default_factory=list)  # numbers of the ledger, the last hundred
    last_fired: str | None = None

    @property
    def after(self) -> bool:
        """Does the request take effect before it fails?"""
        return self.when == "after" or (not self.when and self.kind in _AFTER)

    @property
    def limit(self) -> int:
        """How many times it fires; 0: without end."""
        if self.count is not None:
            return self.count
        return 1 if self.probability >= 1 and self.every == 1 else 0

    def matches(self, target: Target, entry: Entry) -> bool:
        """Do all non-empty match members agree?"""
        if (self.since is not None and entry.at < self.since) or (self.until is not None and entry.at >= self.until):
            return False
        return all(
            not wanted or wanted.lower() == have.lower()
            for wanted, have in (
                (self.endpoint, target.endpoint),
                (self.entity, target.entity),
                (self.operation, target.operation),
                (self.method, target.method),
                (self.realm, target.realm or entry.realm),
                (self.client, entry.client_id),
                (self.requestid, entry.requestid or ""),
                (self.bid, target.bid),
            )
        )

    def fault(self) -> FaultError:
        """The Fault it asks for, with the texts of QuickBooks where the code has known ones."""
        status = self.status or (400 if self.code and self.code != "10000" else 500)
        code = self.code or ("10000" if status >= 500 else "6000")
        maker = _TEXTS.get(code)
        known = maker() if maker is not None else faults.business(f"Business Validation Error: injected {code}")
        (told,) = known.errors
        message = told.message if maker is not None else "Injected fault"
        return FaultError(
            Error(code, message, self.detail or told.detail, told.element), kind=_kind(code, known), status=status
        )

    def public(self) -> Json:
        """As the admin API shows it, with its counters."""
        return asdict(self)


def _kind(code: str, known: FaultError) -> str:
    if code in ("130", "140", "150") or (code.isdecimal() and int(code) >= 10_000):
        return "SystemFault"
    return "AuthorizationFault" if code == "120" else known.kind


def _texts(code: int, message: str, detail: str) -> Callable[[], FaultError]:
    return lambda: faults.fault(code, message, detail)


_TEXTS: dict[str, Callable[[], FaultError]] = {
    "120": _texts(120, "Authorization Failure", ": –11014-You do not have access to use QuickBooks Online Plus."),
    "500": lambda: faults.unsupported("void"),
    "600": faults.duplicate_request,
    "610": faults.not_found,
    "5010": faults.stale,
    "6000": lambda: faults.business("Business Validation Error: injected"),
    "6190": faults.lapsed,
    "6210": faults.period_closed,
    "6240": lambda: faults.duplicate_name("customer, vendor or employee"),
    "6540": _texts(
        6540,
        "Deposited Transaction cannot be changed",
        "Deposited Transaction cannot be changed : If you want to change or delete it, you must edit the deposit it "
        "appears on and remove it first",
    ),
    "10000": lambda: faults.system_failure("System Failure Error: injected"),
}


class Injector:
    """The rules of a server, tried in the order they were added; the first that fires decides."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._rngs: dict[int, random.Random] = {}
        self._next = 0
        self.rules: dict[int, Rule] = {}

    def add(self, wanted: Json) -> Rule:
        """Add a rule from its JSON form; ValueError says what is wrong with it."""
        rule = make(wanted)
        self._next += 1
        rule.id = self._next
        self.rules[rule.id] = rule
        if rule.seed is not None:
            self._rngs[rule.id] = random.Random(rule.seed)  # noqa: S311  # reproducible, nothing secret
        return rule

    def remove(self, rule_id: int) -> bool:
        """Take a rule away; False when there is none."""
        self._rngs.pop(rule_id, None)
        return self.rules.pop(rule_id, None) is not None

    def clear(self) -> None:
        """Take every rule away."""
        self.rules.clear()
        self._rngs.clear()

    def pick(self, targets: Iterable[Target], entry: Entry) -> Rule | None:
        """Count a request against every rule for whole requests and give the one that fires."""
        return self._pick("request", list(targets), entry) if self.rules else None

    def pick_items(self, targets: Sequence[Target], entry: Entry) -> list[Rule | None]:
        """Count the items of a batch against the rules for items: for each the one that fires."""
        return [self._pick("item", [target], entry) for target in targets] if self.rules else []

    def _pick(self, level: str, targets: list[Target], entry: Entry) -> Rule | None:
        chosen: Rule | None = None
        for rule in self.rules.values():
            if rule.level != level or not any(rule.matches(target, entry) for target in targets):
                continue
            rule.matched += 1
            if chosen is None and self._fires(rule):
                chosen = rule
                rule.fired += 1
                rule.last_fired = stamp_millis(entry.at)
                rule.hits = [*rule.hits, entry.seq][-_HITS_KEPT:]
        return chosen

    def _fires(self, rule: Rule) -> bool:
        if rule.matched < rule.nth or (rule.matched - rule.nth) % rule.every:
            return False
        if rule.limit and rule.fired >= rule.limit:
            return False
        return rule.probability >= 1 or self._rngs.get(rule.id, self._rng).random() < rule.probability

    def public(self) -> list[Json]:
        """All rules with their counters."""
        return [rule.public() for rule in self.rules.values()]


def _whole(low: int, high: int = 2**53) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _number(low: float, high: float = float("inf")) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        try:
            return not isinstance(value, (bool, str)) and low <= float(value) <= high
        except (TypeError, ValueError):
            return False

    return check


def _one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: value in values


def _is_moment(value: Any) -> bool:
    try:
        moment(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_headers(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(text, str) and text.isprintable() and name.isprintable()
        for name, text in value.items()
    )


def _is_entity(value: Any) -> bool:
    return isinstance(value, str) and value.lower() in {name.lower() for name in (*SPECS, *NOT_SERVED)}


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "kind": (_one_of(*KINDS), f"one of {', '.join(KINDS)}"),
    "level": (_one_of(*LEVELS), "request or item"),
    "entity": (_is_entity, "the name of an entity"),
    "when": (_one_of("before", "after"), "before or after"),
    "then": (_one_of("answer", "reset"), "answer or reset"),
    "since": (_is_moment, "a date-time or epoch seconds"),
    "until": (_is_moment, "a date-time or epoch seconds"),
    "nth": (_whole(1), "a whole number from 1"),
    "every": (_whole(1), "a whole number from 1"),
    "count": (_whole(0), "a whole number from 0"),
    "seed": (_whole(0), "a whole number from 0"),
    "keep_bytes": (_whole(0), "a whole number from 0"),
    "status": (_whole(200, 599), "an HTTP status from 200 to 599"),
    "probability": (_number(0, 1), "a number from 0 to 1"),
    "seconds": (_number(0, 86_400), "a number of seconds from 0"),
    "headers": (_is_headers, "an object of header names and texts"),
}
_TEXT = (lambda value: isinstance(value, str), "text")
_COUNTERS = frozenset({"id", "matched", "fired", "hits", "last_fired"})
MEMBERS = tuple(item.name for item in fields(Rule) if item.name not in _COUNTERS)


def make(wanted: Json) -> Rule:
    """A rule from its JSON form; ValueError names every bad member."""
    problems = [f"{name}: unknown member" for name in sorted(wanted.keys() - set(MEMBERS))]
    if "kind" not in wanted:
        problems.append(f"kind: must be {_CHECKS['kind'][1]}")
    for name, value in wanted.items():
        check, text = _CHECKS.get(name, _TEXT)
        if name in MEMBERS and not check(value):
            problems.append(f"{name}: must be {text}")
    if not problems and wanted.get("level") == "item" and wanted["kind"] not in _ITEM_KINDS:
        problems.append(f"kind: an item can only fail with {' or '.join(_ITEM_KINDS)}")
    if problems:
        raise ValueError("; ".join(problems))
    clean: dict[str, Any] = {**wanted}
    for name in ("probability", "seconds"):
        if name in clean:
            clean[name] = float(clean[name])
    for name in ("since", "until"):
        if name in clean:
            clean[name] = moment(clean[name])
    return Rule(**clean)
