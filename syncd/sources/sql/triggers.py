"""The triggers of the reference schema, as text for each dialect.

Whoever writes, with whatever program: every change gives the row a new version and a new ``updated_at``, a change of a
part (a line, an allocation, a credit) counts as a change of what it is part of, and a deletion leaves a tombstone.

The first version of a row is the time in milliseconds, not 1. A row that is deleted and entered again under its old id
(or a table that is emptied and reloaded) thereby never gets back a version that was seen before with other content.

Migration 0001 installs those of ``PARENTS`` and ``CHILDREN``; tables that came later have lists of their own, and a
migration each. A later change of a trigger gets a new function and a new migration.
"""

from __future__ import annotations

# ruff: noqa: S608 - all that is put into these statements are the constant names below
from collections.abc import Mapping

PARENTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "client": ("client", ("id", "name", "currency", "email", "address", "city", "region", "postal_code", "country",
                          "active", "qbo_id")),
    "item": ("item", ("id", "name", "active", "qbo_id")),
    "tax_rate": ("tax_code", ("id", "name", "rate", "active")),
    "payment_method": ("payment_method", ("id", "name", "active")),
    "expense_category": ("category", ("id", "name", "active")),
    "project": ("project", ("id", "client_id", "name", "active", "qbo_id")),
    "member": ("vendor", ("id", "name", "currency", "email", "active", "qbo_id")),
    "invoice": ("invoice", ("id", "number", "transaction_number", "client_id", "state", "issue_date", "due_date",
                            "currency", "exchange_rate", "bill_to", "emails", "cc_emails", "discount", "tax",
                            "tax_code", "tax_rate", "tax_inclusive", "total", "notes", "po_number", "business_unit",
                            "qbo_id", "save_to_qbo", "remove_from_qbo")),
    "credit_note": ("credit_note", ("id", "number", "transaction_number", "client_id", "state", "issue_date",
                                    "currency", "exchange_rate", "bill_to", "emails", "cc_emails", "tax", "tax_code",
                                    "tax_rate", "tax_inclusive", "total", "notes", "business_unit", "qbo_id",
                                    "save_to_qbo", "remove_from_qbo")),
    "payment": ("payment", ("id", "client_id", "date", "amount", "currency", "exchange_rate", "method_id",
                            "reference", "notes", "state", "business_unit", "qbo_id", "save_to_qbo",
                            "remove_from_qbo")),
    "credit_application": ("credit_application", ("id", "credit_note_id", "date", "currency", "state", "qbo_id")),
    "expense": ("expense", ("id", "member_id", "report", "date", "amount", "currency", "status", "reimbursable",
                            "reimbursed", "category_id", "project_id", "merchant", "notes", "business_unit")),
}  # fmt: skip
"""The tracked tables with the kind that each holds and the columns that are content."""

PROJECT_ID: Mapping[str, tuple[str, ...]] = dict.fromkeys(("invoice", "credit_note", "payment"), ("project_id",))
"""By table, the columns of content that migration r0003_billdr adds."""

CHILDREN: Mapping[str, tuple[str, str]] = {
    "invoice_line": ("invoice", "invoice_id"),
    "credit_note_line": ("credit_note", "credit_note_id"),
    "payment_allocation": ("payment", "payment_id"),
    "payment_credit": ("payment", "payment_id"),
    "credit_application_part": ("credit_application", "credit_application_id"),
}
"""Child table: its parent table and the column that names the parent."""

Parents = Mapping[str, tuple[str, tuple[str, ...]]]
Children = Mapping[str, tuple[str, str]]

PURCHASE_PARENTS: Parents = {
    "purchase_order": ("purchase_order", ("id", "number", "member_id", "state", "date", "due_date", "currency", "total",
                                          "notes", "business_unit")),
    "attachment": ("attachment", ("id", "owner_kind", "owner_id", "file_name", "path", "content")),
}  # fmt: skip
"""Those of migration 0002."""
PURCHASE_CHILDREN: Children = {"purchase_order_line": ("purchase_order", "purchase_order_id")}
ESTIMATE_PARENTS: Parents = {
    "estimate": ("estimate", ("id", "number", "transaction_number", "client_id", "state", "issue_date", "due_date",
                              "currency", "exchange_rate", "bill_to", "emails", "cc_emails", "discount", "tax",
                              "tax_code", "tax_rate", "tax_inclusive", "total", "notes", "business_unit", "qbo_id",
                              "save_to_qbo", "remove_from_qbo")),
}  # fmt: skip
"""Those of migration 0004."""
ESTIMATE_CHILDREN: Children = {"estimate_line": ("estimate", "estimate_id")}
MARKS: Mapping[str, tuple[str, ...]] = {"invoice": ("paid",), "payment": ("by_mark",), "client": ("sort",)}
"""Columns that migration 0004 adds to tables which are tracked already."""


