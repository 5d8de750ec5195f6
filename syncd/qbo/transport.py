"""One HTTP exchange with QBO, and the two ways to use it: ``read`` (repeats itself) and ``write`` (does not).

An exchange ends in a ``Reply`` (an answer that was understood, with or without a fault) or in an exception that says
how much is known: ``NotReachedError`` (never left this machine), ``QboThrottled`` (turned away unread),
``ReconnectNeeded``/``WrongCompany`` (stop), ``QboUnavailable`` (no usable answer; for a write: outcome unknown).
A status of 200 proves nothing: the body is looked into for a fault and for the member that was asked for (8.5).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from urllib.parse import urlencode

import msgspec
import requests
import tenacity

from syncd.clock import Clock
from syncd.errors import QboError, QboRefused, QboStale, QboThrottled, QboUnavailable, ReconnectNeeded, WrongCompany
from syncd.metrics import Metrics
from syncd.qbo import faults, wire
from syncd.qbo.faults import Fault, FaultClass
from syncd.qbo.limiter import PENALTY_SECONDS, Limiter, Priority
from syncd.qbo.settings import MINOR_VERSION, QboConfig
from syncd.qbo.wire import Envelope, Raw

JSON = "application/json"
READ_ATTEMPTS = 5
SYSTEM_ATTEMPTS = 2
"""Code 10000 is repeated once, cautiously (protocol.md 9.3)."""
THROTTLE_ATTEMPTS = 3
"""How often a write that was turned away unread is offered again, with the same id."""

_LONGEST_PAUSE = 900.0


class NotReachedError(QboUnavailable):
    """No connection came about: the request certainly did not arrive."""


class BrokenBodyError(QboUnavailable):
    """An answer came, but it is not one: HTML, cut off, empty, not UTF-8 (F-46)."""


class SystemFaultError(QboUnavailable):
    """QBO reports a failure of its own (10000). Whether a write was done is open."""


class FaultError(QboRefused):
    """A read was refused for good. ``fault`` has the details."""

    def __init__(self, fault: Fault, tid: str) -> None:
        super().__init__(fault.text, remedy=fault.rule.remedy, code=fault.code, tid=tid)
        self.fault = fault


class Call(msgspec.Struct, frozen=True):
    """One request. ``reads`` is how many metered reads it counts as (protocol.md 3.3); ``endpoint`` names it."""

    method: str
    path: str
    endpoint: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = ""
    reads: int = 0
    batch: bool = False


class Reply(msgspec.Struct, frozen=True):
    """An answer that was understood: the members of its envelope, and the fault if it is one."""

    status: int
    envelope: Envelope
    tid: str
    fault: Fault | None = None

    def part(self, name: str) -> Raw:
        """A member that has to be there; an envelope without it is no answer to what was asked."""
        try:
            return self.envelope[name]
        except KeyError:
            raise BrokenBodyError(f"QuickBooks answered without {name}.", tid=self.tid) from None

    @property
    def time(self) -> datetime:
        """When QBO began with the request (protocol.md 1.5). Epoch milliseconds and texts both occur."""
        try:
            return wire.parse_time(wire.decode_any(self.part("time")))
        except (ValueError, TypeError, *wire.BAD_JSON):
            raise BrokenBodyError("QuickBooks answered without a usable time.", tid=self.tid) from None


class TokenSource(Protocol):
    """Where access tokens come from (``syncd.qbo.auth.Authorizer``)."""

    def renew(self, refused: str) -> str:
        """A good token other than ``refused``."""
        ...


class Transport:
    """Shared by the threads of one company; each thread has its own connection."""

    def __init__(
        self,
        config: QboConfig,
        auth: TokenSource,
        limiter: Limiter,
        clock: Clock,
        *,
        stop: threading.Event,
        metrics: Metrics,
        company: str,
        on_read: Callable[[int], None],
    ) -> None:
        self._config = config
        self._auth = auth
        self._limiter = limiter
        self._clock = clock
        self._stop = stop
        self._metrics = metrics
        self._company = company
        self._on_read = on_read
        self._reconnect_needed = metrics.reconnect_needed.labels(company)
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give back the connections of all threads."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.close()
        self._local = threading.local()

    def read(self, call: Call, priority: Priority = Priority.READ) -> Reply:
        """Ask until there is an answer, within reason. Raises ``FaultError`` for a definite no."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_worth_repeating),
            stop=lambda state: self._stop.is_set() or _enough(state),
            wait=_pause,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(self._read_once, call, priority)

    def write(self, call: Call, priority: Priority = Priority.WRITE) -> Reply:
        """Send once. Only an answer that proves that nothing was looked at lets the same bytes go out again."""
        for attempt in range(1, THROTTLE_ATTEMPTS + 1):
            try:
                return self.exchange(call, priority)
            except QboThrottled:
                if attempt == THROTTLE_ATTEMPTS or self._stop.is_set():
                    raise
        raise AssertionError("unreachable")

    def exchange(self, call: Call, priority: Priority) -> Reply:
        """One request and its answer; a refused access token is renewed once and the request sent once more."""
        try:
            reply = self._accepted(call, priority)
        except ReconnectNeeded:
            self._reconnect_needed.set(1)
            raise
        self._reconnect_needed.set(0)
        fault = reply.fault
        if reply.status == 429 or (fault is not None and fault.group is FaultClass.THROTTLE):
            raise QboThrottled("QuickBooks refused because of too many requests.", tid=reply.tid)
        if reply.status >= 500 and (fault is None or fault.group is not FaultClass.RETRY):
            failed = SystemFaultError if fault is not None and fault.group is FaultClass.SYSTEM else QboUnavailable
            code = fault.code if fault else str(reply.status)
            raise failed(f"QuickBooks answered HTTP {reply.status}.", code=code, tid=reply.tid)
        if reply.fault is None and reply.status == 200 and call.reads:
            self._on_read(call.reads)
            self._metrics.qbo_metered_reads.labels(self._company).inc(call.reads)
        return reply

    def _accepted(self, call: Call, priority: Priority) -> Reply:
        """The answer to a request whose token was taken."""
        token = self._token("")
        reply = self._send(call, token, priority)
        if _is_stale_token(reply):
            reply = self._send(call, self._token(token), Priority.URGENT)
        self._stop_if_disconnected(reply)
        return reply

    def _token(self, refused: str) -> str:
        """An access token. Without one nothing leaves, so the outcome of a write is not in doubt."""
        try:
            return self._auth.renew(refused)
        except QboUnavailable as error:
            raise NotReachedError(error.message, code="token", tid=error.tid) from None

    def _read_once(self, call: Call, priority: Priority) -> Reply:
        reply = self.exchange(call, priority)
        if reply.fault is not None:
            raise _read_error(reply.fault, reply.tid)
        if reply.status != 200:
            raise BrokenBodyError(f"QuickBooks answered HTTP {reply.status} without a reason.", tid=reply.tid)
        return reply

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._clock.sleep(seconds, self._stop)

    def _send(self, call: Call, token: str, priority: Priority) -> Reply:
        self._limiter.acquire(batch=call.batch, priority=priority)
        started = time.perf_counter()
        try:
            answer = self._session().request(
                call.method,
                f"{self._config.base_url}/{call.path}?{urlencode((*call.params, ('minorversion', MINOR_VERSION)))}",
                data=call.body or None,
                headers=_headers(call, token),
                timeout=self._config.timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            self._count(call, _name_of(error))
            raise _failure(error) from None
        self._metrics.qbo_request_duration.labels(self._company, call.endpoint).observe(time.perf_counter() - started)
        if answer.status_code == 429:
            self._limiter.penalise(_retry_after(answer))
        try:
            reply = _understand(answer)
        except BrokenBodyError:
            self._count(call, "unreadable")
            raise
        if reply.fault is not None and reply.fault.group is FaultClass.THROTTLE and answer.status_code != 429:
            self._limiter.penalise()
        self._count(call, reply.fault.code if reply.fault is not None else str(reply.status))
        return reply

    def _count(self, call: Call, code: str) -> None:
        self._metrics.qbo_requests.labels(self._company, call.endpoint, code).inc()
        if code in {"429", "3001"}:
            self._metrics.qbo_throttled.labels(self._company).inc()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # no proxies or .netrc from the environment; 20 to 50 % faster
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return session

    def _stop_if_disconnected(self, reply: Reply) -> None:
        """401 after a renewal, and 403: nothing will work until a person acts (protocol.md 9.2)."""
        fault = reply.fault
        if fault is not None and fault.group is FaultClass.THROTTLE:  # a throttle has been seen inside a 403
            return
        code = fault.code if fault else str(reply.status)
        text = fault.text if fault else f"QuickBooks answered HTTP {reply.status}."
        remedy = fault.rule.remedy if fault and fault.group is not FaultClass.REFRESH else ""
        if reply.status == 401:
            default = "Run `syncd connect`: QuickBooks refuses even a newly issued token."
            raise ReconnectNeeded(text, remedy=remedy or default, code=code, tid=reply.tid)
        if reply.status == 403 or (fault is not None and fault.group is FaultClass.IDENTITY):
            default = faults.FAULTS["3100"].remedy
            raise WrongCompany(text, remedy=remedy or default, code=code, tid=reply.tid)


def _headers(call: Call, token: str) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}", "Accept": JSON}
    if call.content_type:
        headers["Content-Type"] = call.content_type
    return headers


