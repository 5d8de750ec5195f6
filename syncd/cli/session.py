"""What a command opens before it can work, and how it is interrupted: between two writes, never inside one."""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from syncd.errors import (
    EXIT_BUSY,
    EXIT_CONFIG,
    EXIT_HALTED,
    EXIT_HELD,
    EXIT_RECONNECT,
    EXIT_UNEXPECTED,
    EXIT_UNKNOWN_OUTCOME,
    StateError,
)

if TYPE_CHECKING:
    from syncd.clock import Clock
    from syncd.config import AppConfig, CompanyConfig
    from syncd.engine import Engine
    from syncd.metrics import Metrics
    from syncd.state.store import Store

P = ParamSpec("P")
R = TypeVar("R")

_SEVERITY = (
    *(EXIT_CONFIG, EXIT_RECONNECT, EXIT_UNEXPECTED, EXIT_UNKNOWN_OUTCOME),
    *(EXIT_HALTED, EXIT_BUSY, EXIT_HELD),
)
_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})


def worst(codes: list[int]) -> int:
    """The exit code of a command over several companies: the gravest of theirs."""
    for code in _SEVERITY:
        if code in codes:
            return code
    return max(codes, default=0)


class Session:
    """One configuration with its state opened, for one command."""

    def __init__(self, config: AppConfig, store: Store, clock: Clock, metrics: Metrics, stop: threading.Event) -> None:
        self.config = config
        self.store = store
        self.clock = clock
        self.metrics = metrics
        self.stop = stop

    def companies(self, name: str | None) -> tuple[CompanyConfig, ...]:
        """The company asked for, or all of them."""
        return (self.config.named(name),) if name else self.config.companies

    def one(self, name: str | None, why: str) -> CompanyConfig:
        """The company asked for, or the only one there is."""
        companies = self.companies(name)
        if len(companies) > 1:
            raise click.UsageError(f"{why}: name one company with --company.")
        return companies[0]

    @contextlib.contextmanager
    def engine(self, company: CompanyConfig) -> Iterator[Engine]:
        """The engine of one company."""
        from syncd.engine import Engine

        engine = Engine.build(
            self.config, company, store=self.store, clock=self.clock, metrics=self.metrics, stop=self.stop
        )
        try:
            yield engine
        finally:
            engine.close()


def read_config(path: Path) -> AppConfig:
    """The configuration, with its secrets kept out of everything that is logged; logs go to stderr."""
    from syncd import log
    from syncd.config import load_config
    from syncd.hardening import keep_memory_private

    keep_memory_private()
    log.configure("warning", "auto", sys.stderr)
    config = load_config(path)
    log.protect(*config.secrets())
    return config


@contextlib.contextmanager
def session(path: Path, stop: threading.Event, *, read_only: bool = False) -> Iterator[Session]:
    """Open configuration and state. ``read_only``: not one write to the state, as a dry run promises."""
    config = read_config(path)
    with opened(config, stop, read_only=read_only) as result:
        yield result


@contextlib.contextmanager
def opened(config: AppConfig, stop: threading.Event, *, read_only: bool = False) -> Iterator[Session]:
    """Open the state of a configuration that was read already."""
    from syncd.clock import SystemClock
    from syncd.metrics import Metrics

    clock = SystemClock()
    store = open_store(config, clock, read_only=read_only)
    try:
        yield Session(config, store, clock, Metrics(process=not read_only), stop)
    finally:
        store.close()


def open_store(config: AppConfig, clock: Clock, *, read_only: bool = False) -> Store:
    """The state database, at this version's tables. One that is opened only for reading is never migrated."""
    from syncd.state.store import Store

    url = config.syncd.state_url.get_secret_value()
    keys = [key.encode() for key in config.syncd.encryption_keys]
    if not read_only:
        store = Store.open(url, clock=clock, encryption_keys=keys)
    else:
        from syncd.cli.dryrun import DryStore

        store = DryStore.open(url, clock=clock, encryption_keys=keys, read_only=True)
        store.reopen_for_tokens = lambda: Store.open(url, clock=clock, encryption_keys=keys)
    try:
        if not read_only:
            store.migrate()
        elif not store.schema_is_current():
            raise StateError("The state database has another version's tables.", remedy="Run: syncd migrate")
    except BaseException:
        store.close()
        raise
    return store


def interruptible(work: Callable[P, int]) -> Callable[P, int]:
    """Run a command's body in a thread, so that SIGINT and SIGTERM reach it as a stop event between two records.

    The body gets the event as its keyword argument ``stop``. A second signal ends the process at once; the journal
    knows what was in flight.
    """

    @functools.wraps(work)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> int:
        stop = threading.Event()
        return _in_thread(lambda: work(*args, **(kwargs | {"stop": stop})), stop)  # type: ignore[arg-type]  # the body's own keyword

    return wrapped


def _in_thread(work: Callable[[], int], stop: threading.Event) -> int:
    waited = _SIGNALS | {signal.SIGUSR1}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    main = threading.get_ident()
    result: list[Any] = []

    def body() -> None:
        try:
            result.append(work())
        except BaseException as error:
            result.append(error)
        finally:
            signal.pthread_kill(main, signal.SIGUSR1)

    thread = threading.Thread(target=body, name="command", daemon=True)
    try:
        thread.start()
        while not result:
            number = signal.sigwait(waited)
            if number == signal.SIGUSR1:
                continue
            if stop.is_set():
                raise KeyboardInterrupt
            stop.set()
            click.echo("Stopping after the write in hand; once more to stop at once.", err=True)
        thread.join()
        signal.sigtimedwait({signal.SIGUSR1}, 0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if isinstance(result[0], BaseException):
        raise result[0]
    return int(result[0])
