"""Files go along with their documents, once, and leave QuickBooks with them (B-28, B-39)."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncd.clock import SystemClock
from syncd.errors import SyncdError
from syncd.model.kinds import Kind
from syncd.qbo import transport
from syncd.report import CycleRequest
from syncd.sandbox.server import RunningSandbox
from tests.e2e.conftest import Make
from tests.e2e.helpers import answer, at_rest, held, held_one
from tests.e2e.killing import kill_in_flight, runner
from tests.e2e.test_qbo_trouble import BRANCHES, BRIEF, FAULTS
from tests.purchasing.buying import (
    BUYING,
    SPENDING,
    attached,
    change_expense,
    download,
    hanging,
    ordered,
    said,
    spent,
    uploads,
)
from tests.sandbox.test_sandbox_files import metadata, part, upload
from tests.support.world import World

UPLOAD = {"endpoint": "upload"}


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeats follow at once: how long they wait is tested with the transport."""
    monkeypatch.setattr(transport, "_backoff", lambda _: 0.0)
    monkeypatch.setattr(transport, "PENALTY_SECONDS", 0.0)
    monkeypatch.setattr("syncd.qbo.limiter.PENALTY_SECONDS", 0.0)


class Ahead(SystemClock):
    """A clock that can be put forward."""

    by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.by


# ---- what goes along


@pytest.mark.behaviour("B-28", "B-39", "B-44")
def test_files_go_along_with_invoices_expenses_orders_and_bills(make: Make) -> None:
    world = make(**BUYING | {"settings": msgspec.structs.replace(SPENDING, payable_as="by_payment")})
    hicks = world.member("Hicks")
    invoice = world.invoice(world.client("Nord"), "INV-1")
    expense, owed = spent(world, hicks, "10.00", "Nails"), spent(world, hicks, "20.00", "Crane", reimbursable=True)
    order = ordered(world, hicks, "PO-1")
    attached(world, "invoice", invoice, "Plan of the roof (Łódź).pdf", b"%PDF plan")
    attached(world, "invoice", invoice, "photo.JPG", b"\xff\xd8 photo \x00 --syncd")
    attached(world, "expense", expense, "receipt.png", b"\x89PNG receipt")
    attached(world, "expense", owed, 'offer "final".txt', b"offer\r\n--\r\n")
    attached(world, "purchase_order", order, "drawing.docx", os.urandom(300_000))
    world.run()
    ids = {entity: world.one(entity)["Id"] for entity in ("Invoice", "Purchase", "Bill", "PurchaseOrder")}
    assert hanging(world) == {
        "Plan of the roof (Łódź).pdf": ("Invoice", ids["Invoice"]),
        "photo.JPG": ("Invoice", ids["Invoice"]),
        "receipt.png": ("Purchase", ids["Purchase"]),
        'offer "final".txt': ("Bill", ids["Bill"]),
        "drawing.docx": ("PurchaseOrder", ids["PurchaseOrder"]),
    }
    stored = {row["file_name"]: row["content"] for row in world.rows("SELECT * FROM attachment")}
    assert {file["FileName"]: download(world, file) for file in world.books("Attachable")} == stored
    assert not any(ref["IncludeOnSend"] for file in world.books("Attachable") for ref in file["AttachableRef"])
    assert uploads(world) == 5
    at_rest(world)


@pytest.mark.behaviour("B-39", "B-40")
def test_a_file_of_a_draft_waits_without_a_word_and_one_added_later_is_added(world: World) -> None:
    hicks = world.member("Hicks")
    draft = spent(world, hicks, "10.00", "Nails", status="pending_approval")
    attached(world, "expense", draft, "receipt.pdf")
    world.run()
    assert world.books("Attachable") == []
    assert held(world) == []
    at_rest(world, waiting=0)
    change_expense(world, draft, status="approved")
    world.run()
    assert hanging(world).keys() == {"receipt.pdf"}
    later = attached(world, "expense", draft, "guarantee.pdf", b"guarantee")
    attached(world, "expense", 999, "of nothing.pdf")
    world.run()
    assert hanging(world).keys() == {"receipt.pdf", "guarantee.pdf"}
    at_rest(world, waiting=0)
    world.sql("DELETE FROM attachment WHERE id = :id", id=later)
    world.run()
    assert hanging(world).keys() == {"receipt.pdf"}
    at_rest(world)


