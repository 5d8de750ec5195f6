"""The memory of request ids: a repeat gets the first answer instead of being done again (protocol.md 7)."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from syncd.sandbox import faults
from syncd.sandbox.switches import Switches

MAX_LENGTH = 50
MAX_LENGTH_IN_BATCH = 36
MAX_ITEM_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered the first time, byte for byte."""

    digest: bytes
    status: int
    body: bytes
    at: float


def digest(*parts: bytes) -> bytes:
    """What a request is recognised by, for the mismatch switch."""
    return hashlib.blake2b(b"\0".join(parts), digest_size=16).digest()


class Memory:
    """Answers of one company by request id, or by the pair (request id, bId)."""

    def __init__(self, track: bool = False) -> None:
        self.answers: dict[tuple[str, str], Answer] = {}
        self.fresh: list[tuple[str, str]] = []
        self._track = track  # keep note of what is new, for a file

    def recall(self, key: tuple[str, str], mark: bytes, now: float, switches: Switches) -> Answer | None:
        """The stored answer, if there is one and it has not expired; 600 where the switch says so."""
        answer = self.answers.get(key)
        if answer is None:
            return None
        if now - answer.at >= switches.requestid_ttl_seconds:
            del self.answers[key]
            return None
        if switches.requestid_mismatch == "600" and answer.digest != mark:
            raise faults.duplicate_request()
        return answer

    def keep(self, key: tuple[str, str], answer: Answer, switches: Switches) -> None:
        """Store an answer; faults only where the switch says so."""
        if answer.status != 200 and not switches.requestid_faults:
            return
        self._drop_expired(answer.at - switches.requestid_ttl_seconds)
        self.answers[key] = answer
        if self._track:
            self.fresh.append(key)

    def _drop_expired(self, before: float) -> None:
        while self.answers:
            oldest = next(iter(self.answers))
            if self.answers[oldest].at > before:
                return
            del self.answers[oldest]


def check_length(request_id: str, item: str | None = None) -> None:
    """2130 for ids that are too long (protocol.md 7)."""
    if item is None:
        if len(request_id) > MAX_LENGTH:
            raise faults.bad_request_id(request_id)
    elif len(request_id) > MAX_LENGTH_IN_BATCH or len(item) > MAX_ITEM_LENGTH:
        raise faults.bad_request_id(f"{request_id} {item}")


class Running:
    """Requests with a request id that are not answered yet, for a second one that comes meanwhile (protocol.md 7)."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], list[asyncio.Event]] = {}

    async def enter(self, key: tuple[str, str] | None, switches: Switches) -> bool:
        """May the request go on? It may have to wait for the ones before it; False: it is to be refused with 600."""
        if key is None:
            return True
        before = self._held.setdefault(key, [])
        if before and switches.requestid_concurrent == "600":
            return False
        mine = asyncio.Event()
        ahead = before[-1] if before else None
        before.append(mine)
        if ahead is not None and switches.requestid_concurrent == "wait":
            await ahead.wait()
        return True

    def leave(self, key: tuple[str, str] | None) -> None:
        """The request is answered."""
        if key is None:
            return
        held = self._held[key]
        held.pop(0).set()
        if not held:
            del self._held[key]
