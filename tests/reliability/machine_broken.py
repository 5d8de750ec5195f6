"""What it is called when an invariant does not hold."""

from __future__ import annotations


class Broken(AssertionError):  # noqa: N818 - what is the matter, not an error of ours
    """An invariant does not hold; ``invariant`` is its number, I1 to I12, or ``wire``."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant


def ensure(holds: object, invariant: str, text: str) -> None:
    """Raise where ``invariant`` does not hold."""
    if not holds:
        raise Broken(invariant, text)
