"""The daemon as systemd and Prometheus see it: a real process, real signals, real sockets; the engines are fakes."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from service_process import SECRET, config_text

from syncd.errors import EXIT_CONFIG, EXIT_UNEXPECTED

Serve = Callable[..., Any]


def metric(text: str, name: str, **labels: str) -> float:
    wanted = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    found = re.search(rf"^{name}(?:\{{{re.escape(wanted)}\}})? (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def test_it_starts_works_and_stops(serve: Serve) -> None:
    service = serve("quick-a", "quick-b")
    service.until(lambda: "READY=1" in service.told)
    service.until(lambda: service.did("quick-a").count("end") >= 2 and service.did("quick-b").count("end") >= 2)
    service.until(lambda: "STATUS=quick-a: ok, quick-b: ok" in service.told)
    service.signal(signal.SIGTERM)
    assert service.exit_code() == 0
    service.until(lambda: "STOPPING=1" in service.told)
    assert service.did("quick-a")[-1] == "closed"
    assert service.logged("stopped")


def test_every_line_is_json_with_time_level_and_action(serve: Serve) -> None:
    service = serve("quick-a", "crash-b")
    service.wait_for("cycle_done", company="quick-a", outcome="ok")
    service.wait_for("work_crashed", company="crash-b")
    service.signal(signal.SIGINT)
    assert service.exit_code() == 0
    assert len(service.lines) == len(service.raw)
    assert all({"time", "level", "action"} <= line.keys() for line in service.lines)


def test_no_secret_reaches_the_log(serve: Serve) -> None:
    service = serve("crash-a")
    line = service.wait_for("work_crashed")
    assert "RuntimeError" in line["exception"]
    assert SECRET not in "".join(service.raw)
    assert "[hidden]" in line["error"]


def test_one_that_fails_or_waits_never_holds_up_another(serve: Serve) -> None:
    service = serve("slow-a", "broken-b", "crash-c", "unbuildable-d", "busy-e", "quick-f")
    service.until(lambda: service.did("quick-f").count("end") >= 3)
    assert service.did("slow-a") == ["built app", "begin"]
    assert service.did("broken-b").count("begin") >= 2
    assert service.did("broken-b").count("built app") == 1, "a failed cycle keeps its engine"
    assert service.did("crash-c").count("built app") >= 2, "after a crash the engine is made anew"
    _, _, text = service.get("/metrics")
    assert metric(text, "syncd_scheduler_runs_total", result="failed") >= 6
    status, _, body = service.get("/readyz")
    companies = json.loads(body)["companies"]
    assert status == 503, "one company has no engine"
    assert companies["quick-f"]["outcome"] == "ok"
    assert companies["broken-b"]["outcome"] == "failed"
    assert companies["busy-e"]["outcome"] == "busy"
    assert not companies["unbuildable-d"]["ready"]
    assert service.get("/healthz")[0] == 200


def test_a_company_never_runs_twice_at_once_and_skipped_runs_are_counted(serve: Serve) -> None:
    service = serve("slow-a")
    skipped = "syncd_scheduler_runs_total"
    service.until(lambda: metric(service.get("/metrics")[2], skipped, result="skipped") >= 1)
    assert service.did("slow-a").count("begin") == 1
    assert service.logged("run_not_started", result="skipped")


def test_stopping_lets_work_in_hand_come_to_a_safe_point(serve: Serve) -> None:
    service = serve("slow-a")
    service.until(lambda: service.did("slow-a")[-1:] == ["begin"])
    service.signal(signal.SIGTERM)
    assert service.exit_code() == 0
    assert service.did("slow-a")[1:] == ["begin", "parked", "end", "closed"]


def test_a_second_signal_ends_it_at_once(serve: Serve) -> None:
    service = serve("stubborn-a")
    service.until(lambda: service.did("stubborn-a")[-1:] == ["begin"])
    service.signal(signal.SIGTERM)
    service.wait_for("stopping")
    time.sleep(0.3)
    assert service.process.poll() is None
    service.signal(signal.SIGTERM)
    assert service.exit_code() == EXIT_UNEXPECTED
    assert service.logged("stop_forced")


def test_a_bad_configuration_is_refused_and_the_old_goes_on(serve: Serve) -> None:
    service = serve("quick-a")
    service.wait_for("cycle_done")
    service.config.write_text(config_text(service.folder, ["quick-a"], extra="pol_interval = 3"))
    service.signal(signal.SIGHUP)
    line = service.wait_for("reload_refused")
    assert "expected perhaps poll_interval_seconds" in line["problems"][0]
    service.until(lambda: service.told.count("READY=1") == 2)
    assert any(re.match(r"RELOADING=1\nMONOTONIC_USEC=\d+", message) for message in service.told)
    service.until(lambda: any("refused" in told for told in service.told if told.startswith("STATUS=")))
    ends = service.did("quick-a").count("end")
    service.until(lambda: service.did("quick-a").count("end") > ends + 1)


def test_a_good_configuration_adds_changes_and_removes_companies(serve: Serve) -> None:
    service = serve("quick-a", "slow-b", "quick-c")
    service.until(lambda: service.did("slow-b")[-1:] == ["begin"] and service.did("quick-c"))
    service.config.write_text(config_text(service.folder, ["quick-a", "quick-d"], client_id="other"))
    service.signal(signal.SIGHUP)
    assert service.wait_for("reloaded")["companies"] == ["quick-a", "quick-d"]
    service.until(lambda: "built other" in service.did("quick-a"))
    service.until(lambda: service.did("quick-d").count("end") >= 2)
    service.until(lambda: service.did("slow-b")[-1] == "closed")
    service.until(lambda: service.did("quick-c")[-1] == "closed")
    done = service.did("quick-a")
    assert done.index("closed") < done.index("built other"), "the old engine is closed before the new one is made"
    assert set(json.loads(service.get("/readyz")[2])["companies"]) == {"quick-a", "quick-d"}


def test_what_needs_a_restart_is_said(serve: Serve) -> None:
    service = serve("quick-a")
    service.wait_for("cycle_done")
    service.config.write_text(service.config.read_text().replace("state.db", "other.db"))
    service.signal(signal.SIGHUP)
    assert service.wait_for("reload_needs_restart")["settings"] == ["syncd.state_url"]


def test_the_watchdog_is_fed(serve: Serve) -> None:
    service = serve("slow-a", WATCHDOG_USEC="2000000")
    service.until(lambda: service.told.count("WATCHDOG=1") >= 4, 10)


def test_a_watchdog_for_another_process_is_not_ours(serve: Serve) -> None:
    service = serve("quick-a", WATCHDOG_USEC="400000", WATCHDOG_PID="1")
    service.wait_for("cycle_done")
    time.sleep(1)
    assert service.told.count("WATCHDOG=1") <= 2


def test_it_also_runs_without_a_service_manager(serve: Serve) -> None:
    service = serve("quick-a", NOTIFY_SOCKET="")
    service.wait_for("cycle_done")
    service.signal(signal.SIGTERM)
    assert service.exit_code() == 0


def test_metrics_in_the_format_asked_for(serve: Serve) -> None:
    service = serve("quick-a")
    status, headers, text = service.get("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "process_resident_memory_bytes" in text
    assert re.search(r'^syncd_build_info\{python="[^"]+",version="[^"]+"\} 1\.0$', text, re.MULTILINE)
    status, headers, text = service.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text; version=abc", "text/plain; version=1.0.0; escaping=x", "*/*", ";;,"]
)
def test_a_senseless_accept_header_gets_the_plain_format(serve: Serve, accept: str) -> None:
    assert serve("quick-a").get("/metrics", Accept=accept)[0] == 200


def test_the_port_is_on_loopback_and_has_limits(serve: Serve) -> None:
    service = serve("quick-a")
    assert service.wait_for("http_listening")["address"] == "127.0.0.1"
    assert service.get("/metrics", "POST", "x" * 70_000)[0] == 413
    assert service.get("/metrics", "POST", "x")[0] == 405
    assert service.get("/nothing")[0] == 404
    crowd = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(8)]
    service.until(lambda: service.get("/healthz")[0] == 503)
    for one in crowd:
        one.close()
    service.until(lambda: service.get("/healthz")[0] == 200)


def test_a_body_that_never_says_how_long_it_is(serve: Serve) -> None:
    service = serve("quick-a")
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(40):
                client.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            answer = client.recv(4096)
        except OSError:  # refused and closed while we still sent
            answer = b" 413 "
    assert b" 413 " in answer


def test_a_port_that_is_taken_is_a_configuration_error(serve: Serve, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = serve("quick-a", SYNCD__HTTP__PORT=str(port))
        assert service.exit_code() != 0
    assert f"The HTTP port 127.0.0.1:{port} cannot be opened" in "".join(service.raw)
    assert EXIT_CONFIG == 78
