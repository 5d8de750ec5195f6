"""Carrying webhooks to an endpoint: one task each on the server's event loop, so that no answer of the API waits.

Retries follow the sandbox's clock and wake up when it is moved; only the endpoint's deadline is real time.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from syncd.sandbox.clock import stamp_millis
from syncd.sandbox.switches import Switches
from syncd.sandbox.webhook_payloads import headers
from syncd.sandbox.webhook_queue import Delivery, Outbox
from syncd.sandbox.world import World


def loopback_url(url: str) -> SplitResult:
    """An ``http`` address of this machine in its parts; ValueError for any other."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or parts.port == 0:
        raise ValueError("url must be http://...")
    with suppress(ValueError):
        if host == "localhost" or ip_address(host).is_loopback:
            return parts
    raise ValueError("url must be on loopback (127.0.0.1, ::1 or localhost): the sandbox does not reach further")


async def post(url: str, head: dict[str, str], body: bytes, deadline_seconds: float) -> tuple[int | None, str]:
    """One POST on a connection of its own: the status, or None and what went wrong."""
    try:
        async with asyncio.timeout(deadline_seconds):
            return await _post(loopback_url(url), head, body), ""
    except TimeoutError:
        return None, f"no answer within {deadline_seconds:g} s"
    except (OSError, EOFError, ValueError) as error:
        return None, str(error) or type(error).__name__


async def _post(url: SplitResult, head: dict[str, str], body: bytes) -> int:
    reader, writer = await asyncio.open_connection(url.hostname, url.port or 80)
    try:
        target = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
        lines = {"host": url.netloc, "content-length": str(len(body)), "connection": "close", **head}
        start = f"POST {target} HTTP/1.1\r\n" + "".join(f"{name}: {text}\r\n" for name, text in lines.items())
        writer.write(f"{start}\r\n".encode("latin-1") + body)
        await writer.drain()
        status, length = _answer(await reader.readuntil(b"\r\n\r\n"))
        if length:  # not read, it could make the endpoint complain of a broken pipe
            await reader.readexactly(length)
        return status
    finally:
        writer.close()


def _answer(head: bytes) -> tuple[int, int]:
    """Status and length of the body, as far as it is told."""
    first, *lines = head.split(b"\r\n")
    version, _, rest = first.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise ValueError("not an HTTP answer")
    pairs = (line.partition(b":") for line in lines)
    lengths = [int(value) for name, _, value in pairs if name.strip().lower() == b"content-length"]
    return int(rest[:3]), lengths[0] if lengths else 0


class Courier:
    """Takes what is due out of an outbox and posts it, one after the other."""

    def __init__(self, outbox: Outbox, world: World) -> None:
        self.outbox = outbox
        self._clock = world.clock
        self._switches: Switches = world.switches
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._at_rest = asyncio.Event()
        self._clock.watchers.append(self._clock_moved)
        self._task = asyncio.create_task(self._run(), name="webhooks")

    def stop(self) -> None:
        """End for good."""
        self._clock.watchers.remove(self._clock_moved)
        self._task.cancel()

    def poke(self) -> None:
        """There may be something to do."""
        self._at_rest.clear()
        self._wake.set()

    async def settled(self) -> None:
        """Until nothing is due at the present moment of the sandbox's clock."""
        await self._at_rest.wait()

    def _clock_moved(self) -> None:
        """The clock may be moved by any thread."""
        with suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(self.poke)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            delivery = self.outbox.take(self._clock.now())
            if delivery is not None:
                self._at_rest.clear()
                await self._send(delivery)
            else:
                self._at_rest.set()
                await self._wait()

    async def _wait(self) -> None:
        """Until poked, or until the sandbox's clock comes to the next moment; a frozen clock never does."""
        moment, speed = self.outbox.next_moment(), self._clock.speed
        seconds = None if moment is None or speed <= 0 else max(0.0, moment - self._clock.now()) / speed
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _send(self, delivery: Delivery) -> None:
        hook, switches = self.outbox.hook, self._switches
        head = headers(delivery.form, delivery.body, hook.verifier_token, delivery.created, switches)
        at = self._clock.now()
        status, error = await post(hook.url, head, delivery.body, switches.webhook_deadline_seconds)
        self.outbox.settle(delivery, status, self._clock.now())
        self.outbox.attempts.append(
            {
                "at": stamp_millis(at),
                "delivery": delivery.number,
                "attempt": delivery.tries,
                "url": hook.url,
                "status": status,
                "error": error,
                "event_ids": [event.id for event in delivery.events],
                "headers": head,
                "body": delivery.body.decode(),
            }
        )
