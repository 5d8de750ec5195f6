"""Contacts: customers come in when a company is new, recipients go out when they are needed (V-17 to V-21)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from syncd.model.kinds import Kind
from tests.e2e.helpers import at_rest, born, change, customer, held, held_one, once, row
from tests.ravetree.conftest import Start
from tests.ravetree.helpers import invoice, settle
from tests.support.world import World


def names(world: World) -> list[str]:
    return [client["name"] for client in world.rows("SELECT name FROM client ORDER BY name")]


@pytest.mark.behaviour("V-17", "V-20")
def test_customers_become_contacts_once_and_whom_both_have_is_linked(world: World) -> None:
    mail = {"Address": "books@bolt.example"}
    address = {"Line1": "1 Main St", "City": "Springfield", "CountrySubDivisionCode": "IL", "PostalCode": "62701"}
    bolt = customer(world, "Bolt", PrimaryEmailAddr=mail, BillAddr=address)
    ada = customer(world, "Ada Ltd")
    customer(world, "Roof job", ParentRef={"value": bolt["Id"]}, Job=True)
    change(world, "Customer", customer(world, "Closed"), Active=False)
    mine, idle = world.client("Ada Ltd"), world.client("Only here")
    settle(world)
    assert names(world) == ["Ada Ltd", "Bolt", "Only here"], "neither the inactive one nor the job"
    (came,) = world.rows("SELECT * FROM client WHERE name = 'Bolt'")
    assert (came["email"], came["qbo_id"], came["currency"]) == (mail["Address"], bolt["Id"], "USD")
    assert (came["address"], came["city"], came["region"], came["postal_code"]) == (
        *("1 Main St", "Springfield"),
        *("IL", "62701"),
    )
    # Whom both have is linked although nothing is addressed to it yet, and the source shows it.
    assert row(world, "client", mine)["qbo_id"] == ada["Id"]
    assert row(world, "client", idle)["qbo_id"] is None
    assert [c["DisplayName"] for c in world.books("Customer")].count("Ada Ltd") == 1
    assert "Only here" not in {c["DisplayName"] for c in world.books("Customer")}
    at_rest(world)
    # That was at first: whom QuickBooks adds later on is its own business.
    customer(world, "Newcomer")
    change(world, "Customer", bolt, Notes="changed there")
    settle(world)
    assert names(world) == ["Ada Ltd", "Bolt", "Only here"]
    at_rest(world)
    # What came in is billed like any other.
    invoice(world, came["id"], "INV-1")
    settle(world)
    assert world.one("Invoice")["CustomerRef"]["value"] == bolt["Id"]
    once(world)
    at_rest(world)


@pytest.mark.behaviour("V-17")
@pytest.mark.failure("F-12")
def test_whoever_may_be_the_same_is_neither_brought_in_nor_linked_unasked(world: World) -> None:
    customer(world, "ADA ltd")
    customer(world, "Bolt", CurrencyRef={"value": "EUR"})
    ada, bolt = world.client("Ada Ltd"), world.client("Bolt")
    world.run()
    assert names(world) == ["Ada Ltd", "Bolt"]
    assert {(each.kind, each.label) for each in held(world)} == {(Kind.CLIENT, "Ada Ltd"), (Kind.CLIENT, "Bolt")}
    assert all("look-alike" in each.reason for each in held(world))
    world.sql("UPDATE client SET name = 'ADA ltd' WHERE id = :id", id=ada)
    world.sql("UPDATE client SET name = 'Bolt USA' WHERE id = :id", id=bolt)
    settle(world)
    assert names(world) == ["ADA ltd", "Bolt", "Bolt USA"], "as soon as it is clear, it goes on"
    at_rest(world)


@pytest.mark.behaviour("V-17")
def test_what_a_first_run_did_not_get_to_comes_with_the_next(world: World) -> None:
    """The source refuses one of the new contacts; later it takes it, and the company is not new any more."""
    for name in ("Ada", "Bolt"):
        customer(world, name)
    world.sql(
        "CREATE TRIGGER full BEFORE INSERT ON client WHEN NEW.name = 'Bolt' BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    world.run()
    assert names(world) == ["Ada"]
    assert "full" in held_one(world, Kind.CLIENT).reason
    world.sql("DROP TRIGGER full")
    customer(world, "Newcomer")
    settle(world)
    assert names(world) == ["Ada", "Bolt"]
    at_rest(world)


@pytest.mark.behaviour("V-17")
def test_a_customer_that_waits_to_come_in_is_no_second_one_of_a_contact_entered_meanwhile(world: World) -> None:
    customer(world, "Bolt")
    world.sql(
        "CREATE TRIGGER full BEFORE INSERT ON client WHEN NEW.email IS NULL BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    world.run()
    assert held_one(world, Kind.CLIENT).label == "Bolt"
    world.sandbox.advance(1000)
    world.run()  # from now on QuickBooks' feed does not repeat it
    entered = world.client("Bolt", email="b@example.com")
    world.run(every_dirty=False)  # its time has not come
    world.sql("DROP TRIGGER full")
    world.sql("UPDATE client SET updated_at = '2020-01-01 00:00:00.000' WHERE id = :id", id=entered)
    settle(world)
    assert names(world) == ["Bolt"]
    assert row(world, "client", entered)["qbo_id"] == world.one("Customer")["Id"]
    at_rest(world)


@pytest.mark.behaviour("V-18", "V-21")
def test_a_recipient_that_quickbooks_does_not_have_becomes_a_customer(start: Start) -> None:
    """Whether a contact or an account is billed is all the same."""
    world = start({"estimates": True})
    world.run()
    contact = world.client("Ada Lovelace", sort="contact", email="ada@example.com")
    account = world.client("Engines Ltd", sort="account")
    world.client("Nobody's", sort="contact")
    invoice(world, contact, "INV-1")
    invoice(world, account, "INV-2")
    settle(world)
    made = {c["DisplayName"]: c for c in world.books("Customer")}
    assert set(made) == {"Ada Lovelace", "Engines Ltd"}
    assert made["Ada Lovelace"]["PrimaryEmailAddr"]["Address"] == "ada@example.com"
    assert {c["name"]: c["qbo_id"] for c in world.rows("SELECT name, qbo_id FROM client")} == {
        "Ada Lovelace": made["Ada Lovelace"]["Id"],
        "Engines Ltd": made["Engines Ltd"]["Id"],
        "Nobody's": None,
    }
    # Its name and address are the source's as long as syncd made it.
    world.sql("UPDATE client SET name = 'Ada King' WHERE id = :id", id=contact)
    settle(world)
    assert {c["DisplayName"] for c in world.books("Customer")} == {"Ada King", "Engines Ltd"}
    assert born(world, "Customer", "DisplayName") == {"Ada Lovelace": 1, "Engines Ltd": 1}
    at_rest(world)


_FOREIGN = """
CREATE TABLE contact (id INTEGER PRIMARY KEY, first TEXT, last TEXT, mail TEXT);
CREATE TABLE account (id INTEGER PRIMARY KEY, title TEXT);
CREATE VIEW party AS
  SELECT 'c' || id AS id, first || ' ' || last AS name, mail FROM contact
  UNION ALL SELECT 'a' || id, title, NULL FROM account;
