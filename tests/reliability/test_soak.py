"""Day after day, with faults, kills and restarts, both sides say what people wrote, and nothing is there twice.

The compact form of ``make soak``, and what shows that the soak would notice if it were otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from tests.reliability.soak import LOST, RESTLESS, TWICE, Plan, soak
from tests.reliability.soak_growth import Cycled, Rule, Size, rules

DAYS, LONG_LIFE = 40, 30
_CYCLE = Cycled(0, False, 10, 10, 0.2, 0.004, 100 << 20, 1)
_SIZE = Size(
    0, history=0, runs=200, held=0, records=100_000, rest=90_000, log=4_000_000, writes=0, cycles=1, links=100, holds=0
)


@pytest.mark.timeout(600)
@pytest.mark.failure("F-1", "F-6", "F-52", "F-55")
def test_a_few_days_with_faults_kills_and_restarts() -> None:
    soaked = soak(Plan(days=3, records=90, seed=11, edits=40, faulty=0.8, killed=1.0))
    assert soaked.found == []
    count = soaked.count
    assert soaked.done["both", "conflict"] > 0
    assert count["records"] > count["records at first"] > 50
    assert count["kills"] > 0
    assert count["processes"] >= 3
    assert count["disturbed"] > 20
    assert count["renewals"] >= 3 * 4
    assert count["refresh tokens"] >= 3
    assert count["audits"] == 1


@pytest.mark.timeout(600)
def test_what_is_lost_doubled_or_never_at_rest_is_found() -> None:
    """The soak has teeth: each of these faults of syncd shows, as what it is."""
    tooth = "notes dropped, payment doubled, never the same"
    soaked = soak(Plan(days=1, records=40, seed=3, edits=40, faulty=0.0, killed=0.0, tooth=tooth))
    assert any("notes is" in text for text in soaked.of(LOST)), soaked.found
    assert any("'payment'" in text for text in soaked.of(TWICE)), soaked.found
    assert any("a cycle after all was settled" in text for text in soaked.of(RESTLESS)), soaked.found


def year(changed: Callable[[Cycled], Cycled] = lambda c: c, sized: Callable[[Size], Size] = lambda s: s) -> list[Rule]:
    """What a long soak would have measured, with something that grows by the day."""
    cycles = [
        changed(
            msgspec.structs.replace(_CYCLE, day=day, first=place == 0, idle=place == 2, applied=0 if place == 2 else 10)
        )
        for day in range(DAYS)
        for place in range(3)
    ]
    sizes = [
        sized(msgspec.structs.replace(_SIZE, day=day, writes=10 * day + 10, history=40_000 * (day + 1)))
        for day in range(DAYS)
    ]
    return rules(sizes, cycles, DAYS, LONG_LIFE)


def grown(found: list[Rule]) -> set[str]:
    """What is said to grow."""
    return {rule.what for rule in found if not rule.kept}


def test_what_stays_as_it_is_has_not_grown() -> None:
    assert grown(year()) == set()


def test_a_machine_that_is_busy_towards_the_end_is_no_growth() -> None:
    def busy(cycle: Cycled) -> Cycled:
        slower = 2 if cycle.day > DAYS // 2 else 1
        taken = {"cpu_seconds": cycle.cpu_seconds * slower, "yard_seconds": cycle.yard_seconds * slower}
        return msgspec.structs.replace(cycle, **taken)

    assert grown(year(busy)) == set()


@pytest.mark.parametrize(
    ("cycle", "what"),
    [
        (lambda c: {"rss_bytes": c.rss_bytes + (c.day << 20)}, "memory at the end of a day"),
        (
            lambda c: {"rss_bytes": c.rss_bytes + (max(0, c.day - LONG_LIFE) << 22)},
            "memory of the process that is not restarted",
        ),
        (lambda c: {"cpu_seconds": c.cpu_seconds * (1 + c.day / DAYS)}, "CPU of a cycle with nothing to do"),
        (lambda c: {"cpu_seconds": c.cpu_seconds * (1 + c.day / DAYS)}, "CPU of a cycle with edits, by write"),
        (lambda c: {"requests": c.requests + c.day // LONG_LIFE}, "requests of a cycle with nothing to do"),
    ],
)
def test_a_cycle_that_takes_more_from_day_to_day_is_found(
    cycle: Callable[[Cycled], dict[str, float]], what: str
) -> None:
    assert what in grown(year(lambda c: msgspec.structs.replace(c, **cycle(c))))


@pytest.mark.parametrize(
    ("size", "what"),
    [
        (lambda s: {"history": s.history * (1 + s.day // 10)}, "state: history and journal, by write"),
        (lambda s: {"records": s.records + 3000 * s.day}, "state: links and bases, by record"),
        (lambda s: {"held": 500 * s.day**2, "holds": s.day}, "state: what is noted of a hold"),
        (lambda s: {"rest": s.rest + 10_000 * s.day}, "state: all the rest"),
        (lambda s: {"log": s.log + 500_000 * s.day}, "state: SQLite's log"),
    ],
)
def test_a_state_that_grows_beyond_its_history_is_found(size: Callable[[Size], dict[str, int]], what: str) -> None:
    assert grown(year(sized=lambda s: msgspec.structs.replace(s, **size(s)))) == {what}
