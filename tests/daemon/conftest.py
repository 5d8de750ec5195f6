"""Services of the daemon's tests."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from service_process import SECRET, Service, config_text

SCRIPT = Path(__file__).with_name("fake_service.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"key": base64.urlsafe_b64encode(b"k" * 32).decode(), "secret": SECRET}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return tmp_path


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[..., Service]]:
    """Start the service with fake engines for these companies."""
    with ExitStack() as stack:

        def start(*companies: str, extra: str = "", **environ: str) -> Service:
            config = folder / "config.toml"
            config.write_text(config_text(folder, companies, extra=extra))
            command = [sys.executable, str(SCRIPT), str(config), str(folder)]
            return Service(folder, command, config, stack, **environ)

        yield start