@pytest.mark.behaviour("B-39")
def test_a_document_that_waits_takes_its_files_along_once_it_goes(make: Make) -> None:
    world = make(**BUYING | {"settings": msgspec.structs.replace(SPENDING, payment_account="")})
    attached(world, "expense", spent(world, world.member("Hicks"), "10.00", "Nails"), "receipt.pdf")
    world.run()
    assert held_one(world).kind is Kind.PURCHASE
    world.adjust(payment_account="Checking")
    world.run(accept_config=True)
    assert (hanging(world).keys(), said(world, "Purchase").keys()) == ({"receipt.pdf"}, {"Nails"})
    at_rest(world)


# ---- what changes


@pytest.mark.behaviour("B-39", "B-41")
def test_other_content_takes_the_place_of_what_was_there(world: World) -> None:
    hicks = world.member("Hicks")
    expenses = [spent(world, hicks, f"{number}.00", f"Nails {number}") for number in (1, 2, 3)]
    files = [attached(world, "expense", expense, f"{expense}.pdf", b"first") for expense in expenses]
    world.run()
    before = {file["FileName"]: file["Id"] for file in world.books("Attachable")}
    plan = _changed(world, files)
    assert sorted(operation.verb for operation in plan) == ["create"] * 3 + ["delete"] * 3
    assert all("other content" in operation.reason for operation in plan if operation.verb == "delete")
    world.run()  # three at once, and no brake: nothing is lost for good
    assert hanging(world).keys() == before.keys()
    assert {download(world, file) for file in world.books("Attachable")} == {b"second"}
    assert not {file["Id"] for file in world.books("Attachable")} & set(before.values())
    at_rest(world)
    world.sql("UPDATE attachment SET content = :first WHERE id = :id", first=b"first", id=files[0])
    world.run()  # and back again
    assert sorted(download(world, file) for file in world.books("Attachable")) == [b"first", b"second", b"second"]
    at_rest(world)
    now = next(file["Id"] for file in world.books("Attachable") if file["FileName"] == "1.pdf")
    world.sql("UPDATE attachment SET file_name = 'renamed.pdf' WHERE id = :id", id=files[0])
    world.run()
    assert world.one("Attachable", FileName="renamed.pdf")["Id"] == now
    assert uploads(world) == 7
    at_rest(world)


def _changed(world: World, files: list[int]) -> list[Any]:
    for file in files:
        world.sql("UPDATE attachment SET content = :new WHERE id = :id", new=b"second", id=file)
    return list(world.plan().plan.writes)


@pytest.mark.behaviour("B-39", "B-42")
@pytest.mark.failure("F-44")
def test_files_leave_with_their_document_and_a_cleared_table_removes_none(world: World) -> None:
    hicks = world.member("Hicks")
    deleted, withdrawn, stays = (spent(world, hicks, "1.00", text) for text in ("deleted", "withdrawn", "stays"))
    for expense in (deleted, withdrawn, stays):
        for letter in "ab":
            attached(world, "expense", expense, f"{expense}{letter}.pdf", f"{expense}{letter}".encode())
    world.run()
    assert len(world.books("Attachable")) == 6
    world.sql("DELETE FROM expense WHERE id = :id", id=deleted)  # its files' rows are still there
    world.run()
    assert hanging(world).keys() == {"2a.pdf", "2b.pdf", "3a.pdf", "3b.pdf"}
    change_expense(world, withdrawn, status="rejected")
    world.run()
    assert hanging(world).keys() == {"3a.pdf", "3b.pdf"}
    at_rest(world)
    change_expense(world, withdrawn, status="approved")
    world.run()
    assert hanging(world).keys() == {"2a.pdf", "2b.pdf", "3a.pdf", "3b.pdf"}
    at_rest(world)
    world.sql("DELETE FROM attachment WHERE owner_id = :id", id=stays)
    assert world.run().outcome == "halted"
    assert len(world.books("Attachable")) == 4


