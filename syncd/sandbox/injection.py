"""Faults on demand: rules that make chosen requests fail (protocol.md 9, checklist 17, 39, 40)."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from syncd.sandbox.wire import Json

KINDS = ("status", "reset", "stall", "truncate", "html", "fault200")
_DEFAULT_WHEN = {"truncate": "after"}


@dataclass(frozen=True)
class Target:
    """What a request is, as far as rules can match it. A batch has one target for each of its items too."""

    endpoint: str  # entity, query, cdc, batch, token, revoke, authorize
    entity: str = ""
    operation: str = ""
    method: str = ""
    realm: str = ""


@dataclass
class Rule:
    """One rule. Empty match members match everything; see ``syncd/sandbox/__init__.py`` for the JSON form."""

    kind: str
    endpoint: str = ""
    entity: str = ""
    operation: str = ""
    method: str = ""
    realm: str = ""
    nth: int = 1  # the first matching call that fails
    count: int | None = None  # how many fail from then on; 0 = all; default 1, or all with a probability
    probability: float = 1.0
    when: str = ""  # before or after the commit
    status: int = 500
    code: str = "10000"
    detail: str = "System Failure Error: injected"
    seconds: float = 120.0
    then: str = "answer"  # after a stall: answer, or reset
    keep_bytes: int | None = None
    body: str | None = None
    id: int = 0
    matched: int = 0
    fired: int = 0

    @property
    def after(self) -> bool:
        """Does the request take effect before it fails?"""
        return (self.when or _DEFAULT_WHEN.get(self.kind, "before")) == "after"

    def matches(self, target: Target) -> bool:
        """Do all non-empty match members agree?"""
        return all(
            not wanted or wanted.lower() == have.lower()
            for wanted, have in (
                (self.endpoint, target.endpoint),
                (self.entity, target.entity),
                (self.operation, target.operation),
                (self.method, target.method),
                (self.realm, target.realm),
            )
        )


class Injector:
    """The rules of a server, tried in the order they were added; the first that fires decides."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._next = 0
        self.rules: dict[int, Rule] = {}

    def add(self, wanted: Json) -> Rule:
        """Add a rule from its JSON form; ValueError says what is wrong with it."""
        known = {item.name for item in fields(Rule)} - {"id", "matched", "fired"}
        unknown = sorted(wanted.keys() - known)
        if unknown:
            raise ValueError(f"unknown members: {', '.join(unknown)}")
        if wanted.get("kind") not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if wanted.get("when", "before") not in ("before", "after"):
            raise ValueError("when must be before or after")
        clean: dict[str, Any] = {**wanted}
        for name in ("probability", "seconds"):
            if name in clean:
                clean[name] = float(clean[name])
        rule = Rule(**clean)
        self._next += 1
        rule.id = self._next
        self.rules[rule.id] = rule
        return rule

    def pick(self, targets: Iterable[Target]) -> Rule | None:
        """Count a request against every rule and give the one that fires."""
        chosen: Rule | None = None
        targets = list(targets)
        for rule in self.rules.values():
            if not any(rule.matches(target) for target in targets):
                continue
            rule.matched += 1
            if chosen is None and self._fires(rule):
                rule.fired += 1
                chosen = rule
        return chosen

    def _fires(self, rule: Rule) -> bool:
        if rule.matched < rule.nth:
            return False
        limit = rule.count if rule.count is not None else (1 if rule.probability >= 1 else 0)
        if limit and rule.fired >= limit:
            return False
        return rule.probability >= 1 or self._rng.random() < rule.probability

    def public(self) -> list[Json]:
        """All rules with their counters."""
        return [asdict(rule) for rule in self.rules.values()]
