"""What QBO's fault codes mean for us: one table from code to class, with a remedy in a bookkeeper's words.

Classification is by code, never by text (texts are localised and change; F-29, entities.md 10). A code that is not in
the table has a class of its own, which stops that record and nothing else. Sources: protocol.md 9.3, entities.md 10.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

from syncd.qbo import wire
from syncd.qbo.wire import Envelope


class FaultClass(StrEnum):
    """What to do about a fault."""

    THROTTLE = "throttle"  # refused unread; wait, then the same again
    RETRY = "retry"  # QBO is busy with itself; nothing was done
    REFRESH = "refresh"  # the access token; renew once
    CONFLICT = "conflict"  # somebody was quicker; read again, decide again
    GONE = "gone"  # no such record, or a reference is inactive
    DUPLICATE = "duplicate"  # number or name is taken
    DATA = "data"  # the record's own content
    MAPPING = "mapping"  # an account, item or tax code
    PERIOD = "period"  # closed books
    LOCKED = "locked"  # deposited, reconciled, linked
    PERMISSION = "permission"  # plan or feature
    COMPANY = "company"  # the whole company cannot be written now
    IDENTITY = "identity"  # realm, app and environment do not belong together
    RESET = "reset"  # the company was emptied
    REPEATED = "repeated"  # the request id was used before: its first outcome counts
    SYSTEM = "system"  # QBO broke; whether anything was done is open
    REQUEST = "request"  # our request is wrong: a bug
    UNKNOWN = "unknown"  # not in the table


class Rule(msgspec.Struct, frozen=True):
    """One row: class, what happened, and what a person does about it."""

    group: FaultClass
    meaning: str
    remedy: str


def _rows(group: FaultClass, *rows: tuple[str, str, str]) -> dict[str, Rule]:
    return {code: Rule(group, meaning, remedy) for code, meaning, remedy in rows}


_SETUP = "Correct the mapping in syncd's configuration, then retry the record."
_EDIT = "Correct the record in the source, then retry it."
_REPORT = "This is a fault in syncd: report it with the Intuit tid."

FAULTS: Mapping[str, Rule] = MappingProxyType(
    _rows(
        FaultClass.THROTTLE,
        ("3001", "QuickBooks refused because of too many requests.", "Nothing to do: syncd waits and goes on."),
    )
    | _rows(
        FaultClass.RETRY,
        ("130", "QuickBooks sent the company to another place.", "Nothing to do: syncd tries again."),
        ("140", "The company is locked for the moment.", "Nothing to do: syncd tries again."),
        ("150", "The company is under maintenance.", "Nothing to do: syncd tries again."),
    )
    | _rows(
        FaultClass.REFRESH,
        ("3200", "The access token is not valid.", "Nothing to do: syncd renews it."),
        ("3202", "The access token was refused.", "Nothing to do: syncd renews it."),
    )
    | _rows(
        FaultClass.IDENTITY,
        (
            "3100",
            "This app may not use this company: realm, keys or environment do not belong together.",
            "Compare realm id, environment and client id; run `syncd connect` if somebody disconnected the app.",
        ),
    )
    | _rows(
        FaultClass.COMPANY,
        (
            "120",
            "The person who connected syncd may no longer do this in QuickBooks, or the trial is over.",
            "Make sure that this person is an administrator, or run `syncd connect` as one.",
        ),
        (
            "6190",
            "The QuickBooks subscription has lapsed; the company is read-only.",
            "Renew the subscription; syncd then goes on by itself.",
        ),
    )
    | _rows(
        FaultClass.CONFLICT,
        ("5010", "Somebody changed the record meanwhile.", "Nothing to do: syncd reads it again and decides anew."),
    )
    | _rows(
        FaultClass.GONE,
        (
            "610",
            "The record, or something it refers to, was deleted or made inactive.",
            "Reactivate what the record refers to in QuickBooks, or choose another; then retry.",
        ),
        (
            "2500",
            "Something the record refers to does not exist in QuickBooks or is inactive.",
            "Reactivate it in QuickBooks or correct the mapping; then retry.",
        ),
        ("6250", "The customer is missing or inactive.", "Reactivate the customer in QuickBooks; then retry."),
    )
    | _rows(
        FaultClass.DUPLICATE,
        ("630", "The object exists already.", "Link the two records, or change one of them."),
        (
            "6140",
            "The number is already used by another document.",
            "Link the record to that document if they are the same, or give it another number.",
        ),
        (
            "6240",
            "The name is already used by a customer, vendor or employee.",
            "Link the two if they are the same, or change one of the names.",
        ),
    )
    | _rows(
        FaultClass.PERIOD,
        (
            "6200",
            "The date lies in a closed period.",
            "Use a date after the closing date, or open the period in QuickBooks.",
        ),
        (
            "6210",
            "The date lies in a closed period.",
            "Use a date after the closing date, or open the period in QuickBooks.",
        ),
    )
    | _rows(
        FaultClass.LOCKED,
        ("620", "QuickBooks does not let these two documents be linked.", "Apply the payment by hand in QuickBooks."),
        ("800", "Other documents depend on this one.", "Remove what depends on it in QuickBooks first."),
        ("6110", "The payment was taken through QuickBooks Payments.", "Change it in QuickBooks."),
        ("6120", "The payment was taken through QuickBooks Payments.", "Delete it in QuickBooks."),
        ("6220", "The record still has a balance.", "Settle the balance in QuickBooks first."),
        ("6280", "There are charges that were not billed yet.", "Bill or remove them in QuickBooks first."),
        ("6400", "The purchase is on an invoice.", "Take it off the invoice in QuickBooks first."),
        ("6450", "The card payment is settled and cannot be voided.", "Refund it in QuickBooks instead."),
        ("6480", "The document is matched with the bank feed.", "Undo the match in QuickBooks first."),
        ("6540", "The payment is part of a bank deposit.", "Take it off the deposit in QuickBooks first."),
    )
    | _rows(
        FaultClass.MAPPING,
        ("6010", "An account is of the wrong kind.", _SETUP),
        ("6090", "A discount has neither amount nor percentage.", _EDIT),
        ("6100", "The tax code is not allowed on a line of this company.", _SETUP),
        ("6160", "This tax code cannot be used through the API.", _SETUP),
        ("6170", "Tax does not go with a document that is out of scope.", _SETUP),
        ("6230", "This tax code cannot be used through the API.", _SETUP),
        ("6430", "An account is of the wrong kind.", _SETUP),
        ("6440", "A line has neither item nor account.", _SETUP),
        ("6560", "The customer is missing.", "Link the client to a customer, then retry."),
    )
    | _rows(
        FaultClass.PERMISSION,
        ("5020", "The QuickBooks plan or user does not allow this.", "Ask an administrator, or upgrade the plan."),
        ("5030", "The QuickBooks plan does not have this feature.", "Upgrade the plan, or leave the record out."),
        ("500", "QuickBooks does not offer this operation.", "Make the change by hand in QuickBooks."),
    )
    | _rows(
        FaultClass.DATA,
        ("2020", "A required field is missing.", _EDIT),
        ("2030", "An id is not valid.", _EDIT),
        ("2040", "A text holds characters that QuickBooks does not take.", _EDIT),
        ("2050", "A text is too long or too short.", _EDIT),
        ("2060", "A date is not valid.", _EDIT),
        ("2070", "A date is not valid.", _EDIT),
        ("2080", "A number is not valid.", _EDIT),
        ("2090", "A number is not valid.", _EDIT),
        ("2100", "An amount is not valid.", _EDIT),
        ("2110", "An amount is not valid.", _EDIT),
        ("2210", "An e-mail address is not valid.", _EDIT),
        ("2240", "A value is out of range.", _EDIT),
        ("2280", "The tax amount is missing.", _EDIT),
        ("2290", "A negative amount is not allowed here.", _EDIT),
        ("2300", "Debits and credits are not equal.", _EDIT),
        ("6000", "QuickBooks' own rules do not allow this.", _EDIT),
        ("6020", "The upload did not say how long it is.", "This is a fault in syncd: report it."),
        ("6030", "The file is too large for QuickBooks.", "Attach a smaller one in the source."),
        ("6040", "QuickBooks could not take the file.", "Attach it anew in the source."),
        ("6041", "QuickBooks does not take this file.", "Attach another one in the source."),
        ("6050", "QuickBooks could not keep the file.", "Retry it later."),
        ("6070", "An amount is not quantity times rate.", _EDIT),
        ("6080", "The name is missing.", _EDIT),
        ("6130", "The customer's place in the hierarchy cannot be changed.", _EDIT),
        ("6150", "A sub-customer names no parent.", _EDIT),
        ("6180", "Customers are nested too deeply.", _EDIT),
        ("6310", "A billable line names no customer.", _EDIT),
        ("6320", "The billable status is not allowed.", _EDIT),
        ("6420", "Delivery by e-mail is chosen, but there is no address.", _EDIT),
    )
    | _rows(
        FaultClass.REPEATED,
        ("600", "The request id was used before.", "Nothing to do: syncd looks what became of the first attempt."),
    )
    | _rows(
        FaultClass.REQUEST,
        ("1040", "A batch was too large.", _REPORT),
        ("2000", "QuickBooks does not know this kind of record.", _REPORT),
        ("2010", "QuickBooks does not know a field that was sent.", _REPORT),
        ("2130", "The request id is not well formed.", _REPORT),
        ("2170", "A value is not one of those allowed.", _REPORT),
        ("4000", "A query could not be parsed.", _REPORT),
        ("4001", "A query is not valid.", _REPORT),
        ("4002", "A query could not be processed.", _REPORT),
    )
    | _rows(
        FaultClass.SYSTEM,
        ("10000", "QuickBooks failed on the inside.", "Nothing to do at first: syncd looks what was done."),
        ("10100", "An answer was too large.", _REPORT),
    )
    | _rows(
        FaultClass.RESET,
        ("10200", "The company was reset: its data is gone.", "Stop syncd and decide with the owner of the books."),
    )
)

UNKNOWN_RULE = Rule(
    FaultClass.UNKNOWN,
    "QuickBooks refused with a code that syncd does not know.",
    "Read QuickBooks' own text, correct the record and retry it.",
)

_BY_TYPE = {
    "SYSTEMFAULT": Rule(FaultClass.SYSTEM, "QuickBooks failed on the inside.", "Nothing to do at first."),
    "AUTHENTICATION": Rule(FaultClass.REFRESH, "The access token was refused.", "Nothing to do: syncd renews it."),
    "AUTHENTICATIONFAULT": Rule(FaultClass.REFRESH, "The access token was refused.", "Nothing to do."),
}
"""For codes that are not in the table, the type still says who is at fault (protocol.md 9.1)."""


class Fault(msgspec.Struct, frozen=True):
    """The first error of a fault, with all that is needed to act on it. ``others`` are further codes."""

    code: str
    type: str = ""
    message: str = ""
    detail: str = ""
    element: str = ""
    others: tuple[str, ...] = ()

    @property
    def rule(self) -> Rule:
        """What to do about it."""
        known = FAULTS.get(self.code)
        return known or _BY_TYPE.get(self.type.upper(), UNKNOWN_RULE)

    @property
    def group(self) -> FaultClass:
        return self.rule.group

    @property
    def text(self) -> str:
        """One line for a person: our meaning, then QuickBooks' own words (cut; never a whole body)."""
        own = " ".join((self.detail or self.message).split())[:300]
        where = f" (field {self.element})" if self.element else ""
        where += f" (also {', '.join(self.others)})" if self.others else ""
        return f"{self.rule.meaning}{where} QuickBooks says: {own}" if own else self.rule.meaning + where

    @property
    def holder_id(self) -> str:
        """The record in the way, when the detail names it (6140: ``TxnId=17``; 6240 at times: ``Id=17``)."""
        found = _HOLDER.search(self.detail)
        return found.group(1) if found else ""