@pytest.mark.behaviour("B-39")
def test_what_people_do_with_files_in_quickbooks_stays(world: World) -> None:
    hicks = world.member("Hicks")
    one, two = spent(world, hicks, "1.00", "one"), spent(world, hicks, "2.00", "two")
    file = attached(world, "expense", one, "receipt.pdf", b"receipt")
    attached(world, "expense", two, "other.pdf", b"other")
    world.run()
    there = world.one("Attachable", FileName="receipt.pdf")
    theirs = {"EntityRef": {"type": "Purchase", "value": _bought(world, "two")}, "IncludeOnSend": False}
    mine = there["AttachableRef"]
    world.accountant.save("Attachable", {**there, "Note": "checked", "AttachableRef": [*mine, theirs]})
    world.accountant.delete("Attachable", world.one("Attachable", FileName="other.pdf"))
    world.run()
    world.sql("DELETE FROM attachment WHERE id = :id", id=file)
    world.run()
    assert "another document" in held_one(world).reason
    assert world.one("Attachable")["Note"] == "checked"
    answer(world, "ignore")
    world.run()
    change_expense(world, two, amount="3.00")
    world.run()
    assert [file["FileName"] for file in world.books("Attachable")] == ["receipt.pdf"], "what was taken off stays off"
    world.sql("UPDATE attachment SET content = :new", new=b"better")
    world.run()
    assert {each["FileName"] for each in world.books("Attachable")} == {"receipt.pdf", "other.pdf"}


def _bought(world: World, text: str) -> str:
    (found,) = [each["Id"] for each in world.books("Purchase") if each["Line"][0].get("Description") == text]
    return found


@pytest.mark.behaviour("B-39")
@pytest.mark.failure("F-10")
def test_a_file_that_somebody_attached_by_hand_is_not_attached_twice(world: World) -> None:
    expense = spent(world, world.member("Hicks"), "1.00", "Nails")
    world.run()
    owner = {"EntityRef": {"type": "Purchase", "value": world.one("Purchase")["Id"]}}
    content = part("file_content_1", b"%PDF receipt", "Content-Type: application/pdf", filename="receipt.pdf")
    upload(world.accountant, world.sandbox, metadata("1", AttachableRef=[owner], FileName="receipt.pdf"), content)
    attached(world, "expense", expense, "receipt.pdf", b"%PDF receipt")
    attached(world, "expense", expense, "receipt 2.pdf", b"%PDF receipt")
    world.run()
    assert hanging(world).keys() == {"receipt.pdf", "receipt 2.pdf"}
    assert uploads(world) == 2
    at_rest(world)


@pytest.mark.behaviour("B-39")
def test_files_move_on_to_a_document_that_is_made_anew(world: World) -> None:
    expense = spent(world, world.member("Hicks"), "1.00", "Nails")
    attached(world, "expense", expense, "receipt.pdf", b"receipt")
    attached(world, "expense", expense, "receipt.pdf ", b"receipt")  # the same twice, but for the name
    world.run()
    files = {file["Id"] for file in world.books("Attachable")}
    world.accountant.delete("Purchase", world.one("Purchase"))
    world.run()
    answer(world, "accept-source", Kind.PURCHASE)
    world.run()
    world.run()
    now = ("Purchase", world.one("Purchase")["Id"])
    assert {file["Id"] for file in world.books("Attachable")} == files
    assert {tuple(file["AttachableRef"][0]["EntityRef"].values()) for file in world.books("Attachable")} == {now}
    at_rest(world)


# ---- what cannot go along


@pytest.mark.behaviour("B-28", "B-39", "B-13")
def test_what_quickbooks_would_not_take_waits_before_anything_is_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("syncd.model.checks.files", "syncd.attached"):
        monkeypatch.setattr(f"{place}.ATTACHMENT_LIMIT", 50)
    expense = spent(world, world.member("Hicks"), "1.00", "Nails")
    attached(world, "expense", expense, "large.pdf", b"x" * 51)
    attached(world, "expense", expense, "fits.pdf", b"x" * 50)
    attached(world, "expense", expense, "program.exe")
    attached(world, "expense", expense, "no ending")
    attached(world, "expense", expense, "empty.pdf", b"")
    attached(world, "expense", expense, "missing.pdf", None)
    before = world.sandbox.last_request()
    world.run()
    codes = {each.label: each.problems[0].code for each in held(world)}
    missing = codes.pop("#6@?")
    assert (missing, codes) == (
        "file_missing",
        {"large.pdf": "file-large", "program.exe": "file-kind", "no ending": "file-kind", "empty.pdf": "file-empty"},
    )
    assert all(each.problems[0].remedy for each in held(world))
    assert hanging(world).keys() == {"fits.pdf"}
    assert len(world.sandbox.requests(after=before, realm=world.realm, **UPLOAD)) == 1
    world.sql("UPDATE attachment SET file_name = 'program.txt' WHERE file_name = 'program.exe'")
    world.sql("UPDATE attachment SET content = :c WHERE file_name IN ('missing.pdf', 'large.pdf')", c=b"here")
    world.run()
    assert hanging(world).keys() == {"fits.pdf", "program.txt", "missing.pdf", "large.pdf"}
    # What was sent and cannot be read any more is not gone because of that.
    world.sql("UPDATE attachment SET content = NULL WHERE file_name = 'missing.pdf'")
    world.run()
    assert hanging(world).keys() == {"fits.pdf", "program.txt", "missing.pdf", "large.pdf"}
    assert "not there" in next(each.reason for each in held(world) if each.label == "missing.pdf")


