"""Tables that nobody made for syncd, mapped by configuration alone, on each database."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from syncd.errors import SourceMisconfigured
from syncd.model.kinds import Kind, State
from syncd.model.observations import Absent, Flawed
from syncd.model.records.lists import Address
from syncd.model.records.payments import Allocation
from syncd.model.writes import Conflict, Done, Refused, SourceWrite, Verb
from syncd.sources.registry import source_config
from tests.sources.conftest import DIALECTS
from tests.sources.foreign import ForeignWorld, record
from tests.sources.worlds import line, payment

_TABLES = """
CREATE TABLE customers (cust_no VARCHAR(20) PRIMARY KEY, given VARCHAR(50), family VARCHAR(50), mail VARCHAR(99),
  street VARCHAR(99), street2 VARCHAR(99), town VARCHAR(99), hidden INTEGER DEFAULT 0 NOT NULL);
CREATE TABLE article_groups (group_no INTEGER PRIMARY KEY, label VARCHAR(50));
CREATE TABLE articles (article_no INTEGER PRIMARY KEY, title VARCHAR(50), group_no INTEGER);
CREATE TABLE bills (bill_no {serial}, cust_no VARCHAR(20), shown_no VARCHAR(20), issued {stamp},
  status CHAR(1) NOT NULL, grand_total NUMERIC(12, 2),
  memo VARCHAR(500), qb_id VARCHAR(20), modified {stamp}, row_version INTEGER DEFAULT 1);
CREATE TABLE bill_rows (row_no {serial}, bill_no INTEGER, pos INTEGER DEFAULT 0, article_no INTEGER,
  wording VARCHAR(200), pieces NUMERIC(12, 3), price NUMERIC(12, 4), net NUMERIC(12, 2));
CREATE TABLE receipts (receipt_no {serial}, cust_no VARCHAR(20), paid_on DATE, sum_paid NUMERIC(12, 2),
  cheque VARCHAR(30), qb_id VARCHAR(20));
CREATE TABLE receipt_parts (receipt_no INTEGER, bill_no INTEGER, part NUMERIC(12, 2));
CREATE TABLE our_writes (journal_id VARCHAR(64) PRIMARY KEY, kind VARCHAR(32) NOT NULL,
  record_id VARCHAR(64) NOT NULL, applied_at {stamp} NOT NULL);
INSERT INTO customers VALUES ('C-1', 'Zoë', 'van  Dyck', 'z@example.com', 'Weg 1', NULL, 'Gent', 0),
  ('C-2', '', '王', NULL, NULL, NULL, NULL, 0), ('C-3', 'Old', 'One', NULL, NULL, NULL, NULL, 1);
INSERT INTO article_groups VALUES (1, 'Service');
INSERT INTO articles VALUES (7, 'Repair', 1), (8, 'Ungrouped', NULL);
INSERT INTO bills (bill_no, cust_no, shown_no, issued, status, grand_total, memo, modified) VALUES
  (1, 'C-1', 'B/1', '2026-01-31 23:30:00', 'S', 3.98, 'Thanks', '2026-02-01 00:00:00'),
  (2, 'C-2', NULL, '2026-02-01 00:00:00', 'D', 0.50, NULL, '2026-02-01 00:00:00');
INSERT INTO bill_rows (row_no, bill_no, pos, article_no, wording, pieces, price, net) VALUES
  (1, 1, 2, 8, 'Second', 1, 1.98, 1.98), (2, 1, 1, 7, 'First', 2, 1.00, 2.00), (3, 2, 1, NULL, 'Only', 1, 0.5, 0.50);
