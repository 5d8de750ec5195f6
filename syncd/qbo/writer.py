"""Writes to QBO, and what became of them (DESIGN.md 6, correctness.md 2).

Identity on the wire: a write with batch ids always travels in a batch under that pair, also when it is alone; one
without travels by itself under its ``request_id``. A repeat therefore has the same identity as the first attempt.

Every write ends in exactly one outcome. ``Done`` and ``Refused`` need proof; ``NotSent`` needs proof that nothing was
looked at; all else is ``InDoubt``, which only observation can settle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from syncd.errors import QboError, QboThrottled, QboUnavailable
from syncd.model.checks.purchases import NO_PURCHASE_ORDERS
from syncd.model.kinds import Kind, State
from syncd.model.observations import Absent, Flawed, Present
from syncd.model.writes import Conflict, Done, InDoubt, NotSent, Outcome, Refused, Verb, WireWrite
from syncd.qbo import faults, uploads, wire
from syncd.qbo.batches import TOO_LARGE, BatchSize
from syncd.qbo.faults import Fault, FaultClass
from syncd.qbo.limiter import Priority
from syncd.qbo.lookup import READ_FAILED, batch_items
from syncd.qbo.transport import (
    JSON,
    BrokenBodyError,
    Call,
    FaultError,
    NotReachedError,
    Reply,
    Transport,
)
from syncd.qbo.wire import Envelope, Raw

REQUEST_ID_LIMIT = 50
BATCH_ID_LIMIT = 36
ITEM_ID_LIMIT = 10
"""protocol.md 7, F-5: a longer one might be cut, and two cut ones might be the same."""

_VOIDS: dict[str, tuple[tuple[str, str], ...]] = {
    "Invoice": (("operation", "void"),),
    "Payment": (("operation", "update"), ("include", "void")),
}
"""protocol.md 8.3, 8.5. A create and an update are told by the body."""

_BATCH_OPERATIONS = {Verb.CREATE: "create", Verb.DELETE: "delete"}
"""Everything else is an ``update``; a void is one with ``optionsData`` (protocol.md 6.1)."""

OCTETS = "application/octet-stream"
"""protocol.md 8.8."""

Decode = Callable[[Kind, Raw], "Present | Flawed"]


class _Deleted(msgspec.Struct):
    id: str = msgspec.field(name="Id", default="")
    status: str = ""


class Writer:
    """Sends writes, alone or in batches."""

    def __init__(
        self,
        transport: Transport,
        decode: Decode,
        batches: BatchSize,
        company_changed: Callable[[], None],
        content: Callable[[str], bytes | None] = lambda _: None,
    ) -> None:
        self._content = content
        self._transport = transport
        self._decode = decode
        self._batches = batches
        self._company_changed = company_changed

    def send(self, writes: Sequence[WireWrite]) -> list[Outcome]:
        """An outcome for each write, in the order given.

        Raises (``ReconnectNeeded``, ``WrongCompany``) only while no outcome is known; later in the same call the
        writes that are left come back as ``NotSent``, so that nothing known is lost.
        """
        for write in writes:
            _check_ids(write)
        outcomes: dict[int, Outcome] = {}
        for group in _groups(writes, self._batches.now):
            try:
                found = self._send(group)
            except QboError as error:
                if not outcomes:
                    raise
                return [outcomes.get(place, NotSent(error.message)) for place in range(len(writes))]
            outcomes |= {place: outcome for (place, _), outcome in zip(group, found, strict=True)}
        return [outcomes[place] for place in range(len(writes))]

    def _send(self, group: list[tuple[int, WireWrite]]) -> list[Outcome]:
        writes = [write for _, write in group]
        call = self._call(writes)
        if call is None:
            return [Conflict("The file is not there any more, or its content changed since it was looked at.")]
        try:
            return self._outcomes(writes, self._transport.write(call))
        except (QboThrottled, NotReachedError) as error:
            return [NotSent(error.message)] * len(writes)
        except QboUnavailable as error:
            lost = NotSent(error.message) if error.code == "stopping" else InDoubt(error.message)
            return [lost] * len(writes)

    def _call(self, writes: list[WireWrite]) -> Call | None:
        """The request; None where a file that was to go along is another one by now."""
        if writes[0].batch_request_id:
            return _batch_call(writes)
        if not writes[0].file:
            return _single_call(writes[0])
        content = self._content(writes[0].file)
        return None if content is None else uploads.call_of(writes[0], content)

    def _outcomes(self, writes: list[WireWrite], reply: Reply) -> list[Outcome]:
        if reply.fault is not None and reply.fault.code == TOO_LARGE and len(writes) > 1:
            self._batches.shrink(len(writes))
            return [NotSent(f"QuickBooks takes fewer than {len(writes)} operations in a batch.")] * len(writes)
        if reply.fault is not None:
            return [self._faulted(write, reply.fault, reply.tid) for write in writes]
        if reply.status != 200:
            return [_by_status(reply.status, reply.tid)] * len(writes)
        if writes[0].batch_request_id:
            return self._items(writes, reply)
        if writes[0].file:
            return [self._uploaded(writes[0], reply)]
        return [self._answered(writes[0], reply.envelope, reply.tid)]

    def _uploaded(self, write: WireWrite, reply: Reply) -> Outcome:
        """A fault stands inside the answer's list, beside the status of a success (protocol.md 11)."""
        match uploads.answer_of(reply):
            case Fault() as fault:
                return self._faulted(write, fault, reply.tid)
            case None:
                return InDoubt(f"QuickBooks answered without the {write.entity}.")
            case row:
                return self._written(write, row, reply.tid)

    def _items(self, writes: list[WireWrite], reply: Reply) -> list[Outcome]:
        try:
            answers = batch_items(reply)
        except BrokenBodyError as error:
            return [InDoubt(error.message)] * len(writes)
        return [self._item(write, answers.get(write.batch_item_id), reply.tid) for write in writes]

    def _item(self, write: WireWrite, answer: Envelope | None, tid: str) -> Outcome:
        """One item of a batch. A missing one may have been done (F-71)."""
        if answer is None:
            return InDoubt("QuickBooks left this item of a batch unanswered.")
        fault = faults.from_envelope(answer)
        if fault is not None:
            return self._faulted(write, fault, tid)
        return self._answered(write, answer, tid)

    def _answered(self, write: WireWrite, envelope: Envelope, tid: str) -> Outcome:
        """A success has to show the record (protocol.md 8.5: a 200 without it happens, and means nothing)."""
        row = envelope.get(write.entity)
        if row is None:
            return InDoubt(f"QuickBooks answered without the {write.entity}.")
        if write.verb is Verb.DELETE:
            return _deleted(write, row, tid)
        return self._written(write, row, tid)

    def _written(self, write: WireWrite, row: Raw, tid: str) -> Outcome:
        """What the record is after the write."""
        try:
            after = self._decode(write.kind, row)
        except QboError as error:  # something it takes to read the answer could not be had; the write is done
            return InDoubt(error.message)
        if isinstance(after, Flawed):
            return InDoubt("QuickBooks' answer cannot be read: " + " ".join(p.text for p in after.problems))
        if write.qbo_id and after.record.id != write.qbo_id:
            return InDoubt(f"QuickBooks answered with another record ({after.record.id}).")
        if write.verb is Verb.VOID and not _is_void(after):
            return Refused(
                code="void-ignored",
                text="QuickBooks accepted the void but did not do it.",
                remedy="Void the document by hand in QuickBooks.",
                tid=tid,
            )
        if write.verb is Verb.SEND and not getattr(after.record, "mailed", ""):
            return InDoubt("QuickBooks answered, and does not show that it mailed the document.")
        return Done(after, tid)

    def _faulted(self, write: WireWrite, fault: Fault, tid: str) -> Outcome:
        match fault.group:
            case FaultClass.THROTTLE | FaultClass.RETRY | FaultClass.REFRESH:
                return NotSent(fault.text)
            case FaultClass.COMPANY | FaultClass.RESET | FaultClass.IDENTITY:
                self._company_changed()
                return NotSent(f"{fault.text} {fault.rule.remedy}")
            case FaultClass.CONFLICT:
                return Conflict(fault.text, tid)
            case FaultClass.SYSTEM | FaultClass.REPEATED:
                return InDoubt(fault.text)
            case FaultClass.GONE if fault.code == "610" and write.verb is not Verb.CREATE:
                return self._gone(write, fault, tid)
            case _:
                return _refused_of(write, fault, tid)

    def _gone(self, write: WireWrite, fault: Fault, tid: str) -> Outcome:
        """610 on a change: either the record itself is gone, or something it refers to (protocol.md 9.3)."""
        if write.verb is Verb.DELETE:
            return Done(
                Absent(write.qbo_id, ("QuickBooks knew of no such record when it was to be deleted (610)",)), tid
            )
        call = Call("GET", f"{write.entity.lower()}/{write.qbo_id}", write.entity.lower(), reads=1)
        try:
            self._transport.read(call, Priority.URGENT)
        except FaultError as error:
            return Conflict("The record is gone from QuickBooks.", tid) if error.code == "610" else _refused(fault, tid)
        except READ_FAILED:
            pass
        return _refused(fault, tid)


