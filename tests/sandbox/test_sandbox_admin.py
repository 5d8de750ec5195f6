"""Companies, clock, load, history, ledger, persistence and the command (syncd/sandbox/__init__.py)."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, AdminError, RefusedError, RunningSandbox, running_sandbox
from syncd.sandbox.wire import encode

Json = dict[str, Any]
Make = Callable[..., Json]


def test_company_options_show_in_preferences(sandbox: RunningSandbox) -> None:
    realm = sandbox.create_company(
        country="GB", multicurrency=True, custom_txn_numbers=True, using_sales_tax=False, auto_apply_credit=True,
        allow_discount=False, book_close_date="2025-12-31", name="Ltd",
    )  # fmt: skip
    person = sandbox.connect(realm)
    prefs = person.call("GET", "preferences")["Preferences"]
    assert prefs["CurrencyPrefs"] == {"MultiCurrencyEnabled": True, "HomeCurrency": {"value": "GBP"}}
    assert prefs["SalesFormsPrefs"]["CustomTxnNumbers"] is True
    assert prefs["SalesFormsPrefs"]["AutoApplyCredit"] is True
    assert prefs["SalesFormsPrefs"]["AllowDiscount"] is False
    assert prefs["TaxPrefs"]["UsingSalesTax"] is False
    assert prefs["AccountingInfoPrefs"]["BookCloseDate"] == "2025-12-31"
    info = person.read("CompanyInfo", realm)
    assert (info["CompanyName"], info["Country"]) == ("Ltd", "GB")
    token = prefs["SyncToken"]
    changed = sandbox.admin(
        "PATCH", f"/companies/{realm}/preferences", {"SalesFormsPrefs": {"CustomTxnNumbers": False}}
    )
    assert int(changed["SyncToken"]) == int(token) + 1
    assert changed["SalesFormsPrefs"]["AutoApplyCredit"] is True


def test_companies_are_apart(sandbox: RunningSandbox) -> None:
    one, two = (sandbox.connect(sandbox.create_company()) for _ in range(2))
    one.save("Customer", {"DisplayName": "Ada"})
    assert (one.count("Customer"), two.count("Customer")) == (1, 0)
    assert two.save("Customer", {"DisplayName": "Ada"})["Id"] == "1"


def test_seeds(sandbox: RunningSandbox) -> None:
    empty = sandbox.connect(sandbox.create_company(seed="empty"))
    assert (empty.count("Item"), empty.count("Term")) == (0, 0)
    assert empty.count("Account", "where Name = 'Undeposited Funds'") == 1
    customer = {"Id": "7", "SyncToken": "3", "DisplayName": "Seeded", "Active": True, "Balance": 0}
    seeded = sandbox.connect(sandbox.create_company(seed={"Customer": [customer]}))
    assert seeded.read("Customer", "7")["SyncToken"] == "3"
    assert seeded.save("Customer", {"DisplayName": "Next"})["Id"] == "8"


def test_bad_options_and_switches_are_refused_by_name(sandbox: RunningSandbox, realm: str) -> None:
    for options in ({"colour": "red"}, {"multicurrency": "yes"}, {"seed": "huge"}, {"realm": realm}, {"realm": "x"}):
        with pytest.raises(AdminError):
            sandbox.create_company(**options)
    for switch in ({"nonsense": 1}, {"throttle": "maybe"}, {"cdc_shuffle": 1}):
        with pytest.raises(AdminError):
            sandbox.switch(**switch)
    with pytest.raises(AdminError):
        sandbox.tokens("123")


def test_the_clock_can_be_set_advanced_frozen_and_sped_up(sandbox: RunningSandbox) -> None:
    sandbox.set_speed(0)
    assert sandbox.set_clock("2030-01-01T00:00:00-08:00")["now"].startswith("2030-01-01T00:00:00.")
    assert sandbox.advance(86_400)["now"].startswith("2030-01-02T00:00:00.")
    first = sandbox.admin("GET", "/clock")["epoch"]
    time.sleep(0.02)
    assert sandbox.admin("GET", "/clock")["epoch"] == first
    sandbox.set_speed(3600)
    time.sleep(0.05)
    assert sandbox.admin("GET", "/clock")["epoch"] - first >= Decimal(3600) * Decimal("0.05")


def test_the_history_holds_every_version(
    sandbox: RunningSandbox, person: Accountant, realm: str, invoice: Make, pay: Make
) -> None:
    made = invoice(100)
    payment = pay(60, {made["Id"]: 60})
    person.delete("Payment", payment)
    person.void("Invoice", person.read("Invoice", made["Id"]))
    told = [(row["op"], row["token"]) for row in sandbox.history(realm, entity="Invoice", id=made["Id"])]
    assert told == [("create", "0"), ("linked", "1"), ("linked", "2"), ("void", "3")]
    balances = [row["record"]["Balance"] for row in sandbox.history(realm, entity="Invoice")]
    assert balances == [100, 40, 100, 0]
    rows = sandbox.history(realm, entity="Payment")
    assert [row["op"] for row in rows] == ["create", "delete"]
    assert sandbox.history(realm, after=rows[-1]["seq"])[0]["op"] == "void"


def test_the_ledger_tells_every_request(sandbox: RunningSandbox, person: Accountant, realm: str) -> None:
    before = sandbox.last_request()
    made = person.save("Customer", {"DisplayName": "Ada"}, requestid="q-1")
    person.read("Customer", made["Id"])
    person.batch([{"bId": "b1", "Query": "select * from Term"}])
    with pytest.raises(RefusedError):
        person.read("Invoice", "5")
    create, read, batch, failed = sandbox.requests(after=before)
    assert (create["entity"], create["operation"], create["requestid"]) == ("Customer", "create", "q-1")
    assert (create["method"], create["status"], create["realm"]) == ("POST", 200, realm)
    assert create["request_size"] == len(encode({"DisplayName": "Ada"}))
    assert read["operation"] == "read"
    assert read["path"] == f"/v3/company/{realm}/customer/{made['Id']}"
    assert (batch["endpoint"], batch["bids"]) == ("batch", ["b1"])
    assert failed["status"] == 400
    assert [row["seq"] for row in sandbox.requests(after=before, entity="Customer")] == [create["seq"], read["seq"]]
    assert sandbox.requests(after=before, tid=create["tid"]) == [create]


def test_what_is_loaded_is_served_as_it_is(sandbox: RunningSandbox, person: Accountant, realm: str) -> None:
    meta = {"CreateTime": "2026-01-05T09:00:00-08:00", "LastUpdatedTime": "2026-02-05T09:00:00-08:00"}
    system = {"SyncToken": "4", "domain": "QBO", "sparse": False, "MetaData": meta}
    customer = {**system, "Id": "50", "DisplayName": "Loaded", "Active": True, "Balance": Decimal("12.5")}
    invoice = {**system, "Id": "900", "DocNumber": "4711", "CustomerRef": {"value": "50"}, "Line": [], "LinkedTxn": [],
               "TotalAmt": Decimal("12.5"), "Balance": Decimal("12.5"), "TxnDate": "2026-01-05"}  # fmt: skip
    assert sandbox.load(realm, [encode({"Customer": customer}), encode({"Invoice": invoice})]) == 2
    assert person.read("Invoice", "900") == invoice
    assert person.query("select * from Invoice where DocNumber = '4711'") == [invoice]
    assert sandbox.records(realm, "Customer") == [customer]
    line = {"Amount": 1, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"value": "1"}}}
    after = person.save("Invoice", {"CustomerRef": {"value": "50"}, "Line": [line]})
    assert (after["Id"], after["DocNumber"]) == ("901", "4712")
    assert person.read("Customer", "50")["Balance"] == Decimal("13.5")


def test_a_restart_keeps_books_tokens_request_ids_and_history(tmp_path: Path) -> None:
    data = tmp_path / "books.db"
    with running_sandbox(data=data, switches={"throttle": "off"}) as sandbox:
        realm = sandbox.create_company(country="CA", custom_txn_numbers=True, book_close_date="2025-01-01")
        person = sandbox.connect(realm)
        kept = person.save("Customer", {"DisplayName": "Ada"}, requestid="once")
        other = person.save("Customer", {"DisplayName": "Gone"})
        person.save("Customer", {**other, "Active": False})
        payment = person.save("Payment", {"CustomerRef": {"value": kept["Id"]}, "TotalAmt": 5})
        person.delete("Payment", payment)
        kept = person.read("Customer", kept["Id"])
        history = sandbox.history(realm)
        since = kept["MetaData"]["CreateTime"]
        changes = person.cdc("Customer,Payment", since)[0]
        tokens = person.tokens
    with running_sandbox(data=data, switches={"throttle": "off"}) as sandbox:
        person = Accountant(sandbox, realm, tokens)
        assert person.read("Customer", kept["Id"]) == kept
        assert person.save("Customer", {"DisplayName": "Ada"}, requestid="once")["Id"] == kept["Id"]
        assert person.count("Customer") == 1
        assert sandbox.history(realm) == history
        assert person.cdc("Customer,Payment", since)[0] == changes
        settings = sandbox.admin("GET", f"/companies/{realm}")["settings"]
        assert (settings["country"], settings["book_close_date"]) == ("CA", "2025-01-01")
        with pytest.raises(RefusedError):
            person.save("Customer", {"DisplayName": "ADA"})
        assert int(person.save("Customer", {"DisplayName": "New"})["Id"]) == 3
        later = person.save("Payment", {"CustomerRef": {"value": kept["Id"]}, "TotalAmt": 5})
        assert int(later["Id"]) > int(payment["Id"])  # the Id of what was deleted is not given out again
