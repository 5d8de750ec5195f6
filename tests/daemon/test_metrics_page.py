"""docs/metrics.md, the table in the code and what the port serves are the same thing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from metrics_page import PAGE, page

from syncd.metrics import METRICS


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tests/daemon/metrics_page.py"


def test_what_is_served_is_what_is_documented(serve: Callable[..., Any]) -> None:
    _, _, text = serve("quick-a").get("/metrics")
    served = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    for spec in METRICS:
        name = f"{spec.name}_total" if spec.type == "counter" else spec.name
        assert served.pop(name) == spec.type
        assert helps[name] == spec.meaning
    rest = [name for name in served if not name.endswith("_created")]
    assert [name for name in rest if not name.startswith(("process_", "python_"))] == []
