"""Connections, companies and limits (sections E and F of the catalogue), as far as no other test shows the defence."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.e2e.conftest import Make
from tests.e2e.helpers import at_rest, born, held, mutations, once
from tests.reliability.fault_stage import no_pauses
from tests.support.world import World


@pytest.mark.failure("F-61")
def test_renewing_one_companys_grant_leaves_anothers_alone(make: Make) -> None:
    """Two companies with one state database, both with access tokens that ran out, take turns."""
    one = make(name="one")
    two = make(name="two", state_url=one.state_url, key=one.key)
    worlds = (one, two)
    for each in worlds:
        each.invoice(each.client("Ada"), "INV-1")
        tokens = each.store.tokens("sandbox", each.realm)
        grant = tokens.load()
        assert grant is not None
        ended = msgspec.structs.replace(grant, access_expires_at=each.clock.now() - timedelta(seconds=1))
        tokens.save(ended, grant.version)

    def grants() -> list[tuple[str, str, int]]:
        loaded = [each.store.tokens("sandbox", each.realm).load() for each in worlds]
        return [(grant.access_token, grant.refresh_token, grant.version) for grant in loaded if grant is not None]

    before = grants()
    one.run()
    renewed = grants()
    assert renewed[0] != before[0]
    assert renewed[1] == before[1]
    two.run()
    assert grants()[0] == renewed[0]
    assert grants()[1] != before[1]
    for each in worlds:
        at_rest(each)


@pytest.mark.failure("F-66")
def test_a_lapsed_subscription_is_no_fault_of_any_record(world: World) -> None:
    """Nothing is held, nothing hammers; the writes wait and go out once the subscription is renewed."""
    ada = world.client("Ada")
    world.invoice(ada, "INV-1")
    world.run()
    for n in range(2, 8):
        world.invoice(ada, f"INV-{n}")
    world.sandbox.change_company(world.realm, subscription="EXPIRED")
    first = world.sandbox.last_request()
    for _ in range(3):
        world.run()
        assert held(world) == []
    assert len(mutations(world, first)) <= 3, "one try a run tells enough"
    assert born(world, "Invoice") == {"INV-1": 1}
    findings = " ".join(f"{finding.text} {finding.remedy}" for finding in world.engine.check())
    assert "lapsed" in findings
    world.sandbox.change_company(world.realm, subscription="PAID")
    world.run()
    assert len(born(world, "Invoice")) == 7
    once(world)
    at_rest(world)


def batches(world: World, after: int) -> list[list[dict[str, Any]]]:
    """The operations of each batch since a request of the ledger."""
    found = world.sandbox.requests(after=after, realm=world.realm, endpoint="batch")
    return [json.loads(world.sandbox.request(entry["seq"])["request_body"])["BatchItemRequest"] for entry in found]


@pytest.mark.failure("F-70")
@pytest.mark.parametrize("size", [1, 7, 30])
def test_batches_are_as_large_as_they_are_set_to_be(make: Make, size: int) -> None:
    world = make(qbo={"batch_size": size})
    ada = world.client("Ada")
    for n in range(31):
        world.invoice(ada, f"INV-{n}")
    world.sandbox.switch(keep_bodies=True)
    first = world.sandbox.last_request()
    world.run()
    world.sandbox.switch(keep_bodies=False)
    assert max((len(items) for items in batches(world, first)), default=1) == size
    assert len(world.books("Invoice")) == 31


@pytest.mark.failure("F-70")
def test_a_batch_that_is_too_large_goes_out_again_in_smaller_ones(world: World) -> None:
    """QuickBooks takes fewer than it says: nothing is held over it, and nothing is there twice."""
    ada = world.client("Ada")
    world.invoice(ada, "INV-0")
    world.run()
    for n in range(1, 21):
        world.invoice(ada, f"INV-{n}", (f"{n}.00", "Work"))
    world.sandbox.add_fault("status", code="1040", endpoint="batch", realm=world.realm)
    first = world.sandbox.last_request()
    world.run()
    assert held(world) == []
    world.run()
    assert born(world, "Invoice") == {f"INV-{n}": 1 for n in range(21)}
    sizes = [len(r["bids"]) for r in mutations(world, first) if r["operation"] == "batch" and r["status"] == 200]
    assert max(sizes) <= 10, "half of what was refused"
    at_rest(world)


@pytest.mark.failure("F-70", "F-43")
def test_look_ups_that_are_too_many_for_a_batch_are_asked_in_smaller_ones(world: World) -> None:
    for n in range(12):
        world.invoice(world.client(f"Client {n}"), f"INV-{n}")
    world.sandbox.add_fault("status", code="1040", endpoint="batch", count=1, realm=world.realm)
    with no_pauses():
        world.run()
        world.run()
    assert len(born(world, "Invoice")) == 12
    once(world)
    at_rest(world)


@pytest.mark.failure("F-73")
def test_a_backlog_goes_out_thirty_at_a_time(world: World) -> None:
    """The pace allows forty batches a minute: what they carry is what the end of a month takes."""
    ada = world.client("Ada")
    world.invoice(ada, "INV-0")
    world.run()
    for n in range(1, 121):
        world.invoice(ada, f"INV-{n}", (f"{n}.00", "Work"))
    first = world.sandbox.last_request()
    world.run()
    assert len(born(world, "Invoice")) == 121
    sent = mutations(world, first)
    assert [len(entry["bids"]) for entry in sent if entry["bids"]].count(30) >= 4
    every = world.sandbox.requests(after=first, realm=world.realm)
    assert len(every) <= 20, [f"{r['endpoint']} {r['operation']}" for r in every]
