"""What is matched by name and never written, and what `syncd check` says of the names in the settings."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from books_world import INVOICE, Companies, created, write
from codec_world import flaw, read

from syncd.clock import ManualClock
from syncd.model.facts import Settings
from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Present, Unknown
from syncd.model.records.lists import Category, Client, Item, PaymentMethod, Project, TaxCode
from syncd.model.writes import Verb
from syncd.qbo import Unencodable
from syncd.qbo.codec import CODECS, Reading
from syncd.sandbox.server import RunningSandbox


def ids(found: Any) -> list[str]:
    assert isinstance(found, tuple), found
    return [each.record.id for each in found]


def account(person: Any, name: str, parent: str = "", **more: Any) -> str:
    body = {"Name": name, "AccountType": "Expense", **more}
    made: str = person.save("Account", body | ({"ParentRef": {"value": parent}} if parent else {}))["Id"]
    return made


@pytest.mark.behaviour("R-101")
def test_accounts_by_full_name_name_or_number(company: Companies, sandbox: RunningSandbox) -> None:
    made = company()
    person = sandbox.connect(made.config.realm_id)
    car = account(person, "Car")
    fuel = account(person, "Fuel", car, AcctNum="6100")
    other = account(person, "Fuel", account(person, "Boat"))
    gone = account(person, "Fax")
    person.save("Account", {**person.read("Account", gone), "Active": False})
    probes = [Category("1", "car"), Category("2", "Car:Fuel"), Category("3", "6100"), Category("4", "Fuel")]
    probes += [Category("5", "Fax"), Category("6", "Nothing"), Category("7", "")]
    found = made.books.find(Kind.CATEGORY, probes)
    assert [ids(found[str(number)]) for number in range(1, 8)] == [[car], [fuel], [fuel], [fuel, other], [], [], []]
    [by_number] = found["3"]  # type: ignore[misc]
    assert by_number.record == Category(fuel, "6100")
    answer = made.books.read(Kind.CATEGORY, [fuel, gone, "999"])
    assert [getattr(answer[name], "record", None) for name in (fuel, gone)] == [
        Category(fuel, "Car:Fuel"),
        Category(gone, "Fax", active=False),
    ]
    assert isinstance(answer["999"], Absent)


@pytest.mark.behaviour("R-102")
@pytest.mark.failure("F-85")
def test_projects_are_customers_with_a_parent(company: Companies, sandbox: RunningSandbox) -> None:
    made = company()
    person = sandbox.connect(made.config.realm_id)
    acme = person.save("Customer", {"DisplayName": "Acme"})["Id"]

    def job(name: str, parent: str) -> str:
        made_id: str = person.save("Customer", {"DisplayName": name, "Job": True, "ParentRef": {"value": parent}})["Id"]
        return made_id

    alpha, beta = job("Alpha", acme), job("Beta", acme)
    deep = job("Phase 1", alpha)
    person.save("Customer", {**person.read("Customer", beta), "Active": False})
    names = ("ALPHA", "Acme:Alpha", "Acme", "Beta", "Acme:Alpha:Phase 1", "Other:Alpha")
    found = made.books.find(Kind.PROJECT, [Project(name, name) for name in names])
    assert [ids(found[name]) for name in names] == [[alpha], [alpha], [], [], [deep], []]
    [row] = found["Acme:Alpha"]  # type: ignore[misc]
    nothing: dict[str, Any] = {"currency": "USD", "balance": Decimal(0)}
    assert row.record == Project(alpha, "Acme:Alpha", client=acme, **nothing)
    assert [each.record for each in made.books.scan(Kind.PROJECT) if isinstance(each, Present)] == [
        Project(alpha, "Alpha", client=acme, **nothing),
        Project(beta, "Beta", client=acme, active=False, **nothing),
        Project(deep, "Phase 1", client=alpha, **nothing),
    ]
    assert len(list(made.books.scan(Kind.CLIENT))) == 4


@pytest.mark.behaviour("R-57")
@pytest.mark.behaviour("R-112")
def test_tax_codes_and_payment_methods_by_name(company: Companies, sandbox: RunningSandbox) -> None:
    made = company({"using_sales_tax": True})
    person = sandbox.connect(made.config.realm_id)
    visa = person.read("PaymentMethod", "3")
    person.save("PaymentMethod", {**visa, "Active": False})
    codes = made.books.find(Kind.TAX_CODE, [TaxCode(name, name) for name in ("california", "TAX", "None")])
    assert [ids(codes[name]) for name in ("california", "TAX", "None")] == [["2"], [], []]
    methods = [PaymentMethod(name, name) for name in ("check", "Visa", "Barter")]
    found = made.books.find(Kind.PAYMENT_METHOD, methods)
    assert [ids(found[probe.id]) for probe in methods] == [["2"], [], []]
    now = made.books.read(Kind.PAYMENT_METHOD, ["3"])["3"]
    assert isinstance(now, Present)
    assert now.record == PaymentMethod("3", "Visa", active=False)


def test_what_was_not_answered_is_unknown(company: Companies, sandbox: RunningSandbox) -> None:
    made = company()
    made.books.facts()
    made.stop.set()
    sandbox.add_fault("status", endpoint="query", status=503, count=99)
    for kind, probe in ((Kind.CATEGORY, Category("x", "Travel")), (Kind.PROJECT, Project("x", "Alpha"))):
        assert isinstance(made.books.find(kind, [probe])["x"], Unknown)


def test_rows_without_a_name_are_flawed() -> None:
    for kind in (Kind.TAX_CODE, Kind.PAYMENT_METHOD, Kind.CATEGORY, Kind.PROJECT, Kind.ITEM, Kind.VENDOR):
        assert flaw(kind, {"Id": "1", "SyncToken": "0"}) == "name-empty"
    assert read(Kind.TAX_CODE, {"Id": "TAX", "Name": "TAX"}) == TaxCode("TAX", "TAX")
    assert not CODECS[Kind.PROJECT].takes(b'{"Id":"1"}')
    assert CODECS[Kind.PROJECT].takes(b"no json")


def test_named_kinds_are_never_written(company: Companies) -> None:
    made = company()
    for kind in (Kind.TAX_CODE, Kind.PAYMENT_METHOD, Kind.CATEGORY, Kind.ITEM):
        for verb in (Verb.CREATE, Verb.DELETE, Verb.DEACTIVATE, Verb.VOID):
            with pytest.raises(Unencodable):
                made.books.encode(
                    kind,
                    verb,
                    Item("1", "x"),
                    raw=b'{"Id":"1","SyncToken":"0"}',
                    refs=lambda *_: "",
                    journal_id="j",
                    request_id="r",
                )
    with pytest.raises(ValueError, match="expense"):
        made.books.find(Kind.EXPENSE, [Item("1", "x")])


# settings


def test_the_defaults_by_kind(company: Companies, sandbox: RunningSandbox) -> None:
    made = company(settings=Settings(default_item="Services", default_expense_account="id:87"))
    assert made.books.default_of(Kind.ITEM) == "1"
    assert made.books.default_of(Kind.CATEGORY) == "87"
    assert made.books.default_of(Kind.PAYMENT_METHOD) == ""
    bare = company(settings=Settings())
    assert (bare.books.default_of(Kind.ITEM), bare.books.default_of(Kind.CATEGORY)) == ("", "")
    assert bare.books.reading().default_item() == ""
    wrong = company(settings=Settings(default_item="Nowhere"))
    with pytest.raises(Unencodable, match="Nowhere"):
        wrong.books.default_of(Kind.ITEM)
    assert wrong.books.reading().default_item() == ""
    assert isinstance(wrong.books.reading(), Reading)


@pytest.mark.failure("F-83")
def test_check_looks_up_the_maps(company: Companies, sandbox: RunningSandbox) -> None:
    settings = Settings(
        default_item="Services",
        default_expense_account="Travl",
        expense_bills=True,
        tax_code_map={"VAT": "Calif"},
        customer_map={"A": "Acme", "B": "Nobody", "C": "id:7", "D": "Jane"},
        vendor_map={"Jane": "Jane", "Max": "Max"},
        project_map={"Alpha": "Acme:Alpha", "Beta": "Beta"},
        item_map={"Work": "Hours", "Rest": "Sleep"},
        category_map={"Rail": "Travel", "Air": "Flights"},
        payment_method_map={"Wire": "Check", "Cash": "Coins"},
    )
    made = company(settings=settings)
    person = sandbox.connect(made.config.realm_id)
    acme = person.save("Customer", {"DisplayName": "Acme"})["Id"]
    person.save("Customer", {"DisplayName": "Alpha", "Job": True, "ParentRef": {"value": acme}})
    person.save("Vendor", {"DisplayName": "Jane"})
    found = made.books.check()
    assert {(level, problem.field) for level, problem in found} == {
        ("error", field)
        for field in (
            "default_expense_account",
            "tax_code_map.VAT",
            "customer_map.B",
            "customer_map.D",
            "vendor_map.Max",
            "project_map.Beta",
            "item_map.Rest",
            "category_map.Air",
            "payment_method_map.Cash",
        )
    }
    assert all(problem.remedy for _, problem in found)
    bare = company(settings=Settings(expense_bills=True))
    assert [(level, problem.field) for level, problem in bare.books.check()] == [("warning", "default_expense_account")]
    blind = company(settings=Settings(vendor_map={"Max": "Max"}))
    blind.books.facts()
    blind.stop.set()
    sandbox.add_fault("status", endpoint="query", status=503, count=99)
    [(level, problem)] = blind.books.check()
    assert (level, problem.code) == ("warning", "vendor-unknown")


def test_a_name_that_is_put_right_is_seen_soon(company: Companies, sandbox: RunningSandbox) -> None:
    clock = ManualClock(datetime.now(UTC))
    made = company(settings=Settings(default_item="Consulting"), clock=clock)
    for _ in range(2):
        with pytest.raises(Unencodable):
            made.books.default_of(Kind.ITEM)
    reads = made.reads
    person = sandbox.connect(made.config.realm_id)
    item = {"Name": "Consulting", "Type": "Service", "IncomeAccountRef": {"value": "1"}}
    wanted = person.save("Item", item)["Id"]
    with pytest.raises(Unencodable):
        made.books.default_of(Kind.ITEM)
    assert made.reads == reads  # a miss is believed for a minute
    clock.advance(61)
    assert made.books.default_of(Kind.ITEM) == wanted


@pytest.mark.failure("F-33")
def test_a_rate_that_is_entered_is_seen_soon(company: Companies, sandbox: RunningSandbox) -> None:
    clock = ManualClock(datetime.now(UTC))
    made = company({"multicurrency": True}, clock=clock)
    client = Client("c1", "Zurich", currency="CHF")
    known: dict[str, str] = {}
    created(made, Kind.CLIENT, client, known)
    record = msgspec.structs.replace(INVOICE, currency="CHF")
    with pytest.raises(Unencodable, match="CHF"):
        write(made, Kind.INVOICE, Verb.CREATE, record, known)
    reads = made.reads
    with pytest.raises(Unencodable, match="CHF"):
        write(made, Kind.INVOICE, Verb.CREATE, record, known)
    assert made.reads == reads
    sandbox.change_company(made.config.realm_id, exchange_rates={"CHF": "1.1"})
    clock.advance(61)
    assert b'"ExchangeRate":1.1' in write(made, Kind.INVOICE, Verb.CREATE, record, known).body
