"""Uploads and downloads of attachments (protocol.md 11, entities.md 7). The bytes are kept in ``Book.files``."""

from __future__ import annotations

import mimetypes
import re
from typing import Any

from syncd.sandbox import faults, links, multipart, operations, replay
from syncd.sandbox.book import Book
from syncd.sandbox.call import Call
from syncd.sandbox.context import Context
from syncd.sandbox.faults import FaultError
from syncd.sandbox.multipart import Part
from syncd.sandbox.rules.files import ATTACHABLE
from syncd.sandbox.specs import SPECS
from syncd.sandbox.switches import Switches
from syncd.sandbox.unit import Unit
from syncd.sandbox.views import Viewer
from syncd.sandbox.wire import DecodeError, Json, decode, encode

ENTITY = "Attachable"
KINDS = frozenset(
    {"ai", "csv", "doc", "docx", "eps", "gif", "jpeg", "jpg", "ods", "pdf", "png", "rtf", "tif", "txt"}
    | {"xls", "xlsx", "xml"}
)
_PART_NAME = re.compile(r"file_(metadata|content)_(.+)")


def upload(viewer: Viewer, switches: Switches, headers: dict[str, str], body: bytes) -> bytes:
    """The JSON of ``AttachableResponse``: for each file an Attachable or a Fault, in the order they were sent."""
    if "content-length" not in headers:
        raise faults.no_length()
    if viewer.book.settings.subscription not in ("PAID", "TRIAL"):
        raise faults.lapsed()
    pairs = _pairs(multipart.parse(body, headers.get("content-type", "")))
    if not pairs:
        raise faults.missing("file_content_01")
    answers = [_answer(viewer, switches, suffix, pair) for suffix, pair in pairs.items()]
    return b"[%b]" % b",".join(answers)


def _pairs(parts: list[Part]) -> dict[str, dict[str, Part]]:
    """Metadata and content by their suffix, whatever that is."""
    pairs: dict[str, dict[str, Part]] = {}
    for part in parts:
        found = _PART_NAME.fullmatch(part.name)
        if found is not None:
            pairs.setdefault(found[2], {})[found[1]] = part
    return pairs


def _answer(viewer: Viewer, switches: Switches, suffix: str, pair: dict[str, Part]) -> bytes:
    try:
        if "content" not in pair:
            raise faults.missing(f"file_content_{suffix}")
        record_id = _save(viewer.book, switches, pair.get("metadata"), pair["content"])
        return b'{"Attachable":%b}' % viewer.raw(ENTITY, operations.read(viewer.book, ENTITY, record_id))
    except FaultError as error:
        return encode({"Fault": error.body()})


def _save(book: Book, switches: Switches, metadata: Part | None, content: Part) -> str:
    spec = SPECS[ENTITY]
    cleaned = operations.clean(spec, _metadata(metadata), creating=True)
    new: Json = {name: value for name, value in cleaned.items() if value is not None}
    data = content.decoded()
    new["FileName"] = _file_name(new.get("FileName") or content.filename)
    new["ContentType"] = _content_type(new.get("ContentType"), content, new["FileName"])
    if not data:
        raise faults.bad_file(f"{new['FileName']} is empty")
    ctx = Context(Unit(book, operations.EFFECTS), switches)
    built = ATTACHABLE.build_file(ctx, new, len(data))
    record_id = book.next_id(spec.family)
    ctx.unit.put(ENTITY, record_id, built, "create")
    ctx.unit.commit()
    keep(book, record_id, data)
    return record_id


def _metadata(part: Part | None) -> Json:
    if part is None:
        return {}
    try:
        body: Any = decode(part.decoded())
    except (DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
        raise faults.unknown_property(part.name) from None
    if not isinstance(body, dict):
        raise faults.unknown_property(part.name)
    return body


def _file_name(name: str) -> str:
    if not name:
        raise faults.missing("FileName")
    if len(name) > 1000:
        raise faults.bad_length("FileName", 1, 1000, len(name))
    if name.rpartition(".")[2].lower() not in KINDS or "." not in name:
        raise faults.bad_file(f"{name} is of a kind that cannot be attached")
    return name


def _content_type(said: str | None, content: Part, name: str) -> str:
    """The metadata must agree with the part (entities.md 7); where neither says it, the name tells."""
    if said and content.content_type and said.lower() != content.content_type.lower():
        raise faults.bad_file(f"ContentType {said} does not agree with the part's {content.content_type}")
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return said or content.content_type or guessed


def keep(book: Book, record_id: str, data: bytes) -> None:
    """Put a file into the book."""
    book.files[record_id] = data
    if book.track:
        book.files_dirty.add(record_id)


def forget(book: Book, record_id: str) -> None:
    """Drop the file of a deleted attachment, where it had one."""
    if book.files.pop(record_id, None) is not None and book.track:
        book.files_dirty.add(record_id)


def link(book: Book, record_id: str, base_url: str, thumbnail: bool) -> str:
    """What ``/download/{id}`` answers: a bare link. 610 where there is no such file, or no image for a thumbnail."""
    record = book.find(ENTITY, record_id)
    body = {} if record is None else record.body
    if "Size" not in body or (thumbnail and not str(body["ContentType"]).startswith("image/")):
        raise faults.not_found()
    name = f"tn_200x200_{body['FileName']}" if thumbnail else body["FileName"]
    return links.sign(base_url, book.realm, record_id, name, book.clock.now())


def digest_of(call: Call) -> bytes:
    """What an upload is recognised by when it comes again: its parts, since boundaries differ from try to try."""
    try:
        parts = multipart.parse(call.body, call.headers.get("content-type", ""))
    except FaultError:
        return call.body
    return replay.digest(*(piece for part in parts for piece in (part.name.encode(), part.content)))
