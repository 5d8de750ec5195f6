"""The note that a void leaves behind (entities.md 4.3)."""

from __future__ import annotations

VOIDED = "Voided"


def void_note(note: str | None) -> str:
    """PrivateNote with "Voided" in front."""
    if note is None or note == VOIDED or note.startswith(f"{VOIDED} - "):
        return note or VOIDED
    return f"{VOIDED} - {note}"[:4000]