INSERT INTO receipts (receipt_no, cust_no, paid_on, sum_paid, cheque) VALUES (1, 'C-1', '2026-02-03', 3.98, 'n 12');
INSERT INTO receipt_parts VALUES (1, 1, 3.98)
"""

_MAPPING: dict[str, Any] = {
    "write_log": "our_writes",
    "client": {
        "table": "customers",
        "id": "cust_no",
        "where": "hidden = 0",
        "read_only": False,
        "fields": {
            "name": "{given} {family}",
            "email": "mail",
            "currency": {"constant": "eur"},
            "address": {"lines": ["street", "street2"], "city": "town"},
        },
    },
    "invoice": {
        "table": "bills",
        "id": "bill_no",
        "read_only": False,
        "qbo_id": "qb_id",
        "fields": {
            "number": "shown_no",
            "client": "cust_no",
            "issue_date": "issued",
            "currency": {"constant": "EUR"},
            "total": "grand_total",
            "notes": "memo",
            "state": {"column": "status", "values": {"D": "draft", "S": "published", "X": "void"}},
        },
        "lines": {
            "table": "bill_rows",
            "id": "row_no",
            "parent": "bill_no",
            "order": "pos",
            "join": {
                "article": {"table": "articles", "on": {"article_no": "article_no"}},
                "family": {"table": "article_groups", "on": {"group_no": "article.group_no"}},
            },
            "fields": {
                "amount": "net",
                "quantity": "pieces",
                "rate": "price",
                "description": "wording",
                "item_name": "family.label",
            },
        },
    },
    "payment": {
        "table": "receipts",
        "id": "receipt_no",
        "read_only": False,
        "qbo_id": "qb_id",
        "fields": {
            "client": "cust_no",
            "date": "paid_on",
            "amount": "sum_paid",
            "currency": {"constant": "EUR"},
            "reference": "cheque",
        },
        "allocations": {
            "table": "receipt_parts",
            "parent": "receipt_no",
            "fields": {"invoice": "bill_no", "amount": "part"},
        },
    },
}
_NUMBERED = (("bills", "bill_no"), ("bill_rows", "row_no"), ("receipts", "receipt_no"))


def open_shop(url: str) -> ForeignWorld:
    """Somebody's shop."""
    return ForeignWorld(url, tables=_TABLES, mapping=_MAPPING, numbered=_NUMBERED)


@pytest.fixture(params=DIALECTS)
def shop(request: pytest.FixtureRequest, fresh_url: Callable[[str], str]) -> Iterator[ForeignWorld]:
    made = open_shop(fresh_url(request.param))
    yield made
    made.close()


@pytest.fixture
def small_shop(fresh_url: Callable[[str], str]) -> Iterator[ForeignWorld]:
    """On SQLite, for what has nothing to do with the database."""
    made = open_shop(fresh_url("sqlite"))
    yield made
    made.close()


def edit(source: Any, kind: Kind, key: str, journal: str = "j", **values: Any) -> SourceWrite:
    found = source.read(kind, [key])[key]
    wished = msgspec.structs.replace(found.record, **values)
    return SourceWrite(journal, kind, Verb.UPDATE, key, found.version, tuple(values), wished, "qb-1")


def test_foreign_tables_become_records(shop: ForeignWorld) -> None:
    found = shop.source.changes("")
    assert found.counts == {Kind.CLIENT: 2, Kind.INVOICE: 2, Kind.PAYMENT: 1}
    assert found.whole == {Kind.CLIENT, Kind.INVOICE, Kind.PAYMENT}
    who = found.changed[Kind.CLIENT]
    assert {key: one.record.name for key, one in who.items()} == {"C-1": "Zoë van  Dyck", "C-2": "王"}
    assert who["C-1"].record.address == Address(lines=("Weg 1",), city="Gent")
    assert who["C-1"].record.currency == "EUR"
    bill = found.changed[Kind.INVOICE]["1"].record
    assert (bill.number, bill.client, bill.issue_date, bill.state) == ("B/1", "C-1", date(2026, 1, 31), State.PUBLISHED)
    assert (bill.total, bill.discount, bill.due_date) == (Decimal("3.98"), UNSET, UNSET)
    assert [(one.description, one.amount, one.quantity, one.rate, one.item_name) for one in bill.lines] == [
        ("First", Decimal("2.00"), 2, 1, "Service"),
        ("Second", Decimal("1.98"), 1, Decimal("1.98"), ""),
    ]
    assert found.changed[Kind.INVOICE]["2"].record.state is State.DRAFT
    paid = found.changed[Kind.PAYMENT]["1"].record
    assert paid.allocations == (Allocation("1", Decimal("3.98")),)
    assert (paid.state, paid.reference) == (State.LIVE, "n 12")
    assert all(finding.level != "error" for finding in shop.source.check())


