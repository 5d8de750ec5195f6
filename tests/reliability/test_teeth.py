"""The machine has teeth: its faults can still be planted, and some of them are, to see that it notices (``make teeth``
plants all)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.reliability.teeth import bite, planted, verdict
from tests.reliability.teeth_faults import FAULTS, Fault

ROOT = Path(__file__).parents[2]
QUICK = ("random request id", "a dry run that writes", "no limit for removals")
"""One of the wire, one of the plan, one of the brakes; each is found within a few examples."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_line_that_a_fault_changes_is_there_just_once(fault: Fault) -> None:
    for file, old, new in fault.edits:
        assert (ROOT / file).read_text().count(old) == 1
        assert new != old


def test_there_are_many_faults_and_each_has_a_reason_to_die_of() -> None:
    assert len(FAULTS) >= 25
    assert max(Counter(fault.name for fault in FAULTS).values()) == 1
    assert all(fault.dies_of and fault.why and fault.rules for fault in FAULTS)


def test_a_fault_is_planted_in_a_copy_and_never_here(tmp_path: Path) -> None:
    fault = FAULTS[0]
    before = (ROOT / fault.file).read_text()
    tree = planted(fault, tmp_path)
    assert fault.new in (tree / fault.file).read_text()
    assert (ROOT / fault.file).read_text() == before


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("fault", [f for f in FAULTS if f.name in QUICK], ids=lambda fault: fault.name)
def test_the_machine_notices(fault: Fault) -> None:
    found = bite(fault, whole=False)
    assert verdict(fault, found) == "caught", found
