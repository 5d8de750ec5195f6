"""The demonstration: the main job, told step by step on embedded parts, each step checked against both sides."""

from __future__ import annotations

from syncd.demo.story import run_demo

__all__ = ["run_demo"]
