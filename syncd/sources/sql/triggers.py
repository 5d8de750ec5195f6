"""The triggers of the reference schema, as text for each dialect.

Whoever writes, with whatever program: every change gives the row a new version and a new ``updated_at``, a change of a
line counts as a change of its invoice (and an allocation as one of its payment), and a deletion leaves a tombstone.

The first version of a row is the time in milliseconds, not 1. A row that is deleted and entered again under its old id
(or a table that is emptied and reloaded) thereby never gets back a version that was seen before with other content.

Migration 0001 installs these. A later change of a trigger gets a new function and a new migration.
"""

from __future__ import annotations

# ruff: noqa: S608 - all that is put into these statements are the constant names below
from collections.abc import Mapping

PARENTS: Mapping[str, tuple[str, ...]] = {
    "client": ("id", "name", "currency", "email", "address", "city", "region", "postal_code", "country", "active",
               "qbo_id"),
    "item": ("id", "name", "active", "qbo_id"),
    "invoice": ("id", "number", "client_id", "state", "issue_date", "due_date", "currency", "discount", "tax",
                "tax_code", "total", "notes", "qbo_id", "save_to_qbo", "remove_from_qbo"),
    "payment": ("id", "client_id", "date", "amount", "currency", "reference", "notes", "state", "qbo_id",
                "save_to_qbo"),
}  # fmt: skip
"""The tracked tables with the columns that are content."""

CHILDREN: Mapping[str, tuple[str, str]] = {
    "invoice_line": ("invoice", "invoice_id"),
    "payment_allocation": ("payment", "payment_id"),
}
"""Child table: its parent table and the column that names the parent."""


def statements(dialect: str) -> list[str]:
    """What installs all triggers, in order. ``dialect`` is ``postgresql``, ``mysql``, ``mariadb`` or ``sqlite``."""
    return {"postgresql": _postgresql, "sqlite": _sqlite}.get(dialect, _mysql)()


def removals(dialect: str) -> list[str]:
    """What removes them again."""
    if dialect == "postgresql":
        drops = [
            f"DROP TRIGGER syncd_{table}_{part} ON {table}"
            for table, parts in (
                *((table, ("track", "gone")) for table in PARENTS),
                *((table, ("added", "changed", "removed")) for table in CHILDREN),
            )
            for part in parts
        ]
        functions = ("syncd_track", "syncd_gone", *(f"syncd_{child}_touch" for child in CHILDREN))
        return [*drops, *(f"DROP FUNCTION {function}()" for function in functions)]
    made = [statement.split()[2] for statement in statements(dialect)]
    return [f"DROP TRIGGER {name}" for name in made]


def _sqlite() -> list[str]:
    now = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
    first = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    made: list[str] = []
    for table, columns in PARENTS.items():
        # The inner UPDATE touches none of the columns listed, so it cannot set the trigger off again.
        made += [
            f"CREATE TRIGGER syncd_{table}_insert AFTER INSERT ON {table} BEGIN "
            f"UPDATE {table} SET version = {first}, updated_at = {now} WHERE id = NEW.id; END",
            f"CREATE TRIGGER syncd_{table}_update AFTER UPDATE OF {', '.join(columns)} ON {table} "
            f"BEGIN UPDATE {table} SET version = OLD.version + 1, updated_at = {now} WHERE id = NEW.id; END",
            f"CREATE TRIGGER syncd_{table}_delete AFTER DELETE ON {table} BEGIN "
            f"INSERT INTO syncd_tombstone (kind, record_id, removed_at) VALUES ('{table}', OLD.id, {now}); END",
        ]
        # A row that is given another id leaves its old one.
        made.append(
            f"CREATE TRIGGER syncd_{table}_rename AFTER UPDATE OF id ON {table} WHEN NEW.id <> OLD.id BEGIN "
            f"INSERT INTO syncd_tombstone (kind, record_id, removed_at) VALUES ('{table}', OLD.id, {now}); END"
        )
    for child, (parent, column) in CHILDREN.items():
        for event, rows in (("INSERT", "NEW"), ("UPDATE", "OLD NEW"), ("DELETE", "OLD")):
            named = ", ".join(f"{row}.{column}" for row in rows.split())
            made.append(
                f"CREATE TRIGGER syncd_{child}_{event.lower()} AFTER {event} ON {child} BEGIN "
                f"UPDATE {parent} SET version = version + 1, updated_at = {now} WHERE id IN ({named}); END"
            )
    return made


def _mysql() -> list[str]:
    now = "UTC_TIMESTAMP(6)"
    first = "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"
    made: list[str] = []
    for table in PARENTS:
        # MySQL lets no trigger update its own table: the row is changed before it is stored.
        made += [
            f"CREATE TRIGGER syncd_{table}_insert BEFORE INSERT ON {table} FOR EACH ROW "
            f"SET NEW.version = {first}, NEW.updated_at = {now}",
            f"CREATE TRIGGER syncd_{table}_update BEFORE UPDATE ON {table} FOR EACH ROW "
            f"SET NEW.version = OLD.version + 1, NEW.updated_at = {now}",
            f"CREATE TRIGGER syncd_{table}_delete AFTER DELETE ON {table} FOR EACH ROW "
            f"INSERT INTO syncd_tombstone (kind, record_id, removed_at) VALUES ('{table}', OLD.id, {now})",
            f"CREATE TRIGGER syncd_{table}_rename AFTER UPDATE ON {table} FOR EACH ROW "
            f"INSERT INTO syncd_tombstone (kind, record_id, removed_at) "
            f"SELECT '{table}', OLD.id, {now} FROM DUAL WHERE NEW.id <> OLD.id",
        ]
    for child, (parent, column) in CHILDREN.items():
        for event, rows in (("INSERT", "NEW"), ("UPDATE", "OLD NEW"), ("DELETE", "OLD")):
            named = ", ".join(f"{row}.{column}" for row in rows.split())
            made.append(
                f"CREATE TRIGGER syncd_{child}_{event.lower()} AFTER {event} ON {child} FOR EACH ROW "
                f"UPDATE {parent} SET updated_at = {now} WHERE id IN ({named})"
            )
    return made


def _postgresql() -> list[str]:
    made = [
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
            INSERT INTO syncd_tombstone (kind, record_id, removed_at)
            VALUES (TG_TABLE_NAME, OLD.id::text, clock_timestamp());
          END IF;
          RETURN NULL;
        END $$""",
    ]
    for table in PARENTS:
        made += [
            f"CREATE TRIGGER syncd_{table}_track BEFORE INSERT OR UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION syncd_track()",
            f"CREATE TRIGGER syncd_{table}_gone AFTER DELETE OR UPDATE OF id ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION syncd_gone()",
        ]
    for child, (parent, column) in CHILDREN.items():
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
