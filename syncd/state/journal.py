"""The journal: the only way a write leaves. An entry is durable before its write is sent, and open until an outcome.

The slot of a write is (realm, side, kind, key, verb, generation). The request id is made of the slot and of nothing
else: no payload, no time, no randomness. So every retry of a write has the same id, two different writes never do,
and a new generation begins only when the outcome of the one before is known.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select, update

from syncd.errors import StateError
from syncd.model.kinds import Kind, Side
from syncd.model.writes import STATE_VERBS, Verb
from syncd.state import codec, companies, leases, tables
from syncd.state.database import rows
from syncd.state.part import Part
from syncd.state.values import (
    OPEN_JOURNAL_STATES,
    Intent,
    JournalEntry,
    JournalOutcome,
    JournalState,
    Lease,
)

journal = tables.journal

_NAMESPACE = uuid.UUID("6b0f7a52-6c0e-5f3b-9a57-2f1f0c6d8e41")
_OPEN = tuple(sorted(state.value for state in OPEN_JOURNAL_STATES))

Slot = tuple[str, str, str, str]
"""Side, kind, key and verb: a slot within one realm, without its generation."""


class SlotBusy(StateError):  # noqa: N818 - named after the situation, as in syncd.errors
    """The same write is already under way and its outcome is not known: look first, never write again."""


def request_id(realm_id: str, side: Side, kind: Kind, key: str, verb: Verb, generation: int) -> str:
    """32 hexadecimal characters that stand for one slot (QBO allows 50, and 36 in a batch)."""
    slot = codec.to_json([realm_id, side.value, kind.value, key, verb.value, generation])
    return uuid.uuid5(_NAMESPACE, slot).hex


_latest = select(
    journal.c.key,
    journal.c.verb,
    func.max(journal.c.generation),
    func.max(case((journal.c.state.in_(_OPEN), journal.c.id))),
).group_by(journal.c.key, journal.c.verb)
_mark = (
    update(journal)
    .where(
        journal.c.id == bindparam("of"),
        journal.c.company == bindparam("of_company"),
        tables.OPEN,
    )
    .values(
        state=JournalState.SENT.value,
        sent_at=bindparam("new_sent_at"),
        attempts=journal.c.attempts + 1,
        body=bindparam("new_body"),
        body_hash=bindparam("new_body_hash"),
        batch_request_id=bindparam("new_batch_request_id"),
        batch_item_id=bindparam("new_batch_item_id"),
    )
)
_close = (
    update(journal)
    .where(
        journal.c.id == bindparam("of"),
        journal.c.company == bindparam("of_company"),
        tables.OPEN,
    )
    .values(
        state=bindparam("new_state"),
        note=bindparam("new_note"),
        tid=bindparam("new_tid"),
        closed_at=bindparam("new_closed_at"),
    )
)


class Journal(Part):
    """Intending, sending and looking up writes. Outcomes are stored by ``settle``."""

    def intend(self, lease: Lease, intents: Sequence[Intent], *, sent: bool = False) -> list[JournalEntry]:
        """Store what is about to be written; durable on return, in the order given.

        ``sent``: it leaves at once and just as it is, so that ``mark_sent`` has nothing to add. All or none:
        ``SlotBusy`` when one of the slots has an open entry, or is named twice.
        """
        if not intents:
            return []
        now = self._clock.now()
        with self._db.write() as connection:
            leases.check_fence(connection, lease)
            realm_id, epoch = _pinned(connection, lease.company)
            generations = _generations(connection, realm_id, intents)
            entries = [
                _entry(lease.company, realm_id, intent, max(generations[_slot(intent)], epoch) + 1, now, sent=sent)
                for intent in intents
            ]
            connection.execute(journal.insert(), [_row(entry, realm_id) for entry in entries])
        return entries

    def mark_sent(self, lease: Lease, entries: Sequence[tuple[str, str, str, bytes]]) -> None:
        """Store that entries leave now: (journal id, batch request id, batch item id, exact body), durable on return.

        A repeat must carry the bytes of the first attempt: under one request id QBO answers what it answered then.
        An empty body stands for the one that is stored.
        """
        if not entries:
            return
        now = self._clock.now()
        with self._db.write() as connection:
            leases.check_fence(connection, lease)
            stored = _stored_bodies(connection, lease.company, [entry[0] for entry in entries])
            connection.execute(_mark, [_marked(lease.company, stored, now, *entry) for entry in entries])

    def open_entries(self, company: str) -> list[JournalEntry]:
        """Writes whose outcome is not known, oldest first."""
        asked = select(journal).where(journal.c.company == company, tables.OPEN).order_by(journal.c.seq)
        with self._db.read() as connection:
            return [decoded(row) for row in connection.execute(asked).mappings()]

    def last_confirmed(self, company: str, side: Side, kinds: Collection[Kind]) -> JournalEntry | None:
        """The latest write of these kinds to a side that was confirmed."""
        which = (journal.c.company == company, journal.c.side == side.value, journal.c.state == JournalState.CONFIRMED)
        asked = select(journal).where(*which, journal.c.kind.in_([kind.value for kind in kinds]))
        with self._db.read() as connection:
            row = connection.execute(asked.order_by(journal.c.seq.desc()).limit(1)).mappings().first()
        return None if row is None else decoded(row)

    def entry(self, journal_id: str) -> JournalEntry | None:
        """One entry by its id."""
        with self._db.read() as connection:
            row = connection.execute(select(journal).where(journal.c.id == journal_id)).mappings().first()
        return None if row is None else decoded(row)

    def journal_counts(self, company: str, *, only_open: bool = False) -> dict[JournalState, int]:
        """How many entries are in each state; states without entries are left out.

        ``only_open`` counts what is not settled yet and costs the same however long the journal is.
        """
        asked = select(journal.c.state, func.count()).where(journal.c.company == company).group_by(journal.c.state)
        if only_open:
            asked = asked.where(tables.OPEN)
        with self._db.read() as connection:
            return {codec.member(JournalState, state): n for state, n in rows(connection, asked)}


def close(connection: Connection, company: str, outcomes: Sequence[JournalOutcome], now: datetime) -> None:
    """Store known outcomes of open entries; an entry that is unknown or already closed is an error."""
    if not outcomes:
        return
    still_open = next((o for o in outcomes if o.state in OPEN_JOURNAL_STATES), None)
    if still_open is not None:
        raise StateError(f"{still_open.state} is no outcome: journal entry {still_open.journal_id} stays open.")
    found = _states(connection, company, [outcome.journal_id for outcome in outcomes])
    for outcome in outcomes:
        state = found.pop(outcome.journal_id, None)
        if state not in _OPEN:
            why = f"is already {state}" if state else "is unknown or named twice"
            raise StateError(f"Journal entry {outcome.journal_id} {why}: {outcome.state} cannot be stored.")
    connection.execute(
        _close,
        [
            {
                "of": outcome.journal_id,
                "of_company": company,
                "new_state": outcome.state.value,
                "new_note": codec.shown(outcome.note),
                "new_tid": outcome.tid,
                "new_closed_at": now,
            }
            for outcome in outcomes
        ],
    )


def _states(connection: Connection, company: str, ids: Sequence[str]) -> dict[str, str]:
    """States of a company's entries. Asked by id alone: told the company, too, SQLite would read its whole journal."""
    found: dict[str, str] = {}
    for chunk in codec.chunks(ids):
        asked = select(journal.c.id, journal.c.state, journal.c.company).where(journal.c.id.in_(chunk))
        found.update((entry_id, state) for entry_id, state, owner in rows(connection, asked) if owner == company)
    return found


