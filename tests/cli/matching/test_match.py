"""``syncd match`` as an operator uses it: propose, answer, store. Both sides stay as they were."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_world import Office, write_config
from match_desk import Desk, desk_line, matches

from syncd.errors import EXIT_BUSY, EXIT_CONFIG, EXIT_OK
from syncd.model.kinds import Kind, Side
from syncd.model.writes import Verb
from tests.e2e.helpers import bill, change, customer, receive, snapshot
from tests.support.world import World

EXIT_USAGE = 64


@pytest.mark.behaviour("R-110", "X-9")
@pytest.mark.failure("F-13")
def test_a_first_connection_from_proposal_to_peace(world: World, office: Office, desk: Desk) -> None:
    same, other = customer(world, "Ada"), customer(world, "Lovelace Limited")
    there = bill(world, same, "INV-1", ("100.00", "Work"))
    receive(world, same["Id"], (there["Id"], "40.00"), PaymentRefNum="W1", TxnDate="2026-03-20")
    ada, lovelace, new = world.client("Ada"), world.client("Lovelace Ltd."), world.client("Charles")
    invoice = world.invoice(ada, "INV-1", ("100.00", "Work"))
    world.payment(ada, (invoice, "40.00"))
    late = world.invoice(lovelace, "INV-2", ("50.00", "Engine"))
    before, source = world.writes(), snapshot(world)

    desk.propose()
    assert desk.row("client", ada)["use"] == same["Id"]
    assert desk.row("invoice", invoice)["use"] == there["Id"]
    assert desk.row("invoice", late) == {
        "source_id": str(late),
        "name": "INV-2, 2026-03-02, 50.00 USD, Lovelace Ltd.",
        "use": "",
        "proposals": [],
    }
    doubtful = desk.row("client", lovelace)
    assert doubtful["use"] == ""
    why = "USD; only the legal form or punctuation differs"
    assert doubtful["proposals"] == [f"{other['Id']}  0.93  Lovelace Limited  ({why})"]
    assert desk.row("client", new)["proposals"] == []

    desk.answer("client", lovelace, other["Id"])
    desk.answer("client", new, "create")
    said = desk.take()
    assert "3 matched, 1 left to syncd to create" in said
    assert f"client Lovelace Ltd. and {other['Id']} differ in name" in " ".join(said.split())
    assert (world.writes(), snapshot(world)) == (before, source), "nothing was written to either side"

    report = world.run()
    assert report.outcome == "ok"
    written = [(o.side, o.kind, o.label, set(o.fields)) for o in report.plan.writes if o.verb is Verb.UPDATE]
    assert written == [(Side.SOURCE, Kind.INVOICE, "INV-1", {"transaction_number"})], "what the source lacked (R-28)"
    assert {record["DocNumber"] for record in world.books("Invoice")} == {"INV-1", "INV-2"}
    assert world.one("Invoice", DocNumber="INV-2")["CustomerRef"]["value"] == other["Id"]
    assert world.accountant.read("Customer", other["Id"])["DisplayName"] == "Lovelace Limited", "left as it is"
    assert len(world.books("Customer")) == 2
    assert len(world.books("Payment")) == 1, "the payment on the matched invoice was recognised"
    assert office("audit").returncode == EXIT_OK
    assert world.run().plan.writes == ()


def test_proposing_changes_nothing_at_all_and_the_same_facts_make_the_same_file(
    world: World, office: Office, desk: Desk
) -> None:
    customer(world, 'Ada "Countess" L\u00fc beck')
    client = world.client('Ada "Countess" L\u00fc\tbeck')
    world.invoice(client, 'INV-"1"\\')
    state = (desk.path.parent / "acme-state.db").read_bytes()
    before, source = world.writes(), snapshot(world)
    first = desk.propose()
    assert desk.path.stat().st_mode & 0o777 == 0o600
    text = desk.path.read_text()
    assert desk.propose() == first
    assert desk.path.read_text() == text
    assert (world.writes(), snapshot(world)) == (before, source)
    assert (desk.path.parent / "acme-state.db").read_bytes() == state
    assert first["company"] == "acme"
    assert text.startswith("# Which records")


def test_a_file_with_answers_is_never_replaced(desk: Desk) -> None:
    desk.propose()
    desk.path.write_text(desk.path.read_text() + "# mine\n")
    done = desk.office("match", "--out", desk.path)
    assert done.returncode == EXIT_CONFIG
    assert "may hold answers" in done.stderr
    assert desk.path.read_text().endswith("# mine\n")


def test_every_fault_is_told_at_once_with_its_line_and_nothing_is_stored(
    world: World, office: Office, desk: Desk
) -> None:
    euro = customer(world, "Zoe", CurrencyRef={"value": "EUR"})
    usd, gone = customer(world, "Usd"), customer(world, "Gone")
    change(world, "Customer", gone, Active=False)
    ids = {name: world.client(name) for name in ("A", "B", "C", "D", "E", "F", "G", "H", "Usd")}
    desk.propose()
    lines = {
        "A": desk.answer("client", ids["A"], "99999"),
        "B": desk.answer("client", ids["B"], gone["Id"]),
        "C": desk.answer("client", ids["C"], euro["Id"]),
        "D": desk.answer("client", ids["D"], usd["Id"]),
        "E": desk.answer("client", ids["E"], "none"),
        "Usd": desk.answer("client", ids["Usd"], "create"),
    }
    world.sql("DELETE FROM client WHERE id = :id", id=ids["F"])
    lines["F"] = desk.answer("client", ids["F"], usd["Id"])
    text = desk.path.read_text().replace("realm_id", "realm_ids", 1)
    text = text.replace(f'source_id = "{ids["G"]}"', f'sauce = 1\nsource_id = "{ids["G"]}"')
    desk.path.write_text(text + f'\n[[cheese]]\nuse = ""\n\n[[client]]\nsource_id = "{ids["H"]}"\nuse = 5.5\n')
    said = " ".join(desk.take(code=EXIT_CONFIG).split())
    moved = {name: line + (line > desk_line(text, "sauce")) for name, line in lines.items()}
    for name, words in {
        "A": "there is no such record in QuickBooks now",
        "B": "is inactive in QuickBooks",
        "C": "in USD in the source and in EUR in QuickBooks",
        "E": 'use = "none" is no answer; for clients it is',
        "F": "there is no such record in the source now",
        "Usd": f"QuickBooks has Usd ({usd['Id']}) already",
    }.items():
        assert re.search(rf"line {moved[name]}: client '{ids[name]}': [^:]*{re.escape(words)}", said), (name, said)
    for words in ("unknown key 'sauce'", "realm_id is None", "'cheese' is no kind", "'realm_ids' is no kind"):
        assert words in said
    assert 'use and name must be text in quotes, like "58"' in said
    assert "nothing was stored" in said
    assert matches(office, "client") == {}


def test_one_record_of_quickbooks_is_given_once(world: World, office: Office, desk: Desk) -> None:
    there = customer(world, "Acme")
    first, second = world.client("Acme one"), world.client("Acme two")
    desk.propose()
    line = desk.answer("client", first, there["Id"])
    desk.answer("client", second, there["Id"])
    said = " ".join(desk.take(code=EXIT_CONFIG).split())
    assert f"is given to '{first}' on line {line}, too" in said
    desk.answer("client", second, "")
    assert "1 matched, 1 not decided" in desk.take()
    desk.answer("client", second, there["Id"])
    assert "is linked with '" in desk.take(code=EXIT_CONFIG)


def test_taking_the_same_answers_twice_is_no_fault(world: World, office: Office, desk: Desk) -> None:
    there = customer(world, "Acme")
    client = world.client("Acme")
    desk.propose()
    assert "1 matched" in desk.take()
    assert "0 matched, 1 matched so before" in desk.take()
    desk.propose()
    assert "client" not in desk.read(), "what is matched is left out"
    assert matches(office, "client") == {str(client): (there["Id"], "linked")}


def test_a_dry_run_checks_and_stores_nothing(world: World, office: Office, desk: Desk) -> None:
    customer(world, "Acme")
    world.client("Acme")
    desk.propose()
    assert "1 matched; dry run, nothing was stored" in desk.take("--dry-run")
    assert matches(office, "client") == {}


def test_documents_that_differ_in_money_are_refused_with_both_totals(world: World, office: Office, desk: Desk) -> None:
    there = bill(world, customer(world, "Ada"), "INV-1", ("100.01", "Work"))
    invoice = world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work"))
    desk.propose()
    row = desk.row("invoice", invoice)
    assert row["use"] == ""
    assert row["proposals"] == [
        f"{there['Id']}  0.70  INV-1, 2026-03-02, 100.01 USD, Ada  (agrees in number, client and date)"
    ]
    desk.answer("invoice", invoice, there["Id"])
    said = " ".join(desk.take(code=EXIT_CONFIG).split())
    assert "the totals are 100.00 USD in the source and 100.01 USD in QuickBooks" in said
    assert matches(office, "invoice") == {}
    assert matches(office, "client") == {}, "all or nothing"


def test_a_document_that_differs_in_words_is_accepted_as_it_is(world: World, office: Office, desk: Desk) -> None:
    there = bill(world, customer(world, "Ada"), "2026-1", ("60.00", "Work"), ("40.00", "Travel"))
    invoice = world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work and travel"), notes="Thank you")
    desk.propose()
    desk.answer("invoice", invoice, there["Id"])
    assert "differ in lines" in desk.take()
    before = world.writes()
    for _ in range(2):
        report = world.run()
        assert all(o.fields == ("transaction_number",) for o in report.plan.writes)
    assert report.plan.writes == ()
    assert world.writes() == before
    assert world.rows("SELECT number, notes FROM invoice") == [{"number": "INV-1", "notes": "Thank you"}]
    change(world, "Invoice", there, PrivateNote="looked at", DueDate="2026-12-24")
    world.run()
    assert str(world.rows("SELECT due_date FROM invoice")[0]["due_date"])[:10] == "2026-12-24", "edits flow from now on"


def test_documents_wait_for_their_clients(world: World, office: Office, desk: Desk) -> None:
    there = bill(world, customer(world, "Ada Limited"), "INV-1", ("100.00", "Work"))
    client = world.client("Ada Ltd")
    invoice = world.invoice(client, "INV-1", ("100.00", "Work"))
    desk.propose()
    assert desk.row("invoice", invoice)["use"] == "", "whose it is, is not certain yet"
    desk.answer("invoice", invoice, there["Id"])
    said = " ".join(desk.take().split())
    assert "waits: line " in said
    assert f"its client '{client}' is not matched yet" in said
    assert matches(office, "invoice") == {}
    desk.answer("client", client, there["CustomerRef"]["value"])
    assert "2 matched" in desk.take()
    assert matches(office, "invoice") == {str(invoice): (there["Id"], "linked")}


def test_a_document_of_another_client_is_refused(world: World, office: Office, desk: Desk) -> None:
    there = bill(world, customer(world, "Zoe"), "INV-1", ("100.00", "Work"))
    customer(world, "Ada")
    invoice = world.invoice(world.client("Ada"), "INV-1", ("100.00", "Work"))
    desk.propose()
    desk.answer("invoice", invoice, there["Id"])
    assert "another client in QuickBooks" in " ".join(desk.take(code=EXIT_CONFIG).split())


def test_drafts_voids_and_what_is_old_are_not_listed(world: World, tmp_path: Path) -> None:
    config = write_config(tmp_path, world)
    config.write_text(config.read_text() + "sync_start_date = 2026-03-01\n")
    desk = Desk(Office(world, config), tmp_path)
    client = world.client("Ada")
    world.invoice(client, "OLD", issue_date="2026-02-28")
    world.invoice(client, "DRAFT", state="draft")
    listed = world.invoice(client, "INV-1")
    voided = bill(world, customer(world, "Ada"), "INV-1", ("100.00", "Work"))
    world.accountant.void("Invoice", voided)
    found = desk.propose()["invoice"]
    assert [(row["source_id"], row["proposals"]) for row in found] == [(str(listed), [])]


def test_ignored_records_are_left_alone_for_good(world: World, office: Office, desk: Desk) -> None:
    customer(world, "Ada")
    client = world.client("Ada")
    invoice, wanted = world.invoice(client, "INV-1"), world.invoice(client, "INV-2")
    desk.propose()
    desk.answer("invoice", invoice, "ignore")
    assert "1 left alone from now on" in " ".join(desk.take().split())
    assert world.run().outcome == "ok"
    assert [record["DocNumber"] for record in world.books("Invoice")] == ["INV-2"]
    assert matches(office, "invoice")[str(invoice)] == ("", "ignored")
    assert matches(office, "invoice")[str(wanted)][1] == "linked"


def test_another_runner_at_work_is_not_disturbed(world: World, office: Office, desk: Desk) -> None:
    customer(world, "Acme")
    world.client("Acme")
    desk.propose()
    lease = world.store.acquire("acme", "somebody else", 60)
    desk.take(code=EXIT_BUSY)
    world.store.release(lease)
    desk.take()


def test_a_file_that_is_none_is_refused(office: Office, desk: Desk) -> None:
    desk.path.write_text("[[client]\n")
    done = office("match", "--in", desk.path)
    assert done.returncode == EXIT_CONFIG
    assert "no valid TOML" in done.stderr
    assert "line 1" in done.stderr
    desk.propose()
    desk.path.write_text(desk.path.read_text().replace('company = "acme"', 'company = "other"'))
    assert "the file was made for another one than 'acme'" in desk.take(code=EXIT_CONFIG)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--out", "a.toml", "--list"],
        ["--kind", "client", "--out", "a.toml"],
        ["--list", "--dry-run"],
        ["--list", "--kind", "cheese"],
        ["--set", "cheese", "1", "2"],
    ],
)
def test_wrong_usage(office: Office, arguments: list[str]) -> None:
    assert office("match", *arguments).returncode == EXIT_USAGE


def test_json_says_the_same(world: World, office: Office, desk: Desk) -> None:
    customer(world, "Acme")
    world.client("Acme")
    world.client("Zoe")
    proposed = office.json("match", "--out", desk.path)
    assert proposed["kinds"]["client"] == {"listed": 2, "certain": 1, "undecided": 1, "linked": 0}
    checked = office.json("match", "--in", desk.path, "--dry-run")
    assert (checked["stored"], checked["matched"], checked["undecided"]) == (False, {"client": 1}, 1)
    stored = office.json("match", "--in", desk.path)
    assert (stored["stored"], stored["faults"]) == (True, [])
    line = desk.answer("client", 2, "99999")
    (fault,) = office.json("match", "--in", desk.path, code=EXIT_CONFIG)["faults"]
    assert (fault["line"], fault["kind"], fault["source_id"]) == (line, "client", "2")
