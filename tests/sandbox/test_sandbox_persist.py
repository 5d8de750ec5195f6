"""The file behind a sandbox: nothing that was answered is lost, nothing is half there, and it is read fast."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox, running_sandbox
from syncd.sandbox.wire import encode

Json = dict[str, Any]
LOST = (OSError, RefusedError)


def seen(sandbox: RunningSandbox, realm: str) -> Json:
    told: Json = sandbox.admin("GET", f"/companies/{realm}")
    names = [name for name, count in told["records"].items() if count]
    return {"settings": told["settings"], "records": {name: sandbox.records(realm, name) for name in names},
            "history": sandbox.history(realm)}  # fmt: skip


def test_everything_a_company_has_survives(tmp_path: Path, line: Any) -> None:
    data = tmp_path / "books.db"
    with running_sandbox(data=data, switches={"throttle": "off"}, speed=0) as sandbox:
        realm = sandbox.create_company(
            country="US", multicurrency=True, exchange_rates={"EUR": "1.1"}, custom_fields=["Crew #"],
            warn_duplicate_numbers=False, book_close_date="2020-01-01",
        )  # fmt: skip
        person = sandbox.connect(realm)
        ada = person.save("Customer", {"DisplayName": "Ada"})
        euro = person.save("Customer", {"DisplayName": "Grace", "CurrencyRef": {"value": "EUR"}})
        documents = [person.save("Invoice", {"CustomerRef": {"value": ada["Id"]}, "Line": [line(100)]}) for _ in "ab"]
        shares = [{"Amount": 30, "LinkedTxn": [{"TxnId": d["Id"], "TxnType": "Invoice"}]} for d in documents]
        body: Json = {"CustomerRef": {"value": ada["Id"]}, "TotalAmt": 60, "Line": shares}
        payments = [person.save("Payment", body) for _ in "abc"]
        person.save("Payment", {**person.read("Payment", payments[0]["Id"]), "PrivateNote": "edited last"})
        person.save(
            "Invoice", {"CustomerRef": {"value": euro["Id"]}, "CurrencyRef": {"value": "EUR"}, "Line": [line(9)]}
        )
        before, clock = seen(sandbox, realm), sandbox.advance(86_400 * 40)
        sandbox.switch(throttle="lenient")
        reader = sandbox.connect(realm)
        reader.read("Customer", ada["Id"])
        reads = sandbox.admin("GET", f"/companies/{realm}")["coreplus_this_month"]
        assert reads == 1
        since = ada["MetaData"]["CreateTime"]
        sandbox.switch(cdc_too_old="clamp", cdc_shuffle=False)
        tokens = sandbox.tokens(realm)
    with running_sandbox(data=data, switches={"throttle": "off", "cdc_shuffle": False}, speed=0) as sandbox:
        person = Accountant(sandbox, realm, tokens)
        assert seen(sandbox, realm) == before
        assert sandbox.admin("GET", "/clock")["epoch"] == clock["epoch"]
        assert sandbox.admin("GET", f"/companies/{realm}")["coreplus_this_month"] == reads
        sandbox.set_clock(since)
        changes = person.cdc("Invoice,Payment,Customer,Account", since)[0]
        order = [row["Id"] for row in changes["Payment"]]
        assert order == [payments[1]["Id"], payments[2]["Id"], payments[0]["Id"]]
        first = person.read("Invoice", documents[0]["Id"])
        person.save("Invoice", {**first, "Line": [line(60)]})  # the newest payment gives way, not the one edited last
        unapplied = [person.read("Payment", payment["Id"])["UnappliedAmt"] for payment in payments]
        assert unapplied == [0, 0, 30]
        person.delete("Invoice", person.read("Invoice", documents[0]["Id"]))  # who hangs on it is known
        assert {row["UnappliedAmt"] for row in person.query("select * from Payment")} == {30}


def test_a_kill_in_the_middle_of_writes_leaves_whole_requests_only(tmp_path: Path) -> None:
    data = tmp_path / "books.db"
    answered: list[Json] = []
    with running_sandbox(data=data, process=True, switches={"throttle": "off"}) as sandbox:
        person = sandbox.connect(sandbox.create_company(realm="77"))
        customer = person.save("Customer", {"DisplayName": "Ada"})["Id"]
        detail = {"Amount": 10, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"value": "1"}}}

        def write(worker: int) -> None:
            own = Accountant(sandbox, "77", person.tokens)
            for turn in range(10_000):
                key = f"{worker}-{turn}"
                try:
                    made = own.save("Invoice", {"CustomerRef": {"value": customer}, "Line": [detail]}, requestid=key)
                    share = {"Amount": 4, "LinkedTxn": [{"TxnId": made["Id"], "TxnType": "Invoice"}]}
                    body = {"CustomerRef": {"value": customer}, "TotalAmt": 4, "Line": [share]}
                    answered.append({"key": key, "invoice": made, "payment": own.save("Payment", body)})
                except Exception:  # whatever a connection that dies raises
                    return

        workers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        for worker in workers:
            worker.start()
        until = time.monotonic() + 20
        while len(answered) < 40 and time.monotonic() < until:
            time.sleep(0.005)
        assert sandbox.process is not None
        sandbox.process.send_signal(signal.SIGKILL)
        sandbox.process.wait()
        for worker in workers:
            worker.join()
    assert len(answered) >= 40
    with running_sandbox(data=data, switches={"throttle": "off"}) as sandbox:
        person = Accountant(sandbox, "77", person.tokens)
        invoices = {row["Id"]: row for row in sandbox.records("77", "Invoice")}
        payments = {row["Id"]: row for row in sandbox.records("77", "Payment")}
        paid: dict[str, Decimal] = {}
        for payment in payments.values():
            for share in payment["Line"]:
                target = share["LinkedTxn"][0]["TxnId"]
                paid[target] = paid.get(target, Decimal(0)) + share["Amount"]
        for one in answered:
            assert one["invoice"]["Id"] in invoices
            assert one["payment"]["Id"] in payments
        for record_id, invoice in invoices.items():  # a payment and what it does to the invoice are there together
            assert invoice["Balance"] == 10 - paid.get(record_id, 0)
            assert len(invoice["LinkedTxn"]) == (1 if record_id in paid else 0)
        owed = sum(invoice["Balance"] for invoice in invoices.values())
        assert person.read("Customer", customer)["Balance"] == owed
        versions = [(row["entity"], row["id"], row["token"]) for row in sandbox.history("77")]
        assert len(set(versions)) == len(versions)
        repeated = person.save(
            "Invoice", {"CustomerRef": {"value": customer}, "Line": []}, requestid=answered[0]["key"]
        )
        assert repeated["Id"] == answered[0]["invoice"]["Id"]


def test_a_file_of_the_first_format_is_read(tmp_path: Path) -> None:
    data = tmp_path / "books.db"
    with running_sandbox(data=data) as sandbox:
        sandbox.connect(sandbox.create_company(realm="77")).save("Customer", {"DisplayName": "Ada"})
    base = sqlite3.connect(data)
    base.executescript(
        "ALTER TABLE record DROP COLUMN seq; DROP TABLE snapshot; DROP TABLE file; PRAGMA user_version = 0;"
    )
    base.close()
    for _ in range(2):
        with running_sandbox(data=data) as sandbox:
            assert [row["DisplayName"] for row in sandbox.records("77", "Customer")] == ["Ada"]
            sandbox.connect("77").save("Term", {"Name": f"x{time.time_ns()}", "DueDays": 3})
    base = sqlite3.connect(data)
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(ValueError, match="newer"), running_sandbox(data=data):
        pass


def test_many_invoices_are_loaded_and_read_back_fast(tmp_path: Path) -> None:
    """A tenth of the hundred thousand of the benchmark, in more than a tenth of its time."""
    data, count = tmp_path / "books.db", 10_000
    meta = {"CreateTime": "2026-01-05T09:00:00-08:00", "LastUpdatedTime": "2026-01-05T09:00:00-08:00"}
    detail = {"ItemRef": {"value": "1", "name": "Services"}, "TaxCodeRef": {"value": "NON"}}
    system = {"SyncToken": "0", "domain": "QBO", "sparse": False, "MetaData": meta}
    sale = {"Id": "1", "LineNum": 1, "Amount": Decimal("10.0"), "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": detail}  # fmt: skip
    lines = [
        encode({"Invoice": {**system, "Id": str(1000 + n), "DocNumber": str(n), "TxnDate": "2026-01-05", "Line": [sale],
                            "CustomerRef": {"value": "1"}, "LinkedTxn": [], "TotalAmt": 10, "Balance": 10}})
        for n in range(count)
    ]  # fmt: skip
    with running_sandbox(data=data, switches={"throttle": "off"}) as sandbox:
        realm = sandbox.create_company()
        sandbox.connect(realm).save("Customer", {"DisplayName": "Ada"})
        begun = time.monotonic()
        assert sandbox.load(realm, lines) == count
        loading = time.monotonic() - begun
    begun = time.monotonic()
    with running_sandbox(data=data, switches={"throttle": "off"}) as sandbox:
        reading = time.monotonic() - begun
        person = sandbox.connect(realm)
        assert person.count("Invoice") == count
        assert person.read("Invoice", "5000")["DocNumber"] == "4000"
    assert loading < 10
    assert reading < 10
