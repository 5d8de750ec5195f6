"""Killed anywhere, restarted, nothing is twice and nothing is lost: both books end as if nothing had happened (I11).

The compact form of ``make crash-sweep``: a few small stories of which each leaves and takes several things, killed
wherever something lasting happens. Reads lie between; before and after one the same is on disk and in the books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import pytest

from syncd.sandbox.server import RunningSandbox
from tests.reliability.crash_boundaries import AFTER, BEFORE, HTTP, SOURCE, distinct
from tests.reliability.crash_stories import COMPACT, Story
from tests.reliability.crash_trial import Runner, Theatre, Verdict, runner

Stage = Callable[[Story], Theatre]
AGAIN = 4
"""So many second kills per story; ``make crash-sweep`` makes all of them."""
_Each = TypeVar("_Each")


@pytest.fixture(scope="module")
def running() -> Iterator[Runner]:
    """The process whose children are killed."""
    with runner() as started:
        yield started


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox, running: Runner) -> Stage:
    """Prepares a story, once."""
    known: dict[str, Theatre] = {}

    def prepared(story: Story) -> Theatre:
        if story.name not in known:
            known[story.name] = Theatre(tmp_path_factory.mktemp("crash"), sandbox, running, story)
        return known[story.name]

    return prepared


def named(story: Story) -> str:
    """How a story is called in the list of tests."""
    return story.name


def spread(everything: Sequence[_Each], number: int) -> list[_Each]:
    """So many of them, from the whole length."""
    return [everything[place * len(everything) // number] for place in range(min(number, len(everything)))]


def after(theatre: Theatre, label: str) -> str:
    """Where a step with this name was done for the first time."""
    return next(b.place for b in theatre.boundaries if b.label.startswith(label) and b.when == AFTER)


def well(verdicts: Sequence[Verdict]) -> None:
    """Every trial came to the same end as the undisturbed course."""
    wrong = [f"killed at {' and '.join(v.places)}: {each}" for v in verdicts for each in v.wrong]
    assert not wrong, "\n".join(wrong)


@pytest.mark.timeout(1800)
@pytest.mark.failure("F-1", "F-6", "F-7", "F-115", "F-123")
@pytest.mark.parametrize("story", COMPACT, ids=named)
def test_killed_anywhere_and_again_while_it_recovers(stage: Stage, story: Story) -> None:
    theatre = stage(story)
    states = distinct(theatre.boundaries)
    once = [theatre.trial(boundary.place) for boundary in states]
    well(once)
    late = [verdict.places for verdict in once if not verdict.killed[0]]
    assert len(late) <= len(states) // 20, late  # requests travel beside commits: now and then one is never reached
    pairs = [(verdict.places[0], boundary.place) for verdict in once for boundary in distinct(verdict.recovery)]
    well([theatre.trial(*places) for places in spread(pairs, AGAIN)])


def test_every_request_and_every_commit_is_a_boundary(stage: Stage, sandbox: RunningSandbox) -> None:
    """Counted against what the look-alike and the source saw themselves."""
    theatre = stage(COMPACT[0])
    seen = sandbox.last_request()
    boundaries = theatre.undisturbed()
    assert [b.when for b in boundaries].count(BEFORE) == [b.when for b in boundaries].count(AFTER)
    begun = [b for b in boundaries if b.when == BEFORE]
    requests = sandbox.requests(after=seen, realm=theatre.realm)
    assert len([b for b in begun if b.channel == HTTP]) == len(requests)
    posts = [r for r in requests if r["operation"] in {"create", "update", "batch"}]
    assert len([b for b in begun if b.label.startswith("write ") and b.channel == HTTP]) == len(posts) > 1
    assert len([b for b in begun if b.channel == SOURCE]) == theatre.source_commits() > 1
    steps = {b.label for b in begun}
    assert steps >= {"lease", "run begun or ended", "intended", "sent", "settled", "cursors"}


@pytest.mark.parametrize(
    ("tooth", "place", "sort"),
    [
        ("blind repeat", "write batch", "twice"),
        ("nothing recovered", "write batch", "twice"),
        ("source repeated", "write to the source", "otherwise"),
        ("not remembered", "write batch", "otherwise"),
    ],
)
def test_a_broken_recovery_is_found(stage: Stage, tooth: str, place: str, sort: str) -> None:
    """The sweep has teeth: each of these faults shows at the boundary that it is about, and in its own way."""
    theatre = stage(COMPACT[0])
    well([theatre.trial(after(theatre, place))])
    assert theatre.trial(after(theatre, place), tooth=tooth).findings[sort]
