"""How a workspace behind an API is read: the share of the API's own limit that a full read uses, and what an unchanged
workspace costs. Beside the naive way: page after page, one at a time, each waiting for the last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import requests

from benchmarks.report import Line
from syncd.sources.registry import open_source, source_config
from tests.support.ruddr_server import KEY, RuddrServer, measure_full_read

INVOICES = 10_000
RATE = 20
BURST = 5
"""Requests a second that a workspace may make; the bucket is small so that the pace and not the bucket is measured."""
NAIVE_LISTS = ("clients", "invoices", "payments", "credit-notes", "expense-items", "members", "projects")


class Reading(msgspec.Struct):
    """What was measured."""

    efficiency: float
    seconds: float
    requests: int
    idle_requests: int
    naive_seconds: float


def measure(invoices: int = INVOICES) -> Reading:
    """One full read at the limit, a naive one, and a poll in which nothing changed."""
    with RuddrServer(rate=RATE, burst=BURST) as server:
        server.workspace.fill(invoices)
        config = {"type": "ruddr", "api_key": KEY, "api_url": server.url}
        source = open_source(source_config({**config, "requests_per_second": RATE, "burst": BURST - 1}))
        try:
            _fill_bucket()
            full = measure_full_read(server, source)
            mark = source.changes("").watermark
            before = len(server.requests)
            source.changes(mark)
            idle = len(server.requests) - before
        finally:
            source.close()
        _fill_bucket()
        naive = _timed(lambda: _read_naively(server.url))
    return Reading(full.efficiency, full.seconds, full.requests, idle, naive)


def _fill_bucket() -> None:
    time.sleep(BURST / RATE + 0.2)


def _timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _read_naively(url: str) -> None:
    """Ten rows a page, as the API gives them unasked, and a pause whenever it says that it was too much."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {KEY}"
    for path in NAIVE_LISTS:
        after = ""
        while True:
            answer = session.get(f"{url}/{path}", params={"startingAfter": after} if after else {}, timeout=60)
            if answer.status_code == 429:
                time.sleep(1)
                continue
            page = answer.json()
            if not page["hasMore"]:
                break
            after = page["results"][-1]["id"]


def lines(invoices: int, found: Reading) -> list[Line]:
    """The table's part."""
    name = f"7. an API workspace with {invoices:,} invoices, {RATE} requests a second"
    return [
        Line(
            name,
            "share of the limit that a full read uses",
            f"{found.efficiency:.1%}",
            "",
            "",
            "≥ 95 %",
            found.efficiency >= 0.95,
        ),
        Line(
            name,
            "seconds of a full read",
            f"{found.seconds:.1f}",
            f"{found.naive_seconds:.1f}",
            f"{found.naive_seconds / found.seconds:.1f} ×",
        ),
        Line(name, "requests of a full read", str(found.requests)),
        Line(name, "requests when nothing changed", str(found.idle_requests)),
    ]
