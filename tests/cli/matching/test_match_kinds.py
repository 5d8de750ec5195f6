"""``syncd match`` for each kind of record: what is proposed, and that the runs after it use what was answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_world import Office, write_config
from match_desk import Desk, desk_of, income, matches

from syncd.errors import EXIT_OK
from syncd.sandbox.server import RunningSandbox
from tests.e2e.helpers import bill, customer, held
from tests.support.world import World
from tests.support.world import world as new_world


@pytest.mark.behaviour("R-111")
def test_items_are_matched_and_invoices_use_them(world: World, office: Office, desk: Desk) -> None:
    consulting = world.accountant.save(
        "Item", {"Name": "Consulting hours", "Type": "Service", "IncomeAccountRef": {"value": income(world)}}
    )
    item, exact = world.item("Consulting"), world.item("Services")
    client = world.client("Ada")
    desk.propose()
    assert desk.row("item", exact)["use"] == world.one("Item", Name="Services")["Id"]
    row = desk.row("item", item)
    assert row["use"] == ""
    assert row["proposals"][0].startswith(f"{consulting['Id']}  ")
    desk.answer("item", item, consulting["Id"])
    desk.take()
    world.invoice(client, "INV-1", ("10.00", "a", item), ("20.00", "b", exact))
    assert world.run().outcome == "ok"
    lines = [line for line in world.one("Invoice")["Line"] if "SalesItemLineDetail" in line]
    assert [line["SalesItemLineDetail"]["ItemRef"]["value"] for line in lines] == [
        consulting["Id"],
        world.one("Item", Name="Services")["Id"],
    ]


@pytest.mark.behaviour("R-57", "R-113")
def test_payment_methods_are_matched_or_said_to_have_no_counterpart(world: World, office: Office, desk: Desk) -> None:
    wire = world.accountant.save("PaymentMethod", {"Name": "Wire transfer"})
    card = world.accountant.save("PaymentMethod", {"Name": "Plastic"})
    ids = [
        world.sql("INSERT INTO payment_method (name) VALUES (:name)", name=n)
        for n in ("Wire Transfer", "Plastic", "Barter")
    ]
    client = world.client("Ada")
    invoice = world.invoice(client, "INV-1", ("100.00", "Work"))
    for amount, method in zip(("10.00", "20.00", "30.00"), ids, strict=True):
        world.payment(client, (invoice, amount), method_id=method, reference=f"P{method}")
    desk.propose()
    assert [desk.row("payment_method", each)["use"] for each in ids] == ["", card["Id"], ""]
    assert desk.row("payment_method", ids[0])["proposals"][0].startswith(f"{wire['Id']}  0.97  ")
    desk.answer("payment_method", ids[0], wire["Id"])
    desk.answer("payment_method", ids[2], "none")
    desk.take()
    assert matches(office, "payment_method")[str(ids[2])] == ("", "none")
    assert world.run().outcome == "ok"
    found = {p["PaymentRefNum"]: p.get("PaymentMethodRef", {}).get("value") for p in world.books("Payment")}
    assert found == {f"P{ids[0]}": wire["Id"], f"P{ids[1]}": card["Id"], f"P{ids[2]}": None}
    assert office("audit").returncode == EXIT_OK


@pytest.mark.behaviour("R-112", "R-17")
def test_tax_rates_are_matched_with_tax_codes_where_tax_is_charged(tmp_path: Path, sandbox: RunningSandbox) -> None:
    with new_world(tmp_path, sandbox, using_sales_tax=True) as world:
        desk = desk_of(world, tmp_path, "")
        for name, rate in (("VAT", "0.05"), ("Out of scope", None)):
            world.sql("INSERT INTO tax_rate (name, rate) VALUES (:name, :rate)", name=name, rate=rate)
        world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work"), tax_code="Reduced", tax="5.00")
        codes = {code["Name"]: code["Id"] for code in world.books("TaxCode")}
        keys = [row["source_id"] for row in desk.propose()["tax_code"]]
        assert sorted(keys) == ["name:out of scope", "name:reduced", "name:vat"], codes
        name, code = next((name, code) for name, code in sorted(codes.items()) if code not in {"TAX", "NON"})
        desk.answer("tax_code", "name:reduced", code)
        desk.answer("tax_code", "name:out of scope", "none")
        desk.take()
        assert matches(desk.office, "tax_code") == {"name:reduced": (code, "linked"), "name:out of scope": ("", "none")}
        world.run()
        assert held(world) == [], name
        (sent,) = world.books("Invoice")
        assert sent["TxnTaxDetail"]["TxnTaxCodeRef"]["value"] == code


def test_no_tax_codes_are_asked_for_where_no_tax_is_charged(tmp_path: Path, sandbox: RunningSandbox) -> None:
    with new_world(tmp_path, sandbox, using_sales_tax=False) as world:
        world.sql("INSERT INTO tax_rate (name, rate) VALUES ('VAT', '0.05')")
        assert "tax_code" not in desk_of(world, tmp_path, "").propose()


@pytest.mark.behaviour("R-96", "R-101", "R-102", "R-113")
def test_members_categories_and_projects_are_matched_for_expenses(world: World, tmp_path: Path) -> None:
    desk = desk_of(world, tmp_path, "expense_bills = true\n")
    ada = customer(world, "Ada Ltd")
    engine = customer(world, "Engine", ParentRef={"value": ada["Id"]}, Job=True)
    grace = world.accountant.save("Vendor", {"DisplayName": "Grace Hopper"})
    travel = next(a for a in world.books("Account") if a["Classification"] == "Expense")
    client = world.client("Ada")
    project = world.sql("INSERT INTO project (client_id, name) VALUES (:client, 'Engine')", client=client)
    lost = world.sql("INSERT INTO project (client_id, name) VALUES (:client, 'Lost')", client=client)
    member = world.sql("INSERT INTO member (name, currency) VALUES ('Hopper, Grace', 'USD')")
    category = world.sql("INSERT INTO expense_category (name) VALUES (:name)", name=f"{travel['Name']} costs")
    world.sql(
        "INSERT INTO expense (member_id, report, date, amount, currency, status, reimbursable, category_id, "
        "project_id) VALUES (:member, 'R1', '2026-03-03', '12.50', 'USD', 'approved', 1, :category, :project)",
        member=member,
        category=category,
        project=project,
    )
    desk.propose()
    assert desk.row("vendor", member)["use"] == ""
    assert desk.row("vendor", member)["proposals"][0].startswith(f"{grace['Id']}  0.90  ")
    assert any(each.startswith(f"{travel['Id']}  ") for each in desk.row("category", category)["proposals"])
    waiting = desk.row("project", project)
    assert waiting["use"] == "", "of a client that is not matched yet"
    assert "its client is not matched yet" in waiting["proposals"][0]
    desk.answer("client", client, ada["Id"])
    desk.answer("vendor", member, grace["Id"])
    desk.answer("category", category, travel["Id"])
    desk.take()
    desk.propose()
    assert desk.row("project", project)["use"] == engine["Id"]
    desk.answer("project", lost, "none")
    desk.take()
    assert matches(desk.office, "project") == {str(project): (engine["Id"], "linked"), str(lost): ("", "none")}
    done = desk.office("reconcile", "--approve-first-run")
    assert done.returncode == EXIT_OK, done.stdout + done.stderr
    (sent,) = world.books("Bill")
    assert sent["VendorRef"]["value"] == grace["Id"]
    (line,) = sent["Line"]
    detail = line["AccountBasedExpenseLineDetail"]
    assert detail["AccountRef"]["value"] == travel["Id"]
    assert detail["CustomerRef"]["value"] == engine["Id"]
    assert len(world.books("Vendor")) == 1


def test_credit_notes_are_matched_like_invoices(world: World, office: Office, desk: Desk) -> None:
    ada = customer(world, "Ada")
    memo = world.accountant.save(
        "CreditMemo",
        {
            "CustomerRef": {"value": ada["Id"]},
            "TxnDate": "2026-03-05",
            "DocNumber": "CN-1",
            "Line": [
                {
                    "Amount": 20,
                    "Description": "Back",
                    "DetailType": "SalesItemLineDetail",
                    "SalesItemLineDetail": {"ItemRef": {"value": "1"}, "Qty": 1, "UnitPrice": 20},
                }
            ],
        },
    )
    note = world.sql(
        "INSERT INTO credit_note (client_id, number, state, issue_date, currency, tax, total) "
        "VALUES (:client, 'CN-1', 'published', '2026-03-05', 'USD', '0', '20')",
        client=world.client("Ada"),
    )
    world.sql(
        "INSERT INTO credit_note_line (credit_note_id, position, amount, description, quantity, rate) "
        "VALUES (:note, 1, '20', 'Back', '1', '20')",
        note=note,
    )
    desk.propose()
    assert desk.row("credit_note", note)["use"] == memo["Id"]
    desk.take()
    assert world.run().outcome == "ok"
    assert len(world.books("CreditMemo")) == 1
    assert matches(office, "credit_note") == {str(note): (memo["Id"], "linked")}


NAMES_ALONE = """
[company.source.mapping.client]
table = "client"
id = "id"
fields = { name = "name", currency = "currency" }
[company.source.mapping.invoice]
table = "invoice"
id = "id"
[company.source.mapping.invoice.fields]
number = "number"
client = "client_id"
issue_date = "issue_date"
currency = "currency"
total = "total"
state = "state"
[company.source.mapping.invoice.lines]
table = "invoice_line"
id = "id"
parent = "invoice_id"
fields = { item_name = "description", amount = "amount" }
"""


@pytest.mark.behaviour("R-111", "R-22")
def test_names_that_stand_on_documents_alone_are_matched(world: World, tmp_path: Path) -> None:
    config = write_config(tmp_path, world)
    config.write_text(config.read_text().replace('schema = "reference"\n', "") + NAMES_ALONE)
    office = Office(world, config)
    desk = Desk(office, tmp_path)
    advice = world.accountant.save(
        "Item", {"Name": "Legal advice", "Type": "Service", "IncomeAccountRef": {"value": income(world)}}
    )
    client = world.client("Ada")
    world.invoice(client, "INV-1", ("10.00", "Advice, legal"), ("20.00", "ADVICE,  legal"), ("30.00", "Services"))
    world.invoice(client, "INV-2", ("5.00", "Draft only"), state="draft")
    desk.propose()
    named = {row["source_id"]: " ".join(row["name"].casefold().split()) for row in desk.read()["item"]}
    assert named == {"name:advice, legal": "advice, legal", "name:services": "services"}
    assert desk.row("item", "name:advice, legal")["proposals"][0].startswith(f"{advice['Id']}  0.90  ")
    desk.answer("item", "name:advice, legal", advice["Id"])
    desk.take()
    done = office("reconcile", "--approve-first-run")
    assert done.returncode == EXIT_OK, done.stdout + done.stderr
    lines = [line for line in world.one("Invoice")["Line"] if "SalesItemLineDetail" in line]
    services = world.one("Item", Name="Services")["Id"]
    used = [line["SalesItemLineDetail"]["ItemRef"]["value"] for line in lines]
    assert used == [advice["Id"], advice["Id"], services]


def test_an_id_of_quickbooks_that_the_source_keeps_is_certain(world: World, office: Office, desk: Desk) -> None:
    there, other = customer(world, "Zebra"), customer(world, "Ada")
    client = world.client("Ada", qbo_id=there["Id"])
    document = bill(world, there, "X-9", ("100.00", "Work"))
    invoice = world.invoice(client, "INV-1", ("100.00", "Work"), qbo_id=document["Id"])
    wrong = world.invoice(client, "INV-2", ("1.00", "Work"), qbo_id=other["Id"] + "00")
    desk.propose()
    assert desk.row("client", client)["use"] == there["Id"]
    assert "stated" in desk.row("client", client)["proposals"][0]
    assert desk.row("invoice", invoice)["use"] == document["Id"]
    assert desk.row("invoice", wrong)["use"] == ""


@pytest.mark.behaviour("R-116", "R-117", "C-R17")
def test_one_client_for_each_currency_is_matched_in_pairs(world: World, office: Office, desk: Desk) -> None:
    euro = customer(world, "Acme EUR", CurrencyRef={"value": "EUR"})
    usd = customer(world, "Acme USD")
    ours = {"EUR": world.client("Acme", "EUR"), "USD": world.client("Acme", "USD")}
    desk.propose()
    first = desk.row("client", ours["EUR"])["proposals"]
    assert first[0].startswith(f"{euro['Id']}  ")
    assert any("in USD, not EUR" in each for each in first)
    desk.answer("client", ours["EUR"], euro["Id"])
    desk.answer("client", ours["USD"], usd["Id"])
    desk.take()
    world.invoice(ours["EUR"], "E-1", currency="EUR")
    world.invoice(ours["USD"], "U-1")
    assert world.run().outcome == "ok", held(world)
    assert world.one("Invoice", DocNumber="E-1")["CustomerRef"]["value"] == euro["Id"]
    assert world.one("Invoice", DocNumber="U-1")["CustomerRef"]["value"] == usd["Id"]
