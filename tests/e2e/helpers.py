"""What people do on the two sides, and what must be true after syncd has run. Nothing here reads through syncd."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from syncd.model.kinds import Kind
from syncd.report import CycleReport
from syncd.state.values import Held
from tests.support.world import World

TABLES = (
    "client",
    "item",
    "member",
    "project",
    "payment_method",
    "expense_category",
    "tax_rate",
    "estimate",
    "estimate_line",
    "invoice",
    "invoice_line",
    "credit_note",
    "credit_note_line",
    "payment",
    "payment_allocation",
    "payment_credit",
    "credit_application",
    "credit_application_part",
    "expense",
    "purchase_order",
    "purchase_order_line",
    "attachment",
)

Json = dict[str, Any]


# ---- the accountant


def change(world: World, entity: str, record: Json, **fields: Any) -> Json:
    """A sparse edit of the record as it is now, as the accountant's browser sends it."""
    now = world.accountant.read(entity, record["Id"])
    kept = {name: now[name] for name in ("Id", "SyncToken", "CustomerRef") if name in now}
    return world.accountant.save(entity, {**kept, "sparse": True, **fields})


def bill(world: World, customer: Json, number: str = "", *lines: tuple[str, str], **fields: Any) -> Json:
    """An invoice entered in QuickBooks. A line is (amount, description)."""
    body: Json = {
        "CustomerRef": {"value": customer["Id"]},
        "TxnDate": "2026-03-02",
        "DueDate": "2026-04-01",
        "Line": [sales_line(amount, text) for amount, text in lines or (("100.00", "Work"),)],
        **fields,
    }
    if number:
        body["DocNumber"] = number
    return world.accountant.save("Invoice", body)


def sales_line(amount: str, text: str, item: str = "1", **more: Any) -> Json:
    """A line of an invoice in QuickBooks' form."""
    detail = {"ItemRef": {"value": item}, "Qty": 1, "UnitPrice": Decimal(amount)}
    return {
        "Amount": Decimal(amount),
        "Description": text,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": detail,
        **more,
    }


def sales_lines(invoice: Json) -> list[Json]:
    """The billed lines of an invoice in QuickBooks."""
    return [line for line in invoice["Line"] if line["DetailType"] == "SalesItemLineDetail"]


