"""The table of metrics and the metrics themselves are the same thing."""

from __future__ import annotations

import re

import pytest
from prometheus_client import Counter, Gauge, Histogram, generate_latest

from syncd.metrics import METRICS, Metrics

_KINDS = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}


def test_every_metric_of_the_table_exists_and_no_other() -> None:
    made = Metrics(process=False)
    objects = [value for value in vars(made).values() if isinstance(value, Counter | Gauge | Histogram)]
    by_name = {each._name: each for each in objects}
    assert set(by_name) == {spec.name for spec in METRICS}
    for spec in METRICS:
        found = by_name[spec.name]
        assert isinstance(found, _KINDS[spec.type])
        assert found._labelnames == spec.labels
        assert spec.meaning.endswith(".")


@pytest.mark.parametrize("spec", METRICS, ids=lambda spec: spec.name)
def test_names_follow_the_conventions(spec: object) -> None:
    name = spec.name  # type: ignore[attr-defined]
    assert re.fullmatch(r"syncd_[a-z_]+", name)
    assert not name.endswith("_total")  # the client adds it
    assert not {"id", "qbo_id", "source_id", "number"} & set(spec.labels)  # type: ignore[attr-defined]


def test_two_in_one_process_and_the_text_form() -> None:
    first, second = Metrics(), Metrics()
    first.cycles.labels("acme", "ok").inc()
    assert b'syncd_cycles_total{company="acme",outcome="ok"} 1.0' in generate_latest(first.registry)
    assert b'company="acme"' not in generate_latest(second.registry)
    assert b"process_resident_memory_bytes" in generate_latest(first.registry)