def _grave(parents: Parents, table: str, now: str) -> tuple[str, str]:
    """What a deleted row of a table leaves: the columns of its tombstone, and their values. The tick that was given
    with the deletion (or before it) stays readable there (R-73 to R-75)."""
    kind, columns = parents[table]
    remove = "OLD.remove_from_qbo" if "remove_from_qbo" in columns else "NULL"
    return "kind, record_id, removed_at, remove_from_qbo", f"'{kind}', OLD.id, {now}, {remove}"


def statements(dialect: str, parents: Parents = PARENTS, children: Children = CHILDREN) -> list[str]:
    """What installs the triggers of these tables, in order. ``dialect`` is ``postgresql``, ``mysql``, ``mariadb`` or
    ``sqlite``."""
    return {"postgresql": _postgresql, "sqlite": _sqlite}.get(dialect, _mysql)(parents, children)


def more_columns(dialect: str, columns: Mapping[str, tuple[str, ...]], name: str) -> list[str]:
    """What makes a change of columns that came later count as one: on SQLite, whose triggers name columns."""
    if dialect != "sqlite":
        return []
    return [
        f"CREATE TRIGGER syncd_{table}_{name} AFTER UPDATE OF {', '.join(added)} ON {table} "
        f"BEGIN UPDATE {table} SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') "
        "WHERE id = NEW.id; END"
        for table, added in columns.items()
    ]


def removals(dialect: str, parents: Parents = PARENTS, children: Children = CHILDREN) -> list[str]:
    """What removes them again."""
    if dialect == "postgresql":
        drops = [
            f"DROP TRIGGER syncd_{table}_{part} ON {table}"
            for table, parts in (
                *((table, ("track", "gone")) for table in parents),
                *((table, ("added", "changed", "removed")) for table in children),
            )
            for part in parts
        ]
        shared = ("syncd_track", "syncd_gone") if parents is PARENTS else ()
        functions = (*shared, *(f"syncd_{child}_touch" for child in children))
        return [*drops, *(f"DROP FUNCTION {function}()" for function in functions)]
    made = [statement.split()[2] for statement in statements(dialect, parents, children)]
    return [f"DROP TRIGGER {name}" for name in made]


def _sqlite(parents: Parents, children: Children) -> list[str]:
    now = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
    first = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    made: list[str] = []
    for table, (_, columns) in parents.items():
        names, values = _grave(parents, table, now)
        # The inner UPDATE touches none of the columns listed, so it cannot set the trigger off again.
        made += [
            f"CREATE TRIGGER syncd_{table}_insert AFTER INSERT ON {table} BEGIN "
            f"UPDATE {table} SET version = {first}, updated_at = {now} WHERE id = NEW.id; END",
            f"CREATE TRIGGER syncd_{table}_update AFTER UPDATE OF {', '.join(columns)} ON {table} "
            f"BEGIN UPDATE {table} SET version = OLD.version + 1, updated_at = {now} WHERE id = NEW.id; END",
            f"CREATE TRIGGER syncd_{table}_delete AFTER DELETE ON {table} BEGIN "
            f"INSERT INTO syncd_tombstone ({names}) VALUES ({values}); END",
        ]
        # A row that is given another id leaves its old one.
        made.append(
            f"CREATE TRIGGER syncd_{table}_rename AFTER UPDATE OF id ON {table} WHEN NEW.id <> OLD.id BEGIN "
            f"INSERT INTO syncd_tombstone ({names}) VALUES ({values}); END"
        )
    for child, (parent, column) in children.items():
        for event, rows in (("INSERT", "NEW"), ("UPDATE", "OLD NEW"), ("DELETE", "OLD")):
            named = ", ".join(f"{row}.{column}" for row in rows.split())
            made.append(
                f"CREATE TRIGGER syncd_{child}_{event.lower()} AFTER {event} ON {child} BEGIN "
                f"UPDATE {parent} SET version = version + 1, updated_at = {now} WHERE id IN ({named}); END"
            )
    return made


