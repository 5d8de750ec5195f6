"""What is written through the API, should it have the verbs: asked first, checked against a fresh read, never twice."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from syncd.clock import ManualClock
from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Present
from syncd.model.records import Record
from syncd.model.records.forms import Invoice, Line
from syncd.model.records.lists import Client
from syncd.model.records.payments import Allocation, Payment
from syncd.model.writes import Conflict, Done, InDoubt, NotSent, Outcome, Refused, SourceWrite, Verb
from syncd.sources.ruddr.source import RuddrSource
from tests.support.ruddr_server import Fault, RuddrServer
from tests.support.ruddr_source import MakeSource, clock, make_source, present, server, source, workspace
from tests.support.ruddr_workspace import Row, Workspace

D = Decimal
API = {"modes": dict.fromkeys(("client", "invoice", "credit_note", "payment"), "api")}
ALL = {**API, "creates": ["client", "invoice", "payment", "credit_note"]}


@pytest.fixture
def writable(server: RuddrServer, make_source: MakeSource) -> RuddrSource:
    """A source of a server that lets everything be written, and the settings to use it."""
    for path in ("/clients", "/invoices", "/credit-notes", "/payments"):
        server.allow(path, "PATCH", "DELETE", "POST")
    return make_source(**ALL)


def update(source: RuddrSource, kind: Kind, row_id: str, **fields: Any) -> SourceWrite:
    """A write that sets ``fields`` on a record as it is now."""
    seen = present(source, kind, row_id)
    wished = msgspec.structs.replace(seen.record, **fields)
    return SourceWrite("j1", kind, Verb.UPDATE, row_id, seen.version, tuple(fields), wished)


def removal(source: RuddrSource, kind: Kind, verb: Verb, row_id: str) -> SourceWrite:
    """A write that takes a record away as it is now."""
    return SourceWrite("j1", kind, verb, row_id, present(source, kind, row_id).version, (), None)


def creation(kind: Kind, record: Record) -> SourceWrite:
    """A write that makes a record."""
    return SourceWrite("j1", kind, Verb.CREATE, "", "", (), record, "qbo-5")


def one(source: RuddrSource, write: SourceWrite) -> Outcome:
    """What became of one write."""
    (outcome,) = source.write([write])
    return outcome


def written(source: RuddrSource, write: SourceWrite) -> Any:
    """The record after a write that was done."""
    outcome = one(source, write)
    assert isinstance(outcome, Done), outcome
    assert isinstance(outcome.after, Present)
    return outcome.after.record


def changing(server: RuddrServer) -> list[str]:
    """The methods of requests that could change something."""
    return [asked.method for asked in server.requests if asked.method != "GET"]


def payment_of(workspace: Workspace) -> tuple[str, str, str]:
    """A client, an invoice of 100 and its payment."""
    client = workspace.client()
    invoice = workspace.invoice(client)
    return client, invoice, workspace.payment(client, D("100.00"), {invoice: D("100.00")})


# ---- what may be written


def test_billing_documents_are_for_a_person_by_default(source: RuddrSource, server: RuddrServer) -> None:
    found = source.capabilities()
    by_hand = {kind for kind, each in found.items() if each.mode == "worklist"}
    assert by_hand == {Kind.INVOICE, Kind.CREDIT_NOTE, Kind.PAYMENT, Kind.CREDIT_APPLICATION, Kind.EXPENSE}
    assert not any(each.verbs for each in found.values())
    assert found[Kind.INVOICE].writable >= {"number", "lines", "total", "line.amount"}
    assert found[Kind.CLIENT].mode == "none"
    assert not found[Kind.CLIENT].writable
    assert "credits" not in found[Kind.PAYMENT].fields
    assert "reimbursed" not in found[Kind.EXPENSE].fields
    assert server.requests == []


def test_the_verbs_are_asked_for_with_ids_that_nothing_has(
    make_source: MakeSource, server: RuddrServer, workspace: Workspace, clock: ManualClock
) -> None:
    invoice = workspace.invoice(workspace.client())
    server.allow("/invoices", "PATCH")
    server.allow("/payments", "DELETE", "POST")
    source = make_source(**API)
    found = source.capabilities()
    assert found[Kind.INVOICE].verbs == {Verb.UPDATE}
    assert found[Kind.INVOICE].writable >= {"number", "lines", "line.amount", "due_date"}
    assert found[Kind.PAYMENT].verbs == {Verb.DELETE}
    assert found[Kind.CREDIT_NOTE].verbs == frozenset()
    assert found[Kind.CREDIT_NOTE].writable == frozenset()
    assert found[Kind.CLIENT].verbs == {Verb.CREATE}
    assert sorted(set(changing(server))) == ["DELETE", "PATCH"]  # a create is never tried out
    assert not [asked for asked in server.requests if asked.path.endswith(invoice) or asked.body]

    count = len(server.requests)
    server.allow("/invoices", "DELETE")
    assert source.capabilities() == found
    assert len(server.requests) == count
    clock.advance(timedelta(days=7, seconds=1).total_seconds())
    assert source.capabilities()[Kind.INVOICE].verbs == {Verb.UPDATE, Verb.DELETE}
    said = {f.subject: f for f in source.check()}
    assert "delete, update (asked on 2026-01-12)" in said["source invoice"].text
    assert said["source credit_note"].level == "warning"
    assert 'credit_note = "worklist"' in said["source credit_note"].remedy


@pytest.mark.parametrize("status", [200, 204, 400, 403, 409, 501])
def test_only_a_404_says_that_there_is_a_verb(make_source: MakeSource, server: RuddrServer, status: int) -> None:
    server.faults += [Fault(status, method=method, times=99, body=b"{}") for method in ("PATCH", "DELETE")]
    source = make_source(modes={"payment": "api"})
    if status == 501:
        assert source.check()[-1].level == "error"
        return
    assert source.capabilities()[Kind.PAYMENT].verbs == frozenset()


def test_what_is_not_offered_is_refused_unsent(source: RuddrSource, server: RuddrServer, workspace: Workspace) -> None:
    invoice = workspace.invoice(workspace.client())
    server.allow("/invoices", "PATCH", "DELETE")
    for write in (
        update(source, Kind.INVOICE, invoice, notes="x"),
        removal(source, Kind.INVOICE, Verb.DELETE, invoice),
    ):
        outcome = one(source, write)
        assert isinstance(outcome, Refused)
        assert outcome.code == "read_only"
    assert changing(server) == []


# ---- changes


def test_an_update_sets_what_it_names_and_nothing_else(
    writable: RuddrSource, server: RuddrServer, workspace: Workspace
) -> None:
    invoice = workspace.invoice(workspace.client(), notes="old", billTo="Here")
    write = update(writable, Kind.INVOICE, invoice, number="1042", due_date=date(2026, 5, 31), notes="")
    wild = msgspec.structs.replace(write.record, cc_emails="x@y.example")
    after = written(writable, msgspec.structs.replace(write, record=wild))
    assert (after.number, after.due_date, after.notes, after.cc_emails) == ("1042", date(2026, 5, 31), "", "")
    assert server.asked("PATCH", f"/invoices/{invoice}")[0].body == {
        "number": "1042",
        "dueOn": "2026-05-31",
        "notes": None,
    }
    row = workspace.row("/invoices", invoice)
    assert (row["number"], row["billTo"]) == ("1042", "Here")


@pytest.mark.behaviour("C-R16")
def test_lines_that_stay_keep_their_ids(writable: RuddrSource, workspace: Workspace) -> None:
    item = workspace.named("/invoice-items", "Design")
    lines: list[Row] = [
        {"amount": D("12.00"), "description": "First", "item": item, "quantity": D(2), "rate": D(6)},
        {"amount": D("4.00"), "description": "Second"},
    ]
    invoice = workspace.invoice(workspace.client(), lines)
    before = workspace.row("/invoices", invoice)["lines"]
    wished = (
        Line(amount=D("1.10"), description="New"),
        Line(amount=D("9.00"), description="First", item=item, quantity=D("1.5"), rate=D(6), taxable=False),
    )
    after = written(writable, update(writable, Kind.INVOICE, invoice, lines=wished, total=D("10.10")))
    assert [(part.description, part.amount, part.item) for part in after.lines] == [
        ("New", D("1.1"), ""),
        ("First", 9, item),
    ]
    stored = workspace.row("/invoices", invoice)["lines"]
    assert stored[1]["id"] == before[0]["id"]
    assert stored[0]["id"] not in {line["id"] for line in before}
    assert stored[1]["quantity"] == D("1.5")
    assert after.total == D("10.1")


def test_a_payments_parts_are_replaced_as_a_set(writable: RuddrSource, workspace: Workspace) -> None:
    client, first, row_id = payment_of(workspace)
    second = workspace.invoice(client, number="two")
    parts = (Allocation(first, D("60.00")), Allocation(second, D("40.00")))
    after = written(writable, update(writable, Kind.PAYMENT, row_id, allocations=parts, reference="CHK 1"))
    assert (after.allocations, after.reference) == ((Allocation(first, D(60)), Allocation(second, D(40))), "CHK 1")


def test_what_moved_on_is_a_conflict_and_is_not_written(
    writable: RuddrSource, server: RuddrServer, workspace: Workspace
) -> None:
    invoice = workspace.invoice(workspace.client())
    write = update(writable, Kind.INVOICE, invoice, number="1042")
    gone = removal(writable, Kind.INVOICE, Verb.DELETE, invoice)
    writable.capabilities()
    server.requests.clear()
    workspace.change("/invoices", invoice, notes="a person's edit")
    assert isinstance(one(writable, write), Conflict)
    assert isinstance(one(writable, gone), Conflict)
    workspace.remove("/invoices", invoice)
    assert isinstance(one(writable, write), Conflict)
    assert changing(server) == []


def test_what_would_be_held_afterwards_is_not_written(
    writable: RuddrSource, server: RuddrServer, workspace: Workspace
) -> None:
    client, _, row_id = payment_of(workspace)
    invoice = workspace.invoice(client, number="x")
    writable.capabilities()
    server.requests.clear()
    for write in (
        update(writable, Kind.INVOICE, invoice, total=D("99.00")),
        update(writable, Kind.PAYMENT, row_id, amount=D("1.00")),
    ):
        outcome = one(writable, write)
        assert isinstance(outcome, Refused)
        assert outcome.code == "would_be_flawed"
    assert changing(server) == []


def test_our_own_write_comes_back_as_what_was_answered(writable: RuddrSource, workspace: Workspace) -> None:
    invoice = workspace.invoice(workspace.client())
    mark = writable.changes("").watermark
    outcome = one(writable, update(writable, Kind.INVOICE, invoice, notes="echo"))
    assert isinstance(outcome, Done)
    seen = writable.changes(mark)
    assert seen.changed[Kind.INVOICE] == {invoice: outcome.after}
    assert one(writable, removal(writable, Kind.INVOICE, Verb.DELETE, invoice)) == Done(
        Absent(invoice, ("Ruddr deleted it", "Ruddr answered 404 for it"))
    )
    after = writable.changes(seen.watermark)
    assert after.suspects == {Kind.INVOICE: {invoice}}
    assert after.counts[Kind.INVOICE] == 0


# ---- removal


def test_a_deletion_is_whole_and_may_be_repeated(writable: RuddrSource, workspace: Workspace) -> None:
    _, _, row_id = payment_of(workspace)
    write = removal(writable, Kind.PAYMENT, Verb.DELETE, row_id)
    for _ in range(2):
        outcome = one(writable, write)
        assert isinstance(outcome, Done)
        assert isinstance(outcome.after, Absent)
    assert row_id not in workspace.tables["/payments"]


def test_a_client_is_archived_and_never_deleted(writable: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client()
    assert Verb.DELETE not in writable.capabilities()[Kind.CLIENT].verbs
    assert written(writable, removal(writable, Kind.CLIENT, Verb.DEACTIVATE, client)).active is False
    assert workspace.row("/clients", client)["recordStatusId"] == "archived"


# ---- creation


def test_creates_are_made_where_the_settings_say_so(
    writable: RuddrSource, workspace: Workspace, server: RuddrServer
) -> None:
    client = written(writable, creation(Kind.CLIENT, Client("", "Zoë", currency="EUR", email="a@b.example")))
    row = workspace.row("/clients", client.id)
    assert (row["name"], row["currency"], row["emails"]) == ("Zoë", "EUR", ["a@b.example"])
    wished = Invoice(
        id="",
        client=client.id,
        issue_date=date(2026, 5, 1),
        total=D("12.35"),
        lines=(Line(amount=D("12.35"), description="Work"),),
        number="Q-1",
        currency="EUR",
    )
    invoice = written(writable, creation(Kind.INVOICE, wished))
    assert (invoice.number, invoice.total, invoice.client) == ("Q-1", D("12.35"), client.id)
    paid = Payment("", client.id, date(2026, 5, 2), D("12.35"), (Allocation(invoice.id, D("12.35")),), currency="EUR")
    payment = written(writable, creation(Kind.PAYMENT, paid))
    assert payment.allocations == (Allocation(invoice.id, D("12.35")),)
    assert [asked.path for asked in server.asked("POST")] == ["/clients", "/invoices", "/payments"]


def test_a_create_whose_answer_was_lost_is_not_made_twice(
    writable: RuddrSource, server: RuddrServer, workspace: Workspace
) -> None:
    client, invoice = workspace.client(), ""
    invoice = workspace.invoice(client)
    part = (Allocation(invoice, D("100.00")),)
    write = creation(Kind.PAYMENT, Payment("", client, date(2026, 5, 2), D("100.00"), part, currency="USD"))
    server.faults.append(Fault(method="POST", late=True))
    assert isinstance(one(writable, write), InDoubt)
    again = one(writable, write)
    assert isinstance(again, Refused)
    assert again.code == "exists"
    assert [again.holder_id] == list(workspace.tables["/payments"])
    assert len(server.asked("POST")) == 1


# ---- failures


@pytest.mark.parametrize("fault", [Fault(500, late=True), Fault(502), Fault(cut=True, late=True)])
def test_a_lost_answer_leaves_the_write_open_and_it_is_sent_once(
    writable: RuddrSource, server: RuddrServer, workspace: Workspace, fault: Fault
) -> None:
    invoice = workspace.invoice(workspace.client())
    write = update(writable, Kind.INVOICE, invoice, notes="perhaps")
    writable.capabilities()
    server.requests.clear()
    fault.method, fault.times = "PATCH", 1
    server.faults.append(fault)
    assert isinstance(one(writable, write), InDoubt)
    assert len(server.asked("PATCH")) == 1
    again = one(writable, write)  # as recovery does
    assert isinstance(again, Conflict if fault.late else Done)
    assert workspace.row("/invoices", invoice)["notes"] == "perhaps"


def test_a_write_that_cannot_be_read_back_is_open(
    writable: RuddrSource, server: RuddrServer, workspace: Workspace
) -> None:
    invoice = workspace.invoice(workspace.client())
    write = update(writable, Kind.INVOICE, invoice, notes="written")
    writable.capabilities()

    def break_reads(asked: Any) -> None:
        if asked.method == "PATCH":
            server.faults.append(Fault(500, method="GET", times=99))

    server.before = break_reads
    outcome = one(writable, write)
    assert isinstance(outcome, InDoubt)
    assert "could not be read back" in outcome.text


@pytest.mark.parametrize(
    ("status", "code"), [(400, "invalid"), (403, "off"), (405, "read_only"), (409, "locked"), (418, "refused")]
)
def test_a_definite_no_is_told_with_its_reason(
    writable: RuddrSource, server: RuddrServer, workspace: Workspace, status: int, code: str
) -> None:
    invoice = workspace.invoice(workspace.client())
    write = update(writable, Kind.INVOICE, invoice, notes="x")
    writable.capabilities()
    said = msgspec.json.encode({"status": status, "message": "No.", "errors": ["'notes' is odd", {"message": "so"}]})
    server.faults.append(Fault(status, method="PATCH", body=said))
    outcome = one(writable, write)
    assert isinstance(outcome, Refused)
    assert outcome.code == code
    assert outcome.text == "Ruddr refused: No. 'notes' is odd so"
    assert outcome.remedy


def test_a_locked_record_is_refused(writable: RuddrSource, server: RuddrServer, workspace: Workspace) -> None:
    invoice = workspace.invoice(workspace.client())
    server.locked.add(invoice)
    outcome = one(writable, update(writable, Kind.INVOICE, invoice, notes="x"))
    assert isinstance(outcome, Refused)
    assert outcome.code == "locked"


def test_turned_away_unread_is_not_sent(make_source: MakeSource, server: RuddrServer, workspace: Workspace) -> None:
    server.allow("/clients", "PATCH")
    source = make_source(**API, attempts=3)
    client = workspace.client()
    write = update(source, Kind.CLIENT, client, name="New")
    source.capabilities()
    server.faults.append(Fault(429, method="PATCH", times=2))
    assert written(source, write).name == "New"  # a throttle is waited out: nothing was done yet
    server.faults.append(Fault(429, method="PATCH", times=99))
    assert isinstance(one(source, update(source, Kind.CLIENT, client, name="Newer")), NotSent)
    server.key = "another"
    assert isinstance(one(source, msgspec.structs.replace(write, expected_version="x")), NotSent)
    assert workspace.row("/clients", client)["name"] == "New"


def test_one_refused_write_does_not_stop_the_others(writable: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client()
    invoice = workspace.invoice(client)
    good = update(writable, Kind.CLIENT, client, name="Good")
    bad = update(writable, Kind.INVOICE, invoice, total=D("99.00"))
    also = update(writable, Kind.INVOICE, invoice, notes="also")
    assert [type(each) for each in writable.write([good, bad, also])] == [Done, Refused, Done]
    assert writable.settled(["j1"]) == {}


__all__ = ["clock", "make_source", "server", "source", "workspace"]
