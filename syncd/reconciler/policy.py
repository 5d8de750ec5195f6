"""A policy is data: which direction flows and who wins, by kind, state and field. A profile is a named set of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import UNSET

from syncd.model.kinds import Kind, Side, State
from syncd.model.records import Record
from syncd.model.spec import SPECS
from syncd.model.writes import Verb


class Case(StrEnum):
    """The rows of the case table (correctness.md, section 1)."""

    IN_DOUBT = "C00"
    UNKNOWN = "C01"
    NOTHING = "C10"
    SRC_NEW = "C11"
    FOREIGN = "C12"
    ADOPT_EQUAL = "C13"
    ADOPT_DIFF = "C14"
    ADOPT_AMBIGUOUS = "C15"
    ADOPT_VOID = "C16"
    IN_SYNC = "C20"
    DRIFT = "C21"
    SRC_EDITED = "C22"
    QBO_EDITED = "C23"
    CONVERGED = "C24"
    MERGEABLE = "C25"
    CONFLICT = "C26"
    SRC_GONE = "C30"
    SRC_GONE_QBO_EDITED = "C31"
    QBO_GONE = "C32"
    QBO_GONE_SRC_EDITED = "C33"
    QBO_VOID = "C34"
    QBO_VOID_SRC_EDITED = "C35"
    BOTH_GONE = "C36"
    MOVED = "C37"
    TWINS = "C38"
    REBORN_SRC = "C40"
    REBORN_QBO = "C41"
    REBORN_BOTH = "C42"
    BLOCKED = "C50"
    FROZEN = "C51"
    HALTED = "C52"


class Answer(StrEnum):
    """What may be done in a case. Which answers a case allows is in ``cases.ALLOWED``."""

    NONE = "none"
    HOLD = "hold"
    IGNORE = "ignore"
    CREATE_QBO = "create_qbo"
    CREATE_SOURCE = "create_source"
    LINK = "link"
    PUSH = "push"
    PULL = "pull"
    BY_OWNER = "by_owner"
    MERGE = "merge"
    REBASE = "rebase"
    RECORD = "record"
    DELETE_QBO = "delete_qbo"
    VOID_QBO = "void_qbo"
    DEACTIVATE_QBO = "deactivate_qbo"
    DELETE_SOURCE = "delete_source"
    VOID_SOURCE = "void_source"
    WITHDRAW_SOURCE = "withdraw_source"
    RECREATE_QBO = "recreate_qbo"
    ORPHAN = "orphan"
    FORGET = "forget"
    AWAIT = "await"
    REACTIVATE_QBO = "reactivate_qbo"


class Owner(StrEnum):
    """Who decides a field. ``RETURNED``: QBO decides it and the source takes it back (numbers, totals, tax).
    ``RAISED``: both do, but of QBO's only a "yes" counts: what was sent does not become unsent."""

    SOURCE = "source"
    QBO = "qbo"
    RETURNED = "returned"
    KEEP = "keep"
    RAISED = "raised"


class KindPolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """The policy of one kind.

    ``flows``: the states in which a record of the source belongs in QBO. ``when_needed``: create only when something
    that flows refers to it. ``owners``: who owns a field, by field, for records that flow; ``default_owner`` for the
    rest. ``draft_owner`` applies to linked records that no longer flow. ``answers``: the answer per case, among those
    the table allows; what is not named gets the table's own cautious default. ``verbs``: what may be written, per side.
    ``match_on``: fields that make an unlinked record of the source and one of QBO the same. ``leave_foreign``: whether
    fields of a QBO record that we did not create are left alone (X-5). ``keep_qbo_edits``: whether what QBO changes in
    fields of the source is recorded and left (else held). ``saved``: whether a record is sent whose source does not say
    so by its tick box. ``withdrawn`` and ``source_void``: the answer for a linked record that no longer flows, or is
    void in the source. ``ticked`` and ``unticked``: the answer where the withdrawn or removed record itself says
    whether it shall leave QBO. ``when_imported``: a record that only QBO has is brought into the source only if one
    that is brought in, too, or changed in QBO, refers to it. ``at_first``: one is brought into the source at a
    company's first run alone; what both have by then is linked, whether anything needs it or not. ``marks``: those of
    the kind's marks that are kept in agreement. ``left_out``: fields that are not compared at all, for only QBO says
    them. ``never_left``: fields of the source whose change in QBO is held even where others are recorded and left.
    ``own_numbers``: nothing goes out that QBO would number itself. ``only_names``: records of any other name are held,
    whatever QBO has (None: all names will do). ``shows_link``: the source is told QBO's id of what was matched, too.
    ``overwrites``: a change of the source puts every field of it right in QBO, also what was changed there before and
    only recorded (B-41, C-B2). ``asked_only``: a record goes out only when a person asks for that very record (O-10).
    ``when_asked``: the answers in place of ``answers`` where a person did. ``closes``: a record that the source made
    inactive does not flow any more, as a draft does not; made active again, it is in QBO, too. ``asks``: fields whose
    change in the source waits for a person. ``remedy``: what to do about a change in the source that is held.
    """

    flows: frozenset[State]
    owners: Mapping[str, Owner] = {}
    default_owner: Owner = Owner.QBO
    answers: Mapping[Case, Answer] = {}
    verbs: Mapping[Side, frozenset[Verb]] = {}
    match_on: tuple[str, ...] = ()
    when_needed: bool = False
    leave_foreign: bool = False
    keep_qbo_edits: bool = False
    saved: bool = True
    withdrawn: Answer = Answer.ORPHAN
    source_void: Answer = Answer.HOLD
    ticked: Answer | None = None
    unticked: Answer | None = None
    when_imported: bool = False
    at_first: bool = False
    marks: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    never_left: frozenset[str] = frozenset()
    own_numbers: bool = False
    only_names: frozenset[str] | None = None
    shows_link: bool = False
    overwrites: bool = False
    asked_only: bool = False
    when_asked: Mapping[Case, Answer] = {}
    closes: bool = False
    asks: frozenset[str] = frozenset()
    remedy: str = ""

    def flows_in(self, record: Record) -> bool:
        """Whether a record of the source is in a state in which it belongs in QBO."""
        closed = self.closes and not getattr(record, "active", True)
        return getattr(record, "state", State.LIVE) in self.flows and not closed

    def sends(self, record: Record) -> bool:
        """Whether one that is not in QBO yet is to be sent there: it flows, and nobody unticked that (R-2, R-50)."""
        save = getattr(record, "save", UNSET)
        return not self.asked_only and self.flows_in(record) and (save if isinstance(save, bool) else self.saved)

    def was_sent(self, record: Record) -> bool:
        """Whether one that nothing is known of, and that goes out only when asked for, was asked for before: it has
        QBO's id. The two are found and linked again; it is not created for that."""
        return self.asked_only and self.flows_in(record) and bool(getattr(record, "external_id", ""))

    @property
    def only_comes_in(self) -> bool:
        """Whether records of this kind come from QBO alone, and the source's own go nowhere (O-19)."""
        makes = any(Verb.CREATE in verbs for side, verbs in self.verbs.items() if side is Side.QBO)
        return self.asked_only and not makes and self.answers.get(Case.FOREIGN) is Answer.CREATE_SOURCE

    def goes_out(self, record: Record, *, linked: bool, asked: bool) -> bool:
        """Whether QBO is to have a record of the source as it is now. ``linked``: it has it already. ``asked``: a
        person wants it there, whatever its tick says; a draft or a void one is not sent even then."""
        if asked:
            return self.flows_in(record)
        if linked:
            return self.flows_in(record) and self.answers.get(Case.SRC_EDITED) is not Answer.AWAIT
        return self.sends(record) or self.was_sent(record)


class Limits(msgspec.Struct, frozen=True):
    """Where the brakes bite (correctness.md, section 3)."""

    removals_floor: int = 1
    removals_ceiling: int = 10
    removals_share_percent: int = 5
    mass_change_percent: int = 30
    mass_change_floor: int = 20
    churn_writes: int = 3
    churn_hours: int = 24


class Policy(msgspec.Struct, frozen=True):
    """All of a profile: its kinds, its brakes, and its name. ``unmapped``: types of lines that the settings map to no
    item yet; nothing is done before they do (V-5). ``contact_emails``: an invoice of the source that names no address
    is for the client's own, that of its billing contact (O-18)."""

    profile: str
    kinds: Mapping[Kind, KindPolicy]
    limits: Limits = Limits()
    contact_emails: bool = False
    unmapped: tuple[str, ...] = ()

    def writes(self, kind: Kind) -> bool:
        """Whether records of this kind are written to QBO at all."""
        rules = self.kinds.get(kind)
        return rules is not None and bool(rules.verbs.get(Side.QBO))

    def only_matched(self, kind: Kind) -> bool:
        """Whether records of this kind are matched with what QBO has and never changed there; some are made where it
        has none (O-22). Several of the source may stand for one of QBO."""
        rules = self.kinds.get(kind)
        changed = rules is not None and Verb.UPDATE in rules.verbs.get(Side.QBO, frozenset())
        return SPECS[kind].link_only and not changed

    def may_lack(self, kind: Kind) -> bool:
        """Whether a document is sent although what it names of this kind has no counterpart in QBO."""
        return SPECS[kind].optional and not self.writes(kind)
