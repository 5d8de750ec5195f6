"""Values that the tests of the state share."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from syncd.model.kinds import Kind, Side
from syncd.model.writes import Verb
from syncd.state.store import Store
from syncd.state.values import (
    Company,
    Held,
    HistoryEvent,
    Intent,
    JournalEntry,
    JournalOutcome,
    JournalState,
    Lease,
    Link,
    Settlement,
    Tokens,
)

COMPANY = "acme"
REALM = "4620816365000001"
KEY = b"Zm9yIHRlc3RzIG9ubHksIG5vdCBhIHNlY3JldCEhISE="
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
BASE = {"number": "1001", "total": "12.30", "lines": (("item-1", "Work", "1", "12.30"), ("", "", "", ""))}


def pinned(store: Store, name: str, realm_id: str) -> None:
    store.pin_company(
        Company(name=name, realm_id=realm_id, realm_name="Acme", environment="sandbox", source_identity="db-1")
    )


def link(source_id: str, qbo_id: str, **changes: Any) -> Link:
    values = {"company": COMPANY, "kind": Kind.INVOICE, "source_base": BASE, "qbo_base": BASE, **changes}
    return Link(source_id=source_id, qbo_id=qbo_id, **values)


def intent(key: str = "S1", **changes: Any) -> Intent:
    values = {
        "run_id": "run-1",
        "operation_id": f"create-{key}",
        "side": Side.QBO,
        "kind": Kind.INVOICE,
        "verb": Verb.CREATE,
        "key": key,
        "source_id": key,
        "qbo_id": "",
        "operation": b'{"id":"x"}',
        "body": b'{"Line":[]}',
        **changes,
    }
    return Intent(**values)


def held(source_id: str = "S1", qbo_id: str = "", **changes: Any) -> Held:
    values = {"company": COMPANY, "kind": Kind.INVOICE, "case": "C26", "reason": "both sides changed", **changes}
    return Held(source_id=source_id, qbo_id=qbo_id, **values)


def event(source_id: str = "S1", qbo_id: str = "Q1", **changes: Any) -> HistoryEvent:
    values = {
        "kind": Kind.INVOICE,
        "side": Side.QBO,
        "verb": Verb.UPDATE,
        "case": "C22",
        "reason": "the source changed",
        "actor": "syncd",
        "result": "confirmed",
        **changes,
    }
    return HistoryEvent(source_id=source_id, qbo_id=qbo_id, **values)


def tokens(access: str = "access-secret", refresh: str = "refresh-secret", **changes: Any) -> Tokens:
    values = {
        "realm_id": REALM,
        "environment": "sandbox",
        "access_token": access,
        "refresh_token": refresh,
        "access_expires_at": NOW,
        **changes,
    }
    return Tokens(**values)


def confirm(store: Store, lease: Lease, entry: JournalEntry, state: JournalState = JournalState.CONFIRMED) -> None:
    outcome = JournalOutcome(journal_id=entry.id, state=state)
    store.settle(lease, Settlement(outcomes=(outcome,)), run_id="run-1")


def settled(store: Store, lease: Lease, **parts: Any) -> None:
    store.settle(lease, Settlement(**parts), run_id=parts.pop("run_id", "run-1"))


def execute(url: str, *statements: str) -> list[Any]:
    """Run SQL behind the store's back; the rows of the last statement."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            rows: list[Any] = []
            for statement in statements:
                result = connection.execute(text(statement))
                rows = list(result) if result.returns_rows else []
            return rows
    finally:
        engine.dispose()


def worker(url: str, *arguments: str) -> subprocess.Popen[str]:
    """Another process that works on the same state: see ``state_worker.py``."""
    script = str(Path(__file__).with_name("state_worker.py"))
    return subprocess.Popen(
        [sys.executable, script, url, *arguments],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def answer(process: subprocess.Popen[str]) -> str:
    """What a worker said when it ended well."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip()
