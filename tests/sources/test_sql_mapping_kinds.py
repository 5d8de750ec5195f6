"""Credit notes, credits, expenses and lists in tables that nobody made for syncd, on each database."""

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
from syncd.model.observations import Absent, Flawed, Present
from syncd.model.records.lists import Address, Project, TaxCode, Vendor
from syncd.model.records.payments import Allocation, CreditApplication, CreditUse, Payment
from syncd.model.records.purchases import Expense
from syncd.model.writes import Done, SourceWrite, Verb
from syncd.sources.registry import source_config
from tests.sources.conftest import DIALECTS
from tests.sources.foreign import ForeignWorld
from tests.sources.worlds import credit_note, line

_TABLES = """
CREATE TABLE parties (no INTEGER PRIMARY KEY, label VARCHAR(50), sort CHAR(1), qb VARCHAR(20));
CREATE TABLE rates (code VARCHAR(10) PRIMARY KEY, label VARCHAR(50), share NUMERIC(8, 5));
CREATE TABLE jobs (no INTEGER PRIMARY KEY, label VARCHAR(50), party_no INTEGER);
CREATE TABLE bills (no {serial}, party_no INTEGER, day DATE, street VARCHAR(99), town VARCHAR(99), send_to VARCHAR(99),
  net NUMERIC(12, 2), tick CHAR(1), branch VARCHAR(9));
CREATE TABLE bill_rows (no {serial}, bill_no INTEGER, net NUMERIC(12, 2));
CREATE TABLE refunds (no {serial}, party_no INTEGER, day DATE, addressee VARCHAR(200), shown VARCHAR(20),
  gross NUMERIC(12, 2), vat NUMERIC(12, 2), rate_code VARCHAR(10), status CHAR(1) NOT NULL, qb VARCHAR(20),
  branch VARCHAR(9));
CREATE TABLE refund_rows (no {serial}, refund_no INTEGER, gross NUMERIC(12, 2), wording VARCHAR(99));
CREATE TABLE receipts (no {serial}, party_no INTEGER, day DATE, paid NUMERIC(12, 2), how VARCHAR(20), qb VARCHAR(20),
  branch VARCHAR(9));
CREATE TABLE receipt_parts (receipt_no INTEGER, bill_no INTEGER, part NUMERIC(12, 2));
CREATE TABLE receipt_credits (receipt_no INTEGER, refund_no INTEGER, part NUMERIC(12, 2));
CREATE TABLE offsets (no {serial}, refund_no INTEGER, day DATE, qb VARCHAR(20));
CREATE TABLE offset_parts (offset_no INTEGER, bill_no INTEGER, part NUMERIC(12, 2));
CREATE TABLE outlays (no {serial}, party_no INTEGER, day DATE, spent NUMERIC(12, 3), stage VARCHAR(20), mine CHAR(1),
  given_back CHAR(1), job_no INTEGER, sort VARCHAR(20), branch VARCHAR(9));
CREATE TABLE gone_receipts (receipt_no INTEGER, gone_at {stamp}, with_qb CHAR(1));
INSERT INTO parties VALUES (1, 'Zoë', 'C', 'qb-c'), (2, 'Ana', 'M', 'qb-v');
INSERT INTO rates VALUES ('S', 'State', 0.08875);
INSERT INTO jobs VALUES (1, 'Tower', 1);
INSERT INTO bills VALUES (1, 1, '2026-01-05', 'Weg 1', 'Gent', 'a@example.com', 9.00, 'n', 'A');
INSERT INTO bill_rows VALUES (1, 1, 9.00);
INSERT INTO refunds VALUES (1, 1, '2026-01-06', 'Zoë{nl}Weg 1', 'R1', 6.00, 1.00, 'S', 'S', NULL, 'A');
INSERT INTO refund_rows VALUES (1, 1, 6.00, 'Returned');
INSERT INTO receipts VALUES (1, 1, '2026-01-07', 5.00, 'Cheque', NULL, 'A');
INSERT INTO receipt_parts VALUES (1, 1, 5.00);
INSERT INTO receipt_credits VALUES (1, 1, 2.00);
INSERT INTO offsets VALUES (1, 1, '2026-01-08', NULL);
INSERT INTO offset_parts VALUES (1, 1, 1.00);
INSERT INTO outlays VALUES (1, 2, '2026-01-03', 12.345, 'ok', 'y', 'n', 1, 'Travel', 'A')
"""
_EURO = {"constant": "EUR"}
_MAPPING: dict[str, Any] = {
    "client": {
        "table": "parties",
        "id": "no",
        "where": "sort = 'C'",
        "qbo_id": "qb",
        "fields": {"name": "label", "currency": _EURO},
    },
    "vendor": {"table": "parties", "id": "no", "where": "sort = 'M'", "qbo_id": "qb", "fields": {"name": "label"}},
    "tax_code": {"table": "rates", "id": "code", "fields": {"name": "label", "rate": "share"}},
    "project": {"table": "jobs", "id": "no", "fields": {"name": "label", "client": "party_no"}},
    "invoice": {
        "table": "bills",
        "id": "no",
        "read_only": False,
        "business_unit": "branch",
        "fields": {
            "client": "party_no",
            "issue_date": "day",
            "state": {"constant": "published"},
            "currency": _EURO,
            "bill_to": {"lines": ["street"], "city": "town"},
            "emails": "send_to",
            "save_to_qbo": "tick",
        },
        "lines": {"table": "bill_rows", "id": "no", "parent": "bill_no", "fields": {"amount": "net"}},
    },
    "credit_note": {
        "table": "refunds",
        "id": "no",
        "read_only": False,
        "qbo_id": "qb",
        "business_unit": "branch",
        "join": {"rate": {"table": "rates", "on": {"code": "rate_code"}}},
        "fields": {
            "client": "party_no",
            "issue_date": "day",
            "state": {"column": "status", "values": {"D": "draft", "S": "published", "X": "void"}},
            "number": "shown",
            "currency": _EURO,
            "bill_to": "addressee",
            "tax": "vat",
            "tax_code": "rate.label",
            "tax_rate": "rate.share",
            "tax_inclusive": {"constant": True},
        },
        "lines": {
            "table": "refund_rows",
            "id": "no",
            "parent": "refund_no",
            "fields": {"amount": "gross", "description": "wording"},
        },
    },
    "payment": {
        "table": "receipts",
        "id": "no",
        "read_only": False,
        "qbo_id": "qb",
        "business_unit": "branch",
        "tombstones": {"table": "gone_receipts", "id": "receipt_no", "removed": "gone_at", "remove": "with_qb"},
        "fields": {"client": "party_no", "date": "day", "amount": "paid", "currency": _EURO, "method_name": "how"},
        "allocations": {
            "table": "receipt_parts",
            "parent": "receipt_no",
            "fields": {"invoice": "bill_no", "amount": "part"},
        },
        "credits": {
            "table": "receipt_credits",
            "parent": "receipt_no",
            "fields": {"credit_note": "refund_no", "amount": "part"},
        },
    },
    "credit_application": {
        "table": "offsets",
        "id": "no",
        "read_only": False,
        "qbo_id": "qb",
        "business_unit": "note.branch",
        "join": {"note": {"table": "refunds", "on": {"no": "refund_no"}}},
        "fields": {"client": "note.party_no", "credit_note": "refund_no", "date": "day", "currency": _EURO},
        "allocations": {
            "table": "offset_parts",
            "parent": "offset_no",
            "fields": {"invoice": "bill_no", "amount": "part"},
        },
    },
    "expense": {
        "table": "outlays",
        "id": "no",
        "read_only": False,
        "business_unit": "branch",
        "join": {
            "job": {"table": "jobs", "on": {"no": "job_no"}},
            "party": {"table": "parties", "on": {"no": "job.party_no"}},
        },
        "fields": {
            "vendor": "party_no",
            "date": "day",
            "amount": "spent",
            "currency": _EURO,
            "approved": {"column": "stage", "values": {"ok": True, "open": False, "no": False}},
            "reimbursable": "mine",
            "reimbursed": "given_back",
            "category_name": "sort",
            "project": "job_no",
            "project_name": "job.label",
            "client_name": "party.label",
        },
    },
}


