"""Rules of the entities in ``specs/files.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.sandbox import faults, links
from syncd.sandbox.context import Context
from syncd.sandbox.rules.base import Rules
from syncd.sandbox.specs import BY_PATH, SPECS
from syncd.sandbox.wire import Json

if TYPE_CHECKING:
    from syncd.sandbox.views import Viewer


class AttachableRules:
    """Notes and files, and what they hang on (entities.md 7, protocol.md 11)."""

    def build(self, ctx: Context, record_id: str, new: Json, old: Json | None, sent: frozenset[str]) -> Json:
        """The stored form of what was sent, or the fault it deserves. The list of references replaces the old one."""
        if old is not None and "Size" in old:
            new = {**new, "Size": old["Size"], "ContentType": old["ContentType"]}
            new.setdefault("FileName", old["FileName"])
        elif "Note" not in new:
            raise faults.business("A note or a file is required.", "Note")
        return self._with_refs(ctx, new, old)

    def build_file(self, ctx: Context, new: Json, size: int) -> Json:
        """The same for an upload."""
        return self._with_refs(ctx, {**new, "Size": size}, None)

    def delete(self, ctx: Context, record_id: str, old: Json) -> None:
        """Stage the deletion; the records it hangs on do not change (protocol.md 11, a guess there)."""
        ctx.unit.delete("Attachable", record_id)

    def shown(self, viewer: Viewer, body: Json) -> Json:
        """A file's links: made anew for each reader, good for a quarter of an hour."""
        if "Size" not in body:
            return body
        realm, record_id, name = viewer.book.realm, body["Id"], body["FileName"]
        now = viewer.book.clock.now()
        made = {
            "FileAccessUri": f"/v3/company/{realm}/download/{record_id}",
            "TempDownloadUri": links.sign(viewer.base_url, realm, record_id, name, now),
        }
        if str(body.get("ContentType", "")).startswith("image/"):
            made["ThumbnailFileAccessUri"] = f"/v3/company/{realm}/attachable-thumbnail/{record_id}"
            made["ThumbnailTempDownloadUri"] = links.sign(viewer.base_url, realm, record_id, f"tn_200x200_{name}", now)
        return {**body, **made}

    def _with_refs(self, ctx: Context, new: Json, old: Json | None) -> Json:
        if "AttachableRef" not in new:
            return new
        before = [ref.get("EntityRef") for ref in (old or {}).get("AttachableRef", [])]
        return {**new, "AttachableRef": [self._ref(ctx, ref, before) for ref in new["AttachableRef"]]}

    @staticmethod
    def _ref(ctx: Context, ref: Json, before: list[Json | None]) -> Json:
        """One owner: it must exist, unless it was there before; attachments outlive what they hang on."""
        owner = ref.get("EntityRef")
        if owner is None:
            raise faults.missing("AttachableRef.EntityRef")
        if "type" not in owner:
            raise faults.missing("AttachableRef.EntityRef.type")
        kind = BY_PATH.get(owner["type"].lower(), "")
        owner = {"type": kind, "value": owner["value"]}
        if owner not in before and (kind not in SPECS or ctx.unit.get(kind, owner["value"]) is None):
            raise faults.bad_reference("AttachableRef")
        return {**ref, "EntityRef": owner, "IncludeOnSend": bool(ref.get("IncludeOnSend"))}


ATTACHABLE = AttachableRules()
RULES: dict[str, Rules] = {"Attachable": ATTACHABLE}
