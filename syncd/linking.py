"""Links that a person makes: checks every answer against both sides as they are now, then stores all of them or none.

A link made by a person is accepted as it is: where the two differ, that difference is remembered as allowed and nothing
is pushed. Money is the exception: documents that differ in it are refused with both totals (a difference is never
absorbed), and so are two currencies (R-116, C-R17).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from syncd.links import LinkBook
from syncd.matchfile import CREATE, IGNORE, NONE, WORDS, Answer, Fault, word_fault
from syncd.matching import Scope, is_usable
from syncd.model.facts import BooksFacts
from syncd.model.kinds import Kind, Side
from syncd.model.lens import Lens
from syncd.model.observations import Absent, Flawed, Observation, Present, Unknown
from syncd.model.projections import differing
from syncd.model.records import Record
from syncd.model.references import (
    Reference,
    amount_of,
    is_name,
    label,
    needs_counterpart,
    party,
    pending,
    references,
    stand_in,
)
from syncd.model.spec import DEFAULT_KEY, NO_COUNTERPART, SPECS
from syncd.model.writes import Refused
from syncd.outlook import lens_of
from syncd.parts import Parts
from syncd.reconciler import explain
from syncd.state.values import Dirty, Link, LinkState

_MONEY_APART = frozenset({"lines"})
"""Lines may be split otherwise in QBO; what they come to has to be the same."""


class Decided(msgspec.Struct, frozen=True):
    """What a set of answers comes to. With a fault nothing of it may be stored.

    ``links`` are to be stored, the next four with them: links that end; links of documents that go on as they are
    although what they refer to is linked otherwise from now on; what the settings name as a default; and records whose
    source lacks what QBO decided, for the next run to fill in. ``ignored`` of the links are records to be left alone.
    ``waiting`` answers cannot be taken before others are given (their text says which). ``already`` were
    linked just so before, ``create`` are left to the next runs, ``undecided`` have no answer.
    """

    links: tuple[Link, ...] = ()
    ended: tuple[Link, ...] = ()
    rebased: tuple[Link, ...] = ()
    defaults: tuple[Link, ...] = ()
    dirty: tuple[Dirty, ...] = ()
    faults: tuple[Fault, ...] = ()
    waiting: tuple[Fault, ...] = ()
    ignored: int = 0
    already: int = 0
    create: int = 0
    undecided: int = 0


class _Refused(Exception):  # noqa: N818 - what it is: an answer that is refused
    """One answer cannot be taken; ``wait``: not before others are given."""

    def __init__(self, text: str, *, wait: bool = False) -> None:
        super().__init__(text)
        self.wait = wait


class Decider:
    """Checks the answers of one person against both sides. Reads only. One use only."""

    def __init__(self, parts: Parts, facts: BooksFacts, *, instead: frozenset[Reference] = frozenset()) -> None:
        """``instead``: records of the source whose present link is to be replaced."""
        self._parts = parts
        self._instead = instead
        self._scope = Scope(parts, facts)
        self._lens: Lens = lens_of(parts, facts)
        self._links = LinkBook(parts.store, parts.company)
        self._open = {(e.intent.kind, e.intent.source_id) for e in parts.store.open_entries(parts.company)}
        self._now = parts.clock.now()
        self._made: list[Link] = []
        self._defaults: list[Link] = []
        self._dirty: list[Dirty] = []
        self._faults: list[Fault] = []
        self._waiting: list[Fault] = []
        self._counts: dict[str, int] = defaultdict(int)
        self._given: dict[tuple[Kind, str], Answer] = {}

    def decide(self, answers: Sequence[Answer], faults: Sequence[Fault] = ()) -> Decided:
        """Look at every answer, kind by kind, so that documents find the clients and items they refer to."""
        self._faults.extend(faults)
        by_kind: dict[Kind, list[Answer]] = defaultdict(list)
        for answer in answers:
            if wording := word_fault(answer):
                self._fault(answer, wording)
            elif answer.kind not in self._scope.kinds:
                self._fault(answer, f"{SPECS[answer.kind].plural} are not matched for this company.")
            else:
                by_kind[answer.kind].append(answer)
        for kind in self._scope.kinds:
            self._kind(kind, by_kind.get(kind, []))
        return Decided(
            links=tuple(self._made),
            defaults=tuple(self._defaults),
            dirty=tuple(self._dirty),
            faults=tuple(sorted(self._faults, key=lambda fault: fault.line)),
            waiting=tuple(self._waiting),
            ignored=self._counts["ignored"],
            already=self._counts["already"],
            create=self._counts["create"],
            undecided=self._counts["undecided"],
        )

    # ---- one kind

    def _kind(self, kind: Kind, answers: Sequence[Answer]) -> None:
        decided = [answer for answer in answers if answer.use]
        self._counts["undecided"] += len(answers) - len(decided)
        if not decided:
            return
        qbo_ids = [answer.use for answer in decided if _is_id(answer)]
        known = self._links.load_links(kind, source_ids=[answer.source_id for answer in decided], qbo_ids=qbo_ids)
        by_source = {link.source_id: link for link in known if link.state is not LinkState.TOMBSTONED}
        by_qbo = {link.qbo_id: link for link in known if link.state is not LinkState.TOMBSTONED and link.qbo_id}
        ours = self._read_source(kind, decided)
        theirs = self._parts.books.read(kind, sorted(set(qbo_ids))) if qbo_ids else {}
        records = [o.record for o in ours.values() if isinstance(o, Present)]
        self._links.load_refs({ref for record in records for ref in references(record)}, Side.SOURCE)
        for record in records:
            self._link_defaults(record)
        creating = self._name_holders(kind, [a for a in decided if a.use == CREATE], ours)
        for answer in decided:
            try:
                self._one(answer, by_source.get(answer.source_id), by_qbo.get(answer.use), ours, theirs, creating)
            except _Refused as refused:
                if refused.wait:
                    self._waiting.append(Fault(str(refused), kind, answer.source_id, answer.line))
                else:
                    self._fault(answer, str(refused))

    def _one(
        self,
        answer: Answer,
        known: Link | None,
        taken: Link | None,
        ours: Mapping[str, Observation],
        theirs: Mapping[str, Observation],
        creating: Mapping[str, str],
    ) -> None:
        kind = answer.kind
        if (kind, answer.source_id) in self._open:
            raise _Refused("a write of this record is not settled yet. Run `syncd reconcile` first.")
        if _says(known, answer):
            self._counts["already"] += 1
            return
        replaced = known is not None and (kind, known.source_id) in self._instead
        if known is not None and known.state is not LinkState.IGNORED and not replaced:
            raise _Refused(
                f"is linked with {known.qbo_id} already. Correct a single link with `syncd match --set {kind} "
                f"{answer.source_id} {answer.use}`."
            )
        mine = _present(ours.get(answer.source_id), "the source")
        if answer.use == CREATE:
            if holder_text := creating.get(answer.source_id, ""):
                raise _Refused(holder_text)
            self._counts["create"] += 1
        elif answer.use in {IGNORE, NONE}:
            self._without(answer, mine)
        else:
            self._refuse_second(answer, taken)
            self._put(self._pair(answer, mine, _present(theirs.get(answer.use), "QuickBooks")))

    def _without(self, answer: Answer, mine: Present) -> None:
        """A record that stands alone: left alone altogether, or with no counterpart that anybody would miss."""
        link = Link(
            company=self._parts.company,
            kind=answer.kind,
            source_id=answer.source_id,
            qbo_id="" if answer.use == IGNORE else NO_COUNTERPART,
            state=LinkState.IGNORED if answer.use == IGNORE else LinkState.LINKED,
            source_version=mine.version,
            source_base={} if answer.use == IGNORE else self._lens.source(answer.kind, mine.record, self._resolve),
            label=label(mine.record),
        )
        self._counts["ignored"] += answer.use == IGNORE
        self._put(link)

    def _refuse_second(self, answer: Answer, taken: Link | None) -> None:
        """One record of QBO has one counterpart, but for names in lists (R-23)."""
        if SPECS[answer.kind].link_only:
            return
        first = self._given.setdefault((answer.kind, answer.use), answer)
        if first is not answer:
            where = f" on line {first.line}" if first.line else ""
            raise _Refused(f"{answer.use} is given to {first.source_id!r}{where}, too; one of the two is wrong.")
        if taken is not None and taken.source_id != answer.source_id:
            whose = f"{taken.source_id!r} ({taken.label})" if taken.source_id else "nothing: a person ignores it"
            raise _Refused(f"{answer.use} is linked with {whose} already.")

    def _pair(self, answer: Answer, mine: Present, other: Present) -> Link:
        """The link, if nothing speaks against it."""
        kind = answer.kind
        if not is_usable(other.record):
            word = "void" if SPECS[kind].transaction else "inactive"
            raise _Refused(f"{label(other.record)} ({answer.use}) is {word} in QuickBooks.")
        if SPECS[kind].transaction and not self._scope.flows(kind, mine.record):
            raise _Refused("is a draft or void in the source and does not belong in QuickBooks.")
        self._refuse_open_references(mine.record)
        source, qbo = self._lens.source(kind, mine.record, self._resolve), self._lens.qbo(kind, other.record)
        different = differing(source, qbo)
        self._refuse_money(kind, different, mine.record, other.record)
        lacking = self._scope.returned(kind) & {name for name in different if source[name] == ""}
        if lacking:
            self._dirty.append(
                Dirty(
                    kind, answer.source_id, answer.use, "the source lacks what QuickBooks decided", not_before=self._now
                )
            )
        return Link(
            company=self._parts.company,
            kind=kind,
            source_id=answer.source_id,
            qbo_id=answer.use,
            source_version=mine.version,
            qbo_version=other.version,
            source_base=source,
            qbo_base=qbo,
            accepted=tuple(sorted(different - lacking)),
            label=label(mine.record),
        )

    def _refuse_money(self, kind: Kind, different: frozenset[str], mine: Record, other: Record) -> None:
        spec = SPECS[kind]
        owner = party(mine)
        if owner is not None and owner[0].value in different:
            raise _Refused(
                f"it is of another {owner[0]} in QuickBooks than the one that its {owner[0]} is linked with."
            )
        ours, theirs = self._lens.currency(mine), self._lens.currency(other)
        if "currency" in different:
            remedy = "Choose another." if spec.transaction else f"Keep one {kind} for each currency, matched in pairs."
            raise _Refused(
                f"it is in {ours} in the source and in {theirs} in QuickBooks, where a currency never changes. {remedy}"
            )
        apart = (different & frozenset(spec.money_fields)) - _MONEY_APART
        if apart:
            raise _Refused(
                f"the two differ in {explain.words(apart)}: the totals are {amount_of(mine)} {ours} in the source and "
                f"{amount_of(other)} {theirs} in QuickBooks. Correct one of them, or choose another."
            )

    def _refuse_open_references(self, record: Record) -> None:
        for kind, reference in sorted(references(record)):
            if needs_counterpart(kind) and not self._links.to_qbo(kind, reference):
                named = "the default (no default is set)" if reference == DEFAULT_KEY else repr(reference)
                raise _Refused(f"its {kind} {named} is not matched yet.", wait=True)

    # ---- reading

    def _read_source(self, kind: Kind, answers: Sequence[Answer]) -> dict[str, Observation]:
        """Rows by id; what the source keeps only as a name stands for itself."""
        named = {a.source_id: a.name for a in answers if kind is Kind.TAX_CODE or is_name(kind, a.source_id)}
        ids = [a.source_id for a in answers if a.source_id not in named]
        found: dict[str, Observation] = {}
        if ids and self._scope.has_table(kind):
            found.update(self._parts.source.read(kind, ids))
        for source_id, name in named.items():
            shown = name or source_id.partition(":")[2]
            found[source_id] = Present(stand_in(kind, source_id, shown), version="")
        return found

    def _link_defaults(self, record: Record) -> None:
        """What a document names not at all is what the settings say, as in every run (R-23)."""
        for kind, reference in references(record):
            if reference != DEFAULT_KEY or self._links.to_qbo(kind, reference):
                continue
            if qbo_id := self._parts.books.default_of(kind):
                made = stand_in(kind, DEFAULT_KEY, "")
                base = self._lens.source(kind, made, self._resolve)
                link = Link(self._parts.company, kind, DEFAULT_KEY, qbo_id, source_base=base, accepted=("name",))
                self._defaults.append(link)
                self._links.put(link)

    def _name_holders(self, kind: Kind, answers: Sequence[Answer], ours: Mapping[str, Observation]) -> dict[str, str]:
        """Why QBO would not take a new record of some name: it has one already (entities.md 3.1)."""
        probes = [o.record for a in answers if isinstance(o := ours.get(a.source_id), Present)]
        found = self._parts.books.find(kind, probes) if probes else {}
        texts = {}
        for source_id, answer in found.items():
            match answer:
                case Unknown(reason=reason):
                    texts[source_id] = f"whether QuickBooks has the name could not be found out: {reason}"
                case Refused(text=text, remedy=remedy):
                    texts[source_id] = f"{text} {remedy}".strip()
                case candidates:
                    active = [c.record for c in candidates if isinstance(c, Present) and is_usable(c.record)]
                    for record in active[:1]:
                        name = f"{label(record)} ({record.id})"
                        texts[source_id] = (
                            f'QuickBooks has {name} already. Answer "{record.id}", or rename one of them.'
                        )
        return texts

    def _put(self, link: Link) -> None:
        self._made.append(link)
        self._links.put(link)

    def _resolve(self, kind: Kind, reference: str) -> str:
        return self._links.to_qbo(kind, reference) or pending(kind, reference)

    def _fault(self, answer: Answer, text: str) -> None:
        self._faults.append(Fault(text, answer.kind, answer.source_id, answer.line))


def _is_id(answer: Answer) -> bool:
    return answer.use not in WORDS and bool(answer.use)


def _says(link: Link | None, answer: Answer) -> bool:
    """Whether a link says already what a person answers now."""
    if link is None:
        return False
    if answer.use == IGNORE:
        return link.state is LinkState.IGNORED
    wanted = NO_COUNTERPART if answer.use == NONE else answer.use
    return link.state is LinkState.LINKED and link.qbo_id == wanted


def _present(observation: Observation | None, side: str) -> Present:
    """The record, or why an answer about it cannot be taken."""
    match observation:
        case Present():
            return observation
        case Flawed(problems=problems):
            why = "; ".join(f"{problem.text} {problem.remedy}".strip() for problem in problems)
            raise _Refused(f"it cannot be used as it stands in {side}: {why}")
        case Absent() | None:
            raise _Refused(f"there is no such record in {side} now.")
        case _:
            reason = observation.reason if isinstance(observation, Unknown) else "no answer"
            raise _Refused(f"it could not be read in {side}: {reason}. Try again.")
