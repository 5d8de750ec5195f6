"""The XML form of an answer, for requests that do not accept JSON (protocol.md 1.3)."""

from __future__ import annotations

import re
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from syncd.sandbox.wire import Json

NAMESPACE = "http://schema.intuit.com/finance/v3"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(body: Json) -> bytes:
    """An IntuitResponse document with the same members as the JSON answer."""
    body = dict(body)
    time = body.pop("time", None)
    stamp = f" time={quoteattr(str(time))}" if time is not None else ""
    inner = "".join(_element(name, value) for name, value in body.items())
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        f'<IntuitResponse xmlns="{NAMESPACE}"{stamp}>{inner}</IntuitResponse>'
    ).encode()


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if not isinstance(value, dict):
        return f"<{name}>{_text(value)}</{name}>"
    if "value" in value and not isinstance(value["value"], dict):
        attribute = f" name={quoteattr(_bare(value['name']))}" if "name" in value else ""
        return f"<{name}{attribute}>{_text(value['value'])}</{name}>"
    attributes = "".join(
        f" {member}={quoteattr(_bare(value[member]))}"
        for member in (
            "domain",
            "sparse",
            "status",
            "type",
            "code",
            "element",
            "startPosition",
            "maxResults",
            "totalCount",
        )
        if member in value and not isinstance(value[member], dict | list) and value[member] is not None
    )
    inner = "".join(
        _element(member, inside)
        for member, inside in value.items()
        if inside is not None and f" {member}=" not in attributes
    )
    return f"<{name}{attributes}>{inner}</{name}>"


def _bare(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", str(value))


def _text(value: Any) -> str:
    return escape(_bare(value))
