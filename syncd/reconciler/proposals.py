"""Which records of QBO a person is shown for each record of the source, and which of them is certain.

Certain is: identical spelling, the same currency, the same owner, one record of QBO alone, and nothing else of the
source that claims it; or an id that the source or the settings state outright. For documents: number, client, date,
total and currency (R-110 to R-112, C-R17). Nothing that merely looks alike is ever chosen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from syncd.model.kinds import Kind
from syncd.model.spec import SPECS
from syncd.model.values import name_key, text
from syncd.reconciler.scores import IDENTICAL, Paper, Score, Shortlist, doubted, names, papers

MOST = 5
"""Proposals for one record."""
NAME_FLOOR, PAPER_FLOOR = 50, 40
"""Hundredths below which a likeness is not worth a person's time; of documents an equal number alone is."""
UNKNOWN_OWNER = "?"
"""It belongs to somebody, and who that is in QBO is not known."""
_NEAR = 12
"""Records that are looked at closely for one proposal."""
_STATED = "its id is stated in the source or in the settings"


class Proposal(msgspec.Struct, frozen=True):
    """A record of QBO that may be the same. ``points`` are hundredths; ``note`` says why."""

    qbo_id: str
    points: int
    name: str
    note: str

    def __str__(self) -> str:
        return f"{self.qbo_id}  {self.points // 100}.{self.points % 100:02d}  {self.name}  ({self.note})"


class Row(msgspec.Struct, frozen=True):
    """A record of the source with what it may be. ``use``: QBO's id where there is one certain match, else empty."""

    kind: Kind
    source_id: str
    name: str
    use: str = ""
    proposals: tuple[Proposal, ...] = ()


class Entry(msgspec.Struct, frozen=True):
    """A list record of either side. ``name`` is compared, ``shown`` (if other) is shown. ``currency``: empty where
    it has none. ``owner``: QBO's id of the customer it belongs to, empty where it belongs to none, or
    ``UNKNOWN_OWNER``. ``stated``: QBO's id, where the source says it."""

    id: str
    name: str
    currency: str = ""
    owner: str = ""
    stated: str = ""
    shown: str = ""

    @property
    def title(self) -> str:
        """What a person reads."""
        return self.shown or text(self.name)


class Sheet(msgspec.Struct, frozen=True):
    """A document of either side. ``stated``: QBO's id, where the source says it."""

    id: str
    paper: Paper
    shown: str
    stated: str = ""


def of_lists(kind: Kind, ours: Sequence[Entry], theirs: Sequence[Entry]) -> tuple[Row, ...]:
    """A row for each of ``ours``, by name. ``theirs`` are records of QBO that can be used."""
    there = {each.id: each for each in theirs}
    spelt: dict[str, list[Entry]] = defaultdict(list)
    for each in theirs:
        spelt[text(each.name)].append(each)
    shortlist = Shortlist((each.id, each.name) for each in theirs)
    certain = _unclaimed(kind, {mine.id: _certain(mine, there, spelt) for mine in ours})
    rows = []
    for mine in sorted(ours, key=lambda mine: (name_key(mine.title), mine.id)):
        use = certain[mine.id]
        near = (use,) if use else (*_ids(spelt[text(mine.name)]), *shortlist.near(mine.name, _NEAR))
        found = {qbo_id: (_likeness(mine, there[qbo_id]), there[qbo_id]) for qbo_id in near}
        proposals = [
            Proposal(qbo_id, score.points, text(each.name), _note(each, score, qbo_id == mine.stated))
            for qbo_id, (score, each) in found.items()
            if score.points >= NAME_FLOOR or qbo_id == use
        ]
        name = f"{mine.title} ({mine.currency})" if mine.currency else mine.title
        rows.append(Row(kind, mine.id, name, use, _best(proposals)))
    return tuple(rows)


