"""The figures of a soak, as a part of the manual."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.reliability.soak_growth import QUARTERS, Rule

if TYPE_CHECKING:
    from tests.reliability.soak import Soaked

_WHAT = """\
`make soak`. A company at work on the look-alike's clock. People edit on both sides between any two cycles; faults of
several sorts at once hit syncd's requests, those for tokens included; a refresh token is replaced after a day, and the
old one is worth nothing from then on, or good for one more day, a month of each in turn. syncd is a new process every
day, on one day in five killed (SIGKILL) in the middle of a cycle; the last {lived} days are lived by one process.

Each evening the faults end. Then a cycle has to have nothing to do, the {settling}th at the latest; every record that
somebody touched has to be on both sides as people wrote it (of a field changed on both sides QuickBooks' value, the
other one named in syncd's history); and one more cycle may write nothing. Each month this is asked of all records, the
audit has to agree to the cent, and the history to be whole. What was created is counted by the look-alike's history;
what has to come out is reckoned from what people did, and nothing is read through syncd.
"""


def report(soaked: Soaked, *, lived: int, settling: int) -> str:
    """The section for docs/reliability.md."""
    return "\n".join([*_head(soaked, lived, settling), *_growth(soaked.rules)])


def _head(soaked: Soaked, lived: int, settling: int) -> Iterator[str]:
    count, plan = soaked.count, soaked.plan
    here, there = (sum(n for (side, _), n in soaked.done.items() if side == which) for which in ("source", "books"))
    yield f"## Soak\n\n{_WHAT.format(lived=lived, settling=settling)}"
    yield "| | |"
    yield "|---|---|"
    yield f"| simulated days, with faults on | {plan.days}, {count['days with faults']} |"
    yield f"| records at first, in the end | {count['records at first']:,}, {count['records']:,} |"
    yield f"| acts of people in the source, in the books | {here:,}, {there:,} |"
    yield f"| the same field on both sides at once | {soaked.done['both', 'conflict']:,} |"
    yield f"| cycles | {count['cycles']:,} |"
    yield f"| processes, killed in the middle of a cycle | {count['processes']:,}, {count['kills']} |"
    yield f"| requests, disturbed | {count['requests']:,}, {count['disturbed']:,} |"
    yield f"| token renewals, refresh tokens | {count['renewals']:,}, {count['refresh tokens']:,} |"
    reconnected = count["reconnected by a person"]
    yield f"| renewals whose answer was lost, connected anew by a person | {count['renewals lost']}, {reconnected} |"
    yield f"| records created twice | **{len(soaked.of('twice'))}** |"
    yield f"| edits lost, or other differences | **{len(soaked.of('lost'))}** |"
    yield f"| held in the evening | {len(soaked.of('held'))} |"
    yield f"| not at rest in the evening | {len(soaked.of('not at rest'))} |"
    yield ""
    yield f"Measured on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()}, seed {plan.seed}."
    yield f"It took {soaked.seconds / 60:.0f} minutes."
    yield ""


def _growth(rules: list[Rule]) -> Iterator[str]:
    if not rules:
        return
    yield "Growth, as medians by quarter of the time (of the one long life: by quarter of it). The soak fails where the"
    yield "last is more than so many times the first. CPU times are put into relation to a fixed piece of work measured"
    yield "beside each, for what else is done on a machine makes everything slower."
    yield ""
    yield f"| | {' | '.join(f'{n}.' for n in range(1, QUARTERS + 1))} | at most |"
    yield f"|---|{'---|' * QUARTERS}---|"
    for rule in rules:
        values = " | ".join(f"{value:,.0f}" if value >= _ROUND else f"{value:.1f}" for value in rule.quarters)
        limit = f"{rule.limit:g} times" if rule.limit else "–"
        yield f"| {rule.what}{f', {rule.unit}' if rule.unit else ''} | {values} | {limit} |"


_ROUND = 1000