_NUMBERED = ("bills", "bill_rows", "refunds", "refund_rows", "receipts", "offsets", "outlays")


def open_firm(url: str) -> ForeignWorld:
    """Somebody's firm."""
    numbered = [(table, "no") for table in _NUMBERED]
    return ForeignWorld(url, tables=_TABLES.replace("{nl}", "\n"), mapping=_MAPPING, numbered=numbered)


@pytest.fixture(params=DIALECTS)
def firm(request: pytest.FixtureRequest, fresh_url: Callable[[str], str]) -> Iterator[ForeignWorld]:
    made = open_firm(fresh_url(request.param))
    yield made
    made.close()


@pytest.fixture
def small_firm(fresh_url: Callable[[str], str]) -> Iterator[ForeignWorld]:
    """On SQLite, for what has nothing to do with the database."""
    made = open_firm(fresh_url("sqlite"))
    yield made
    made.close()


def edit(source: Any, kind: Kind, key: str, **values: Any) -> Any:
    found = source.read(kind, [key])[key]
    wished = msgspec.structs.replace(found.record, **values)
    outcome = source.write([SourceWrite("j", kind, Verb.UPDATE, key, found.version, tuple(values), wished)])[0]
    return outcome.after.record if isinstance(outcome, Done) else outcome


def test_foreign_tables_become_records_of_every_kind(firm: ForeignWorld) -> None:
    found = firm.source.changes("").changed
    assert {kind: len(records) for kind, records in found.items()} == dict.fromkeys(found, 1)
    (seen,) = ({kind: next(iter(records.values())) for kind, records in found.items()},)
    assert all(isinstance(one, Present) for one in seen.values()), seen
    made = {kind: one.record for kind, one in seen.items()}
    assert made[Kind.CLIENT].external_id == "qb-c"
    assert made[Kind.VENDOR] == Vendor(id="2", name="Ana", external_id="qb-v")
    assert made[Kind.TAX_CODE] == TaxCode(id="S", name="State", rate=Decimal("0.08875"))
    assert made[Kind.PROJECT] == Project(id="1", name="Tower", client="1")
    bill = made[Kind.INVOICE]
    assert (bill.bill_to, bill.emails) == (Address(lines=("Weg 1",), city="Gent"), "a@example.com")
    assert (bill.save, bill.remove, bill.tax_rate, bill.total) == (False, UNSET, UNSET, 9)
    note = made[Kind.CREDIT_NOTE]
    assert note.bill_to == Address(lines=("Zoë", "Weg 1"))
    assert (note.total, note.tax, note.tax_inclusive) == (6, 1, True)
    assert (note.tax_code, note.tax_rate, note.number) == ("State", Decimal("0.08875"), "R1")
    assert made[Kind.PAYMENT] == Payment(
        id="1",
        client="1",
        date=date(2026, 1, 7),
        amount=Decimal(5),
        currency="EUR",
        allocations=(Allocation("1", Decimal(5)),),
        credits=(CreditUse("1", Decimal(2)),),
        method_name="Cheque",
    )
    assert made[Kind.CREDIT_APPLICATION] == CreditApplication(
        id="1",
        client="1",
        credit_note="1",
        date=date(2026, 1, 8),
        currency="EUR",
        allocations=(Allocation("1", Decimal(1)),),
    )
    assert made[Kind.EXPENSE] == Expense(
        id="1",
        vendor="2",
        date=date(2026, 1, 3),
        amount=Decimal("12.345"),
        approved=True,
        reimbursable=True,
        currency="EUR",
        category_name="Travel",
        project="1",
        project_name="Tower",
        client_name="Zoë",
    )
    assert all(finding.level != "error" for finding in firm.source.check())


