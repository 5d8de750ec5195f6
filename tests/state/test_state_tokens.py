"""Grants: encrypted at rest, replaced by compare-and-set, refreshed under a lock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from state_world import COMPANY, KEY, NOW, REALM, execute, tokens

from syncd.clock import ManualClock
from syncd.errors import ConfigError, LeaseHeld, StateError
from syncd.state.store import Store
from syncd.state.tokens import StateTokenStore


@pytest.fixture
def grants(store: Store) -> StateTokenStore:
    return store.tokens("sandbox", REALM)


def test_a_grant_comes_back(grants: StateTokenStore) -> None:
    assert grants.load() is None
    wanted = tokens(
        access_expires_at=NOW + timedelta(hours=1),
        refresh_expires_at=NOW + timedelta(days=100),
        hard_expires_at=NOW + timedelta(days=1825),
        connected_at=NOW,
    )
    assert grants.save(wanted, 0)
    loaded = grants.load()
    assert loaded is not None
    assert loaded.version == 1
    assert (loaded.access_token, loaded.refresh_token) == (wanted.access_token, wanted.refresh_token)
    assert (loaded.refresh_expires_at, loaded.connected_at) == (wanted.refresh_expires_at, wanted.connected_at)
    assert "secret" not in repr(loaded)


@pytest.mark.failure("F-58")
def test_only_the_version_that_was_read_is_replaced(grants: StateTokenStore) -> None:
    assert grants.save(tokens("one"), 0)
    assert not grants.save(tokens("late"), 0)
    assert grants.save(tokens("two"), 1)
    assert not grants.save(tokens("late"), 1)
    assert not grants.save(tokens("early"), 7)
    loaded, previous = grants.load(), grants.load_previous()
    assert loaded is not None
    assert previous is not None
    assert (loaded.access_token, loaded.version, previous.access_token) == ("two", 2, "one")


@pytest.mark.failure("F-65")
def test_no_secret_is_readable_at_rest(store: Store, grants: StateTokenStore, url: str, tmp_path: Path) -> None:
    grants.save(tokens("eyJ-access-SECRET", "AB11-refresh-SECRET"), 0)
    grants.save(tokens("eyJ-access-SECRET2", "AB11-refresh-SECRET2"), 1)
    if url.startswith("sqlite"):
        for path in tmp_path.iterdir():
            content = path.read_bytes()
            assert b"SECRET" not in content
            assert KEY not in content
        store.close()
        assert b"SECRET" not in (tmp_path / "state.db").read_bytes()
    else:
        assert "SECRET" not in str(execute(url, "SELECT * FROM tokens"))


def test_keys_are_changed_by_putting_a_new_one_first(url: str, grants: StateTokenStore) -> None:
    grants.save(tokens("one"), 0)
    newer = Fernet.generate_key()
    clock = ManualClock()
    with Store.open(url, clock=clock, encryption_keys=[newer, KEY]) as both:
        mine = both.tokens("sandbox", REALM)
        loaded = mine.load()
        assert loaded is not None
        assert mine.save(tokens("two"), loaded.version)
    with pytest.raises(StateError, match="decrypted"):
        grants.load()
    with (
        Store.open(url, clock=clock) as none,
        pytest.raises(StateError, match="No encryption key"),
    ):
        none.tokens("sandbox", REALM).load()
    with Store.open(url, clock=clock) as none, pytest.raises(StateError, match="No encryption key"):
        none.tokens("sandbox", REALM).save(tokens(), 2)


def test_a_bad_key_is_a_matter_of_configuration(url: str) -> None:
    with pytest.raises(ConfigError, match="base64"):
        Store.open(url, clock=ManualClock(), encryption_keys=[b"too short"])


def test_a_row_of_another_company_is_noticed(store: Store, grants: StateTokenStore, url: str) -> None:
    grants.save(tokens(), 0)
    other = store.tokens("sandbox", "9999")
    assert other.save(tokens(realm_id="9999"), 0)
    with pytest.raises(StateError, match="cannot be stored"):
        other.save(tokens(), 1)
    execute(
        url,
        f"UPDATE tokens SET secret = (SELECT secret FROM tokens WHERE realm_id = '{REALM}') WHERE realm_id = '9999'",
    )
    with pytest.raises(StateError, match="another company's"):
        other.load()


def test_environments_are_apart(store: Store, grants: StateTokenStore) -> None:
    grants.save(tokens(), 0)
    assert store.tokens("production", REALM).load() is None


def test_a_dead_grant_is_remembered(grants: StateTokenStore) -> None:
    grants.save(tokens(), 0)
    assert grants.mark_broken("invalid_grant")
    broken = grants.load()
    assert broken is not None
    assert (broken.broken, broken.version) == ("invalid_grant", 2)
    assert not grants.save(tokens("late"), 1)
    assert grants.save(tokens("connected again"), 2)
    whole = grants.load()
    assert whole is not None
    assert (whole.broken, whole.version) == ("", 3)
    assert not grants.mark_broken("about an older grant", expected_version=2)
    assert grants.mark_broken("about this one", expected_version=3)


@pytest.mark.failure("F-56")
def test_one_refreshes_at_a_time(open_store: Callable[[], Store], grants: StateTokenStore, clock: ManualClock) -> None:
    other = open_store().tokens("sandbox", REALM)
    with grants.lock() as lease:
        before = clock.monotonic()
        with pytest.raises(LeaseHeld, match="refreshing"), other.lock(wait_seconds=5):
            pass
        assert clock.monotonic() - before >= 5
        with open_store().tokens("sandbox", "9999").lock(wait_seconds=0):
            pass  # another company
    with other.lock(wait_seconds=0) as following:
        assert following.fence == lease.fence + 1


def test_the_lock_is_given_back_after_an_error(grants: StateTokenStore) -> None:
    with pytest.raises(RuntimeError), grants.lock():
        raise RuntimeError
    with grants.lock(wait_seconds=0):
        pass


def test_the_lock_of_a_grant_is_not_the_lease_of_a_company(store: Store, grants: StateTokenStore) -> None:
    with grants.lock():
        store.acquire(COMPANY, "runner", 60)
