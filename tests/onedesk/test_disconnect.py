"""Disconnecting, and connecting again, is harmless (B-12, O-7); and what connecting brings (O-1, O-2)."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from syncd.errors import ReconnectNeeded
from tests.e2e.helpers import at_rest, born, change, configure, once, row, snapshot, syncd
from tests.onedesk.conftest import SETTINGS, Make, push
from tests.support.world import World


def command(world: World) -> Path:
    """The command line's configuration of a company with this profile."""
    path = configure(world, default_income_account="Services", missing_item="create")
    path.write_text(path.read_text().replace('profile = "ruddr"', f'profile = "{world.profile}"'))
    return path


def lets_in(world: World, token: str) -> bool:
    """Whether QuickBooks still takes an access token."""
    url = f"{world.sandbox.base_url}/v3/company/{world.realm}/companyinfo/{world.realm}"
    try:
        with urlopen(Request(url, headers={"Authorization": f"Bearer {token}"})) as answer:  # noqa: S310 - our own
            return bool(answer.status == 200)
    except HTTPError:
        return False


@pytest.mark.behaviour("B-12", "O-7", "O-2")
@pytest.mark.parametrize("profile", ["ruddr", "onedesk"])
def test_disconnected_and_connected_again_it_goes_on_where_it_ended(make: Make, profile: str) -> None:
    world = make(profile=profile, **({"settings": SETTINGS} if profile == "onedesk" else {}))
    ada, design = world.client("Ada Ltd"), world.item("Services")
    for number in ("INV-1", "INV-2"):
        world.invoice(ada, number, ("100.00", "Logo", design))
        push(world, number)
    world.run()
    config = command(world)
    held = world.store.tokens("sandbox", world.realm).load()
    assert held is not None
    assert lets_in(world, held.access_token)
    books, source = world.writes(), snapshot(world)

    done = syncd(config, "disconnect", "--yes")
    assert done.returncode == 0, done.stderr
    assert "To go on: syncd connect --company acme" in done.stdout
    assert not lets_in(world, held.access_token), "Intuit was told"
    assert (world.writes(), snapshot(world)) == (books, source)
    for _ in range(2):
        with pytest.raises(ReconnectNeeded, match=r"syncd was disconnected by \w+.*Run `syncd connect`"):
            world.run()
        world.restart()
    status = syncd(config, "status", "--json")
    assert (status.returncode, json.loads(status.stdout)["companies"][0]["state"]) == (77, "disconnected")
    assert "DISCONNECTED by a person" in syncd(config, "status").stdout
    assert syncd(config, "reconcile").returncode == 77
    assert syncd(config, "disconnect", "--yes").returncode == 0, "twice does no harm"

    there = world.one("Invoice", DocNumber="INV-1")
    change(world, "Invoice", there, DueDate="2026-09-09")
    world.sql("UPDATE invoice SET notes = 'Meanwhile' WHERE number = 'INV-2'")
    world.grant()
    world.run()
    if profile == "ruddr":
        assert str(row(world, "invoice", 1)["due_date"]) == "2026-09-09"
        assert world.one("Invoice", DocNumber="INV-2")["CustomerMemo"]["value"] == "Meanwhile"
    assert born(world, "Invoice") == {"INV-1": 1, "INV-2": 1}
    once(world)
    at_rest(world)
    assert "the grant was given back" in syncd(config, "history", "export", "--csv", "-").stdout


@pytest.mark.behaviour("B-12")
def test_where_intuit_cannot_be_told_the_grant_is_used_no_more_all_the_same(world: World) -> None:
    world.run()
    config = command(world)
    text = config.read_text()
    config.write_text(text.replace(f'revoke_url = "{world.sandbox.base_url}', 'revoke_url = "http://127.0.0.1:9'))
    done = syncd(config, "disconnect", "--yes")
    assert done.returncode == 0
    assert "Remove syncd in QuickBooks, too" in done.stderr
    with pytest.raises(ReconnectNeeded):
        world.run()


@pytest.mark.behaviour("O-1")
def test_no_plan_of_the_source_is_asked_for(world: World) -> None:
    """Whatever OneDesk demands of its customers is told in the guide; here the check has nothing to say of it."""
    guide = Path(__file__).parents[2] / "docs" / "onedesk.md"
    assert "Premium" in guide.read_text(encoding="utf-8")
    assert not [f for f in world.engine.check() if "Premium" in f.text]
