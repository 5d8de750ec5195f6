"""Attachable (entities.md 7, protocol.md 11): a file that hangs on a document (B-28, B-39).

Its ``Tag`` carries the digest of the content, so that an upload whose answer was lost is recognised, and content is
compared without being downloaded. People do not see that member in QBO.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present
from syncd.model.records.files import Attachment
from syncd.model.spec import CONTENT_TYPES
from syncd.model.values import text
from syncd.qbo.codec.parts import CannotReadError, Reading, Wishes, decode_with, identity_of, linked, refuse, whole
from syncd.qbo.wire import Json, Raw

ENTITY = "Attachable"
_TAG = "syncd sha256 "


def tag_of(file: str, digest: str) -> str:
    """Our mark: the content, and which file of the source it is (the same content may be attached twice)."""
    return f"{_TAG}{digest} of {file}"


def digest_in(tag: str) -> str:
    """The digest that a mark of ours tells; empty where it is none of ours."""
    return tag.removeprefix(_TAG).partition(" ")[0] if tag.startswith(_TAG) else ""


ENTITIES: Mapping[Kind, str] = {
    Kind.INVOICE: "Invoice",
    Kind.CREDIT_NOTE: "CreditMemo",
    Kind.BILL: "Bill",
    Kind.PURCHASE: "Purchase",
    Kind.PURCHASE_ORDER: "PurchaseOrder",
}
"""What files may hang on, by what QBO calls it."""
_KINDS = {name.lower(): kind for kind, name in ENTITIES.items()}

_READ_ONLY = frozenset(
    {
        "MetaData", "domain", "sparse", "Size", "FileAccessUri", "TempDownloadUri", "ThumbnailFileAccessUri",
        "ThumbnailTempDownloadUri",
    }
)  # fmt: skip


class _Owner(msgspec.Struct):
    value: str = ""
    type: str = ""


class _Ref(msgspec.Struct, rename="pascal"):
    entity_ref: _Owner | None = None


class _Attachable(msgspec.Struct, rename="pascal"):
    id: str
    sync_token: str
    file_name: str | None = None
    size: int | None = None
    tag: str | None = None
    attachable_ref: list[_Ref] | None = None


_decoder = msgspec.json.Decoder(_Attachable)


def decode(row: Raw | bytes, reading: Reading) -> Present | Flawed:
    return decode_with(_decoder, _record, row, reading)


def is_file(row: Raw | bytes) -> bool:
    """Whether it is a file on a document of ours; a note has none, and others hang on people or on nothing."""
    found = _decoder.decode(row)
    return found.size is not None and any(_kind(ref) for ref in found.attachable_ref or [])


def _kind(ref: _Ref) -> Kind | None:
    return _KINDS.get(ref.entity_ref.type.lower()) if ref.entity_ref is not None else None


def _record(attachable: _Attachable, _: Reading) -> tuple[Attachment, str]:
    """It may hang on several documents; the first that is of a kind of ours counts, and how many there are."""
    if attachable.size is None or not attachable.file_name:
        raise CannotReadError("no-file", "It is a note without a file by now.", "Delete it in QuickBooks, or keep it.")
    refs = [ref for ref in attachable.attachable_ref or [] if ref.entity_ref is not None]
    mine = next((ref for ref in refs if _kind(ref)), None)
    owner = mine.entity_ref if mine is not None else None
    return Attachment(
        id=attachable.id,
        owner_kind=str(_kind(mine) or "") if mine is not None else "",
        owner=owner.value if owner is not None else "",
        file_name=attachable.file_name,
        size=attachable.size,
        digest=digest_in(attachable.tag or ""),
        hangs_on=len(refs),
    ), attachable.sync_token


# writing


def create(record: Attachment, wishes: Wishes) -> Json:
    """What is said about the file in an upload. It goes along with no e-mail (X-7)."""
    name = text(record.file_name)
    return {
        "FileName": name,
        "ContentType": CONTENT_TYPES[name.rpartition(".")[2].lower()],
        "AttachableRef": [_reference(record, wishes)],
        "Tag": tag_of(record.id, record.digest),
    }


def update(record: Attachment, wishes: Wishes, current: Json) -> Json:
    """Another name, or another document; other content is another file. The list of documents is replaced as a whole
    (protocol.md 11), and what people hung it on besides stays in it."""
    body = whole(current, _READ_ONLY)
    if "file_name" in wishes.fields:
        body["FileName"] = text(record.file_name)
    if wishes.fields & {"owner", "owner_kind"}:
        body["AttachableRef"] = [_reference(record, wishes), *(current.get("AttachableRef") or [])[1:]]
    return body


def delete(current: Json) -> Json:
    """Id and SyncToken are enough (protocol.md 8.2). What people hung on other documents as well stays."""
    if len(current.get("AttachableRef") or []) > 1:
        raise refuse(
            "file-shared",
            "Somebody attached the file to another document in QuickBooks as well.",
            "Take it off the document by hand in QuickBooks, then answer with ignore.",
            "owner",
        )
    return identity_of(current)


def _reference(record: Attachment, wishes: Wishes) -> Json:
    kind = Kind(record.owner_kind)
    owner = {"type": ENTITIES[kind], "value": linked(wishes, kind, record.owner)}
    return {"EntityRef": owner, "IncludeOnSend": False}
