"""A stand-in for QuickBooks as most would write it for their tests: the standard library's server over dictionaries.

It reads, creates and lists; it checks nothing, keeps no versions, no history, no change feed and no links.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RECORDS: dict[str, dict[str, Any]] = {}
NUMBERS = itertools.count(10_000_000)
BOUNDS = re.compile(r"STARTPOSITION (\d+) MAXRESULTS (\d+)", re.IGNORECASE)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """A record by its id, or a page of the list."""
        parts = urllib.parse.urlsplit(self.path)
        if parts.path.endswith("/query"):
            statement = urllib.parse.parse_qs(parts.query)["query"][0]
            found = BOUNDS.search(statement)
            start, limit = (int(found.group(1)), int(found.group(2))) if found else (1, 100)
            rows = sorted(RECORDS.values(), key=lambda row: int(row["Id"]))[start - 1 : start - 1 + limit]
            self._answer({"QueryResponse": {"Invoice": rows}})
        else:
            self._answer({"Invoice": RECORDS[parts.path.rsplit("/", 1)[1]]})

    def do_POST(self) -> None:
        """A new record, a batch of them, or the bulk of them."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/load"):
            for line in body.splitlines():
                invoice = json.loads(line)["Invoice"]
                RECORDS[invoice["Id"]] = invoice
            self._answer({"loaded": len(RECORDS)})
            return
        sent = json.loads(body)
        if "BatchItemRequest" in sent:
            items = [{"bId": item["bId"], "Invoice": _create(item["Invoice"])} for item in sent["BatchItemRequest"]]
            self._answer({"BatchItemResponse": items})
        else:
            self._answer({"Invoice": _create(sent)})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the standard library's
        """Say nothing."""

    def _answer(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _create(invoice: dict[str, Any]) -> dict[str, Any]:
    if any(row.get("DocNumber") == invoice["DocNumber"] for row in list(RECORDS.values())):
        raise ValueError("duplicate number")
    made = {**invoice, "Id": str(next(NUMBERS)), "SyncToken": "0"}
    RECORDS[made["Id"]] = made
    return made


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
