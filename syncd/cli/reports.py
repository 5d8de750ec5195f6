"""How reports of runs, audits, checks and held records look; plans themselves are drawn by ``render``."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from syncd.cli import render
from syncd.grant import Ending
from syncd.model.kinds import Side
from syncd.model.spec import SPECS
from syncd.owing import Owed
from syncd.qbo.auth import ENDED_BY
from syncd.reconciler.plan import Change
from syncd.report import AuditReport, CycleReport
from syncd.sources.base import Finding
from syncd.state.values import Company, Held, HistoryEvent, Run, Tokens

_OUTCOMES = {
    "ok": "done",
    "changes": "changes are pending",
    "held": "done, with records that need a person: syncd held list",
    "halted": "stopped by a brake; nothing it covers was applied",
    "unknown": "an outcome is unknown; the next run looks before it acts",
    "failed": "some writes failed and will be tried again",
    "busy": "another runner is at work on this company",
}


def dump(value: Any) -> str:
    """JSON for programs: amounts and instants as text, keys in a stable order."""
    return msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2).decode()


def report_text(report: CycleReport | AuditReport, *, dry_run: bool = False) -> str:
    """A report for a person."""
    return audit_text(report) if isinstance(report, AuditReport) else cycle_text(report, dry_run=dry_run)


def report_json(report: CycleReport | AuditReport) -> dict[str, Any]:
    """A report for programs."""
    return audit_json(report) if isinstance(report, AuditReport) else cycle_json(report)


def cycle_text(report: CycleReport, *, dry_run: bool = False) -> str:
    """The plan, the notes, and what came of it."""
    company = render.plain(report.company)
    parts = [render.plan_text(report.company, report.plan)]
    parts.extend(render.wrapped(f"note: {note}") for note in report.notes)
    if dry_run:
        parts.append(f"{company}: dry run, nothing was written.")
    else:
        counts = f"{report.applied} applied, {report.failed} failed, {report.held} held, {report.in_doubt} in doubt"
        outcome = _OUTCOMES.get(str(report.outcome), str(report.outcome))
        parts.append(render.wrapped(f"{company}: {counts}, in {report.duration_seconds:.1f} s; {outcome}."))
    return "\n".join(parts)


def cycle_json(report: CycleReport) -> dict[str, Any]:
    """The same facts as ``cycle_text``."""
    return {
        "company": report.company,
        "run_id": report.run_id,
        "outcome": str(report.outcome),
        "plan": render.plan_json(report.plan),
        "applied": report.applied,
        "failed": report.failed,
        "held": report.held,
        "in_doubt": report.in_doubt,
        "recovered": report.recovered,
        "notes": list(report.notes),
        "duration_seconds": report.duration_seconds,
    }


def audit_text(report: AuditReport) -> str:
    """Every difference, then the proof in one line."""
    lines = []
    for difference in report.differ:
        name = render.plain(difference.label) or difference.source_id or f"qbo:{difference.qbo_id}"
        money = f"  {difference.money:,f} {difference.currency}" if difference.money else ""
        lines.append(f"{difference.kind} {name}{money}")
        lines.append(render.wrapped(difference.reason, 4))
        for change in difference.changes:
            lines.extend(render.change_lines(difference.kind, change, 4))
    if report.left:
        lines.append("Left as it is:")
    for left in report.left:
        name = render.plain(left.label) or left.source_id or f"qbo:{left.qbo_id}"
        lines.append(render.wrapped(f"{left.kind} {name}: {left.reason}", 2))
    money = ", ".join(f"{value:,f} {currency}" for currency, value in sorted(report.money_difference.items()))
    accepted = f", {report.accepted} differ as the policy allows" if report.accepted else ""
    waiting = f", {report.waiting} are not in QuickBooks yet" if report.waiting else ""
    unknown = f", {report.unknown} could not be read" if report.unknown else ""
    lines.append(
        render.wrapped(
            f"{render.plain(report.company)}: {report.compared} records compared, {report.agree} agree{accepted}, "
            f"{len(report.differ)} differ{waiting}{unknown}, money difference {money or '0.00'}."
        )
    )
    return "\n".join(lines)


def audit_json(report: AuditReport) -> dict[str, Any]:
    """The same facts as ``audit_text``."""
    return {
        "company": report.company,
        "compared": report.compared,
        "agree": report.agree,
        "accepted": report.accepted,
        "differ": [
            {
                "kind": str(d.kind),
                "label": d.label,
                "source_id": d.source_id,
                "qbo_id": d.qbo_id,
                "reason": d.reason,
                "changes": [{"field": c.field, "old": c.old, "new": c.new} for c in d.changes],
                "money": format(d.money, "f"),
                "currency": d.currency,
            }
            for d in report.differ
        ],
        "left": [
            {
                "kind": str(d.kind),
                "label": d.label,
                "source_id": d.source_id,
                "qbo_id": d.qbo_id,
                "reason": d.reason,
            }
            for d in report.left
        ],
        "money_difference": {c: format(value, "f") for c, value in report.money_difference.items()},
        "waiting": report.waiting,
        "unknown": report.unknown,
        "duration_seconds": report.duration_seconds,
    }


def findings_text(findings: Sequence[Finding]) -> str:
    """One line for each finding, with its remedy below."""
    rows = [(f.level, f"{f.subject}: {f.text} {f.remedy}".strip()) for f in findings]
    return render.columns([("level", "finding"), *rows]).partition("\n")[2]


class Standing(msgspec.Struct, frozen=True):
    """How one company stands. ``journal`` counts its writes by state, ``last`` is its latest run; ``near`` are the ends
    of the grant that a person has to know of; ``left`` counts what stays on one side only."""

    company: Company
    held: int
    dirty: int
    journal: dict[str, int]
    last: Run | None = None
    grant: Tokens | None = None
    near: tuple[Ending, ...] = ()
    left: int = 0

    @property
    def word(self) -> str:
        """The state in one word, for programs."""
        if self.company.restored_at:
            return "restored"
        if self.company.halted_since:
            return "halted"
        if self.grant is not None and self.grant.broken:
            return "disconnected" if self.grant.broken.startswith(ENDED_BY) else "reconnect"
        if not self.company.realm_id:
            return "not-connected"
        if self.company.first_run_approved_at is None:
            return "first-run"
        return "held" if self.held else "ok"


_STANDING = {
    "restored": "RESTORED: this state is older than the world, and nothing is written. Next: syncd relink",
    "halted": 'HALTED. When its cause is gone: syncd resume --reason "..."',
    "disconnected": "DISCONNECTED by a person. To go on: syncd connect",
    "reconnect": "NO LONGER CONNECTED: QuickBooks refuses the grant. Next: syncd connect",
    "not-connected": "not connected yet. Next: syncd connect",
    "first-run": "waits for its first run. Next: syncd reconcile --dry-run, then --approve-first-run",
    "held": "in order, but records wait for a person. Next: syncd held list",
    "ok": "in order",
}
_OPEN_WRITES = ("intended", "sent")


def status_text(standing: Standing) -> str:
    """How one company stands, and what to do next if anything."""
    company = standing.company
    rows = []
    if company.halted_since:
        rows.append(("halted since", f"{_when(company.halted_since)}: {company.halt_reason}"))
    if company.realm_id:
        rows.append(("QuickBooks", f"{company.realm_name or '?'} ({company.realm_id}, {company.environment})"))
    if standing.grant is not None:
        rows.extend(_grant_rows(standing.grant))
    rows.append(("last success", _when(company.last_success_at)))
    rows.append(("last audit", _when(company.last_audit_at)))
    if standing.last is not None:
        last = standing.last
        rows.append(
            ("last run", f"{last.what} {last.id}, {last.outcome or 'not ended'}, began {_when(last.started_at)}")
        )
    rows.append(("held", str(standing.held)))
    if standing.left:
        rows.append(("left on one side", f"{standing.left}; which: syncd audit"))
    rows.append(("to look at again", str(standing.dirty)))
    unsettled = sum(standing.journal.get(state, 0) for state in _OPEN_WRITES)
    rows.append(("unsettled writes", str(unsettled)))
    table = textwrap.indent(render.columns(rows), "  ")
    warnings = "".join(f"\n{render.wrapped(f'{e.text} {e.remedy}', 2)}" for e in standing.near)
    return f"{render.plain(company.name)}: {_STANDING[standing.word]}\n{table}{warnings}"


def _grant_rows(grant: Tokens) -> list[tuple[str, str]]:
    """When the connection was approved and when it ends."""
    if grant.broken.startswith(ENDED_BY):
        return [("connection", f"{render.plain(grant.broken)}; approved {_when(grant.connected_at)}")]
    if grant.broken:
        return [("connection", f"refused ({render.plain(grant.broken)}); approved {_when(grant.connected_at)}")]
    ends = [
        f"{text} {_when(at)}"
        for text, at in (
            ("good until", grant.refresh_expires_at),
            ("at the latest until", grant.hard_expires_at),
        )
        if at is not None
    ]
    return [("connection", "; ".join([f"approved {_when(grant.connected_at)}", *ends]))]


def _when(moment: datetime | None) -> str:
    return moment.isoformat(sep=" ", timespec="seconds") if moment else "never"


def status_json(standing: Standing) -> dict[str, Any]:
    """The same facts as ``status_text``."""
    company = standing.company
    return {
        "company": company.name,
        "state": standing.word,
        "realm_id": company.realm_id,
        "realm_name": company.realm_name,
        "environment": company.environment,
        "first_run_approved_at": company.first_run_approved_at,
        "halted_since": company.halted_since,
        "halt_reason": company.halt_reason,
        "restored_at": company.restored_at,
        "last_success_at": company.last_success_at,
        "last_audit_at": company.last_audit_at,
        "last_run": msgspec.to_builtins(standing.last) if standing.last else None,
        "connection": _grant_json(standing),
        "held": standing.held,
        "dirty": standing.dirty,
        "left": standing.left,
        "journal": standing.journal,
    }


def _grant_json(standing: Standing) -> dict[str, Any] | None:
    grant = standing.grant
    if grant is None:
        return None
    return {
        "connected_at": grant.connected_at,
        "idle_ends_at": grant.refresh_expires_at,
        "hard_ends_at": grant.hard_expires_at,
        "broken": grant.broken,
        "ending": [
            {"part": e.part, "at": e.at, "days_left": e.days_left, "text": e.text, "remedy": e.remedy}
            for e in standing.near
        ],
    }


def queue_text(rows: Sequence[Owed], now: datetime) -> str:
    """What is owed, oldest first: its age, why it is not done, and what clears it."""
    lines = []
    for row in rows:
        tried = f", tried {row.tries} times" if row.tries > 1 else ""
        lines.append(
            f"{_age(row.since, now):>6}  {row.what:<5}  {row.kind} {render.plain(row.record)}{tried} ({row.company})"
        )
        lines.append(render.wrapped(row.why, 8))
        lines.append(render.wrapped(f"clears it: {row.clears}", 8))
    return "\n".join(lines)


def _age(since: datetime | None, now: datetime) -> str:
    if since is None:
        return "?"
    minutes = int((now - since).total_seconds() // 60)
    hours, days = minutes // 60, minutes // 1440
    return f"{days} d" if days else f"{hours} h" if hours else f"{max(minutes, 0)} min"


def held_table(rows: Sequence[Held]) -> str:
    """Held records, one a line."""
    head = ("id", "company", "kind", "record", "case", "reason")
    return render.columns(
        [
            (str(h.id), h.company, str(h.kind), h.label or h.source_id or f"qbo:{h.qbo_id}", h.case, h.reason)
            for h in rows
        ],
        head,
    )


def held_text(held: Held) -> str:
    """One held record: why, what both sides say, and what may be done."""
    name = render.plain(held.label) or held.source_id or f"qbo:{held.qbo_id}"
    lines = [f"{held.id}: {held.kind} {name} of {render.plain(held.company)}, held since {held.since} ({held.case})"]
    lines.append(f"  source id {held.source_id or '(none)'}, QuickBooks id {held.qbo_id or '(none)'}")
    lines.append(render.wrapped(held.reason, 2))
    lines.extend(render.wrapped(f"{p.code}: {p.text} {p.remedy}".strip(), 2) for p in held.problems)
    if values := _views(held):
        lines.append(values)
    if held.resolution:
        lines.append(f"  decided: {held.resolution}; the next cycle acts on it")
    lines.extend(f"  syncd held {action} {held.id} --shown {held.stamp}" for action in held.actions)
    return "\n".join(lines)


def _views(held: Held) -> str:
    """What both sides say and what was agreed, field by field, where they differ."""
    views = {"source": held.source_value, "QuickBooks": held.qbo_value, "agreed": held.base_value}
    return render.values_text(held.kind, {name: view for name, view in views.items() if view})


def answered_text(held: Held, resolution: str) -> str:
    """What was answered, and about what: the answer stands for these values alone."""
    name = render.plain(held.label) or held.source_id or f"qbo:{held.qbo_id}"
    said = f"{held.id}: {resolution} is noted for {held.kind} {name}; the next cycle acts on it."
    values = _views(held) if resolution.startswith("accept-") else ""
    if not values:
        return said
    return f"{said} Should either side change before, it is asked again. It is about:\n{values}"


def held_json(held: Held) -> dict[str, Any]:
    """The same facts as ``held_text``."""
    row: dict[str, Any] = msgspec.to_builtins(held)
    return row | {"stamp": held.stamp}


def history_text(events: Sequence[HistoryEvent]) -> str:
    """What happened to one record, oldest first."""
    lines = []
    for event in events:
        where = render.SIDE_NAMES[Side(event.side)]
        when = event.at.isoformat(timespec="seconds") if event.at else "-"
        lines.append(render.wrapped(f"{when}  {event.verb} in {where}: {event.result} ({event.case}, {event.actor})"))
        lines.append(render.wrapped(event.reason, 4))
        for field in SPECS[event.kind].fields:
            old, new = event.before.get(field, ""), event.after.get(field, "")
            if old != new:
                lines.extend(render.change_lines(event.kind, Change(field, old, new), 4))
    return "\n".join(lines)


def history_json(events: Sequence[HistoryEvent]) -> list[dict[str, Any]]:
    """The same facts as ``history_text``."""
    return [msgspec.to_builtins(event) for event in events]


def runs_table(runs: Sequence[Run]) -> str:
    """Runs, one a line."""
    head = ("id", "company", "what", "began", "seconds", "outcome", "what it did")
    return render.columns([_run_row(run) for run in runs], head)


def _run_row(run: Run) -> tuple[str, ...]:
    lasted = f"{(run.ended_at - run.started_at).total_seconds():.1f}" if run.ended_at is not None else ""
    did = ", ".join(f"{count} {name}" for name, count in run.counts.items() if count)
    told = "; ".join(part for part in (did, run.note) if part)
    return (run.id, run.company, run.what, _when(run.started_at), lasted, run.outcome or "not ended", told)


def run_json(run: Run) -> dict[str, Any]:
    """The same facts as a row of ``runs_table``."""
    row: dict[str, Any] = msgspec.to_builtins(run)
    return row