_HOLDER = re.compile(r"\b(?:Txn)?Id\s*=\s*(\d+)", re.IGNORECASE)
_CODE_IN_TEXT = re.compile(r"errorCode=0*(\d+)")
_XML_FAULT = re.compile(r"<(?:\w+:)?Fault\b([^>]*)>", re.IGNORECASE)
_XML_TYPE = re.compile(r"\btype=\"([^\"]*)\"", re.IGNORECASE)
_XML_CODE = re.compile(r"<(?:\w+:)?Error\b[^>]*?\bcode=\"0*(\d+)\"", re.IGNORECASE)
_XML_TEXT = re.compile(r"<(?:\w+:)?(Message|Detail)>(.*?)</", re.IGNORECASE | re.DOTALL)


def from_envelope(envelope: Envelope) -> Fault | None:
    """The fault in a JSON answer, in the service's form (``Fault``) or the gateway's (``fault``, protocol.md 9.4)."""
    for name in ("Fault", "fault"):
        member = envelope.get(name)
        if member is not None and bytes(member) != b"null":
            return from_object(wire.decode_any(member))
    return None


def from_object(value: object) -> Fault:
    """A fault from its decoded JSON, whatever the case of its members."""
    fault = _lowered(value)
    errors = fault.get("error")
    rows = [_lowered(row) for row in errors] if isinstance(errors, list) else [_lowered(errors)]
    first = rows[0] if rows else {}
    return Fault(
        code=_code(first),
        type=_text(fault, "type"),
        message=_text(first, "message"),
        detail=_text(first, "detail"),
        element=_text(first, "element"),
        others=tuple(_code(row) for row in rows[1:]),
    )


def from_xml(body: str) -> Fault | None:
    """The fault in an XML answer, found leniently: enough to tell a throttle from a refusal (protocol.md 3.2)."""
    frame = _XML_FAULT.search(body)
    if frame is None:
        return None
    kind = _XML_TYPE.search(frame.group(1))
    code = _XML_CODE.search(body)
    texts = {name.lower(): html.unescape(text.strip()) for name, text in _XML_TEXT.findall(body)}
    message = texts.get("message", "")
    return Fault(
        code=code.group(1) if code else _code({"message": message}),
        type=kind.group(1) if kind else "",
        message=message,
        detail=texts.get("detail", ""),
    )


def _lowered(value: object) -> dict[str, object]:
    return {str(key).lower(): member for key, member in value.items()} if isinstance(value, dict) else {}


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


def _code(row: Mapping[str, object]) -> str:
    """The code without leading zeros (``003001`` is ``3001``); the gateway's is at times only in the message."""
    code = _text(row, "code").strip()
    if not code:
        found = _CODE_IN_TEXT.search(_text(row, "message"))
        code = found.group(1) if found else ""
    return code.lstrip("0") or code
