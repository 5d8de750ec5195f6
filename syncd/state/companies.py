"""What is pinned and remembered of each company, and what people decided about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from syncd.errors import IdentityChanged, StateError
from syncd.state import history, leases, tables
from syncd.state.database import Database
from syncd.state.part import Part
from syncd.state.values import Company, Lease

companies = tables.companies

IDENTITY = ("realm_id", "realm_name", "environment", "source_identity")
"""What must stay the same for as long as this state is used (F-63, F-64)."""

BY_ITSELF = "syncd"
"""Who acted, where no person did."""


def find(connection: Connection, name: str) -> Company | None:
    """The company of that name, if anything is known of it."""
    row = connection.execute(select(companies).where(companies.c.name == name)).mappings().first()
    return None if row is None else Company(**row)


def put(connection: Connection, database: Database, name: str, **values: Any) -> None:
    """Set columns of a company, making its row where there is none."""
    blank = msgspec.structs.asdict(Company(name=name))
    connection.execute(database.upsert(companies, list(values)), {**blank, **values})


class Companies(Part):
    """The companies of this state."""

    def company(self, name: str) -> Company | None:
        """What is known of a company; None before anything is."""
        with self._db.read() as connection:
            return find(connection, name)

    def companies(self) -> list[str]:
        """The names of all companies this state knows."""
        with self._db.read() as connection:
            return list(connection.scalars(select(companies.c.name).order_by(companies.c.name)))

    def check_identity(self, company: Company) -> None:
        """Compare with what is pinned, and store nothing: ``IdentityChanged`` when it is not the same."""
        with self._db.read() as connection:
            _refuse_another(find(connection, company.name), company)

    def pin_company(self, company: Company, *, replace: bool = False, actor: str = BY_ITSELF) -> None:
        """Remember which company and which source this state belongs to.

        What is already pinned must be the same, else ``IdentityChanged``; ``replace`` is for the re-pin command. One
        QBO company can be pinned under one name only: two runners on one company would not see each other's lease.
        """
        with self._db.write() as connection:
            now = find(connection, company.name)
            identity, known = _compared(now, company)
            if not replace:
                _refuse_another(now, company)
            self._refuse_twin(connection, company)
            if now is None and company.scope_digest:
                identity["scope_digest"] = company.scope_digest
            if now is None or any(known[name] != identity[name] for name in known):
                put(connection, self._db, company.name, **(identity or {"name": company.name}))
                said = ", ".join(f"{name} {value}" for name, value in identity.items())
                self._note(connection, company.name, "pin", actor=actor, reason=said)

    def set_scope_digest(self, name: str, digest: str, *, actor: str = BY_ITSELF) -> None:
        """Accept the digest of mapping, scope and policy that this company now runs with."""
        with self._db.write() as connection:
            put(connection, self._db, name, scope_digest=digest)
            self._note(connection, name, "accept-config", actor=actor, reason=f"scope digest {digest}")

    def approve_first_run(self, name: str, actor: str) -> None:
        """A person has read the first plan and lets it be applied."""
        now = self._clock.now()
        with self._db.write() as connection:
            put(connection, self._db, name, first_run_approved_at=now)
            self._note(connection, name, "approve-first-run", actor=actor, reason="the first plan was approved")

    def halt(self, name: str, reason: str) -> None:
        """Apply nothing for this company until a person resumes it. A second halt keeps the time of the first."""
        with self._db.write() as connection:
            now = find(connection, name)
            since = now.halted_since if now is not None and now.halted_since is not None else self._clock.now()
            if now is not None and now.halted_since is not None and now.halt_reason == reason:
                return
            put(connection, self._db, name, halted_since=since, halt_reason=reason)
            self._note(connection, name, "halt", actor=BY_ITSELF, reason=reason)

    def resume(self, name: str, actor: str, reason: str) -> None:
        """End a halt, and remember who did so and why."""
        with self._db.write() as connection:
            now = find(connection, name)
            if now is None or now.halted_since is None:
                raise StateError(f"Company {name} is not halted.")
            if now.restored_at is not None:
                raise StateError(
                    f"The state of {name} is older than the world; a word alone does not make it right.",
                    remedy=f"Run: syncd relink --company {name}",
                )
            put(connection, self._db, name, halted_since=None, halt_reason="")
            self._note(connection, name, "resume", actor=actor, reason=reason)

    def note_disconnect(self, name: str, actor: str) -> None:
        """A person gave the grant back; kept in the history."""
        with self._db.write() as connection:
            self._note(connection, name, "disconnect", actor=actor, reason="the grant was given back")

    def record_success(self, name: str, at: datetime, *, lease: Lease | None = None) -> None:
        """A cycle ended well at ``at``; ``LeaseLost`` when it was not the runner any more by then."""
        with self._db.write() as connection:
            if lease is not None:
                leases.check_fence(connection, lease)
            put(connection, self._db, name, last_success_at=at)

    def record_audit(self, name: str, at: datetime) -> None:
        """A full audit ended at ``at``; what it found is in its run's counts."""
        with self._db.write() as connection:
            put(connection, self._db, name, last_audit_at=at)

    def _note(self, connection: Connection, name: str, action: str, *, actor: str, reason: str) -> None:
        row = history.company_row(action, actor=actor, reason=reason, at=self._clock.now())
        history.append(connection, self._db, name, [row])

    @staticmethod
    def _refuse_twin(connection: Connection, company: Company) -> None:
        if not company.realm_id:
            return
        same = (companies.c.realm_id == company.realm_id, companies.c.environment == company.environment)
        twin = connection.scalar(select(companies.c.name).where(*same, companies.c.name != company.name))
        if twin is not None:
            raise StateError(
                f"QBO company {company.realm_id} ({company.environment}) already belongs to {twin}.",
                remedy=f"Remove one of {twin} and {company.name} from the configuration.",
            )


def _compared(known: Company | None, now: Company) -> tuple[dict[str, str], dict[str, str]]:
    """What is said of a company's identity now, and what is pinned of the same."""
    identity = {name: getattr(now, name) for name in IDENTITY if getattr(now, name)}
    return identity, {name: getattr(known, name) for name in identity} if known is not None else {}


def _refuse_another(known: Company | None, now: Company) -> None:
    """Raise where what answers is not what is pinned, with the way out of each difference."""
    identity, pinned = _compared(known, now)
    changed = [name for name, value in pinned.items() if value not in {"", identity[name]}]
    if not changed:
        return
    said = "; ".join(f"{name} is {identity[name]!r}, pinned is {pinned[name]!r}" for name in changed)
    ways = " ".join(_WAY_OUT[name].format(name=now.name, now=identity[name]) for name in changed)
    raise IdentityChanged(
        f"Company {now.name} is not the one this state was built with: {said}. Nothing is read or written for it.",
        remedy=f"{ways} Correct what is wrong, then: syncd resume --company {now.name} --reason '…'.",
    )


_WAY_OUT = {
    "realm_id": "Another QuickBooks company needs a name of its own in the configuration.",
    "realm_name": "If the company was only renamed: syncd connect --company {name}.",
    "environment": "Sandbox and production need a name each in the configuration.",
    "source_identity": "If it is the same source in another place: "
    "syncd resume --company {name} --source '{now}' --reason '…'.",
}
