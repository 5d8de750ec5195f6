"""The policy that the words of a profile file mean (``words``, docs/write-a-profile.md)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from syncd.model.completeness import unmapped
from syncd.model.facts import Settings
from syncd.model.kinds import Kind, Side, State
from syncd.model.spec import SPECS, KindSpec
from syncd.model.writes import Verb
from syncd.profiles.updates import FOLLOWS, updated
from syncd.profiles.words import FORMS, PARTIES, KindWords, ProfileWords
from syncd.reconciler.policy import Answer, Case, KindPolicy, Owner, Policy

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
_DIFFERS: Mapping[str, Answer] = {
    "hold": Answer.HOLD,
    "leave": Answer.RECORD,
    "take_qbo": Answer.PULL,
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
    Kind.PROJECT: ("name", "client"),
}
_ITS_EDITS = (Case.SRC_EDITED, Case.MERGEABLE, Case.CONFLICT)
"""What the source changed of a record that both sides have."""
_ANEW = (Case.QBO_GONE, Case.QBO_GONE_SRC_EDITED)


def match_on(kind: Kind, words: KindWords) -> tuple[str, ...]:
    """What makes an unlinked record of either side the same, also where a file does not say; of lists: name and
    currency."""
    return words.match_on or _MATCH_ON.get(kind, ("name", "currency"))


def policy(words: ProfileWords, settings: Settings) -> Policy:
    """What the words mean, as a company's settings have it."""
    said = words.said()
    items = said.get(Kind.ITEM)
    types = (settings.line_types or items.line_types) if items is not None and items.line_types else ()
    return Policy(
        profile=words.name,
        kinds={kind: _kind(SPECS[kind], its, settings, types) for kind, its in said.items()},
        contact_emails=words.contact_emails,
        unmapped=unmapped(types, settings.line_type_map),
    )


def _kind(spec: KindSpec, words: KindWords, settings: Settings, types: tuple[str, ...]) -> KindPolicy:
    if spec.kind is Kind.PROJECT and words.goes_out is not None and settings.project_as == "sub_customer":
        return _written(spec, words, settings)
    if spec.link_only:
        return _named(spec, words, settings, types)
    return _written(spec, words, settings)


def _named(spec: KindSpec, words: KindWords, settings: Settings, types: tuple[str, ...]) -> KindPolicy:
    """What is matched by name and never changed; a product is made where there is none, if that is said (O-22)."""
    makes = spec.kind is Kind.ITEM and words.goes_out is not None
    differs = _DIFFERS[words.match_differs or ("hold" if makes else "leave")]
    made = frozenset({Verb.CREATE}) if makes and settings.missing_item == "create" else frozenset[Verb]()
    return KindPolicy(
        flows=frozenset({State.LIVE}),
        default_owner=Owner.KEEP,
        answers={Case.ADOPT_DIFF: differs, Case.QBO_EDITED: Answer.RECORD, Case.CONFLICT: Answer.RECORD},
        verbs={Side.QBO: made} if makes else {},
        match_on=words.match_on or ("name",),
        when_needed=True,
        leave_foreign=True,
        only_names=frozenset(types) if spec.kind is Kind.ITEM and types else None,
    )


