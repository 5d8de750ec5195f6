"""The query language (protocol.md 4)."""

from __future__ import annotations

import operator
import random
import time
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.sandbox import predicates
from syncd.sandbox.clock import parse_moment, stamp
from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox
from syncd.sandbox.switches import Switches
from syncd.sandbox.wire import encode

Json = dict[str, Any]
Make = Callable[..., Json]


def error_of(person: Accountant, statement: str) -> tuple[str, str]:
    with pytest.raises(RefusedError) as caught:
        person.query(statement)
    assert caught.value.status == 400
    error = caught.value.body["Fault"]["Error"][0]
    return error["code"], error["Detail"]


def names(person: Accountant, where: str) -> list[str]:
    return sorted(row["DisplayName"] for row in person.query(f"select * from Customer {where}"))


@pytest.fixture
def people(person: Accountant) -> Accountant:
    for name in ("Ada", "Bob O'Hara", "Zoë", "100% Co"):
        person.save("Customer", {"DisplayName": name, "CompanyName": f"{name} Ltd", "GivenName": "G"})
    return person


@pytest.mark.checklist(42)
def test_page_size_defaults_to_100_and_is_at_most_1000(person: Accountant) -> None:
    for start in range(0, 120, 30):
        items = [
            {"bId": str(n), "operation": "create", "Customer": {"DisplayName": f"C{start + n}"}} for n in range(30)
        ]
        person.batch(items)
    answer = person.call("GET", "query", query="select * from Customer")["QueryResponse"]
    assert (len(answer["Customer"]), answer["startPosition"], answer["maxResults"]) == (100, 1, 100)
    rest = person.call("GET", "query", query="select * from Customer startposition 101")["QueryResponse"]
    assert (len(rest["Customer"]), rest["startPosition"], rest["maxResults"]) == (20, 101, 20)
    assert len(person.query("select * from Customer maxresults 1000")) == 120
    too_large = "QueryValidationError: value 1500 is too large. Max allowed value is 1000"
    too_small = "QueryValidationError: value 0 is too small. Min allowed value is 1"
    assert error_of(person, "select * from Customer maxresults 1500") == ("4001", too_large)
    assert error_of(person, "select * from Customer startposition 0") == ("4001", too_small)
    seen = [
        row["Id"]
        for start in range(1, 121, 7)
        for row in person.query(f"select Id from Customer orderby Id startposition {start} maxresults 7")
    ]
    assert seen == [str(n) for n in range(1, 121)]


@pytest.mark.checklist(46)
def test_unequal_works_but_on_ids_and_may_be_refused(sandbox: RunningSandbox, people: Accountant) -> None:
    everybody = people.query("select * from Customer maxresults 1000")
    first = everybody[0]["DisplayName"]
    others = people.query(f"select * from Customer where DisplayName != '{first.upper()}' maxresults 1000")
    assert {row["Id"] for row in others} == {row["Id"] for row in everybody[1:]}
    assert people.count("Customer", "where Balance != '0'") == sum(row["Balance"] != 0 for row in everybody)
    assert error_of(people, "select * from Customer where Id != '1'")[0] == "4001"
    sandbox.switch(query_unequal="refuse")
    try:
        assert error_of(people, f"select * from Customer where DisplayName != '{first}'")[0] == "4000"
    finally:
        sandbox.switch(query_unequal="accept")


@pytest.mark.checklist(43)
def test_nothing_found_leaves_the_entity_out_and_count_gives_only_a_count(people: Accountant) -> None:
    for statement in ("select * from Customer where DisplayName = 'Nobody'", "select * from Customer startposition 99"):
        assert people.call("GET", "query", query=statement)["QueryResponse"] == {}
    answer = people.call("GET", "query", query="select count(*) from Customer where GivenName = 'g'")
    assert answer["QueryResponse"] == {"totalCount": 4}


@pytest.mark.checklist(44)
def test_total_count_is_there_for_some_entities_only(people: Accountant, invoice: Make) -> None:
    invoice(1)
    assert people.call("GET", "query", query="select * from Invoice")["QueryResponse"]["totalCount"] == 1
    assert "totalCount" not in people.call("GET", "query", query="select * from Customer")["QueryResponse"]


