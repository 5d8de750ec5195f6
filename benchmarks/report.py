"""Turns figures into the table that is printed and the page that is published."""

from __future__ import annotations

import math
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.measure import Figures

BATCH = 30
BATCHES_PER_MINUTE = 40


class Line(msgspec.Struct, frozen=True):
    """One line of the table. ``met`` is None where there is no target."""

    benchmark: str
    figure: str
    mine: str
    naive: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """The last column."""
        return {None: "", True: "met", False: "MISSED"}[self.met]


def idle(records: int, mine: Figures, naive: Figures) -> list[Line]:
    """A cycle in which nothing has changed."""
    name = f"1. idle cycle, {records:,} linked invoices"
    scale = records / naive.other["read"]
    cpu, requests = naive.cpu_seconds * scale, math.ceil(sum(naive.requests.values()) * scale)
    return [
        Line(
            name,
            "requests to QuickBooks",
            _counts(mine.requests),
            f"{requests} query",
            _times(requests, sum(mine.requests.values())),
            "1 CDC",
            mine.requests == {"cdc": 1},
        ),
        Line(name, "SQL statements", _counts(mine.statements)),
        Line(
            name,
            "CPU seconds",
            f"{mine.cpu_seconds:.3f}",
            f"{cpu:.1f} ¹",
            _times(cpu, mine.cpu_seconds),
            "≤ 0.2",
            mine.cpu_seconds <= 0.2,
        ),
        _memory(name, mine, naive, scale, 150),
    ]


def audit(records: int, mine: Figures, naive: Figures) -> list[Line]:
    """A full compare of both sides."""
    name = f"3. full audit, {records:,} invoices of 5 lines"
    scale = records / naive.other["read"]
    cpu, requests = naive.cpu_seconds * scale, math.ceil(sum(naive.requests.values()) * scale)
    return [
        Line(
            name,
            "CPU seconds",
            f"{mine.cpu_seconds:.1f}",
            f"{cpu:.1f} ¹",
            _times(cpu, mine.cpu_seconds),
            "≤ 60",
            mine.cpu_seconds <= 60,
        ),
        Line(name, "seconds in all", f"{mine.seconds:.1f}", f"{naive.seconds * scale:.1f} ¹"),
        Line(name, "requests to QuickBooks", _counts(mine.requests), f"{requests} query"),
        Line(name, "SQL statements", _counts(mine.statements)),
        _memory(name, mine, naive, scale, 400),
    ]


def change(
    records: int, fewer: int, many: tuple[Figures, Figures], few: tuple[Figures, Figures], naive: Figures
) -> list[Line]:
    """Edits on both sides, in a big company and in a small one: so many that the change feed may be cut, and fewer."""
    name = f"2. 1,000 edits on each side of {records:,} invoices"
    mine = many[0]
    scale = records / naive.other["read"]
    cpu = naive.cpu_seconds * scale + naive.other["write_cpu_seconds"]
    wall = naive.seconds * scale + naive.other["write_seconds"]
    return [
        Line(name, "CPU seconds", f"{mine.cpu_seconds:.2f}", f"{cpu:.1f} ²", _times(cpu, mine.cpu_seconds)),
        Line(name, "seconds in all", f"{mine.seconds:.1f}", f"{wall:.1f} ²", _times(wall, mine.seconds)),
        Line(name, "requests to QuickBooks", _counts(mine.requests)),
        Line(name, "SQL statements", _counts(mine.statements)),
        Line(name, "peak memory, MiB", f"{mine.peak_mib:.0f}"),
        Line(name, "CPU s of the next cycle (own writes come back)", f"{mine.other['echo_cpu_seconds']:.2f}"),
        *_beside(name, fewer, many, records / fewer),
        *_beside(f"2. 900 edits on each side of {records:,} invoices", fewer, few, records / fewer, full=True),
    ]


def _beside(name: str, fewer: int, pair: tuple[Figures, Figures], naive: float, *, full: bool = False) -> list[Line]:
    """How much the size of a company matters for the same edits."""
    big, small = pair
    growth = big.cpu_seconds / small.cpu_seconds
    own = [
        Line(name, "CPU seconds", f"{big.cpu_seconds:.2f}"),
        Line(name, "requests to QuickBooks", _counts(big.requests)),
    ]
    return [
        *(own if full else []),
        Line(name, f"the same edits beside {fewer:,} invoices, CPU seconds", f"{small.cpu_seconds:.2f}"),
        Line(name, f"the same edits beside {fewer:,} invoices, requests", _counts(small.requests)),
        Line(
            name,
            f"CPU seconds here : beside {fewer:,} invoices",
            f"{growth:.2f}",
            f"{naive:.0f} (reading)",
            "",
            "near 1 (≤ 1.25)",
            growth <= 1.25,
        ),
    ]


