"""``python -m benchmarks``: run the benchmarks, print the table, rewrite ``docs/benchmarks.md``."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks import api_source, lookalike, report
from benchmarks.data import Size
from benchmarks.measure import Figures, StolenShare
from benchmarks.report import Line
from benchmarks.stage import Spec
from syncd.sandbox.server import running_sandbox

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".bench"
PAGE = ROOT / "docs" / "benchmarks.md"

Run = Callable[[str], Figures]
"""Runs a task in a process of its own; gives what it measured."""


class Sizes(msgspec.Struct, frozen=True):
    """How big everything is; the defaults are those of the published figures."""

    records: int = 100_000
    small: int = 10_000
    push: int = 5_000
    naive_push: int = 1_000
    paced: int = 5_000
    naive_paced: int = 1_000
    speed: float = 4.0


DEFAULT = Sizes()


def main() -> int:
    """Choose, run, print, write."""
    options = _options()
    chosen = options.only or list(BENCHMARKS)
    sizes = Sizes(
        records=options.records,
        small=options.small,
        push=options.push,
        naive_push=min(DEFAULT.naive_push, options.push),
        paced=options.paced,
        naive_paced=min(DEFAULT.naive_paced, options.paced),
        speed=options.speed,
    )
    started = time.monotonic()
    share = StolenShare()
    lines: list[Line] = []
    for names, run in GROUPS:
        wanted = [name for name in names if name in chosen]
        if wanted:
            lines += run(wanted, sizes)
    lines.sort(key=lambda line: line.benchmark[0])  # by their numbers; they are run in another order
    seconds = time.monotonic() - started
    shutil.rmtree(WORK, ignore_errors=True)
    print(report.table(lines))
    machine = report.machine(share.so_far())
    print(machine, f"{seconds:.0f} seconds.", sep="\n")
    if options.write or (sizes == DEFAULT and set(chosen) == set(BENCHMARKS)):
        PAGE.write_text(report.page(lines, machine, seconds))
        print(f"Written: {PAGE.relative_to(ROOT)}")
    else:
        print("Not everything was run at full size: docs/benchmarks.md stays as it is.")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="BENCHMARK", help=f"of {', '.join(BENCHMARKS)}; without: all")
    parser.add_argument("--records", type=int, default=DEFAULT.records, help="linked invoices (idle, change, audit)")
    parser.add_argument(
        "--small", type=int, default=DEFAULT.small, help="linked invoices of the smaller company (change)"
    )
    parser.add_argument("--push", type=int, default=DEFAULT.push, help="invoices of a first push without limits")
    parser.add_argument("--paced", type=int, default=DEFAULT.paced, help="invoices of a first push under QBO's limits")
    parser.add_argument("--speed", type=float, default=DEFAULT.speed, help="how fast the clock runs under the limits")
    parser.add_argument("--write", action="store_true", help="rewrite the page although not everything was run")
    options = parser.parse_args()
    unknown = set(options.only) - set(BENCHMARKS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    if options.small < 6000 or options.records < options.small:
        parser.error("the benchmarks edit 6,000 invoices: --small must be 6000 at least, --records no less than it")
    return options


# ---- companies


@contextmanager
def _company(made: str, invoices: int, *, throttle: bool = False, speed: float = 1.0) -> Iterator[Run]:
    """A company in a look-alike of its own, filled by the task ``made``; gives what runs tasks on it."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    switches = {"throttle": "exact" if throttle else "off"}
    with running_sandbox(process=True, switches=switches, speed=speed) as sandbox:
        path = WORK / "spec.json"
        spec = Spec(str(WORK), sandbox.base_url, Size(invoices), throttle=throttle, speed=speed)
        path.write_bytes(msgspec.json.encode(spec))

        def run(task: str) -> Figures:
            print(f"  {task}, {invoices:,} invoices ...", end="", flush=True)
            started = time.monotonic()
            subprocess.run([sys.executable, "-m", "benchmarks.tasks", task, str(path)], check=True, cwd=ROOT)
            print(f" {time.monotonic() - started:.0f} s", flush=True)
            return msgspec.json.decode(path.with_suffix(f".{task}").read_bytes(), type=Figures)

        run(made)
        yield run


# ---- benchmarks


def _on_linked(wanted: list[str], sizes: Sizes) -> list[Line]:
    """Those that work on a big company in agreement: one company for all, in an order in which none disturbs."""
    lines: list[Line] = []
    with _company("linked", sizes.records) as run:
        if {"idle", "audit"} & set(wanted):
            naive = run("naive_read")
        if "idle" in wanted:
            lines += report.idle(sizes.records, run("idle"), naive)
        if "audit" in wanted:
            lines += report.audit(sizes.records, run("audit"), naive)
        if "change" in wanted:
            big, big_few, big_naive = run("change"), run("change_few"), run("naive_change")
    if "change" in wanted:
        with _company("linked", sizes.small) as run:
            small, small_few = run("change"), run("change_few")
        lines += report.change(sizes.records, sizes.small, (big, small), (big_few, small_few), big_naive)
    return lines


def _push(_wanted: list[str], sizes: Sizes) -> list[Line]:
    with _company("empty", sizes.push) as run:
        mine = run("push")
    with _company("empty", sizes.naive_push) as run:
        naive = run("naive_push")
    return report.push(sizes.push, mine, naive)


def _paced(_wanted: list[str], sizes: Sizes) -> list[Line]:
    with _company("empty", sizes.paced, throttle=True, speed=sizes.speed) as run:
        mine = run("push")
    with _company("empty", sizes.naive_paced, throttle=True, speed=sizes.speed) as run:
        naive = run("naive_push")
    return report.paced(sizes.paced, mine, naive, sizes.speed)


def _lookalike(_wanted: list[str], sizes: Sizes) -> list[Line]:
    print(f"  the look-alike with {sizes.records:,} invoices ...", end="", flush=True)
    started = time.monotonic()
    mine, small = lookalike.measure(sizes.records), lookalike.measure(lookalike.FEW)
    naive = lookalike.measure_naive(sizes.records)
    print(f" {time.monotonic() - started:.0f} s", flush=True)
    return lookalike.lines(sizes.records, mine, small, naive)


def _workspace(_wanted: list[str], _sizes: Sizes) -> list[Line]:
    print(f"  the API workspace with {api_source.INVOICES:,} invoices ...", end="", flush=True)
    started = time.monotonic()
    found = api_source.measure()
    print(f" {time.monotonic() - started:.0f} s", flush=True)
    return api_source.lines(api_source.INVOICES, found)


GROUPS: tuple[tuple[tuple[str, ...], Callable[[list[str], Sizes], list[Line]]], ...] = (
    (("idle", "audit", "change"), _on_linked),
    (("push",), _push),
    (("paced",), _paced),
    (("lookalike",), _lookalike),
    (("workspace",), _workspace),
)
BENCHMARKS = tuple(name for names, _ in GROUPS for name in names)

if __name__ == "__main__":
    sys.exit(main())
