"""What one endpoint still has to be told, and when: aggregation, lateness, losses, retries (protocol.md 10.4).

Pure: events and moments of the sandbox's clock go in, POSTs that are due come out.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from syncd.sandbox.clock import stamp_millis
from syncd.sandbox.switches import Switches
from syncd.sandbox.webhook_payloads import FORMS, Event, payload
from syncd.sandbox.wire import Json, encode

KEPT = 10_000
"""So many attempts, acknowledged POSTs and lost events are remembered for the admin API."""

_SLACK_SECONDS = 0.001  # sums of moments are not exact: 9 s and 1 s later is 10 s later
_CURRENT = (10.0, 20.0, 30.0, 300.0, 1200.0, 7200.0, 14_400.0, 21_600.0)
_OLD = (1200.0, 1800.0, 3000.0)
_OLD_RETRIED = frozenset({None, 408, 500, 502, 503, 504})


@dataclass
class Hook:
    """An app's registration, as in the developer portal (protocol.md 10.1)."""

    client_id: str
    url: str
    verifier_token: str
    form: str = "classic"  # classic, cloudevents, or both: everything is told in each form
    entities: list[str] | None = None  # None: all there are
    operations: list[str] | None = None
    seed: int = 0  # of the coins that the switches throw

    def wants(self, event: Event) -> bool:
        """Did the app choose this entity and operation?"""
        return (self.entities is None or event.entity in self.entities) and (
            self.operations is None or event.operation in self.operations
        )

    @property
    def forms(self) -> tuple[str, ...]:
        """The forms of payload it is sent."""
        return FORMS if self.form == "both" else (self.form,)


@dataclass(order=True)
class Delivery:
    """One POST: the same bytes at every attempt."""

    due: float
    number: int
    form: str = field(compare=False)
    events: tuple[Event, ...] = field(compare=False)
    body: bytes = field(compare=False)
    created: float = field(compare=False)
    tries: int = field(default=0, compare=False)

    def public(self) -> Json:
        """As the admin API shows it."""
        return {
            "delivery": self.number,
            "due": stamp_millis(self.due),
            "tries": self.tries,
            "event_ids": [event.id for event in self.events],
            "body": self.body.decode(),
        }


@dataclass(order=True, frozen=True)
class _Waiting:
    due: float
    order: int
    event: Event = field(compare=False)
    again: bool = field(compare=False)


