"""Why a record is held or created, one sentence per case, for a bookkeeper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from syncd.model.kinds import State
from syncd.model.observations import Present
from syncd.model.records import Record
from syncd.model.records.files import Attachment
from syncd.model.records.forms import CreditNote, Estimate, Invoice
from syncd.model.records.lists import Project
from syncd.model.records.payments import CreditApplication, Payment
from syncd.model.records.purchases import Bill, Purchase, PurchaseOrder
from syncd.model.references import label
from syncd.model.spec import SPECS
from syncd.reconciler import explain
from syncd.reconciler.policy import Case, KindPolicy
from syncd.reconciler.sight import Look

EDITED_HERE = frozenset({Case.SRC_EDITED, Case.MERGEABLE, Case.CONFLICT})
"""Cases in which a record that is on both sides was changed in the source."""


def why_held(seen: Look, policy: KindPolicy) -> str:
    """The sentence for a hold in this case."""
    if policy.remedy and seen.source_changed and seen.case in EDITED_HERE:
        return f"the source changed {explain.words(seen.source_changed)} of what is in QuickBooks already"
    if seen.case in _REMOVED and (seen.withdrawn or seen.voided):
        return _ended_here(seen)
    sentence = _HELD.get(seen.case)
    return sentence(seen) if sentence is not None else "the policy leaves this to a person"


def why_created(record: Record) -> str:
    """The sentence for a create in QBO."""
    if isinstance(record, Estimate | Invoice | CreditNote):
        return f"is {_STANDS.get(record.state, 'published')} and not in QuickBooks yet"
    return _CREATED.get(type(record), "is needed by what is sent and not in QuickBooks yet")


_CREATED: Mapping[type[Any], str] = {
    Payment: "was entered in the source and is not in QuickBooks yet",
    CreditApplication: "uses a credit note on invoices, and QuickBooks does not know of it yet",
    Bill: "is owed for approved expenses and not in QuickBooks yet",
    Project: "is a project of a client, and not in QuickBooks yet",
    Purchase: "is an approved expense and not in QuickBooks yet",
    PurchaseOrder: "was ordered in the source and is not in QuickBooks yet",
    Attachment: "belongs to a document in QuickBooks and is not there yet",
}


_STANDS = {State.DRAFT: "a draft", State.SENT: "sent"}


def _named(candidate: Present | None) -> str:
    return f"{label(candidate.record)}, id {candidate.record.id}" if candidate is not None else "unknown"


def _rivals(seen: Look) -> str:
    return ", ".join(_named(rival) for rival in seen.rivals)


def _ambiguous(seen: Look) -> str:
    if seen.claimants:
        return f"the record in QuickBooks ({_rivals(seen)}) fits {', '.join(seen.claimants)} in the source as well"
    return f"{len(seen.rivals)} records in QuickBooks fit it ({_rivals(seen)})"


def _values(seen: Look) -> str:
    """Both values of every field that differs: a person has to choose between them."""
    told = []
    for name in sorted(seen.differences):
        word, ours, theirs = explain.words({name}), seen.source[name], seen.qbo[name]
        if name == "lines":
            how = "; ".join(explain.line_changes(seen.entry.kind, ours, theirs))
            told.append(f"{word} (source → QuickBooks: {how})")
        else:
            told.append(f"{word} {explain.show(ours)} in the source and {explain.show(theirs)} in QuickBooks")
    return ", ".join(told)


def _both(seen: Look) -> str:
    return f"both sides changed it ({explain.words(seen.source_changed | seen.qbo_changed)})"


def _twins(seen: Look) -> str:
    return f"QuickBooks has another record with the same number and content ({_rivals(seen)})"


_REMOVED = frozenset({Case.SRC_GONE, Case.SRC_GONE_QBO_EDITED})


def _ended_here(seen: Look) -> str:
    """It is in the source still, but in a state in which it does not belong in QuickBooks."""
    changed = f", and QuickBooks changed {explain.words(seen.qbo_changed)} since" if seen.qbo_changed else ""
    if not SPECS[seen.entry.kind].transaction:
        return f"it was closed in the source{changed}: accept the source to make it inactive in QuickBooks"
    how = "is a draft again" if seen.withdrawn else "was voided"
    told = f"it {how} in the source and is still in QuickBooks{changed}"
    removed = "voided" if seen.qbo_changed else "deleted"
    told += f": delete it there by hand, or accept the source and it is {removed} there"
    return f"{told}; then submit it again" if seen.withdrawn else told


def _made_void(seen: Look) -> str:
    if SPECS[seen.entry.kind].transaction:
        return "it was voided in QuickBooks; the source keeps its amounts"
    return "it was made inactive in QuickBooks: accept the source to make it active again"


_HELD: Mapping[Case, Callable[[Look], str]] = {
    Case.IN_DOUBT: lambda _: "an earlier write may or may not have arrived; it is settled before anything else is done",
    Case.ADOPT_DIFF: lambda seen: (
        f"QuickBooks has a look-alike ({_named(seen.partner)}) that differs in {explain.words(seen.differences)}; "
        "it is neither linked nor created twice"
    ),
    Case.ADOPT_AMBIGUOUS: _ambiguous,
    Case.ADOPT_VOID: lambda seen: f"the only match in QuickBooks is void or inactive ({_named(seen.partner)})",
    Case.DRIFT: lambda seen: f"neither side changed, yet they differ: {_values(seen)}",
    Case.SRC_EDITED: lambda seen: (
        f"the source changed {explain.words(seen.source_changed)}, which is to be changed in QuickBooks only"
    ),
    Case.QBO_EDITED: lambda seen: f"QuickBooks changed {explain.words(seen.qbo_changed)}",
    Case.MERGEABLE: _both,
    Case.CONFLICT: _both,
    Case.SRC_GONE: lambda _: "it is gone from the source and still in QuickBooks",
    Case.SRC_GONE_QBO_EDITED: lambda seen: (
        f"it is gone from the source, and QuickBooks changed {explain.words(seen.qbo_changed)} since"
    ),
    Case.QBO_GONE: lambda _: "it was deleted in QuickBooks and is still in the source",
    Case.QBO_GONE_SRC_EDITED: lambda seen: (
        f"it was deleted in QuickBooks, and the source changed {explain.words(seen.source_changed)} since"
    ),
    Case.QBO_VOID: _made_void,
    Case.QBO_VOID_SRC_EDITED: lambda seen: f"{_made_void(seen)}. The source changed it since",
    Case.MOVED: _twins,
    Case.TWINS: _twins,
    Case.REBORN_BOTH: lambda seen: (
        f"it was gone on both sides and is back on both ({_named(seen.partner)}); they differ in "
        f"{explain.words(seen.differences)}"
    ),
    Case.REBORN_QBO: lambda _: "it was gone on both sides and is in QuickBooks again",
}
