"""The configuration of a source: what stands under ``[company.source]``. Checked whole, unknown keys refused.

A field of a record is found by one of these, wherever the examples below say *expression*:

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
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
    StrictInt,
    StrictStr,
    field_validator,
    model_validator,
)

from syncd.model.records import Kind, State

_SUPPORTED = ("postgresql+psycopg", "mysql+pymysql", "mariadb+pymysql", "sqlite")


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True, populate_by_name=True)


class Expression(_Settings):
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


class AddressColumns(_Settings):
    """The columns of a postal address. A column of ``lines`` may itself hold several lines."""

    lines: tuple[StrictStr, ...] = ()
    city: StrictStr | None = None
    region: StrictStr | None = None
    postal_code: StrictStr | None = None
    country: StrictStr | None = None


class Join(_Settings):
    """A row of another table that belongs to this row: at most one. ``on``: its column = expression column of ours."""

    table: StrictStr
    on: Mapping[StrictStr, StrictStr] = Field(min_length=1)


class Tombstones(_Settings):
    """A table that says which rows were deleted, and when."""

    table: StrictStr
    id: StrictStr
    removed: StrictStr
    where: StrictStr | None = None


class _Table(_Settings):
    table: StrictStr
    id: StrictStr | None = None
    where: StrictStr | None = None
    join: Mapping[StrictStr, Join] = {}
    changed: StrictStr | None = None


class LineFields(_Settings):
    """The fields of an invoice line."""

    amount: Expression
    item: Expression | None = None
    item_name: Expression | None = None
    description: Expression | None = None
    quantity: Expression | None = None
    rate: Expression | None = None
    taxable: Expression | None = None


class LineTable(_Table):
    """The table of invoice lines. ``parent`` names the invoice, ``order`` the column that orders its lines."""

    parent: StrictStr
    order: StrictStr | None = None
    fields: LineFields


class AllocationFields(_Settings):
    """The fields of an allocation: the part of a payment that pays one invoice."""

    invoice: Expression
    amount: Expression


class AllocationTable(_Table):
    """The table of allocations. ``parent`` names the payment."""

    parent: StrictStr
    order: StrictStr | None = None
    fields: AllocationFields


class _KindTable(_Table):
    id: StrictStr
    read_only: StrictBool = True
    version: StrictStr | None = None
    changed_unit: Literal["timestamp", "seconds", "milliseconds"] = "timestamp"
    qbo_id: StrictStr | None = None
    tombstones: Tombstones | None = None


class ClientFields(_Settings):
    """The fields of a client."""

    name: Expression
    currency: Expression | None = None
    email: Expression | None = None
    address: AddressColumns | None = None
    active: Expression | None = None


class ItemFields(_Settings):
    """The fields of an item."""

    name: Expression
    active: Expression | None = None


class InvoiceFields(_Settings):
    """The fields of an invoice. Without ``total`` it is lines - discount + tax."""

    client: Expression
    issue_date: Expression
    state: Expression
    number: Expression | None = None
    due_date: Expression | None = None
    currency: Expression | None = None
    discount: Expression | None = None
    tax: Expression | None = None
    tax_code: Expression | None = None
    total: Expression | None = None
    balance: Expression | None = None
    notes: Expression | None = None
    save_to_qbo: Expression | None = None


class PaymentFields(_Settings):
    """The fields of a payment."""

    client: Expression
    date: Expression
    amount: Expression
    currency: Expression | None = None
    reference: Expression | None = None
    notes: Expression | None = None
    state: Expression | None = None
    save_to_qbo: Expression | None = None


class ClientTable(_KindTable):
    """Where clients are."""

    fields: ClientFields


class ItemTable(_KindTable):
    """Where items are."""

    fields: ItemFields


class InvoiceTable(_KindTable):
    """Where invoices are."""

    fields: InvoiceFields
    lines: LineTable


class PaymentTable(_KindTable):
    """Where payments are."""

    fields: PaymentFields
    allocations: AllocationTable


KindTable: TypeAlias = ClientTable | ItemTable | InvoiceTable | PaymentTable
ChildTable: TypeAlias = LineTable | AllocationTable


class SqlMapping(_Settings):
    """Which tables hold which kinds. ``write_log``: a table for the journal ids of our own writes."""

    client: ClientTable | None = None
    item: ItemTable | None = None
    invoice: InvoiceTable | None = None
    payment: PaymentTable | None = None
    write_log: StrictStr | None = None

    @model_validator(mode="after")
    def _sound(self) -> SqlMapping:
        if not self.tables:
            raise ValueError("map at least one of client, item, invoice and payment")
        for kind, table in self.tables.items():
            state = getattr(table.fields, "state", None)
            wrong = _wrong_states(state) if state is not None else ()
            if wrong:
                allowed = ", ".join(sorted(State))
                raise ValueError(f"{kind}.fields.state: {', '.join(wrong)} is no state; expected {allowed}")
        return self

    @property
    def tables(self) -> dict[Kind, KindTable]:
        """The mapped kinds, in the order of work."""
        found = {kind: getattr(self, kind.value) for kind in (Kind.ITEM, Kind.CLIENT, Kind.INVOICE, Kind.PAYMENT)}
        return {kind: table for kind, table in found.items() if table is not None}


def _wrong_states(state: Expression) -> tuple[str, ...]:
    said = [state.constant] if state.constant is not None else list((state.values or {}).values())
    known = {str(s) for s in State}
    return tuple(str(value) for value in said if str(value) not in known)


class SqlSourceConfig(_Settings):
    """A source in a SQL database: PostgreSQL, MySQL or MariaDB, SQLite.

    Give either ``schema = "reference"`` (the tables that syncd ships) or a ``mapping`` onto tables that exist. The
    password may be part of ``url``; better, it comes from a file (``password_file``, read by the loader).
    ``read_only`` lists kinds that are never written, whatever else is said.
    """

    type: Literal["sql"] = "sql"
    url: SecretStr
    password: SecretStr | None = None
    schema_name: Literal["reference"] | None = Field(default=None, alias="schema")
    mapping: SqlMapping | None = None
    read_only: frozenset[Kind] = frozenset()
    time_zone: StrictStr = "UTC"
    overlap_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300
    connect_timeout_seconds: Annotated[int, Field(ge=1, le=600)] = 10
    statement_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    lock_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 10

    @field_validator("url")
    @classmethod
    def _known_database(cls, url: SecretStr) -> SecretStr:
        driver = url.get_secret_value().partition(":")[0]
        if driver not in _SUPPORTED:
            raise ValueError(f"the address must begin with one of {', '.join(f'{d}://' for d in _SUPPORTED)}")
        return url

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone; expected a name such as UTC or Europe/Vienna") from None
        return name

    @model_validator(mode="after")
    def _one_layout(self) -> SqlSourceConfig:
        if (self.schema_name is None) == (self.mapping is None):
            raise ValueError('give either schema = "reference" or a mapping, and not both')
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The zone of timestamps that carry none."""
        return ZoneInfo(self.time_zone)


SourceConfig: TypeAlias = SqlSourceConfig
"""Any source's configuration; further types join here, told apart by ``type``."""
