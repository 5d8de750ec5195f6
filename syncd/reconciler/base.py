"""How the base moves: field by field, from what came back, and never further than what is known to be agreed."""

from __future__ import annotations

import msgspec

from syncd.model.kinds import Kind
from syncd.model.projections import AMOUNT_COLUMN, Projection, differing
from syncd.model.references import is_pending
from syncd.model.spec import SPECS
from syncd.model.values import Canonical


class Settled(msgspec.Struct, frozen=True):
    """Both halves of a base after a write, the fields whose difference is accepted, and money that does not agree."""

    source: Projection
    qbo: Projection
    accepted: frozenset[str]
    variance: frozenset[str]


def advance(
    kind: Kind,
    old_source: Projection,
    old_qbo: Projection,
    source: Projection,
    qbo: Projection,
    *,
    written: frozenset[str],
    accepted: frozenset[str] = frozenset(),
) -> Settled:
    """The base after a confirmed write of the fields ``written``, when the sides read ``source`` and ``qbo``.

    Fields that were written, and fields on which both sides agree anyway, move to what the sides hold now. The rest
    stays as it was, so that an edit not yet dealt with is still seen as one. Where the two halves of a written field
    differ, the other side reformatted what it was given: an echo, accepted. Where money, the customer or the date
    differs, that is a variance for a person (never absorbed, never an echo).
    """
    different = differing(source, qbo)
    # What only one side says at all goes along with what was written.
    alone = (source.keys() ^ qbo.keys()) if written else frozenset()
    moved = written | (source.keys() & qbo.keys()) - different | alone
    new_source = {**old_source, **{name: source[name] for name in moved if name in source}}
    new_qbo = {**old_qbo, **{name: qbo[name] for name in moved if name in qbo}}
    echoes = written & different
    matters = {*SPECS[kind].money_fields, *SPECS[kind].decisive}
    variance = frozenset(name for name in echoes & matters if _differs_for_good(name, source, qbo))
    kept = frozenset(name for name in accepted if new_source.get(name) != new_qbo.get(name))
    return Settled(new_source, new_qbo, (kept | echoes) - variance, variance)


def unmarked(kind: Kind, source: Projection, qbo: Projection) -> tuple[Projection, Projection]:
    """The halves of a first base: of a mark that only one side has, both say "no". So the one that is there is seen as
    a change of its side, and goes the way that such changes go."""
    alone = {name: "no" for name in SPECS[kind].marks if name in source and name in qbo and source[name] != qbo[name]}
    return {**source, **alone}, {**qbo, **alone}


def as_written(kind: Kind, sent: Projection, found: Projection, written: frozenset[str]) -> Projection:
    """What a side held right after the fields ``written`` were written as ``sent``, where it was ``found`` later on and
    people may have changed it. Money, the customer and the date stay as found: they are for a person to look at. What
    the side has no word for was never told."""
    matters = {*SPECS[kind].money_fields, *SPECS[kind].decisive}
    other = {n for n in differing(sent, found) & written if not untellable(sent[n], found.get(n, ""))}
    return {**found, **{n: sent[n] for n in other if n not in matters or not _differs_for_good(n, sent, found)}}


def untellable(sent: Canonical, found: Canonical) -> bool:
    """Whether two values differ only where ``sent`` names a record that the other side does not have."""
    if isinstance(sent, str) or isinstance(found, str):
        return isinstance(sent, str) and is_pending(sent)
    open_columns = {column for row in sent for column, cell in enumerate(row) if is_pending(cell)}

    def said(row: tuple[str, ...]) -> list[str]:
        return [cell for column, cell in enumerate(row) if column not in open_columns]

    pairs = zip(sorted(sent, key=said), sorted(found, key=said), strict=False)
    return len(sent) == len(found) and all(
        ours == theirs or is_pending(ours) for one, other in pairs for ours, theirs in zip(one, other, strict=True)
    )


def _differs_for_good(name: str, source: Projection, qbo: Projection) -> bool:
    if name != "lines":
        return True
    return _amounts(source[name]) != _amounts(qbo[name])


def _amounts(lines: object) -> list[object]:
    assert isinstance(lines, tuple)  # noqa: S101 - the lens makes lines a tuple of tuples
    return sorted(line[AMOUNT_COLUMN] for line in lines)
