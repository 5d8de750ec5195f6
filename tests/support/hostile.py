"""Requests that nobody should send: valid ones taken apart, over one connection, and what every answer must be.

``Wire`` speaks HTTP/1.1 over a socket of its own, so that nothing between the test and the server repairs a request.
"""

from __future__ import annotations

import gzip
import json
import logging
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import strategies as st

Json = dict[str, Any]
CRLF = b"\r\n"
_TRACE = re.compile(rb"Traceback \(most recent call last\)|File \"[^\"]+\.py\", line")
_TYPES = frozenset({"ValidationFault", "SystemFault", "AuthenticationFault", "AuthorizationFault"})
_STATUSES = frozenset({200, 400, 401, 403, 404, 405, 413, 414, 415})


class Token(str):
    """JSON text put in as it is, whether it is JSON or not."""


class Pairs(list[Any]):
    """An object as a list of [name, value], so that a name may come twice."""


def tree(value: Any) -> Any:
    """A JSON value with its objects as ``Pairs``, to be taken apart."""
    if isinstance(value, dict):
        return Pairs([name, tree(inner)] for name, inner in value.items())
    return [tree(inner) for inner in value] if isinstance(value, list) else value


def text_of(value: Any) -> str:
    """The tree as text."""
    if isinstance(value, Token):
        return str(value)
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(name)}:{text_of(inner)}" for name, inner in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    return json.dumps(value, default=str) if not isinstance(value, float) else repr(value)


def _spots(node: Any) -> Iterator[tuple[list[Any], int]]:
    """Every place of the tree that holds something: its list and position."""
    for at, inner in enumerate(node):
        yield node, at
        value = inner[1] if isinstance(node, Pairs) else inner
        if isinstance(value, list):
            yield from _spots(value)


NUMBERS = (
    "-0 -1 0.5 1e5 1E-5 1e400 -1e400 1e999999999 1e-999999999 1.005 0.0000000000001 99999999999999999999999999 "
    "9007199254740993 12345678901.123456 1E+10 4e15 NaN Infinity -Infinity 0x10 01 1. +1 1e - " + "7" * 400
).split()
_TEXTS = (
    "", " ", "\t", "x", "null", "true", "-1", "0", "1e5", "NaN", "٣", "²", "１", "1_000", "+1", "0x1", "a:b", "sNaN",
    "\n\r", "\0", "\x07\x1b[31m", "\x7f\x85", "\u2028", "\u202eabc", "\ufeff", "\uffff", "😀" * 30, "x" * 5000,
    "'", '"', "\\", "%s%n{0}", "<b>&amp;]]>", "2024-02-30", "0000-00-00", "99999-01-01", "2024-01-01T25:00:00",
    "-001-1-1", "Invoice", "SalesItemLineDetail", "ä" * 21, "TAX", "1e400", "Infinity", "--1", "1.1.1",
)  # fmt: skip
STRINGS = (
    *map(json.dumps, _TEXTS),
    r'"\ud800"', r'"\udc00x"', r'"\ud83d"', r'"a\ud800\u0041"', '"\U0001f600"', r'"\x41"', '"',
)  # fmt: skip
SHAPES = (
    "null", "true", "false", "[]", "{}", "[[]]", "[null]", "[{}]", '{"value":null}', '{"value":"0"}',
    '{"value":"-1"}', '{"value":"999999"}', '{"value":{}}', '{"value":[]}', '{"value":true}', '{"name":"x"}',
    '{"value":"1","name":{}}', '{"any":[]}', '{"":""}', '{"value":"1","value":"2"}', "[1,[2,[3]]]",
    "[" * 60 + "]" * 60, "[" * 3000 + "]" * 3000, '{"a":' * 60 + "1" + "}" * 60, '{"a":' * 3000,
)  # fmt: skip
odd_values = st.sampled_from((*NUMBERS, *STRINGS, *SHAPES)).map(Token)
odd_names = st.sampled_from(
    (
        "",
        " ",
        "id",
        "ID",
        "Id",
        "SyncToken",
        "synctoken",
        "__class__",
        "Line",
        "sparse",
        "Ä",
        "\ud83d",
        "x" * 300,
        "a.b",
    )
)


@st.composite
def damaged(draw: st.DrawFn, bodies: st.SearchStrategy[Any], most: int = 3) -> str:
    """One of the bodies as text, with up to so many things done to it."""
    root = [tree(draw(bodies))]
    for _ in range(draw(st.integers(0, most))):
        spots = list(_spots(root))
        holder, at = spots[draw(st.integers(0, len(spots) - 1))]
        deed = draw(st.sampled_from(("value", "value", "value", "drop", "twice", "rename", "swap")))
        if deed == "drop" and holder is not root:
            del holder[at]
        elif deed == "twice":
            holder.insert(at, holder[at])
        elif deed == "rename" and isinstance(holder, Pairs):
            holder[at] = [draw(odd_names), holder[at][1]]
        elif deed == "swap":
            other, place = spots[draw(st.integers(0, len(spots) - 1))]
            taken = other[place][1] if isinstance(other, Pairs) else other[place]
            _put(holder, at, Token(text_of(taken)))
        else:
            _put(holder, at, draw(odd_values))
        if not root or not isinstance(root[0], list) or not root[0]:
            break
    return text_of(root[0]) if root else ""


