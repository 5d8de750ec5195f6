"""How fast the QuickBooks look-alike answers with many records in it, beside the naive stand-in."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from benchmarks import data
from benchmarks.data import Size
from benchmarks.report import Line
from benchmarks.wire import Load, drive, request
from syncd.sandbox.server import Admin, running_sandbox

CLIENTS = 8
REQUESTS = 6_000
"""Of each kind, in all."""
LINES = 3
"""Of the longer invoices, and of those in batches."""
BATCHES = 40
PAGES = 40
FEW = 1_000
"""How many records the small company has, to see what size costs."""
NAIVE_CREATES = 400


class Speeds(msgspec.Struct):
    """What was measured on one server."""

    load_seconds: float = 0.0
    memory_mib: float = 0.0
    reads: float = 0.0
    creates: float = 0.0
    long_creates: float = 0.0
    batch_ms: float = 0.0
    page_ms: float = 0.0
    filter_ms: float = 0.0
    cdc_ms: float = 0.0


def measure(records: int) -> Speeds:
    """The look-alike in a process of its own, with so many invoices of five lines."""
    with running_sandbox(process=True, switches={"throttle": "off"}) as sandbox:
        realm = sandbox.create_company(custom_txn_numbers=True)
        size = Size(records)
        found = Speeds(load_seconds=_fill(sandbox, realm, size))
        tokens = sandbox.tokens(realm)["access_token"]
        port = urlsplit(sandbox.base_url).port or 80
        base = f"/v3/company/{realm}"
        made = _Requests(base, tokens, size)
        found.reads = _several(port, made.reads).rate
        found.creates = _several(port, made.creates).rate
        found.long_creates = _several(port, made.long_creates).rate
        found.batch_ms = drive(port, [made.batches(BATCHES)]).median_ms
        found.page_ms = drive(port, [made.pages(PAGES)]).median_ms
        found.filter_ms = drive(port, [made.filters(PAGES)]).median_ms
        since = sandbox.admin("GET", "/clock")["now"]
        sandbox.advance(2)
        drive(port, [made.batches(34)])
        answer = drive(port, [made.cdc(since, PAGES)])
        assert answer.last.count(b'"DocNumber"') == 1000, "a full answer has 1,000 records"
        found.cdc_ms = answer.median_ms
        assert sandbox.process is not None
        found.memory_mib = _memory_mib(sandbox.process.pid)
        return found


def measure_naive(records: int) -> Speeds:
    """The naive stand-in, as far as it goes."""
    command = [sys.executable, "-m", "benchmarks.naive_server"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # our own module
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        size = Size(records)
        started = time.perf_counter()
        drive(port, [(request("POST", "/load", "-", b"\n".join(part)) for part in _parts(size))])
        found = Speeds(load_seconds=time.perf_counter() - started)
        made = _Requests("", "-", size)
        found.reads = _several(port, made.reads).rate
        found.creates = _several(port, made.creates, NAIVE_CREATES).rate
        found.batch_ms = drive(port, [made.batches(5)]).median_ms
        found.page_ms = drive(port, [made.pages(10)]).median_ms
        found.memory_mib = _memory_mib(server.pid)
        return found
    finally:
        server.terminate()
        server.wait()


def lines(records: int, mine: Speeds, small: Speeds, naive: Speeds) -> list[Line]:
    """The table's part."""
    name = f"6. the look-alike with {records:,} invoices, {CLIENTS} clients"

    def faster(figure: str, got: float, other: float, least: float) -> Line:
        return Line(
            name, figure, f"{got:,.0f}", f"{other:,.0f}", f"{got / other:.1f} ×", f"≥ {least:,.0f}", got >= least
        )

    def shorter(figure: str, got: float, other: float, most: float, digits: int = 1) -> Line:
        beside = f"{other:.{digits}f}" if other else ""
        ratio = f"{other / got:.1f} ×" if other else ""
        return Line(name, figure, f"{got:.{digits}f}", beside, ratio, f"≤ {most:g}", got <= most)

    return [
        faster("reads by id a second", mine.reads, naive.reads, 1500),
        faster("creates of an invoice of one line a second", mine.creates, naive.creates, 1500),
        Line(name, f"the same with {LINES} lines", f"{mine.long_creates:,.0f}"),
        shorter(f"batch of 30 creates of {LINES} lines, ms (median)", mine.batch_ms, naive.batch_ms, 15),
        shorter("page of 1,000 rows, ms (median)", mine.page_ms, naive.page_ms, 120),
        shorter("page of 1,000 rows by TxnDate, ms (median)", mine.filter_ms, 0, 120),
        shorter("change feed of 1,000 records, ms (median)", mine.cdc_ms, 0, 120),
        shorter("loading them, seconds", mine.load_seconds, naive.load_seconds, 20),
        shorter("memory of the server, MiB", mine.memory_mib, naive.memory_mib, 1200, 0),
        Line(
            name, f"read by id here : with {FEW:,} invoices, time", f"{small.reads / mine.reads:.2f}", "", "", "near 1"
        ),
        Line(
            name, f"create here : with {FEW:,} invoices, time", f"{small.creates / mine.creates:.2f}", "", "", "near 1"
        ),
    ]