def receive(world: World, customer_id: str, *parts: tuple[str, str], **fields: Any) -> Json:
    """A payment entered in QuickBooks, spread over (invoice id, amount)."""
    total = sum((Decimal(amount) for _, amount in parts), Decimal(0))
    body: Json = {
        "CustomerRef": {"value": customer_id},
        "TotalAmt": total,
        "TxnDate": "2026-04-10",
        "PaymentRefNum": "CHEQUE-1",
        "Line": [
            {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": invoice, "TxnType": "Invoice"}]}
            for invoice, amount in parts
        ],
        **fields,
    }
    return world.accountant.save("Payment", body)


def customer(world: World, name: str, **fields: Any) -> Json:
    """A customer entered in QuickBooks."""
    return world.accountant.save("Customer", {"DisplayName": name, **fields})


def pays(payment: Json) -> dict[str, Decimal]:
    """What a payment in QuickBooks pays of each invoice."""
    return {line["LinkedTxn"][0]["TxnId"]: Decimal(line["Amount"]) for line in payment["Line"]}


# ---- the source


def snapshot(world: World) -> dict[str, list[Json]]:
    """Every row of the source, with the versions of its rows."""
    return {table: world.rows(f"SELECT * FROM {table} ORDER BY id") for table in TABLES}


def row(world: World, table: str, row_id: int) -> Json:
    """One row of the source."""
    (found,) = world.rows(f"SELECT * FROM {table} WHERE id = :id", id=row_id)
    return found


def lines_of(world: World, invoice: int) -> list[Json]:
    """The lines of an invoice in the source."""
    return world.rows("SELECT * FROM invoice_line WHERE invoice_id = :id ORDER BY position, id", id=invoice)


def parts_of(world: World, payment: int) -> dict[int, Decimal]:
    """What a payment in the source pays of each invoice."""
    found = world.rows("SELECT invoice_id, amount FROM payment_allocation WHERE payment_id = :id", id=payment)
    return {part["invoice_id"]: Decimal(str(part["amount"])) for part in found}


def money(value: object) -> Decimal:
    """An amount as the source stores it."""
    return Decimal(str(value))


# ---- what must be true


def held(world: World) -> list[Held]:
    """What waits for a person."""
    return world.store.held(world.name)


def held_one(world: World, kind: Kind | None = None) -> Held:
    """The only record that waits for a person."""
    found = [each for each in held(world) if kind is None or each.kind is kind]
    assert len(found) == 1, [f"{each.kind} {each.label}: {each.reason}" for each in found]
    return found[0]


def answer(world: World, word: str, kind: Kind | None = None) -> None:
    """A person's answer to the only hold."""
    world.store.resolve_held(world.name, held_one(world, kind).id, word, "Ann")


def at_rest(world: World, *, differ: Iterable[str] = (), held: int = 0, waiting: int | None = None) -> CycleReport:
    """One more run plans and writes nothing on either side, and the audit agrees to the cent.

    ``differ`` are the labels of the records on which the audit may find the two sides at odds: each is explained by a
    hold or an orphan. ``held`` is how many records wait for a person. ``waiting``, if given, what the audit counts so.
    """
    books, source = world.writes(), snapshot(world)
    report = world.run()
    assert [f"{o.id}: {o.reason}" for o in report.plan.writes] == []
    assert (report.applied, report.failed, report.in_doubt) == (0, 0, 0), report
    assert [brake.text for brake in report.plan.brakes] == []
    assert len(world.store.held(world.name)) == held, [f"{h.label}: {h.reason}" for h in world.store.held(world.name)]
    assert report.outcome == ("held" if held else "ok"), report
    assert world.writes() == books, "the books were written"
    assert snapshot(world) == source, "the source was written"
    assert world.store.open_entries(world.name) == []
    audit = world.engine.audit()
    assert sorted(d.label for d in audit.differ) == sorted(differ), audit.differ
    assert audit.compared == audit.agree + audit.accepted + len(audit.differ)
    assert audit.unknown == 0
    if not list(differ):
        assert all(amount == 0 for amount in audit.money_difference.values()), audit.money_difference
    if waiting is not None:
        assert audit.waiting == waiting
    assert world.writes() == books
    return report


def born(world: World, entity: str, key: str = "DocNumber") -> Counter[str]:
    """How often a record with each key was ever created in the books, those that are gone again included."""
    rows = world.sandbox.history(world.realm, entity=entity)
    return Counter(str(version["record"].get(key, "")) for version in rows if version["op"] == "create")


def once(world: World) -> None:
    """No document and no customer was ever created twice."""
    for entity, key in (("Customer", "DisplayName"), ("Invoice", "DocNumber"), ("Payment", "PaymentRefNum")):
        twice = {name: count for name, count in born(world, entity, key).items() if count > 1}
        assert not twice, f"{entity} created more than once: {twice}"


def mutations(world: World, after: int) -> list[Json]:
    """Requests of the ledger since ``after`` that change something in this company's books."""
    verbs = {"create", "update", "delete", "void", "batch"}
    return [r for r in world.sandbox.requests(after=after, realm=world.realm) if r["operation"] in verbs]


def same_books(one: World, other: World) -> None:
    """Both companies hold the same documents, ids aside."""
    assert documents(one) == documents(other)


def documents(world: World) -> dict[str, list[Any]]:
    """Everything in the books that syncd may have written, without ids, in an order of its own."""
    names = {c["Id"]: c["DisplayName"] for c in world.books("Customer")}
    numbers = {i["Id"]: i.get("DocNumber") for i in world.books("Invoice")}
    return {
        "customers": sorted((c["DisplayName"], c["CurrencyRef"]["value"]) for c in world.books("Customer")),
        "invoices": sorted(
            (
                i.get("DocNumber"),
                names[i["CustomerRef"]["value"]],
                str(i["TxnDate"]),
                Decimal(i["TotalAmt"]),
                Decimal(i["Balance"]),
                sorted((line["Description"], Decimal(line["Amount"])) for line in sales_lines(i)),
            )
            for i in world.books("Invoice")
        ),
        "payments": sorted(
            (
                p.get("PaymentRefNum"),
                names[p["CustomerRef"]["value"]],
                Decimal(p["TotalAmt"]),
                sorted((numbers[invoice], amount) for invoice, amount in pays(p).items()),
            )
            for p in world.books("Payment")
        ),
    }


def totals(records: Iterable[Mapping[str, Any]]) -> Decimal:
    """The sum of what documents are worth."""
    return sum((Decimal(record["TotalAmt"]) for record in records), Decimal(0))


# ---- the command line

_CONFIG = """\
[syncd]
state_url = "{state}"
encryption_key_file = "{home}/encryption.key"

[[company]]
name = "{name}"
profile = "ruddr"

[company.qbo]
realm_id = "{realm}"
environment = "sandbox"
client_id = "sandbox-client"
client_secret_file = "{home}/client.secret"
api_url = "{base}"
token_url = "{base}/oauth2/v1/tokens/bearer"
authorize_url = "{base}/connect/oauth2"
revoke_url = "{base}/v2/oauth2/tokens/revoke"
throttle = false

[company.source]
type = "sql"
url = "{source}"
schema = "reference"

[company.settings]
default_item = "Services"
deposit_account = "Undeposited Funds"
discount_account = "Discounts given"
"""


def configure(world: World, **settings: str | bool) -> Path:
    """A configuration for the command line, in a directory of its own; with more ``[company.settings]``."""
    home = world.directory / f"{world.name}-config"
    home.mkdir()
    for name, text in (("encryption.key", world.key.decode()), ("client.secret", "sandbox-secret")):
        (home / name).write_text(text)
        (home / name).chmod(0o600)
    text = _CONFIG.format(
        state=world.state_url,
        home=home,
        name=world.name,
        realm=world.realm,
        base=world.sandbox.base_url,
        source=world.source_url,
    )
    path = home / "syncd.toml"
    path.write_text(text + "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    path.chmod(0o600)
    return path


def command(config: Path, *arguments: str) -> list[str]:
    """The ``syncd`` command as an operator types it."""
    return [sys.executable, "-c", "from syncd.cli import main; main()", *arguments, "--config", str(config)]


def syncd(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command(config, *arguments), check=False, capture_output=True, text=True, timeout=120)


def files(directory: Path) -> dict[str, str]:
    """Every file below a directory with the hash of its bytes."""
    found = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
