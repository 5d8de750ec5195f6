"""What a run is asked to do and what it tells afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from syncd import errors
from syncd.model.kinds import Kind, Side
from syncd.reconciler.entries import Overrides
from syncd.reconciler.plan import Change, Plan

_EXIT = {
    "ok": errors.EXIT_OK,
    "changes": errors.EXIT_OK,
    "held": errors.EXIT_HELD,
    "failed": errors.EXIT_UNEXPECTED,
    "halted": errors.EXIT_HALTED,
    "unknown": errors.EXIT_UNKNOWN_OUTCOME,
    "busy": errors.EXIT_BUSY,
}


class CycleRequest(msgspec.Struct, frozen=True):
    """What one run is to do. ``kinds`` and ``ids`` narrow it (empty: everything); ids are of either side.

    ``reload``: records (kind, source id, QBO id) that are to become what QBO holds, and nothing else is looked at
    (R-34). ``push``: records that a person wants to go out now, and nothing else is looked at (O-10, V-12); ``send``:
    and QBO is to mail them (O-15). ``undo``: the run whose writes are taken back; nothing else is looked at then,
    either. ``every_dirty``: look at records that wait although their time has not come (an operator's run does).
    ``removed``: how many records this very run has removed already, by kind, before it decided once more.
    """

    dry_run: bool = False
    kinds: frozenset[Kind] = frozenset()
    ids: frozenset[str] = frozenset()
    approve_first_run: bool = False
    allow_removals: Mapping[Kind, int] = {}
    allow_empty: Mapping[tuple[Side, Kind], int] = {}
    allow_mass_change: Mapping[tuple[Side, Kind], int] = {}
    accept_config: bool = False
    actor: str = "operator"
    every_dirty: bool = True
    reload: frozenset[tuple[Kind, str, str]] = frozenset()
    push: frozenset[tuple[Kind, str, str]] = frozenset()
    send: bool = False
    undo: str = ""
    removed: Mapping[Kind, int] = {}

    @property
    def partial(self) -> bool:
        """Whether only some records are looked at, so that no cursor may move."""
        return bool(self.kinds or self.ids or self.reload or self.push or self.undo)

    @property
    def asked(self) -> str:
        """What is asked of the records in ``push``, as the state remembers it."""
        return "send" if self.send else "push"

    @property
    def overrides(self) -> Overrides:
        """What the brakes let through this once."""
        return Overrides(
            approve_first_run=self.approve_first_run,
            allow_removals=self.allow_removals,
            allow_empty=self.allow_empty,
            allow_mass_change=self.allow_mass_change,
            accept_config=self.accept_config,
        )


class CycleReport(msgspec.Struct, frozen=True):
    """What one run found and did. ``outcome``: ok, changes, held, halted, unknown, failed or busy.

    ``applied``, ``failed``, ``held`` and ``in_doubt`` count operations; ``notes`` are sentences for the operator.
    """

    company: str
    run_id: str
    outcome: str
    plan: Plan = Plan()
    applied: int = 0
    failed: int = 0
    held: int = 0
    in_doubt: int = 0
    recovered: int = 0
    notes: tuple[str, ...] = ()
    duration_seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """The exit code of a command that ends with this report."""
        return _EXIT[self.outcome]


class Difference(msgspec.Struct, frozen=True):
    """One record on which the two sides do not agree, found by an audit."""

    kind: Kind
    label: str
    source_id: str
    qbo_id: str
    reason: str
    changes: tuple[Change, ...] = ()
    money: Decimal = Decimal(0)
    currency: str = ""


class AuditReport(msgspec.Struct, frozen=True):
    """A full compare. ``money_difference`` is the sum of absolute differences, by currency.

    ``compared`` = ``agree`` + ``accepted`` + the number of ``differ``. ``accepted`` records differ in fields whose
    difference the policy allows. ``waiting`` counts records that belong in QBO and are not there (held or new).
    ``left``: what the policy leaves as it is, on one side only, or until a person asks for it; no differences.
    """

    company: str
    compared: int
    agree: int
    accepted: int = 0
    differ: tuple[Difference, ...] = ()
    left: tuple[Difference, ...] = ()
    money_difference: Mapping[str, Decimal] = {}
    waiting: int = 0
    unknown: int = 0
    duration_seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 when everything that was compared agrees, else 3."""
        return errors.EXIT_HELD if self.differ or self.unknown else errors.EXIT_OK