@pytest.mark.behaviour("B-39")
def test_paths_lead_to_files_below_one_directory_and_nowhere_else(make: Make, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "2026").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    (kept / "2026" / "receipt.pdf").write_bytes(b"%PDF receipt")
    (kept / "link.txt").symlink_to(tmp_path / "secret.txt")
    (kept / "out").symlink_to(tmp_path)
    (kept / "inside.txt").symlink_to(kept / "2026" / "receipt.pdf")
    os.mkfifo(kept / "pipe.txt")
    world = make(**BUYING | {"source_options": {"overlap_seconds": 0, "files_directory": str(kept)}})
    expense = spent(world, world.member("Hicks"), "1.00", "Nails")
    for number, path in enumerate(
        (
            *("2026/receipt.pdf", "inside.txt", "../secret.txt", str(tmp_path / "secret.txt"), "link.txt"),
            *("out/secret.txt", "2026", "pipe.txt", "2026/gone.pdf", "2026/../2026/receipt.pdf", ""),
        )
    ):
        attached(world, "expense", expense, f"{number}.txt", None, path=path)
    world.run()
    assert hanging(world).keys() == {"0.txt", "1.txt"}
    assert {download(world, file) for file in world.books("Attachable")} == {b"%PDF receipt"}
    codes = {each.source_id.partition("@")[0]: each.problems[0].code for each in held(world)}
    outside, missing = "file_outside", "file_missing"
    assert codes == {"3": outside, "4": outside, "5": outside, "6": outside, "10": outside} | dict.fromkeys(
        ("7", "8", "9", "11"), missing
    )
    # Another content below the same path is noticed as soon as the row says that something changed.
    (kept / "2026" / "receipt.pdf").write_bytes(b"%PDF better")
    world.sql("UPDATE attachment SET path = '2026/./receipt.pdf' WHERE id = 1")
    world.run()
    assert download(world, world.one("Attachable", FileName="0.txt")) == b"%PDF better"
    assert [d.label for d in world.engine.audit().differ] == ["1.txt"], "and the audit finds the other one"
    nowhere = make(**BUYING, name="nowhere")
    attached(nowhere, "expense", spent(nowhere, nowhere.member("Hicks"), "1.00"), "a.txt", None, path="a.txt")
    nowhere.run()
    assert held_one(nowhere).problems[0].code == "file_nowhere"


@pytest.mark.behaviour("B-28")
def test_files_may_be_left_at_home(make: Make) -> None:
    world = make(**BUYING | {"settings": msgspec.structs.replace(SPENDING, attachments=False)})
    attached(world, "expense", spent(world, world.member("Hicks"), "1.00", "Nails"), "receipt.pdf")
    world.run()
    assert (world.books("Attachable"), len(world.books("Purchase"))) == ([], 1)
    at_rest(world)
    world.adjust(attachments=True)
    world.run(accept_config=True)
    assert hanging(world).keys() == {"receipt.pdf"}
    at_rest(world)


# ---- when something goes wrong, or was a mistake