@pytest.mark.checklist(45)
def test_inactive_list_rows_are_hidden_unless_asked_for(people: Accountant) -> None:
    (ada,) = people.query("select * from Customer where DisplayName = 'Ada'")
    people.save("Customer", {**ada, "Active": False})
    assert len(people.query("select * from Customer")) == 3
    assert people.count("Customer") == 3
    assert len(people.query("select * from Customer where Active in (true, false)")) == 4
    assert names(people, "where Active = false") == ["Ada (deleted)"]
    assert names(people, f"where Id = '{ada['Id']}'") == []
    assert names(people, f"where Id = '{ada['Id']}' and Active = false") == ["Ada (deleted)"]


@pytest.mark.checklist(46)
def test_operators(people: Accountant, invoice: Make) -> None:
    for amount in (10, 20, 30):
        invoice(amount, TxnDate=f"2026-01-{amount}", DocNumber=f"N{amount}")

    def totals(where: str) -> list[int]:
        return sorted(int(row["TotalAmt"]) for row in people.query(f"select * from Invoice where {where}"))

    assert totals("TotalAmt = '20.00'") == [20]
    assert totals("TotalAmt > '10' and TotalAmt <= '30'") == [20, 30]
    assert totals("TotalAmt < '20'") == [10]
    assert totals("TxnDate >= '2026-01-20'") == [20, 30]
    assert totals("DocNumber in ('N10', 'n30', 'none')") == [10, 30]
    assert totals("DocNumber like 'n%0' and Balance > '0'") == [10, 20, 30]
    assert totals("DocNumber like '%2%'") == [20]
    assert totals("TxnDate <= CURRENT_DATE") == [10, 20, 30]
    ids = [row["Id"] for row in people.query("select Id from Invoice")]
    assert len(people.query(f"select * from Invoice where Id in ('{ids[0]}', '{ids[1]}', '1')")) == 2
    assert error_of(people, "select * from Invoice where Id > '1'")[0] == "4001"
    for bad in (
        "select * from Invoice where TotalAmt > '1' or TotalAmt < '0'",
        "select * from Invoice where TotalAmt > 1",
        "select * from Invoice group by TxnDate",
    ):
        assert error_of(people, bad)[0] == "4000", bad


@pytest.mark.checklist(47)
def test_quoting_case_and_blanks(people: Accountant) -> None:
    assert names(people, r"where DisplayName = 'Bob O\'Hara'") == ["Bob O'Hara"]
    assert names(people, "where displayname = 'ADA'") == ["Ada"]
    assert names(people, "WHERE DISPLAYNAME LIKE 'zo%'") == ["Zoë"]
    assert names(people, "where DisplayName like '100% co'") == ["100% Co"]
    assert len(people.query("SeLeCt  *\n from   CUSTOMER  where\tActive = true")) == 4
    assert names(people, "where FamilyName = ' ' and Active = true") == sorted(["Ada", "Bob O'Hara", "Zoë", "100% Co"])


@pytest.mark.checklist(48)
def test_statements_that_do_not_parse_or_are_not_allowed(people: Accountant) -> None:
    code, detail = error_of(people, "select * from Invoice where TxnDate TxnDate = '1'")
    assert (code, detail) == (
        "4000",
        'QueryParserError: Encountered " <IDENTIFIER> "TxnDate "" at line 1, column 37.',
    )
    assert error_of(people, "")[0] == "4000"
    assert error_of(people, "select * from Invoice where DocNumber = 'open")[0] == "4000"
    for member, text in (
        ("PrivateNote", "QueryValidationError: property 'PrivateNote' is not queryable"),
        ("DepartmentRef", "QueryValidationError: property 'DepartmentRef' is not queryable"),
        ("AccountRef", "QueryValidationError: Property AccountRef not found for Entity Invoice"),
    ):
        assert error_of(people, f"select * from Invoice where {member} = '1'") == ("4001", text)
    assert error_of(people, "select Id, BillAddr from Invoice")[0] == "4001"
    assert error_of(people, "select * from Nonsense")[0] == "4001"


