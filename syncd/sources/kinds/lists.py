"""Where the records are that documents refer to, and their fields: items, clients, vendors and the like."""

from __future__ import annotations

from syncd.sources.expressions import Expression, Postal, RecordTable, Strict


class NamedFields(Strict):
    """The fields of an item, a payment method or a category."""

    name: Expression
    active: Expression | None = None


class NamedTable(RecordTable):
    """Where items, payment methods or categories are."""

    fields: NamedFields


class TaxCodeFields(NamedFields):
    """The fields of a tax code. ``rate`` is a fraction: 0.05 for 5 %."""

    rate: Expression | None = None


class TaxCodeTable(RecordTable):
    """Where tax codes are."""

    fields: TaxCodeFields


class ProjectFields(NamedFields):
    """The fields of a project. ``currency`` is its client's."""

    client: Expression | None = None
    currency: Expression | None = None


class ProjectTable(RecordTable):
    """Where projects are."""

    fields: ProjectFields


class VendorFields(NamedFields):
    """The fields of a vendor: a member of the staff, or a supplier."""

    currency: Expression | None = None
    email: Expression | None = None


class VendorTable(RecordTable):
    """Where vendors are."""

    fields: VendorFields


class ClientFields(VendorFields):
    """The fields of a client. ``contact`` is the name of the person whom bills are addressed to."""

    address: Postal | None = None
    contact: Expression | None = None


class ClientTable(RecordTable):
    """Where clients are."""

    fields: ClientFields
