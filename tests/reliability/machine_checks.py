"""The twelve invariants of correctness.md section 5, checked against what really happened (``machine_truth``).

What syncd remembers is read where it is itself the thing on trial (its bases, its links, its journal); whether it is
right is decided by the histories of the two sides. ``Broken`` names the invariant, so that whoever breaks the program
on purpose can see which of them noticed.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from syncd.links import LinkBook
from syncd.model.facts import BooksFacts
from syncd.model.kinds import Kind
from syncd.model.kinds import Side as SyncdSide
from syncd.model.writes import Verb
from syncd.outlook import look_out
from syncd.reconciler.plan import Operation, Plan
from syncd.reconciler.reconcile import reconcile
from syncd.report import CycleReport, CycleRequest
from syncd.sandbox.wire import decode
from syncd.state.values import Company, Link, LinkState
from tests.reliability.machine_broken import ensure
from tests.reliability.machine_people import People
from tests.reliability.machine_policies import may_override
from tests.reliability.machine_stage import Stage
from tests.reliability.machine_truth import (
    ENTITIES,
    FIELDS,
    KINDS,
    PEOPLE,
    SYNCD,
    Json,
    Name,
    Side,
    Version,
    from_base,
    live,
)
from tests.reliability.machine_wire import Trouble

DOCUMENTS = ("invoice", "payment")
_DEFINITE = frozenset({"6000"})
"""Codes with which QuickBooks says no for good, among those that occur here."""


@dataclass
class Attempt:
    """One write as it went out."""

    request_id: str
    op: str
    entity: str
    body: Json
    code: str
    record: str = field(init=False)

    def __post_init__(self) -> None:
        self.record = str(self.body.get("Id", ""))


@dataclass
class Moment:
    """What there was before a run."""

    books: int
    source: int
    ledger: int
    links: dict[tuple[str, str, str], Link]
    linked: Counter[str]
    open_entries: int


class Checks:
    """Everything that must be true of one world, and when."""

    def __init__(self, stage: Stage, people: People) -> None:
        self.stage, self.people = stage, people
        self.world, self.truth = stage.world, stage.truth
        self.told: set[Name] = set()
        """Records about which a person said a word: by what they are called on either side."""
        self.mass_change = False
        self.reconfigured = False
        self._ever_linked: set[Name] = set()
        self._links: list[Link] | None = None
        self._lost: dict[tuple[str, Name, str], Any] = {}
        self._window = 0, 0
        self._drafts: dict[Name, Any] = {}
        self._remember_drafts()

    # ---- before and after a run

    def before(self) -> Moment:
        """Look at everything before a run begins."""
        self.truth.note(SYNCD)
        links = self.links() if self._links is None else self._links
        entries = len(self.world.store.open_entries(self.world.name))
        if not entries:
            self._window = self.truth.books.place, self.truth.source.place
        linked = Counter(link.kind.value for link in links if link.state is LinkState.LINKED)
        self._remember_drafts()
        return Moment(
            self.truth.books.place,
            self.truth.source.place,
            self.stage.sandbox.last_request(),
            {(link.kind.value, link.source_id, link.qbo_id): link for link in links},
            linked,
            entries,
        )

    def after(self, moment: Moment, report: CycleReport | None, trouble: Trouble, *, lifted: bool = False) -> None:
        """Everything that must be true after any run, whatever went wrong in it."""
        self.truth.note(SYNCD)
        links = self._links = self.links()
        for link in links:
            if link.qbo_id:
                self._ever_linked.add((link.kind.value, link.qbo_id))
        attempts = self.attempts(moment.ledger)
        self.one_document()
        self.adoptions(moment, links, trouble)
        self.hands_off()
        self.honest_bases(links)
        self.evidence(moment)
        self.needed(moment)
        self.bounded(moment, report, lifted=lifted)
        self.order(moment, links, attempts)
        self.refusals(attempts)
        self.nothing_lost(links)

    def links_again(self) -> None:
        """The state was put back: what was read of it is worth nothing."""
        self._links = None

    def links(self) -> list[Link]:
        """Every link of the documents and clients."""
        store, company = self.world.store, self.world.name
        return [
            link for kind in (Kind.CLIENT, Kind.INVOICE, Kind.PAYMENT) for link in store.stream_links(company, kind)
        ]

    def attempts(self, after: int) -> list[Attempt]:
        """The writes that syncd sent since a request of the ledger, in order."""
        found: list[Attempt] = []
        ledger = self.stage.sandbox.requests(
            after=after, realm=self.world.realm, client_id="sandbox-client", method="POST", bodies="true"
        )
        for entry in ledger:
            if entry["endpoint"] not in {"entity", "batch"}:
                continue
            body = decode((entry["request_body"] or "{}").encode())
            if entry["endpoint"] == "entity":
                entity = next((each for each in KINDS if each.lower() == entry["entity"].lower()), entry["entity"])
                found.append(Attempt(entry["requestid"] or "", entry["operation"], entity, body, entry["fault_code"]))
                continue
            for item in body.get("BatchItemRequest", []):
                entity = next((each for each in item if each in KINDS), "")
                if entity:
                    code = entry["item_faults"].get(item["bId"], entry["fault_code"])
                    request_id = f"{entry['requestid']}/{item['bId']}"
                    found.append(Attempt(request_id, item["operation"], entity, item[entity], code))
        return found

    # ---- I4

    def one_document(self) -> None:
        """I4: of what syncd creates there is never more than one that lives, for each record it stands for."""
        for side, where in ((self.truth.books, "QuickBooks"), (self.truth.source, "the source")):
            mine: dict[tuple[str, str], set[Name]] = {}
            tag_of: dict[Name, tuple[str, str]] = {}
            for version in side.versions:
                if side.made_by.get(version.name) != SYNCD:
                    continue
                tag = version.values.get("tag")
                if tag:
                    tag_of.setdefault(version.name, (version.name[0], tag))
                key = tag_of.get(version.name)
                if key is None:
                    continue
                there = mine.setdefault(key, set())
                (there.discard if version.op == "delete" or not _counts(version) else there.add)(version.name)
                ensure(len(there) <= 1, "I4", f"{key} exists {len(there)} times in {where}: {sorted(there)}")

    def adoptions(self, moment: Moment, links: list[Link], trouble: Trouble) -> None:
        """I4: no link is made while two candidates exist, and nothing is created beside a document that fits."""
        if trouble.meddle or trouble.lag:
            return  # what there was at the moment of the decision is not what there was before or is now
        linked_before = {(kind, qbo_id) for kind, _, qbo_id in moment.links}
        at_start = _state_at(self.truth.books, moment.books)
        for link in links:
            if (link.kind.value, link.source_id, link.qbo_id) in moment.links or link.state is not LinkState.LINKED:
                continue
            if link.kind is not Kind.INVOICE or link.created_by is not None or self._said(link):
                continue
            wished = self.truth.source.now.get(("invoice", link.source_id))
            if wished is not None:
                fits = self._fitting(wished, at_start, linked_before, certain=True)
                ensure(len(fits) < 2, "I4", f"{link.label} was linked to {link.qbo_id} while {fits} fit as well")
        for version in self.truth.books.since(moment.books):
            if (
                version.who == SYNCD
                and version.op == "create"
                and version.name[0] == "invoice"
                and not moment.open_entries
            ):
                wished = next(iter(self.truth.tagged(self.truth.source, "invoice", version.values["tag"])), None)
                fits = [] if wished is None else self._fitting(wished, at_start, linked_before, certain=False)
                ensure(not fits, "I4", f"{version.values['tag']} was created although {fits} may be the same")

    def _fitting(self, wished: Version, there: Iterable[Version], taken: set[Name], *, certain: bool) -> list[str]:
        """Unlinked invoices of the books that may be an invoice of the source."""
        client = self.truth.source.now.get(("client", wished.values["client"]))
        name = client.values["name"] if client is not None else ""
        fits = []
        for version in there:
            values = version.values
            if version.name[0] != "invoice" or not live(version) or version.name in taken:
                continue
            customer = self.truth.books.now.get(("client", values["client"]))
            same = customer is not None and customer.values["name"] == name
            same = same and all(values[of] == wished.values[of] for of in ("issue_date", "total"))
            number = bool(wished.values["number"]) and values["number"] == wished.values["number"]
            if (same and number) if certain else (number or (same and values["lines"] == wished.values["lines"])):
                fits.append(version.name[1])
        return fits

    def _said(self, link: Link) -> bool:
        return bool({(link.kind.value, link.source_id), (link.kind.value, link.qbo_id)} & self.told)

    # ---- I5

    def hands_off(self) -> None:
        """I5: what syncd never linked is, to the byte, as people made it; so are customers it did not create."""
        for name, raw in self.people.alone.items():
            now = self.truth.books.now.get(name)
            touched = name in self._ever_linked and name[0] != "client"
            if touched or name in self.told:
                continue
            ensure(now is not None, "I5", f"{name} was removed, and syncd never had anything to do with it")
            assert now is not None
            ensure(_own(now.raw) == _own(raw), "I5", f"{name} was changed, and is none of syncd's: {raw} {now.raw}")
        for name, values in self._drafts.items():
            seen = self.truth.source.now.get(name)
            changed = seen is None or (seen.who == SYNCD and seen.values != values)
            ensure(not changed, "I5", f"the draft {name} of the source was touched")

    def _remember_drafts(self) -> None:
        """Drafts that were never published belong to the source alone."""
        states: dict[Name, set[str]] = {}
        for version in self.truth.source.versions:
            if version.name[0] == "invoice" and version.op != "delete":
                states.setdefault(version.name, set()).add(version.values["state"])
        self._drafts = {
            name: self.truth.source.now[name].values
            for name, ever in states.items()
            if ever == {"draft"} and name in self.truth.source.now
        }

    # ---- I6

    def nothing_lost(self, links: list[Link]) -> None:
        """I6: what somebody wrote is still there, or was seen (it is in a base), or its end is in the audit, in a case
        in which the policy lets it end."""
        by_name = {("source", (link.kind.value, link.source_id)): link for link in links if link.source_base}
        by_name |= {("books", (link.kind.value, link.qbo_id)): link for link in links if link.qbo_base}
        for key, value in list(self.people.unseen.items()):
            side, name, of = key
            now = (self.truth.source if side == "source" else self.truth.books).now.get(name)
            base = by_name.get((side, name))
            half = {} if base is None else base.source_base if side == "source" else base.qbo_base
            if of in half and from_base(name[0], half, of) == value:
                del self.people.unseen[key]
            elif now is None or (now.values[of] != value and now.values["state"] != "void"):
                self._lost[key] = value
                del self.people.unseen[key]
        if self.world.store.open_entries(self.world.name):
            return  # what is under way is named in the audit once its outcome is known
        for (side, name, of), value in self._lost.items():
            ensure(
                name in self.told or self._named_in_audit(side, name, of, value),
                "I6",
                f"{of} of {name} was {value!r} in {side}; it is gone, and nothing says that anybody ever saw it",
            )
        self._lost.clear()

    def _named_in_audit(self, side: str, name: Name, of: str, value: Any) -> bool:
        """Whether an override that the policy allows names the value as the one that gave way."""
        mine = SyncdSide.SOURCE if side == "source" else SyncdSide.QBO
        allowed = may_override(self.stage.setup.policy, name[0], mine)
        for kind, source_id, qbo_id, written, case, before in self._overwritten():
            same = (kind, source_id if side == "source" else qbo_id) == name and written == mine.value
            if same and case in allowed and of in before and from_base(kind, before, of) == value:
                return True
        return False

    def _overwritten(self) -> Iterable[tuple[str, str, str, str, str, Json]]:
        """What was there before each write: from the history, and from writes that were overtaken afterwards."""
        with sqlite3.connect(self._state_file()) as state:
            told = state.execute(
                "SELECT kind, source_id, qbo_id, side, \"case\", before FROM history WHERE result = 'done'"
            ).fetchall()
            overtaken = state.execute("SELECT operation FROM journal WHERE state = 'superseded'").fetchall()
        state.close()
        for kind, source_id, qbo_id, side, case, before in told:
            yield kind, source_id, qbo_id, side, case, msgspec.json.decode(before or "{}")
        for (raw,) in overtaken:
            operation = msgspec.json.decode(raw, type=Operation)
            before = operation.qbo_base if operation.side is SyncdSide.QBO else operation.source_base
            yield (
                operation.kind.value,
                operation.source_id,
                operation.qbo_id,
                operation.side.value,
                operation.case,
                before,
            )

    # ---- I7

    def honest_bases(self, links: list[Link]) -> None:
        """I7: every field of either half of a base is a value that this side really held at some time."""
        for link in links:
            if link.state is not LinkState.LINKED:
                continue
            kind = link.kind.value
            for side, of, name, half in (
                (self.truth.source, "the source", (kind, link.source_id), link.source_base),
                (self.truth.books, "QuickBooks", (kind, link.qbo_id), link.qbo_base),
            ):
                ensure(name in side.gone, "I7", f"{name} is linked and was never there in {of}")
                for field_name in FIELDS[kind]:
                    if field_name in half:
                        value = from_base(kind, half, field_name)
                        ensure(
                            value in side.held(name, field_name),
                            "I7",
                            f"the base says that {field_name} of {name} was {value!r} in {of}, where it never was",
                        )

    # ---- I8

    def evidence(self, moment: Moment) -> None:
        """I8: nothing is removed unless its counterpart was gone, and no void is copied as amounts of zero."""
        books, source = self.truth.books, self.truth.source
        for mine, other, since, window in (
            (books, source, moment.books, self._window[1]),
            (source, books, moment.source, self._window[0]),
        ):
            for version in mine.since(since):
                if version.who != SYNCD:
                    continue
                if version.destroys:
                    twins = _called(other, version.name[0], _tag_of(mine, version.name))
                    alive = [name for name in twins if not other.was_gone(name, window)]
                    ensure(not alive, "I8", f"{version.op} of {version.name} while {alive} was there on the other side")
                elif version.name[0] == "invoice":
                    emptied = Decimal(version.values["total"]) == 0 and version.values["lines"]
                    ensure(not emptied, "I8", f"the amounts of {version.name} were set to zero")

    # ---- I2: every write has a reason

    def needed(self, moment: Moment) -> None:
        """I2: what syncd changes in QuickBooks is something else afterwards: what one side cannot hold is no edit."""
        there = {version.name: version.values for version in _state_at(self.truth.books, moment.books)}
        for version in self.truth.books.since(moment.books):
            if version.who == SYNCD and version.op == "update" and version.name[0] in DOCUMENTS:
                ensure(there.get(version.name) != version.values, "I2", f"{version.name} was written for nothing")
            there[version.name] = version.values

    # ---- I9

    def bounded(self, moment: Moment, report: CycleReport | None, *, lifted: bool) -> None:
        """I9: no more removals in a cycle than the limit; a halted one writes nothing at all."""
        mine = [v for v in self.truth.books.since(moment.books) if v.who == SYNCD]
        mine += [v for v in self.truth.source.since(moment.source) if v.who == SYNCD]
        removed = Counter(version.name[0] for version in mine if version.destroys)
        for kind, count in removed.items():
            limit = min(10, max(1, moment.linked[kind] * 5 // 100)) + moment.open_entries
            ensure(
                lifted or count <= limit, "I9", f"{count} of {moment.linked[kind]} {kind}s were removed in one cycle"
            )
        if lifted:
            self.mass_change = False
        for kind in () if lifted or moment.open_entries else DOCUMENTS:
            emptied = moment.linked[kind] and not self.truth.source.of(kind)
            wrote = any(
                v.destroys and v.name[0] == kind for v in self.truth.books.since(moment.books) if v.who == SYNCD
            )
            ensure(not (emptied and wrote), "I9", f"the source lists no {kind} at all, and that was believed")
        changed = [v for v in mine if v.name[0] == "invoice" and v.op == "update" and v.name in self.truth.books.now]
        stopped = self.mass_change and not moment.open_entries
        ensure(not (stopped and changed), "I9", f"all invoices changed at once, and {len(changed)} were written")
        if self.reconfigured and not moment.open_entries:
            ensure(
                not mine, "I9", f"the configuration changed, and nobody looked at the plan before {len(mine)} writes"
            )
        if report is not None and report.outcome == "halted" and any(b.kind is None for b in report.plan.brakes):
            ensure(not mine or moment.open_entries, "I9", "a halted cycle wrote something")

    # ---- I10

    def truthful(self, report: CycleReport, moment: Moment, plan: Plan) -> None:
        """I10: what went out is what the plan said, neither more nor less, kind after kind as the plan has it."""
        wished = Counter((o.side.value, o.verb.value, o.kind.value) for o in plan.writes)
        for operation in plan.writes:
            if operation.writes_back and operation.verb is Verb.CREATE:
                wished["source", "back", operation.kind.value] += 1
        sent = Counter(("qbo", _verb(a), KINDS[a.entity]) for a in self.attempts(moment.ledger))
        done: Counter[tuple[str, str, str]] = Counter()
        for version in self.truth.source.since(moment.source):
            if version.who == SYNCD:
                done["source", version.op, version.name[0]] += 1
        for key in {key for key in wished | sent if key[0] == "qbo"}:
            ensure(sent[key] == wished[key], "I10", f"{key}: the plan said {wished[key]}, {sent[key]} went out")
        for verb in ("create", "delete"):
            for kind in DOCUMENTS:
                key = ("source", verb, kind)
                ensure(done[key] == wished[key], "I10", f"{key}: the plan said {wished[key]}, {done[key]} were done")
        others = sum(count for key, count in done.items() if key[1] not in {"create", "delete"})
        most = sum(count for key, count in wished.items() if key[0] == "source")
        ensure(not others or most, "I10", f"{others} changes of the source were in no plan")
        places = [list(ENTITIES.values()).index(a.entity) for a in self.attempts(moment.ledger) if _verb(a) == "create"]
        ensure(places == sorted(places), "I10", "the order on the wire is not the plan's")

    def unchanged(self, before: Any) -> None:
        """I10: a dry run leaves no trace."""
        ensure(self.everything() == before, "I10", "a dry run changed something")

    def everything(self) -> Any:
        """All of both sides and of the state, but for what counts reads."""
        self.truth.note(SYNCD)
        state = _dump(self._state_file(), without={"meter", "tokens"})
        return self.truth.books.place, self.truth.source.place, state

    # ---- I11, I12

    def permuted(self, chance: random.Random) -> None:
        """I12: the order in which things were seen does not change the plan."""
        parts = self.world.engine.parts
        company = parts.store.company(parts.company) or Company(name=parts.company)
        facts: BooksFacts = parts.books.facts()
        view, _, _ = look_out(
            parts, CycleRequest(dry_run=True), company, facts, frozenset(), LinkBook(parts.store, parts.company)
        )
        shuffled = list(view.entries)
        chance.shuffle(shuffled)
        other = reconcile(msgspec.structs.replace(view, entries=tuple(shuffled)))
        ensure(reconcile(view) == other, "I12", "seen in another order, another plan")

    def order(self, moment: Moment, links: list[Link], attempts: list[Attempt]) -> None:
        """I12: no write names what is not linked; removals come in reverse; one conflict row for each record."""
        known = {(link.kind.value, link.qbo_id) for link in links} | {(k, q) for k, _, q in moment.links}
        for attempt in attempts:
            kind = KINDS[attempt.entity]
            if attempt.record and (kind, attempt.record) not in self.told:
                ensure(
                    (kind, attempt.record) in known, "I12", f"{attempt.op} of the {kind} {attempt.record}, not linked"
                )
            for needed in _referred(attempt):
                ensure(needed in known, "I12", f"{attempt.op} of a {kind} names {needed}, which is not linked")
        removed = [v for v in self.truth.books.since(moment.books) if v.who == SYNCD and v.op in {"delete", "void"}]
        for place, version in enumerate(removed):
            for later in removed[place + 1 :]:
                if version.name[0] == "invoice" and later.name[0] == "payment":
                    paid = {invoice for v in self.truth.books.versions if v.name == later.name for invoice in _pays(v)}
                    ensure(version.name[1] not in paid, "I12", f"{version.name} was removed before {later.name}")
        rows = [(held.kind, held.source_id or held.qbo_id) for held in self.world.store.held(self.world.name)]
        twice = [row for row, count in Counter(rows).items() if count > 1]
        ensure(not twice, "I12", f"more than one conflict row for {twice}")

    def refusals(self, attempts: list[Attempt]) -> None:
        """A definite no is not asked again in the same run (Brakes: "400-class never")."""
        refused: set[tuple[str, str, str]] = set()
        for attempt in attempts:
            key = (attempt.op, attempt.entity, repr({n: v for n, v in attempt.body.items() if n != "SyncToken"}))
            ensure(key not in refused, "wire", f"{attempt.op} of {attempt.entity} was refused and sent again")
            if attempt.code in _DEFINITE:
                refused.add(key)

    # ---- I1, I2, I3: where nothing goes wrong any more

    def quiet(self, plan: Plan) -> bool:
        """I1: whether everything that is planned is to wait, or is stopped by a brake."""
        return all(operation.verb is Verb.HOLD for operation in plan.operations)

    def remembered(self) -> dict[str, Any]:
        """Links, bases, journal and holds, to the byte, and how long both histories are."""
        kept: dict[str, Any] = _dump(self._state_file(), only={"links", "bases", "journal"})
        held = [(h.id, h.case, h.reason, h.label) for h in self.world.store.held(self.world.name)]
        return {**kept, "held": held, "books": self.truth.books.place, "source": self.truth.source.place}

    def at_rest(self, before: dict[str, Any]) -> None:
        """I2: one more cycle changed neither side nor anything that is remembered."""
        after = self.remembered()
        changed = {
            name: (
                [row for row in _rows(before[name]) if row not in _rows(after[name])],
                [row for row in _rows(after[name]) if row not in _rows(before[name])],
            )
            for name in before
            if before[name] != after[name]
        }
        ensure(not changed, "I2", f"one more cycle changed {changed}")

    def agreement(self, plan: Plan) -> None:
        """I3: what is called in sync is so, as both sides tell it; and nothing is left out that nobody waits for."""
        waiting = self._waiting(plan)
        links = self.links()
        settled: set[Name] = set()
        for link in links:
            kind = link.kind.value
            mine, theirs = (kind, link.source_id), (kind, link.qbo_id)
            if {("source", mine), ("books", theirs)} & waiting or link.state is LinkState.IGNORED:
                settled |= {mine}
                continue
            source, books = self.truth.source.now.get(mine), self.truth.books.now.get(theirs)
            if link.state is LinkState.LINKED:
                self._in_sync(link, source, books)
            if link.state is not LinkState.TOMBSTONED:
                settled |= {mine}
        served = {(link.kind, link.qbo_id) for link in links if link.state is not LinkState.TOMBSTONED}
        for link in links:
            theirs = (link.kind.value, link.qbo_id)
            if link.state is LinkState.TOMBSTONED and (link.kind, link.qbo_id) not in served:
                there = self.truth.books.now.get(theirs)
                forgotten = there is not None and _counts(there) and ("books", theirs) not in waiting
                ensure(not forgotten, "I7", f"{theirs} counts as gone from both sides, and QuickBooks has it")
        for version in self.truth.source.now.values():
            if version.name[0] in DOCUMENTS and live(version) and ("source", version.name) not in waiting:
                ensure(version.name in settled, "I3", f"{version.name} of the source never reached QuickBooks")
        self._brought_in(links, waiting)

    def _in_sync(self, link: Link, source: Version | None, books: Version | None) -> None:
        name = f"{link.kind} {link.label} ({link.source_id}, {link.qbo_id})"
        ensure(books is not None and _counts(books), "I7", f"{name} is called in sync, and QuickBooks' is gone")
        ensure(source is not None and live(source), "I3", f"{name} is called in sync, and the source's is gone")
        assert source is not None
        assert books is not None
        for of in FIELDS[link.kind.value]:
            if link.kind is Kind.CLIENT and of in link.accepted:
                continue  # customers that syncd did not make may differ
            mine, theirs = source.values[of], books.values[of]
            ensure(mine == theirs, "I3", f"{of} of {name} is {mine!r} in the source and {theirs!r} in QuickBooks")

    def _brought_in(self, links: list[Link], waiting: set[tuple[str, Name]]) -> None:
        """Payments that people entered in the books on linked invoices are in the source, where the policy says so."""
        if self.stage.setup.policy != "ruddr":
            return
        linked = {link.qbo_id for link in links if link.kind is Kind.INVOICE and link.state is LinkState.LINKED}
        known = {(link.kind.value, link.qbo_id) for link in links}
        for version in self.truth.books.of("payment"):
            paid = [invoice for invoice, _ in version.values["allocations"]]
            if live(version) and paid and linked.issuperset(paid) and ("books", version.name) not in waiting:
                ensure(version.name in known, "I3", f"{version.name} of QuickBooks never reached the source")

    def _waiting(self, plan: Plan) -> set[tuple[str, Name]]:
        """Records that wait for a person or are stopped by a brake: by their name on each side."""
        found: set[tuple[str, Name]] = set()
        held = [(h.kind.value, h.source_id, h.qbo_id) for h in self.world.store.held(self.world.name)]
        for kind, source_id, qbo_id in [
            *held,
            *((o.kind.value, o.source_id, o.qbo_id) for o in (*plan.operations, *plan.withheld)),
        ]:
            found |= {("source", (kind, source_id)), ("books", (kind, qbo_id))}
        return found

    def world_without_ids(self) -> Any:
        """I11: both sides as they are, told without any id that differs between two courses of the same history."""
        names = {v.name[1]: v.values.get("tag", "") for v in self.truth.books.now.values() if v.name[0] != "payment"}
        told = []
        for where, side in (("books", self.truth.books), ("source", self.truth.source)):
            clients = {v.name[1]: v.values["name"] for v in side.of("client")}
            tags = names if where == "books" else {v.name[1]: v.values["tag"] for v in side.of("invoice")}
            for version in side.now.values():
                values = dict(version.values)
                values.pop("external", None)
                if not self.stage.setup.numbers:
                    values.pop("number", None)  # QuickBooks counts in the order in which things arrive
                if "client" in values:
                    values["client"] = clients.get(values["client"], values["client"])
                if "allocations" in values:
                    values["allocations"] = sorted((tags.get(i, i), amount) for i, amount in values["allocations"])
                told.append((where, version.name[0], repr(sorted(values.items(), key=str))))
        held = [(h.kind.value, h.case) for h in self.world.store.held(self.world.name)]
        return sorted(told), sorted(held)

    def _state_file(self) -> Path:
        return Path(self.world.state_url.removeprefix("sqlite:///"))


# ---- parts


def _counts(version: Version) -> bool:
    """Whether a record is one that counts: not void, not inactive. A draft of the source is one."""
    return version.values.get("state") not in {"void", "inactive"}


def _state_at(side: Side, place: int) -> list[Version]:
    there: dict[Name, Version] = {}
    for version in side.versions[:place]:
        if version.op == "delete":
            there.pop(version.name, None)
        else:
            there[version.name] = version
    return list(there.values())


def _tag_of(side: Side, name: Name) -> str:
    return next((str(v.values["tag"]) for v in side.versions if v.name == name and v.values.get("tag")), "")


def _called(side: Side, kind: str, tag: str) -> list[Name]:
    """Every record that ever carried a tag, but for copies that people made of it."""
    found = {v.name for v in side.versions if v.name[0] == kind and tag and v.values.get("tag") == tag}
    first = sorted(found, key=lambda name: int(name[1]))[:1]
    return [name for name in found if side.made_by.get(name) != PEOPLE or name in first]


def _own(raw: Json) -> Json:
    return {name: value for name, value in raw.items() if name not in {"Balance", "BalanceWithJobs", "HomeBalance"}}


def _verb(attempt: Attempt) -> str:
    if attempt.op == "update" and not attempt.record:
        return "create"
    return attempt.op


def _referred(attempt: Attempt) -> list[Name]:
    """The customer and the invoices that a write names."""
    found = []
    whose = (attempt.body.get("CustomerRef") or {}).get("value")
    if whose is not None:
        found.append(("client", str(whose)))
    for line in attempt.body.get("Line") or []:
        found += [("invoice", str(link["TxnId"])) for link in line.get("LinkedTxn") or []]
    return found


def _rows(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


def _pays(version: Version) -> list[str]:
    return [invoice for invoice, _ in version.values.get("allocations", ())]


def _dump(path: Path, *, only: set[str] | None = None, without: set[str] = frozenset()) -> Any:  # type: ignore[assignment]
    with sqlite3.connect(path) as state:
        names = [row[0] for row in state.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        wanted = [name for name in names if (only is None or name in only) and name not in without]
        found = {name: sorted(state.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in wanted}
    state.close()
    return found
