"""Where the files are that belong to documents, and their fields."""

from __future__ import annotations

from pydantic import StrictStr, model_validator

from syncd.sources.expressions import Expression, RecordTable, Strict


class AttachmentFields(Strict):
    """The fields of a file. ``owner_kind`` and ``owner`` say which document it belongs to; ``path`` is its place below
    ``files_directory``, where the content is no column."""

    owner_kind: Expression
    owner: Expression
    file_name: Expression
    path: Expression | None = None


class AttachmentTable(RecordTable):
    """Where files are. ``content``: the column with their bytes."""

    fields: AttachmentFields
    content: StrictStr | None = None

    @model_validator(mode="after")
    def _one_place(self) -> AttachmentTable:
        if self.content is None and self.fields.path is None:
            raise ValueError("say where the content of files is: content (a column) or fields.path")
        for name in ("owner_kind", "owner"):
            where: Expression = getattr(self.fields, name)
            if where.column is None and where.constant is None:
                raise ValueError(f"fields.{name} is a column or a constant")
        return self
