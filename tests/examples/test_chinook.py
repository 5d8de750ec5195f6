"""A foreign database, mapped by a configuration file alone, reaches QuickBooks: the installed command does it all."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from syncd.clock import SystemClock
from syncd.sandbox.server import RunningSandbox, running_sandbox
from syncd.state.store import Store
from syncd.state.values import Tokens

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "examples" / "chinook" / "syncd.toml"
DATABASE = ROOT.parent / "shared" / "data" / "chinook.sqlite"

pytestmark = pytest.mark.skipif(
    not DATABASE.exists(), reason="the Chinook database is not beside the project (data/chinook.sqlite)"
)


class Shop:
    """The music shop, its books, and the command that keeps them in agreement."""

    def __init__(self, directory: Path, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.realm = sandbox.create_company(country="US", custom_txn_numbers=True)
        self.database = directory / "chinook.sqlite"
        shutil.copyfile(DATABASE, self.database)
        grant = sandbox.tokens(self.realm)
        key = Fernet.generate_key()
        base = sandbox.base_url
        state_url = f"sqlite:///{directory / 'state.db'}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "SYNCD__STATE_URL": state_url,
            "SYNCD__ENCRYPTION_KEY": key.decode(),
            "SYNCD__COMPANY__0__SOURCE__URL": f"sqlite:///{self.database}",
            "SYNCD__COMPANY__0__QBO__REALM_ID": self.realm,
            "SYNCD__COMPANY__0__QBO__CLIENT_ID": grant["client_id"],
            "SYNCD__COMPANY__0__QBO__CLIENT_SECRET": grant["client_secret"],
            "SYNCD__COMPANY__0__QBO__API_URL": base,
            "SYNCD__COMPANY__0__QBO__TOKEN_URL": f"{base}/oauth2/v1/tokens/bearer",
            "SYNCD__COMPANY__0__QBO__THROTTLE": "false",
        }
        now = SystemClock().now()
        with Store.open(state_url, clock=SystemClock(), encryption_keys=[key]) as store:
            store.migrate()
            store.tokens("sandbox", self.realm).save(
                Tokens(
                    realm_id=self.realm,
                    environment="sandbox",
                    access_token=grant["access_token"],
                    refresh_token=grant["refresh_token"],
                    access_expires_at=now + timedelta(hours=1),
                ),
                0,
            )

    def syncd(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command as an operator would."""
        command = [sys.executable, "-m", "syncd", *words, "--config", str(CONFIG)]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=240, check=False, cwd=ROOT
        )

    def shop(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of the shop's own database."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    def edit(self, statement: str) -> None:
        """Somebody changes the shop's own database."""
        with sqlite3.connect(self.database) as connection:
            connection.execute(statement)
        connection.close()

    def books(self, entity: str) -> list[dict[str, Any]]:
        """Records of the books, from the look-alike itself."""
        return self.sandbox.records(self.realm, entity)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_sandbox(switches={"throttle": "off"}, process=True) as sandbox:
        yield Shop(tmp_path_factory.mktemp("chinook"), sandbox)


def test_the_whole_shop_reaches_the_books_and_a_second_run_does_nothing(shop: Shop) -> None:
    checked = shop.syncd("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr

    before = shop.database.read_bytes()
    planned = shop.syncd("reconcile", "--dry-run", "--json")
    assert not shop.books("Invoice"), planned.stderr

    first = shop.syncd("reconcile", "--approve-first-run")
    assert first.returncode == 0, first.stdout[-2000:] + first.stderr

    customers = {c["Id"]: c["DisplayName"] for c in shop.books("Customer")}
    names = [
        f"{first_name} {last_name}" for first_name, last_name in shop.shop("SELECT FirstName, LastName FROM Customer")
    ]
    assert sorted(customers.values()) == sorted(names)
    assert len(names) == 59

    owner = {
        str(number): f"{first} {last}"
        for number, first, last in shop.shop("SELECT CustomerId, FirstName, LastName FROM Customer")
    }
    expected = {
        str(number): (owner[str(customer)], Decimal(repr(total)).quantize(Decimal("0.01")), day[:10])
        for number, customer, total, day in shop.shop("SELECT InvoiceId, CustomerId, Total, InvoiceDate FROM Invoice")
    }
    invoices = shop.books("Invoice")
    found = {
        invoice["DocNumber"]: (
            customers[invoice["CustomerRef"]["value"]],
            Decimal(invoice["TotalAmt"]).quantize(Decimal("0.01")),
            invoice["TxnDate"],
        )
        for invoice in invoices
    }
    assert len(invoices) == 412
    assert found == expected
    lines = [line for i in invoices for line in i["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    assert len(lines) == 2240
    titles = {line["Description"] for line in lines}
    assert titles == {
        name.strip() for (name,) in shop.shop("SELECT DISTINCT t.Name FROM Track t JOIN InvoiceLine USING (TrackId)")
    }

    changes = len(shop.sandbox.history(shop.realm))
    second = shop.syncd("reconcile", "--json")
    assert second.returncode == 0, second.stdout[-2000:] + second.stderr
    assert len(shop.sandbox.history(shop.realm)) == changes
    assert shop.database.read_bytes() == before, "the shop's own database is never written"

    audited = shop.syncd("audit", "--json")
    assert audited.returncode == 0, audited.stdout[-2000:] + audited.stderr
    report = json.loads(audited.stdout)
    text = json.dumps(report)
    assert "471" in text, "59 clients and 412 invoices are compared"

    life_goes_on(shop)


def life_goes_on(shop: Shop) -> None:
    """As the profile says: names follow the shop, invoices are frozen, and a person decides about the rest."""
    accountant = shop.sandbox.connect(shop.realm)
    (noted,) = accountant.query("select * from Invoice where DocNumber = '98'")
    kept = {name: noted[name] for name in ("Id", "SyncToken", "CustomerRef")}
    accountant.save(
        "Invoice", {**kept, "sparse": True, "PrivateNote": "paid by card", "CustomerMemo": {"value": "Thanks"}}
    )
    shop.edit("UPDATE Customer SET LastName = 'Gonçalves da Silva' WHERE CustomerId = 1")
    shop.edit("UPDATE InvoiceLine SET UnitPrice = 1.49 WHERE InvoiceId = 121")
    shop.edit(
        "UPDATE Invoice SET Total = (SELECT sum(UnitPrice * Quantity) FROM InvoiceLine WHERE InvoiceId = 121)"
        " WHERE InvoiceId = 121"
    )
    shop.edit("DELETE FROM InvoiceLine WHERE InvoiceId = 143")
    shop.edit("DELETE FROM Invoice WHERE InvoiceId = 143")
    before = {i["DocNumber"]: Decimal(i["TotalAmt"]) for i in shop.books("Invoice")}
    owned = shop.database.read_bytes()

    run = shop.syncd("reconcile")
    assert run.returncode == 3, run.stdout[-2000:] + run.stderr

    assert "Luís Gonçalves da Silva" in {c["DisplayName"] for c in shop.books("Customer")}
    invoices = {i["DocNumber"]: i for i in shop.books("Invoice")}
    assert {number: Decimal(i["TotalAmt"]) for number, i in invoices.items()} == before, "no invoice was changed"
    assert invoices["98"]["PrivateNote"] == "paid by card", "what the accountant wrote stays"
    assert invoices["98"]["CustomerMemo"]["value"] == "Thanks"
    held = json.loads(shop.syncd("held", "list", "--json").stdout)
    assert sorted(each["label"] for each in held["held"]) == ["121", "143"], held
    assert shop.database.read_bytes() == owned, "the shop's own database is never written"


def test_the_page_shows_the_files_as_they_are() -> None:
    page = (ROOT / "docs" / "write-a-profile.md").read_text(encoding="utf-8")
    rules, mapping = (block.partition("```")[0] for block in page.split("```toml\n")[1:])
    assert rules == (CONFIG.parent / "shop.toml").read_text(encoding="utf-8")
    assert CONFIG.read_text(encoding="utf-8").endswith(mapping)
    assert mapping.count("[company.source") == 8
