"""Having QuickBooks mail a document, once, because a person asked for it (O-15 to O-17, X-7).

Mailing follows the copy. Only the source's own address counts, whatever QuickBooks knows (O-17). What QuickBooks shows
as mailed is not mailed again for the same request, and what nobody knows of is for a person to find out.
"""

from __future__ import annotations

from syncd.model.kinds import Side
from syncd.model.writes import Verb
from syncd.reconciler.draft import Draft, replaced
from syncd.reconciler.plan import LeftOut

ADDRESSES = "emails"
"""The field that says whom a document is mailed to."""
UNCLEAR_TEXT = "QuickBooks was asked to mail it, the answer was lost, and QuickBooks shows no mail."


class Mail(Draft):
    """The part of the answers that is about mail."""

    def _mail(self) -> None:
        """Put the mail behind what is done about the record, or say why there is none."""
        if not self._entry.mail or any(operation.verb is Verb.HOLD for operation in self._out):
            return
        record, partner = self._seen.source_record, self._seen.partner
        copying = next((o for o in self._out if o.writes and o.side is Side.QBO), None)
        if record is None or (copying is None and partner is None):
            return
        to = str(self._seen.source.get(ADDRESSES, ""))
        if self._entry.mail == "unclear":
            self._hold(f"{UNCLEAR_TEXT} {self._find_out()}")
        elif not to:
            self._note("is not mailed: the source has no billing e-mail for it")
        elif (copying is not None or self._may_be_mailed(to)) and self._allowed(Side.QBO, Verb.SEND):
            self._out = [replaced(operation, mails=True) for operation in self._out]
            self._out.append(
                self._operation(
                    Side.QBO,
                    Verb.SEND,
                    f"a person asked that QuickBooks mails it to {to}",
                    fields=(ADDRESSES,),
                    record=record,
                    after=(copying.id,) if copying is not None else (),
                )
            )

    def _may_be_mailed(self, to: str) -> bool:
        """Whether what is in QuickBooks already may go out to ``to`` as it stands there."""
        partner = self._seen.partner
        mailed = str(getattr(partner.record, "mailed", "")) if partner is not None else ""
        theirs = str(self._seen.qbo.get(ADDRESSES, ""))
        if mailed and self._entry.mail != "owed":
            self._note(f"was mailed already ({mailed}); to mail it again, use Send in QuickBooks")
        elif theirs != to:
            self._hold(f"QuickBooks holds another address to mail it to ({theirs or 'none'}) than the source ({to})")
        else:
            return True
        return False

    def _note(self, reason: str) -> None:
        known, partner = self._known, self._seen.partner
        self._planned.left_out.append(
            LeftOut(
                kind=self._kind,
                label=self._label(),
                source_id=known.source_id if known is not None else "",
                qbo_id=partner.record.id if partner is not None else "",
                reason=reason,
            )
        )

    def _find_out(self) -> str:
        asked = f"syncd push {self._kind} {self._label()}"
        return f"Look in QuickBooks whether it was mailed. If not: {asked} --send. If so: {asked}"
