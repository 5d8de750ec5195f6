"""A profile in words, as a file holds it, and the policy that they mean (docs/write-a-profile.md).

The words are about one kind each: what goes out, who wins where both sides changed, and what becomes of a record that
is withdrawn, void or gone on one side. Whatever is not said is held: nobody loses anything by a word that is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, create_model

from syncd.model.kinds import Kind, Side, State
from syncd.model.spec import SPECS, KindSpec
from syncd.model.writes import Verb
from syncd.profiles.updates import Update, updated
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner, Policy

GoesOut: TypeAlias = Literal["always", "when_needed", "never"]
FromQbo: TypeAlias = Literal["leave", "import", "import_when_needed"]
Removed: TypeAlias = Literal["hold", "leave", "delete", "void", "deactivate"]
QboRemoved: TypeAlias = Literal["hold", "leave", "recreate", "delete", "withdraw"]
QboVoided: TypeAlias = Literal["hold", "leave", "void"]

_REMOVED: Mapping[str, Answer] = {
    "hold": Answer.HOLD,
    "leave": Answer.ORPHAN,
    "delete": Answer.DELETE_QBO,
    "void": Answer.VOID_QBO,
    "deactivate": Answer.DEACTIVATE_QBO,
}
_QBO_REMOVED: Mapping[str, Answer] = {
    "hold": Answer.HOLD,
    "leave": Answer.ORPHAN,
    "recreate": Answer.RECREATE_QBO,
    "delete": Answer.DELETE_SOURCE,
    "withdraw": Answer.WITHDRAW_SOURCE,
}
_QBO_VOIDED: Mapping[str, Answer] = {
    "hold": Answer.HOLD,
    "leave": Answer.ORPHAN,
    "void": Answer.VOID_SOURCE,
}
_VERBS: Mapping[Answer, tuple[Side, Verb]] = {
    Answer.DELETE_QBO: (Side.QBO, Verb.DELETE),
    Answer.VOID_QBO: (Side.QBO, Verb.VOID),
    Answer.DEACTIVATE_QBO: (Side.QBO, Verb.DEACTIVATE),
    Answer.DELETE_SOURCE: (Side.SOURCE, Verb.DELETE),
    Answer.WITHDRAW_SOURCE: (Side.SOURCE, Verb.WITHDRAW),
    Answer.VOID_SOURCE: (Side.SOURCE, Verb.VOID),
    Answer.CREATE_SOURCE: (Side.SOURCE, Verb.CREATE),
}
_MATCH_ON: Mapping[Kind, tuple[str, ...]] = {
    Kind.ESTIMATE: ("number", "client", "issue_date", "total"),
    Kind.INVOICE: ("number", "client", "issue_date", "total"),
    Kind.CREDIT_NOTE: ("number", "client", "issue_date", "total"),
    Kind.PAYMENT: ("client", "date", "amount", "allocations", "credits"),
    Kind.CREDIT_APPLICATION: ("client", "credit_note", "allocations"),
    Kind.BILL: ("vendor", "date", "total", "lines"),
    Kind.PURCHASE: ("vendor", "date", "total", "lines"),
    Kind.PURCHASE_ORDER: ("number", "vendor", "date", "total"),
    Kind.ATTACHMENT: ("owner_kind", "owner", "file_name", "size"),
}
"""What makes an unlinked record of either side the same, where a file does not say; of lists: name and currency."""
FORMS = frozenset({Kind.ESTIMATE, Kind.INVOICE, Kind.CREDIT_NOTE})
"""Documents that are drafted before they are sent."""
PARTIES = frozenset({Kind.CLIENT, Kind.VENDOR})


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class KindWords(_Words):
    """What holds for one kind.

    ``states``: those in which a document of the source belongs in QuickBooks. ``goes_out``: always, only when
    something that goes out refers to it, or never (it only comes in). ``update``: who is followed after a change.
    ``returned``: fields that QuickBooks decides and the source takes back. ``source_withdrawn``, ``source_voided`` and
    ``source_removed``: what becomes of QuickBooks' record; ``qbo_removed`` and ``qbo_voided``: of the source's.
    ``from_qbo``: what becomes of a record that only QuickBooks has. ``ticks``: whether the source's own boxes "save to
    QuickBooks" and "remove from QuickBooks" are heeded. ``leave_existing``: a record that syncd did not make is never
    changed. ``match_on``: the fields in which two records have to agree to be the same.
    """

    states: tuple[State, ...] | None = None
    goes_out: GoesOut | None = None
    update: Update = "manual"
    returned: tuple[str, ...] = ()
    source_withdrawn: Removed = "hold"
    source_voided: Removed = "hold"
    source_removed: Removed = "hold"
    qbo_removed: QboRemoved = "hold"
    qbo_voided: QboVoided = "hold"
    from_qbo: FromQbo = "leave"
    ticks: bool = False
    leave_existing: bool | None = None
    match_on: tuple[str, ...] = ()


KINDS: tuple[Kind, ...] = tuple(kind for kind in SPECS if kind is not Kind.EXPENSE)
"""The kinds that a profile may speak of: those that QuickBooks has."""
_TABLES: dict[str, Any] = {kind.value: (KindWords | None, None) for kind in KINDS}
_Kinds = create_model("Kinds", __base__=_Words, **_TABLES)
"""One key for each kind, so that any other word is refused as the unknown key it is."""


class ProfileWords(_Words):
    """A whole profile. ``name`` is how reports and pages call it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    kind: _Kinds  # type: ignore[valid-type]  # the model is made of the table of kinds, above

    def policy(self) -> Policy:
        """What the words mean."""
        said = {kind: getattr(self.kind, kind.value) for kind in KINDS}
        return Policy(
            profile=self.name,
            kinds={kind: _policy(SPECS[kind], words) for kind, words in said.items() if words is not None},
        )


