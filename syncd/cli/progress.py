"""Progress of long work: a moving bar on a terminal, now and then a plain line in a journal. Always on stderr."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from syncd.clock import SystemClock

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

LINE_EVERY_SECONDS = 10.0
_clock = SystemClock()


class Progress:
    """Called by the engine with how much of which step is done (``total`` 0: not known)."""

    def __init__(self, company: str, *, fancy: bool) -> None:
        self._company = company
        self._fancy = fancy and sys.stderr.isatty()
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._step = ""
        self._last_line = 0.0

    def __enter__(self) -> Self:
        if self._fancy:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int, what: str) -> None:
        """Show where the work stands."""
        if self._bar is not None:
            self._show_bar(self._bar, what, done, total)
            return
        now = _clock.monotonic()
        if what == self._step and now - self._last_line < LINE_EVERY_SECONDS:
            return
        self._step, self._last_line = what, now
        of = f" {done} of {total}" if total else f" {done}" if done else ""
        click.echo(f"{self._company}: {what}{of}", err=True)

    def _show_bar(self, bar: Bar, step: str, done: int, total: int) -> None:
        if self._task is None or step != self._step:
            if self._task is not None:
                bar.remove_task(self._task)
            self._step = step
            self._task = bar.add_task(f"{self._company}: {step}", total=total or None)
        bar.update(self._task, completed=done, total=total or None)
