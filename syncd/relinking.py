"""Coming out of a restored backup: storing the links that were found, and going on when a person says so (F-11, F-113).

Nothing is written to either side. Where too little was found again, or where QuickBooks tells of deletions that nothing
explains, whoever resumes has to name how many records would be created: a state that forgot them must not make them a
second time, nor bring back what was deleted on purpose (F-114).
"""

from __future__ import annotations

from syncd.clock import Clock
from syncd.epoch import Witness, next_epoch
from syncd.errors import StateError
from syncd.parts import Parts
from syncd.rebuilding import Rebuilt
from syncd.state.store import Store
from syncd.state.values import Lease, Run

WHAT = "relink"
LEAST_PERCENT = 90
"""So much of what a state has lost must be found again, for syncd to make the rest without being told how much."""


def counts(found: Rebuilt) -> dict[str, int]:
    """What ``resume`` goes by; kept with the run."""
    return {
        "linked": found.linked,
        "percent": found.percent,
        "left": len(found.left),
        "imports": found.imports,
        "doubtful": found.doubtful,
        "apart": len(found.apart),
        "held": len(found.held),
        "travelling": found.travelling,
    }


def store(parts: Parts, lease: Lease, found: Rebuilt) -> None:
    """Store what was found in one transaction. Raises ``StateError`` for a state that is not known to be restored."""
    company = parts.store.company(parts.company)
    if company is None or company.restored_at is None:
        raise StateError(
            f"Nothing says that the state of {parts.company} was restored from a backup.",
            remedy="If you know that it was: syncd relink --apply --restored",
        )
    run = parts.store.begin_run(parts.company, WHAT)
    outcome = "failed"
    try:
        parts.store.settle(lease, found.settlement, run_id=run.id)
        outcome = "ok"
    finally:
        parts.store.end_run(run.id, outcome, counts(found))


def resume(
    state: Store,
    witness: Witness,
    company: str,
    realm: str,
    clock: Clock,
    *,
    actor: str,
    reason: str,
    force: int | None,
) -> None:
    """End the halt of a restored state. Raises ``StateError`` where its links were not rebuilt, or where ``force`` has
    to name a count and does not. ``realm`` is the company's name in the witness."""
    known = state.company(company)
    run = state.last_run(company, WHAT)
    if known is None or known.restored_at is None:
        raise StateError(f"The state of {company} is not known to be restored from a backup.")
    if run is None or run.outcome != "ok" or run.started_at < known.restored_at:
        raise StateError(
            f"The links of {company} were not rebuilt yet.", remedy=f"Run: syncd relink --company {company}"
        )
    if why := refusal(run, force):
        raise StateError(why)
    standing = state.standing(company)
    epoch = next_epoch(witness.noted(realm), standing.fence, standing.epoch, clock.now())
    state.begin_epoch(company, epoch, actor=actor, reason=reason)


def refusal(run: Run, force: int | None) -> str:
    """Why it may not go on yet, after this rebuilding; empty where it may."""
    found = run.counts
    if found["travelling"]:
        return (
            f"{found['travelling']} writes were sent only minutes ago and may still arrive. Wait five minutes, then "
            "run: syncd relink --apply"
        )
    left = found["left"] + (found["imports"] if found["doubtful"] else 0)
    needs = left > 0 and (found["percent"] < LEAST_PERCENT or found["doubtful"] > 0)
    if force == left or (force is None and not needs):
        return ""
    if not needs:
        return f"--force {force} was given, and no count has to be named."
    doubt = f", and {found['doubtful']} of them may have been deleted on purpose" if found["doubtful"] else ""
    return (
        f"{left} records have no counterpart that could be found and would be created anew; {found['percent']} % of "
        f"what this state has lost was found again{doubt}. Look at them (syncd relink, syncd reconcile --dry-run) and "
        f"match by hand what is there (syncd match --set). If the rest is really to be created: --force {left}"
    )
