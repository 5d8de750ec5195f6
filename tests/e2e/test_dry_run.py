"""A dry run writes nothing, anywhere; a plan that was saved is applied as it was read, or refused (I10)."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import requests
import sqlalchemy as sa

from syncd.errors import ConfigError
from syncd.planfile import load_plan, save_plan
from syncd.report import CycleRequest
from tests.e2e.helpers import (
    at_rest,
    born,
    change,
    configure,
    files,
    held,
    mutations,
    once,
    row,
    snapshot,
    syncd,
)
from tests.support.world import World


def busy(world: World) -> None:
    """A world in which nearly everything there is to do is to be done."""
    ada = world.client("Ada")
    first, second, third = (world.invoice(ada, f"INV-{n}") for n in (1, 2, 3))
    paid = world.payment(ada, (first, "10.00"), reference="P-1")
    world.payment(ada, (first, "20.00"), reference="P-2")
    world.run()
    world.invoice(world.client("Bob"), "INV-4")
    world.payment(ada, (second, "5.00"), reference="P-3")
    world.sql("UPDATE invoice SET notes = 'sent' WHERE id = :id", id=second)
    world.sql("DELETE FROM payment_allocation WHERE payment_id = :id", id=paid)
    world.sql("DELETE FROM payment WHERE id = :id", id=paid)
    world.sql("UPDATE invoice SET total = '1' WHERE id = :id", id=first)
    change(world, "Invoice", world.one("Invoice", DocNumber="INV-3"), DueDate="2026-12-01")
    assert third


def still(world: World) -> None:
    """Nothing is open that could write by itself when it is closed: the state's file is as it will stay."""
    world.engine.close()
    world.store.close()


@pytest.mark.failure("F-11")
def test_a_dry_run_of_the_command_writes_nothing_anywhere(world: World) -> None:
    busy(world)
    config = configure(world)
    still(world)
    world.database.dispose()
    books, asked, before = world.writes(), world.sandbox.last_request(), files(world.directory)
    done = syncd(config, "reconcile", "--dry-run", "--exit-code")
    assert done.returncode == 2, done.stderr
    for word in ("INV-4", "INV-3", "P-1", "2026-12-01", "Bob"):
        assert word in done.stdout
    assert files(world.directory) == before
    assert world.writes() == books
    assert mutations(world, asked) == []
    assert {r["method"] for r in world.sandbox.requests(after=asked, realm=world.realm)} <= {"GET"}
    world.restart()
    assert world.run().applied > 4


@pytest.mark.failure("F-119")
def test_a_dry_run_in_process_sends_nothing_that_could_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    busy(world)
    sent: list[tuple[str, str]] = []
    send = requests.adapters.HTTPAdapter.send

    def watched(adapter: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **more: object) -> object:
        sent.append((str(request.method), str(request.url)))
        return send(adapter, request, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", watched)
    source, books = snapshot(world), world.writes()
    dump = _state(world)
    report = world.plan()
    assert report.outcome == "changes"
    assert len(report.plan.writes) >= 5
    assert sent
    assert all(method == "GET" or "/batch" in url for method, url in sent), sent
    assert snapshot(world) == source
    assert world.writes() == books
    assert _state(world) == dump
    assert [o.id for o in world.plan().plan.operations] == [o.id for o in report.plan.operations]


def _state(world: World) -> list[object]:
    """What the state remembers, but for the count of metered reads: Intuit counts those of a dry run too."""
    engine = sa.create_engine(world.state_url)
    try:
        with engine.connect() as connection:
            names = sorted(set(sa.inspect(connection).get_table_names()) - {"meter"})
            return [(name, list(connection.execute(sa.text(f"SELECT * FROM {name}")))) for name in names]
    finally:
        engine.dispose()


@pytest.mark.failure("F-119")
def test_what_was_planned_is_what_is_done(world: World) -> None:
    busy(world)
    plan = world.plan().plan
    report = world.run()
    assert [o.id for o in report.plan.operations] == [o.id for o in plan.operations]
    assert report.failed == 0


def test_a_saved_plan_is_applied_as_it_is(world: World, tmp_path: Path) -> None:
    busy(world)
    config = configure(world)
    still(world)
    saved = tmp_path / "plan.json"
    assert syncd(config, "reconcile", "--dry-run", "--out", str(saved)).returncode in {0, 3}
    assert saved.stat().st_mode & 0o077 == 0
    assert world.one("Invoice", DocNumber="INV-3")
    world.sql("INSERT INTO client (name, currency) VALUES ('Late', 'USD')")
    late = world.invoice(3, "INV-LATE")
    done = syncd(config, "apply", str(saved))
    assert done.returncode in {0, 3, 4}, done.stdout + done.stderr
    assert "INV-4" in {i["DocNumber"] for i in world.books("Invoice")}
    assert {p["PaymentRefNum"] for p in world.books("Payment")} == {"P-2", "P-3"}
    assert row(world, "invoice", late)["qbo_id"] is None
    world.restart()
    world.run()
    assert row(world, "invoice", late)["qbo_id"]
    once(world)


def test_what_changed_since_the_plan_is_refused_record_by_record(world: World, tmp_path: Path) -> None:
    ada = world.client("Ada")
    first, second = world.invoice(ada, "INV-1"), world.invoice(ada, "INV-2")
    report = world.plan()
    path = tmp_path / "plan.json"
    save_plan(path, world.engine.plan_file(report.plan))
    world.sql("UPDATE invoice SET total = '150', notes = 'changed' WHERE id = :id", id=second)
    world.sql("UPDATE invoice_line SET amount = '150', rate = '150' WHERE invoice_id = :id", id=second)
    applied = world.engine.apply(load_plan(path), CycleRequest())
    assert any("not as they were" in note for note in applied.notes), applied
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]
    assert row(world, "invoice", first)["qbo_id"]
    world.run()
    assert Decimal(world.one("Invoice", DocNumber="INV-2")["TotalAmt"]) == 150
    once(world)
    at_rest(world)


def test_a_plan_applied_twice_does_nothing_the_second_time(world: World, tmp_path: Path) -> None:
    world.invoice(world.client("Ada"), "INV-1")
    path = tmp_path / "plan.json"
    save_plan(path, world.engine.plan_file(world.plan().plan))
    for _ in range(2):
        world.engine.apply(load_plan(path), CycleRequest())
    assert born(world, "Invoice") == {"INV-1": 1}
    at_rest(world)


def test_an_edited_or_expired_plan_is_refused(world: World, tmp_path: Path) -> None:
    world.invoice(world.client("Ada"), "INV-1")
    path = tmp_path / "plan.json"
    file = world.engine.plan_file(world.plan().plan)
    save_plan(path, file)
    loaded = load_plan(path)
    assert not loaded.expired(file.made_at + timedelta(minutes=14))
    assert loaded.expired(file.made_at + timedelta(minutes=16))
    old = tmp_path / "old.json"
    save_plan(old, msgspec.structs.replace(file, made_at=file.made_at - timedelta(minutes=20)))
    with pytest.raises(ConfigError, match="too old"):
        world.engine.apply(load_plan(old), CycleRequest())
    content = json.loads(path.read_text())
    content["plan"]["operations"][-1]["label"] = "INV-9"
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="was changed after it was made"):
        load_plan(path)
    assert world.books("Invoice") == []
    assert held(world) == []