@pytest.mark.checklist(49)
def test_time_filters_honour_the_offset_and_whole_seconds(sandbox: RunningSandbox, realm: str) -> None:
    sandbox.set_speed(0)
    sandbox.set_clock("2026-01-05T20:00:00.900Z")
    person = sandbox.connect(realm)
    person.save("Customer", {"DisplayName": "Ada"})

    def found(moment: str, op: str = ">=") -> int:
        return person.count("Customer", f"where MetaData.LastUpdatedTime {op} '{moment}'")

    assert (
        found("2026-01-05T12:00:00-08:00") == found("2026-01-05T21:00:00+01:00") == found("2026-01-05T20:00:00Z") == 1
    )
    assert found("2026-01-05T12:00:00-08:00", ">") == 0
    assert found("2026-01-05T12:00:00-08:00", "=") == 1
    assert found("2026-01-05T12:00:01-08:00", "<") == 1
    assert found("2026-01-05T12:00:00-08:00", "<=") == 1
    assert found("2026-01-05T12:00:00-08:00", "<") == 0
    assert found("2026-01-05T12:00:01-08:00") == 0
    assert found("2026-01-05T12:00:00.950-08:00") == 1
    assert found("2026-01-05") == 1
    assert found("2026-01-05T12:00:00") == 1
    sandbox.switch(naive_times="utc")
    assert found("2026-01-05T20:00:01") == 0
    assert person.count("Customer", "where MetaData.CreateTime > '2026-01-01'") == 1
    path = quote("select * from Customer where MetaData.LastUpdatedTime > '2026-01-05T12:00:00+00:00'", safe="+")
    headers = {"Authorization": f"Bearer {person.tokens['access_token']}", "Accept": "application/json"}
    status, _, body = sandbox.send("GET", f"/v3/company/{realm}/query?query={path}", None, headers)
    assert status == 400  # an unescaped plus is a blank
    assert b'"4001"' in body


@pytest.mark.checklist(50)
def test_offset_paging_over_a_changing_set_skips_rows(
    sandbox: RunningSandbox, person: Accountant, invoice: Make
) -> None:
    made = [invoice(n + 1) for n in range(6)]
    first = person.query("select * from Invoice orderby Id maxresults 3")
    person.delete("Invoice", made[0])
    second = person.query("select * from Invoice orderby Id startposition 4 maxresults 3")
    missed = {i["Id"] for i in made} - {row["Id"] for row in first + second}
    assert missed == {made[3]["Id"]}
    newest_first = [row["Id"] for row in person.query("select * from Invoice")]
    sandbox.switch(default_order="id")
    assert [row["Id"] for row in person.query("select * from Invoice")] == newest_first[::-1]


@pytest.mark.checklist(51)
def test_a_posted_statement_equals_the_one_in_the_address(
    sandbox: RunningSandbox, people: Accountant, realm: str
) -> None:
    statement = "select * from Customer where DisplayName like 'A%'"
    by_get = people.call("GET", "query", query=statement)["QueryResponse"]
    assert people.call("POST", "query", statement)["QueryResponse"] == by_get
    headers = {"Authorization": f"Bearer {people.tokens['access_token']}", "Accept": "application/json"}
    for content_type, body in (
        ("text/plain", statement.encode()),
        ("application/x-www-form-urlencoded", f"query={quote(statement)}".encode()),
    ):
        status, _, answer = sandbox.send(
            "POST", f"/v3/company/{realm}/query", body, {**headers, "Content-Type": content_type}
        )
        assert status == 200
        assert b'"Ada"' in answer
    with pytest.raises(RefusedError):
        people.call("POST", "query", {"query": statement})


def test_column_lists_give_sparse_rows(people: Accountant) -> None:
    (row,) = people.query("select DisplayName, MetaData.CreateTime from Customer where DisplayName = 'Ada'")
    assert set(row) == {"DisplayName", "MetaData", "Id", "domain", "sparse"}
    assert row["sparse"] is True
    assert people.query("select *, Sku from Item where Id = '1'")[0]["sparse"] is False


def test_order_by_several_keys(people: Accountant, invoice: Make) -> None:
    for amount, day in ((10, "2026-01-02"), (20, "2026-01-01"), (30, "2026-01-02")):
        invoice(amount, TxnDate=day)
    statement = "select * from Invoice order by TxnDate desc, TotalAmt asc"
    assert [int(row["TotalAmt"]) for row in people.query(statement)] == [10, 30, 20]
    assert [int(row["TotalAmt"]) for row in people.query("select * from Invoice orderby TotalAmt desc")] == [30, 20, 10]


def test_references_filter_by_their_value(person: Accountant, customer: Json, invoice: Make, pay: Make) -> None:
    made = invoice(10)
    pay(5, {made["Id"]: 5}, PaymentRefNum="R-1")
    for where in (f"CustomerRef = '{customer['Id']}'", f"CustomerRef.value = '{customer['Id']}'"):
        assert [row["Id"] for row in person.query(f"select * from Invoice where {where}")] == [made["Id"]]
    assert person.count("Invoice", "where CustomerRef = '999'") == 0
    assert person.count("Payment", "where PaymentRefNum = 'r-1' and UnappliedAmt = '0'") == 1