def test_what_can_be_read_and_written_follows_from_the_mapping(small_firm: ForeignWorld) -> None:
    able = small_firm.source.capabilities()
    assert {kind for kind, one in able.items() if one.verbs} == {
        Kind.INVOICE,
        Kind.CREDIT_NOTE,
        Kind.PAYMENT,
        Kind.CREDIT_APPLICATION,
        Kind.EXPENSE,
    }
    assert {"credits", "method"} <= able[Kind.PAYMENT].writable
    assert "client" in able[Kind.CREDIT_APPLICATION].fields - able[Kind.CREDIT_APPLICATION].writable
    assert able[Kind.EXPENSE].writable == {"reimbursed"}
    assert {"category", "project", "client_name"} <= able[Kind.EXPENSE].fields
    assert "report" not in able[Kind.EXPENSE].fields
    assert {Verb.VOID, Verb.WITHDRAW} <= able[Kind.CREDIT_NOTE].verbs
    assert not {Verb.VOID, Verb.WITHDRAW} & able[Kind.INVOICE].verbs, "its state is no column"
    assert "tax_rate" not in able[Kind.CREDIT_NOTE].writable
    assert {"bill_to"} <= able[Kind.INVOICE].writable & able[Kind.CREDIT_NOTE].writable


def test_an_address_is_written_as_a_block_or_into_its_columns(firm: ForeignWorld) -> None:
    moved = Address(lines=("Zoë Müller", "Straat 2"), city="Gent", postal_code="9000", country="BE")
    after = edit(firm.source, Kind.CREDIT_NOTE, "1", bill_to=moved)
    assert after.bill_to == Address(lines=("Zoë Müller", "Straat 2", "Gent 9000 BE"))
    assert firm.sql("SELECT addressee FROM refunds") == [("Zoë Müller\nStraat 2\nGent 9000 BE",)]
    after = edit(firm.source, Kind.INVOICE, "1", bill_to=moved)
    assert after.bill_to == Address(lines=("Zoë Müller", "Straat 2", "9000 BE"), city="Gent")