def _groups(writes: Sequence[WireWrite], size: int) -> list[list[tuple[int, WireWrite]]]:
    """Writes that share a batch id together, up to ``size``; all others alone; in order of first appearance."""
    groups: list[list[tuple[int, WireWrite]]] = []
    open_group: dict[str, list[tuple[int, WireWrite]]] = {}
    for place, write in enumerate(writes):
        group = open_group.get(write.batch_request_id) if write.batch_request_id else None
        if group is None or len(group) >= size:
            group = []
            groups.append(group)
            open_group[write.batch_request_id] = group
        group.append((place, write))
    return groups


def _check_ids(write: WireWrite) -> None:
    """A fault here is a bug in the caller; better no write than one without an identity (F-2)."""
    if write.batch_request_id:
        usable = len(write.batch_request_id) <= BATCH_ID_LIMIT and 0 < len(write.batch_item_id) <= ITEM_ID_LIMIT
    else:
        usable = 0 < len(write.request_id) <= REQUEST_ID_LIMIT
    if not usable:
        raise ValueError(f"the write {write.journal_id} has no usable request id")


def _single_call(write: WireWrite) -> Call:
    params = (*_operation(write), ("requestid", write.request_id))
    path = write.entity.lower()
    if write.verb is Verb.SEND:
        return Call("POST", f"{path}/{write.qbo_id}/send", "send", params=params, content_type=OCTETS)
    return Call("POST", path, path, params=params, body=write.body, content_type=JSON)


