"""The query language (protocol.md 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox

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
        "select * from Invoice where TotalAmt != '1'",
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
