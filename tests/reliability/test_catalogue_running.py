"""Running it (section J of the catalogue), as far as no other test shows the defence."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from syncd import errors
from syncd.metrics import METRICS
from syncd.qbo.settings import MINOR_VERSION
from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, change, configure, held, once, snapshot, syncd
from tests.e2e.owed import ON
from tests.reliability.fault_stage import LIFTED, agree, edit, own_app
from tests.support.world import World

ROOT = Path(__file__).parents[2]
BRIEF = {"read_timeout_seconds": 0.5, "connect_timeout_seconds": 0.5}


def owing(make: Make) -> World:
    """A company that owes a write whose answer was lost, a record that was refused, and what waits for it."""
    world = make(qbo=BRIEF)
    ada = world.client("Ada")
    world.invoice(ada, "INV-0")
    world.run()
    bad = world.invoice(ada, "INV-BAD", currency="EUR")
    world.payment(ada, (bad, "1.00"), reference="P-BAD", currency="EUR")
    world.invoice(ada, "INV-LOST")
    world.sandbox.add_fault("reset", when="after", entity="Invoice", operation="create", realm=world.realm)
    assert world.run().exit_code == 5
    return world


def gauge(world: World, what: str) -> float:
    """Since when the oldest of a sort is owed, as the metrics say."""
    found = world.metrics.registry.get_sample_value(
        "syncd_oldest_owed_timestamp_seconds", {"company": world.name, "what": what}
    )
    assert found is not None
    return found


@pytest.mark.failure("F-115", "F-116")
def test_everything_that_is_owed_is_listed_with_its_age_and_what_clears_it(make: Make) -> None:
    world = owing(make)
    began = world.clock.now().timestamp()
    config = configure(world)
    done = syncd(config, "queue", "--json")
    assert done.returncode == 3, done.stderr
    rows = {row["record"]: row for row in json.loads(done.stdout)["queue"]}
    sorts = {row["what"] for row in rows.values()}
    assert {"write", "held"} <= sorts
    assert (rows["INV-LOST"]["what"], "look" in rows["INV-LOST"]["clears"]) == ("write", True)
    assert "currency" in rows["INV-BAD"]["why"]
    assert "held show" in rows["INV-BAD"]["clears"]
    assert all(row["since"] and row["why"] and row["clears"] for row in rows.values())
    shown = syncd(config, "queue").stdout
    assert all(record in shown for record in rows)
    assert re.search(r"^ +\d+ min  (held|write)", shown, re.MULTILINE)
    for what in ("write", "held"):
        assert began - 300 < gauge(world, what) <= began + 60
    status = syncd(config, "status").stdout
    assert re.search(r"unsettled writes +1", status), status


@pytest.mark.failure("F-116", "F-117")
def test_what_is_put_right_is_owed_no_more(make: Make) -> None:
    world = owing(make)
    world.sandbox.clear_faults()
    world.sql("UPDATE invoice SET currency = 'USD' WHERE number = 'INV-BAD'")
    world.sql("UPDATE payment SET currency = 'USD'")
    world.run()
    assert held(world) == []
    assert {what: gauge(world, what) for what in ("write", "held", "again")} == {"write": 0, "held": 0, "again": 0}
    done = syncd(configure(world), "queue")
    assert (done.returncode, done.stdout.strip()) == (0, "Nothing is owed.")
    once(world)
    at_rest(world)


@pytest.mark.failure("F-118")
def test_every_alert_names_its_company_and_the_next_step_and_watches_a_metric_that_exists() -> None:
    rules = (ROOT / "docs" / "alerts.yml").read_text(encoding="utf-8")
    known = {f"{m.name}_total" if m.type == "counter" else m.name for m in METRICS}
    watched = set(re.findall(r"\bsyncd_[a-z_]+", rules))
    assert watched <= known, watched - known
    for needed in ("syncd_last_success_timestamp_seconds", "syncd_halted", "syncd_oldest_owed_timestamp_seconds"):
        assert needed in watched, needed
    texts = re.findall(r"- alert: (\w+)\n(?:.*\n)*?\s+summary: (.+)\n\s+description: (.+)", rules)
    assert len(texts) == rules.count("- alert: ")
    for name, summary, description in texts:
        assert "syncd" in summary.lower() or "$labels.company" in summary or "webhook" in summary.lower(), name
        assert re.search(r"[Rr]un syncd|syncd \w+|See |systemctl|Raise |[Cc]heck|Nothing was acted", description), name


@pytest.mark.failure("F-118")
@pytest.mark.parametrize("trouble", ["removals", "grant", "number"])
def test_what_went_wrong_is_told_with_its_number_and_the_next_command(world: World, trouble: str) -> None:
    ada = world.client("Ada")
    for n in range(1, 6):
        world.payment(ada, (world.invoice(ada, f"INV-{n}"), "10.00"), reference=f"P-{n}")
    world.run()
    config = configure(world)
    if trouble == "removals":
        world.sql("DELETE FROM payment_allocation WHERE payment_id <= 3")
        world.sql("DELETE FROM payment WHERE id <= 3")
        wanted, code = r"3 of 5 linked payments.*--allow-removals payment=3", 4
    elif trouble == "grant":
        world.sandbox.admin("POST", f"/companies/{world.realm}/disconnect")
        wanted, code = r"syncd connect", errors.EXIT_RECONNECT
    else:
        world.invoice(ada, "INV-9", currency="EUR")
        wanted, code = r"1 held.*syncd held list", 3
    done = syncd(config, "reconcile")
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == code, said
    assert re.search(wanted, said), said


@pytest.mark.failure("F-121")
def test_the_version_of_the_api_is_on_every_request(make: Make) -> None:
    world = make(settings=ON)
    own_app(world)
    first = world.sandbox.last_request()
    agree(world)
    edit(world)
    world.run(**LIFTED)
    world.engine.audit()
    asked = world.sandbox.requests(after=first, realm=world.realm, client_id="sandbox-client")
    asked = [request for request in asked if request["path"].startswith("/v3/")]
    assert len(asked) > 40
    assert int(MINOR_VERSION) >= 75
    assert [r["query"] for r in asked if f"minorversion={MINOR_VERSION}" not in r["query"]] == []


@pytest.mark.failure("F-121")
def test_members_that_nobody_has_heard_of_change_nothing(world: World) -> None:
    """Fields come with a new version of the API: they are neither edits nor faults."""
    ada = world.client("Ada")
    invoice = world.invoice(ada, "INV-1")
    world.run()
    world.sandbox.switch(unknown_members=True)
    try:
        at_rest(world)
        change(world, "Invoice", world.one("Invoice"), CustomerMemo={"value": "new"})
        world.payment(ada, (invoice, "10.00"))
        world.run()
        assert world.rows("SELECT notes FROM invoice") == [{"notes": "new"}]
        at_rest(world)
    finally:
        world.sandbox.switch(unknown_members=False)


@pytest.mark.failure("F-122")
@pytest.mark.case("C52")
def test_a_change_of_settings_only_plans_until_it_is_accepted(world: World) -> None:
    """What it would do to everything there was is shown first; nothing is written on either side before somebody says
    yes, and saying yes once is enough."""
    ada = world.client("Ada")
    for n in range(1, 4):
        world.invoice(ada, f"INV-{n}", ("10.00", "Work"), discount="1.00")
    world.run()
    world.adjust(default_item="Hours", on_qbo_delete="unpublish")
    fresh = world.invoice(ada, "INV-4")
    world.sql("UPDATE invoice SET notes = 'edited' WHERE id = 1")
    books, source = world.writes(), snapshot(world)
    for _ in range(2):
        report = world.run()
        assert report.exit_code == 4
        assert any("--accept-config" in brake.override for brake in report.plan.brakes)
        assert {operation.label for operation in report.plan.withheld} >= {"INV-1", "INV-4"}
    assert (world.writes(), snapshot(world)) == (books, source)
    assert world.run(accept_config=True).outcome == "ok"
    assert world.rows("SELECT qbo_id FROM invoice WHERE id = :id", id=fresh)[0]["qbo_id"]
    assert world.one("Invoice", DocNumber="INV-1")["CustomerMemo"]["value"] == "edited"
    versions = {i["DocNumber"]: i["SyncToken"] for i in world.books("Invoice")}
    assert versions["INV-2"] == versions["INV-3"] == "0", "what nobody edited is not written anew"
    at_rest(world)