def _pinned(connection: Connection, company: str) -> tuple[str, int]:
    """The realm that a slot begins with, and the epoch that its generation is above: what was given out in a time that
    a restored backup does not know of is never given out again (F-3, F-113)."""
    known = companies.find(connection, company)
    if known is None or not known.realm_id:
        raise StateError(
            f"Company {company} is not pinned to a QBO company yet: nothing may be written.",
            remedy=f"Run: syncd connect {company}",
        )
    return known.realm_id, known.epoch


def _slot(intent: Intent) -> Slot:
    return (intent.side.value, intent.kind.value, intent.key, intent.verb.value)


def _generations(connection: Connection, realm_id: str, intents: Sequence[Intent]) -> dict[Slot, int]:
    """The latest generation of every slot, 0 for a new one. Raises when one is open or asked for twice."""
    latest: dict[Slot, int] = {}
    keys: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for intent in intents:
        _check(intent)
        if _slot(intent) in latest:
            raise SlotBusy(f"{intent.verb} of {intent.kind} {intent.key} on {intent.side} is intended twice at once.")
        latest[_slot(intent)] = 0
        keys[intent.side.value, intent.kind.value].add(intent.key)
    for (side, kind), wanted in keys.items():
        for chunk in codec.chunks(sorted(wanted)):
            asked = _latest.where(journal.c.realm_id == realm_id, journal.c.side == side, journal.c.kind == kind)
            for key, verb, generation, open_id in rows(connection, asked.where(journal.c.key.in_(chunk))):
                slot = (side, kind, key, verb)
                if slot in latest and open_id is not None:
                    raise SlotBusy(f"{verb} of {kind} {key} on {side} is already under way (journal entry {open_id}).")
                if slot in latest:
                    latest[slot] = generation
    return latest


