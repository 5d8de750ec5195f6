"""A file on its way to QBO (protocol.md 11): what is said about it and its content in one request, and the answer."""

from __future__ import annotations

import hashlib

from syncd.model.writes import WireWrite
from syncd.qbo import faults, wire
from syncd.qbo.codec.attachable import ENTITY, digest_in
from syncd.qbo.faults import Fault
from syncd.qbo.transport import JSON, Call, Reply
from syncd.qbo.wire import Raw

ANSWER = "AttachableResponse"


def call_of(write: WireWrite, content: bytes) -> Call | None:
    """The request; None where the content is not the one that the journal speaks of.

    The same write always makes the same bytes, so that a repeat is the same to the byte (F-4): the boundary is made of
    its request id, and the content is known by its digest.
    """
    about = wire.decode_object(write.body)
    if digest_in(str(about.get("Tag"))) != hashlib.sha256(content).hexdigest():
        return None
    boundary = f"syncd-{write.request_id}"
    while boundary.encode() in content:
        boundary += "-"
    kind = str(about["ContentType"])
    name = str(about["FileName"]).replace("\\", "_").replace('"', "_")
    body = b"".join(
        (
            _part(boundary, "file_metadata_01", "attachment.json", JSON),
            write.body,
            _part(boundary, "file_content_01", name, kind, first=False),
            content,
            f"\r\n--{boundary}--\r\n".encode(),
        )
    )
    return Call(
        "POST",
        "upload",
        "upload",
        params=(("requestid", write.request_id),),
        body=body,
        content_type=f"multipart/form-data; boundary={boundary}",
    )


def _part(boundary: str, field: str, name: str, kind: str, *, first: bool = True) -> bytes:
    before = "" if first else "\r\n"
    return (
        f'{before}--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    ).encode()


def answer_of(reply: Reply) -> Raw | Fault | None:
    """The Attachable that was made, or why there is none; None where the answer says neither."""
    try:
        answers = wire.split_list(reply.envelope[ANSWER])
        members = wire.split_object(answers[0]) if len(answers) == 1 else {}
    except (KeyError, *wire.BAD_JSON):
        return None
    return faults.from_envelope(members) or members.get(ENTITY)