class _Requests:
    """The requests of the benchmark, each made anew so that nothing can be remembered."""

    def __init__(self, base: str, token: str, size: Size) -> None:
        self._base = base
        self._token = token
        self._size = size
        self._number = 0

    def reads(self, count: int, lane: int) -> list[bytes]:
        step = 7919
        ids = (data.FIRST_INVOICE + 1 + (place * step + lane * 13) % self._size.invoices for place in range(count))
        return [request("GET", f"{self._base}/invoice/{each}?minorversion=75", self._token) for each in ids]

    def creates(self, count: int, lane: int, lines: int = 1) -> list[bytes]:
        bodies = (self._invoice(lines) for _ in range(count))
        return [
            request(
                "POST", f"{self._base}/invoice?requestid={body['DocNumber']}", self._token, msgspec.json.encode(body)
            )
            for body in bodies
        ]

    def long_creates(self, count: int, lane: int) -> list[bytes]:
        return self.creates(count, lane, LINES)

    def batches(self, count: int) -> list[bytes]:
        made = []
        for _ in range(count):
            items = [{"bId": str(place), "operation": "create", "Invoice": self._invoice(LINES)} for place in range(30)]
            body = msgspec.json.encode({"BatchItemRequest": items})
            path = f"{self._base}/batch?requestid=B{self._number}"
            made.append(request("POST", path, self._token, body))
        return made

    def pages(self, count: int) -> list[bytes]:
        last = max(1, self._size.invoices - 1000)
        starts = [1 + place * 997 * 3 % last for place in range(count)]
        return [self._query(f"SELECT * FROM Invoice STARTPOSITION {start} MAXRESULTS 1000") for start in starts]

    def filters(self, count: int) -> list[bytes]:
        days = [data.FIRST_DAY.replace(day=1 + place % 28).isoformat() for place in range(count)]
        return [self._query(f"SELECT * FROM Invoice WHERE TxnDate >= '{day}' MAXRESULTS 1000") for day in days]

    def cdc(self, since: str, count: int) -> list[bytes]:
        path = f"{self._base}/cdc?entities=Invoice&changedSince={quote(since)}"
        return [request("GET", path, self._token)] * count

    def _query(self, statement: str) -> bytes:
        return request("GET", f"{self._base}/query?query={quote(statement)}", self._token)

    def _invoice(self, lines: int) -> dict[str, Any]:
        self._number += 1
        return {
            "CustomerRef": {"value": str(self._number % self._size.clients + 1)},
            "DocNumber": f"NEW-{self._number}",
            "TxnDate": "2026-03-02",
            "Line": [
                {
                    "Amount": 100 + place,
                    "Description": "Work",
                    "DetailType": "SalesItemLineDetail",
                    "SalesItemLineDetail": {"ItemRef": {"value": "1"}, "Qty": 1, "UnitPrice": 100 + place},
                }
                for place in range(lines)
            ],
        }


def _several(port: int, make: Callable[[int, int], list[bytes]], total: int = REQUESTS) -> Load:
    return drive(port, [make(total // CLIENTS, lane) for lane in range(CLIENTS)])


def _fill(admin: Admin, realm: str, size: Size) -> float:
    admin.load(realm, [b'{"Customer":' + data.wire_client(row) + b"}" for row in data.client_rows(size)])
    parts = list(_parts(size))
    started = time.perf_counter()
    for part in parts:
        admin.load(realm, part)
    return time.perf_counter() - started


def _parts(size: Size, length: int = 5000) -> Iterator[list[bytes]]:
    for start in range(1, size.invoices + 1, length):
        places = range(start, min(start + length, size.invoices + 1))
        yield [b'{"Invoice":' + _wire(place, size) + b"}" for place in places]


def _wire(place: int, size: Size) -> bytes:
    lines = data.line_rows(place, size)
    return data.wire_invoice(data.invoice_row(place, size, lines), lines)


def _memory_mib(pid: int) -> float:
    """The highest resident memory of a process (proc(5)); 0 where the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(row.split()[1]) / 1024 for row in text.splitlines() if row.startswith("VmHWM")), 0.0)
