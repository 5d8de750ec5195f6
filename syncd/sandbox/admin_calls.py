"""What the parts of the admin API share: reading a call, and refusing it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request

from syncd.sandbox.wire import Json, decode
from syncd.sandbox.world import Company, World

Call = tuple[str, str, Callable[[Request], Awaitable[Any]]]
"""Method, path under ``/_sandbox`` and handler."""


class BadCallError(Exception):
    """The call is refused with a reason."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


async def body_of(request: Request) -> Json:
    """The JSON object that was sent; an empty body is an empty object."""
    raw = await request.body()
    content = decode(raw) if raw else {}
    if not isinstance(content, dict):
        raise BadCallError("the body must be a JSON object")
    return content


def held_of(world: World, request: Request) -> Company:
    """The company that the path names."""
    held = world.companies.get(request.path_params["realm"])
    if held is None:
        raise BadCallError("no such company", 404)
    return held
