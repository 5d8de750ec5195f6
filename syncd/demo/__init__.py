"""The demonstration: each profile's main job, told step by step on embedded parts, each step checked against both
sides. What its stories have in their sources are the sample records of their profiles, too."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import click

DEFAULT_DIRECTORY = Path(".demo")
STORIES: Mapping[str, str] = {
    "ruddr": "syncd.demo.story",
    "billdr": "syncd.demo.builder",
    "ravetree": "syncd.demo.agency",
    "onedesk": "syncd.demo.desk",
}
"""By profile, the module with its ``Story`` and its ``SCENERY``."""


FIRST = "ruddr"
"""Whose story is told where nobody says."""


def run_demo(directory: Path = DEFAULT_DIRECTORY, profile: str = FIRST) -> int:
    """Tell a profile's story in ``directory``; 0 when every step came out as expected, else 1."""
    from syncd.demo.stage import stage

    module = import_module(STORIES[profile])
    started = time.monotonic()
    with stage(directory, module.SCENERY) as set_up:
        story = module.Story(set_up)
        story.tell()
    seconds = time.monotonic() - started
    if story.failed:
        click.echo(f"\n{len(story.failed)} steps did not come out as expected:")
        for what in story.failed:
            click.echo(f"  - {what}")
        return 1
    click.echo(f"\nEvery step came out as expected ({story.checked} checks, {seconds:.0f} seconds).")
    return 0


__all__ = ["FIRST", "STORIES", "run_demo"]
