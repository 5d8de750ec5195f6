"""Pieces of HTML, escaped by construction: whatever is not a ``Markup`` already becomes text."""

from __future__ import annotations

import html
from collections.abc import Iterable
from urllib.parse import quote, urlencode


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Markup:
    """A value as text; nothing for None."""
    return value if isinstance(value, Markup) else Markup(html.escape("" if value is None else str(value)))


def tag(name: str, /, *content: object, **attributes: object) -> Markup:
    """An element; attributes that are None are left out, ``cls`` and ``for_`` stand for class and for."""
    told = "".join(
        f' {_ATTRIBUTES.get(key, key)}="{text(value)}"' for key, value in attributes.items() if value is not None
    )
    if name in _EMPTY:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{join(content)}</{name}>")


_ATTRIBUTES = {"cls": "class", "for_": "for"}
_EMPTY = frozenset({"input", "br", "meta", "link"})


def join(parts: Iterable[object], between: str = "") -> Markup:
    """Pieces one after the other."""
    return Markup(html.escape(between).join(text(part) for part in parts))


def address(path: str, **params: object) -> str:
    """A path with parameters; empty ones are left out."""
    told = {name: value for name, value in params.items() if value not in ("", None)}
    return f"{quote(path)}{'?' + urlencode(told) if told else ''}"


def anchor(label: object, path: str, **params: object) -> Markup:
    """A link."""
    return tag("a", label, href=address(path, **params))


def table(head: Iterable[object], rows: Iterable[Iterable[object]], numbers: Iterable[int] = ()) -> Markup:
    """A table; the columns in ``numbers`` are set to the right."""
    right = frozenset(numbers)
    titles = [tag("th", title, cls="n" if at in right else None) for at, title in enumerate(head)]
    lines = [
        tag("tr", *(tag("td", cell, cls="n" if at in right else None) for at, cell in enumerate(row))) for row in rows
    ]
    if not lines:
        return tag("p", "Nothing here.", cls="quiet")
    return tag("div", tag("table", tag("thead", tag("tr", *titles)), tag("tbody", *lines)), cls="wide")


def pairs(rows: Iterable[tuple[object, object]]) -> Markup:
    """Names and values, one a line."""
    return tag("table", *(tag("tr", tag("th", name), tag("td", value)) for name, value in rows), cls="pairs")