def _check(intent: Intent) -> None:
    if intent.verb in STATE_VERBS or intent.side is Side.STATE:
        raise StateError(f"{intent.verb} on {intent.side} is no write to either side and has no place in the journal.")
    if not intent.key:
        raise StateError(f"A {intent.verb} of {intent.kind} without a key has no slot.")


def _entry(company: str, realm_id: str, intent: Intent, generation: int, now: datetime, *, sent: bool) -> JournalEntry:
    name = request_id(realm_id, intent.side, intent.kind, intent.key, intent.verb, generation)
    return JournalEntry(
        id=name,
        company=company,
        state=JournalState.SENT if sent else JournalState.INTENDED,
        generation=generation,
        request_id=name,
        intent=intent,
        created_at=now,
        sent_at=now if sent else None,
        attempts=int(sent),
    )


def _stored_bodies(connection: Connection, company: str, ids: Sequence[str]) -> dict[str, tuple[bytes, int]]:
    """Body and number of attempts of open entries."""
    found: dict[str, tuple[bytes, int]] = {}
    for chunk in codec.chunks(ids):
        asked = select(journal.c.id, journal.c.body, journal.c.attempts).where(
            journal.c.company == company, tables.OPEN, journal.c.id.in_(chunk)
        )
        found.update((entry_id, (body, attempts)) for entry_id, body, attempts in rows(connection, asked))
    return found


def _marked(
    company: str,
    stored: dict[str, tuple[bytes, int]],
    now: datetime,
    journal_id: str,
    batch_request_id: str,
    batch_item_id: str,
    body: bytes,
) -> dict[str, Any]:
    if journal_id not in stored:
        raise StateError(f"Journal entry {journal_id} is unknown or not open: it must not be sent.")
    known, attempts = stored[journal_id]
    if attempts and body and body != known:
        raise StateError(
            f"Journal entry {journal_id} was sent with other bytes before: a repeat must be the same.",
            remedy="Close it with its outcome, then plan the write afresh.",
        )
    payload = body or known
    return {
        "of": journal_id,
        "of_company": company,
        "new_sent_at": now,
        "new_body": payload,
        "new_body_hash": codec.digest(payload),
        "new_batch_request_id": batch_request_id,
        "new_batch_item_id": batch_item_id,
    }


def _row(entry: JournalEntry, realm_id: str) -> dict[str, Any]:
    intent = entry.intent
    return {
        "id": entry.id,
        "company": entry.company,
        "realm_id": realm_id,
        "state": entry.state.value,
        "generation": entry.generation,
        "request_id": entry.request_id,
        "run_id": intent.run_id,
        "operation_id": intent.operation_id,
        "side": intent.side.value,
        "kind": intent.kind.value,
        "verb": intent.verb.value,
        "key": intent.key,
        "source_id": intent.source_id,
        "qbo_id": intent.qbo_id,
        "operation": intent.operation,
        "body": intent.body,
        "body_hash": codec.digest(intent.body),
        "pre_image": intent.pre_image,
        "batch_request_id": intent.batch_request_id,
        "batch_item_id": intent.batch_item_id,
        "created_at": entry.created_at,
        "sent_at": entry.sent_at,
        "closed_at": None,
        "attempts": entry.attempts,
        "note": "",
        "tid": "",
    }


def decoded(row: Any) -> JournalEntry:
    return JournalEntry(
        id=row["id"],
        company=row["company"],
        state=codec.member(JournalState, row["state"]),
        generation=row["generation"],
        request_id=row["request_id"],
        intent=Intent(
            run_id=row["run_id"],
            operation_id=row["operation_id"],
            side=codec.member(Side, row["side"]),
            kind=codec.member(Kind, row["kind"]),
            verb=codec.member(Verb, row["verb"]),
            key=row["key"],
            source_id=row["source_id"],
            qbo_id=row["qbo_id"],
            operation=row["operation"],
            body=row["body"],
            pre_image=row["pre_image"],
            batch_request_id=row["batch_request_id"],
            batch_item_id=row["batch_item_id"],
        ),
        created_at=row["created_at"],
        sent_at=row["sent_at"],
        closed_at=row["closed_at"],
        attempts=row["attempts"],
        note=row["note"],
        tid=row["tid"],
    )