def of_documents(kind: Kind, ours: Sequence[Sheet], theirs: Sequence[Sheet]) -> tuple[Row, ...]:
    """A row for each of ``ours``, by date and number. ``theirs`` are documents of QBO that are not void."""
    there = {each.id: each for each in theirs}
    shelves = [(key, _shelved(key, theirs)) for key in _LOOKED_UP_BY]
    scored: dict[str, dict[str, Score]] = {}
    for mine in ours:
        near = {qbo_id for key, shelf in shelves if key(mine.paper) for qbo_id in shelf.get(key(mine.paper), ())}
        near |= {mine.stated} & there.keys()
        scored[mine.id] = {qbo_id: papers(mine.paper, there[qbo_id].paper) for qbo_id in near}
    certain = _unclaimed(kind, {mine.id: _certain_document(mine, scored[mine.id], there) for mine in ours})
    rows = []
    for mine in sorted(ours, key=lambda mine: (mine.paper.date, mine.paper.number, mine.id)):
        use = certain[mine.id]
        proposals = [
            Proposal(qbo_id, score.points, there[qbo_id].shown, _stated_too(score.reason, qbo_id == mine.stated))
            for qbo_id, score in scored[mine.id].items()
            if use == qbo_id or (not use and (score.points >= PAPER_FLOOR or qbo_id == mine.stated))
        ]
        rows.append(Row(kind, mine.id, mine.shown, use, _best(proposals)))
    return tuple(rows)


def _certain_document(mine: Sheet, found: Mapping[str, Score], there: Mapping[str, Sheet]) -> str:
    """The one document of QBO that it is beyond doubt, or an empty string. A stated id is none where money differs."""
    if mine.stated in there:
        theirs = there[mine.stated].paper
        same = (mine.paper.total, mine.paper.currency) == (theirs.total, theirs.currency)
        return mine.stated if same else ""
    whole = [qbo_id for qbo_id, score in found.items() if score.points == IDENTICAL]
    return whole[0] if len(whole) == 1 else ""


def _stated_too(reason: str, stated: bool) -> str:
    return f"{reason}; {_STATED}" if stated else reason


_LOOKED_UP_BY: tuple[Callable[[Paper], object], ...] = (
    lambda paper: paper.number and name_key(paper.number),
    lambda paper: paper.client and (paper.client, paper.total),
    lambda paper: (paper.date, paper.total),
)


def _shelved(key: Callable[[Paper], object], sheets: Iterable[Sheet]) -> Mapping[object, list[str]]:
    found: dict[object, list[str]] = defaultdict(list)
    for sheet in sheets:
        if key(sheet.paper):
            found[key(sheet.paper)].append(sheet.id)
    return found


def _certain(mine: Entry, there: Mapping[str, Entry], spelt: Mapping[str, Sequence[Entry]]) -> str:
    """The one record of QBO that it is beyond doubt, or an empty string."""
    if mine.stated:
        stated = there.get(mine.stated)
        return stated.id if stated is not None and not _against(mine, stated) else ""
    same = [each for each in spelt.get(text(mine.name), ()) if not _against(mine, each)]
    return same[0].id if len(same) == 1 and text(mine.name) else ""


def _unclaimed(kind: Kind, certain: Mapping[str, str]) -> dict[str, str]:
    """Without those that two records of the source would share; names in a list may (R-23)."""
    claims = Counter(certain.values())
    shared = SPECS[kind].link_only
    return {name: use if shared or claims[use] == 1 else "" for name, use in certain.items()}


def _likeness(mine: Entry, other: Entry) -> Score:
    score = names(mine.name, other.name)
    against = _against(mine, other)
    return doubted(score, against) if against else score


def _against(mine: Entry, other: Entry) -> str:
    """What speaks against the two being the same, whatever their names."""
    if mine.currency and other.currency and mine.currency != other.currency:
        return f"in {other.currency}, not {mine.currency}"
    if mine.owner and mine.owner != other.owner:
        return "its client is not matched yet" if mine.owner == UNKNOWN_OWNER else "it belongs to another customer"
    return ""


def _note(other: Entry, score: Score, stated: bool) -> str:
    reason = _stated_too(score.reason, stated)
    return f"{other.currency}; {reason}" if other.currency else reason


def _best(proposals: Iterable[Proposal]) -> tuple[Proposal, ...]:
    return tuple(sorted(proposals, key=lambda each: (-each.points, each.qbo_id.zfill(30)))[:MOST])


def _ids(entries: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(entry.id for entry in entries)
