"""What is installed is what was locked: every package pinned, hashed, and none missing. Works without a network.

Whether a locked package has a known fault is asked by ``make audit``, which needs one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = {"requirements.lock": [], "requirements-dev.lock": ["dev"]}


def locked(name: str) -> dict[str, str]:
    """Package to version; every entry must have its hashes."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pinned = re.match(r"(?P<name>[A-Za-z0-9._-]+)(\[[a-z,]+\])?==(?P<version>[^\s;]+)(\s*;[^-]*)?\s+--hash", line)
        assert pinned, f"{name}: not pinned with hashes: {line[:80]}"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in re.findall(r"--hash=(\S+)", line)), line[:80]
        found[canonicalize_name(pinned["name"])] = pinned["version"]
    return found


def needed(extras: list[str]) -> Iterator[Requirement]:
    """Everything that is needed here, directly or through others, as the installed packages say."""
    waiting = [Requirement(text) for text in PROJECT["dependencies"]]
    waiting += [Requirement(text) for extra in extras for text in PROJECT["optional-dependencies"][extra]]
    known: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in known:
            continue
        known.add(key)
        if key[0] == canonicalize_name(PROJECT["name"]):
            own = (text for extra in requirement.extras for text in PROJECT["optional-dependencies"][extra])
            waiting.extend(Requirement(text) for text in own)
            continue
        yield requirement
        for text in metadata.requires(requirement.name) or ():
            further = Requirement(text)
            chosen = [{"extra": extra} for extra in ("", *requirement.extras)]
            if further.marker is None or any(further.marker.evaluate(one) for one in chosen):
                waiting.append(further)


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_is_complete_and_hashed(name: str) -> None:
    pins = locked(name)
    wanted = list(needed(LOCKS[name]))
    assert len(wanted) > 15
    for requirement in wanted:
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None, f"{name} lacks {requirement}; run: make lock"
        assert requirement.specifier.contains(version, prereleases=True), (
            f"{name} has {version}, needed is {requirement}"
        )


def test_both_locks_agree() -> None:
    mine, all_of_it = (locked(name) for name in LOCKS)
    assert mine.items() <= all_of_it.items()


def test_the_tests_run_on_the_locked_versions() -> None:
    pins = locked("requirements-dev.lock")
    installed = {canonicalize_name(each.name): each.version for each in metadata.distributions()}
    assert {name: version for name, version in installed.items() if name in pins and pins[name] != version} == {}