def test_a_method_that_is_only_a_name_is_written_as_one(firm: ForeignWorld) -> None:
    found = firm.source.read(Kind.PAYMENT, ["1"])["1"]
    wished = msgspec.structs.replace(found.record, method="", method_name="Wire", credits=())
    write = SourceWrite("m", Kind.PAYMENT, Verb.UPDATE, "1", found.version, ("method", "credits"), wished)
    outcome = firm.source.write([write])[0]
    assert isinstance(outcome, Done)
    assert firm.sql("SELECT how FROM receipts") == [("Wire",)]
    assert firm.sql("SELECT count(*) FROM receipt_credits") == [(0,)]


def test_a_credit_note_and_a_payment_with_credit_come_in(firm: ForeignWorld) -> None:
    note = credit_note("1", line("3.00", "Given back"), currency="EUR", number="R2", state=State.LIVE)
    made = firm.source.write([SourceWrite("n", Kind.CREDIT_NOTE, Verb.CREATE, "", "", (), note, "q-1")])[0]
    assert isinstance(made, Done), made
    assert firm.sql("SELECT status, qb FROM refunds WHERE shown = 'R2'") == [("S", "q-1")]
    number = made.after.record.id
    wished = Payment(
        id="",
        client="1",
        date=date(2026, 2, 1),
        amount=Decimal(4),
        currency="EUR",
        allocations=(Allocation("1", Decimal(4)),),
        credits=(CreditUse(number, Decimal(3)),),
        method_name="Wire",
    )
    paid = firm.source.write([SourceWrite("p", Kind.PAYMENT, Verb.CREATE, "", "", (), wished, "q-2")])[0]
    assert isinstance(paid, Done), paid
    assert msgspec.structs.replace(paid.after.record, id="", external_id="") == wished


def test_a_tombstone_says_what_was_ticked_last(firm: ForeignWorld) -> None:
    firm.sql("DELETE FROM receipts WHERE no = 1")
    asked = firm.source.read
    assert asked(Kind.PAYMENT, ["1"])["1"].remove is UNSET
    firm.sql("INSERT INTO gone_receipts VALUES (1, '2026-01-02 00:00:00', 'n'), (1, '2026-01-01 00:00:00', 'y')")
    gone = asked(Kind.PAYMENT, ["1", "2", "no number"])
    assert gone["1"].remove is False
    assert gone["2"].remove is gone["no number"].remove is UNSET
    firm.sql("INSERT INTO gone_receipts VALUES (1, '2026-01-03 00:00:00', '?')")
    assert asked(Kind.PAYMENT, ["1"])["1"].remove is UNSET, "an answer that nobody understands is none"


def test_an_expense_in_a_status_that_nobody_described_is_held(small_firm: ForeignWorld) -> None:
    small_firm.sql("UPDATE outlays SET stage = 'limbo'")
    found = small_firm.source.read(Kind.EXPENSE, ["1"])["1"]
    assert isinstance(found, Flawed)
    assert [(problem.code, problem.field) for problem in found.problems] == [("status_unknown", "approved")]


def test_a_reference_to_nothing_is_a_fault_of_the_row(small_firm: ForeignWorld) -> None:
    for change, kind, code in (
        ("UPDATE outlays SET job_no = 9", Kind.EXPENSE, "project_dangling"),
        ("UPDATE outlays SET job_no = NULL, party_no = 1", Kind.EXPENSE, None),
        ("UPDATE receipt_credits SET refund_no = 9", Kind.PAYMENT, "credit_note_dangling"),
        ("UPDATE offset_parts SET bill_no = 9", Kind.CREDIT_APPLICATION, "invoice_dangling"),
        ("UPDATE jobs SET party_no = NULL", Kind.PROJECT, None),
    ):
        small_firm.sql(change)
        found = small_firm.source.read(kind, ["1"])["1"]
        assert [problem.code for problem in getattr(found, "problems", ())] == ([code] if code else []), change