def _understand(answer: requests.Response) -> Reply:
    """Parse by what the body is, not by what the status promises."""
    tid = answer.headers.get("intuit_tid", "")
    body = answer.content
    kind = answer.headers.get("Content-Type", "").lower()
    if "xml" in kind or (body.lstrip()[:5] == b"<?xml"):
        fault = faults.from_xml(body.decode("utf-8", "replace"))
        if fault is not None:
            return Reply(status=answer.status_code, envelope={}, tid=tid, fault=fault)
    elif body.lstrip()[:1] == b"{":
        try:
            envelope = wire.split_object(body)
            return Reply(answer.status_code, envelope, tid, faults.from_envelope(envelope))
        except wire.BAD_JSON:
            pass
    if answer.status_code >= 400:  # a gateway's page, or nothing: the status is all there is
        return Reply(status=answer.status_code, envelope={}, tid=tid)
    shown = kind.split(";")[0] or "no content type"
    raise BrokenBodyError(f"QuickBooks answered HTTP {answer.status_code} with no JSON in it ({shown}).", tid=tid)


def _is_stale_token(reply: Reply) -> bool:
    return reply.status == 401 and (reply.fault is None or reply.fault.group is not FaultClass.COMPANY)


def _read_error(fault: Fault, tid: str) -> QboError:
    match fault.group:
        case FaultClass.RETRY:
            return QboUnavailable(fault.text, remedy=fault.rule.remedy, code=fault.code, tid=tid)
        case FaultClass.SYSTEM:
            return SystemFaultError(fault.text, remedy=fault.rule.remedy, code=fault.code, tid=tid)
        case FaultClass.CONFLICT:
            return QboStale(fault.text, code=fault.code, tid=tid)
        case _:
            return FaultError(fault, tid)