CREATE TABLE bill (id INTEGER PRIMARY KEY, no TEXT, contact_id INTEGER, account_id INTEGER, status TEXT, day TEXT,
  sum TEXT, paid INTEGER NOT NULL DEFAULT 0);
CREATE VIEW addressed AS SELECT *, CASE WHEN contact_id IS NULL THEN 'a' || account_id ELSE 'c' || contact_id END AS who
  FROM bill;
CREATE TABLE bill_line (id INTEGER PRIMARY KEY, bill_id INTEGER, sort TEXT, said TEXT, sum TEXT);
"""

_MAPPING: dict[str, Any] = {
    "client": {"table": "party", "id": "id", "fields": {"name": "name", "currency": {"constant": "USD"}}},
    "invoice": {
        "table": "addressed",
        "id": "id",
        "fields": {
            "client": "who",
            "issue_date": "day",
            "number": "no",
            "total": "sum",
            "currency": {"constant": "USD"},
            "state": {"column": "status", "values": {"Draft": "draft", "Sent": "sent", "Paid": "sent"}},
            "paid": {"column": "status", "values": {"Draft": False, "Sent": False, "Paid": True}},
        },
        "lines": {
            "table": "bill_line",
            "id": "id",
            "parent": "bill_id",
            "fields": {"item_name": "sort", "description": "said", "amount": "sum"},
        },
    },
}


@pytest.mark.behaviour("V-21", "V-4")
def test_contacts_and_accounts_may_be_two_tables_of_a_database_that_is_only_read(start: Start, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'theirs.db'}"
    database = sa.create_engine(url)
    with database.begin() as connection:
        for statement in _FOREIGN.split(";\n"):
            connection.exec_driver_sql(statement)
        for statement in (
            "INSERT INTO contact VALUES (1, 'Ada', 'Lovelace', NULL)",
            "INSERT INTO account VALUES (1, 'Engines Ltd')",
            "INSERT INTO bill VALUES (1, 'INV-1', 1, NULL, 'Sent', '2026-03-02', '10.00', 0)",
            "INSERT INTO bill VALUES (2, 'INV-2', NULL, 1, 'Sent', '2026-03-02', '20.00', 0)",
            "INSERT INTO bill VALUES (3, 'INV-3', NULL, 1, 'Draft', '2026-03-02', '30.00', 0)",
            "INSERT INTO bill_line SELECT id, id, 'time', 'Work', sum FROM bill",
        ):
            connection.exec_driver_sql(statement)
    database.dispose()
    world = start(source={"type": "sql", "url": url, "mapping": _MAPPING}, source_url=url, items=False)
    customer(world, "Theirs alone")
    world.run()
    billed = {i["DocNumber"]: i["CustomerRef"]["name"] for i in world.books("Invoice")}
    assert billed == {"INV-1": "Ada Lovelace", "INV-2": "Engines Ltd"}
    assert held(world) == [], "nothing can be brought into this source, and nobody is asked about it"
    assert world.run().plan.writes == ()