class Outbox:
    """The events and POSTs of one endpoint that wait, and a record of what was done."""

    def __init__(self, hook: Hook, switches: Switches) -> None:
        self.adopt(hook)
        self.paused = False
        self.drop_next = 0
        self.attempts: deque[Json] = deque(maxlen=KEPT)
        self.dropped: deque[Event] = deque(maxlen=KEPT)
        self.delivered: deque[Delivery] = deque(maxlen=KEPT)
        self._switches = switches
        self._numbers = 0
        self._window_ends = 0.0
        self._waiting: list[_Waiting] = []
        self._fresh: deque[Delivery] = deque()
        self._retries: list[Delivery] = []
        self._travelling: Delivery | None = None

    def adopt(self, hook: Hook) -> None:
        """Take a registration; what waits stays, the coins begin anew, a blacklisted endpoint has another chance."""
        self.hook = hook
        self.blacklisted = False
        self._rng = random.Random(hook.seed)  # noqa: S311  # reproducible, nothing secret

    def add(self, events: Sequence[Event], now: float) -> None:
        """Take the events of one request; some may get lost, come late or come twice."""
        switches = self._switches
        if now >= self._window_ends or self._window_ends > now + switches.webhook_aggregate_seconds:
            self._window_ends = now + switches.webhook_aggregate_seconds
        for event in events:
            if self._lost():
                self.dropped.append(event)
                continue
            due = self._window_ends
            if self._falls(switches.webhook_reorder):
                due += switches.webhook_reorder_seconds
            self._wait(due, event)
            if self._falls(switches.webhook_duplicates):
                self._wait(due, event, again=True)
        self._collect(now)

    def take(self, now: float) -> Delivery | None:
        """The POST to make now, if any; ``settle`` must follow."""
        self._collect(now)
        if self.paused:
            return None
        if self._retries and self._retries[0].due <= now + _SLACK_SECONDS:
            self._travelling = heappop(self._retries)
        elif self._fresh and not (self._retries and self._switches.webhook_blocking):
            self._travelling = self._fresh.popleft()
        return self._travelling

    def next_moment(self) -> float | None:
        """When something falls due next, if nothing else happens."""
        moments = [self._waiting[0].due] if self._waiting else []
        if self._retries and not self.paused:
            moments.append(self._retries[0].due)
        return min(moments, default=None)

    def settle(self, delivery: Delivery, status: int | None, now: float) -> None:
        """Note how an attempt ended; any status but 200 fails the whole POST, None is no answer in time."""
        self._travelling = None
        delivery.tries += 1
        if status == 200:
            self.delivered.append(delivery)
            return
        delay = self._delay(delivery.tries, status)
        if delay is not None:
            delivery.due = now + delay
            heappush(self._retries, delivery)
            return
        self.dropped.extend(delivery.events)
        if self.blacklisted:
            self._give_up()

    def flush(self, now: float) -> None:
        """Everything that waits for a moment to come is due now."""
        self._waiting = [_Waiting(min(one.due, now), one.order, one.event, one.again) for one in self._waiting]
        heapify(self._waiting)
        for delivery in self._retries:
            delivery.due = min(delivery.due, now)
        heapify(self._retries)
        self._collect(now)

    def replay(self, wanted: set[str] | None, now: float) -> int:
        """Send acknowledged POSTs again, byte for byte: all, or those with one of the events; how many."""
        again = [
            one for one in self.delivered if wanted is None or not wanted.isdisjoint(event.id for event in one.events)
        ]
        for one in again:
            self._fresh.append(Delivery(now, self._number(), one.form, one.events, one.body, now))
        return len(again)

    def clear(self) -> None:
        """Forget what waits and what was done."""
        for store in (self.attempts, self.dropped, self.delivered, self._waiting, self._fresh, self._retries):
            store.clear()

    def waiting(self) -> list[Json]:
        """The events that are not in a POST yet."""
        return [{"event_id": one.event.id, "due": stamp_millis(one.due)} for one in sorted(self._waiting)]

    def pending(self) -> list[Delivery]:
        """The POSTs that were not acknowledged yet, in the order they will be tried."""
        travelling = [] if self._travelling is None else [self._travelling]
        return [*travelling, *sorted(self._retries), *self._fresh]

    def _wait(self, due: float, event: Event, again: bool = False) -> None:
        heappush(self._waiting, _Waiting(due, self._number(), event, again))

    def _lost(self) -> bool:
        if self.drop_next:
            self.drop_next -= 1
            return True
        return self.blacklisted or self._falls(self._switches.webhook_drops)

    def _falls(self, probability: float) -> bool:
        return probability > 0 and self._rng.random() < probability

    def _collect(self, now: float) -> None:
        """Put the events that are due into POSTs; a repeated event never travels with its first copy."""
        ripe: tuple[list[Event], list[Event]] = ([], [])
        while self._waiting and self._waiting[0].due <= now + _SLACK_SECONDS:
            one = heappop(self._waiting)
            ripe[one.again].append(one.event)
        for events in ripe:
            if events:
                self._make(events, now)

    def _make(self, events: list[Event], now: float) -> None:
        switches = self._switches
        if switches.webhook_shuffle:
            self._rng.shuffle(events)
        for form in self.hook.forms:
            most = len(events) if form == "classic" else max(switches.webhook_max_events, 1)
            for start in range(0, len(events), most):
                some = tuple(events[start : start + most])
                body = encode(payload(form, some, self.hook.client_id, switches))
                self._fresh.append(Delivery(now, self._number(), form, some, body, now))

    def _give_up(self) -> None:
        """What was held back for a blacklisted endpoint is lost too."""
        for held in self.pending():
            self.dropped.extend(held.events)
        self.dropped.extend(one.event for one in sorted(self._waiting))
        for store in (self._waiting, self._fresh, self._retries):
            store.clear()

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _delay(self, tries: int, status: int | None) -> float | None:
        """Seconds until the next attempt; None: it is given up."""
        ladder = self._switches.webhook_retries
        if ladder == "old":
            if status not in _OLD_RETRIED:
                return None
            self.blacklisted = tries > len(_OLD)
            return None if self.blacklisted else _OLD[tries - 1]
        steps = (0.0, *_CURRENT) if ladder == "immediate" else _CURRENT
        return steps[min(tries, len(steps)) - 1]
