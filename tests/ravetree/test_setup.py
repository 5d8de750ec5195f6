"""Connecting a company of this profile, and the map of line types that has to be whole (V-2 to V-5, V-20 to V-24)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from syncd import profiles
from syncd.config import load_config
from syncd.errors import ReconnectNeeded
from syncd.model.kinds import Kind
from tests.e2e.helpers import answer, at_rest, held, held_one, once
from tests.ravetree.conftest import SETTINGS, Start
from tests.ravetree.helpers import estimate, findings, invoice, items_of, settle
from tests.support.world import World


@pytest.mark.behaviour("V-1", "V-2")
def test_nothing_is_done_before_a_person_has_signed_in_and_seen_the_plan(world: World) -> None:
    invoice(world, world.client("Ada"), "INV-1")
    world.store.tokens("sandbox", world.realm).mark_broken("nobody has signed in yet")
    with pytest.raises(ReconnectNeeded, match="syncd connect"):
        world.run()
    world.grant()
    report = world.run(approve_first_run=False)
    assert [brake.rail for brake in report.plan.brakes] == ["first-run"]
    assert world.books("Invoice") == []
    world.run()
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]
    settle(world)
    at_rest(world)


@pytest.mark.behaviour("V-3", "V-4", "V-5")
def test_with_a_hole_in_the_map_nothing_is_done_at_all(start: Start) -> None:
    """What is synced is chosen first (estimates too); then every type of lines needs its item."""
    told = {**SETTINGS.line_type_map, "discount": " "}
    del told["retainer"]
    world = start({"line_type_map": told, "estimates": True})
    ada = world.client("Ada")
    invoice(world, ada, "INV-1", ("100.00", "Hours", "time"))
    estimate(world, ada, "EST-1")
    assert findings(world, "error")["line types"].endswith("missing: retainer, discount.")
    report = world.run()
    assert (report.outcome, [brake.rail for brake in report.plan.brakes]) == ("halted", ["line-types"])
    assert "missing: retainer, discount" in report.plan.brakes[0].text
    assert (world.books("Invoice"), world.books("Estimate"), world.books("Customer")) == ([], [], [])

    world.adjust(line_type_map=SETTINGS.line_type_map)
    assert "line types" not in findings(world, "error")
    world.run(accept_config=True)
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]
    assert [e["DocNumber"] for e in world.books("Estimate")] == ["EST-1"]
    settle(world)
    at_rest(world)


@pytest.mark.behaviour("V-4", "V-22")
def test_each_type_of_lines_is_billed_as_its_item(world: World) -> None:
    lines = (
        ("120.00", "Approved hours", "time"),
        ("30.50", "Taxi, approved", "expense"),
        ("500.00", "March", "retainer"),
        ("-20.00", "Old friends", "discount"),
        ("1.25", "Whatever", "other"),
    )
    invoice(world, world.client("Ada"), "INV-1", *lines)
    world.run()
    sent = world.one("Invoice", DocNumber="INV-1")
    assert items_of(world, sent) == [
        ("Services", "120.00"),
        ("Reimbursed costs", "30.50"),
        ("Retainer", "500.00"),
        ("Rebate", "-20.00"),
        ("Services", "1.25"),
    ]
    assert f"{sent['TotalAmt']:.2f}" == "631.75"
    settle(world)
    at_rest(world)


@pytest.mark.behaviour("V-4", "V-5")
@pytest.mark.failure("F-18")
def test_a_line_of_no_type_or_of_one_that_nobody_mapped_is_held_whatever_quickbooks_has(world: World) -> None:
    """An item of the very name is in QuickBooks: that is no mapping."""
    ada = world.client("Ada")
    world.item("Rebate")
    invoice(world, ada, "INV-1", ("5.00", "Surprise", "Rebate"))
    world.invoice(ada, "INV-2", ("5.00", "Of no type"), state="sent")
    invoice(world, ada, "INV-3")
    world.run()
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-3"]
    reasons = {(each.kind, each.label): each.reason for each in held(world)}
    assert "lines of the type 'Rebate' are mapped to no item" in reasons[Kind.ITEM, "Rebate"]
    assert "line_type_map" in reasons[Kind.ITEM, "Rebate"]
    assert "item Rebate, which is held" in reasons[Kind.INVOICE, "INV-1"]
    assert "A line names no item" in reasons[Kind.INVOICE, "INV-2"]


@pytest.mark.behaviour("V-4")
def test_the_source_may_call_its_types_otherwise_and_the_map_may_name_items_by_id(start: Start) -> None:
    types = ("Zeit", "Spesen", "Abo", "Rabatt", "Sonst")
    world = start({"line_types": types, "line_type_map": dict.fromkeys(types, "id:1")})
    world.item("Zeit")
    invoice(world, world.client("Ada"), "INV-1", ("7.00", "Stunde", "Zeit"))
    world.run()
    assert items_of(world, world.one("Invoice", DocNumber="INV-1")) == [("Services", "7.00")]
    assert "line types" not in findings(world, "error")
    settle(world)
    at_rest(world)


@pytest.mark.behaviour("V-4")
def test_check_names_a_mapped_item_that_is_not_there_or_no_service(start: Start) -> None:
    world = start(
        {"line_type_map": {**SETTINGS.line_type_map, "other": "Gone", "expense": "Box"}, "default_item": "Services"}
    )
    income = next(a["Id"] for a in world.books("Account") if a["AccountType"] == "Income")
    world.accountant.save("Item", {"Name": "Box", "Type": "NonInventory", "IncomeAccountRef": {"value": income}})
    assert "'Gone'" in findings(world, "error")["line_type_map.other"]
    assert "NonInventory" in findings(world, "warning")["line_type_map.expense"]
    # An item that went since: the lines wait, and nothing else stands in for it.
    invoice(world, world.client("Ada"), "INV-1", ("7.00", "Odd", "other"))
    world.run()
    assert world.books("Invoice") == []
    assert held_one(world, Kind.ITEM).label == "other"


@pytest.mark.behaviour("V-8", "V-24")
def test_numbers_count_on_in_the_source_and_are_the_same_in_quickbooks(world: World) -> None:
    """The last number was set to 4999 there, and the time to pay to ten days; QuickBooks counts nothing."""
    ada = world.client("Ada")
    for place in range(3):
        invoice(world, ada, f"{5000 + place}", due_date="2026-03-12")
    world.run()
    sent = {i["DocNumber"]: str(i["DueDate"]) for i in world.books("Invoice")}
    assert sent == dict.fromkeys(("5000", "5001", "5002"), "2026-03-12")
    once(world)
    settle(world)
    at_rest(world)
    # One that people number anew in the source is numbered anew in QuickBooks.
    world.sql("UPDATE invoice SET number = '6000' WHERE number = '5002'")
    settle(world)
    assert sorted(i["DocNumber"] for i in world.books("Invoice")) == ["5000", "5001", "6000"]
    at_rest(world)


@pytest.mark.behaviour("V-8")
@pytest.mark.failure("F-90")
def test_where_quickbooks_would_count_itself_nothing_goes_out_under_another_number(start: Start) -> None:
    world = start({"estimates": True}, custom_txn_numbers=False)
    ada = world.client("Ada")
    invoice(world, ada, "INV-1")
    estimate(world, ada, "EST-1")
    assert "held" in findings(world, "error")["numbers"]
    world.run()
    assert (world.books("Invoice"), world.books("Estimate")) == ([], [])
    for each in held(world):
        assert "a number of its own" in each.reason
        assert "custom transaction numbers" in each.problems[0].remedy
    world.sandbox.change_company(world.realm, custom_txn_numbers=True)
    world.restart()
    world.run()
    assert [i["DocNumber"] for i in world.books("Invoice")] == ["INV-1"]
    assert [e["DocNumber"] for e in world.books("Estimate")] == ["EST-1"]
    settle(world)
    at_rest(world)


@pytest.mark.behaviour("V-8")
@pytest.mark.failure("F-87")
def test_a_number_that_quickbooks_has_or_that_is_missing_is_held(world: World) -> None:
    ada = world.client("Ada")
    invoice(world, ada, "INV-1")
    invoice(world, ada, "")
    world.run()
    assert held_one(world, Kind.INVOICE).problems[0].text == "The invoice has no number."
    world.sql("UPDATE invoice SET number = 'INV-2' WHERE number = ''")
    settle(world)
    at_rest(world)
    sent = world.one("Invoice", DocNumber="INV-2")
    world.accountant.save(
        "Invoice", {"Id": sent["Id"], "SyncToken": sent["SyncToken"], "sparse": True, "DocNumber": "9"}
    )
    world.run()
    assert "QuickBooks changed" in held_one(world, Kind.INVOICE).reason
    assert "number" in held_one(world, Kind.INVOICE).reason
    answer(world, "accept-source")
    settle(world)
    assert sorted(i["DocNumber"] for i in world.books("Invoice")) == ["INV-1", "INV-2"]
    at_rest(world)


def test_the_example_in_the_manual_is_a_whole_configuration(tmp_path: Path) -> None:
    manual = (Path(__file__).parents[2] / "docs/ravetree.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", manual, re.DOTALL)
    head = '[syncd]\nstate_url = "sqlite:////var/lib/syncd/state.db"\nencryption_key_file = "key"\n'
    (tmp_path / "secrets").mkdir()
    for name in ("key", "secrets/client-secret"):
        (tmp_path / name).write_text("A" * 43 + "=")
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "config.toml"
    path.write_text(head + example, encoding="utf-8")
    company = load_config(path, {}).named("agency")
    policy = profiles.load(company.profile, company.settings)
    assert (policy.profile, policy.unmapped) == ("ravetree", ())
    assert Kind.ESTIMATE in policy.kinds