def _written(spec: KindSpec, words: KindWords, settings: Settings) -> KindPolicy:
    party = spec.kind in PARTIES
    goes_out = words.goes_out or ("when_needed" if party else "always")
    # The same name and currency, another e-mail: the same customer, left as QuickBooks has it.
    differs = _DIFFERS[words.match_differs or ("leave" if party else "hold")]
    answers: dict[Case, Answer] = {
        Case.SRC_GONE: _REMOVED[words.source_removed],
        Case.SRC_GONE_QBO_EDITED: _REMOVED[words.source_removed_edited],
        Case.QBO_GONE: _QBO_REMOVED[words.qbo_removed],
        Case.QBO_GONE_SRC_EDITED: _QBO_REMOVED[words.qbo_removed_edited],
        Case.QBO_VOID: _QBO_VOIDED[words.qbo_voided],
        Case.ADOPT_DIFF: differs,
    }
    if words.from_qbo != "leave":
        answers[Case.FOREIGN] = Answer.CREATE_SOURCE
    if words.source_closed is not None:  # what is closed on both sides may be opened again (B-23, C-B9)
        answers[Case.BOTH_GONE] = Answer.ORPHAN
    withdrawn, voided = _REMOVED[words.source_closed or words.source_withdrawn], _REMOVED[words.source_voided]
    ticked = (Answer.DELETE_QBO, Answer.ORPHAN) if words.ticks else (None, None)
    plain = KindPolicy(
        flows=frozenset(words.states or ((State.PUBLISHED,) if spec.kind in FORMS else (State.LIVE,))),
        owners=_owners(spec, words),
        answers=answers,
        verbs=_verbs(words, goes_out, {*answers.values(), withdrawn, voided, *ticked}, settings),
        match_on=match_on(spec.kind, words),
        when_needed=goes_out == "when_needed",
        leave_foreign=party if words.leave_existing is None else words.leave_existing,
        withdrawn=withdrawn,
        source_void=voided,
        ticked=ticked[0],
        unticked=ticked[1],
        when_imported=words.from_qbo == "import_when_needed",
        at_first=words.from_qbo == "import_at_first",
        marks=frozenset(words.marks),
        left_out=frozenset(words.left_out),
        never_left=frozenset(words.never_left),
        own_numbers=spec.kind in FORMS and settings.numbering == "source",
        shows_link=words.shows_link,
        asked_only=goes_out in {"when_asked", "never"},
        closes=words.source_closed is not None,
        asks=frozenset(words.asks),
        remedy=words.remedy,
    )
    followed = _tells_source(_both_changed(updated(plain, words.update), words), words)
    return _when_asked(followed, words) if goes_out == "when_asked" else followed


def _owners(spec: KindSpec, words: KindWords) -> dict[str, Owner]:
    """Whose a field is that is not everybody's: a mark that follows from other records in QuickBooks is QuickBooks'; of
    any other both sides say "yes", and none takes it back."""
    marks = {name: Owner.QBO if name in spec.derived else Owner.RAISED for name in words.marks}
    return {**dict.fromkeys(words.returned, Owner.RETURNED), **marks}


def _both_changed(plain: KindPolicy, words: KindWords) -> KindPolicy:
    held = {"hold": (Case.MERGEABLE, Case.CONFLICT), "hold_same_field": (Case.CONFLICT,)}
    cases = held.get(words.both_changed or "", ())
    return msgspec.structs.replace(plain, answers={**plain.answers, **dict.fromkeys(cases, Answer.HOLD)})


def _tells_source(plain: KindPolicy, words: KindWords) -> KindPolicy:
    """Whoever is followed: the source is told ids, and takes over what it is to start with."""
    if not words.shows_link and words.match_differs != "take_qbo":
        return plain
    verbs = {**plain.verbs, Side.SOURCE: plain.verbs.get(Side.SOURCE, frozenset()) | {Verb.UPDATE}}
    return msgspec.structs.replace(plain, verbs=verbs)


def _when_asked(plain: KindPolicy, words: KindWords) -> KindPolicy:
    """What the source changed waits, and goes the way it is said once a person asks for the record again; what
    QuickBooks has not any more is made anew then, and what is void there is looked at (O-14, C-O1)."""
    merged = {case: plain.answers[case] for case in _ITS_EDITS}
    asked = {case: Answer.PUSH if answer is Answer.MERGE else answer for case, answer in merged.items()}
    waits = dict.fromkeys(_ITS_EDITS, Answer.AWAIT) if words.update in FOLLOWS else {}
    anew = dict.fromkeys(_ANEW, Answer.RECREATE_QBO)
    return msgspec.structs.replace(
        plain,
        answers={**plain.answers, **waits},
        when_asked={**asked, **anew, Case.QBO_VOID: Answer.HOLD},
    )


def _verbs(
    words: KindWords, goes_out: str, answers: set[Answer | None], settings: Settings
) -> dict[Side, frozenset[Verb]]:
    """What may be written: no more than the words ask for."""
    allowed: dict[Side, set[Verb]] = {Side.QBO: set(), Side.SOURCE: set()}
    if goes_out != "never":
        allowed[Side.QBO].add(Verb.CREATE)
    if words.mails and settings.send_via_qbo:
        allowed[Side.QBO].add(Verb.SEND)
    for answer in answers:
        if answer is not None and answer in _VERBS:
            side, verb = _VERBS[answer]
            allowed[side].add(verb)
    return {side: frozenset(verbs) for side, verbs in allowed.items()}
