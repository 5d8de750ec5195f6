"""The words in which a file holds a profile (docs/write-a-profile.md). What they mean as a policy: ``meaning``.

The words are about one kind each: what goes out, who wins where both sides changed, and what becomes of a record that
is withdrawn, void or gone on one side. Whatever is not said is held: nobody loses anything by a word that is missing.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, create_model

from syncd.model.kinds import Kind, State
from syncd.model.spec import SPECS
from syncd.profiles.said import said_of
from syncd.profiles.updates import Update

GoesOut: TypeAlias = Literal["always", "when_needed", "when_asked", "never"]
FromQbo: TypeAlias = Literal["leave", "import", "import_when_needed", "import_at_first"]
Removed: TypeAlias = Literal["hold", "leave", "delete", "void", "deactivate"]
QboRemoved: TypeAlias = Literal["hold", "leave", "recreate", "delete", "withdraw"]
QboVoided: TypeAlias = Literal["hold", "leave", "void"]
BothChanged: TypeAlias = Literal["hold", "hold_same_field"]
Differs: TypeAlias = Literal["hold", "leave", "take_qbo"]

FORMS = frozenset({Kind.ESTIMATE, Kind.INVOICE, Kind.CREDIT_NOTE})
"""Documents that are drafted before they are sent."""
PARTIES = frozenset({Kind.CLIENT, Kind.VENDOR})


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class KindWords(_Words):
    """What holds for one kind.

    What goes out. ``states``: those in which a document of the source belongs in QuickBooks. ``goes_out``: always, only
    when something that goes out refers to it, only when a person asks for that very record (and what changes later,
    when a person asks again; what QuickBooks lacks by then is made anew), or never (it only comes in). ``mails``:
    QuickBooks may be asked to mail it, where the company allows that (``send_via_qbo``).

    After both agreed. ``update``: who is followed after a change. ``both_changed``: whether it is held if both sides
    changed it, or the same field of it, whatever ``update`` says. ``returned``: fields that QuickBooks decides and the
    source takes back. ``left_out``: fields that are not compared once a record is there. ``marks``: marks that are kept
    alike on both sides: what was sent, what is paid. ``never_left``: fields whose change in QuickBooks is held where
    that of others is left there. ``asks``: fields whose change in the source waits for a person. ``remedy``: what
    people are told to do about a change that is held.

    Removals. ``source_withdrawn``, ``source_voided``, ``source_closed`` and ``source_removed``: what becomes of
    QuickBooks' record; ``qbo_removed`` and ``qbo_voided``: of the source's. ``source_removed_edited`` and
    ``qbo_removed_edited``: the same where the other side changed meanwhile what is left. ``ticks``: whether the
    source's own box "remove from QuickBooks" is heeded.

    What is there already. ``from_qbo``: what becomes of a record that only QuickBooks has. ``match_on``: the fields in
    which two records have to agree to be the same. ``match_differs``: what becomes of two such records that differ in
    other fields. ``leave_existing``: a record that syncd did not make is never changed. ``shows_link``: the source is
    told QuickBooks' id of what was there before, too, not only of what syncd makes. ``line_types``: the items of the
    source are types of lines, called so; each is billed as the item that the company's ``line_type_map`` says.
    """

    states: tuple[State, ...] | None = None
    goes_out: GoesOut | None = None
    mails: bool = False
    update: Update = "manual"
    both_changed: BothChanged | None = None
    returned: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    never_left: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    remedy: str = Field(default="", max_length=400)
    source_withdrawn: Removed = "hold"
    source_voided: Removed = "hold"
    source_closed: Removed | None = None
    source_removed: Removed = "hold"
    source_removed_edited: Literal["hold", "leave"] = "hold"
    qbo_removed: QboRemoved = "hold"
    qbo_removed_edited: Literal["hold", "leave", "recreate"] = "hold"
    qbo_voided: QboVoided = "hold"
    ticks: bool = False
    from_qbo: FromQbo = "leave"
    match_on: tuple[str, ...] = ()
    match_differs: Differs | None = None
    leave_existing: bool | None = None
    shows_link: bool = False
    line_types: tuple[str, ...] = ()


KINDS: tuple[Kind, ...] = tuple(kind for kind in SPECS if kind is not Kind.EXPENSE)
"""The kinds that a profile may speak of: those that QuickBooks has."""
_TABLES: dict[str, Any] = {kind.value: (KindWords | None, None) for kind in KINDS}
_Kinds = create_model("Kinds", __base__=_Words, **_TABLES)
"""One key for each kind, so that any other word is refused as the unknown key it is."""
Brought = said_of("project_as", "missing_item", "tax_mode", "currency_mode", "numbering", "payable_as")
"""The settings that a file may bring along: how things are in such a system, whatever the company."""


class ProfileWords(_Words):
    """A whole profile. ``name`` is how reports and pages call it. ``contact_emails``: an invoice that names no address
    is for its client's own. ``settings``: those that hold where a company says nothing of them."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    contact_emails: bool = False
    settings: Brought = Brought()  # type: ignore[valid-type]  # made of the struct of settings
    kind: _Kinds  # type: ignore[valid-type]  # the model is made of the table of kinds, above

    def said(self) -> dict[Kind, KindWords]:
        """The words of each kind that the file speaks of."""
        tables = {kind: getattr(self.kind, kind.value) for kind in KINDS}
        return {kind: words for kind, words in tables.items() if words is not None}
