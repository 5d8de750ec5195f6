"""One exchange with the API, and the two ways to use it: ``get`` (repeats itself) and ``send`` (does not).

An exchange ends in JSON that was understood or in an exception that says how much is known: ``RefusedError`` (a
definite no to this one request), ``SourceMisconfigured`` (nothing will work until a person acts), ``NotReachedError``
(never arrived, or was turned away unread) and ``SourceUnavailable`` (no usable answer; of a write: outcome unknown).
No message ever holds the key, an address or a record.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec
import requests
import tenacity

from syncd.clock import Clock
from syncd.errors import SourceMisconfigured, SourceUnavailable
from syncd.sources.ruddr.limiter import TokenBucket
from syncd.sources.ruddr.settings import RuddrSourceConfig

LONGEST_PAUSE_SECONDS = 60
"""The vendor advises 1, 2, 4, 8 seconds (ruddr-api.md 3); more than a minute helps nobody."""

Row = dict[str, Any]
T = TypeVar("T")


class RefusedError(Exception):
    """A definite no to this one request. ``text`` is what the API said, for the operator."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}: {text}")
        self.status = status
        self.text = text


class NotReachedError(SourceUnavailable):
    """The request did not arrive, or was turned away unread: it certainly changed nothing."""


class ThrottledError(NotReachedError):
    """HTTP 429. ``wait_seconds`` is the pause asked for, 0 where none was named (none is documented)."""

    def __init__(self, message: str, wait_seconds: int) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class Api:
    """Shared by the threads of one company; a connection is used by one of them at a time."""

    def __init__(self, config: RuddrSourceConfig, clock: Clock, stop: threading.Event) -> None:
        self._config = config
        self._clock = clock
        self._stop = stop
        self._bucket = TokenBucket(config.requests_per_second, config.burst, clock, stop)
        self._idle: deque[requests.Session] = deque()

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Row:
        """One JSON object, asked for until there is an answer, within reason."""
        return self._patiently(lambda: _object(self._once("GET", path, params or {}, b"")), _worth_repeating)

    def send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Row:
        """A request that may change something, sent once; again only where it was certainly turned away unread.

        An answer without a body is an empty object (204 after a deletion, ruddr-api.md 4).
        """
        content = b"" if body is None else _ENCODER.encode(body)
        answer = self._patiently(lambda: self._once(method, path, {}, content), _turned_away)
        return _object(answer) if answer.content else {}

    def close(self) -> None:
        """Give back the connections."""
        while self._idle:
            self._idle.pop().close()

    # ---- one exchange

    def _patiently(self, ask: Callable[[], T], again: Callable[[BaseException], bool]) -> T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(again),
            stop=lambda state: self._stop.is_set() or state.attempt_number >= self._config.attempts,
            wait=_pause,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(ask)

    def _sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds, self._stop)

    def _once(self, method: str, path: str, params: Mapping[str, str | int], body: bytes) -> requests.Response:
        if self._config.throttle:
            self._bucket.acquire()
        session = self._session()
        try:
            answer = session.request(
                method,
                f"{self._config.api_url}{path}",
                params=params,
                data=body or None,
                headers={"Content-Type": "application/json"} if body else None,
                timeout=self._config.timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            session.close()
            raise _failure(error) from None
        self._idle.append(session)
        if answer.status_code == 429:
            wait = _retry_after(answer)
            self._bucket.pause(wait)
            raise ThrottledError("Ruddr refused because of too many requests.", wait)
        _raise_for(answer)
        return answer

    def _session(self) -> requests.Session:
        """A connection that nobody uses at the moment: threads come and go, connections stay."""
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        session = requests.Session()
        session.trust_env = False  # no proxies or .netrc from the environment
        session.headers["Authorization"] = f"Bearer {self._config.api_key.get_secret_value()}"
        session.headers["Accept"] = "application/json"
        return session


def _exact(text: str) -> Decimal:
    """A JSON number, exactly, in one form whatever its trailing zeros."""
    value = Decimal(text)
    try:
        whole = value.to_integral_value()
        return whole.quantize(Decimal(1)) if whole == value else value.normalize()
    except InvalidOperation:  # far more digits than any amount has: the reader refuses it
        return value


_DECODER = msgspec.json.Decoder(float_hook=_exact)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _object(answer: requests.Response) -> Row:
    try:
        found = _DECODER.decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        raise SourceUnavailable("Ruddr's answer was cut off or is no JSON.") from None
    if not isinstance(found, dict):
        raise SourceUnavailable("Ruddr's answer is not of the documented shape.")
    return found


def _raise_for(answer: requests.Response) -> None:
    """The errors of ruddr-api.md 4."""
    status = answer.status_code
    if status < 300:
        return
    if status == 401:
        raise SourceMisconfigured(
            "Ruddr does not accept the API key: it is wrong, or was deleted.",
            remedy="Make a new key in Ruddr (Settings, API Keys), and put it where [company.source] api_key_file says.",
        )
    if status == 423:
        raise SourceMisconfigured(
            "Ruddr has switched off API access for this workspace.",
            remedy="Ask Ruddr's support to switch it on again; nothing is synchronised until then.",
        )
    if status >= 500:
        raise SourceUnavailable(f"Ruddr reports a fault of its own (HTTP {status}).")
    if status < 400:
        raise SourceMisconfigured(
            f"Ruddr's address sends callers elsewhere (HTTP {status}).", remedy="Correct [company.source] api_url."
        )
    raise RefusedError(status, _said(answer))


def _said(answer: requests.Response) -> str:
    """``message`` and ``errors`` of an answer: texts, or objects with a message (both are seen, ruddr-api.md 4)."""
    try:
        found = _object(answer)
    except SourceUnavailable:
        return "no reason given"
    listed = found.get("errors")
    details = (
        [each.get("message") if isinstance(each, dict) else each for each in listed if each]
        if isinstance(listed, list)
        else []
    )
    texts = [str(text)[:200] for text in (found.get("message"), *details) if text]
    return " ".join(texts[:6]) or "no reason given"


def _failure(error: requests.RequestException) -> SourceUnavailable:
    """What is known after no answer came. The message names the sort of failure only: an address holds ids."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    unconnected = any(base.__name__ == "NewConnectionError" for base in type(reason).__mro__)  # of urllib3
    if unconnected or isinstance(error, requests.ConnectTimeout):
        return NotReachedError("Ruddr cannot be reached.")
    name = "timeout" if isinstance(error, requests.Timeout) else type(error).__name__
    return SourceUnavailable(f"No answer came from Ruddr ({name}).")


def _retry_after(answer: requests.Response) -> int:
    text = answer.headers.get("Retry-After", "")
    return min(int(text), LONGEST_PAUSE_SECONDS) if text.isdecimal() else 0


def _worth_repeating(error: BaseException) -> bool:
    return isinstance(error, SourceUnavailable)


def _turned_away(error: BaseException) -> bool:
    return isinstance(error, ThrottledError)


_backoff = tenacity.wait_random_exponential(multiplier=1, min=1, max=LONGEST_PAUSE_SECONDS)


def _pause(state: tenacity.RetryCallState) -> float:
    """As long as was asked for; else exponential from one second, with jitter."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait_seconds if isinstance(error, ThrottledError) else 0
    return asked or _backoff(state)
