"""What changed, without a change feed: what is found, how soon, at what cost; and nothing is gone by mistake."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.clock import ManualClock
from syncd.errors import SourceUnavailable
from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Flawed, Present
from syncd.sources.base import SourceChanges
from syncd.sources.ruddr.source import RuddrSource
from syncd.sources.ruddr.survey import plan
from tests.support.ruddr_server import Asked, Fault, RuddrServer
from tests.support.ruddr_source import MakeSource, clock, make_source, present, server, source, workspace
from tests.support.ruddr_workspace import Workspace

LISTS = 11
D = Decimal


def changed(seen: SourceChanges) -> dict[Kind, set[str]]:
    """The ids that changed, of kinds that have any."""
    return {kind: set(records) for kind, records in seen.changed.items() if records}


def cost(server: RuddrServer) -> int:
    """How many requests there were since this was last asked."""
    count = len(server.requests)
    server.requests.clear()
    return count


def many(workspace: Workspace, count: int, **more: object) -> list[str]:
    """Paid invoices of one client, the oldest first."""
    client = workspace.client()
    begin = len(workspace.tables["/invoices"])
    members: dict[str, Any] = {"statusId": "paid", **more}
    return [workspace.invoice(client, number=f"N-{begin + n}", **members) for n in range(count)]


def test_the_first_read_is_whole_page_by_page(source: RuddrSource, server: RuddrServer, workspace: Workspace) -> None:
    ids = many(workspace, 250)
    assert source.needs_keys("") == frozenset(source.capabilities())
    seen = source.changes("")
    assert set(seen.changed[Kind.INVOICE]) == set(ids)
    assert seen.counts[Kind.INVOICE] == 250
    assert seen.whole == frozenset(source.capabilities())
    pages = [asked.query for asked in server.asked(path="/invoices")]
    assert [page.get("startingAfter") for page in pages] == [None, ids[150], ids[50]]
    assert {page["limit"] for page in pages} == {"100"}
    assert cost(server) == LISTS + 2
    assert source.needs_keys(seen.watermark) == frozenset()


def test_an_unchanged_workspace_costs_one_request_a_list(
    source: RuddrSource, server: RuddrServer, workspace: Workspace, clock: ManualClock
) -> None:
    many(workspace, 250)
    mark = source.changes("").watermark
    cost(server)
    for _ in range(3):
        clock.advance(100)
        seen = source.changes(mark)
        assert changed(seen) == {}
        assert not seen.suspects
        assert seen.watermark == mark
        assert cost(server) == LISTS


def test_new_rows_are_found_at_once_however_many(
    source: RuddrSource, server: RuddrServer, workspace: Workspace
) -> None:
    many(workspace, 150)
    mark = source.changes("").watermark
    cost(server)
    new = many(workspace, 130)
    seen = source.changes(mark)
    assert set(seen.changed[Kind.INVOICE]) == set(new)
    assert seen.counts[Kind.INVOICE] == 280
    assert cost(server) == LISTS + 1


def test_what_was_not_stored_is_told_again(source: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client()
    first = source.changes("")
    workspace.change("/clients", client, name="Northwind GmbH")
    assert changed(source.changes(first.watermark)) == {Kind.CLIENT: {client}}
    other = workspace.client("Other")
    second = source.changes(first.watermark)
    assert changed(second) == {Kind.CLIENT: {client, other}}
    assert changed(source.changes(second.watermark)) == {}


def test_a_watermark_older_than_what_was_stored_begins_anew(source: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client()
    first = source.changes("")
    other = workspace.client("Other")
    second = source.changes(first.watermark)
    source.changes(second.watermark)
    assert source.needs_keys(first.watermark) == frozenset(source.capabilities())
    again = source.changes(first.watermark)
    assert changed(again) == {Kind.CLIENT: {client, other}}
    assert Kind.CLIENT in again.whole
    assert again.watermark != second.watermark


def test_after_a_restart_everything_is_told_anew(make_source: MakeSource, workspace: Workspace) -> None:
    client, gone = workspace.client(), workspace.client("Gone")
    mark = make_source().changes("").watermark
    workspace.remove("/clients", gone)
    again = make_source()
    assert Kind.CLIENT in again.needs_keys(mark)
    seen = again.changes(mark, {Kind.CLIENT: frozenset({client, gone, "name:design", "default"})})
    assert changed(seen) == {Kind.CLIENT: {client}}
    assert seen.suspects == {Kind.CLIENT: {gone}}
    assert Kind.CLIENT in seen.whole & seen.swept


def test_a_short_list_is_read_whole_every_time(source: RuddrSource, workspace: Workspace) -> None:
    ids = many(workspace, 40)
    mark = source.changes("").watermark
    workspace.change("/invoices", ids[0], notes="an old one, edited")
    workspace.remove("/invoices", ids[1])
    seen = source.changes(mark)
    assert changed(seen) == {Kind.INVOICE: {ids[0]}}
    assert seen.suspects == {Kind.INVOICE: {ids[1]}}
    assert isinstance(source.read(Kind.INVOICE, [ids[1]])[ids[1]], Absent)
    assert source.changes(seen.watermark).suspects == {}


def test_open_documents_are_read_again_wherever_they_stand(
    source: RuddrSource, server: RuddrServer, workspace: Workspace, clock: ManualClock
) -> None:
    draft = many(workspace, 1, statusId="draft")[0]
    many(workspace, 250)
    mark = source.changes("").watermark
    workspace.change("/invoices", draft, statusId="open")
    cost(server)
    clock.advance(59)
    assert changed(source.changes(mark)) == {}
    assert cost(server) == LISTS
    clock.advance(1)
    assert changed(source.changes(mark)) == {Kind.INVOICE: {draft}}
    assert cost(server) == LISTS + 1


def test_an_edit_of_an_old_settled_document_waits_for_the_full_scan(
    make_source: MakeSource, workspace: Workspace, clock: ManualClock
) -> None:
    source = make_source(full_scan_seconds=600)
    ids = many(workspace, 250)
    mark = source.changes("").watermark
    workspace.change("/invoices", ids[0], notes="edited")
    workspace.remove("/invoices", ids[1])
    clock.advance(599)
    assert changed(source.changes(mark)) == {}
    clock.advance(1)
    seen = source.changes(mark)
    assert changed(seen) == {Kind.INVOICE: {ids[0]}}
    assert seen.suspects == {Kind.INVOICE: {ids[1]}}


def test_a_gap_among_the_newest_rows_makes_the_list_be_read_whole(source: RuddrSource, workspace: Workspace) -> None:
    ids = many(workspace, 250)
    mark = source.changes("").watermark
    workspace.remove("/invoices", ids[200])
    workspace.remove("/invoices", ids[3])
    assert source.changes(mark).suspects == {Kind.INVOICE: {ids[200], ids[3]}}


def test_an_open_document_that_is_gone_makes_the_list_be_read_whole(
    source: RuddrSource, workspace: Workspace, clock: ManualClock
) -> None:
    draft = many(workspace, 1, statusId="draft")[0]
    settled = many(workspace, 250)
    mark = source.changes("").watermark
    workspace.remove("/invoices", draft)
    workspace.remove("/invoices", settled[2])
    clock.advance(60)
    assert source.changes(mark).suspects == {Kind.INVOICE: {draft, settled[2]}}


def test_a_record_that_comes_back_is_no_suspect(source: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client()
    row = dict(workspace.row("/clients", client))
    mark = source.changes("").watermark
    workspace.remove("/clients", client)
    assert source.changes(mark).suspects == {Kind.CLIENT: {client}}
    workspace.add("/clients", row)
    seen = source.changes(mark)
    assert not seen.suspects
    assert changed(seen) == {Kind.CLIENT: {client}}


def test_open_documents_are_looked_at_at_their_own_pace(
    source: RuddrSource, workspace: Workspace, clock: ManualClock
) -> None:
    draft = many(workspace, 1, statusId="draft")[0]
    many(workspace, 250)
    mark = source.changes("").watermark
    workspace.change("/invoices", draft, notes="edited")
    for _ in range(2):
        clock.advance(30)
        seen = source.changes(mark)
    assert changed(seen) == {Kind.INVOICE: {draft}}


def test_a_credit_that_is_taken_back_is_noticed_on_a_long_list_too(source: RuddrSource, workspace: Workspace) -> None:
    client = workspace.client()
    part = [{"id": workspace.invoice(client), "amount": D("100.00")}]
    ids = [workspace.credit_note(client, number=f"C-{n}", statusId="applied", invoices=part) for n in range(150)]
    mark = source.changes("").watermark
    workspace.change("/credit-notes", ids[149], invoices=[])
    seen = source.changes(mark)
    assert seen.suspects == {Kind.CREDIT_APPLICATION: {ids[149]}}
    assert seen.counts[Kind.CREDIT_NOTE] == 150


def test_what_refers_is_read_before_what_it_refers_to(
    source: RuddrSource, server: RuddrServer, workspace: Workspace
) -> None:
    workspace.client()
    source.changes("")
    order = [asked.path for asked in server.requests]
    assert set(order[:3]) == {"/payments", "/credit-notes", "/expense-items"}
    assert set(order[3:5]) == {"/invoices", "/projects"}


# ---- moving targets


@pytest.mark.parametrize("answer", [404, 400, 200])
def test_a_cursor_whose_row_is_deleted_begins_the_list_anew(
    source: RuddrSource, server: RuddrServer, workspace: Workspace, answer: int
) -> None:
    ids = many(workspace, 250)
    server.lost_cursor = answer

    def delete_the_cursor(asked: Asked) -> None:
        if asked.query.get("startingAfter") == ids[150] and ids[150] in workspace.tables["/invoices"]:
            workspace.remove("/invoices", ids[150])

    server.before = delete_the_cursor
    seen = source.changes("")
    assert set(seen.changed[Kind.INVOICE]) == set(ids) - {ids[150]}
    assert seen.counts[Kind.INVOICE] == 249


def test_rows_that_come_while_paging_are_found_next_time(
    source: RuddrSource, server: RuddrServer, workspace: Workspace
) -> None:
    ids = many(workspace, 150)
    client = next(iter(workspace.tables["/clients"]))
    new: list[str] = []

    def enter_one(asked: Asked) -> None:
        if asked.query.get("startingAfter") and not new:
            new.append(workspace.invoice(client, number="meanwhile"))

    server.before = enter_one
    seen = source.changes("")
    assert set(seen.changed[Kind.INVOICE]) == set(ids)
    assert changed(source.changes(seen.watermark)) == {Kind.INVOICE: set(new)}


def test_a_list_that_never_holds_still_is_no_answer(
    source: RuddrSource, server: RuddrServer, workspace: Workspace
) -> None:
    many(workspace, 150)

    def delete_the_cursor(asked: Asked) -> None:
        workspace.tables["/invoices"].pop(asked.query.get("startingAfter", ""), None)
        workspace._newest_first.clear()

    server.before = delete_the_cursor
    with pytest.raises(SourceUnavailable, match="changed under every one"):
        source.changes("")


def test_a_page_that_fails_leaves_everything_as_it_was(
    source: RuddrSource, server: RuddrServer, workspace: Workspace, clock: ManualClock
) -> None:
    ids = many(workspace, 250)
    mark = source.changes("").watermark
    clock.advance(3600)
    workspace.change("/invoices", ids[0], notes="edited")
    workspace.client("New")
    server.faults.append(Fault(status=500, path="/invoices", times=99))
    with pytest.raises(SourceUnavailable):
        source.changes(mark)
    server.faults.clear()
    seen = source.changes(mark)
    assert set(changed(seen)[Kind.INVOICE]) == {ids[0]}
    assert len(changed(seen)[Kind.CLIENT]) == 1
    assert not seen.suspects


def test_a_second_page_that_is_missing_rows_makes_nobody_absent(
    source: RuddrSource, server: RuddrServer, workspace: Workspace, clock: ManualClock
) -> None:
    """Should Ruddr one day answer a bad cursor with an empty page: what the list lacks is there when asked by id."""
    ids = many(workspace, 150)
    mark = source.changes("").watermark
    clock.advance(3600)
    server.faults.append(Fault(status=200, path="/invoices", body=b'{"results": [], "hasMore": false}'))
    seen = source.changes(mark)
    assert seen.suspects == {Kind.INVOICE: set(ids)}
    answers = source.read(Kind.INVOICE, sorted(ids))
    assert all(isinstance(each, Present) for each in answers.values())
    assert changed(source.changes(seen.watermark)) == {Kind.INVOICE: set(ids)}


# ---- long lists, in pieces


def settled_by_payments(workspace: Workspace, count: int) -> list[str]:
    """Invoices, each with its payment, the oldest first."""
    ids = many(workspace, count)
    client = next(iter(workspace.tables["/clients"]))
    for each in ids:
        workspace.payment(client, D("100.00"), {each: D("100.00")})
    return ids


def cursors(server: RuddrServer, path: str) -> list[str]:
    """The cursors of the pages of a list, in the order asked."""
    return [asked.query.get("startingAfter", "") for asked in server.asked(path=path)]


def test_a_long_list_is_read_in_pieces_that_fit_together(
    make_source: MakeSource, server: RuddrServer, workspace: Workspace, clock: ManualClock
) -> None:
    source = make_source(connections=3)
    ids = settled_by_payments(workspace, 1650)
    mark = source.changes("").watermark  # payments in one piece, invoices in three: the payments name them
    assert len(cursors(server, "/payments")) == 17
    assert 17 <= len(cursors(server, "/invoices")) <= 19
    assert ids[-551] in cursors(server, "/invoices")
    cost(server)
    clock.advance(3600)
    workspace.change("/invoices", ids[0], notes="edited")
    workspace.remove("/invoices", ids[700])
    seen = source.changes(mark)
    assert changed(seen) == {Kind.INVOICE: {ids[0]}}
    assert seen.suspects == {Kind.INVOICE: {ids[700]}}
    assert seen.counts == {**seen.counts, Kind.INVOICE: 1649, Kind.PAYMENT: 1650}
    assert cost(server) <= LISTS - 2 + 2 * 19
    assert source._mirror.order["/invoices"] == [each for each in reversed(ids) if each != ids[700]]


@pytest.mark.parametrize("answer", [404, 200])
def test_pieces_that_do_not_fit_together_are_read_in_one(
    make_source: MakeSource, server: RuddrServer, workspace: Workspace, clock: ManualClock, answer: int
) -> None:
    source = make_source(connections=3)
    ids = many(workspace, 1650)
    mark = source.changes("").watermark
    clock.advance(3600)
    server.lost_cursor = answer
    start = list(reversed(ids))[1650 // 3]
    workspace.remove("/invoices", start)  # a piece was to begin after it
    seen = source.changes(mark)
    assert changed(seen) == {}
    assert seen.suspects == {Kind.INVOICE: {start}}
    assert seen.counts[Kind.INVOICE] == 1649


def test_a_piece_whose_first_row_goes_while_it_is_read_is_not_lost(
    make_source: MakeSource, server: RuddrServer, workspace: Workspace, clock: ManualClock
) -> None:
    source = make_source(connections=3)
    ids = many(workspace, 1650)
    mark = source.changes("").watermark
    clock.advance(3600)
    start = list(reversed(ids))[1650 // 3]

    def delete_the_start(asked: Asked) -> None:
        """Once its own piece has gone on past it, and before the piece before it has come to it."""
        if (
            start in cursors(server, "/invoices")
            and start in workspace.tables["/invoices"]
            and (asked.query.get("startingAfter") not in {None, start})
        ):
            workspace.remove("/invoices", start)

    server.before = delete_the_start
    seen = source.changes(mark)
    assert seen.counts[Kind.INVOICE] == 1649
    assert seen.suspects == {Kind.INVOICE: {start}}
    assert changed(seen) == {}


# ---- point reads and scans


def test_many_point_reads_become_one_list(source: RuddrSource, server: RuddrServer, workspace: Workspace) -> None:
    ids = many(workspace, 250)
    source.changes("")
    workspace.remove("/invoices", ids[7])
    cost(server)
    answers = source.read(Kind.INVOICE, ids)
    assert isinstance(answers[ids[7]], Absent)
    assert sum(isinstance(each, Present) for each in answers.values()) == 249
    assert cost(server) == 3 + 1


def test_a_scan_gives_every_record_once(source: RuddrSource, workspace: Workspace) -> None:
    ids = many(workspace, 120)
    workspace.change("/invoices", ids[5], currency="ZZZ")
    seen = list(source.scan(Kind.INVOICE))
    assert len(seen) == 120
    assert [one.id for one in seen if isinstance(one, Flawed)] == [ids[5]]
    assert present(source, Kind.INVOICE, ids[6]) in seen


def test_the_fewest_requests_to_see_what_is_wanted() -> None:
    order = [str(n) for n in range(1000)]
    assert plan(order, frozenset()) == (1, frozenset())
    assert plan(order, frozenset({"3", "99"})) == (1, frozenset())
    assert plan(order, frozenset({"950"})) == (1, frozenset({"950"}))
    assert plan(order, frozenset(order[100:350]) | {"999"}) == (4, frozenset({"999"}))
    assert plan(order, frozenset(order)) == (10, frozenset())
    assert plan([], frozenset()) == (1, frozenset())


__all__ = ["clock", "make_source", "server", "source", "workspace"]