def test_a_row_outside_where_is_not_there(shop: ForeignWorld) -> None:
    assert isinstance(shop.source.read(Kind.CLIENT, ["C-3"])["C-3"], Absent)
    first = shop.source.changes("")
    shop.sql("UPDATE customers SET hidden = 1 WHERE cust_no = 'C-1'")
    known = {kind: frozenset(records) for kind, records in first.changed.items()}
    assert shop.source.needs_keys(first.watermark) == set(known)
    assert shop.source.changes(first.watermark, known).suspects == {Kind.CLIENT: {"C-1"}}


def test_a_fingerprint_stands_in_for_a_version(shop: ForeignWorld) -> None:
    before = shop.source.read(Kind.INVOICE, ["1", "2"])
    shop.sql("UPDATE bill_rows SET wording = 'Zeroth' WHERE row_no = 2")
    after = shop.source.read(Kind.INVOICE, ["1", "2"])
    assert before["1"].version != after["1"].version
    assert before["2"].version == after["2"].version
    assert [one.version for one in shop.source.scan(Kind.INVOICE)] == [after["1"].version, after["2"].version]


def test_a_write_without_a_version_column_compares_all_that_was_read(shop: ForeignWorld) -> None:
    write = edit(shop.source, Kind.INVOICE, "1", notes="From QBO", number="Q/1")
    shop.sql("UPDATE bill_rows SET wording = 'A person was here' WHERE row_no = 2")
    assert isinstance(shop.source.write([write])[0], Conflict)
    write = edit(shop.source, Kind.INVOICE, "1", notes="From QBO", number="Q/1")
    outcome = shop.source.write([write])[0]
    assert isinstance(outcome, Done)
    assert outcome.after == shop.source.read(Kind.INVOICE, ["1"])["1"]
    assert shop.sql("SELECT memo, shown_no, qb_id, status FROM bills WHERE bill_no = 1") == [
        ("From QBO", "Q/1", "qb-1", "S")
    ]
    assert shop.source.settled(["j"]) == {"j": "1"}


def test_lines_of_a_foreign_table_keep_their_rows(shop: ForeignWorld) -> None:
    """The article of a line is nothing QBO knows of; it survives as long as its line does (C-R16)."""
    lines = (line("2.00", "First", quantity=Decimal(2), rate=Decimal(1)), line("3.00", "Third"))
    write = edit(shop.source, Kind.INVOICE, "1", lines=lines, total=Decimal("5.00"))
    assert isinstance(shop.source.write([write])[0], Done)
    rows = shop.sql("SELECT row_no, pos, article_no, wording, net FROM bill_rows WHERE bill_no = 1 ORDER BY pos")
    assert [tuple(row[:4]) for row in rows] == [(2, 1, 7, "First"), (rows[1][0], 2, None, "Third")]


def test_states_are_written_by_the_mapping_s_own_names(shop: ForeignWorld) -> None:
    version = shop.source.read(Kind.INVOICE, ["1"])["1"].version
    outcome = shop.source.write([SourceWrite("v", Kind.INVOICE, Verb.VOID, "1", version, (), None)])[0]
    assert isinstance(outcome, Done)
    assert outcome.after.record.state is State.VOID
    assert shop.sql("SELECT status FROM bills WHERE bill_no = 1") == [("X",)]


def test_a_payment_from_quickbooks_is_entered_once(shop: ForeignWorld) -> None:
    wished = payment("C-1", "2.00", currency="EUR", allocations=(Allocation("1", Decimal("2.00")),), reference="n 13")
    write = SourceWrite("c", Kind.PAYMENT, Verb.CREATE, "", "", (), wished, "qb-9")
    first, second = shop.source.write([write, write])
    assert isinstance(first, Done)
    assert first == second
    assert first.after.record.external_id == "qb-9"
    assert shop.sql("SELECT count(*) FROM receipts") == [(2,)]
    assert shop.sql("SELECT part FROM receipt_parts ORDER BY part") == [(2,), (Decimal("3.98"),)] or (
        shop.dialect == "sqlite"
    )
    changed = edit(shop.source, Kind.PAYMENT, first.after.record.id, "k", allocations=())
    assert isinstance(shop.source.write([changed])[0], Done)
    gone = SourceWrite(
        "d", Kind.PAYMENT, Verb.DELETE, "1", shop.source.read(Kind.PAYMENT, ["1"])["1"].version, (), None
    )
    assert isinstance(shop.source.write([gone])[0], Done)
    assert shop.sql("SELECT count(*) FROM receipt_parts") == [(0,)]


