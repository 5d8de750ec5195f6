"""The state as a dry run may use it: it is read, and nothing of it is written.

With one exception that no dry run can avoid: a grant that has to be renewed is stored, because Intuit has then already
replaced the old one (F-55). For that alone, and only when it happens, the state is opened for writing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from syncd.state.store import Store
from syncd.state.tokens import LOCK_WAIT_SECONDS, StateTokenStore
from syncd.state.values import Lease, Tokens


class DryStore(Store):
    """A store opened for reading only."""

    reopen_for_tokens: Callable[[], Store]
    _writer: Store | None = None

    def tokens(self, environment: str, realm_id: str) -> StateTokenStore:
        """The grant of one company: read here, renewed through a store that may write."""
        return _DryTokens(self, super().tokens(environment, realm_id))

    def add_reads(self, company: str, month: str, n: int) -> int:
        """Metered reads of a dry run are not stored; the month's total as it would be."""
        return self.reads(company, month) + n

    def writer(self) -> Store:
        """The same state, opened for writing."""
        if self._writer is None:
            self._writer = self.reopen_for_tokens()
        return self._writer

    def close(self) -> None:
        """Give all connections back."""
        if self._writer is not None:
            self._writer.close()
        super().close()


class _DryTokens(StateTokenStore):
    def __init__(self, store: DryStore, reader: StateTokenStore) -> None:
        self._store = store
        self._reader = reader
        self._renewer: StateTokenStore | None = None
        self.environment = reader.environment
        self.realm_id = reader.realm_id

    def _renewing(self) -> StateTokenStore:
        if self._renewer is None:
            self._renewer = self._store.writer().tokens(self.environment, self.realm_id)
        return self._renewer

    def load(self) -> Tokens | None:
        return (self._renewer or self._reader).load()

    def load_previous(self) -> Tokens | None:
        return (self._renewer or self._reader).load_previous()

    def broken(self) -> str:
        return (self._renewer or self._reader).broken()

    def save(self, grant: Tokens, expected_version: int) -> bool:
        return self._renewing().save(grant, expected_version)

    def mark_broken(self, reason: str, expected_version: int | None = None) -> bool:
        return self._renewing().mark_broken(reason, expected_version)

    def renew(self, lease: Lease) -> Lease:
        return self._renewing().renew(lease)

    @contextmanager
    def lock(
        self,
        *,
        wait_seconds: float = LOCK_WAIT_SECONDS,
        holder: str = "",
        gone: Callable[[str], bool] = lambda _: False,
    ) -> Iterator[Lease]:
        with self._renewing().lock(wait_seconds=wait_seconds, holder=holder, gone=gone) as lease:
            yield lease