def _mysql(parents: Parents, children: Children) -> list[str]:
    now = "UTC_TIMESTAMP(6)"
    first = "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"
    made: list[str] = []
    for table in parents:
        names, values = _grave(parents, table, now)
        # MySQL lets no trigger update its own table: the row is changed before it is stored.
        made += [
            f"CREATE TRIGGER syncd_{table}_insert BEFORE INSERT ON {table} FOR EACH ROW "
            f"SET NEW.version = {first}, NEW.updated_at = {now}",
            f"CREATE TRIGGER syncd_{table}_update BEFORE UPDATE ON {table} FOR EACH ROW "
            f"SET NEW.version = OLD.version + 1, NEW.updated_at = {now}",
            f"CREATE TRIGGER syncd_{table}_delete AFTER DELETE ON {table} FOR EACH ROW "
            f"INSERT INTO syncd_tombstone ({names}) VALUES ({values})",
            f"CREATE TRIGGER syncd_{table}_rename AFTER UPDATE ON {table} FOR EACH ROW "
            f"INSERT INTO syncd_tombstone ({names}) SELECT {values} FROM DUAL WHERE NEW.id <> OLD.id",
        ]
    for child, (parent, column) in children.items():
        for event, rows in (("INSERT", "NEW"), ("UPDATE", "OLD NEW"), ("DELETE", "OLD")):
            named = ", ".join(f"{row}.{column}" for row in rows.split())
            made.append(
                f"CREATE TRIGGER syncd_{child}_{event.lower()} AFTER {event} ON {child} FOR EACH ROW "
                f"UPDATE {parent} SET updated_at = {now} WHERE id IN ({named})"
            )
    return made


def _postgresql(parents: Parents, children: Children) -> list[str]:
    shared = [
        """CREATE FUNCTION syncd_track() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        BEGIN
          IF TG_OP = 'INSERT' THEN
            NEW.version := floor(extract(epoch FROM clock_timestamp()) * 1000);
          ELSE
            NEW.version := OLD.version + 1;
          END IF;
          NEW.updated_at := clock_timestamp();
          RETURN NEW;
        END $$""",
        """CREATE FUNCTION syncd_gone() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        BEGIN
          IF TG_OP = 'DELETE' OR NEW.id <> OLD.id THEN
            INSERT INTO syncd_tombstone (kind, record_id, removed_at, remove_from_qbo)
            VALUES (TG_ARGV[0], OLD.id::text, clock_timestamp(), (to_jsonb(OLD)->>'remove_from_qbo')::boolean);
          END IF;
          RETURN NULL;
        END $$""",
    ]
    made = shared if parents is PARENTS else []
    for table, (kind, _) in parents.items():
        made += [
            f"CREATE TRIGGER syncd_{table}_track BEFORE INSERT OR UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION syncd_track()",
            f"CREATE TRIGGER syncd_{table}_gone AFTER DELETE OR UPDATE OF id ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION syncd_gone('{kind}')",
        ]
    for child, (parent, column) in children.items():
        # Once a statement, not once a row: loading 500,000 lines bumps each invoice once.
        made.append(
            f"""CREATE FUNCTION syncd_{child}_touch() RETURNS trigger LANGUAGE plpgsql
            SET search_path FROM CURRENT AS $$
            BEGIN
              IF TG_OP <> 'INSERT' THEN
                UPDATE {parent} SET updated_at = clock_timestamp() WHERE id IN (SELECT {column} FROM before_rows);
              END IF;
              IF TG_OP = 'INSERT' THEN
                UPDATE {parent} SET updated_at = clock_timestamp() WHERE id IN (SELECT {column} FROM after_rows);
              ELSIF TG_OP = 'UPDATE' THEN
                UPDATE {parent} SET updated_at = clock_timestamp()
                WHERE id IN (SELECT {column} FROM after_rows EXCEPT SELECT {column} FROM before_rows);
              END IF;
              RETURN NULL;
            END $$"""
        )
        for event, part, tables in (
            ("INSERT", "added", "NEW TABLE AS after_rows"),
            ("UPDATE", "changed", "OLD TABLE AS before_rows NEW TABLE AS after_rows"),
            ("DELETE", "removed", "OLD TABLE AS before_rows"),
        ):
            made.append(
                f"CREATE TRIGGER syncd_{child}_{part} AFTER {event} ON {child} REFERENCING {tables} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION syncd_{child}_touch()"
            )
    return made
