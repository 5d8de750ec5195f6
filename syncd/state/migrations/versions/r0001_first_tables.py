"""The first tables.

Types are spelt out here and not taken from ``syncd.state.tables``: a migration stays what it was when that changes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


_ONE_TO_ONE = (
    "state <> 'tombstoned' AND qbo_id <> '' "
    "AND kind NOT IN ('category', 'item', 'payment_method', 'project', 'tax_code')"
)


def upgrade() -> None:
    op.create_table(
        "chains",
        sa.Column("company", ID, nullable=False),
        sa.Column("length", SERIAL, nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("company", name="pk_chains"),
    )
    op.create_table(
        "companies",
        sa.Column("name", ID, nullable=False),
        sa.Column("realm_id", ID, nullable=False),
        sa.Column("realm_name", sa.Text(), nullable=False),
        sa.Column("environment", ID, nullable=False),
        sa.Column("source_identity", sa.Text(), nullable=False),
        sa.Column("scope_digest", sa.Text(), nullable=False),
        sa.Column("first_run_approved_at", INSTANT, nullable=True),
        sa.Column("halted_since", INSTANT, nullable=True),
        sa.Column("halt_reason", sa.Text(), nullable=False),
        sa.Column("last_success_at", INSTANT, nullable=True),
        sa.Column("last_audit_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_companies"),
    )
    op.create_index(
        "uq_companies_environment_realm_id",
        "companies",
        ["environment", "realm_id"],
        unique=True,
        sqlite_where=sa.text("realm_id <> ''"),
        postgresql_where=sa.text("realm_id <> ''"),
    )
    op.create_table(
        "cursors",
        sa.Column("company", ID, nullable=False),
        sa.Column("qbo", INSTANT, nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("company", name="pk_cursors"),
    )
    op.create_table(
        "dirty",
        sa.Column("company", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("qbo_id", ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("company", "kind", "source_id", "qbo_id", name="pk_dirty"),
    )
    op.create_index("ix_dirty_qbo", "dirty", ["company", "kind", "qbo_id"])
    op.create_table(
        "held",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("company", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("qbo_id", ID, nullable=False),
        sa.Column("case", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("problems", sa.Text(), nullable=False),
        sa.Column("source_value", sa.Text(), nullable=False),
        sa.Column("qbo_value", sa.Text(), nullable=False),
        sa.Column("base_value", sa.Text(), nullable=False),
        sa.Column("actions", sa.Text(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("refreshed_at", INSTANT, nullable=False),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.Column("resolution_actor", sa.Text(), nullable=False),
        sa.Column("resolution_at", INSTANT, nullable=True),
        sa.Column("resolved_at", INSTANT, nullable=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_held"),
    )
    op.create_index("ix_held_company", "held", ["company", "id"])
    op.create_index(
        "ix_held_qbo",
        "held",
        ["company", "kind", "qbo_id"],
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index(
        "uq_held_unresolved",
        "held",
        ["company", "kind", "source_id", "qbo_id"],
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "history",
        sa.Column("company", ID, nullable=False),
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("qbo_id", ID, nullable=False),
        sa.Column("side", ID, nullable=False),
        sa.Column("verb", ID, nullable=False),
        sa.Column("case", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("journal_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("tid", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("company", "seq", name="pk_history"),
    )
    op.create_index("ix_history_qbo", "history", ["company", "kind", "qbo_id"])
    op.create_index("ix_history_source", "history", ["company", "kind", "source_id"])
    op.create_table(
        "leases",
        sa.Column("name", ID, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fence", SERIAL, nullable=False),
        sa.Column("ttl_milliseconds", SERIAL, nullable=False),
        sa.Column("acquired_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "links",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("company", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("qbo_id", ID, nullable=False),
        sa.Column("state", ID, nullable=False),
        sa.Column("source_version", sa.Text(), nullable=False),
        sa.Column("qbo_version", sa.Text(), nullable=False),
        sa.Column("accepted", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.CheckConstraint("source_id <> '' OR qbo_id <> ''", name=op.f("ck_links_some_id")),
        sa.CheckConstraint("state IN ('linked', 'orphaned', 'tombstoned', 'ignored')", name=op.f("ck_links_state")),
    )
    op.create_index("ix_links_qbo", "links", ["company", "kind", "qbo_id", "state"])
    op.create_index("ix_links_source", "links", ["company", "kind", "source_id", "id", "state"])
    op.create_index(
        "uq_links_qbo_live",
        "links",
        ["company", "kind", "qbo_id"],
        unique=True,
        sqlite_where=sa.text(_ONE_TO_ONE),
        postgresql_where=sa.text(_ONE_TO_ONE),
    )
    op.create_index(
        "uq_links_source_live",
        "links",
        ["company", "kind", "source_id"],
        unique=True,
        sqlite_where=sa.text("state <> 'tombstoned' AND source_id <> ''"),
        postgresql_where=sa.text("state <> 'tombstoned' AND source_id <> ''"),
    )
    op.create_table(
        "meter",
        sa.Column("company", ID, nullable=False),
        sa.Column("month", ID, nullable=False),
        sa.Column("reads", SERIAL, nullable=False),
        sa.PrimaryKeyConstraint("company", "month", name="pk_meter"),
    )
    op.create_table(
        "runs",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("company", ID, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_runs"),
    )
    op.create_index("ix_runs_company", "runs", ["company", "seq"])
    op.create_table(
        "tokens",
        sa.Column("environment", ID, nullable=False),
        sa.Column("realm_id", ID, nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("access_expires_at", INSTANT, nullable=False),
        sa.Column("refresh_expires_at", INSTANT, nullable=True),
        sa.Column("hard_expires_at", INSTANT, nullable=True),
        sa.Column("connected_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("broken", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "realm_id", name="pk_tokens"),
    )
    op.create_table(
        "bases",
        sa.Column("link_id", SERIAL, autoincrement=False, nullable=False),
        sa.Column("source_half", sa.Text(), nullable=False),
        sa.Column("qbo_half", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("link_id", name="pk_bases"),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name="fk_bases_link_id_links", ondelete="CASCADE"),
    )
    op.create_table(
        "journal",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("company", ID, nullable=False),
        sa.Column("realm_id", ID, nullable=False),
        sa.Column("state", ID, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("request_id", ID, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("operation_id", sa.Text(), nullable=False),
        sa.Column("side", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("verb", ID, nullable=False),
        sa.Column("key", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("qbo_id", ID, nullable=False),
        sa.Column("operation", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("pre_image", sa.LargeBinary(), nullable=False),
        sa.Column("batch_request_id", sa.Text(), nullable=False),
        sa.Column("batch_item_id", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("tid", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_journal"),
        sa.CheckConstraint("side IN ('source', 'qbo')", name=op.f("ck_journal_side")),
        sa.CheckConstraint(
            "state IN ('intended', 'sent', 'confirmed', 'refused', 'superseded', 'abandoned')",
            name=op.f("ck_journal_state"),
        ),
        sa.ForeignKeyConstraint(["company"], ["companies.name"], name="fk_journal_company_companies"),
        sa.UniqueConstraint("id", name="uq_journal_id"),
        sa.UniqueConstraint("realm_id", "side", "kind", "key", "verb", "generation", name="uq_journal_slot"),
    )
    op.create_index(
        "ix_journal_open",
        "journal",
        ["company", "seq"],
        sqlite_where=sa.text("state IN ('intended', 'sent')"),
        postgresql_where=sa.text("state IN ('intended', 'sent')"),
    )
    op.create_index("ix_journal_state", "journal", ["company", "state"])
    op.create_index(
        "uq_journal_open_slot",
        "journal",
        ["realm_id", "side", "kind", "key", "verb"],
        unique=True,
        sqlite_where=sa.text("state IN ('intended', 'sent')"),
        postgresql_where=sa.text("state IN ('intended', 'sent')"),
    )
    _forbid_changes_of_history()


def downgrade() -> None:
    for table in (
        "journal",
        "bases",
        "tokens",
        "runs",
        "meter",
        "links",
        "leases",
        "history",
        "held",
        "dirty",
        "cursors",
        "companies",
        "chains",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change_of_history()")


def _forbid_changes_of_history() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER history_no_{action.lower()} BEFORE {action} ON history "
                "BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the history is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER history_no_change BEFORE UPDATE OR DELETE ON history "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history()"
    )
    op.execute(
        "CREATE TRIGGER history_no_truncate BEFORE TRUNCATE ON history "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history()"
    )