def test_a_condition_may_speak_of_a_join(firm: ForeignWorld) -> None:
    firm.sql(
        "INSERT INTO refunds (no, party_no, day, status, gross, vat, rate_code) "
        "VALUES (2, 1, '2026-01-09', 'S', 1, 0, 'Z')"
    )

    def with_rate(mapping: dict[str, Any]) -> None:
        mapping["credit_note"]["where"] = "rate.share > 0"

    source = firm.under(with_rate)
    found = source.changes("")
    assert found.counts[Kind.CREDIT_NOTE] == 1
    assert found.changed[Kind.CREDIT_NOTE].keys() == {"1"}
    again = source.changes(found.watermark, {Kind.CREDIT_NOTE: frozenset({"1", "2"})})
    assert again.suspects == {Kind.CREDIT_NOTE: {"2"}}
    assert len(list(source.scan(Kind.CREDIT_NOTE))) == 1


def test_a_join_under_a_condition_that_repeats_rows_stops_the_kind(small_firm: ForeignWorld) -> None:
    small_firm.sql("CREATE TABLE notes (refund_no INTEGER, said TEXT)")
    small_firm.sql("INSERT INTO notes VALUES (1, 'a'), (1, 'b')")

    def twice(mapping: dict[str, Any]) -> None:
        mapping["credit_note"]["join"] = {"note": {"table": "notes", "on": {"refund_no": "no"}}}
        mapping["credit_note"]["where"] = "note.said IS NOT NULL"
        for name in ("tax_code", "tax_rate"):
            del mapping["credit_note"]["fields"][name]

    with pytest.raises(SourceMisconfigured, match="1 rows, but 2 records"):
        small_firm.under(twice).changes("")


def test_business_units_split_tables_that_name_them(firm: ForeignWorld) -> None:
    documents = (Kind.INVOICE, Kind.CREDIT_NOTE, Kind.PAYMENT, Kind.CREDIT_APPLICATION, Kind.EXPENSE)
    ours, theirs = firm.under(business_units=["A"]), firm.under(business_units=["B", ""])
    for kind in documents:
        assert isinstance(ours.read(kind, ["1"])["1"], Present)
        assert isinstance(theirs.read(kind, ["1"])["1"], Absent)
    assert theirs.changes("").counts == {kind: 0 if kind in documents else 1 for kind in theirs.capabilities()}
    assert ours.changes(theirs.changes("").watermark).whole == set(ours.capabilities()), "another view of everything"


def test_business_units_need_their_column_on_every_document() -> None:
    mapping = copy.deepcopy(_MAPPING)
    del mapping["payment"]["business_unit"]
    with pytest.raises(SourceMisconfigured, match=r"mapping\.payment\.business_unit"):
        source_config({"url": "sqlite:///x", "mapping": mapping, "business_units": ["A"]})
    assert source_config({"url": "sqlite:///x", "mapping": mapping})


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("expense", {"fields": {"vendor": "a", "date": "b", "amount": "c"}}, "approved"),
        ("credit_note", {"allocations": {}}, "credit_note.allocations"),
        ("payment", {"credits": {"table": "x", "parent": "y", "fields": {"amount": "z"}}}, "credit_note"),
        ("invoice", {"fields": {"bill_to": {"streets": ["a"]}}}, r"invoice\.fields\.bill_to\.streets"),
        ("client", {"business_unit": "branch"}, "client.business_unit"),
        ("bill", {"table": "x"}, "mapping.bill"),
    ],
)
def test_keys_of_the_other_kinds_are_checked(kind: str, change: dict[str, Any], said: str) -> None:
    mapping = copy.deepcopy(_MAPPING)
    for key, value in change.items():
        before = mapping.setdefault(kind, {}).get(key)
        mapping[kind][key] = {**before, **value} if key == "fields" and kind == "invoice" else value
    with pytest.raises(SourceMisconfigured, match=said):
        source_config({"url": "sqlite:///x", "mapping": mapping})
