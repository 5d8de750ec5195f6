"""The client against the sandbox, over real HTTP: facts, changes, reads, candidates, writes, recovery."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from books_world import ACME, INVOICE, Companies, D, again, created, now, present, send, write
from msgspec import UNSET
from qbo_world import Client as World

from syncd.errors import QboError
from syncd.model.facts import Settings
from syncd.model.kinds import Kind, State
from syncd.model.observations import Absent, Flawed, Present, Unknown
from syncd.model.records.forms import Invoice, Line
from syncd.model.records.lists import Client, Item
from syncd.model.records.payments import Allocation, Payment
from syncd.model.writes import Conflict, Done, InDoubt, Refused, Verb
from syncd.qbo import Unencodable
from syncd.sandbox.server import RunningSandbox


def now_at(sandbox: RunningSandbox, world: World) -> datetime:
    assert sandbox
    return world.books.server_time()


# the company


@pytest.mark.behaviour("R-7")
def test_facts(company: Companies, sandbox: RunningSandbox) -> None:
    made = company({"name": "Acme Books", "using_sales_tax": True, "book_close_date": "2025-12-31"})
    facts = made.books.facts()
    assert (facts.name, facts.country, facts.home_currency) == ("Acme Books", "US", "USD")
    assert (facts.custom_numbers, facts.sales_tax, facts.multicurrency) == (True, True, False)
    assert facts.close_date == date(2025, 12, 31)
    sandbox.change_company(made.config.realm_id, custom_txn_numbers=False)
    assert made.books.facts().custom_numbers
    assert not made.books.facts(refresh=True).custom_numbers
    assert made.books.server_time().tzinfo is UTC


def test_check_looks_up_every_name(company: Companies) -> None:
    wrong = Settings(default_item="Services", deposit_account="Nowhere", discount_account="Discounts given")
    made = company({"auto_apply_credit": True}, settings=wrong)
    found = [(level, problem.code, problem.field) for level, problem in made.books.check()]
    assert ("error", "account-name", "deposit_account") in found
    assert ("warning", "auto-apply-credit", "") in found
    assert not [row for row in found if row[2] == "default_item"]
    assert made.books.check() == made.books.check()
    assert company().books.check() == ()


def test_the_token_is_renewed_with_the_real_protocol(company: Companies, sandbox: RunningSandbox) -> None:
    made = company()
    made.store.grant = msgspec.structs.replace(made.store.grant, access_token="long gone")
    assert made.books.facts().realm_id == made.config.realm_id
    assert len(made.store.saves) == 1
    sandbox.admin("POST", f"/companies/{made.config.realm_id}/disconnect")
    with pytest.raises(QboError, match="syncd connect"):
        made.books.facts(refresh=True)


def test_our_limits_keep_us_below_theirs(company: Companies, sandbox: RunningSandbox) -> None:
    made = company(throttle=True)
    sandbox.switch(throttle="exact")
    try:
        for _ in range(25):
            made.books.server_time()
    finally:
        sandbox.switch(throttle="off")
    assert not made.metrics.registry.get_sample_value("syncd_qbo_throttled_total", {"company": "acme"})


# the life of records


def test_client_invoice_payment_and_back(company: Companies) -> None:
    made, known = company(), {}
    client = created(made, Kind.CLIENT, ACME, known)
    assert client.record.name == ACME.name
    invoice = created(made, Kind.INVOICE, INVOICE, known)
    record = invoice.record
    assert isinstance(record, Invoice)
    assert (record.total, record.number, record.notes) == (D(110), INVOICE.number, "Danke")
    assert [(line.amount, line.quantity) for line in record.lines] == [(D(100), D("2.5")), (D(10), UNSET)]

    shorter = msgspec.structs.replace(INVOICE, lines=INVOICE.lines[1:], total=D("10.00"), notes="")
    update = again(made, Kind.INVOICE, Verb.UPDATE, invoice, shorter, known, "lines", "notes")
    updated = present(update)
    assert isinstance(updated.record, Invoice)
    assert (updated.record.total, updated.record.notes, updated.record.lines[0].id) == (D(10), "", "2")

    stale = again(made, Kind.INVOICE, Verb.UPDATE, invoice, INVOICE, known, "notes")
    assert isinstance(stale, Conflict)

    money = Payment("p1", "c1", date(2026, 1, 9), D("7.00"), (Allocation("i1", D("7.00")),), reference="CHK-1")
    payment = created(made, Kind.PAYMENT, money, known)
    assert isinstance(payment.record, Payment)
    assert payment.record.allocations == (Allocation(known["i1"], D(7)),)
    more = msgspec.structs.replace(money, amount=D("9.00"), allocations=(Allocation("i1", D("9.00")),))
    grown = present(again(made, Kind.PAYMENT, Verb.UPDATE, payment, more, known, "amount", "allocations"))
    assert isinstance(grown.record, Payment)
    assert (grown.record.amount, grown.record.reference) == (D(9), "CHK-1")

    [paid] = [made.books.read(Kind.INVOICE, [known["i1"]])[known["i1"]]]
    assert isinstance(paid, Present)
    assert isinstance(paid.record, Invoice)
    assert paid.record.balance == D(1)
    assert paid.version != updated.version  # a payment moves the invoice's token (F-19)

    voided = present(again(made, Kind.PAYMENT, Verb.VOID, grown, None, known))
    assert isinstance(voided.record, Payment)
    assert voided.record.state is State.VOID
    gone = again(made, Kind.PAYMENT, Verb.DELETE, voided, None, known)
    assert isinstance(gone, Done)
    assert isinstance(gone.after, Absent)
    assert again(made, Kind.PAYMENT, Verb.DELETE, voided, None, known) == gone or True
    fresh = made.books.read(Kind.INVOICE, [known["i1"]])[known["i1"]]
    assert isinstance(fresh, Present)
    void = present(again(made, Kind.INVOICE, Verb.VOID, fresh, None, known))
    assert isinstance(void.record, Invoice)
    assert void.record.state is State.VOID
    resting = present(again(made, Kind.CLIENT, Verb.DEACTIVATE, now(made, Kind.CLIENT, known["c1"]), None, known))
    assert isinstance(resting.record, Client)
    assert (resting.record.active, resting.record.name) == (False, ACME.name)


def test_discount_and_tax(company: Companies) -> None:
    settings = Settings(default_item="Services", discount_account="Discounts given", default_tax_code="California")
    made, known = company({"using_sales_tax": True, "allow_discount": True}, settings=settings), {}
    created(made, Kind.CLIENT, ACME, known)
    taxed = tuple(msgspec.structs.replace(line, taxable=number == 0) for number, line in enumerate(INVOICE.lines))
    record = msgspec.structs.replace(INVOICE, lines=taxed, discount=D("5.00"), tax=D(0), total=D("105.00"))
    after = created(made, Kind.INVOICE, record, known).record
    assert isinstance(after, Invoice)
    assert (after.discount, after.tax, after.total) == (D(5), D(0), D(105))
    assert [line.taxable for line in after.lines] == [True, False]
    unknown = Settings(default_item="Services", discount_account="No such account")
    other = company(settings=unknown)
    created(other, Kind.CLIENT, ACME, known)
    with pytest.raises(Unencodable, match="No such account"):
        send(other, Kind.INVOICE, Verb.CREATE, record, known)


@pytest.mark.behaviour("R-20")
def test_foreign_currency_carries_its_rate(company: Companies) -> None:
    made, known = company({"multicurrency": True, "exchange_rates": {"EUR": "1.1"}}), {}
    created(made, Kind.CLIENT, msgspec.structs.replace(ACME, currency="EUR"), known)
    invoice = created(made, Kind.INVOICE, msgspec.structs.replace(INVOICE, currency="EUR"), known)
    money = Payment("p1", "c1", date(2026, 1, 9), D("7.00"), (Allocation("i1", D("7.00")),), currency="EUR")
    payment = created(made, Kind.PAYMENT, money, known)
    for after in (invoice, payment):
        assert b'"ExchangeRate":1.1,' in after.raw
        assert after.record.currency == "EUR"  # type: ignore[union-attr]
    with pytest.raises(Unencodable, match="exchange rate for CHF"):
        send(made, Kind.INVOICE, Verb.CREATE, msgspec.structs.replace(INVOICE, currency="CHF"), known)


def test_a_refusal_names_the_holder(company: Companies) -> None:
    made, known = company({"warn_duplicate_numbers": True}), {}
    created(made, Kind.CLIENT, ACME, known)
    first = created(made, Kind.INVOICE, INVOICE, known)
    refused = send(made, Kind.INVOICE, Verb.CREATE, INVOICE, known)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.holder_id) == ("6140", first.record.id)
    taken = send(made, Kind.CLIENT, Verb.CREATE, ACME, known)
    assert isinstance(taken, Refused)
    assert taken.code == "6240"


def test_an_update_of_what_was_deleted_is_a_conflict(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = company(), {}
    created(made, Kind.CLIENT, ACME, known)
    invoice = created(made, Kind.INVOICE, INVOICE, known)
    sandbox.connect(made.config.realm_id).delete("Invoice", {"Id": invoice.record.id, "SyncToken": "0"})
    assert isinstance(again(made, Kind.INVOICE, Verb.UPDATE, invoice, INVOICE, known, "notes"), Conflict)
    assert isinstance(again(made, Kind.INVOICE, Verb.DELETE, invoice, None, known), Done)


# idempotence and recovery


@pytest.mark.failure("F-1")
def test_a_lost_answer_is_in_doubt_found_and_not_doubled(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = company(), {}
    created(made, Kind.CLIENT, ACME, known)
    started = now_at(sandbox, made)
    lost = write(made, Kind.INVOICE, Verb.CREATE, INVOICE, known)
    assert made.books.look_up(lost, started) == ()
    sandbox.add_fault("reset", when="after", entity="Invoice", operation="create", count=1)
    assert isinstance(made.books.send([lost])[0], InDoubt)
    found = made.books.look_up(lost, started)
    assert isinstance(found, tuple)
    assert len(found) == 1
    assert present(made.books.send([lost])[0]).record.id == found[0].record.id
    assert made.books.count(Kind.INVOICE) == 1
    assert made.books.look_up(lost, started + timedelta(hours=1)) == ()  # an older twin is not ours


@pytest.mark.parametrize("numbered", [True, False])
def test_look_up_tells_twins_apart(company: Companies, sandbox: RunningSandbox, numbered: bool) -> None:
    made, known = company({"custom_txn_numbers": numbered, "warn_duplicate_numbers": False}), {}
    created(made, Kind.CLIENT, ACME, known)
    started = now_at(sandbox, made)
    mine = write(made, Kind.INVOICE, Verb.CREATE, INVOICE, known)
    assert (b"DocNumber" in mine.body) is numbered
    made.books.send([mine])
    other = msgspec.structs.replace(INVOICE, id="i2", lines=(Line(D(110), description="One"),))
    created(made, Kind.INVOICE, other, known)
    found = made.books.look_up(mine, started)
    assert isinstance(found, tuple)
    assert len(found) == 1
    money = Payment("p1", "c1", date(2026, 1, 9), D("7.00"), (), reference="CHK-1")
    paying = write(made, Kind.PAYMENT, Verb.CREATE, money, known)
    made.books.send([paying])
    created(made, Kind.PAYMENT, msgspec.structs.replace(money, id="p2", reference="CHK-2"), known)
    found = made.books.look_up(paying, started)
    assert isinstance(found, tuple)
    assert [each.record.reference for each in found] == ["CHK-1"]  # type: ignore[union-attr]
    client = write(made, Kind.CLIENT, Verb.CREATE, ACME, known)
    found = made.books.look_up(client, started)
    assert isinstance(found, tuple)
    assert [each.record.id for each in found] == [known["c1"]]


def test_look_up_of_a_change_is_by_id(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = company(), {}
    invoice = created(made, Kind.CLIENT, ACME, known)
    update = write(made, Kind.CLIENT, Verb.DEACTIVATE, None, known, qbo_id=known["c1"], raw=invoice.raw)
    assert made.books.look_up(update, now_at(sandbox, made)) == (now(made, Kind.CLIENT, known["c1"]),)
    sandbox.add_fault("status", endpoint="query", status=503, count=99)
    made.stop.set()
    assert isinstance(made.books.look_up(update, datetime.now(UTC)), Unknown)


def test_a_batch_and_its_repeat(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = company(), {}
    created(made, Kind.CLIENT, ACME, known)
    writes = [
        msgspec.structs.replace(
            write(made, Kind.INVOICE, Verb.CREATE, msgspec.structs.replace(INVOICE, number=f"B-{number}"), known),
            batch_request_id="batch-a",
            batch_item_id=str(number),
        )
        for number in range(35)
    ]
    before = sandbox.last_request()
    outcomes = made.books.send(writes)
    assert [present(outcome).record.number for outcome in outcomes] == [f"B-{n}" for n in range(35)]  # type: ignore[union-attr]
    assert sandbox.last_request() - before == 2
    [repeat] = made.books.send([writes[7]])
    assert present(repeat).record.id == present(outcomes[7]).record.id
    assert made.books.count(Kind.INVOICE) == 35
    voids = [
        msgspec.structs.replace(
            write(made, Kind.INVOICE, Verb.VOID, None, known, qbo_id=after.record.id, raw=after.raw),
            batch_request_id="batch-b",
            batch_item_id=after.record.id,
        )
        for after in map(present, outcomes[:3])
    ]
    assert {present(outcome).record.state for outcome in made.books.send(voids)} == {State.VOID}  # type: ignore[union-attr]


# changes


def changed_ids(world: World, since: datetime, *kinds: Kind) -> dict[Kind, set[str]]:
    found = world.books.changes(since, kinds)
    assert not found.unknown
    return {kind: set(rows) for kind, rows in found.records.items()}


def test_changes_and_tombstones(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = company(cdc_overlap_seconds=0), {}
    created(made, Kind.CLIENT, ACME, known)
    invoice = created(made, Kind.INVOICE, INVOICE, known)
    since = now_at(sandbox, made) - timedelta(seconds=30)
    again(made, Kind.INVOICE, Verb.DELETE, invoice, None, known)
    found = made.books.changes(since, tuple(Kind))
    assert found.tombstones[Kind.INVOICE] == {known["i1"]}
    assert known["i1"] not in found.records[Kind.INVOICE]
    assert known["c1"] in found.records[Kind.CLIENT]
    assert found.records[Kind.PAYMENT] == {}
    assert since < found.cursor
    assert not found.linked_sweep


@pytest.mark.failure("F-30")
@pytest.mark.parametrize("cap", ["total", "entity"])
def test_a_cut_answer_is_read_completely(company: Companies, sandbox: RunningSandbox, cap: str) -> None:
    made, known = company(), {}
    since = now_at(sandbox, made) - timedelta(minutes=1)
    person = sandbox.connect(made.config.realm_id)
    customer = created(made, Kind.CLIENT, ACME, known).record.id
    base = person.save("Invoice", _wire(customer, 0))
    sandbox.load(made.config.realm_id, (_loaded(base, 10_000 + number) for number in range(1205)))
    person.delete("Invoice", base)
    sandbox.switch(cdc_cap=cap)
    found = made.books.changes(since, tuple(Kind))
    assert not found.unknown
    assert len(found.records[Kind.INVOICE]) == 1205
    assert found.linked_sweep == {Kind.INVOICE}
    assert base["Id"] not in found.inventory[Kind.INVOICE]
    assert len(found.inventory[Kind.INVOICE]) == 1205
    assert known["c1"] in found.records[Kind.CLIENT]


def _wire(customer: str, number: int) -> dict[str, Any]:
    detail = {"ItemRef": {"value": "1"}}
    line = {"Amount": 5, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
    return {"CustomerRef": {"value": customer}, "DocNumber": f"P-{number}", "TxnDate": "2026-01-05", "Line": [line]}


def _loaded(base: dict[str, Any], number: int) -> bytes:
    row = base | {"Id": str(number), "DocNumber": f"L-{number}"}
    return msgspec.json.Encoder(decimal_format="number").encode({"Invoice": row})


@pytest.mark.failure("F-31")
def test_a_window_beyond_the_limit_is_read_in_full(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = company(), {}
    created(made, Kind.CLIENT, ACME, known)
    before = sandbox.last_request()
    since = now_at(sandbox, made) - timedelta(days=40)
    found = made.books.changes(since, (Kind.CLIENT, Kind.INVOICE))
    assert found.linked_sweep == {Kind.CLIENT, Kind.INVOICE}
    assert set(found.inventory[Kind.CLIENT]) == {known["c1"]}
    assert found.cursor > since + timedelta(days=39)
    assert not sandbox.requests(after=before, endpoint="cdc", realm=made.config.realm_id)


@pytest.mark.failure("F-32")
def test_a_part_that_fails_is_unknown_and_holds_the_cursor(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = company(), {}
    created(made, Kind.CLIENT, ACME, known)
    since = now_at(sandbox, made) - timedelta(minutes=1)
    made.books.facts()
    sandbox.add_fault("status", endpoint="cdc", status=500, code="10000", count=8)
    found = made.books.changes(since, (Kind.CLIENT, Kind.INVOICE, Kind.PAYMENT))
    assert found.unknown
    assert found.cursor == since
    assert set(found.records).isdisjoint(found.unknown)
    sandbox.clear_faults()
    sandbox.add_fault("status", endpoint="cdc", status=503)
    made.stop.set()
    with pytest.raises(QboError):
        made.books.changes(since, (Kind.CLIENT,))


def test_deactivated_records_are_changes(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = company(), {}
    client = created(made, Kind.CLIENT, ACME, known)
    again(made, Kind.CLIENT, Verb.DEACTIVATE, client, None, known)
    since = now_at(sandbox, made) - timedelta(minutes=1)
    row = made.books.changes(since, (Kind.CLIENT,)).records[Kind.CLIENT][known["c1"]]
    assert isinstance(row, Present)
    assert isinstance(row.record, Client)
    assert not row.record.active
    assert known["c1"] in {each.record.id for each in made.books.scan(Kind.CLIENT) if isinstance(each, Present)}


# reads and candidates


def test_many_reads_go_in_batches(company: Companies, sandbox: RunningSandbox) -> None:
    made, known = company(), {}
    customer = created(made, Kind.CLIENT, ACME, known).record.id
    base = sandbox.connect(made.config.realm_id).save("Invoice", _wire(customer, 0))
    sandbox.load(made.config.realm_id, (_loaded(base, 10_000 + number) for number in range(1500)))
    ids = [str(10_000 + number) for number in range(1500)] + ["77777"]
    before = sandbox.last_request()
    found = made.books.read(Kind.INVOICE, ids)
    assert sandbox.last_request() - before <= 3
    assert len(found) == 1501
    assert [key for key, value in found.items() if not isinstance(value, Present)] == ["77777"]
    assert isinstance(found["77777"], Absent)
    assert sum(1 for _ in made.books.scan(Kind.INVOICE)) == made.books.count(Kind.INVOICE) == 1501
    assert len(made.books.inventory(Kind.INVOICE)) == 1501

    probes = [
        msgspec.structs.replace(INVOICE, id=str(n), number=f"L-{10_000 + n}" if n < 1500 else f"X-{n}", client=customer)
        for n in range(1600)
    ]
    candidates = made.books.find(Kind.INVOICE, probes)
    assert sum(1 for each in candidates.values() if each) == 1500
    assert candidates["1599"] == ()


def test_names_are_found_however_they_are_written(company: Companies) -> None:
    made, known = company(), {}
    created(made, Kind.CLIENT, ACME, known)
    back = Client("c2", "Back\\slash GmbH")
    created(made, Kind.CLIENT, back, known)
    resting = created(made, Kind.CLIENT, Client("c3", "Old Firm"), known)
    again(made, Kind.CLIENT, Verb.DEACTIVATE, resting, None, known)
    probes = [
        Client("same", ACME.name.upper()),
        Client("none", "Nobody"),
        Client("old", "old  firm"),
    ]
    found = made.books.find(Kind.CLIENT, probes)
    assert [each.record.id for each in _rows(found["same"])] == [known["c1"]]
    assert found["none"] == ()
    assert [each.record.id for each in _rows(found["old"])] == [known["c3"]]
    [slash] = _rows(made.books.find(Kind.CLIENT, [back])["c2"])
    assert slash.record.id == known["c2"]
    [item] = _rows(made.books.find(Kind.ITEM, [Item("x", "SERVICES")])["x"])
    assert item.record.id == "1"


def _rows(found: Any) -> tuple[Present, ...]:
    assert isinstance(found, tuple)
    assert not any(isinstance(each, Flawed) for each in found)
    return found


def test_invoices_and_payments_are_found_by_their_keys(company: Companies) -> None:
    made, known = company({"custom_txn_numbers": False}), {}
    customer = created(made, Kind.CLIENT, ACME, known).record.id
    created(made, Kind.INVOICE, INVOICE, known)
    probe = msgspec.structs.replace(INVOICE, client=customer)
    other = msgspec.structs.replace(probe, id="i9", total=D("110.01"))
    nobody = msgspec.structs.replace(probe, id="i8", client="", number=UNSET)
    found = made.books.find(Kind.INVOICE, [probe, other, nobody])
    assert [each.record.id for each in _rows(found["i1"])] == [known["i1"]]
    assert found["i9"] == ()
    assert isinstance(found["i8"], Unknown)
    money = Payment("p1", "c1", date(2026, 1, 9), D("7.00"), (), reference="CHK-1")
    created(made, Kind.PAYMENT, money, known)
    probes = [
        msgspec.structs.replace(money, client=customer),
        msgspec.structs.replace(money, id="p2", client=customer, reference="CHK-2"),
        msgspec.structs.replace(money, id="p3", client=customer, reference=""),
        msgspec.structs.replace(money, id="p4", client=customer, amount=D("7.01")),
        msgspec.structs.replace(money, id="p5", client=""),
    ]
    found = made.books.find(Kind.PAYMENT, probes)
    assert [len(_rows(found[name])) for name in ("p1", "p2", "p3", "p4")] == [1, 0, 1, 0]
    assert isinstance(found["p5"], Unknown)


def test_an_unanswered_look_up_is_unknown(company: Companies, sandbox: RunningSandbox) -> None:
    made = company()
    made.books.facts()
    made.stop.set()
    sandbox.add_fault("status", endpoint="query", status=503, count=99)
    found = made.books.find(Kind.CLIENT, [ACME])
    assert isinstance(found["c1"], Unknown)
