"""Any name that QuickBooks holds is found again exactly, whatever characters it is made of (F-78, F-79)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncd.model.kinds import Kind
from syncd.model.observations import Present
from syncd.model.records.lists import Client
from syncd.model.values import name_key
from syncd.sandbox.server import RefusedError, running_sandbox
from tests.support.world import World
from tests.support.world import world as new_world

AWKWARD = "'\"\\`&#%+?;=*_-<>()[]{}|~^$€£ \u00a0\u200b\u2028\u202e\ufeff\u0301éÉßİıǅ東京עבר😀𝔘\x7f\x85"
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(AWKWARD), min_size=1, max_size=40)
NAMES = st.lists(TEXT, min_size=1, max_size=8, unique=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One company for all examples: its list grows."""
    folder: Path = tmp_path_factory.mktemp("names")
    with running_sandbox(switches={"throttle": "off"}) as sandbox, new_world(folder, sandbox) as made:
        yield made


@pytest.mark.failure("F-78", "F-79")
@settings(max_examples=60)
@given(names=NAMES)
@example(
    names=["O'Brien & Söhne", "50% off #1 + more", "back\\slash", "' OR Id > '0", "a' AND Active = true --", "%41", "A"]
)
@example(names=["\\'", "\\", "'", "''", "' ", "\\\\'", "%", "_", "%27", "&#39;"])
def test_a_name_of_any_characters_is_found_again_exactly(world: World, names: list[str]) -> None:
    made = create(world, names)
    probes = [Client(identity, name) for identity, name in made.items()]
    found = world.engine.parts.books.find(Kind.CLIENT, probes)
    assert found.keys() == made.keys()
    for identity, name in made.items():
        candidates = found[identity]
        assert isinstance(candidates, tuple), (name, candidates)
        records = [each.record for each in candidates if isinstance(each, Present)]
        assert identity in {record.id for record in records}, name
        assert {name_key(record.name) for record in records if isinstance(record, Client)} == {name_key(name)}


def create(world: World, names: list[str]) -> dict[str, str]:
    """Customers with these names, as far as QuickBooks takes them: id to the name as it is kept."""
    items: list[dict[str, Any]] = [
        {"bId": str(number), "operation": "create", "Customer": {"DisplayName": name}}
        for number, name in enumerate(names)
    ]
    try:
        answers = world.accountant.batch(items)
    except RefusedError:  # one name that cannot be read spoils the batch
        return {key: name for one in names for key, name in create(world, [one]).items()} if len(names) > 1 else {}
    saved = [answer["Customer"] for answer in answers.values() if "Customer" in answer]
    return {each["Id"]: each["DisplayName"] for each in saved}


def test_most_names_are_taken(world: World) -> None:
    """So that the property above is about something."""
    names = [f"{character}{number}" for number, character in enumerate(AWKWARD)]
    taken = [made for start in range(0, len(names), 25) for made in create(world, names[start : start + 25]).values()]
    assert len(taken) > len(names) * 0.8