def _failure(error: requests.RequestException) -> QboUnavailable:
    """What is known after no answer came. The message names the kind only: a URL could hold a name (F-65)."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    unconnected = any(base.__name__ == "NewConnectionError" for base in type(reason).__mro__)  # of urllib3
    if unconnected or isinstance(error, requests.ConnectTimeout):
        return NotReachedError("QuickBooks cannot be reached.", code=_name_of(error))
    return QboUnavailable(f"No answer came from QuickBooks ({_name_of(error)}).", code=_name_of(error))


def _name_of(error: requests.RequestException) -> str:
    return "timeout" if isinstance(error, requests.Timeout) else type(error).__name__


def _retry_after(answer: requests.Response) -> float:
    """Seconds to pause. ``Retry-After`` was never seen, but would be honoured (protocol.md 3.2)."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_PAUSE) if text.isdecimal() else PENALTY_SECONDS


def _worth_repeating(error: BaseException) -> bool:
    """The token service has been asked several times already, and a stop is meant."""
    return isinstance(error, QboUnavailable | QboThrottled) and error.code not in {"stopping", "token"}


def _enough(state: tenacity.RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    return state.attempt_number >= (SYSTEM_ATTEMPTS if isinstance(error, SystemFaultError) else READ_ATTEMPTS)


_backoff = tenacity.wait_random_exponential(multiplier=1, max=30, min=0.25)


def _pause(state: tenacity.RetryCallState) -> float:
    """Exponential with jitter; after a throttle the limiter's own pause is what is waited for."""
    error = state.outcome.exception() if state.outcome else None
    return 0.0 if isinstance(error, QboThrottled) else _backoff(state)
