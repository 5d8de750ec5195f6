"""Between values and columns: canonical JSON, instants and names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar, cast

import msgspec

from syncd.errors import StateError
from syncd.model.values import Canonical
from syncd.reconciler.plan import Projection

T = TypeVar("T")
E = TypeVar("E")

RecordKey = tuple[str, str, str]
"""Kind, source id and QBO id, as text: how a row names its record."""

CHUNK = 900
"""Ids asked for in one statement, below every database's limit on parameters."""

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder()

_Level1 = str | tuple[str, ...]
_Level2 = str | tuple[_Level1, ...]
_Level3 = str | tuple[_Level2, ...]
_Level4 = str | tuple[_Level3, ...]
_projections = msgspec.json.Decoder(dict[str, _Level4])
"""Decodes straight into tuples, as deep as any kind's fields go; ten times as fast as turning lists into tuples."""


def to_json(value: Any) -> str:
    """Compact JSON with sorted keys: equal values give equal text. Half a surrogate pair is kept, as an escape."""
    try:
        return _encoder.encode(value).decode()
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), sort_keys=True, separators=(",", ":"))


def from_json(text: str) -> Any:
    """What ``to_json`` was given, with lists for tuples."""
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


def to_projection(text: str) -> Projection:
    """A projection as it was stored."""
    try:
        return cast(Projection, _projections.decode(text))
    except msgspec.DecodeError:  # deeper than foreseen, or half a surrogate pair
        return {name: _canonical(value) for name, value in from_json(text).items()}


def _canonical(value: Any) -> Canonical:
    if isinstance(value, str):
        return value
    parts: list[Any] = [_canonical(part) for part in value]
    return tuple(parts)


def to_names(text: str) -> tuple[str, ...]:
    """A list of names; empty text is none."""
    return tuple(from_json(text)) if text else ()


def from_names(names: Sequence[str]) -> str:
    """Names as text, empty for none: the usual case costs nothing."""
    return to_json(list(names)) if names else ""


def shown(text: str) -> str:
    """Text that is only shown to people, without what some database cannot hold (NUL, half a surrogate pair)."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def digest(data: bytes) -> str:
    """Fingerprint of a payload, empty for none."""
    return hashlib.sha256(data).hexdigest() if data else ""


def member(kind: type[E], text: str) -> E:
    """The member of a text enumeration, or a clear error when the row is from a newer syncd."""
    try:
        return kind(text)  # type: ignore[call-arg]  # every caller passes a StrEnum
    except ValueError:
        raise StateError(
            f"The state holds {text!r}, which this syncd does not know as {kind.__name__}.",
            remedy="Run the version that wrote it, or a newer one.",
        ) from None


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The items in lists of at most ``size``."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
