"""Where the links to files lead (protocol.md 11): no token, a signature that lives a quarter of an hour.

The refusals have the form of the store that QuickBooks keeps files in.
"""

from __future__ import annotations

from urllib.parse import quote
from xml.sax.saxutils import escape

from syncd.sandbox import links
from syncd.sandbox.call import Reply
from syncd.sandbox.delivery import Wire, token_fault
from syncd.sandbox.endpoints import Endpoint, Incoming
from syncd.sandbox.injection import Target
from syncd.sandbox.ledger import Entry
from syncd.sandbox.links import LINKS

_XML = "application/xml"


class LinkEndpoint(Endpoint):
    """``/attachments/{realm}/{id}/{name}?X-Amz-...``"""

    async def answer(self, request: Incoming, entry: Entry, wire: Wire) -> None:
        """The file, or 403 or 404."""
        realm, _, rest = request.path.removeprefix(LINKS).partition("/")
        record_id = rest.partition("/")[0]
        entry.endpoint = entry.operation = "file"
        entry.realm = realm
        target = Target("file", "Attachable", "file", request.method, realm)
        await self.with_faults(
            [target], entry, wire, lambda: self._file(request, realm, record_id, entry.at), token_fault
        )

    def _file(self, request: Incoming, realm: str, record_id: str, now: float) -> Reply:
        if request.method not in ("GET", "HEAD"):
            return _refusal(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        params = request.params
        if not links.is_genuine(realm, record_id, params):
            return _refusal(403, "SignatureDoesNotMatch", "The request signature does not match.")
        if not links.is_current(params, now):
            return _refusal(403, "AccessDenied", "Request has expired")
        held = self._world.companies.get(realm)
        record = held.book.find("Attachable", record_id) if held is not None else None
        data = held.book.files.get(record_id) if held is not None else None
        if record is None or data is None:
            return _refusal(404, "NoSuchKey", "The specified key does not exist.")
        name = quote(str(record.body["FileName"]), safe="")
        disposition = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        kind = str(record.body["ContentType"]).encode("ascii", "ignore").decode()
        return Reply(200, data, kind if kind.isprintable() else "application/octet-stream", disposition)


def _refusal(status: int, code: str, message: str) -> Reply:
    body = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    return Reply(status, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode(), _XML)