def _put(holder: list[Any], at: int, value: Any) -> None:
    holder[at] = [holder[at][0], value] if isinstance(holder, Pairs) else value


@st.composite
def broken(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> bytes:
    """A body as bytes that are no longer what they were: cut, spoilt, wrapped in another encoding."""
    body = draw(texts).encode("utf-8", "surrogatepass")
    deed = draw(st.sampled_from(("cut", "spoil", "bom", "utf16", "tail", "latin", "gzip", "nul", "as it is")))
    at = draw(st.integers(0, max(0, len(body) - 1)))
    if deed == "cut":
        return body[:at]
    if deed == "spoil":
        return body[:at] + draw(st.binary(min_size=1, max_size=6)) + body[at:]
    ways = {
        "bom": b"\xef\xbb\xbf" + body,
        "utf16": body.decode("utf-8", "replace").encode("utf-16"),
        "tail": body + b"}",
        "latin": body[:at] + b"\xe9\xff" + body[at:],
        "gzip": gzip.compress(body)[: at + 12],
        "nul": body[:at] + b"\0" + body[at:],
    }
    return ways.get(deed, body)


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        """The JSON, read strictly: no NaN, no name twice in an object."""
        return json.loads(self.body, parse_constant=_no_constant, object_pairs_hook=_once)


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    assert len(found) == len(pairs), f"a name twice: {[name for name, _ in pairs]}"
    return found


class Wire:
    """A connection that is kept; requests go out exactly as they are given."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(
        self, method: str, target: str, headers: Sequence[tuple[str, str]] = (), body: bytes | None = None
    ) -> Answer:
        """One request; ConnectionError or HTTPException when the connection does not give a whole answer."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=20)
        lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers)]
        content = body or b""
        if ("Transfer-Encoding", "chunked") in headers:
            content = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (content[:7], content[7:]) if part)
            content += b"0\r\n\r\n"
        elif body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self._socket.sendall("\r\n".join(lines).encode("latin-1", "replace") + CRLF * 2 + content)
        response = HTTPResponse(self._socket, method=method)
        try:
            response.begin()
            content = response.read()
        except Exception:
            self.close()
            raise
        if response.will_close:
            self.close()
        found = {name.lower(): value for name, value in response.getheaders()}
        if found.get("content-encoding") == "gzip" and content:
            content = gzip.decompress(content)
        return Answer(response.status, found, content)

    def close(self) -> None:
        """End it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class ErrorLog(logging.Handler):
    """Keeps what the server logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line, with its traceback."""
        self.lines.append(self.format(record))


@contextmanager
def error_log() -> Iterator[ErrorLog]:
    """Everything that any logger has to say at level error and above."""
    handler = ErrorLog()
    logging.getLogger().addHandler(handler)
    try:
        yield handler
    finally:
        logging.getLogger().removeHandler(handler)


def faults_of(content: Any) -> list[Json]:
    """The Fault objects of an answer, those of batch items and uploads too."""
    if not isinstance(content, dict):
        return []
    found = [content[name] for name in ("Fault", "fault") if name in content]
    for name in ("BatchItemResponse", "AttachableResponse"):
        items = content.get(name)
        found += [item["Fault"] for item in items if "Fault" in item] if isinstance(items, list) else []
    return found


def check(answer: Answer, method: str = "POST") -> list[Json]:
    """Assert that an answer of the accounting API is a proper one; gives its faults."""
    assert answer.status in _STATUSES, (answer.status, answer.body[:500])
    assert not _TRACE.search(answer.body), answer.body[:2000]
    assert answer.headers.get("intuit_tid"), answer.headers
    kind = answer.headers.get("content-type", "")
    if method == "HEAD" or not answer.body:
        assert method == "HEAD", (answer.status, answer.headers)
        return []
    if kind.startswith("application/xml"):
        root = ET.fromstring(answer.body)  # noqa: S314  # from the server under test
        assert root.tag == "{http://schema.intuit.com/finance/v3}IntuitResponse"
        named = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert answer.status == 200 or named & {"Fault", "fault"}, answer.body[:500]
        codes = [element.get("code") for element in root.iter() if element.tag.endswith("}Error")]
        assert "10000" not in codes or answer.status == 404 or b"java.lang.Unsupported" in answer.body, answer.body
        return []
    if not kind.startswith("application/json"):
        assert answer.status == 200, (answer.status, kind, answer.body[:300])
        return []
    content = answer.content
    assert isinstance(content, dict), answer.body[:300]
    found = faults_of(content)
    assert found or answer.status == 200, answer.body[:500]
    for fault in found:
        _check_fault(fault, answer.status)
    return found


def _check_fault(fault: Json, status: int) -> None:
    if "error" in fault:
        assert status in (401, 403), fault
        assert fault["type"] in ("AUTHENTICATION", "SERVICE")
        return
    assert fault["type"] in _TYPES, fault
    assert fault["Error"], fault
    for error in fault["Error"]:
        assert error.keys() == {"Message", "Detail", "code", "element"}, error
        assert all(isinstance(text, str) for text in error.values()), error
        assert error["code"].isdecimal(), error
        if error["code"] == "10000":  # QBO's own forms: an address it lacks (9.1), and the void of a bill (8.5)
            gone = status == 404 and "Could not find resource" in error["Detail"]
            assert gone or (status == 200 and "java.lang.UnsupportedOperationException" in error["Detail"]), error
