"""What QBO would refuse of a file after all of it has been sent (protocol.md 11)."""

from __future__ import annotations

from syncd.model.checks.parts import problem
from syncd.model.observations import Problem
from syncd.model.records.files import Attachment
from syncd.model.spec import ATTACHMENT_LIMIT, CONTENT_TYPES, FILE_NAME_LIMIT
from syncd.model.values import has_control_characters, text


def attachment(record: Attachment) -> list[Problem]:
    """What is wrong with a file: its kind, its name, its size."""
    found = []
    name = text(record.file_name)
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if ending not in CONTENT_TYPES:
        found.append(
            problem(
                "file-kind",
                "file_name",
                f"QuickBooks takes no files of this kind ({ending or 'no ending'}).",
                f"Attach it as one of {', '.join(sorted(CONTENT_TYPES))}.",
            )
        )
    if len(name) > FILE_NAME_LIMIT or has_control_characters(name) or "\n" in name:
        found.append(
            problem("file-name", "file_name", "QuickBooks does not take the file's name.", "Rename it in the source.")
        )
    if record.size > ATTACHMENT_LIMIT:
        found.append(
            problem(
                "file-large",
                "size",
                f"The file has {record.size:,} bytes; QuickBooks takes {ATTACHMENT_LIMIT:,} at most.",
                "Attach a smaller one in the source, or split it.",
            )
        )
    elif not record.size:
        found.append(problem("file-empty", "size", "The file is empty.", "Attach it anew in the source."))
    return found
