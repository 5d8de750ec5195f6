"""Writes, where the API has the verb: each against a fresh read, each read back, none repeated blindly.

The API keeps no log of writes and takes no idempotency key. A change that was perhaps made is recognised by the version
that has moved; a create by a record that looks the same. What cannot be told is left open or refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from syncd.errors import SourceMisconfigured, SourceUnavailable
from syncd.model.observations import Absent, Flawed, Present, Problem
from syncd.model.records import Record
from syncd.model.records.forms import CreditNote, Invoice
from syncd.model.records.payments import Payment
from syncd.model.writes import Conflict, Done, InDoubt, NotSent, Outcome, Refused, SourceWrite, Verb
from syncd.sources import whole
from syncd.sources.ruddr import bodies
from syncd.sources.ruddr.http import Api, NotReachedError, RefusedError
from syncd.sources.ruddr.probe import Prober
from syncd.sources.ruddr.readers import LIST_OF, Seen
from syncd.sources.ruddr.survey import Survey

_METHODS = {Verb.UPDATE: "PATCH", Verb.DEACTIVATE: "PATCH", Verb.DELETE: "DELETE"}
_REMOVALS: Mapping[Verb, bodies.Body | None] = {Verb.DEACTIVATE: dict(bodies.ARCHIVED), Verb.DELETE: None}


class Writer:
    """Applies the writes of one call. ``saw`` is told what was read back; None: it is gone."""

    def __init__(
        self, api: Api, survey: Survey, prober: Prober, saw: Callable[[SourceWrite, Seen | None], None]
    ) -> None:
        self._api = api
        self._survey = survey
        self._prober = prober
        self._saw = saw

    def apply(self, writes: Sequence[SourceWrite]) -> list[Outcome]:
        """Each in turn; a failure is its own and does not stop the others."""
        return [self._apply(write) for write in writes]

    def _apply(self, write: SourceWrite) -> Outcome:
        try:
            if write.verb not in self._prober.verbs(write.kind):
                return Refused(
                    "read_only",
                    f"Ruddr does not let syncd {write.verb} a {write.kind}.",
                    "Do it in Ruddr by hand, or see docs/source-ruddr-api.md about modes.",
                )
            return self._create(write) if write.verb is Verb.CREATE else self._change(write)
        except RefusedError as refused:  # of a read before the write
            return _refused(refused)
        except (SourceUnavailable, SourceMisconfigured) as error:
            return NotSent(str(error))

    # ---- change and removal

    def _change(self, write: SourceWrite) -> Outcome:
        before = self._look(write, write.id)
        if before is None and write.verb is Verb.DELETE:
            return Done(Absent(write.id, ("Ruddr answered 404 for it",)))
        if before is None:
            return Conflict("The record is not in Ruddr any more.")
        if before.observation.version != write.expected_version or isinstance(before.observation, Flawed):
            return Conflict("The record was changed in Ruddr since it was read.")
        body = _changed(write, before.observation.record) if write.verb is Verb.UPDATE else _REMOVALS[write.verb]
        if isinstance(body, Refused):
            return body
        return self._sent(write, _METHODS[write.verb], f"{LIST_OF[write.kind].path}/{write.id}", body)

    # ---- creation

    def _create(self, write: SourceWrite) -> Outcome:
        if write.record is None:
            return Refused("not_writable", "There is nothing to create.")
        if flaws := _problems(write.record):
            return Refused("would_be_flawed", flaws[0].text, flaws[0].remedy)
        for kept in self._survey.read(LIST_OF[write.kind]).kept:
            for seen in kept.seen:
                there = seen.observation
                if isinstance(there, Present) and bodies.resembles(write.record, there.record):
                    return Refused(
                        "exists",
                        f"Ruddr has a {write.kind} like this already.",
                        "If it is another one, enter this one in Ruddr by hand.",
                        holder_id=seen.id,
                    )
        return self._sent(write, "POST", LIST_OF[write.kind].path, bodies.creation_of(write.kind, write.record))

    # ---- both

    def _sent(self, write: SourceWrite, method: str, path: str, body: bodies.Body | None) -> Outcome:
        try:
            answer = self._api.send(method, path, body)
        except RefusedError as refused:
            if refused.status == 404 and write.verb is Verb.DELETE:
                answer = {}
            elif refused.status == 404:
                return Conflict("The record is not in Ruddr any more.")
            else:
                return _refused(refused)
        except (NotReachedError, SourceMisconfigured) as error:
            return NotSent(str(error))
        except SourceUnavailable as error:
            return InDoubt(str(error))
        row_id = str(answer.get("id") or "") if write.verb is Verb.CREATE else write.id
        try:
            return self._read_back(write, row_id)
        except (RefusedError, SourceUnavailable, SourceMisconfigured) as error:
            return InDoubt(f"It was written, and could not be read back: {error}")

    def _read_back(self, write: SourceWrite, row_id: str) -> Outcome:
        after = self._look(write, row_id) if row_id else None
        if write.verb is Verb.DELETE:
            if after is not None:
                return InDoubt("Ruddr said that it was deleted, and still shows it.")
            self._saw(write, None)
            return Done(Absent(write.id, ("Ruddr deleted it", "Ruddr answered 404 for it")))
        if after is None:
            return InDoubt("Ruddr said that it was written, and does not show it.")
        self._saw(write, after)
        if isinstance(after.observation, Flawed):
            return InDoubt(f"It was written, and cannot be used as it stands: {after.observation.problems[0].text}")
        return Done(after.observation)

    def _look(self, write: SourceWrite, row_id: str) -> Seen | None:
        kept = self._survey.one(LIST_OF[write.kind], row_id)
        seen = kept.seen if kept is not None else ()
        return next((one for one in seen if one.kind is write.kind), None)


def _changed(write: SourceWrite, current: Record) -> bodies.Body | Refused:
    """The body of a change; never one that would leave a record behind that is then held."""
    if write.record is None:
        return Refused("not_writable", "There is nothing to write.")
    values = {name: getattr(write.record, name) for name in write.fields if name != "external_id"}
    if flaws := _problems(msgspec.structs.replace(current, **values)):
        return Refused("would_be_flawed", flaws[0].text, flaws[0].remedy)
    body = bodies.body_of(write.kind, write.record, write.fields, current=current)
    return body or Refused("not_writable", "None of the fields can be written to Ruddr.")


def _problems(record: Record) -> list[Problem]:
    if isinstance(record, Invoice | CreditNote):
        return whole.form_problems(record)
    return whole.payment_problems(record) if isinstance(record, Payment) else []


def _refused(refused: RefusedError) -> Outcome:
    """A definite no (ruddr-api.md 4)."""
    code, remedy = {
        400: ("invalid", "Do it in Ruddr by hand; it may not allow this change."),
        403: ("off", "The feature is not switched on in this workspace."),
        405: ("read_only", "Do it in Ruddr by hand: its API does not offer this."),
        409: ("locked", "Unlock the record in Ruddr (a published one may be read-only), or do it there by hand."),
    }.get(refused.status, ("refused", "Do it in Ruddr by hand."))
    return Refused(code, f"Ruddr refused: {refused.text}", remedy)
