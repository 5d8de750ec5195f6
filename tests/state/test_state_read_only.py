"""A dry run writes nothing to the state: byte by byte, file by file."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from state_world import BASE, COMPANY, KEY, NOW, REALM, answer, event, execute, held, link, settled, tokens, worker

from syncd.clock import ManualClock
from syncd.errors import StateError
from syncd.model.kinds import Kind, Side
from syncd.state.store import Store
from syncd.state.values import Cursors, Dirty, Lease

INVOICE = Kind.INVOICE
on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # these are about files


def fill(store: Store) -> None:
    lease = store.acquire(COMPANY, "filler", 60)
    settled(
        store,
        lease,
        links=(link("S1", "Q1"),),
        held=(held("S2"),),
        dirty=(Dirty(kind=INVOICE, source_id="S3", qbo_id="", reason="r"),),
        history=(event(after=BASE),),
        cursors=Cursors(source="w"),
    )
    store.tokens("sandbox", REALM).save(tokens(), 0)


def read_everything(store: Store) -> None:
    assert store.schema_is_current()
    assert store.company(COMPANY) is not None
    assert list(store.stream_links(COMPANY, INVOICE)) == [link("S1", "Q1")]
    assert store.ref_map(COMPANY, INVOICE, Side.QBO, ["Q1"]) == {"Q1": "S1"}
    assert len(store.held(COMPANY)) == 1
    assert store.dirty_count(COMPANY) == 1
    assert store.cursors(COMPANY).source == "w"
    assert store.verify_history(COMPANY)[0]
    assert store.tokens("sandbox", REALM).load() is not None
    store.instructions(COMPANY)
    store.open_entries(COMPANY)
    store.runs(COMPANY)


def refuse_every_write(store: Store) -> None:
    lease = Lease(company=COMPANY, holder="x", fence=1, expires_at=NOW)
    writes: list[Callable[[], object]] = [
        lambda: store.acquire(COMPANY, "x", 1),
        lambda: settled(store, lease, cursors=Cursors(source="x")),
        lambda: store.halt(COMPANY, "x"),
        lambda: store.begin_run(COMPANY, "dry run"),
        lambda: store.add_reads(COMPANY, "2026-01", 1),
        lambda: store.tokens("sandbox", REALM).save(tokens(), 1),
        lambda: store.tokens("sandbox", REALM).lock().__enter__(),
        store.migrate,
    ]
    for write in writes:
        with pytest.raises(StateError, match="reading only"):
            write()


def footprint(path: Path) -> dict[str, bytes | None]:
    """Every file beside the state, with its bytes; the shared-memory index holds locks and counts by its name only."""
    return {one.name: None if one.name.endswith("-shm") else one.read_bytes() for one in sorted(path.parent.iterdir())}


def opened(url: str) -> Store:
    return Store.open(url, clock=ManualClock(), encryption_keys=[KEY], read_only=True)


@pytest.fixture
def path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_reads_all_and_writes_nothing(url: str, store: Store) -> None:
    fill(store)
    store.close()
    with opened(url) as reader:
        read_everything(reader)
        refuse_every_write(reader)
        read_everything(reader)


@on_sqlite
def test_a_closed_state_is_left_as_it_was(url: str, path: Path, store: Store) -> None:
    fill(store)
    store.close()
    before = footprint(path)
    assert list(before) == ["state.db"]
    with opened(url) as reader:
        read_everything(reader)
        refuse_every_write(reader)
        assert footprint(path) == before  # not even while it is open
    assert footprint(path) == before


@on_sqlite
def test_a_state_in_use_is_left_as_it_was(url: str, path: Path, store: Store) -> None:
    fill(store)
    before = footprint(path)
    assert list(before) == ["state.db", "state.db-shm", "state.db-wal"]
    with opened(url) as reader:
        read_everything(reader)
    assert footprint(path) == before


@on_sqlite
def test_a_state_in_use_is_read_as_it_is_now(url: str, store: Store, path: Path) -> None:
    fill(store)
    assert path.exists()
    with opened(url) as reader:
        read_everything(reader)
        store.add_reads(COMPANY, "2026-01", 5)
        assert reader.reads(COMPANY, "2026-01") == 5
        store.close()
        assert reader.reads(COMPANY, "2026-01") == 5


@on_sqlite
def test_a_killed_process_s_files_are_left_as_they_were(url: str, path: Path, store: Store, tmp_path: Path) -> None:
    fill(store)
    doomed = worker(url, "intend_and_wait")
    assert doomed.stdout is not None
    doomed.stdout.readline()
    elsewhere = tmp_path / "copy"
    elsewhere.mkdir()
    doomed.kill()
    doomed.communicate()
    for one in ("state.db", "state.db-wal", "state.db-shm"):
        shutil.copyfile(path.with_name(one), elsewhere / one)
    copy = elsewhere / "state.db"
    before = footprint(copy)
    with opened(f"sqlite:///{copy}") as reader:
        read_everything(reader)
    assert footprint(copy) == before


@on_sqlite
def test_a_log_without_its_index_is_left_as_it_was(url: str, path: Path, store: Store, tmp_path: Path) -> None:
    fill(store)
    elsewhere = tmp_path / "backup"
    elsewhere.mkdir()
    for one in ("state.db", "state.db-wal"):
        shutil.copyfile(path.with_name(one), elsewhere / one)
    copy = elsewhere / "state.db"
    before = footprint(copy)
    temporary = set(Path(tempfile.gettempdir()).glob("syncd-state-*"))
    with opened(f"sqlite:///{copy}") as reader:
        read_everything(reader)
        assert footprint(copy) == before
    assert footprint(copy) == before
    assert set(Path(tempfile.gettempdir()).glob("syncd-state-*")) == temporary


def test_a_state_that_was_never_made_reads_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "none" / "state.db"
    with opened(f"sqlite:///{path}") as reader:
        assert reader.schema_is_current()
        assert reader.company(COMPANY) is None
        assert reader.cursors(COMPANY) == Cursors()
        assert list(reader.stream_links(COMPANY, INVOICE)) == []
        assert reader.verify_history(COMPANY) == (True, 0, None)
        refuse_every_write(reader)
    assert list(tmp_path.iterdir()) == []


def test_names_with_odd_characters(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a b%20ü&mode=rwc.db'}"
    with Store.open(url, clock=ManualClock()) as store:
        store.migrate()
        store.record_success("x", NOW)
    with opened(url) as reader:
        assert reader.companies() == ["x"]
    assert len(list(tmp_path.iterdir())) == 1


@on_sqlite
def test_a_state_that_changes_under_an_unlocked_read_is_refused(url: str, path: Path, store: Store) -> None:
    fill(store)
    store.close()
    with opened(url) as reader:
        stream = reader._db.read()
        connection = stream.__enter__()
        connection.exec_driver_sql("SELECT 1 FROM links").all()
        other = sqlite3.connect(path)
        other.execute("INSERT INTO meter VALUES ('x', '2026-01', 1)")
        other.commit()
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        other.close()
        with pytest.raises(StateError, match="while it was being read"):
            stream.__exit__(None, None, None)
        assert reader.reads("x", "2026-01") == 1  # the next read sees it


def test_a_new_state_is_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.db"
    with Store.open(f"sqlite:///{path}", clock=ManualClock()) as store:
        store.migrate()
        store.record_success("x", NOW)
        modes = {one.stat().st_mode & 0o777 for one in path.parent.iterdir()}
    assert modes == {0o600}


def test_a_state_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError, match="cannot be opened"):
        Store.open(f"sqlite:///{tmp_path / 'file' / 'state.db'}", clock=ManualClock())
    with (
        Store.open(f"sqlite:///{tmp_path / 'file'}", clock=ManualClock()) as store,
        pytest.raises(StateError, match="not a database"),
    ):
        store.migrate()


def test_another_process_works_while_it_is_read(url: str, store: Store) -> None:
    fill(store)
    store.add_reads("counter", "2026-01", 0)
    process = worker(url, "count", "30")
    with opened(url) as reader:
        while process.poll() is None:
            assert 0 <= reader.reads("counter", "2026-01") <= 30
    answer(process)
    assert execute(url, "SELECT reads FROM meter")[0][0] == 30
