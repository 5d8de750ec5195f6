"""One trial: the machine runs on the code that stands beside it, and the first invariant that fails is printed as JSON.

Started by ``teeth`` in a copy of the tree, one line of which is wrong. Hypothesis keeps no examples: each fault has to
be found anew, and dies for its own reason.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import initialize, run_state_machine_as_test

from tests.reliability.machine import SyncMachine
from tests.reliability.machine_broken import Broken
from tests.reliability.machine_draws import setups
from tests.reliability.machine_stage import Setup


class Counted(SyncMachine):
    """The machine, with what was found and how many examples it took."""

    begun = 0
    first: BaseException | None = None

    def __init__(self) -> None:
        super().__init__()
        Counted.begun += Counted.first is None

    def teardown(self) -> None:
        """Remember what went wrong first: Hypothesis runs a failing example once more before it tells."""
        self._remember(sys.exc_info()[1])
        try:
            super().teardown()
        except Exception as error:
            self._remember(error)
            raise

    @staticmethod
    def _remember(error: BaseException | None) -> None:
        if isinstance(error, Exception):  # what else is raised is how Hypothesis ends an example early
            Counted.first = Counted.first or error


def focused(rules: Sequence[str], fixed: Mapping[str, Any]) -> type[Counted]:
    """The machine with these rules alone, in worlds of this sort; all of it where nothing is named."""
    if not rules:
        return Counted
    every = {each.function.__name__ for each in SyncMachine().rules}
    if not every.issuperset(rules):
        raise ValueError(f"the machine has not all of {rules}: it has {sorted(every)}")

    class Focused(Counted):
        @initialize(setup=setups)
        def begin(self, setup: Setup) -> None:
            self.begin_with(replace(setup, **fixed))

    for name in every.difference(rules):
        setattr(Focused, name, _no_rule(getattr(SyncMachine, name)))
    return Focused


def _no_rule(method: Callable[..., Any]) -> Callable[..., Any]:
    """The same method, which other rules may call, and Hypothesis may not choose."""

    def hidden(machine: SyncMachine, *args: Any, **options: Any) -> Any:
        return method(machine, *args, **options)

    return hidden


def trial(examples: int, steps: int, chance: int, rules: Sequence[str], fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Run the machine; what it found: the invariant and its words, or nothing."""
    began = time.process_time()
    wanted = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    found: BaseException | None = None
    try:
        run_state_machine_as_test(seed(chance)(focused(rules, fixed)), settings=wanted)
    except Exception as error:
        found = Counted.first or error
    name = found.invariant if isinstance(found, Broken) else type(found).__name__ if found is not None else ""
    return {
        "broken": name,
        "text": " ".join(str(found).split())[:600] if found is not None else "",
        "examples": Counted.begun,
        "seconds": round(time.process_time() - began, 1),
    }


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    sys.stdout.write(json.dumps(trial(**asked)) + "\n")
