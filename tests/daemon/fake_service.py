"""The daemon with engines that do as a test says: ``python fake_service.py CONFIG FOLDER``.

What an engine does is in its company's name: ``quick`` works at once, ``broken`` and ``crash`` fail, ``slow`` takes
until it is stopped, ``stubborn`` never ends. Each writes what it did into ``FOLDER/<company>``.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from syncd import log
from syncd.clock import SystemClock
from syncd.config import AppConfig, CompanyConfig, load_config
from syncd.daemon import Daemon
from syncd.errors import LeaseHeld, QboUnavailable
from syncd.metrics import Metrics
from syncd.report import AuditReport, CycleReport, CycleRequest


class FakeEngine:
    def __init__(self, folder: Path, company: CompanyConfig, stop: threading.Event) -> None:
        if company.name.startswith("unbuildable"):
            raise QboUnavailable("cannot be built")
        self.company = company
        self.stop = stop
        self.file = folder / company.name
        self.note(f"built {company.qbo.client_id}")

    def note(self, text: str) -> None:
        with self.file.open("a") as file:
            file.write(text + "\n")

    def reconcile(self, request: CycleRequest) -> CycleReport:
        assert request.actor == "daemon"
        self.note("begin")
        match self.company.name.split("-")[0]:
            case "broken":
                raise QboUnavailable("QuickBooks is away.")
            case "busy":
                raise LeaseHeld("Another runner works on this company.")
            case "crash":
                raise RuntimeError(f"token {self.company.qbo.client_secret.get_secret_value()} in a message")
            case "slow":
                self.stop.wait()
                self.note("parked")
            case "stubborn":
                threading.Event().wait()
        self.note("end")
        return CycleReport(company=self.company.name, run_id="run-1", outcome="ok")

    def audit(self) -> AuditReport:
        self.note("audit")
        return AuditReport(company=self.company.name, compared=0, agree=0)

    def close(self) -> None:
        self.note("closed")


def main() -> int:
    config, folder = load_config(Path(sys.argv[1])), Path(sys.argv[2])
    log.configure("info", "json", sys.stdout)
    log.protect(*config.secrets())

    def build(app: AppConfig, company: CompanyConfig, stop: threading.Event) -> FakeEngine:
        return FakeEngine(folder, company, stop)

    return Daemon(config, build=build, clock=SystemClock(), metrics=Metrics()).run()


if __name__ == "__main__":
    sys.exit(main())
