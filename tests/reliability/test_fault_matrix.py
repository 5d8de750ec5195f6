"""The fault matrix in its compact form: each fault at a few places of the cycle, and some random combinations.

All of it is tried by ``make fault-matrix``; its counts are in ``docs/reliability.md``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.reliability import fault_matrix
from tests.reliability.fault_matrix import FAULTS, ITEM_FAULTS, SOURCE_FAULTS
from tests.reliability.fault_stage import Stage, staged

PLACES = ("token", "cdc", "query", "entity Customer", "batch", "entity Payment create", "entity Payment delete")
"""One request of each sort: a renewal, the feed, a look-up, a create alone and in a batch, what depends, a removal."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One for all trials here; each puts it back first."""
    with staged() as made:
        yield made


def right(verdict: fault_matrix.Verdict) -> None:
    """The fault was there, nothing is twice, nothing is missing, nothing is open, and there is nothing left to do."""
    assert verdict.disturbed > 0, f"nothing was disturbed: {verdict}"
    assert verdict.good, verdict


def test_the_cycle_does_everything(stage: Stage) -> None:
    """Else the matrix would disturb less than it says."""
    for sort in (*PLACES, "entity CompanyInfo", "entity Preferences", "entity CreditMemo create", "entity Bill create"):
        assert any(request.startswith(sort) for request in stage.requests), sort
    assert sum(stage.batched) >= 3
    assert min(stage.statements[where] for where in SOURCE_FAULTS) >= 5


@pytest.mark.failure("F-1", "F-6", "F-32", "F-43", "F-46", "F-123")
@pytest.mark.parametrize(("number", "fault"), list(enumerate(FAULTS)), ids=FAULTS)
def test_each_fault_at_one_place(stage: Stage, number: int, fault: str) -> None:
    """Each next fault strikes at the next sort of request."""
    place = PLACES[number % len(PLACES)]
    nth = next(n for n, request in enumerate(stage.requests, start=1) if request.startswith(place))
    right(fault_matrix.one_fault(stage, fault, FAULTS[fault], nth))


@pytest.mark.failure("F-32", "F-36", "F-43")
@pytest.mark.parametrize(
    ("fault", "sort"),
    [("fault 10000 under 200", "cdc cdc"), ("503", "query query"), ("500, done", "batch batch")],
    ids=["the feed", "the look-ups", "the batches"],
)
def test_one_sort_of_request_fails_for_a_whole_run(stage: Stage, fault: str, sort: str) -> None:
    """Longer than any patience: what the feed could not tell, or nobody could look up, comes later all the same."""
    right(fault_matrix.one_sort(stage, fault, FAULTS[fault], sort))


@pytest.mark.failure("F-16")
def test_everything_fails_from_the_first_write_on(stage: Stage) -> None:
    nth = next(n for n, request in enumerate(stage.requests, start=1) if request.endswith("create"))
    right(fault_matrix.one_fault(stage, "answer lost", FAULTS["answer lost"], nth, lasting=True))


@pytest.mark.failure("F-45", "F-71")
@pytest.mark.parametrize(("number", "fault"), list(enumerate(ITEM_FAULTS, start=1)), ids=ITEM_FAULTS)
def test_one_item_of_a_batch_fails(stage: Stage, number: int, fault: str) -> None:
    right(fault_matrix.one_fault(stage, fault, ITEM_FAULTS[fault], number))


@pytest.mark.failure("F-32", "F-43", "F-44")
@pytest.mark.parametrize("where", SOURCE_FAULTS)
def test_the_sources_connection_is_lost(stage: Stage, where: str) -> None:
    """In the middle of what the cycle asks of it; for commits that is among its writes."""
    right(fault_matrix.source_fault(stage, where, stage.statements[where] * 2 // 3))


@pytest.mark.failure("F-43")
def test_a_commit_that_was_lost_holds_up_nobody(stage: Stage) -> None:
    """People go on writing to the source at once, although nothing else was done on that connection."""
    right(fault_matrix.source_fault(stage, "before a commit", stage.statements["before a commit"]))


@pytest.mark.failure("F-1", "F-16", "F-123")
def test_many_faults_at_random(stage: Stage) -> None:
    """At least three of ten requests fail, all of a run together with restarts between the runs."""
    verdicts = [fault_matrix.random_faults(stage, seed) for seed in (3, 4)]
    for verdict in verdicts:
        right(verdict)
    assert sum(v.disturbed for v in verdicts) >= 0.3 * sum(v.requests for v in verdicts)
