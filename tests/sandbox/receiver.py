"""A webhook endpoint on loopback: it keeps every POST as it came and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STALL = 0  # in place of a status: no answer until ``release``


@dataclass(frozen=True)
class Post:
    """One POST: header names in lower case, the raw bytes."""

    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """Entity, Id and operation of every event, in either form."""
        if isinstance(self.content, dict):
            told = [one for group in self.content["eventNotifications"] for one in group["dataChangeEvent"]["entities"]]
            return [(one["name"], one["id"], one["operation"]) for one in told]
        split = [(one["type"].split("."), one["intuitentityid"]) for one in self.content]
        return [(entity, record, done) for (_, entity, done, _), record in split]


class Receiver:
    """What came, and what is answered: the next of ``answers``, then 200."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.answers: deque[int] = deque()
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/webhooks?from=qbo"

    def start(self) -> None:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.release()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def clear(self) -> None:
        """As new."""
        self.posts.clear()
        self.answers.clear()
        self._released.clear()

    def release(self) -> None:
        """Stalled answers go on."""
        self._released.set()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.posts.append(Post({**headers, ":path": self.path}, body))
                status = receiver.answers.popleft() if receiver.answers else 200
                if status == STALL:
                    receiver._released.wait(10)
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                """Quiet."""

        return Handler


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """A receiver that listens, and stops afterwards."""
    receiver = Receiver()
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