def _policy(spec: KindSpec, words: KindWords) -> KindPolicy:
    if spec.link_only:
        return _named(spec, words)
    answers: dict[Case, Answer] = {
        Case.SRC_GONE: _REMOVED[words.source_removed],
        Case.QBO_GONE: _QBO_REMOVED[words.qbo_removed],
        Case.QBO_VOID: _QBO_VOIDED[words.qbo_voided],
    }
    if words.from_qbo != "leave":
        answers[Case.FOREIGN] = Answer.CREATE_SOURCE
    party = spec.kind in PARTIES
    if party:  # the same name and currency, another e-mail: the same customer, left as QuickBooks has it
        answers[Case.ADOPT_DIFF] = Answer.RECORD
    withdrawn, voided = _REMOVED[words.source_withdrawn], _REMOVED[words.source_voided]
    ticked = (Answer.DELETE_QBO, Answer.ORPHAN) if words.ticks else (None, None)
    goes_out = words.goes_out or ("when_needed" if party else "always")
    plain = KindPolicy(
        flows=frozenset(words.states or ((State.PUBLISHED,) if spec.kind in FORMS else (State.LIVE,))),
        owners=dict.fromkeys(words.returned, Owner.RETURNED),
        answers=answers,
        verbs=_verbs(words, goes_out, {*answers.values(), withdrawn, voided, *ticked}),
        match_on=words.match_on or _MATCH_ON.get(spec.kind, ("name", "currency")),
        when_needed=goes_out == "when_needed",
        leave_foreign=party if words.leave_existing is None else words.leave_existing,
        saved=goes_out != "never",
        withdrawn=withdrawn,
        source_void=voided,
        ticked=ticked[0],
        unticked=ticked[1],
        when_imported=words.from_qbo == "import_when_needed",
    )
    return updated(plain, words.update)


def _named(spec: KindSpec, words: KindWords) -> KindPolicy:
    """What is matched by name and never written."""
    return KindPolicy(
        flows=frozenset({State.LIVE}),
        default_owner=Owner.KEEP,
        answers={Case.ADOPT_DIFF: Answer.RECORD, Case.QBO_EDITED: Answer.RECORD, Case.CONFLICT: Answer.RECORD},
        match_on=words.match_on or ("name",),
        when_needed=True,
        leave_foreign=True,
    )


def _verbs(words: KindWords, goes_out: str, answers: set[Answer | None]) -> dict[Side, frozenset[Verb]]:
    """What may be written: no more than the words ask for."""
    allowed: dict[Side, set[Verb]] = {Side.QBO: set(), Side.SOURCE: set()}
    if goes_out != "never":
        allowed[Side.QBO].add(Verb.CREATE)
    if words.returned:
        allowed[Side.SOURCE].add(Verb.UPDATE)
    for answer in answers:
        if answer is not None and answer in _VERBS:
            side, verb = _VERBS[answer]
            allowed[side].add(verb)
    return {side: frozenset(verbs) for side, verbs in allowed.items()}
