"""One story, told once undisturbed and then again and again with a process that dies on the way."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL

import msgspec

from syncd.clock import SystemClock
from syncd.sandbox.server import RunningSandbox
from syncd.state.store import Store
from tests.e2e.killing import spoken_to
from tests.reliability.crash_books import Course, Node, course, differences, nodes
from tests.reliability.crash_boundaries import Boundary, passed
from tests.reliability.crash_runner import Order, Told, profile
from tests.reliability.crash_stories import Story
from tests.support.world import World

ROOT = Path(__file__).parents[2]
RESTARTS = 4
"""A killed company has to be at rest after so many starts; more would be a fault of its own."""
LATER_SECONDS = 900
"""Longer than the overlap of the change feed: it does not tell twice what people did before the run that dies."""


class Verdict(msgspec.Struct, frozen=True):
    """What a trial came to. ``killed``: whether each place was reached. ``findings`` by sort; all empty if it is well.

    ``recovery`` are the boundaries of the first run after the last kill.
    """

    places: tuple[str, ...]
    killed: tuple[bool, ...]
    findings: dict[str, list[str]]
    recovery: tuple[Boundary, ...] = ()

    @property
    def wrong(self) -> list[str]:
        """Everything that was found, in lines."""
        return [f"{sort}: {each}" for sort, found in self.findings.items() for each in found]


class Runner:
    """The process whose children make the runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stdin is not None
        self._out, self._in = process.stdout, process.stdin
        assert self._out.readline() == "ready\n"

    def obey(self, order: Order) -> tuple[int, list[Told]]:
        """The exit code of a child (negative: the signal that ended it), and what it said before."""
        self._in.write(msgspec.json.encode(order).decode() + "\n")
        self._in.flush()
        told = []
        while not (line := self._out.readline()).startswith("exit "):
            assert line, "the runner is gone"
            told.append(msgspec.json.decode(line, type=Told))
        return int(line.split()[1]), told


@contextmanager
def runner() -> Iterator[Runner]:
    """A process that makes runs, until the block ends."""
    command = [sys.executable, "-m", "tests.reliability.crash_runner"]
    with spoken_to(command) as process:
        yield Runner(process)


class Theatre:
    """A story that is ready to begin, as often as one likes: both databases and the books, kept as they were."""

    def __init__(self, directory: Path, sandbox: RunningSandbox, running: Runner, story: Story) -> None:
        self._sandbox = sandbox
        self._running = running
        self.story = story
        self._log = directory / "boundaries"
        with profile(story.answers):
            world = World(directory, sandbox, name=story.slug, **story.world)
        try:
            story.before(world)
            story.change(world)
            sandbox.advance(LATER_SECONDS)
            world.grant()
            self.realm = world.realm
            self._key = world.key
            self._spec = world.spec()
        finally:
            world.close()
        self._files = [Path(str(url).removeprefix("sqlite:///")) for url in (world.source_url, world.state_url)]
        for path in self._files:
            shutil.copyfile(path, _kept(path))
        sandbox.snapshot("begin", self.realm)
        history = sandbox.history(self.realm)
        self._begun = len(history)
        self._known: frozenset[Node] = nodes(history, self._files[0])
        self._rehearse()
        self.boundaries = self.undisturbed()
        code, told = self._order(settle=True)
        assert (code, told[-1].quiet, told[-2].quiet) == (0, True, True), told
        self.writes, self._end = self._written(), self._course()

    def _rehearse(self) -> None:
        self._raise_curtain()
        code, told = self._order(settle=True, rehearse=True)
        assert code == 0, told

    def undisturbed(self) -> list[Boundary]:
        """Tell the story as far as its first run goes; the boundaries that were passed."""
        self._raise_curtain()
        code, told = self._order()
        assert code == 0, told
        return passed(self._log)

    def trial(self, *places: str, tooth: str = "") -> Verdict:
        """Begin, die at the first place; start again, die at the next; start again until all is well, and compare.

        ``tooth`` is a fault of the last start.
        """
        self._raise_curtain()
        killed = []
        for place in places:
            code, _ = self._order(kill=place)
            killed.append(code == -SIGKILL)
        recovery: list[Boundary] = []
        told: list[Told] = []
        for _ in range(RESTARTS):
            code, told = self._order(settle=True, tooth=tooth)
            recovery = recovery or passed(self._log)
            if code == 0:
                break
        findings = differences(self._course(), self._end)
        findings["not at rest"] = [f"{each.outcome} {each.text}" for each in told[-2:] if not each.quiet]
        return Verdict(places, tuple(killed), findings, tuple(recovery))

    def source_commits(self) -> int:
        """How often the source was changed since the story began, by SQLite's own counter in the file's header."""
        before, now = (int.from_bytes(path.read_bytes()[24:28]) for path in (_kept(self._files[0]), self._files[0]))
        return now - before

    # ---- parts

    def _raise_curtain(self) -> None:
        for path in self._files:
            for left in path.parent.glob(f"{path.name}-*"):
                left.unlink()
            shutil.copyfile(_kept(path), path)
        self._sandbox.restore("begin", self.realm)
        if self.story.renews:
            self._let_token_run_out()

    def _let_token_run_out(self) -> None:
        """Connected anew, for a refresh token is good for one trial; and the access token is over."""
        grant, now = self._sandbox.tokens(self.realm), datetime.now(UTC)
        with Store.open(self._spec["state_url"], clock=SystemClock(), encryption_keys=[self._key]) as store:
            tokens = store.tokens("sandbox", self.realm)
            known = tokens.load()
            assert known is not None
            fresh = {"access_token": grant["access_token"], "refresh_token": grant["refresh_token"]}
            tokens.save(msgspec.structs.replace(known, **fresh, access_expires_at=now), known.version)

    def _order(
        self, *, kill: str = "", settle: bool = False, rehearse: bool = False, tooth: str = ""
    ) -> tuple[int, list[Told]]:
        self._log.unlink(missing_ok=True)
        story = self.story
        order = Order(
            spec=self._spec,
            log=str(self._log),
            kill=kill,
            settle=settle,
            rehearse=rehearse,
            request=msgspec.structs.replace(story.request, approve_first_run=True, every_dirty=False),
            answers=story.answers,
            tooth=tooth,
        )
        return self._running.obey(order)

    def _course(self) -> Course:
        history = self._sandbox.history(self.realm, self._begun)
        return course(history, self._files[0], self._files[1], self._known)

    def _written(self) -> Counter[str]:
        """What the story writes: side, kind and verb of every entry of the journal, the recovery's included."""
        statement = "SELECT side, kind, verb FROM journal ORDER BY seq"
        before, after = (_rows(path, statement) for path in (_kept(self._files[1]), self._files[1]))
        return Counter(after[len(before) :])


def _kept(path: Path) -> Path:
    return path.with_name(f"{path.name}.begin")


def _rows(path: Path, statement: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [" ".join(row) for row in connection.execute(statement)]
