"""Webhooks of QuickBooks: a signed word that something changed, which brings the next cycle forward (protocol.md 10).

Nothing in a webhook is ever applied or believed: what changed is read from QuickBooks by the cycle, which comes anyway
when no webhook does (F-49, F-51). So a delivery may be lost, late, doubled, out of order or of an unknown form.

* No verifier token, no endpoint (F-54). The signature is compared in constant time over the raw bytes, before parsing.
* An event counts for companies whose realm it names and whose own token signed it.
* A repeated event is recognised for a day and brings nothing forward: the signature covers no time (10.1), so whoever
  once saw a delivery could send it again for ever.
* What is signed is answered with 200 even when it cannot be read: to be sent the same again would not help, and
  QuickBooks holds later events back meanwhile (F-50, F-53).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from syncd import log
from syncd.clock import Clock
from syncd.config import CompanyConfig
from syncd.metrics import Metrics

PATH = "/webhooks/qbo"
SIGNATURE = "intuit-signature"
BODY_BYTES = 2 * 1024 * 1024
"""A delivery holds up to about 100 events and 1 MB (protocol.md 10.3); a longer one is refused unread."""

REMEMBERED_SECONDS = 86_400.0
REMEMBERED_EVENTS = 20_000
_COMPLAINT_SECONDS = 60.0

_OPERATIONS = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "merge": "merged",
    "void": "voided",
    "emailed": "emailed",
}
_PAST = frozenset(_OPERATIONS.values())
_ENTITIES = frozenset(
    {
        *("account", "bill", "billpayment", "budget", "class", "creditmemo", "currency", "customer", "department"),
        *("deposit", "employee", "estimate", "invoice", "item", "journalcode", "journalentry", "payment"),
        *("paymentmethod", "preferences", "purchase", "purchaseorder", "refundreceipt", "salesreceipt", "taxagency"),
        *("term", "timeactivity", "transfer", "vendor", "vendorcredit"),
    }
)
"""What there are webhooks of (protocol.md 10.2)."""
_TYPE = re.compile(r"qbo\.(?P<entity>[a-z]+)\.(?P<done>[a-z]+)\.v1", re.IGNORECASE)

_logger = log.get_logger(__name__)


class Event(msgspec.Struct, frozen=True):
    """One event of a delivery. ``identity`` tells it from all others, empty where it cannot be told; ``known``: it is
    of an entity and operation that Intuit documents."""

    realm: str
    identity: str
    known: bool


class _Changed(msgspec.Struct):
    """An entity of the classic form. A merge's ``deletedId`` is no more than part of its identity: which record went is
    read from QuickBooks (F-76)."""

    name: str = ""
    id: str = ""
    operation: str = ""
    last_updated: str = msgspec.field(default="", name="lastUpdated")
    deleted_id: str = msgspec.field(default="", name="deletedId")


class _Changes(msgspec.Struct):
    entities: list[_Changed] = []


class _Notification(msgspec.Struct):
    realm: str = msgspec.field(name="realmId")
    changes: _Changes = msgspec.field(name="dataChangeEvent")


class _Classic(msgspec.Struct):
    notifications: list[_Notification] = msgspec.field(name="eventNotifications")


class _CloudEvent(msgspec.Struct):
    realm: str = msgspec.field(name="intuitaccountid")
    type: str
    id: str = ""


_classic = msgspec.json.Decoder(_Classic)
_cloud = msgspec.json.Decoder(list[_CloudEvent] | _CloudEvent)


def events_in(body: bytes) -> list[Event]:
    """The events of a delivery in either form (10.2, 10.3). Raises ``msgspec.DecodeError`` for anything else."""
    try:
        found = _cloud.decode(body)
    except msgspec.ValidationError:
        return list(_classic_events(_classic.decode(body)))
    return [Event(one.realm, one.id, _is_known(one.type)) for one in (found if isinstance(found, list) else [found])]


def _is_known(type_: str) -> bool:
    named = _TYPE.fullmatch(type_)
    return named is not None and named["entity"].lower() in _ENTITIES and named["done"].lower() in _PAST


def _classic_events(body: _Classic) -> Iterator[Event]:
    for notification in body.notifications:
        for one in notification.changes.entities:
            parts = (one.name, one.id, one.operation, one.last_updated, one.deleted_id)
            yield Event(
                notification.realm,
                "\n".join(parts) if one.last_updated else "",
                one.name.lower() in _ENTITIES and one.operation.lower() in _OPERATIONS,
            )


class Seen:
    """What came lately, in bounded time and space. Not stored: after a restart a repeated event costs one cycle."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def __contains__(self, key: bytes) -> bool:
        return self._until.get(key, 0.0) > self._clock.monotonic()

    def add(self, key: bytes) -> None:
        """Know it for a day, or until too many others came."""
        now = self._clock.monotonic()
        self._until[key] = now + REMEMBERED_SECONDS
        self._until.move_to_end(key)
        while len(self._until) > REMEMBERED_EVENTS or next(iter(self._until.values())) <= now:
            self._until.popitem(last=False)


