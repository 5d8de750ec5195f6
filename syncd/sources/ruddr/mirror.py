"""What was seen of the workspace: a fingerprint of every record, and the records that moved since somebody asked.

The API says of nothing when it changed, so a record has changed when its fingerprint has. The mirror lives in memory
and counts changes; a watermark names a mirror and a count. Records whose change the caller has stored (it gave back the
watermark) are kept as fingerprints alone. A watermark of another mirror, of an earlier process that is, stands for
nothing seen: everything is read and reported anew, and the engine drops what equals its bases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID, uuid4

import msgspec

from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present
from syncd.sources.base import SourceChanges
from syncd.sources.ruddr.readers import Listed, Seen, TaxRate, number_of, rate_of
from syncd.sources.ruddr.together import Together

Observation = Present | Flawed


class _Known(msgspec.Struct, gc=False):
    """What is kept of a record."""

    version: str
    open: bool
    number: str
    rate: TaxRate | None


class Mirror:
    """One workspace as it was last seen. Not to be shared between threads.

    ``order`` gives the ids of each list, newest first; ``off`` the kinds that this workspace does not let us read;
    ``native`` the accounting connections that each client has an id of.
    """

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.order: dict[str, list[str]] = {}
        self.off: set[Kind] = set()
        self.native: dict[str, frozenset[str]] = {}
        self._name = uuid4().hex
        self._known: dict[Kind, dict[str, _Known]] = {kind: {} for kind in kinds}
        self._moved: dict[tuple[Kind, str], tuple[int, Observation]] = {}
        self._gone: dict[tuple[Kind, str], int] = {}
        self._count = 0
        self._stored = 0

    # ---- taking in

    def note(self, seen: Seen) -> None:
        """A record as a read has just shown it."""
        observation = seen.observation
        known = self._known[seen.kind].get(seen.id)
        if known is None or known.version != observation.version:
            self._count += 1
            self._moved[seen.kind, seen.id] = (self._count, observation)
            self._gone.pop((seen.kind, seen.id), None)
        record = observation.record if isinstance(observation, Present) else None
        self._known[seen.kind][seen.id] = _Known(
            version=observation.version,
            open=seen.open,
            number=number_of(record) if record is not None else "",
            rate=rate_of(record) if record is not None else None,
        )

    def forget(self, kind: Kind, record_id: str) -> None:
        """A record is not there any more."""
        if self._known[kind].pop(record_id, None) is not None:
            self._count += 1
            self._moved.pop((kind, record_id), None)
            self._gone[kind, record_id] = self._count

    def take_whole(self, listed: Listed, ids: Sequence[str], seen: Iterable[Seen]) -> None:
        """A list was read to its end: what is not on it is gone."""
        here: set[tuple[Kind, str]] = set()
        for one in seen:
            self.note(one)
            here.add((one.kind, one.id))
        for kind in self.kinds(listed):
            for record_id in [each for each in self._known[kind] if (kind, each) not in here]:
                self.forget(kind, record_id)
            self.off.discard(kind)
        self.order[listed.path] = list(ids)

    def take_part(self, listed: Listed, ids: Sequence[str], seen: Iterable[Seen]) -> None:
        """Some rows of a list were read, the new ones first: of the others nothing is said."""
        here: set[tuple[Kind, str]] = set()
        for one in seen:
            self.note(one)
            here.add((one.kind, one.id))
        for kind in self.kinds(listed):
            for row_id in ids:
                if (kind, row_id) not in here:
                    self.forget(kind, row_id)  # a row that holds no such record any more
            self.off.discard(kind)
        order = self.order.get(listed.path, [])
        known = set(order)
        self.order[listed.path] = [row_id for row_id in ids if row_id not in known] + order

    # ---- asking

    def kinds(self, listed: Listed) -> tuple[Kind, ...]:
        """The kinds of a list that are read at all."""
        return tuple(kind for kind in listed.kinds if kind in self._known)

    def open(self, listed: Listed) -> frozenset[str]:
        """The rows of a list that people still work on."""
        kinds = self.kinds(listed)
        return frozenset(each for kind in kinds for each, known in self._known[kind].items() if known.open)

    def together(self) -> Together:
        """What only all records together tell."""
        numbers: dict[tuple[Kind, str], list[str]] = defaultdict(list)
        for kind, records in self._known.items():
            for record_id, known in records.items():
                if known.number:
                    numbers[kind, known.number].append(record_id)
        rates = [known.rate for known in self._known.get(Kind.TAX_CODE, {}).values() if known.rate is not None]
        return Together(numbers, rates)

    def position(self, watermark: str) -> int | None:
        """The count a watermark stands for; None where it is of another mirror, or its changes were let go since."""
        name, _, text = watermark.partition(".")
        if name != self._name or not text.isdecimal():
            return None
        return int(text) if self._stored <= int(text) <= self._count else None

    def acknowledge(self, position: int) -> None:
        """The caller has stored what moved up to here: only the fingerprints are kept."""
        if position > self._stored:
            self._stored = position
            self._moved = {key: moved for key, moved in self._moved.items() if moved[0] > position}
            self._gone = {key: count for key, count in self._gone.items() if count > position}

    def report(self, linked: Mapping[Kind, frozenset[str]], *, anew: bool) -> SourceChanges:
        """Everything that moved since what was last acknowledged, and of the ``linked`` ids those that are missing.

        ``anew``: that is everything there is.
        """
        there = self._known.keys() - self.off
        together = self.together()
        changed: dict[Kind, dict[str, Observation]] = {kind: {} for kind in there}
        for (kind, record_id), (_, observation) in self._moved.items():
            if kind in there:
                changed[kind][record_id] = together.finished(kind, observation)
        for kind in there:
            # The twin of a record that moved is held with it, although it did not move itself.
            for record_id in together.twins(kind, changed[kind]):
                stale = Flawed(record_id, self._known[kind][record_id].version, ())
                changed[kind][record_id] = together.finished(kind, stale, self._known[kind][record_id].number)
        gone: dict[Kind, set[str]] = {kind: set() for kind in there}
        for kind, record_id in self._gone:
            if kind in there:
                gone[kind].add(record_id)
        for kind in linked.keys() & there:
            # What is linked by a mere name is no row, and never missing.
            gone[kind] |= {each for each in linked[kind] - self._known[kind].keys() if is_id(each)}
        return SourceChanges(
            changed=changed,
            suspects={kind: frozenset(ids) for kind, ids in gone.items() if ids},
            counts={kind: len(self._known[kind]) for kind in there},
            watermark=f"{self._name}.{self._count}",
            whole=frozenset(there) if anew else frozenset(),
            swept=frozenset(linked.keys() & there),
        )


def is_id(text: str) -> bool:
    """Whether it can be an id of the API (ruddr-api.md 2); for anything else it answers 400, not 404."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
