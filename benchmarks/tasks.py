"""What runs in a measured process: ``python -m benchmarks.tasks TASK SPEC``; the result is written beside the spec."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from benchmarks import data, stage
from benchmarks.measure import Figures, Meter
from benchmarks.stage import Spec, Stage

IDLE_CYCLES = 5
EDITS = 1000
"""Edits on each side; on QuickBooks' side as many as there can be in a change feed that may have been cut."""
FEW = 900
"""So few that the feed is certain to be whole."""
BATCH = 30
SAMPLE = 10_000
"""How many records the naive program reads at most; what it costs is scaled from there."""


def empty(spec: Spec) -> Figures:
    """A company that has everything still to be pushed."""
    made = stage.connect(spec)
    stage.fill_source(made, linked=False)
    _keep(made)
    return Figures()


def linked(spec: Spec) -> Figures:
    """A company whose two sides are in agreement and linked."""
    made = stage.connect(spec)
    stage.fill_source(made, linked=True)
    stage.fill_books(made)
    stage.link(made)
    _keep(made)
    return Figures()


def idle(spec: Spec) -> Figures:
    """A cycle in which nothing has changed, of a process that has run one before; the median of several."""
    held = Stage(spec)
    _expect(held.reconcile().outcome == "ok", "the first cycle has nothing to do")
    meter = Meter(held.admin, spec.realm)
    taken = []
    for _ in range(IDLE_CYCLES):
        meter.start()
        report = held.reconcile()
        taken.append(meter.stop())
        _expect(not report.plan.operations, "an idle cycle plans nothing")
    held.close()
    middle = sorted(taken, key=lambda figures: figures.cpu_seconds)[IDLE_CYCLES // 2]
    return msgspec.structs.replace(
        middle, peak_mib=taken[-1].peak_mib, seconds=statistics.median(figures.seconds for figures in taken)
    )


def change(spec: Spec) -> Figures:
    """A cycle after edits on both sides; and the one after it, in which our own writes come back."""
    return _change(Stage(spec), EDITS, 1)


def change_few(spec: Spec) -> Figures:
    """The same with fewer edits, long after those."""
    held = Stage(spec)
    held.admin.advance(3 * held.config.companies[0].qbo.cdc_overlap_seconds)
    with sa.create_engine(spec.source_url).begin() as connection:
        connection.execute(sa.text("UPDATE invoice SET updated_at = '2026-01-05 09:00:00.000'"))
    return _change(held, FEW, 1 + 4 * EDITS)


def _change(held: Stage, edits: int, first: int) -> Figures:
    held.reconcile()
    edit(held, first, edits)
    meter = Meter(held.admin, held.spec.realm)
    report = held.reconcile()
    figures = meter.stop()
    brakes = "; ".join(brake.text for brake in report.plan.brakes)
    _expect(report.applied == 2 * edits, f"{report.applied} of {2 * edits} carried over, {report.outcome} {brakes}")
    meter.start()
    after = held.reconcile()
    echo = meter.stop()
    _expect(not after.plan.operations, "our own writes are no edits")
    held.close()
    figures.other = {"echo_cpu_seconds": echo.cpu_seconds, "echo_seconds": echo.seconds}
    return figures


def edit(held: Stage, first: int, edits: int) -> None:
    """Edit invoices from ``first`` on: as many in QuickBooks as, after them, in the source."""
    person = held.admin.connect(held.spec.realm)
    for start in range(first, first + edits, BATCH):
        slim = [
            {"Id": str(data.FIRST_INVOICE + place), "SyncToken": "0", "sparse": True, "DueDate": "2026-12-24"}
            for place in range(start, min(start + BATCH, first + edits))
        ]
        items = [{"bId": body["Id"], "operation": "update", "Invoice": body} for body in slim]
        answers = person.batch(items)
        _expect(all("Invoice" in answer for answer in answers.values()), "the accountant's edits are taken")
    engine = sa.create_engine(held.spec.source_url)
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE invoice SET notes = 'Edited in the source' WHERE id BETWEEN :first AND :last"),
            {"first": first + edits, "last": first + 2 * edits - 1},
        )
    engine.dispose()


def audit(spec: Spec) -> Figures:
    """A full audit."""
    held = Stage(spec)
    meter = Meter(held.admin, spec.realm)
    report = held.engine.audit()
    figures = meter.stop(compared=report.compared)
    expected = spec.size.invoices + spec.size.clients
    _expect(report.compared == report.agree == expected, f"{report.agree} of {report.compared} agree, not {expected}")
    held.close()
    return figures