def push(invoices: int, mine: Figures, naive: Figures) -> list[Line]:
    """A first push without limits."""
    name = f"4. first push of {invoices:,} invoices, no limits"
    rate, slow = mine.other["records"] / mine.seconds, naive.other["records"] / naive.seconds
    return [
        Line(
            name,
            "records/s, from the start to the last confirmation, clients included",
            f"{rate:.0f}",
            f"{slow:.0f} ³",
            _times(rate, slow),
            "≥ 300",
            rate >= 300,
        ),
        Line(
            name,
            "CPU ms a record",
            f"{1000 * mine.cpu_seconds / mine.other['records']:.2f}",
            f"{1000 * naive.cpu_seconds / naive.other['records']:.2f} ³",
        ),
        Line(name, "requests to QuickBooks", _counts(mine.requests), "1 a record"),
        Line(name, "SQL statements", _counts(mine.statements)),
        Line(name, "peak memory, MiB", f"{mine.peak_mib:.0f}"),
    ]


def paced(invoices: int, mine: Figures, naive: Figures, speed: float) -> list[Line]:
    """A first push under QuickBooks' limits."""
    name = f"5. first push of {invoices:,} invoices, limits on, clock × {speed:g}"
    records = mine.other["records"]
    least = 60 * ((math.ceil(records / BATCH) - 1) // BATCHES_PER_MINUTE)
    share = least / mine.other["batch_seconds"]
    whole = least / mine.other["run_seconds"]
    rate = 60 * records / mine.other["run_seconds"]
    slow = 60 * naive.other["records"] / naive.other["run_seconds"]
    return [
        Line(
            name,
            "share of what the limits allow, first batch to last ⁴",
            f"{share:.1%}",
            f"{slow / (BATCH * BATCHES_PER_MINUTE):.1%}",
            "",
            "≥ 95 %",
            share >= 0.95,
        ),
        Line(name, "the same, from the first request of the run", f"{whole:.1%}"),
        Line(name, "records/min", f"{rate:.0f}", f"{slow:.0f} ³", _times(rate, slow)),
        Line(name, "requests refused by the limits", f"{mine.other['refused']:.0f}"),
        Line(name, "requests to QuickBooks", _counts(mine.requests), "1 a record"),
    ]


def table(lines: list[Line]) -> str:
    """The table, for a terminal."""
    rows = [_HEAD, *(_cells(line) for line in lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEAD))]
    shown = []
    before = ""
    for row in rows:
        first = "" if row[0] == before else row[0]
        before = row[0]
        cells = [cell.ljust(width) for cell, width in zip([first, *row[1:]], widths, strict=True)]
        shown.append("  ".join(cells).rstrip())
    return "\n".join(shown)


def page(lines: list[Line], machine: str, seconds: float) -> str:
    """The page, in Markdown; ``machine`` as told by the function of that name."""
    rows = [_HEAD, ["---"] * len(_HEAD)]
    before = ""
    for line in lines:
        cells = _cells(line)
        rows.append(["" if line.benchmark == before else cells[0], *cells[1:]])
        before = line.benchmark
    figures = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    missed = [f"* {line.benchmark}: {line.figure} is {line.mine}; wanted {line.target}." for line in _missed(lines)]
    verdict = "Missed in this run:\n\n" + "\n".join(missed) if missed else "Every target is met in this run."
    return _PAGE.format(figures=figures, machine=machine, minutes=seconds / 60, verdict=verdict)