def test_the_parts_of_a_name_cannot_be_written(shop: ForeignWorld) -> None:
    assert "name" not in shop.source.capabilities()[Kind.CLIENT].writable
    write = edit(shop.source, Kind.CLIENT, "C-1", name="Somebody Else")
    outcome = shop.source.write([write])[0]
    assert isinstance(outcome, Refused)
    assert outcome.code == "not_writable"


def test_read_only_kinds_are_never_written(shop: ForeignWorld) -> None:
    def close(mapping: dict[str, Any]) -> None:
        mapping["invoice"]["read_only"] = True
        del mapping["client"]["read_only"]  # the default

    source = shop.under(close, read_only=["payment"])
    assert all(not able.verbs and not able.writable for able in source.capabilities().values())
    write = edit(source, Kind.INVOICE, "1", notes="x")
    assert source.write([write])[0].code == "read_only"
    assert shop.sql("SELECT memo FROM bills WHERE bill_no = 1") == [("Thanks",)]


def test_columns_that_tell_changes_make_a_feed(shop: ForeignWorld) -> None:
    def feed(mapping: dict[str, Any]) -> None:
        mapping["invoice"] |= {"changed": "modified", "version": "row_version"}

    source = shop.under(feed, overlap_seconds=0, time_zone="America/New_York")
    assert source.capabilities()[Kind.INVOICE].feed
    mark = source.changes("").watermark
    assert source.changes(mark).changed[Kind.INVOICE] == {}
    assert Kind.INVOICE not in source.needs_keys(mark)
    shop.sql("UPDATE bills SET memo = 'local time', modified = :when WHERE bill_no = 2", when="2099-01-01 00:00:00")
    assert list(source.changes(mark).changed[Kind.INVOICE]) == ["2"]
    shop.sql("UPDATE bills SET modified = NULL WHERE bill_no = 1")
    assert list(source.changes(mark).changed[Kind.INVOICE]) == ["1", "2"]
    # Nobody counts versions here but the writers themselves: we are one of them.
    outcome = source.write([edit(source, Kind.INVOICE, "1", notes="ours")])[0]
    assert isinstance(outcome, Done)
    assert outcome.after.version == "2"
    assert shop.sql("SELECT row_version FROM bills WHERE bill_no = 1") == [(2,)]
    stamp = shop.sql("SELECT modified FROM bills WHERE bill_no = 1")[0][0]
    mark = source.changes("").watermark
    assert str(stamp)[:4].isdecimal()
    assert list(source.changes(mark).changed[Kind.INVOICE]) == ["2"]


def test_lines_may_tell_their_own_changes(shop: ForeignWorld) -> None:
    shop.sql("ALTER TABLE bill_rows ADD COLUMN touched " + {"postgresql": "TIMESTAMP"}.get(shop.dialect, "DATETIME"))
    shop.sql("UPDATE bill_rows SET touched = '2020-01-01 00:00:00'")

    def feed(mapping: dict[str, Any]) -> None:
        mapping["invoice"] |= {"changed": "modified"}
        mapping["invoice"]["lines"]["changed"] = "touched"

    source = shop.under(feed)
    mark = source.changes("").watermark
    assert source.changes(mark).changed[Kind.INVOICE] == {}
    shop.sql("UPDATE bill_rows SET touched = '2099-01-01 00:00:00' WHERE row_no = 3")
    assert list(source.changes(mark).changed[Kind.INVOICE]) == ["2"]