def push(spec: Spec) -> Figures:
    """The first run of a company: every client and invoice is created in QuickBooks."""
    held = Stage(spec)
    meter = Meter(held.admin, spec.realm)
    report = held.reconcile()
    figures = meter.stop(records=spec.size.invoices + spec.size.clients)
    _expect(report.outcome == "ok", f"the push ended {report.outcome}")
    person = held.admin.connect(spec.realm)
    _expect(person.count("Invoice") == spec.size.invoices, "every invoice is in QuickBooks once")
    _expect(person.count("Customer") == spec.size.clients, "every client is in QuickBooks once")
    if spec.throttle:
        figures.other |= _pace(held, spec, meter.first_request)
    held.close()
    return figures


def _pace(held: Stage, spec: Spec, after: int) -> dict[str, float]:
    """When write batches were let in, by the look-alike's own clock and ledger."""
    asked = held.admin.requests(after=after, realm=spec.realm, limit="100000")
    writes = [one for one in asked if one["endpoint"] == "batch" and one["requestid"] and not one["throttled"]]
    return {
        "batches": len(writes),
        "batch_seconds": float(writes[-1]["at"] - writes[0]["at"]),
        "run_seconds": float(writes[-1]["at"] - asked[0]["at"]),
        "refused": sum(one["throttled"] for one in asked),
    }


def naive_read(spec: Spec) -> Figures:
    """The naive program with nothing to do: it reads and compares everything to find that out."""
    from benchmarks import naive

    program = naive.Program(spec)
    meter = Meter(program.admin, spec.realm)
    differ = program.compare(min(spec.size.invoices, SAMPLE))
    figures = meter.stop(read=min(spec.size.invoices, SAMPLE), start_mib=program.start_mib)
    _expect(not differ, f"{len(differ)} differences where there are none")
    return figures


def naive_change(spec: Spec) -> Figures:
    """The naive program after as many edits on either side."""
    from benchmarks import naive

    held = Stage(spec)
    first = 1 + 2 * EDITS
    edit(held, first, EDITS)
    held.close()
    program = naive.Program(spec)
    read = min(spec.size.invoices, SAMPLE)
    meter = Meter(program.admin, spec.realm)
    differ = program.compare(read)
    reading = meter.stop()
    _expect(len(differ) == 2 * EDITS, f"{len(differ)} differences")
    meter.start()
    program.carry_over(differ, pull=range(first, first + EDITS))
    writing = meter.stop()
    return Figures(
        cpu_seconds=reading.cpu_seconds,
        seconds=reading.seconds,
        peak_mib=writing.peak_mib,
        requests=writing.requests,
        other={"read": read, "write_cpu_seconds": writing.cpu_seconds, "write_seconds": writing.seconds},
    )


def naive_push(spec: Spec) -> Figures:
    """The naive program's first push, one record per call; paced by the limits where they are on."""
    from benchmarks import naive

    program = naive.Program(spec)
    meter = Meter(program.admin, spec.realm)
    program.push(paced=spec.throttle)
    figures = meter.stop(records=spec.size.invoices + spec.size.clients)
    if spec.throttle:
        asked = [r for r in program.admin.requests(after=meter.first_request, limit="100000") if not r["throttled"]]
        figures.other |= {"run_seconds": float(asked[-1]["at"] - asked[0]["at"])}
    return figures


TASKS: dict[str, Callable[[Spec], Figures]] = {
    task.__name__: task
    for task in (empty, linked, idle, change, change_few, audit, push, naive_read, naive_change, naive_push)
}


def _expect(holds: bool, what: str) -> None:
    """A figure counts only if the work was done."""
    if not holds:
        raise SystemExit(f"benchmark: not as expected: {what}")


def _keep(spec: Spec) -> None:
    Path(spec.directory, "spec.json").write_bytes(msgspec.json.encode(spec))


def main(arguments: list[str]) -> None:
    """Run one task on a spec."""
    name, path = arguments
    figures: Any = TASKS[name](msgspec.json.decode(Path(path).read_bytes(), type=Spec))
    Path(path).with_suffix(f".{name}").write_text(json.dumps(msgspec.to_builtins(figures)))


if __name__ == "__main__":
    main(sys.argv[1:])
