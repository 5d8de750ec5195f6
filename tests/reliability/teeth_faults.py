"""Faults of one line each, planted one by one to see that the machine has teeth (correctness.md section 4).

``old`` stands exactly once in ``file`` and gives way to ``new``. ``dies_of`` names the invariants that may notice: each
is the reason for which the line is as it is. A fault that any other check stops first, or none, is a failure of the
machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One line that is wrong. ``why`` says what that would do to somebody's books.

    ``also``: a second guard (file, old, new) that would take the first one's place, and is taken away with it.
    ``rules`` and ``setup`` are where it would show: the machine plays these alone at first, which finds it soon, and
    all of its rules afterwards. Neither changes what is checked.
    """

    name: str
    file: str
    old: str
    new: str
    dies_of: tuple[str, ...]
    why: str
    rules: str
    setup: Mapping[str, Any] = field(default_factory=dict)
    also: tuple[str, str, str] | None = None

    @property
    def edits(self) -> tuple[tuple[str, str, str], ...]:
        """Every file with what gives way to what."""
        first = (self.file, self.old, self.new)
        return (first,) if self.also is None else (first, self.also)


FAULTS: tuple[Fault, ...] = (
    # ---- identity of a write
    Fault(
        "random request id",
        "syncd/recovery.py",
        "request_id=entry.request_id,",
        'request_id=__import__("uuid").uuid4().hex,',
        ("I4",),
        "a repeat is a new write to QuickBooks: the document exists twice",
        rules="late_create run_again",
    ),
    Fault(
        "payload hash in the request id",
        "syncd/outbox.py",
        "request_id=entry.request_id,",
        "request_id=hashlib.blake2b(repr(operation).encode(), digest_size=16).hexdigest(),",
        ("I4",),
        "an edit between two attempts makes another id: the document exists twice",
        rules="late_create run_again",
    ),
    Fault(
        "no request id",
        "syncd/qbo/writer.py",
        'params = (*_operation(write), ("requestid", write.request_id))',
        "params = _operation(write)",
        ("I4",),
        "QuickBooks cannot know that it has heard this before",
        rules="late_create run_again",
    ),
    # ---- the journal
    Fault(
        "sent before it is marked as sent",
        "syncd/outbox.py",
        "self._journal.mark_sent(self._lease, sent)",
        "del sent",
        ("I4",),
        "after a crash the write counts as never sent, and is made once more",
        rules="late_create run_again",
    ),
    Fault(
        "closed before the answer is known",
        "syncd/executor.py",
        "self._settler.again(tally, operation, text, at_once=True)",
        "self._settler.closed(tally, operation, journal_id, JournalState.ABANDONED, text)",
        ("I4",),
        "an answer that did not come counts as a no: the next cycle creates the same again",
        rules="late_create run_again",
    ),
    Fault(
        "given up while it may still arrive",
        "syncd/recovery.py",
        "case NotSent(text=text) if entry.state is JournalState.INTENDED:",
        "case NotSent(text=text):",
        ("I4",),
        "the generation rises before the outcome is known: a late request makes a second document",
        rules="late_create run_again",
    ),
    Fault(
        "no recovery",
        "syncd/rounds.py",
        "        if not entries:\n            return Recovered(in_doubt=set())",
        "        if entries is not None:\n            return Recovered(in_doubt=set())",
        ("I1", "I11"),
        "what was under way when the process died stays in doubt for ever",
        rules="src_payment src_edit run_again",
    ),
    # ---- the base
    Fault(
        "base from the request",
        "syncd/written.py",
        "source, qbo = _source_projection(operation, lens, resolve), lens.qbo(kind, after.record)",
        "source = qbo = _source_projection(operation, lens, resolve)",
        ("I7",),
        "the base says what was sent and not what is there: the next cycle undoes somebody's edit",
        rules="src_put src_edit run",
        setup={"numbers": False},
    ),
    Fault(
        "base written before the remote",
        "syncd/outbox.py",
        "        self._journal.mark_sent(self._lease, sent)\n",
        "        self._journal.mark_sent(self._lease, sent)\n"
        "        t = Tally(); t.links += [msgspec.structs.replace(self._links.link(o.kind, o.source_id), "
        "source_base=o.source_base, qbo_base=o.source_base) for o in parcel.operations if o.verb is Verb.UPDATE]; "
        "self._settle(t)\n",
        ("I7",),
        "a write that fails is remembered as done",
        rules="src_edit run_again",
    ),
    # ---- preconditions of a write
    Fault(
        "no SyncToken check",
        "syncd/qbo/books.py",
        "current=wire.decode_object(raw) if verb is not Verb.CREATE and raw else None,",
        "current=wire.decode_object(getattr(self.read(kind, [qbo_id])[qbo_id], 'raw', raw)) if raw else None,",
        ("I6",),
        "what the accountant wrote a moment ago is overwritten unseen",
        rules="src_edit run_again",
        setup={"policy": "ruddr"},
    ),
    Fault(
        "no compare-and-set on the source",
        "syncd/sources/sql/source.py",
        "return writer.Writer(self).apply(writes)",
        'return writer.Writer(self).apply([__import__("msgspec").structs.replace(w, expected_version=getattr('
        'self.read(w.kind, [w.id])[w.id], "version", "")) if w.id else w for w in writes])',
        ("I3", "I6"),
        "what a person wrote into the source a moment ago is overwritten unseen",
        rules="change_and_somebody_acts",
        setup={"policy": "ruddr"},
    ),
    Fault(
        "a stale plan is applied",
        "syncd/rounds.py",
        "plan, refused = as_approved(plan, run.approved)",
        "plan = run.approved",
        ("I10",),
        "what somebody approved yesterday is done to today's books",
        rules="src_edit src_payment human_edit dry_run apply_saved_plan",
    ),
    # ---- deciding
    Fault(
        "deletion beats edit",
        "syncd/reconciler/cases.py",
        "return Case.SRC_GONE_QBO_EDITED if sight.qbo_changed else Case.SRC_GONE",
        "return Case.SRC_GONE",
        ("I6",),
        "a payment that somebody has just corrected in QuickBooks is deleted",
        rules="both_at_once run",
        setup={"policy": "ruddr"},
    ),
    Fault(
        "last writer wins",
        "syncd/reconciler/answers.py",
        "keeps = frozenset(name for name in overlap if self._winner(name) is Owner.SOURCE)",
        "keeps = overlap",
        ("I6",),
        "the source overwrites what the policy leaves to QuickBooks",
        rules="src_edit human_edit run",
        setup={"policy": "ruddr"},
    ),
    Fault(
        "a void is an edit",
        "syncd/reconciler/sight.py",
        "return Seen.VOID if is_void(partner.record, policy) else Seen.LIVE",
        "return Seen.LIVE",
        ("I8",),
        "the zeros of a voided invoice are copied over the source's amounts",
        rules="human_void run",
        setup={"policy": "ruddr"},
    ),
    Fault(
        "no drift row",
        "syncd/reconciler/cases.py",
        "return Case.IN_SYNC if sight.agree else Case.DRIFT",
        "return Case.IN_SYNC",
        ("I3",),
        "two sides that differ although nobody changed them are called in sync",
        rules="src_put run_again settle",
        setup={"numbers": False},
    ),
    Fault(
        "a dead link taken for a live one",
        "syncd/reconciler/cases.py",
        "return Case.MOVED if sight.qbo is Seen.GONE and sight.others == 1 else Case.TWINS",
        "return Case.IN_SYNC",
        ("I7",),
        "a copy that somebody made stands for the invoice that is gone",
        rules="copied_and_deleted run",
        setup={"numbers": True},
    ),
    Fault(
        "one of several matches adopted",
        "syncd/reconciler/sight.py",
        "return live[0] if len(live) == 1 else None, live, bool(certain)",
        "return live[0], live[:1], bool(certain)",
        ("I4",),
        "the wrong one of two invoices is linked, and later changed",
        rules="preexisting_doc run settle",
        setup={"numbers": True},
    ),
    Fault(
        "foreign customers are changed",
        "syncd/reconciler/to_qbo.py",
        "leave = self._policy.leave_foreign and (self._known is None or self._known.created_by is not Side.QBO)",
        "leave = False",
        ("I5",),
        "a customer that syncd did not make gets another address (X-5)",
        rules="known_client_moves run",
        setup={"policy": "ruddr"},
    ),
    # ---- comparing
    Fault(
        "no lens",
        "syncd/model/lens.py",
        '"notes": values.cut(_text(record.notes), NOTES_LIMIT),',
        '"notes": _text(record.notes),',
        ("I2",),
        "what QuickBooks cannot hold is taken for an edit, for ever",
        rules="note_too_long run",
    ),
    Fault(
        "amounts compared as floats",
        "syncd/model/projections.py",
        "return frozenset(name for name in left.keys() & right.keys() if left[name] != right[name])",
        'near = lambda v: __import__("re").sub(r"\\d+(\\.\\d+)?", lambda m: f"{float(m[0]):.6g}", repr(v)); '
        "return frozenset(n for n in left.keys() & right.keys() if near(left[n]) != near(right[n]))",
        ("I3",),
        "a cent more on a large invoice is no difference",
        rules="src_edit settle",
        setup={"policy": "ruddr", "start": "linked"},
    ),
    Fault(
        "repeated lines dropped when comparing",
        "syncd/model/projections.py",
        "return frozenset(name for name in left.keys() & right.keys() if left[name] != right[name])",
        "once = lambda v: set(v) if isinstance(v, tuple) else v; "
        "return frozenset(n for n in left.keys() & right.keys() if once(left[n]) != once(right[n]))",
        ("I3",),
        "three lines of ten and one of twenty are the same as two of each",
        rules="src_edit human_edit run",
        setup={"policy": "ruddr"},
    ),
    # ---- observing
    Fault(
        "a failed part of the feed is empty",
        "syncd/qbo/cdc.py",
        "parts[entities[0]] = Part(failure=error.message)\n            return start",
        "parts[entities[0]] = Part(); return self._server_time()",
        ("I3",),
        "the cursor moves past what was never read",
        rules="human_edit run_again",
        setup={"policy": "ruddr"},
    ),
    Fault(
        "the local clock for the cursor",
        "syncd/qbo/books.py",
        "cursor=since if unknown else max(since, feed.time),",
        "cursor=since if unknown else max(since, self._feed._clock.now()),",
        ("I3",),
        "a clock that runs ahead skips changes",
        rules="human_edit run",
        setup={"policy": "ruddr"},
    ),
    Fault(
        "no overlap",
        "syncd/qbo/cdc.py",
        "start = since - self._overlap",
        "start = since",
        ("I3",),
        "what the feed shows late is never seen",
        rules="change_and_lag",
        setup={"policy": "ruddr"},
    ),
    Fault(
        "a cut-off feed trusted",
        "syncd/qbo/cdc.py",
        "for entity in [name for name, part in parts.items() if len(part.rows) + len(part.deleted) >= CAP]:",
        "for entity in ():",
        ("I3",),
        "what does not fit into one answer is never seen",
        rules="human_edit human_payment foreign_doc run",
        setup={"policy": "ruddr", "short_feed": True},
    ),
    Fault(
        "an unknown observation taken for an absent one",
        "syncd/qbo/books.py",
        "found |= dict.fromkeys(group, rows)",
        "found |= {each: _absent(each, entity) for each in group}",
        ("I3", "I7", "I8"),
        "one answer that did not come deletes a payment",
        rules="change_and_lost_read",
        setup={"policy": "ruddr"},
    ),
    Fault(
        "no second witness",
        "syncd/gather.py",
        "self._scene.read_books(kind, [slot for slot, seen in self._of(kind) if seen.forced and seen.qbo is None])",
        '[setattr(seen, "qbo", Absent(slot[2], ("a list",))) for slot, seen in self._of(kind) if seen.forced and '
        "seen.qbo is None]",
        ("I2", "I7", "I8"),
        "missing from a list is enough to be gone",
        rules="src_edit src_payment human_edit run_again settle",
        setup={"policy": "ruddr"},
    ),
    Fault(
        "no answer to a look-up taken for no candidates",
        "syncd/seen.py",
        "        case Unknown():\n            return found",
        '        case Unknown():\n            return Absent("", ("nobody answered",))',
        ("I4",),
        "an invoice is created although it may be there already",
        rules="typed_in_early",
        setup={"numbers": True},
    ),
    # ---- applying
    Fault(
        "a refusal is asked again",
        "syncd/qbo/transport.py",
        "                return self.exchange(call, priority)",
        "                reply = self.exchange(call, priority); "
        "return self.exchange(call, priority) if reply.fault else reply",
        ("wire",),
        "a definite no is asked for again and again",
        rules="change_and_refusal",
    ),
    Fault(
        "one item's fault is swallowed",
        "syncd/executor.py",
        "self._settler.refused(tally, operation, journal_id, code=code, text=said, tid=tid)",
        "self._settler.closed(tally, operation, journal_id, JournalState.REFUSED, said); tally.dirty.pop()",
        ("I3",),
        "what QuickBooks refused is forgotten, and nobody is told",
        rules="src_put src_edit run_again",
    ),
    Fault(
        "what waits for a refused record is forgotten",
        "syncd/executor.py",
        'self._settler.hold(tally, blocked, case="C50", reason="what it needs could not be written")',
        "del blocked",
        ("I3",),
        "an invoice whose client was refused is never sent, and nobody is told",
        rules="src_client run_again",
    ),
    Fault(
        "a dependant goes first",
        "syncd/executor.py",
        "met = all(name in confirmed or name not in planned for name in operation.after)",
        "met = True",
        ("I12", "I3", "I2"),
        "an invoice leaves although its client does not exist",
        rules="change_and_refusal",
        also=(
            "syncd/qbo/codec/parts.py",
            "found = wishes.link(kind, source_id)",
            "found = wishes.link(kind, source_id) or source_id",
        ),
    ),
    Fault(
        "a dry run that writes",
        "syncd/cycle.py",
        "report = self._dry(request) if request.dry_run else self._leased(request, progress, approved)",
        "report = self._leased(request, progress, approved)",
        ("I10",),
        "looking changes the books",
        rules="src_put dry_run",
    ),
    # ---- brakes
    Fault(
        "no limit for removals",
        "syncd/reconciler/guards.py",
        "return min(ceiling, max(floor, linked * share_percent // 100))",
        "return 1_000_000",
        ("I9",),
        "a faulty filter in the source empties the books",
        rules="bulk_load wipe_source run",
        setup={"policy": "ruddr"},
    ),
    Fault(
        "an empty table is believed",
        "syncd/reconciler/guards.py",
        "if not lists_none or linked <= view.overrides.allow_empty.get((side, kind), 0):",
        "if True:",
        ("I9",),
        "a lost permission looks like a deletion, and is one",
        rules="src_payment wipe_source run",
        setup={"policy": "ruddr"},
    ),
    Fault(
        "a mass change is believed",
        "syncd/reconciler/guards.py",
        "if too_many and count > view.overrides.allow_mass_change.get((side, kind), 0):",
        "if False:",
        ("I9",),
        "a mistake in a mapping goes into every invoice",
        rules="bulk_change src_edit run",
        setup={"start": "big"},
    ),
    Fault(
        "a changed configuration goes unnoticed",
        "syncd/reconciler/guards.py",
        "if rails.scope_changed and not overrides.accept_config and doing:",
        "if False:",
        ("I9",),
        "comparisons that mean something else now are acted upon before anybody looked",
        rules="src_put src_edit mapping_change",
    ),
    # ---- what is remembered
    Fault(
        "another conflict row each time",
        "syncd/state/holds.py",
        "same = [row for row in known if _about(row, record)]",
        "same: list[dict[str, Any]] = []",
        ("I1", "I12"),
        "a record waits twice, and is answered twice",
        rules="preexisting_doc human_edit run",
    ),
    Fault(
        "a look-alike clears what waits for it",
        "syncd/gather.py",
        'slot = self._scene.slot(kind, source_id=source_id, qbo_id="" if source_id else qbo_id)',
        "slot = self._scene.slot(kind, source_id=source_id, qbo_id=qbo_id)",
        ("I2", "I3"),
        "an edit of the look-alike in QuickBooks makes a held invoice vanish from every list",
        rules="preexisting_doc human_edit run",
        setup={"numbers": True},
    ),
)
"""Every fault, grouped by what it breaks."""