def test_seeded_lists_can_be_queried(person: Accountant) -> None:
    assert {row["Name"] for row in person.query("select * from Item")} == {"Services", "Hours"}
    assert person.count("Account", "where AccountType = 'Accounts Receivable'") == 1
    assert {row["Id"] for row in person.query("select * from TaxCode")} >= {"TAX", "NON", "2"}
    assert person.read("TaxCode", "TAX").get("SyncToken") is None
    assert person.query("select * from TaxRate where Id = '3'")[0]["RateValue"] == 8
    assert person.count("Term") == 4
    assert person.count("PaymentMethod") == 7


@pytest.mark.checklist(50)
def test_without_an_order_any_order_may_come(sandbox: RunningSandbox, person: Accountant, invoice: Make) -> None:
    made = {invoice(n + 1)["Id"] for n in range(8)}
    sandbox.switch(default_order="shuffle")

    def ids(rest: str) -> list[str]:
        return [row["Id"] for row in person.query(f"select Id from Invoice {rest}")]

    assert all(set(ids("")) == made for _ in range(3))
    assert len({tuple(ids("")) for _ in range(6)}) > 1
    paged = ids("maxresults 4") + ids("startposition 5 maxresults 4")
    assert len(paged) == 8
    assert set(paged) <= made
    assert ids("startposition 8") != []
    assert ids("startposition 9") == []
    assert ids("orderby Id") == sorted(made, key=int)
    assert len(person.query("select * from PaymentMethod maxresults 3")) == 3


def test_dates_and_amounts_are_compared_as_such(person: Accountant, invoice: Make) -> None:
    for amount in (9, 10, 100):
        invoice(amount, TxnDate="2026-01-05", DueDate="2026-02-05")

    def totals(where: str) -> list[int]:
        return sorted(int(row["TotalAmt"]) for row in person.query(f"select * from Invoice where {where}"))

    assert totals("TotalAmt > '9.5'") == [10, 100]
    assert totals("Balance <= '10.00' and Balance > '9'") == [10]
    assert totals("TotalAmt in ('9.00', '100', 'x')") == [9, 100]
    assert totals("TotalAmt > 'x'") == totals("TotalAmt = 'NaN'") == totals("TotalAmt < 'Infinity'") == []
    assert totals("TxnDate = '2026-01-05T10:00:00-08:00'") == [9, 10, 100]
    assert totals("DueDate > '2026-02-05'") == []
    assert totals("ShipDate = ' '") == [9, 10, 100]
    assert totals("ShipDate < '2030-01-01'") == []
    assert error_of(person, "select * from Invoice where TxnDate > 'soon'")[0] == "4001"
    assert error_of(person, "select * from Invoice where MetaData.CreateTime > '99999-01-01'")[0] == "4001"
    assert person.query(f"select * from Invoice startposition {'9' * 18}") == []


def test_like_is_linear_whatever_the_pattern(people: Accountant) -> None:
    people.save("Customer", {"DisplayName": "a" * 400})
    begun = time.monotonic()
    assert people.count("Customer", f"where DisplayName like '{'a%' * 100}b'") == 0
    assert people.count("Customer", f"where DisplayName like '{'%a' * 100}%'") == 1
    assert time.monotonic() - begun < 2
    assert names(people, "where DisplayName like '%'")[0] == "100% Co"
    assert names(people, "where DisplayName like 'a%a'") == ["Ada", "a" * 400]
    assert names(people, "where DisplayName like 'Ada%a'") == []


