"""What a plan is made from: both sides as observed, what is known of them, and what people said; as one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from syncd.errors import QboRefused
from syncd.feeds import Observed, observe, rails
from syncd.gather import Gatherer
from syncd.links import LinkBook
from syncd.model.facts import BooksFacts
from syncd.model.kinds import Kind, Side
from syncd.model.lens import Lens
from syncd.model.references import NAMED
from syncd.model.spec import SPECS
from syncd.paidmarks import payments_on
from syncd.parts import Parts
from syncd.reconciler.entries import Shown, SideCapability, View
from syncd.report import CycleRequest
from syncd.rooms import Rooms
from syncd.seen import Gathered, Said, Slot
from syncd.state.values import Company, Held

if TYPE_CHECKING:
    from syncd.qbo.books import BooksChanges


def lens_of(parts: Parts, facts: BooksFacts) -> Lens:
    """The lens of a company: what its source holds, put beside what QBO is set to."""
    held = {kind: c.fields - _unwanted(parts, kind) for kind, c in parts.source.capabilities().items()}
    for kind in NAMED:
        held.setdefault(kind, frozenset({"name"}))
    return Lens(held, facts, parts.settings)


def _unwanted(parts: Parts, kind: Kind) -> frozenset[str]:
    """The marks of a kind that the profile does not keep in agreement, and what else it leaves out."""
    policy = parts.policy.kinds.get(kind)
    marks = frozenset(SPECS[kind].marks)
    return marks if policy is None else (marks - policy.marks) | policy.left_out


def look_out(
    parts: Parts,
    request: CycleRequest,
    company: Company,
    facts: BooksFacts,
    in_doubt: frozenset[Slot],
    links: LinkBook,
) -> tuple[View, Gathered, Observed]:
    """Observe both sides, join them with what is known, and put it all into the view that a plan is made from."""
    observed = observe(parts, request)
    lens = lens_of(parts, facts)
    gatherer = Gatherer(
        source=parts.source,
        books=parts.books,
        links=links,
        lens=lens,
        policy=parts.policy,
        settings=parts.settings,
        in_doubt=in_doubt,
        words=_words(parts, request),
        only=request.kinds,
        ids=request.ids,
        reload=request.reload,
        asked=dict.fromkeys(request.push, request.asked),
        narrow=bool(request.push),
        linked_in_qbo=_swept(parts, observed.books),
        undone=lambda: parts.store.undone(parts.company),
    )
    gathered = gatherer.gather(observed.changes, observed.books, observed.dirty)
    rooms = Rooms(parts.books, links, parts.policy, parts.settings)
    gathered = msgspec.structs.replace(gathered, entries=rooms.fit(gathered.entries))
    capabilities = capabilities_of(parts)
    if any(capability.mode == "worklist" for capability in capabilities.values()):
        gatherer.load_names()
    defaults, no_default = _defaults(parts, gathered)
    view = View(
        entries=gathered.entries,
        lens=lens,
        facts=facts,
        settings=parts.settings,
        policy=parts.policy,
        capabilities=capabilities,
        to_qbo=links.to_qbo,
        to_source=links.to_source,
        rails=rails(parts, company, observed, gathered, request.removed),
        overrides=request.overrides,
        party_currency=_currencies(links, gathered, lens),
        defaults=defaults,
        no_default=no_default,
        label_of=links.label,
        first=observed.before.qbo is None,
        today=parts.clock.now().date(),
        payments=payments_on(parts, links, gathered.entries),
    )
    return view, gathered, observed


def _words(parts: Parts, request: CycleRequest) -> dict[Slot, Said]:
    """What people said about held records, each with the case that they were asked about and the values they saw; and
    what is reloaded, which is to become what QBO holds as long as it is there."""
    words: dict[Slot, Said] = dict.fromkeys(request.reload, ("reload", "", None))
    if any(word != "ignore" for word in parts.store.instructions(parts.company).values()):
        answered = (h for h in parts.store.held(parts.company) if h.resolution not in {"", "ignore"})
        words |= {(h.kind, h.source_id, h.qbo_id): (h.resolution, h.case, _shown(h)) for h in answered}
    return words


def _shown(held: Held) -> Shown:
    return Shown(source=held.source_value, qbo=held.qbo_value, qbo_id=held.qbo_id)


def _swept(parts: Parts, books: BooksChanges | None) -> dict[Kind, frozenset[str]]:
    """The linked ids of kinds whose ids QBO had to list in full."""
    kinds = books.linked_sweep if books is not None else frozenset()
    return {kind: parts.store.linked_ids(parts.company, kind, Side.QBO) for kind in kinds}


def capabilities_of(parts: Parts) -> Mapping[Kind, SideCapability]:
    """What the source can be told, as the reconciler asks it."""
    return {
        kind: SideCapability(verbs=c.verbs, writable=c.writable, external_id=c.external_id, mode=c.mode)
        for kind, c in parts.source.capabilities().items()
    }


def _defaults(parts: Parts, gathered: Gathered) -> tuple[dict[Kind, str], dict[Kind, str]]:
    """What stands for the unmatched, or why there is nothing; looked up in QBO only for kinds that are to be decided
    about. A wrong name in the settings stops those records and no others."""
    found: dict[Kind, str] = {}
    missing: dict[Kind, str] = {}
    for kind in sorted({entry.kind for entry in gathered.entries if SPECS[entry.kind].link_only}):
        try:
            found[kind] = parts.books.default_of(kind)
        except QboRefused as error:
            missing[kind] = str(error)
    return found, missing


def _currencies(links: LinkBook, gathered: Gathered, lens: Lens) -> Callable[[Kind, str], str]:
    """A party's currency: as QBO has it, else (to be created in the same plan) as the source has it."""

    def currency(kind: Kind, source_id: str) -> str:
        record = gathered.current.get((kind, source_id))
        return links.currency(kind, source_id) or (lens.party_currency(record) if record is not None else "")

    return currency
