"""A plan saved for review: what it holds, what it was made from, and until when it may be applied."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from syncd.errors import ConfigError
from syncd.model.values import fingerprint
from syncd.reconciler.plan import Plan

FORMAT = 2
LIFETIME = timedelta(minutes=15)
"""A plan older than this is refused: too much may have happened (correctness.md section 3, stale plan)."""


class PlanFile(msgspec.Struct, frozen=True):
    """One saved plan. ``digest`` covers everything else, so that a changed file is noticed. ``scope_digest`` ties it to
    the configuration; every operation in it carries the versions that it was decided from. ``undo``: the run that it
    takes back; empty for a plan that brings the two sides into agreement."""

    format: int
    company: str
    realm_id: str
    scope_digest: str
    made_at: datetime
    plan: Plan
    undo: str = ""
    digest: str = ""

    def sealed(self) -> PlanFile:
        """The same with its digest."""
        return msgspec.structs.replace(self, digest=self._digest())

    def intact(self) -> bool:
        """Whether nothing was changed since it was sealed."""
        return self.digest == self._digest()

    def expired(self, now: datetime) -> bool:
        """Whether it is too old to be applied."""
        return now - self.made_at > LIFETIME

    def _digest(self) -> str:
        return fingerprint(msgspec.to_builtins(msgspec.structs.replace(self, digest=""), str_keys=True))


def save_plan(path: Path, file: PlanFile) -> None:
    """Write a plan for its owner's eyes only: it holds names and amounts."""
    body = msgspec.json.format(msgspec.json.encode(file.sealed()), indent=2) + b"\n"
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(body)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)


def load_plan(path: Path) -> PlanFile:
    """Read a saved plan. Raises ``ConfigError`` where it is no plan, of another format, or was changed."""
    try:
        file = msgspec.json.decode(path.read_bytes(), type=PlanFile)
    except FileNotFoundError:
        raise ConfigError(
            f"There is no plan {path}.", remedy="Make one with: syncd reconcile --dry-run --out FILE"
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no plan that this version can read: {error}.") from None
    if file.format != FORMAT:
        raise ConfigError(f"{path} has format {file.format}, this version reads {FORMAT}.", remedy="Make a new plan.")
    if not file.intact():
        raise ConfigError(f"{path} was changed after it was made.", remedy="Make a new plan and apply it as it is.")
    return file
