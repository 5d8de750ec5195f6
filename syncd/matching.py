"""First connection: reads both sides completely and proposes which of their records are the same. Writes nothing.

What is linked already is left out, and so is what is older than the start date (X-9). Which proposals are certain is
said in ``reconciler.proposals``; everything else is for a person, who answers in a file (``matchfile``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from syncd.model import values
from syncd.model.facts import BooksFacts
from syncd.model.kinds import Kind, State
from syncd.model.observations import Present
from syncd.model.projections import Projection
from syncd.model.records import Record
from syncd.model.references import (
    Reference,
    amount_of,
    claimed_id,
    dates_of,
    is_name,
    key_of,
    label,
    mapped_name,
    names_in,
    party,
    stand_in,
)
from syncd.model.spec import SPECS
from syncd.outlook import lens_of
from syncd.parts import Parts
from syncd.ports import Progress
from syncd.reconciler import proposals
from syncd.reconciler.policy import Owner
from syncd.reconciler.proposals import UNKNOWN_OWNER, Entry, Row, Sheet
from syncd.reconciler.scores import Paper
from syncd.state.values import LinkState


class Proposed(msgspec.Struct, frozen=True):
    """What is to be decided, by kind. ``linked``: records that were left out because they are linked already.
    ``unusable``: records, of either side, that cannot be read as one and therefore cannot be matched."""

    rows: Mapping[Kind, tuple[Row, ...]]
    linked: Mapping[Kind, int]
    unusable: int


class Scope:
    """Which records are matched before the first run."""

    def __init__(self, parts: Parts, facts: BooksFacts) -> None:
        self._start = parts.settings.sync_start_date
        self._policy = parts.policy
        self._tax = facts.sales_tax
        self._held = parts.source.capabilities()
        self.kinds = tuple(kind for kind in SPECS if self._matched(kind))
        """In the order of work: lists, and documents that carry a number."""
        self.documents = tuple(k for k in SPECS if SPECS[k].dates and k in self._policy.kinds and k in self._held)
        """The kinds of documents that the source holds and that are kept in agreement."""

    def _matched(self, kind: Kind) -> bool:
        if kind is Kind.TAX_CODE:
            return self._tax  # not where no sales tax is charged
        return kind in self._policy.kinds and not {"name", "number"}.isdisjoint(SPECS[kind].fields)

    def has_table(self, kind: Kind) -> bool:
        """Whether the source keeps records of this kind, and not only their names on documents."""
        return kind in self._held

    def flows(self, kind: Kind, record: Record) -> bool:
        """Whether a record of the source is in a state in which it belongs in QBO."""
        return kind not in self._policy.kinds or self._policy.kinds[kind].flows_in(record)

    def returned(self, kind: Kind) -> frozenset[str]:
        """The fields that QBO decides and the source can be told."""
        policy, held = self._policy.kinds.get(kind), self._held.get(kind)
        if policy is None or held is None:
            return frozenset()
        return frozenset(name for name in held.writable if policy.owners.get(name) is Owner.RETURNED)

    def is_old(self, record: Record) -> bool:
        """Whether it lies before the start date."""
        start = self._start
        return start is not None and any(day < start for day in dates_of(record))


def is_usable(record: Record) -> bool:
    """Whether a record of QBO can be linked: active, and not void."""
    return bool(getattr(record, "active", True)) and getattr(record, "state", State.LIVE) is not State.VOID


class Proposer:
    """Proposes matches for one company. One use only."""

    def __init__(self, parts: Parts, facts: BooksFacts, progress: Progress | None = None) -> None:
        self._parts = parts
        self._settings = parts.settings
        self._lens = lens_of(parts, facts)
        self._scope = Scope(parts, facts)
        self._progress = progress
        self._linked: dict[Reference, str] = {}
        self._taken: dict[Kind, set[str]] = {}
        self._matched: dict[Reference, str] = {}
        self._named: dict[Reference, str] = {}
        self._used: set[Reference] = set()
        self._ours: dict[Kind, list[Sheet]] = {}
        self._parties: dict[Reference, str] = {}
        self._unusable = 0

    def run(self) -> Proposed:
        """Read everything, then propose."""
        for kind in self._scope.kinds:
            self._load_links(kind)
        for kind in self._scope.documents:
            self._read_documents(kind)
        rows: dict[Kind, tuple[Row, ...]] = {}
        for kind in self._scope.kinds:
            rows[kind] = self._documents(kind) if SPECS[kind].dates else self._list(kind)
            self._matched |= {(kind, row.source_id): row.use for row in rows[kind] if row.use}
        linked = Counter(kind for kind, _ in self._linked)
        return Proposed(rows, {kind: linked[kind] for kind in rows}, self._unusable)

    # ---- reading

    def _load_links(self, kind: Kind) -> None:
        taken = self._taken.setdefault(kind, set())
        for link in self._parts.store.stream_links(self._parts.company, kind):
            if link.state is LinkState.TOMBSTONED:
                continue
            self._parties[kind, link.source_id] = self._parties[kind, f"qbo:{link.qbo_id}"] = link.label
            if link.source_id:
                self._linked[kind, link.source_id] = link.qbo_id
            if link.qbo_id and not SPECS[kind].link_only:  # several names may stand for one record of QBO
                taken.add(link.qbo_id)

    def _source(self, kind: Kind) -> Iterator[Record]:
        for number, observation in enumerate(self._parts.source.scan(kind), start=1):
            self._tell(number, kind, "the source")
            if isinstance(observation, Present):
                yield observation.record
            else:
                self._unusable += 1

    def _books(self, kind: Kind) -> Iterator[Record]:
        """Those of QBO that may still be linked."""
        for number, observation in enumerate(self._parts.books.scan(kind), start=1):
            self._tell(number, kind, "QuickBooks")
            if not isinstance(observation, Present):
                self._unusable += 1
            elif is_usable(observation.record) and observation.record.id not in self._taken[kind]:
                yield observation.record

    def _tell(self, number: int, kind: Kind, side: str) -> None:
        if self._progress is not None and number % 1000 == 0:
            self._progress(number, 0, f"{SPECS[kind].plural} of {side} read")

    def _read_documents(self, kind: Kind) -> None:
        """Once over the documents of the source: what they name, and what they are recognised by."""
        matched = self._ours.setdefault(kind, []) if kind in self._scope.kinds else None
        for record in self._source(kind):
            if not self._scope.flows(kind, record) or self._scope.is_old(record):
                continue
            self._note_names(record)
            if matched is not None and (kind, record.id) not in self._linked:
                matched.append(self._sheet(kind, record, self._lens.source(kind, record, _as_it_is)))

    def _note_names(self, record: Record) -> None:
        for reference, name in names_in(record).items():
            self._used.add(reference)
            if name.strip() and is_name(*reference):
                self._named.setdefault(reference, name.strip())
        if (owner := party(record)) is not None:
            self._used.add(owner)

    # ---- proposing

    def _list(self, kind: Kind) -> tuple[Row, ...]:
        ours = {record.id: record for record in self._listed(kind)}
        for (its, source_id), name in self._named.items():
            if its is kind and source_id not in ours:
                ours[source_id] = stand_in(kind, source_id, name)
        waiting = [self._entry(kind, record) for key, record in ours.items() if (kind, key) not in self._linked]
        theirs = [self._entry_there(kind, record) for record in self._books(kind)]
        return proposals.of_lists(kind, waiting, theirs)

    def _listed(self, kind: Kind) -> Iterator[Record]:
        """The source's own list, without what is inactive and not in use."""
        if not self._scope.has_table(kind):
            return
        for record in self._source(kind):
            if kind is Kind.TAX_CODE:
                yield msgspec.structs.replace(record, id=self._tax_key(record))
            elif getattr(record, "active", True) or (kind, record.id) in self._used:
                yield record

    def _tax_key(self, record: Record) -> str:
        """What documents say of a tax code is the key of its link: an id of the list, or a name."""
        by_id, by_name = key_of("", record.id), key_of("", label(record))
        return by_id if (Kind.TAX_CODE, by_id) in self._used else by_name

    def _entry(self, kind: Kind, record: Record) -> Entry:
        seen = self._lens.source(kind, record, _as_it_is)
        name, client = label(record), getattr(record, "client", "")
        self._parties[kind, record.id] = name
        return Entry(
            id=record.id,
            name=mapped_name(kind, name, self._settings),
            currency=_text(seen, "currency"),
            owner=(self._resolve(Kind.CLIENT, client) or UNKNOWN_OWNER) if client else "",
            stated=claimed_id(kind, record, self._settings),
            shown=values.text(name),
        )

    def _entry_there(self, kind: Kind, record: Record) -> Entry:
        seen = self._lens.qbo(kind, record)
        self._parties[kind, f"qbo:{record.id}"] = label(record)
        return Entry(record.id, _text(seen, "name"), _text(seen, "currency"), getattr(record, "client", ""))

    def _documents(self, kind: Kind) -> tuple[Row, ...]:
        ours = []
        for sheet in self._ours.get(kind, ()):
            client = sheet.paper.client
            paper = msgspec.structs.replace(sheet.paper, client=self._resolve(_party_of(kind), client))
            shown = self._with_party(kind, sheet.shown, client)
            ours.append(msgspec.structs.replace(sheet, paper=paper, shown=shown))
        theirs = []
        for record in self._books(kind):
            sheet = self._sheet(kind, record, self._lens.qbo(kind, record))
            shown = self._with_party(kind, sheet.shown, f"qbo:{sheet.paper.client}")
            theirs.append(msgspec.structs.replace(sheet, shown=shown))
        return proposals.of_documents(kind, ours, theirs)

    def _sheet(self, kind: Kind, record: Record, seen: Projection) -> Sheet:
        """What a document is recognised by. The client in it has the id of the document's own side."""
        (day,) = dates_of(record)
        total, currency = _text(seen, "total") or str(amount_of(record)), self._lens.currency(record)
        whose = _text(seen, _party_of(kind).value)
        paper = Paper(_text(seen, "number"), whose, day, values.decimal_of(total), currency)
        shown = f"{label(record)}, {day.isoformat()}, {total} {currency}"
        return Sheet(record.id, paper, shown, claimed_id(kind, record, self._settings))

    def _with_party(self, kind: Kind, shown: str, client: str) -> str:
        name = self._parties.get((_party_of(kind), client), "")
        return f"{shown}, {name}" if name else shown

    def _resolve(self, kind: Kind, source_id: str) -> str:
        """QBO's id of a record that is linked, or certainly will be."""
        return self._linked.get((kind, source_id), "") or self._matched.get((kind, source_id), "")


def _party_of(kind: Kind) -> Kind:
    """Whose documents of a kind are: a client's, or a vendor's."""
    return Kind.VENDOR if "vendor" in SPECS[kind].fields else Kind.CLIENT


def _as_it_is(_kind: Kind, reference: str) -> str:
    return reference


def _text(seen: Projection, name: str) -> str:
    value = seen.get(name, "")
    return value if isinstance(value, str) else ""
