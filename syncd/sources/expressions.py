"""The words of a mapping: where a field of a record comes from, and what a table is.

A field of a record is found by one of these, wherever the documentation says *expression*:

* ``"Column"`` – a column of the table; ``"name.Column"`` – a column of the join called *name*
* ``"{FirstName} {LastName}"`` – columns inside text; white space left over by empty columns is folded
* ``{ constant = "USD" }`` – the same for every row
* ``{ product = ["Quantity", "UnitPrice"] }`` – columns multiplied, exactly
* ``{ column = "Status", values = { sent = "published" } }`` – the values of a column, translated
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    Tag,
    model_validator,
)


class Strict(BaseModel):
    """Part of a configuration: keys that are not known are refused, and faults never show what was entered."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True, populate_by_name=True)


class Expression(Strict):
    """Where one field of a record comes from: exactly one of column, template, constant and product."""

    column: StrictStr | None = None
    template: StrictStr | None = None
    constant: StrictStr | StrictBool | StrictInt | None = None
    product: tuple[StrictStr, ...] | None = None
    values: Mapping[str, StrictStr | StrictBool] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"template": data} if "{" in data else {"column": data}
        return data

    @model_validator(mode="after")
    def _one_origin(self) -> Expression:
        given = [n for n in ("column", "template", "constant", "product") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of column, template, constant and product")
        if self.values is not None and self.column is None:
            raise ValueError("values translates the values of a column; give column as well")
        if self.product is not None and len(self.product) < 2:
            raise ValueError("a product needs at least two columns")
        if self.template is not None and not self.references:
            raise ValueError("a template names at least one column in braces")
        return self

    @property
    def references(self) -> tuple[str, ...]:
        """The columns that are read, as written."""
        if self.column is not None:
            return (self.column,)
        if self.template is not None:
            return tuple(re.findall(r"\{([^{}]+)\}", self.template))
        return self.product or ()


class AddressColumns(Strict):
    """The columns of a postal address. A column of ``lines`` may itself hold several lines."""

    lines: tuple[StrictStr, ...] = ()
    city: StrictStr | None = None
    region: StrictStr | None = None
    postal_code: StrictStr | None = None
    country: StrictStr | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is named."""
        parts = (self.city, self.region, self.postal_code, self.country)
        return (*self.lines, *(part for part in parts if part is not None))


_BLOCK, _COLUMNS = "(text)", "(columns)"
"""Stand in the place of a fault, where they name no key."""


def _postal(data: Any) -> str:
    if isinstance(data, Mapping):
        return _BLOCK if data.keys() & Expression.model_fields.keys() else _COLUMNS
    return _COLUMNS if isinstance(data, AddressColumns) else _BLOCK


Postal: TypeAlias = Annotated[
    Annotated[Expression, Tag(_BLOCK)] | Annotated[AddressColumns, Tag(_COLUMNS)], Discriminator(_postal)
]
"""A postal address: one block of text, its lines one under the other, or columns."""


class Join(Strict):
    """A row of another table that belongs to this row: at most one. ``on``: its column = expression column of ours."""

    table: StrictStr
    on: Mapping[StrictStr, StrictStr] = Field(min_length=1)


class Tombstones(Strict):
    """A table that says which rows were deleted, and when.

    ``remove``: the column that says whether the deleted row is to be taken out of QuickBooks, too (R-45, R-73).
    """

    table: StrictStr
    id: StrictStr
    removed: StrictStr
    remove: StrictStr | None = None
    where: StrictStr | None = None


class Table(Strict):
    """A table or view with the rows of other tables that belong to its own."""

    table: StrictStr
    id: StrictStr | None = None
    where: StrictStr | None = None
    join: Mapping[str, Join] = {}
    changed: StrictStr | None = None


class ChildTable(Table):
    """A table whose rows are parts of a record. ``parent`` names the record, ``order`` the column that orders them."""

    parent: StrictStr
    order: StrictStr | None = None


class RecordTable(Table):
    """A table whose rows are records, and what is known of each beside its fields."""

    id: StrictStr
    read_only: StrictBool = True
    version: StrictStr | None = None
    changed_unit: Literal["timestamp", "seconds", "milliseconds"] = "timestamp"
    qbo_id: StrictStr | None = None
    tombstones: Tombstones | None = None


class DocumentTable(RecordTable):
    """Where documents are. ``business_unit``: the column that ``business_units`` of the source is compared with
    (R-115)."""

    business_unit: StrictStr | None = None