@pytest.fixture(scope="module")
def stocked(shared_sandbox: RunningSandbox) -> tuple[str, list[Json]]:
    """A company with sixty invoices of few different values, some without them."""
    realm = shared_sandbox.create_company()
    rng = random.Random(7)
    begun = int(time.time()) - 5 * 86_400
    rows: list[Json] = []
    for n in range(60):
        changed = stamp(begun + rng.randrange(20))
        row: Json = {
            "Id": str(990 + n),
            "SyncToken": "0",
            "domain": "QBO",
            "sparse": False,
            "MetaData": {"CreateTime": stamp(begun - rng.randrange(9)), "LastUpdatedTime": changed},
            "CustomerRef": {"value": str(rng.randrange(1, 5)), "name": "x"},
            "TotalAmt": Decimal(rng.randrange(5)) + Decimal("0.5") * rng.randrange(2),
        }
        for member, values in (
            ("TxnDate", ("2026-01-01", "2026-01-02", "2026-02-01")),
            ("Balance", (0, Decimal("1.5"), 10, 9)),
            ("DocNumber", ("A1", "a2", "B", "10", "9")),
            ("EmailStatus", ("NotSet", "EmailSent")),
        ):
            if rng.random() < 0.8:
                row[member] = rng.choice(values)
        rows.append(row)
    shared_sandbox.load(realm, [encode({"Invoice": row}) for row in rows])
    return realm, rows


VALUES: dict[str, list[str]] = {
    "TxnDate": ["2026-01-01", "2026-01-02", "2026-01-15", "2027-01-01", " "],
    "Balance": ["0", "1.50", "9", "10", "11", " ", "x"],
    "TotalAmt": ["0", "2.5", "3", "-1"],
    "DocNumber": ["a1", "B", "10", "9", "zz", " "],
    "CustomerRef": ["1", "2", "9"],
    "EmailStatus": ["notset", "EmailSent", " "],
    "Id": ["990", "1000", "1049", "1"],
}
ORDERS = ("Id", "TxnDate", "Balance", "DocNumber", "CustomerRef", "MetaData.LastUpdatedTime", "EmailStatus")


Condition = tuple[str, str, list[str]]
Order = list[tuple[str, bool]]


@st.composite
def statements(draw: st.DrawFn) -> tuple[list[Condition], Order]:
    """Conditions and an order, often on the same member."""
    order = draw(st.lists(st.tuples(st.sampled_from(ORDERS), st.booleans()), max_size=2))
    likely = [member for member, _ in order if member in VALUES] * 6
    where = []
    for _ in range(draw(st.integers(0, 3))):
        member = draw(st.sampled_from(likely + sorted(VALUES)))
        op = draw(st.sampled_from(["=", "in"] if member == "Id" else ["=", "<", ">", "<=", ">=", "in"]))
        values = draw(st.lists(st.sampled_from(VALUES[member]), min_size=1, max_size=3 if op == "in" else 1))
        where.append((member, op, values))
    return where, order


