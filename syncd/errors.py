"""Every error that syncd raises on purpose, in one tree.

::

    SyncdError
    ├── ConfigError                 the configuration cannot be used; nothing was started      (process, exit 78)
    ├── StateError                  the state database cannot be used                          (process)
    │   ├── LeaseHeld               another runner works on this company                       (run, exit 75)
    │   ├── LeaseLost               our lease passed to another runner: stop writing           (run)
    │   └── IdentityChanged         company or source is not the one pinned at connect         (company, exit 4)
    ├── SourceError
    │   ├── SourceUnavailable       cannot be reached or read now                              (company, retry)
    │   │   └── SourceBehind        shows a state from before our own last write               (company, retry)
    │   └── SourceMisconfigured     mapping and tables do not fit                              (company, exit 78)
    └── QboError
        ├── QboUnavailable          no usable answer; the outcome of a write is unknown        (company, retry)
        ├── QboThrottled            refused by a limit before any work was done                (company, retry)
        ├── QboRefused              a fault about this request; repeating it cannot help       (record)
        ├── QboStale                the record moved on since it was read (5010)               (record)
        ├── ReconnectNeeded         the grant is dead: a person has to connect again           (company, exit 77)
        └── WrongCompany            realm, app or environment do not belong together           (company)

``reach`` says how far the damage goes, ``retryable`` whether the same call may succeed later without a change,
``exit_code`` what a command ends with, ``remedy`` what the operator does next.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

Reach = Literal["record", "run", "company", "process"]

EXIT_OK = 0
EXIT_UNEXPECTED = 1
EXIT_CHANGES = 2
EXIT_HELD = 3
EXIT_HALTED = 4
EXIT_UNKNOWN_OUTCOME = 5
EXIT_BUSY = 75
EXIT_RECONNECT = 77
EXIT_CONFIG = 78


class SyncdError(Exception):
    """Base of all. ``str(error)`` is a sentence for an operator; it never contains a secret or a whole record."""

    reach: ClassVar[Reach] = "run"
    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = EXIT_UNEXPECTED

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".rstrip()


class ConfigError(SyncdError):
    """The configuration cannot be used. ``problems`` lists every fault found, one sentence each."""

    reach: ClassVar[Reach] = "process"
    exit_code = EXIT_CONFIG

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join((super().__str__(), *(f"  - {problem}" for problem in self.problems)))


class StateError(SyncdError):
    """The state database cannot be read, written or trusted."""

    reach: ClassVar[Reach] = "process"


class LeaseHeld(StateError):  # noqa: N818 - named after the situation, which is no fault of anybody
    """Another runner holds the lease of this company."""

    reach: ClassVar[Reach] = "run"
    retryable = True
    exit_code = EXIT_BUSY


class LeaseLost(StateError):  # noqa: N818 - as above
    """Our lease ran out and its fencing number passed to another runner: nothing more may be written."""

    reach: ClassVar[Reach] = "run"
    retryable = True
    exit_code = EXIT_BUSY


class IdentityChanged(StateError):  # noqa: N818 - as above
    """The company or the source that answers is not the one this state was built with (F-63, F-64)."""

    reach: ClassVar[Reach] = "company"
    exit_code = EXIT_HALTED


class SourceError(SyncdError):
    """Anything about the source system."""

    reach: ClassVar[Reach] = "company"


class SourceUnavailable(SourceError):  # noqa: N818 - as above
    """The source cannot be reached or was cut off in the middle of a read. Nothing read so far counts."""

    retryable = True


class SourceBehind(SourceUnavailable):
    """The source lacks what syncd wrote into it at ``written_at``: a replica that lags behind, or a restored backup."""

    def __init__(self, message: str, *, remedy: str, written_at: datetime) -> None:
        super().__init__(message, remedy=remedy)
        self.written_at = written_at


class SourceMisconfigured(SourceError):  # noqa: N818 - as above
    """The mapping names tables or columns that are not there, or types that cannot be read."""

    exit_code = EXIT_CONFIG


class QboError(SyncdError):
    """Anything about QuickBooks Online. ``tid`` is Intuit's correlation id, for their support."""

    reach: ClassVar[Reach] = "company"

    def __init__(self, message: str, *, remedy: str = "", code: str = "", tid: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.code = code
        self.tid = tid


class QboUnavailable(QboError):  # noqa: N818 - as above
    """Timeout, reset, 5xx, or a body that is no answer. If a write was sent, whether it was done is unknown."""

    retryable = True


class QboThrottled(QboError):  # noqa: N818 - as above
    """HTTP 429 or code 3001: refused before any work was done. ``wait_seconds`` is the pause asked for."""

    retryable = True

    def __init__(self, message: str, *, wait_seconds: float = 60.0, code: str = "3001", tid: str = "") -> None:
        super().__init__(message, code=code, tid=tid)
        self.wait_seconds = wait_seconds


class QboRefused(QboError):  # noqa: N818 - as above
    """A fault about this one request: its data, its mapping, or a feature that is off."""

    reach: ClassVar[Reach] = "record"


class QboStale(QboError):  # noqa: N818 - as above
    """Code 5010: somebody changed the record since it was read. Read again, decide again."""

    reach: ClassVar[Reach] = "record"


class ReconnectNeeded(QboError):  # noqa: N818 - as above
    """``invalid_grant`` after a second look at the stored token: only a person can connect again."""

    exit_code = EXIT_RECONNECT


class WrongCompany(QboError):  # noqa: N818 - as above
    """HTTP 403 code 3100, or a company that is not the pinned one."""
