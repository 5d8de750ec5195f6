"""syncd under every value of every switch of the look-alike: what nobody knows of QuickBooks must not matter to it.

The same short story each time, with an expired token and a lost answer in it; at its end both sides agree, every
document was created once, and another run has nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from syncd.errors import SyncdError
from syncd.qbo import transport
from syncd.sandbox.server import running_sandbox
from syncd.sandbox.switches import CHOICES, NUMBERS, Switches
from tests.e2e.helpers import at_rest, born, change, once, receive, row, sales_line, totals
from tests.support.world import World
from tests.support.world import world as new_world

HOUR = 3700
LIMITS = ("throttle", "requests_per", "batches_per", "monthly")


NOT_SEEN = ("webhook_", "keep_bodies")
"""syncd takes no webhooks, and the ledger is the sandbox's own."""


def other_values() -> Iterator[tuple[str, Any]]:
    """Each switch that syncd can notice, with each value that is not its default."""
    for switch in fields(Switches):
        if switch.name.startswith(NOT_SEEN):
            continue
        default = getattr(Switches(), switch.name)
        values = CHOICES.get(switch.name) or ((True, False) if isinstance(default, bool) else NUMBERS[switch.name])
        yield from ((switch.name, value) for value in values if value != default)


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A company in a look-alike of its own with one switch set; limits are on only where they are the switch."""
    name, value = request.param
    monkeypatch.setattr(transport, "_backoff", lambda _: 0.0)
    pause = 1.1 if name == "requests_per_second" else 0.05  # for minutes, the look-alike's clock is moved instead
    for module in ("syncd.qbo.transport", "syncd.qbo.limiter"):
        monkeypatch.setattr(f"{module}.PENALTY_SECONDS", pause)
    if name == "cdc_limit":  # not unknown: a smaller number of what QuickBooks documents, to try what happens beyond it
        monkeypatch.setattr("syncd.qbo.cdc.CAP", value)
    limited = name.startswith(LIMITS)
    switches = ({} if limited else {"throttle": "off"}) | {name: value}
    rates = {"EUR": "1.1"}
    with (
        running_sandbox(switches=switches) as sandbox,
        new_world(tmp_path, sandbox, exchange_rates=rates, qbo={"throttle": limited}) as made,
    ):
        yield made


def _patient(world: World) -> None:
    """Some time passes, a run that may fail with a reason, and a person has other things to do meanwhile."""
    world.sandbox.advance(75)
    with suppress(SyncdError):
        world.run()
    world.sandbox.advance(75)
    world.sandbox.admin("POST", "/throttle/reset")


@pytest.mark.parametrize("world", list(other_values()), indirect=True, ids=lambda pair: f"{pair[0]}={pair[1]}")
def test_the_story_ends_in_agreement(world: World) -> None:
    ada, eva = world.client("Ada"), world.client("Eva", "EUR")
    first = world.invoice(ada, "INV-1", ("100.00", "Work"), ("50.00", "Travel"), discount="15.00")
    second = world.invoice(eva, "INV-2", ("80.00", "Design"), currency="EUR")
    draft = world.invoice(ada, "INV-3", state="draft")
    _patient(world)

    # An accountant receives money and edits; in the source money arrives, too, and a draft is published.
    one, two = world.one("Invoice", DocNumber="INV-1"), world.one("Invoice", DocNumber="INV-2")
    receive(world, one["CustomerRef"]["value"], (one["Id"], "35.00"))
    line = sales_line("90.00", "Design and print")
    change(world, "Invoice", two, Line=[line], ExchangeRate=Decimal("1.1"))
    world.payment(ada, (first, "60.00"))
    world.sql("UPDATE invoice SET state = 'published' WHERE id = :id", id=draft)
    world.invoice(ada, "INV-4", ("20.00", "More"))
    world.sandbox.add_fault("reset", when="after", operation="create", entity="Invoice", realm=world.realm)
    _patient(world)
    world.sandbox.clear_faults()

    # The token ends, and one of the payments is taken back where it came from.
    world.sandbox.advance(HOUR)
    world.accountant = world.sandbox.connect(world.realm)
    world.sql("UPDATE invoice SET notes = 'Thank you' WHERE id = :id", id=first)
    for _ in range(3):
        _patient(world)

    assert born(world, "Invoice") == {f"INV-{n}": 1 for n in range(1, 5)}
    assert totals(world.books("Invoice")) == Decimal("345.00")
    assert Decimal(str(world.one("Invoice", DocNumber="INV-1")["Balance"])) == Decimal("40.00")
    assert Decimal(str(row(world, "invoice", second)["total"])) == Decimal("90.00")
    assert len(world.rows("SELECT id FROM payment")) == len(world.books("Payment")) == 2
    once(world)
    world.sandbox.admin("POST", "/throttle/reset")
    at_rest(world)