def listed(values: list[str]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def holds(row: Json, member: str, op: str, values: list[str]) -> bool:
    """The condition looked at plainly: numbers as numbers, texts case aside, a blank for nothing."""
    stored = row.get(member)
    stored = stored["value"] if isinstance(stored, dict) else stored
    if stored is None:
        return op in ("=", "in") and " " in values
    wanted: list[Any] = [value.casefold() for value in values]
    if isinstance(stored, (int, Decimal)):
        wanted = [Decimal(value) for value in values if value.strip() and value != "x"]
    else:
        stored = stored.casefold()
    if op == "in":
        return stored in wanted
    compare = {"=": operator.eq, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}[op]
    return any(compare(stored, value) for value in wanted)


def place(row: Json, member: str) -> tuple[int, Any]:
    """Where a row stands by a member: what has none first, then numbers, then texts."""
    if member == "Id":
        return 2, int(row["Id"])
    if member == "MetaData.LastUpdatedTime":
        return 2, parse_moment(row["MetaData"]["LastUpdatedTime"])
    value = row.get(member)
    value = value["value"] if isinstance(value, dict) else value
    if value is None:
        return 0, ""
    return (3, value.casefold()) if isinstance(value, str) else (2, value)


@given(statements(), st.integers(1, 30), st.integers(1, 25))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whichever_index_is_used_the_rows_are_the_same(
    shared_sandbox: RunningSandbox,
    stocked: tuple[str, list[Json]],
    asked: tuple[list[Condition], Order],
    start: int,
    limit: int,
) -> None:
    """Against looking at every row: the same rows, in an order that obeys ORDERBY, page by page each once."""
    where, order = asked
    shared_sandbox.switch(**{**Switches().public(), "throttle": "off"})
    realm, rows = stocked
    person = shared_sandbox.connect(realm)
    texts = [f"{member} {op} " + (listed(values) if op == "in" else f"'{values[0]}'") for member, op, values in where]
    statement = "from Invoice" + (f" where {' and '.join(texts)}" if texts else "")
    keys = ", ".join(f"{member} {'desc' if down else 'asc'}" for member, down in order)
    ordered = f"select * {statement}" + (f" orderby {keys}" if order else "")
    wanted = {row["Id"]: row for row in rows if all(holds(row, *condition) for condition in where)}
    answer = person.call("GET", "query", query=f"select count(*) {statement}")["QueryResponse"]
    assert answer == {"totalCount": len(wanted)}
    whole = [row["Id"] for row in person.query(f"{ordered} maxresults 1000")]
    assert sorted(whole) == sorted(wanted)
    for one, two in pairwise(whole):
        for member, down in order:
            before, after = place(wanted[one], member), place(wanted[two], member)
            assert (before >= after) if down else (before <= after)
            if before != after:
                break
    page = [row["Id"] for row in person.query(f"{ordered} startposition {start} maxresults {limit}")]
    assert page == whole[start - 1 : start - 1 + limit]


@pytest.mark.parametrize("op", ["=", "<", ">", "<=", ">="])
@pytest.mark.parametrize("member", ["TxnDate", "Balance", "TotalAmt"])
def test_bounds_on_the_member_that_orders(
    sandbox: RunningSandbox, stocked: tuple[str, list[Json]], member: str, op: str
) -> None:
    """Every bound on its own, and together with one on the other side."""
    realm, rows = stocked
    person = sandbox.connect(realm)
    for value in VALUES[member]:
        bounds: list[Condition] = [(member, op, [value])]
        for other in ([], [(member, ">", [VALUES[member][0]])], [(member, "<=", [VALUES[member][2]])]):
            where = bounds + other
            text = " and ".join(f"{name} {by} '{values[0]}'" for name, by, values in where)
            found = person.query(f"select Id from Invoice where {text} orderby {member} desc maxresults 1000")
            wanted = [row["Id"] for row in rows if all(holds(row, *condition) for condition in where)]
            assert sorted(row["Id"] for row in found) == sorted(wanted), text


@pytest.mark.parametrize(
    "rest",
    [
        "orderby Id desc startposition 31",
        "orderby MetaData.LastUpdatedTime startposition 31",
        "orderby MetaData.LastUpdatedTime desc startposition 31",
        "where MetaData.LastUpdatedTime >= '2020-01-01' orderby Id",
        "where TxnDate > '2026-01-01' orderby TxnDate desc",
        "where TxnDate = '2026-01-01' and Balance > '0' and CustomerRef = '2'",
        "where DocNumber like 'a%' and TotalAmt < '3'",
        "where Id in ('990', '991') and MetaData.CreateTime > '2020-01-01'",
    ],
)
def test_what_the_indexes_hold_is_not_decoded_for(
    sandbox: RunningSandbox, stocked: tuple[str, list[Json]], monkeypatch: pytest.MonkeyPatch, rest: str
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a record was decoded")

    monkeypatch.setattr(predicates, "_decoder", lambda _: SimpleNamespace(decode=never))
    person = sandbox.connect(stocked[0])
    person.query(f"select * from Invoice {rest}")
    with pytest.raises(RefusedError):
        person.query("select * from Invoice where EmailStatus = 'NotSet'")


def test_the_indexes_follow_every_change(person: Accountant, invoice: Make, pay: Make) -> None:
    made = [invoice(10, TxnDate="2026-01-01"), invoice(20, TxnDate="2026-01-02"), invoice(30, TxnDate="2026-01-03")]

    def ids(rest: str) -> list[str]:
        return [row["Id"] for row in person.query(f"select * from Invoice {rest}")]

    one, two, three = (row["Id"] for row in made)
    paid = pay(10, {one: 10})
    assert ids("where Balance > '0' orderby Balance") == [two, three]
    assert ids("orderby MetaData.LastUpdatedTime desc, Id")[0] in (one, two, three)
    person.delete("Payment", paid)
    assert ids("where Balance > '0' orderby Balance") == [one, two, three]
    moved = person.save("Invoice", {**made[2], "TxnDate": "2025-12-31", "DueDate": "2026-03-01"})
    assert ids("orderby TxnDate") == [three, one, two]
    person.delete("Invoice", made[1])
    assert ids("orderby TxnDate") == ids("where TotalAmt >= '0' orderby TxnDate") == [three, one]
    person.delete("Invoice", moved)
    assert ids("orderby MetaData.LastUpdatedTime") == [one]
