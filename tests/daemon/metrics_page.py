"""Makes docs/metrics.md from the table in the code: ``python tests/daemon/metrics_page.py``."""

from __future__ import annotations

from pathlib import Path

from syncd.metrics import METRICS

PAGE = Path(__file__).parents[2] / "docs/metrics.md"
HEAD = """\
# Metrics

On `http://127.0.0.1:9464/metrics` (`[http]` in the configuration), in the Prometheus text format, or in OpenMetrics if
the request asks for it. Labels are companies and small fixed sets, never the id or name of a record.

What to alert on, in this order: the age of `syncd_last_success_timestamp_seconds` (it also notices a service that is
not there), `syncd_reconnect_needed`, `syncd_halted`, `syncd_drift_records_total`, `syncd_journal_entries{state="sent"}`
that stays, a growing `syncd_records_held`, and `syncd_token_expiry_timestamp_seconds` 30, 14, 7 and 2 days ahead.
Rules for all of these, ready to be adapted: [alerts.yml](alerts.yml).

This table is made from the code (`python tests/daemon/metrics_page.py`), and a test compares it with what is served.

| metric | type | labels | unit | meaning |
|---|---|---|---|---|
"""
TAIL = """
Beside these there are the Python client's own: `process_*` (memory, file descriptors, CPU, start time), `python_gc_*`
and `python_info`.
"""


def page() -> str:
    """The page as it should be."""
    rows = []
    for spec in METRICS:
        name = f"{spec.name}_total" if spec.type == "counter" else spec.name
        labels = ", ".join(f"`{label}`" for label in spec.labels) or "none"
        rows.append(f"| `{name}` | {spec.type} | {labels} | {spec.unit} | {spec.meaning} |\n")
    return HEAD + "".join(rows) + TAIL


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
