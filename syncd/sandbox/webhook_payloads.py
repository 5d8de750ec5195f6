"""What a webhook says: which changes are events, and both forms of the payload (protocol.md 10.1 to 10.3). Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from syncd.sandbox.api import new_tid
from syncd.sandbox.book import Version
from syncd.sandbox.clock import pacific_offset
from syncd.sandbox.specs.base import words
from syncd.sandbox.switches import Switches
from syncd.sandbox.wire import Json, decode

OPERATIONS = ("Create", "Update", "Delete", "Merge", "Void", "Emailed")
FORMS = ("classic", "cloudevents")

_MERGED = words("Account Class Customer Department Employee Item PaymentMethod Vendor")  # entities.md 9.3
_VOIDED = words("BillPayment CreditMemo Invoice Payment Purchase RefundReceipt SalesReceipt Transfer")  # 10.2
_EMAILED = words("CreditMemo Estimate Invoice Payment PurchaseOrder RefundReceipt SalesReceipt")  # 8.8
_ENTITIES = words(
    "Account Bill BillPayment Budget Class CreditMemo Currency Customer Department Deposit Employee Estimate Invoice "
    "Item JournalCode JournalEntry Payment PaymentMethod Purchase PurchaseOrder RefundReceipt SalesReceipt TaxAgency "
    "Term TimeActivity Transfer Vendor VendorCredit"
)


def _offered(entity: str) -> frozenset[str]:
    more = (("Merge", _MERGED), ("Void", _VOIDED), ("Emailed", _EMAILED))
    return frozenset({"Create", "Update", "Delete", *(name for name, entities in more if entity in entities)})


OFFERED = {entity: _offered(entity) for entity in _ENTITIES} | {"Preferences": frozenset({"Update"})}
"""The operations that can be asked for, by entity (protocol.md 10.2); what is not here causes no event."""

_NAMES = {"CompanyCurrency": "Currency"}
_BY_OP = {
    "create": "Create",
    "update": "Update",
    "delete": "Delete",
    "merge": "Merge",
    "void": "Void",
    "emailed": "Emailed",
}
_PAST = {"Create": "created", "Update": "updated", "Delete": "deleted", "Merge": "merged", "Void": "voided"}
_CONTENT_TYPES = {
    "json": "application/json; charset=utf-8",
    "cloudevents": "application/cloudevents+json; charset=utf-8",
    "batch": "application/cloudevents-batch+json; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One change that an app may hear of."""

    id: str
    realm: str
    entity: str
    record: str
    operation: str
    at: float  # epoch seconds of the sandbox's clock
    deleted: str | None = None  # the absorbed record of a merge


def events_of(realm: str, news: Iterable[Version], switches: Switches) -> list[Event]:
    """The events of a company's new versions, in their order; a merge is told of by its survivor alone."""
    events = []
    for version in news:
        entity = _NAMES.get(version.entity, version.entity)
        operation = _operation(version, switches)
        if operation in OFFERED.get(entity, ()):
            deleted = decode(version.raw)["deletedId"] if operation == "Merge" else None
            events.append(Event(str(uuid.uuid4()), realm, entity, version.id, operation, version.at, deleted))
    return events


def _operation(version: Version, switches: Switches) -> str:
    """The operation a version's event names; empty where it causes none."""
    if version.op == "linked":
        return "Update" if switches.webhook_linked else ""
    if version.op == "update" and switches.webhook_inactive == "delete" and decode(version.raw).get("Active") is False:
        return "Delete"
    return _BY_OP.get(version.op, "")


def payload(form: str, events: Iterable[Event], client_id: str, switches: Switches) -> Json | list[Json]:
    """The body of a POST in one of the two forms."""
    if form == "classic":
        return classic(events, switches)
    return [cloudevent(event, client_id, switches) for event in events]


def classic(events: Iterable[Event], switches: Switches) -> Json:
    """``eventNotifications``, one for each company (protocol.md 10.2)."""
    by_realm: dict[str, list[Json]] = {}
    for event in events:
        entity: Json = {"name": event.entity, "id": event.record, "operation": event.operation}
        if event.deleted is not None:
            entity["deletedId"] = event.deleted
        entity["lastUpdated"] = _offset_time(event.at) if switches.webhook_times == "offset" else utc_millis(event.at)
        by_realm.setdefault(event.realm, []).append(entity)
    return {
        "eventNotifications": [
            {"realmId": realm, "dataChangeEvent": {"entities": entities}} for realm, entities in by_realm.items()
        ]
    }


def cloudevent(event: Event, client_id: str, switches: Switches) -> Json:
    """One element of the CloudEvents form (protocol.md 10.3, S:webhook-cloudevents-account-created and others)."""
    past = _PAST.get(event.operation, event.operation.lower())
    content: Json = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"intuit.{base64.b64encode(hashlib.sha256(client_id.encode()).digest()).decode()}",
        "type": f"qbo.{event.entity.lower()}.{past}.v1",
        "datacontenttype": "application/json",
        "time": _utc_nanos(event.at),
        "intuitentityid": event.record,
        "intuitaccountid": event.realm,
    }
    if event.deleted is not None:
        content["data"] = {"deletedid": event.deleted}
    elif switches.webhook_data == "alternative_ids":
        del content["datacontenttype"]  # as in the sample that has them
        content["data"] = {"alternative_ids": [{"id": _alternative(event), "namespace": "Intuit.sbseg.v4"}]}
    elif switches.webhook_data == "empty":
        content["data"] = {}
    return content


def _alternative(event: Event) -> str:
    """The Id in the form of S:webhook-cloudevents-class-created: a coded ``v4.1:realm:kind``, then the record."""
    kind = hashlib.sha256(event.entity.encode()).hexdigest()[:10]
    return f"{base64.b64encode(f'v4.1:{event.realm}:{kind}'.encode()).decode().rstrip('=')}:{event.record}"


def signature(body: bytes, verifier_token: str) -> str:
    """``intuit-signature``: HMAC-SHA256 over the raw bytes, in base64 (protocol.md 10.1)."""
    return base64.b64encode(hmac.digest(verifier_token.encode(), body, "sha256")).decode()


def headers(form: str, body: bytes, verifier_token: str, at: float, switches: Switches) -> dict[str, str]:
    """The headers of a POST made at a moment (protocol.md 10.1)."""
    return {
        "content-type": _CONTENT_TYPES["json" if form == "classic" else switches.webhook_content_type],
        "intuit-signature": signature(body, verifier_token),
        "intuit-created-time": utc_millis(at),
        "intuit-t-id": new_tid(at),
        "intuit-notification-schema-version": "0.1",
        "user-agent": "intuit_notification_server/0.1",
    }


def utc_millis(at: float) -> str:
    """``2025-09-08T20:52:31.657Z`` (protocol.md 10.2)."""
    return f"{_utc_nanos(at)[:23]}Z"


def _utc_nanos(at: float) -> str:
    second = int(at)
    return f"{_digits(second)}.{int((at - second) * 1e9):09d}Z"


def _offset_time(at: float) -> str:
    """``2015-10-05T14:42:19-0700``, the form of older samples (protocol.md 10.2)."""
    offset = pacific_offset(int(at))
    return f"{_digits(int(at) + offset)}-{-offset // 3600:02d}00"


def _digits(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