@pytest.mark.failure("F-1")
@pytest.mark.usefixtures("_no_pauses")
@pytest.mark.behaviour("B-39")
@pytest.mark.parametrize("remembers", [True, False], ids=["request ids are remembered", "request ids are forgotten"])
def test_whatever_goes_wrong_with_an_upload_the_file_is_there_once(
    make: Make, sandbox: RunningSandbox, remembers: bool
) -> None:
    """Also where QuickBooks forgets at once which requests it has answered: then our mark on the file tells."""
    world = make(**BUYING, qbo=BRIEF)
    if not remembers:
        sandbox.switch(requestid_ttl_seconds=0.001)
    expense = spent(world, world.member("Hicks"), "1.00", "Nails")
    world.run()
    for number, name in enumerate(BRANCHES):
        attached(world, "expense", expense, f"{name}.pdf", f"{number}".encode())
        world.sandbox.add_fault(**FAULTS[name], **UPLOAD, realm=world.realm)
        for _ in range(2):
            with suppress(SyncdError):
                world.run()
        world.sandbox.clear_faults()
        world.restart()
    world.run()
    sandbox.switch(requestid_ttl_seconds=86_400.0)
    assert hanging(world).keys() == {f"{name}.pdf" for name in BRANCHES}
    assert uploads(world) == len(BRANCHES)
    at_rest(world)


@pytest.mark.failure("F-4")
@pytest.mark.usefixtures("_no_pauses")
@pytest.mark.parametrize("done", [True, False], ids=["the upload arrived", "it did not"])
def test_other_content_while_nobody_knows_whether_the_upload_arrived(make: Make, done: bool) -> None:
    """The bytes of then cannot be sent again: what arrived is recognised by its mark and taken off again; and as long
    as it may still arrive, nothing else is uploaded."""
    clock = Ahead()
    world = make(**BUYING, clock=clock)
    expense = spent(world, world.member("Hicks"), "1.00", "Nails")
    world.run()
    file = attached(world, "expense", expense, "receipt.pdf", b"first")
    world.sandbox.add_fault("reset", when="after" if done else "before", **UPLOAD, realm=world.realm)
    world.run()
    world.sandbox.clear_faults()
    (entry,) = world.store.open_entries(world.name)
    assert b"first" not in entry.intent.body
    assert b"first" not in entry.intent.operation
    world.sql("UPDATE attachment SET content = :c WHERE id = :id", c=b"second", id=file)
    world.restart()
    world.run()
    if not done:
        assert world.books("Attachable") == []
        assert held_one(world).problems[0].code == "file_under_way"
        clock.by = timedelta(minutes=11)
        world.run()
    world.run()
    assert [download(world, each) for each in world.books("Attachable")] == [b"second"]
    at_rest(world)


@pytest.mark.failure("F-6")
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_a_file_is_on_its_way(make: Make, when: str) -> None:
    """At the first upload, at one that replaces another, and at the deletion of the one that was replaced."""
    world = make(**BUYING)
    expense = spent(world, world.member("Hicks"), "1.00", "Nails")
    file = attached(world, "expense", expense, "receipt.pdf", b"first")
    with runner(world) as running:
        kill_in_flight(world, running, when=when, endpoint="upload")
        running.finish()
        assert [download(world, each) for each in world.books("Attachable")] == [b"first"]
        world.sql("UPDATE attachment SET content = :c WHERE id = :id", c=b"second", id=file)
        kill_in_flight(world, running, when=when, endpoint="upload")
        kill_in_flight(world, running, when=when, entity="Attachable", operation="delete")
        running.finish()
    assert [download(world, each) for each in world.books("Attachable")] == [b"second"]
    assert uploads(world) == 2
    at_rest(world)


def test_what_an_undo_takes_back_and_what_it_cannot(world: World) -> None:
    hicks = world.member("Hicks")
    one = spent(world, hicks, "1.00", "one")
    file = attached(world, "expense", one, "one.pdf", b"one")
    world.run()
    attached(world, "expense", spent(world, hicks, "2.00", "two"), "two.pdf", b"two")
    added = world.run()
    world.engine.undo(added.run_id, CycleRequest(actor="Ann"))
    assert hanging(world).keys() == {"one.pdf"}
    assert said(world, "Purchase") == {"one": 1}
    world.sql("UPDATE attachment SET file_name = 'renamed.pdf' WHERE id = :id", id=file)
    renamed = world.run()
    world.engine.undo(renamed.run_id, CycleRequest(actor="Ann"))
    assert hanging(world).keys() == {"one.pdf"}
    world.sql("DELETE FROM attachment WHERE id = :id", id=file)
    for each in held(world):
        world.store.resolve_held(world.name, each.id, "retry" if each.source_id.startswith("1@") else "ignore", "Ann")
    removed = world.run()
    assert world.books("Attachable") == []
    report = world.engine.undo(removed.run_id, CycleRequest(actor="Ann"))
    assert "attach it anew" in report.plan.left_out[0].reason
    assert world.books("Attachable") == []
