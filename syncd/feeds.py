"""What both sides say has changed, where the cursors will stand afterwards, and what the brakes look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from syncd import behind
from syncd.model.kinds import Kind, Side
from syncd.model.spec import SPECS
from syncd.model.writes import Verb
from syncd.parts import Parts
from syncd.reconciler.entries import Rails
from syncd.reconciler.policy import Answer, Case
from syncd.report import CycleRequest
from syncd.seen import Gathered
from syncd.sources.base import SourceChanges
from syncd.state.values import Company, Cursors, Dirty, RecentWrite

if TYPE_CHECKING:
    from syncd.qbo.books import BooksChanges

_FAR = datetime(9999, 1, 1, tzinfo=UTC)
TRIES = 2
"""How often a write that is answered and not taken is made (correctness.md section 3: planned is not actual)."""

Key = tuple[Kind, str, str]


class Observed(msgspec.Struct, frozen=True):
    """What both feeds said, and where the cursors will stand once all of it is settled."""

    changes: SourceChanges
    books: BooksChanges | None
    dirty: list[Dirty]
    cursors: Cursors
    before: Cursors


def observe(parts: Parts, request: CycleRequest) -> Observed:
    """Read both feeds. QBO first, so that its cursor is never ahead of what the source was compared with."""
    before = parts.store.cursors(parts.company)
    kinds = frozenset(parts.policy.kinds)
    books, qbo_cursor = None, before.qbo
    if before.qbo is None:
        qbo_cursor = parts.books.server_time()
        books = _first_look(parts, qbo_cursor)
    else:
        written = frozenset(kind for kind in kinds if parts.policy.writes(kind))
        books = parts.books.changes(before.qbo, sorted(kinds), written)
        qbo_cursor = before.qbo if books.unknown else books.cursor
    mark = before.source if _kept(parts) <= {Kind(name) for name in before.counts} else ""
    sweep = parts.source.needs_keys(mark) if mark else frozenset()
    known = {kind: parts.store.linked_ids(parts.company, kind, Side.SOURCE) for kind in sweep}
    changes = parts.source.changes(mark, known)
    horizon = _FAR if request.every_dirty else parts.clock.now()
    dirty = parts.store.dirty(parts.company, horizon)
    if books is not None and not request.every_dirty:
        dirty = _with_waiting(parts, dirty, books)
    if dirty or _has_news(changes, books):
        behind.check(parts)
    counts = {kind.value: changes.counts.get(kind, 0) for kind in sorted(_kept(parts))}
    cursors = Cursors(qbo=qbo_cursor, source=changes.watermark, counts=counts)
    return Observed(changes=changes, books=books, dirty=dirty, cursors=cursors, before=before)


def _first_look(parts: Parts, now: datetime) -> BooksChanges | None:
    """What a company that is new gets from QBO besides what is looked for one by one: all of some kinds (V-17)."""
    kinds = [kind for kind, rules in parts.policy.kinds.items() if rules.at_first]
    return parts.books.everything(kinds, now) if kinds else None


def _kept(parts: Parts) -> frozenset[Kind]:
    """The kinds of the source that are kept in agreement. One that was not so the last time (a setting was switched on)
    has rows that no feed will mention: then the source is read as if for the first time."""
    there = parts.source.capabilities().keys()
    return frozenset(kind for kind in parts.policy.kinds if kind in there and not parts.policy.only_matched(kind))


def _has_news(changes: SourceChanges, books: BooksChanges | None) -> bool:
    """Whether there is anything to decide."""
    here = any(changes.changed.values()) or any(changes.suspects.values())
    return here or (books is not None and (any(books.records.values()) or any(books.tombstones.values())))


def _with_waiting(parts: Parts, due: list[Dirty], books: BooksChanges) -> list[Dirty]:
    """Where new records of a kind may be brought into the source, those of the source that wait come along although
    their time has not come: one of them may be the same, and it must not come into being twice. So does what may have
    waited for a record that changed in QBO."""
    policy = parts.policy
    importable = {k for k, rules in policy.kinds.items() if rules.answers.get(Case.FOREIGN) is Answer.CREATE_SOURCE}
    kinds = {kind for kind in importable if books.records.get(kind)}
    if parts.settings.tax_mode == "none":  # tax that was added there is room for what was held back (C-B4)
        kinds |= {kind for kind in policy.kinds if any(books.records.get(needed) for needed in SPECS[kind].needs)}
    if not kinds:
        return due
    waiting = parts.store.dirty(parts.company, _FAR)
    known = {(record.kind, record.source_id, record.qbo_id) for record in due}
    return due + [w for w in waiting if w.kind in kinds and (w.kind, w.source_id, w.qbo_id) not in known]


def rails(parts: Parts, company: Company, observed: Observed, gathered: Gathered, removed: Mapping[Kind, int]) -> Rails:
    """What the brakes look at, beside the operations themselves."""
    listed = _listed(parts, observed)
    emptied = any(count == 0 for count in listed.values())
    linked = parts.store.count_links(parts.company) if gathered.entries or emptied else {}
    keys = [(e.kind, e.known.source_id, e.known.qbo_id) for e in gathered.entries if e.known is not None]
    return Rails(
        linked=linked,
        listed=listed,
        missing=gathered.missing,
        removed=removed,
        churned=_churned(parts, keys),
        stuck=_stuck(parts, keys),
        first_run=company.first_run_approved_at is None,
        scope_changed=bool(company.scope_digest) and company.scope_digest != parts.scope_digest,
        halted=company.halt_reason if company.halted_since is not None and company.restored_at is None else "",
        restored=company.halt_reason if company.restored_at is not None else "",
    )


def _listed(parts: Parts, observed: Observed) -> dict[tuple[Side, Kind], int]:
    """How many records each side lists. QBO is asked for whole lists only where its feed could not be trusted; what
    the feed or a read by id names as gone is counted one by one, as missing."""
    listed = {(Side.SOURCE, kind): count for kind, count in observed.changes.counts.items()}
    for kind, ids in observed.books.inventory.items() if observed.books is not None else ():
        listed[Side.QBO, kind] = len(ids & parts.store.linked_ids(parts.company, kind, Side.QBO))
    return listed


def _stuck(parts: Parts, keys: Sequence[Key]) -> frozenset[tuple[Kind, str, str, Side]]:
    """Records that a side was told again and again, answered, and did not take (planned is not what came back)."""
    kept = parts.store.not_taken(parts.company, keys) if keys else {}
    return frozenset((*key, side) for key, sides in kept.items() for side, often in sides.items() if often >= TRIES)


def _churned(parts: Parts, keys: Sequence[Key]) -> frozenset[tuple[Kind, str, str, str]]:
    """Fields that were written often lately without a new value at their origin (F-52)."""
    if not keys:
        return frozenset()
    limits = parts.policy.limits
    since = parts.clock.now() - timedelta(hours=limits.churn_hours)
    recent = parts.store.recent_writes(parts.company, since, keys)
    return frozenset((*key, name) for key, writes in recent.items() for name in _repeated(writes, limits.churn_writes))


def _repeated(writes: list[RecentWrite], often: int) -> set[str]:
    """Fields written ``often`` times to one side, some value more than once."""
    written: dict[tuple[Side, str], list[object]] = {}
    for write in writes:
        if write.verb is Verb.UPDATE:
            for name, value in write.written.items():
                written.setdefault((write.side, name), []).append(value)
    return {name for (_, name), values in written.items() if len(values) >= often and len(set(values)) < len(values)}