class Receiver:
    """Takes deliveries for all companies of the service. ``hint`` is told the name of each company to look at soon."""

    def __init__(self, hint: Callable[[str], None], *, clock: Clock, metrics: Metrics) -> None:
        self._hint = hint
        self._clock = clock
        self._metrics = metrics
        self._seen = Seen(clock)
        self._lock = threading.Lock()
        self._complained = float("-inf")
        self._companies: dict[bytes, dict[str, str]] = {}

    def configure(self, companies: Iterable[CompanyConfig]) -> None:
        """Serve these companies from now on: those with a verifier token, each under its own."""
        found: dict[bytes, dict[str, str]] = {}
        for company in companies:
            if company.qbo.webhook_verifier is not None:
                key = company.qbo.webhook_verifier.get_secret_value().encode()
                found.setdefault(key, {})[company.qbo.realm_id] = company.name
        self._companies = found
        for result in ("taken", "refused", "unreadable") if found else ():
            self._metrics.webhook_posts.labels(result)

    @property
    def active(self) -> bool:
        """Whether there is an endpoint at all."""
        return bool(self._companies)

    def take(self, body: bytes, signatures: Sequence[str]) -> int:
        """Look at one POST; the status to answer with. Quick: the work is done later, by the cycle (F-50)."""
        key = self._signer(body, signatures)
        if key is None:
            self._metrics.webhook_posts.labels("refused").inc()
            self._complain("webhook_refused", "the signature is missing or is not of a configured verifier token")
            return 401
        try:
            events = events_in(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._metrics.webhook_posts.labels("unreadable").inc()
            self._complain("webhook_unreadable", "it is signed, but in no known form; polling finds what changed")
            return 200
        self._metrics.webhook_posts.labels("taken").inc()
        self._sort(events, body, self._companies.get(key, {}))
        return 200

    def _signer(self, body: bytes, signatures: Sequence[str]) -> bytes | None:
        """The verifier token that signed these bytes. Every token is compared, each in constant time."""
        if len(signatures) != 1:
            return None
        given = signatures[0].encode("utf-8", "replace")
        found = None
        for key in self._companies:
            if hmac.compare_digest(base64.b64encode(hmac.digest(key, body, "sha256")), given):
                found = key
        return found

    def _sort(self, events: list[Event], body: bytes, names: dict[str, str]) -> None:
        """Count each event, and bring forward the companies that have one that did not come before."""
        digest = hashlib.sha256(body).digest()
        fresh: dict[str, list[bytes]] = {}
        with self._lock:
            for event in events:
                name = names.get(event.realm, "")
                if not name:
                    self._count("", "foreign")
                    continue
                key = hashlib.sha256(f"{name}\n{event.identity}".encode()).digest() if event.identity else digest
                if key in self._seen:
                    self._count(name, "repeated")
                    continue
                self._count(name, "new" if event.known else "unknown")
                fresh.setdefault(name, []).append(key)
            for name, keys in fresh.items():
                self._hint(name)
                self._metrics.webhook_last_event.labels(name).set(self._clock.now().timestamp())
                for key in keys:
                    self._seen.add(key)
                _logger.debug("webhook_taken", company=name, events=len(keys))

    def _count(self, company: str, result: str) -> None:
        self._metrics.webhook_events.labels(company, result).inc()

    def _complain(self, action: str, reason: str) -> None:
        """Into the log, but not as often as a stranger wants."""
        now = self._clock.monotonic()
        if now - self._complained >= _COMPLAINT_SECONDS:
            self._complained = now
            _logger.warning(action, reason=reason)
