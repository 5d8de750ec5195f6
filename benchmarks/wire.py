"""A load of plain HTTP requests over connections that stay open: cheap enough that the server is what is measured."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass
class _Line:
    """One connection with the requests that it still has to send."""

    sock: socket.socket
    waiting: Iterator[bytes]
    heard: bytearray = field(default_factory=bytearray)
    size: int = 0
    sent_at: float = 0.0


@dataclass
class Load:
    """What came back: seconds in all, and the answer time of each request in seconds."""

    seconds: float
    times: list[float]
    last: bytes

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.times) / self.seconds

    @property
    def median_ms(self) -> float:
        """The answer time that half of the requests stay below."""
        return 1000 * sorted(self.times)[len(self.times) // 2]


def request(method: str, path: str, token: str, body: bytes = b"") -> bytes:
    """One request, ready to be sent."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Accept: application/json\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def drive(port: int, work: Iterable[Iterable[bytes]]) -> Load:
    """Send each list over a connection of its own, one request after the other, all connections at once.

    Raises where an answer is not 200: a benchmark of refusals would mean nothing.
    """
    chooser = selectors.DefaultSelector()
    lines = []
    for each in work:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = _Line(sock, iter(each))
        lines.append(line)
        chooser.register(sock, selectors.EVENT_READ, line)
    times: list[float] = []
    last = b""
    started = time.perf_counter()
    open_lines = sum(_send(line) for line in lines)
    while open_lines:
        for key, _ in chooser.select():
            line = key.data
            answer = _hear(line)
            if answer is None:
                continue
            times.append(time.perf_counter() - line.sent_at)
            last = answer
            if not _send(line):
                open_lines -= 1
    seconds = time.perf_counter() - started
    for line in lines:
        line.sock.close()
    chooser.close()
    return Load(seconds, times, last)


def _send(line: _Line) -> bool:
    content = next(line.waiting, None)
    if content is None:
        return False
    line.sent_at = time.perf_counter()
    line.sock.sendall(content)
    return True


def _hear(line: _Line) -> bytes | None:
    """A whole answer once it is there."""
    part = line.sock.recv(1 << 20)
    if not part:
        raise RuntimeError("the server closed a connection")
    line.heard += part
    if not line.size:
        end = line.heard.find(_END)
        if end < 0:
            return None
        head = bytes(line.heard[:end]).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(bytes(line.heard[:400]).decode(errors="replace"))
        place = head.index(_LENGTH) + len(_LENGTH)
        line.size = end + len(_END) + int(head[place:].split(b"\r\n", 1)[0])
    if len(line.heard) < line.size:
        return None
    answer = bytes(line.heard[: line.size])
    del line.heard[: line.size]
    line.size = 0
    return answer
