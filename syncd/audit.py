"""The audit: a full compare of everything on both sides that ends in a proof of agreement to the cent.

Streams both sides and keeps of each record of QBO only what a comparison needs (a fingerprint of its projection, its
amount, and for invoices the open balance), so that memory grows by some hundred bytes a record, not by the record.
Records whose fingerprints differ are read once more and compared field by field; only those are explained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Protocol, TypeVar

import msgspec

from syncd.links import LinkBook
from syncd.model import values
from syncd.model.kinds import Kind, Side, State
from syncd.model.lens import Lens
from syncd.model.observations import Flawed, Observation, Present
from syncd.model.projections import SOMETIMES, Projection, differing
from syncd.model.records import Record
from syncd.model.records.forms import Invoice
from syncd.model.records.payments import CreditApplication, Payment
from syncd.model.references import label, owner_of, pending, references
from syncd.model.spec import SPECS
from syncd.model.values import Canonical
from syncd.reconciler import explain
from syncd.reconciler.freeze import money_of
from syncd.reconciler.plan import Change
from syncd.reconciler.policy import Answer, Case, KindPolicy, Policy
from syncd.report import AuditReport, Difference
from syncd.sources.base import Source
from syncd.state.values import Link, LinkState

CHUNK = 1000
T = TypeVar("T")


class BooksScanner(Protocol):
    """What an audit reads of QBO."""

    def scan(self, kind: Kind) -> Iterator[Present | Flawed]:
        """Every record of a kind."""
        ...

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Observation]:
        """Records by id."""
        ...


class _Gist(msgspec.Struct, frozen=True, gc=False):
    """What a projection says, in little room: a fingerprint of what both sides always tell, and the rest as it is."""

    firm: str
    told: tuple[tuple[str, Canonical], ...]

    @classmethod
    def of(cls, projection: Projection) -> _Gist:
        firm = {name: value for name, value in projection.items() if name not in SOMETIMES}
        told = tuple((name, projection[name]) for name in sorted(SOMETIMES & projection.keys()))
        return cls(values.fingerprint(firm), told)

    def same(self, other: _Gist) -> bool:
        """Whether nothing differs. A field that only one of the two has is no difference."""
        return self.firm == other.firm and not differing(dict(self.told), dict(other.told))


class _Brief(msgspec.Struct, frozen=True, gc=False):
    """What is kept of a record of QBO: what it says, whether it is live, and for invoices what is paid."""

    gist: _Gist
    live: bool
    paid: Decimal | None


class _Paid(msgspec.Struct, frozen=True):
    """What QBO counts as paid on an invoice. ``place``: where the invoice already is among the differences."""

    link: Link
    amount: Decimal
    currency: str
    place: int | None
    accepted: bool


class Auditor:
    """Audits one company. Writes nothing."""

    def __init__(
        self,
        *,
        company: str,
        source: Source,
        books: BooksScanner,
        links: LinkBook,
        lens: Lens,
        policy: Policy,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> None:
        self._company = company
        self._source = source
        self._books = books
        self._links = links
        self._lens = lens
        self._policy = policy
        self._progress = progress
        self._compared = self._agree = self._accepted = self._waiting = self._unknown = 0
        self._differ: list[Difference] = []
        self._left: list[Difference] = []
        self._money: dict[str, Decimal] = {}
        self._paid_there: dict[str, _Paid] = {}
        self._paid_here: dict[str, Decimal] = {}

    def run(self) -> AuditReport:
        """Compare every kind that is kept in agreement; the balance of each invoice is checked as well (F-17)."""
        for kind, policy in self._policy.kinds.items():
            if self._policy.only_matched(kind):
                continue
            briefs = {o.record.id: self._brief(kind, o.record) for o in self._present(self._books.scan(kind))}
            self._compare(kind, policy, briefs)
        if Kind.PAYMENT in self._source.capabilities():
            self._check_balances()
        return AuditReport(
            company=self._company,
            compared=self._compared,
            agree=self._agree,
            accepted=self._accepted,
            differ=tuple(self._differ),
            left=tuple(self._left),
            money_difference=dict(self._money),
            waiting=self._waiting,
            unknown=self._unknown,
        )

    def _present(self, observations: Iterable[Present | Flawed]) -> Iterator[Present]:
        for observation in observations:
            if isinstance(observation, Present):
                yield observation
            else:
                self._unknown += 1

    def _brief(self, kind: Kind, record: Record) -> _Brief:
        live = getattr(record, "state", State.LIVE) is not State.VOID and getattr(record, "active", True)
        paid = None
        if isinstance(record, Invoice) and isinstance(record.balance, Decimal):
            paid = record.total - record.balance
        return _Brief(_Gist.of(self._lens.qbo(kind, record)), live, paid)

    def _compare(self, kind: Kind, policy: KindPolicy, briefs: Mapping[str, _Brief]) -> None:
        seen: set[str] = set()
        for chunk in _chunks(self._source.scan(kind), CHUNK):
            records = [o.record for o in chunk if isinstance(o, Present)]
            flawed = [o for o in chunk if isinstance(o, Flawed)]
            ids = [record.id for record in records] + [o.id for o in flawed]
            links = {link.source_id: link for link in self._links.load_links(kind, source_ids=ids)}
            for observation in flawed:
                self._unusable(kind, observation, links.get(observation.id), seen)
            needed = {ref for record in records for ref in references(record)}
            self._links.load_refs(needed, Side.SOURCE)
            for record in records:
                link = links.get(record.id)
                if link is not None and link.qbo_id:
                    seen.add(link.qbo_id)
                self._one(kind, record, link, policy, briefs)
            self._links.forget_bases()
            if self._progress is not None:
                self._progress(self._compared, 0, f"{SPECS[kind].plural} compared")
        self._lost(kind, seen, briefs)

    def _unusable(self, kind: Kind, observation: Flawed, link: Link | None, seen: set[str]) -> None:
        """A record of the source that cannot be used: it waits, or it differs from what it is linked to."""
        if link is None or link.state is not LinkState.LINKED:
            self._waiting += 1
            return
        seen.add(link.qbo_id)
        self._compared += 1
        reason = "cannot be used as it stands in the source: " + "; ".join(p.text for p in observation.problems)
        self._differ.append(Difference(kind, link.label, link.source_id, link.qbo_id, reason))

    def _one(
        self, kind: Kind, record: Record, link: Link | None, policy: KindPolicy, briefs: Mapping[str, _Brief]
    ) -> None:
        flowing = policy.flows_in(record)
        if link is not None and link.state is LinkState.ORPHANED:
            self._orphan(link, flowing=flowing, there=briefs.get(link.qbo_id))
        if link is None or link.state is not LinkState.LINKED:
            owner = owner_of(record)
            at_home = owner is not None and not self._links.to_qbo(*owner)
            needed = not policy.when_needed and policy.sends(record) and not at_home
            self._waiting += flowing and needed and (link is None or link.state is LinkState.TOMBSTONED)
            return
        self._compared += 1
        brief = briefs.get(link.qbo_id)
        if brief is None:
            self._report(kind, record, link, "is linked and not in QuickBooks any more")
        elif not brief.live:
            self._report(kind, record, link, "is void or inactive in QuickBooks")
        elif not flowing:
            self._report(kind, record, link, "does not belong in QuickBooks in its present state")
        else:
            self._both(kind, record, link, brief)

    def _orphan(self, link: Link, *, flowing: bool, there: _Brief | None) -> None:
        """What stays on one side by policy is no difference, and told all the same (C-O6, R-47)."""
        if there is None or not there.live:
            how = "deleted" if there is None else "voided"
            self._leave(link, f"was {how} in QuickBooks and stays in the source")
        elif not flowing:
            self._leave(link, "is withdrawn or void in the source and stays in QuickBooks")

    def _leave(self, link: Link, reason: str) -> None:
        self._left.append(Difference(link.kind, link.label, link.source_id, link.qbo_id, reason))

    def _both(self, kind: Kind, record: Record, link: Link, brief: _Brief) -> None:
        source = self._lens.source(kind, record, self._resolve)
        if isinstance(record, Payment | CreditApplication):
            for part in record.allocations:
                self._paid_here[part.invoice] = self._paid_here.get(part.invoice, Decimal(0)) + part.amount
        unknown, accepted, differ = self._unknown, self._accepted, len(self._differ)
        if _Gist.of(source).same(brief.gist):
            self._agree += 1
        elif link.accepted and source == link.source_base and brief.gist == _Gist.of(link.qbo_base):
            self._accepted += 1
        elif self._awaits(kind) and brief.gist == _Gist.of(link.qbo_base):
            self._accepted += 1
            changed = explain.words(differing(source, link.source_base))
            self._leave(link, f"the source changed {changed} since it was copied; syncd push {kind} {link.label}")
        else:
            self._explain(kind, record, link)
        if isinstance(record, Invoice) and brief.paid is not None and self._unknown == unknown:
            place = differ if len(self._differ) > differ else None
            paid = _Paid(_bare(link), brief.paid, self._lens.currency(record), place, self._accepted > accepted)
            self._paid_there[record.id] = paid

    def _awaits(self, kind: Kind) -> bool:
        """Whether what the source changes waits until a person asks for it (O-14)."""
        return self._policy.kinds[kind].answers.get(Case.SRC_EDITED) is Answer.AWAIT

    def _check_balances(self) -> None:
        """What QBO counts as paid on an invoice must be what the source's payments pay of it (F-17, a checksum)."""
        for source_id, paid in self._paid_there.items():
            here = self._paid_here.get(source_id, Decimal(0))
            if here == paid.amount:
                continue
            gap = abs(here - paid.amount)
            self._money[paid.currency] = self._money.get(paid.currency, Decimal(0)) + gap
            reason = f"shows {paid.amount:.2f} paid or credited in QuickBooks and {here:.2f} in the source"
            if paid.place is not None:
                known = self._differ[paid.place]
                self._differ[paid.place] = msgspec.structs.replace(
                    known, reason=f"{known.reason}; {reason}", money=known.money + gap
                )
                continue
            self._accepted -= paid.accepted
            self._agree -= not paid.accepted
            self._differ.append(
                Difference(
                    Kind.INVOICE,
                    paid.link.label,
                    source_id,
                    paid.link.qbo_id,
                    reason,
                    money=gap,
                    currency=paid.currency,
                )
            )

    def _explain(self, kind: Kind, record: Record, link: Link) -> None:
        answer = self._books.read(kind, [link.qbo_id]).get(link.qbo_id)
        if not isinstance(answer, Present):
            self._compared -= 1
            self._unknown += 1
            return
        source, qbo = self._lens.source(kind, record, self._resolve), self._lens.qbo(kind, answer.record)
        different = differing(source, qbo)
        if different <= frozenset(link.accepted):
            self._accepted += bool(different)
            self._agree += not different
            return
        self._report(
            kind,
            record,
            link,
            f"differs in {explain.words(different)}",
            changes=explain.changes(different, source, qbo),
            other=answer.record,
        )

    def _lost(self, kind: Kind, seen: set[str], briefs: Mapping[str, _Brief]) -> None:
        """Linked records of QBO whose record in the source was not listed."""
        for ids in _chunks((i for i in briefs if i not in seen), CHUNK):
            for link in self._links.load_links(kind, qbo_ids=ids):
                if link.state is LinkState.ORPHANED and link.qbo_id not in seen and briefs[link.qbo_id].live:
                    self._leave(link, "was removed in the source and stays in QuickBooks")
                if link.state is LinkState.LINKED and link.qbo_id not in seen and briefs[link.qbo_id].live:
                    seen.add(link.qbo_id)
                    self._compared += 1
                    self._differ.append(
                        Difference(
                            kind, link.label, link.source_id, link.qbo_id, "is linked and not in the source any more"
                        )
                    )

    def _report(
        self,
        kind: Kind,
        record: Record,
        link: Link,
        reason: str,
        *,
        changes: tuple[Change, ...] = (),
        other: Record | None = None,
    ) -> None:
        mine = money_of(record, self._lens)
        theirs = money_of(other, self._lens) if other is not None else None
        gap = Decimal(0)
        if mine is not None:
            gap = abs(mine.amount - (theirs.amount if theirs is not None else Decimal(0)))
            self._money[mine.currency] = self._money.get(mine.currency, Decimal(0)) + gap
        self._differ.append(
            Difference(
                kind=kind,
                label=label(record),
                source_id=link.source_id,
                qbo_id=link.qbo_id,
                reason=reason,
                changes=changes,
                money=gap,
                currency=mine.currency if mine is not None else "",
            )
        )

    def _resolve(self, kind: Kind, reference: str) -> str:
        return self._links.to_qbo(kind, reference) or pending(kind, reference)


def _bare(link: Link) -> Link:
    """The link without its base: many are kept for the balance check."""
    return msgspec.structs.replace(link, source_base={}, qbo_base={})


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
