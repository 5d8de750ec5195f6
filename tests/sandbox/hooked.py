"""An app with a webhook endpoint, in short words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from syncd.sandbox.server import Accountant, RunningSandbox
from tests.sandbox.receiver import Receiver

Json = dict[str, Any]
TOKEN = "4d2c-verifier"
_numbers = itertools.count(1)


class Endpoint:
    """An app of its own with a webhook endpoint, in short words."""

    def __init__(self, sandbox: RunningSandbox, receiver: Receiver) -> None:
        self.client_id = f"hooked-{next(_numbers)}"
        self._sandbox, self._receiver = sandbox, receiver
        sandbox.admin("POST", "/apps", {"client_id": self.client_id, "client_secret": "s"})

    def register(self, **members: Any) -> Json:
        registered: Json = self._sandbox.admin(
            "PUT", self.path(), {"url": self._receiver.url, "verifier_token": TOKEN, **members}
        )
        return registered

    def path(self, action: str = "") -> str:
        return f"/webhooks/{self.client_id}{action}"

    def person(self, realm: str) -> Accountant:
        """Someone who works through this app: it has a living grant from now on."""
        return Accountant(
            self._sandbox, realm, self._sandbox.tokens(realm, client_id=self.client_id, access_seconds=1e7)
        )

    def do(self, action: str, **members: Any) -> Json:
        done: Json = self._sandbox.admin("POST", self.path(f"/{action}"), members)
        return done

    def came(self) -> list[list[tuple[str, str, str]]]:
        """The changes of every POST so far, once nothing is due any more."""
        self.do("settle")
        return [sorted(post.changes) for post in self._receiver.posts]

    def deliveries(self) -> Json:
        found: Json = self._sandbox.admin("GET", self.path("/deliveries"))
        return found


@contextmanager
def hooked(sandbox: RunningSandbox, receiver: Receiver) -> Iterator[Endpoint]:
    """An app that may register; afterwards no app of the server has an endpoint, and the receiver is as new."""
    receiver.clear()
    try:
        yield Endpoint(sandbox, receiver)
    finally:
        receiver.release()
        for one in sandbox.admin("GET", "/webhooks")["webhooks"]:
            sandbox.admin("DELETE", f"/webhooks/{one['client_id']}")


def new(app: Accountant, name: str = "Ada", entity: str = "Customer") -> Json:
    """A record that has nothing but a name."""
    return app.save(entity, {"DisplayName": name})


def signed(body: bytes, token: str = TOKEN) -> str:
    """What ``intuit-signature`` has to be."""
    return base64.b64encode(hmac.new(token.encode(), body, hashlib.sha256).digest()).decode()
