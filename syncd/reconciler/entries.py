"""What the reconciler is given: for each record that has to be looked at, everything known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Literal

import msgspec

from syncd.model.facts import BooksFacts, Settings
from syncd.model.kinds import Kind, Side
from syncd.model.lens import Lens
from syncd.model.observations import Observation, Present
from syncd.model.values import Canonical
from syncd.model.writes import Verb
from syncd.reconciler.policy import Policy

Projection = dict[str, Canonical]


class Known(msgspec.Struct, frozen=True):
    """The link of a record with its base. ``state`` is linked, orphaned, tombstoned or ignored."""

    source_id: str
    qbo_id: str
    state: str = "linked"
    source_base: Projection = {}
    qbo_base: Projection = {}
    accepted: frozenset[str] = frozenset()
    source_version: str = ""
    qbo_version: str = ""
    created_by: Side | None = None
    label: str = ""


class Shown(msgspec.Struct, frozen=True):
    """What a person had before them who answered a hold: both sides as they were then, and QBO's id of the record
    (empty where it had none)."""

    source: Projection
    qbo: Projection
    qbo_id: str = ""


class Entry(msgspec.Struct, frozen=True):
    """One record to decide about.

    ``candidates`` are the records of QBO that carry the key of an unlinked record of the source (or, for a linked
    one, beside the linked one). ``in_doubt`` is true while the journal holds an open write for it. ``word`` is what a
    person answered to a hold: retry, accept-source, accept-qbo or ignore; or reload. ``asked`` is the case of that
    hold, and ``shown`` what it showed: where the record is in another case by now, or holds something else, the word is
    no answer to it and is not heard (empty and None: not known).
    ``claimed`` is QBO's id of an unlinked record, where the source or the settings say it: the candidate of that id is
    certain. ``undone``: what a run did with it was taken back, and nobody has said anything about it since.
    ``tried``: something was to be done with it before, and could not be. ``held_back``: why the source's record is more
    than this one, which is the part of it that may be in QBO now.
    ``pushed``: a person asked that it goes out now. ``mail``: and that QBO mails it (``asked``); that is owed since it
    was copied (``owed``); or nobody knows whether it was done (``unclear``).
    """

    kind: Kind
    source: Observation
    qbo: Observation
    known: Known | None = None
    candidates: tuple[Present, ...] = ()
    in_doubt: bool = False
    word: str = ""
    asked: str = ""
    shown: Shown | None = None
    claimed: str = ""
    undone: bool = False
    tried: bool = False
    pushed: bool = False
    held_back: str = ""
    mail: Literal["", "asked", "owed", "unclear"] = ""


class SideCapability(msgspec.Struct, frozen=True):
    """What the source can be told, per kind: which verbs, which fields, and whether it keeps QBO's id.

    ``mode``: what becomes of a change of QBO's that cannot be written there: held (``api``), put on the list of what a
    person has to do in the source (``worklist``), or left (``none``).
    """

    verbs: frozenset[Verb] = frozenset()
    writable: frozenset[str] = frozenset()
    external_id: bool = False
    mode: str = "api"


class Overrides(msgspec.Struct, frozen=True):
    """What an operator lets through once. Never taken from the configuration.

    Each names how many records it is about, at most: ``allow_removals`` what may be removed of a kind, ``allow_empty``
    how many linked ones a side may have lost altogether, ``allow_mass_change`` how many may have changed on a side.
    """

    approve_first_run: bool = False
    allow_removals: Mapping[Kind, int] = {}
    allow_empty: Mapping[tuple[Side, Kind], int] = {}
    allow_mass_change: Mapping[tuple[Side, Kind], int] = {}
    accept_config: bool = False


class Rails(msgspec.Struct, frozen=True):
    """What the brakes look at, beside the operations themselves.

    ``linked``: linked records by kind. ``listed``: how many records a side lists now, by side and kind, where a whole
    list was made: all rows of the source, the linked ones among those of QBO. ``missing``: linked records that a side
    does not have any more. ``churned``: keys (kind, source id, qbo id, field) written ``churn_writes`` times lately.
    ``removed``: records that this run has removed already, by kind: what it decides once more counts with them.
    ``stuck``: records (kind, source id, qbo id) and the side that answered the last writes and did not take them.
    ``first_run``: nobody approved this company yet. ``scope_changed``: mapping, scope or policy differ from those the
    bases were made with. ``halted``: why an operator or a rail stopped this company, empty if it is not. ``restored``:
    how it is known that what we remember is older than the world, empty if it is not.
    """

    linked: Mapping[Kind, int] = {}
    listed: Mapping[tuple[Side, Kind], int] = {}
    missing: Mapping[tuple[Side, Kind], int] = {}
    removed: Mapping[Kind, int] = {}
    churned: frozenset[tuple[Kind, str, str, str]] = frozenset()
    stuck: frozenset[tuple[Kind, str, str, Side]] = frozenset()
    first_run: bool = False
    scope_changed: bool = False
    halted: str = ""
    restored: str = ""


class View(msgspec.Struct, frozen=True):
    """Everything one plan is made from. The same view always gives the same plan.

    ``to_qbo`` answers a source id with the linked QBO id or an empty string; ``to_source`` the other way round.
    ``party_currency`` answers the source id of a client or vendor with its currency, or an empty string where that is
    not known. ``defaults``: by kind, QBO's id of what stands for the unmatched, and ``no_default`` why there is none
    although the settings name one. ``label_of``: how a person knows a
    linked record of the source, by its id; empty where that is not known. ``first``: everything both sides have is
    looked at for the first time. ``payments``: by the source's id of an invoice whose mark is in question, the source's
    payments on it. ``today``: the date of what is entered on somebody's behalf.
    """

    entries: tuple[Entry, ...]
    lens: Lens
    facts: BooksFacts
    settings: Settings
    policy: Policy
    capabilities: Mapping[Kind, SideCapability]
    to_qbo: Callable[[Kind, str], str]
    to_source: Callable[[Kind, str], str]
    rails: Rails = Rails()
    overrides: Overrides = Overrides()
    defaults: Mapping[Kind, str] = {}
    no_default: Mapping[Kind, str] = {}
    party_currency: Callable[[Kind, str], str] = lambda _kind, _id: ""
    label_of: Callable[[Kind, str], str] = lambda _kind, _id: ""
    first: bool = False
    today: date | None = None
    payments: Mapping[str, tuple[Present, ...]] = {}