def _operation(write: WireWrite) -> tuple[tuple[str, str], ...]:
    match write.verb:
        case Verb.DELETE:
            return (("operation", "delete"),)
        case Verb.VOID:
            return _VOIDS[write.entity]
        case _:
            return ()


def _batch_call(writes: list[WireWrite]) -> Call:
    """The body is put together from the journal's own bytes, so that a repeat is the same to the byte (F-4)."""
    items = [_batch_item(write) for write in writes]
    return Call(
        "POST",
        "batch",
        "batch",
        params=(("requestid", writes[0].batch_request_id),),
        body=wire.encode({"BatchItemRequest": items}),
        content_type=JSON,
        batch=True,
    )


def _batch_item(write: WireWrite) -> dict[str, object]:
    item: dict[str, object] = {
        "bId": write.batch_item_id,
        "operation": _BATCH_OPERATIONS.get(write.verb, "update"),
    }
    if write.verb is Verb.VOID:
        item["optionsData"] = "void"
    return item | {write.entity: Raw(write.body)}


def _by_status(status: int, tid: str) -> Outcome:
    """An HTTP refusal without a fault we can read. Only routing errors prove that nothing was done (9.2)."""
    text = f"QuickBooks answered HTTP {status} without a reason."
    if status in {404, 405, 413, 415}:
        return Refused(code=str(status), text=text, remedy="This is a fault in syncd: report it.", tid=tid)
    return InDoubt(text)


def _deleted(write: WireWrite, row: Raw, tid: str) -> Outcome:
    try:
        answer = msgspec.json.decode(row, type=_Deleted)
    except wire.BAD_JSON:
        answer = _Deleted()
    if answer.status.lower() != "deleted" or answer.id not in {"", write.qbo_id}:
        return InDoubt("QuickBooks' answer does not say that the record was deleted.")
    return Done(Absent(write.qbo_id, ("QuickBooks' answer to the delete",)), tid)


def _is_void(after: Present) -> bool:
    return getattr(after.record, "state", State.VOID) is State.VOID


def _refused_of(write: WireWrite, fault: Fault, tid: str) -> Refused:
    """In words of its own where the fault means more for this kind than for others (B-15)."""
    if write.kind is Kind.PURCHASE_ORDER and fault.group is FaultClass.PERMISSION:
        text, remedy = NO_PURCHASE_ORDERS
        return Refused(fault.code, text, remedy, tid=tid)
    return _refused(fault, tid)


def _refused(fault: Fault, tid: str) -> Refused:
    return Refused(fault.code, fault.text, fault.rule.remedy, fault.holder_id, tid)
