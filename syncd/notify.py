"""What systemd is told about the service: the sd_notify protocol, which is one datagram per message."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Speaks to the service manager that started us, or to nobody when none did."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        env = os.environ if environ is None else environ
        address = env.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_seconds = _watchdog_seconds(env)

    def ready(self) -> None:
        """The service is up (also the end of a reload)."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read again; ends with ``ready``."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self) -> None:
        """The service begins to stop."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send("STATUS=" + " ".join(text.split()))

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(1.0)
                sender.connect(self._address)
                sender.sendall(message.encode())
        except OSError:
            # Nobody listens (any more). The service goes on: systemd's own timeouts are the remedy.
            return


def _watchdog_seconds(env: Mapping[str, str]) -> float | None:
    """The watchdog's period if it is meant for this process, else None."""
    pid = env.get("WATCHDOG_PID", "")
    microseconds = env.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or int(microseconds) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(microseconds) / 1_000_000
