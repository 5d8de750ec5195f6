"""JSON of the wire: exact numbers in both directions, times with zones, and the envelope around everything.

Numbers become ``Decimal`` (or ``int``, which the codecs turn into ``Decimal``); binary floats never occur (F-99).
An envelope is split into its members without decoding them, so that each record keeps its own bytes and is decoded
once, straight into its typed form.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

Json = dict[str, Any]
Raw = msgspec.Raw
Envelope = dict[str, msgspec.Raw]

BAD_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that are no JSON, no UTF-8 or not of the expected shape."""

_objects = msgspec.json.Decoder(Json, float_hook=Decimal)
_members = msgspec.json.Decoder(Envelope)
_lists = msgspec.json.Decoder(list[msgspec.Raw])
_anything = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode_object(body: bytes | Raw) -> Json:
    """A JSON object with exact numbers."""
    return _objects.decode(body)


def decode_any(body: bytes | Raw) -> Any:
    """Any JSON value with exact numbers."""
    return _anything.decode(body)


def split_object(body: bytes | Raw) -> Envelope:
    """The members of a JSON object, each still in its own bytes."""
    return _members.decode(body)


def split_list(body: bytes | Raw) -> list[Raw]:
    """The elements of a JSON list, each still in its own bytes. A single object counts as a list of one (F-47)."""
    data = bytes(body)
    return _lists.decode(data) if data.lstrip()[:1] == b"[" else [Raw(data)]


def encode(value: Any) -> bytes:
    """JSON with decimals as numbers, as QBO wants them (protocol.md 12). ``1E+2`` is written as ``100``."""
    return _encoder.encode(value)


def plain(number: Decimal) -> Decimal:
    """``number`` without an exponent and without needless zeros: the same value in the form people send."""
    if number == number.to_integral_value():
        return Decimal(int(number))
    return number.normalize()


def parse_time(text: str) -> datetime:
    """A timestamp with its offset, as UTC. Without an offset it is refused: the zone would be a guess (4.4)."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    return moment.astimezone(UTC)


def time_text(moment: datetime) -> str:
    """A timestamp for a filter or ``changedSince``: whole seconds, rounded down, with an offset (protocol.md 4.4)."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()
