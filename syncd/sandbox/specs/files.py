"""Attachments (entities.md 7, protocol.md 11)."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.sandbox import fields
from syncd.sandbox.fields import anything, array, boolean, choice, text
from syncd.sandbox.specs.base import META, Spec, members, rw, words
from syncd.sandbox.wire import Json

CATEGORIES = ("Contact Photo", "Document", "Image", "Receipt", "Signature", "Sound", "Other")
ATTACHED = "Attached"
OWNER_TYPE, OWNER_ID = "AttachableRef.EntityRef.Type", "AttachableRef.EntityRef.value"


def owner_key(kind: str, record_id: str) -> tuple[str, str]:
    """Where ``Book.holders`` finds the attachments of a record; apart from the record's own holders."""
    return ATTACHED, f"{kind.lower()}/{record_id}"


def _owners(body: Json) -> Iterable[tuple[str, str]]:
    for ref in body.get("AttachableRef", []):
        owner = ref.get("EntityRef", {})
        if "type" in owner:
            yield owner_key(str(owner["type"]), str(owner["value"]))


_REF = fields.struct(
    {
        "EntityRef": fields.reference,
        "IncludeOnSend": boolean,
        "LineInfo": text(250),
        "Inactive": boolean,
        "NoRefOnly": boolean,
        "CustomField": anything,
    }
)

ATTACHABLE = Spec(
    name="Attachable",
    family="file",
    is_list=False,
    operations=frozenset({"create", "update", "delete"}),
    queryable=META | words(f"FileName Note Category ContentType Size {OWNER_TYPE} {OWNER_ID}"),
    known_only=words("Tag PlaceName Lat Long FileAccessUri TempDownloadUri"),
    links=_owners,
    members=members(
        {
            "FileName": rw(text(1000)),
            "Note": rw(text(2000)),
            "ContentType": rw(text(100)),
            "Category": rw(choice(*CATEGORIES)),
            "AttachableRef": rw(array(_REF)),
            "Tag": rw(text(2000)),
            "PlaceName": rw(text(2000)),
            "Lat": rw(text(100)),
            "Long": rw(text(100)),
        },
        "Size FileAccessUri TempDownloadUri ThumbnailFileAccessUri ThumbnailTempDownloadUri",
    ),
)

FILES: tuple[Spec, ...] = (ATTACHABLE,)