def test_removals_under_a_feed_without_tombstones_are_found_by_count_and_sum(shop: ForeignWorld) -> None:
    def feed(mapping: dict[str, Any]) -> None:
        mapping["invoice"]["changed"] = "modified"

    source = shop.under(feed)
    first = source.changes("")
    assert Kind.INVOICE not in source.needs_keys(first.watermark)
    # One gone and one come under a number in between: the count is the same, the sum is not.
    shop.sql("DELETE FROM bills WHERE bill_no = 1")
    shop.sql("INSERT INTO bills (bill_no, status, modified) VALUES (-5, 'D', '2026-01-01 00:00:00')")
    assert Kind.INVOICE in source.needs_keys(first.watermark)
    found = source.changes(first.watermark, {Kind.INVOICE: frozenset({"1", "2"})})
    assert found.suspects == {Kind.INVOICE: {"1"}}
    assert isinstance(found.changed[Kind.INVOICE]["-5"], Flawed)
    assert Kind.INVOICE not in source.needs_keys(found.watermark)
    shop.sql("INSERT INTO bills (bill_no, status, modified) VALUES (50, 'D', '2099-01-01 00:00:00')")
    assert Kind.INVOICE not in source.needs_keys(found.watermark), "a new row explains itself"


def test_an_unknown_status_is_a_fault_of_the_row(shop: ForeignWorld) -> None:
    shop.sql("UPDATE bills SET status = 'Q' WHERE bill_no = 1")
    found = shop.source.read(Kind.INVOICE, ["1"])["1"]
    assert isinstance(found, Flawed)
    assert found.problems[0].code == "status_unknown"
    assert "'Q'" in found.problems[0].text


def test_a_client_that_does_not_exist_is_a_fault_of_the_row(shop: ForeignWorld) -> None:
    shop.sql("UPDATE bills SET cust_no = 'C-9' WHERE bill_no = 1")
    found = shop.source.read(Kind.INVOICE, ["1"])["1"]
    assert isinstance(found, Flawed)
    assert [problem.code for problem in found.problems] == ["client_dangling"]


def test_views_are_as_good_as_tables(shop: ForeignWorld) -> None:
    shop.sql("CREATE VIEW good_bills AS SELECT * FROM bills WHERE status <> 'D'")

    def view(mapping: dict[str, Any]) -> None:
        mapping["invoice"] |= {"table": "good_bills", "read_only": True}

    assert list(shop.under(view).changes("").changed[Kind.INVOICE]) == ["1"]


def test_a_join_that_repeats_rows_stops_the_kind(shop: ForeignWorld) -> None:
    def twice(mapping: dict[str, Any]) -> None:
        mapping["invoice"]["join"] = {"row": {"table": "bill_rows", "on": {"bill_no": "bill_no"}}}
        mapping["invoice"]["fields"]["notes"] = "row.wording"

    source = shop.under(twice)
    with pytest.raises(SourceMisconfigured, match="2 rows, but 3 records"):
        source.changes("")
    with pytest.raises(SourceMisconfigured, match="one row at most"):
        list(source.scan(Kind.INVOICE))
    assert any("row" in finding.subject for finding in source.check() if finding.level == "warning")


def test_every_fault_of_a_mapping_is_named_at_once(shop: ForeignWorld) -> None:
    def spoil(mapping: dict[str, Any]) -> None:
        mapping["client"]["table"] = "customer"
        mapping["client"]["where"] = "hidden = 0"
        mapping["invoice"]["fields"] |= {"total": "grandtotal", "due_date": "mahnung.tag"}
        mapping["invoice"]["lines"]["join"]["family"]["on"] = {"group": "article.group_no"}
        mapping["invoice"]["where"] = "status >< 'D'"
        mapping["payment"]["id"] = "id"
        mapping["payment"]["tombstones"] = {"table": "graves", "id": "id", "removed": "when"}
        mapping["write_log"] = "receipts"

    source = shop.under(spoil)
    with pytest.raises(SourceMisconfigured) as caught:
        source.changes("")
    said = str(caught.value)
    for expected in (
        "mapping.client.table: found 'customer', expected a table or view of the database (did you mean 'customers'?)",
        "mapping.invoice.fields.total: found 'grandtotal', expected a column of bills (did you mean 'grand_total'?)",
        "mapping.invoice.fields.due_date: found 'mahnung.tag', expected one of the joins (none)",
        "mapping.invoice.lines.join.family.on: found 'group', expected a column of article_groups",
        "mapping.invoice.where: expected a condition in SQL; the database says: ",
        "mapping.payment.id: found 'id', expected a column of receipts",
        "mapping.payment.tombstones.table: found 'graves'",
        "mapping.write_log: found 'journal_id', expected a column of receipts",
    ):
        assert expected in said
    errors = [finding for finding in source.check() if finding.level == "error"]
    assert len(errors) >= 8
    assert all(finding.remedy for finding in errors)


