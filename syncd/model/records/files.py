"""The files that belong to documents."""

from __future__ import annotations

import msgspec


class Attachment(msgspec.Struct, frozen=True, tag="attachment", omit_defaults=True):
    """A file that belongs to a document; QBO's Attachable (entities.md 7, B-28, B-39).

    ``owner`` is the document's id on its side, ``owner_kind`` its kind (empty: none that syncd knows). ``digest`` is
    the SHA-256 of the content, empty where it is not known; the content itself is never part of the record. ``path``
    is where the source keeps it, where that is no column. ``hangs_on`` counts the documents it belongs to (QBO only).
    """

    id: str
    owner_kind: str
    owner: str
    file_name: str
    size: int = 0
    digest: str = ""
    path: str = ""
    hangs_on: int = 1