def machine(stolen: float | None) -> str:
    """What it was measured on. ``stolen``: the share of processor time that went to other guests of the same host."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    busy = os.getloadavg()[0]
    taken = "" if stolen is None else f"; of the processor time it wanted, the host gave {stolen:.0%} to others"
    return (
        f"{cores} cores ({_processor()}), {memory:.0f} GiB of memory, Python {platform.python_version()}, "
        f"{platform.system()}, {datetime.now(UTC):%Y-%m-%d}; load average at the end {busy:.1f}{taken}."
    )


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    names = [row.partition(":")[2].strip() for row in text.splitlines() if row.startswith("model name")]
    return names[0] if names else platform.machine()


def _missed(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.met is False]


def _cells(line: Line) -> list[str]:
    return [line.benchmark, line.figure, line.mine, line.naive, line.ratio, line.target, line.verdict]


def _memory(name: str, mine: Figures, naive: Figures, scale: float, target: int) -> Line:
    start = naive.other["start_mib"]
    theirs = start + (naive.peak_mib - start) * scale
    return Line(
        name,
        "peak memory, MiB",
        f"{mine.peak_mib:.0f}",
        f"{theirs:.0f} ¹",
        _times(theirs, mine.peak_mib),
        f"≤ {target}",
        mine.peak_mib <= target,
    )


def _times(more: float, less: float) -> str:
    ratio = more / less
    return f"{ratio:,.0f} ×" if ratio >= 10 else f"{ratio:.1f} ×"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"


_HEAD = ["benchmark", "figure", "syncd", "naive", "better by", "target", ""]

_PAGE = """\
# What syncd costs

Written by `make bench`; do not edit. `python -m benchmarks --help` shows how to run single benchmarks and other sizes.

{machine} The run took {minutes:.0f} minutes.

{figures}

{verdict}

## How it is measured

* Every figure comes from a process of its own; the QuickBooks look-alike runs in another one. CPU seconds are user and
  system time of all threads of that process (`getrusage`) around the work alone; peak memory is that of the whole
  process from its start, imports included. Requests are counted by the look-alike, SQL statements by SQLAlchemy
  (`BEGIN`, `COMMIT` and `PRAGMA` not counted; a statement for many rows is one). Source and state are SQLite files with
  full durability. Seconds depend on the disk and on what else the machine does, CPU seconds less so; on a virtual
  machine also on what its host gives to others (`steal` in `/proc/stat`, named above). Compare within one run only.
* The company: US dollars, one client for a hundred invoices (twenty at least), five lines an invoice. Each task
  checks its result (what was pushed, carried over or compared, and that nothing more is planned) before it reports.
* *naive* is a program over python-quickbooks as most would write it (`benchmarks/naive.py`): it reads everything
  on both sides each time, compares, and writes one record per call. It has no journal, no base, no look-up before a
  create, no reaction to a lost answer and no proof, so its figures are a lower bound of what such a program costs.
* ¹ It reads 10,000 invoices at most; CPU, seconds and memory beyond its start are scaled per record from there.
* ² The same for its reading; its 2,000 writes are measured in full.
* ³ On 1,000 invoices and their clients; the figure is per record. Under the limits it starts 500 calls a minute,
  which is the most that one record per call can reach.
* ⁴ The limits allow 40 batches a minute of 30 records, 1,200 records a minute. The maximum is taken strictly: starting
  from empty windows, n records fill b = ⌈n / 30⌉ batches, and the last of them cannot be let in sooner than
  60 s × ⌊(b − 1) / 40⌋ after the first. The share is that least time over the time it took, by the look-alike's clock
  and ledger. Single requests beside the batches could add more (500 requests a minute less 40 batches would be 460
  records); syncd keeps those for reads and urgent repeats. Both clocks run faster than real time, which makes syncd's
  own time, and the look-alike's, count for so much more; the real QuickBooks takes longer to answer a batch, which
  this benchmark does not show.
* Benchmark 6 loads the look-alike over connections that stay open, from a process that does little else; *naive* is a
  server of the standard library over dictionaries, as most would write it for their tests
  (`benchmarks/naive_server.py`): it checks nothing but the number, and keeps no versions, no history and no change
  feed. Client and server share the machine's processors.
* An audit costs syncd more CPU than the naive comparison, which looks at a few fields in the order they come in and
  keeps every record in memory. syncd brings both sides into one canonical form, compares all that is kept in agreement,
  checks its links, and keeps a fingerprint a record.
* The 1,000 edits in QuickBooks of benchmark 2 reach the number of objects at which the change feed may be cut
  silently. syncd then reads the kind's changes by pages and lists all ids to find deletions that the feed may not have
  shown: one request for each 1,000 records of the company. With 900 edits one request is enough.
"""