def test_keys_that_are_not_known_are_refused_with_their_names() -> None:
    data: dict[str, Any] = {"type": "sql", "url": "oracle://u:hunter2@h/d", "mapping": copy.deepcopy(_MAPPING)}
    data["mapping"]["invoice"]["colour"] = "red"
    data["mapping"]["invoice"]["fields"]["totl"] = "grand_total"
    data["mapping"]["payment"]["fields"]["amount"] = {"product": ["one"]}
    del data["mapping"]["client"]["fields"]["name"]
    data["time_zone"] = "Mars/Olympus"
    with pytest.raises(SourceMisconfigured) as caught:
        source_config(data)
    said = str(caught.value)
    for key in ("mapping.invoice.colour", "fields.totl", "payment.fields.amount", "client.fields.name", "time_zone"):
        assert key in said
    assert "source.url" in said
    assert "hunter2" not in said
    data = {"type": "abacus"}
    with pytest.raises(SourceMisconfigured, match="abacus"):
        source_config(data)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("state", {"constant": "paid"}, "paid is no state"),
        ("state", {"column": "status", "values": {"P": "payed"}}, "payed is no state"),
        ("total", {"column": "a", "constant": 1}, "exactly one of"),
        ("total", {"constant": 1, "values": {"a": "b"}}, "give column as well"),
        ("total", {"constant": 1.5}, "total"),
        ("number", "no {column", "names at least one column"),
    ],
)
def test_expressions_are_checked(field: str, value: object, said: str) -> None:
    mapping = copy.deepcopy(_MAPPING)
    mapping["invoice"]["fields"][field] = value
    with pytest.raises(SourceMisconfigured, match=said):
        source_config({"url": "sqlite:///x", "mapping": mapping})


def test_a_layout_has_to_be_chosen() -> None:
    for more in ({}, {"schema": "reference", "mapping": _MAPPING}):
        with pytest.raises(SourceMisconfigured, match="either schema"):
            source_config({"url": "sqlite:///x", **more})


def test_a_constant_that_cannot_be_read_is_a_fault_of_the_mapping(small_shop: ForeignWorld) -> None:
    def spoil(mapping: dict[str, Any]) -> None:
        mapping["invoice"]["fields"]["currency"] = {"constant": "Euro"}

    with pytest.raises(SourceMisconfigured, match=r"mapping.invoice.fields.currency: 'EURO' is no currency code"):
        small_shop.under(spoil).changes("")


def test_a_total_that_no_column_holds_is_the_sum_of_the_lines(small_shop: ForeignWorld) -> None:
    def leave_out(mapping: dict[str, Any]) -> None:
        del mapping["invoice"]["fields"]["total"]
        mapping["invoice"]["fields"]["tax"] = {"constant": "0.02"}
        mapping["invoice"]["lines"]["fields"]["amount"] = {"product": ["pieces", "price"]}

    source = small_shop.under(leave_out)
    assert record(source, Kind.INVOICE, "1").total == Decimal("4.00")
    assert "total" in source.capabilities()[Kind.INVOICE].fields
    assert "lines" not in source.capabilities()[Kind.INVOICE].writable
    assert [line.id for line in record(source, Kind.INVOICE, "1").lines] == ["2", "1"]


def test_a_copy_of_a_line_s_row_by_a_careless_join_is_noticed(small_shop: ForeignWorld) -> None:
    small_shop.sql("CREATE TABLE notes_of_articles (article_no INTEGER, said TEXT)")
    small_shop.sql("INSERT INTO notes_of_articles VALUES (7, 'a'), (7, 'b')")

    def twice(mapping: dict[str, Any]) -> None:
        lines = mapping["invoice"]["lines"]
        lines["join"]["note"] = {"table": "notes_of_articles", "on": {"article_no": "article_no"}}
        lines["fields"]["description"] = "note.said"

    with pytest.raises(SourceMisconfigured, match="bill_rows"):
        small_shop.under(twice).changes("")
