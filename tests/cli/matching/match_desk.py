"""The file between a proposal of ``syncd match`` and a person's answers, and what is matched, seen from outside."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from command_world import Office, write_config

from syncd.errors import EXIT_OK
from tests.support.world import World


class Desk:
    """The file between the proposal and the answer."""

    def __init__(self, office: Office, folder: Path) -> None:
        self.office = office
        self.path = folder / "match.toml"

    def propose(self, *arguments: str) -> dict[str, Any]:
        self.path.unlink(missing_ok=True)
        done = self.office("match", "--out", self.path, *arguments)
        assert done.returncode == EXIT_OK, done.stdout + done.stderr
        return self.read()

    def read(self) -> dict[str, Any]:
        return tomllib.loads(self.path.read_text(encoding="utf-8"))

    def row(self, kind: str, source_id: object) -> dict[str, Any]:
        (row,) = [row for row in self.read()[kind] if row["source_id"] == str(source_id)]
        return dict(row)

    def answer(self, kind: str, source_id: object, use: object) -> int:
        """Write an answer into the file, as a person does; the line it stands on."""
        text = self.path.read_text(encoding="utf-8")
        head = rf'\[\[{kind}\]\]\nsource_id = "{re.escape(str(source_id))}"\nname = [^\n]*\nuse = '
        text, count = re.subn(rf'({head})"[^"\n]*"', rf'\g<1>"{use}"', text)
        assert count == 1
        self.path.write_text(text, encoding="utf-8")
        found = re.search(head, text)
        assert found is not None
        return text[: found.end()].count("\n") + 1

    def take(self, *arguments: str, code: int = EXIT_OK) -> str:
        done = self.office("match", "--in", self.path, *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return str(done.stdout)


def matches(office: Office, kind: str) -> dict[str, tuple[str, str]]:
    """What is matched, by the source's id: QuickBooks' id and the state."""
    listed = office.json("match", "--list", "--kind", kind)["matches"]
    return {row["source_id"]: (row["qbo_id"], row["state"]) for row in listed}


def income(world: World) -> str:
    return str(world.one("Item", Name="Services")["IncomeAccountRef"]["value"])


def desk_of(world: World, folder: Path, settings: str) -> Desk:
    config = write_config(folder, world)
    config.write_text(config.read_text() + settings)
    return Desk(Office(world, config), folder)


def desk_line(text: str, word: str) -> int:
    return text[: text.index(word)].count("\n") + 1
