"""The limiter never lets more through than a window allows, serves by priority and stops at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qbo_world import config

from syncd.clock import ManualClock
from syncd.errors import QboUnavailable
from syncd.metrics import Metrics
from syncd.qbo.limiter import Limiter, Priority


def limiter(clock: ManualClock, stop: threading.Event | None = None, **limits: Any) -> Limiter:
    return Limiter(
        config("http://127.0.0.1:1", **limits), clock, stop or threading.Event(), metrics=Metrics(process=False)
    )


def most_in(times: list[float], seconds: float) -> int:
    """The largest number of moments in any stretch of ``seconds``."""
    return max((sum(1 for other in times if start <= other < start + seconds) for start in times), default=0)


@settings(deadline=None, max_examples=60)
@given(
    per_second=st.integers(1, 5),
    per_minute=st.integers(1, 40),
    batches=st.integers(1, 10),
    steps=st.lists(st.tuples(st.booleans(), st.floats(0, 3)), max_size=120),
)
def test_no_window_is_ever_exceeded(
    per_second: int, per_minute: int, batches: int, steps: list[tuple[bool, float]]
) -> None:
    clock = ManualClock()
    limits = {"requests_per_second": per_second, "requests_per_minute": per_minute, "batches_per_minute": batches}
    tested = limiter(clock, **limits)
    granted: list[tuple[float, bool]] = []
    for batch, pause in steps:
        clock.advance(pause)
        tested.acquire(batch=batch)
        granted.append((clock.monotonic(), batch))
    assert most_in([at for at, _ in granted], 1.0) <= per_second
    assert most_in([at for at, _ in granted], 60.0) <= per_minute
    assert most_in([at for at, batch in granted if batch], 60.0) <= batches


@pytest.mark.failure("F-68")
def test_many_threads_share_the_windows() -> None:
    clock = ManualClock()
    tested = limiter(clock)
    times: list[float] = []

    def work() -> None:
        for _ in range(5):
            tested.acquire()
            times.append(clock.monotonic())

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) == 60
    assert most_in(times, 1.0) <= 10


@pytest.mark.failure("F-67")
def test_a_penalty_stops_everything_for_a_minute() -> None:
    clock = ManualClock()
    tested = limiter(clock)
    tested.penalise()
    assert tested.request_wait_seconds() == 60.0
    tested.acquire()
    assert clock.monotonic() == 60.0


def test_a_full_batch_window_does_not_hold_up_single_requests() -> None:
    clock = ManualClock()
    tested = limiter(clock, batches_per_minute=2)
    tested.acquire(batch=True)
    tested.acquire(batch=True)
    assert tested.batch_wait_seconds() > 50
    assert tested.request_wait_seconds() == 0.0
    tested.acquire()
    assert clock.monotonic() == 0.0


def test_urgent_requests_go_first() -> None:
    class Stepped(ManualClock):
        """Sleeps for real until told, so that both wait at the same time."""

        def __init__(self) -> None:
            super().__init__()
            self.waiting = threading.Semaphore(0)
            self.go = threading.Event()

        def sleep(self, seconds: float, wake: threading.Event | None = None) -> bool:
            self.waiting.release()
            self.go.wait(5)
            threading.Event().wait(0.005)
            return False

    clock = Stepped()
    tested = limiter(clock, requests_per_second=1)
    tested.acquire()
    order: list[str] = []
    lock = threading.Lock()

    def work(name: str, priority: Priority) -> None:
        tested.acquire(priority=priority)
        with lock:
            order.append(name)
        clock.advance(2)

    threads = [
        threading.Thread(target=work, args=("read", Priority.READ)),
        threading.Thread(target=work, args=("urgent", Priority.URGENT)),
    ]
    for thread in threads:
        thread.start()
        clock.waiting.acquire(timeout=5)
    clock.advance(2)
    clock.go.set()
    for thread in threads:
        thread.join(5)
    assert order == ["urgent", "read"]


def test_a_stop_ends_the_wait() -> None:
    stop = threading.Event()
    tested = limiter(ManualClock(), stop, requests_per_second=1)
    tested.acquire()
    stop.set()
    with pytest.raises(QboUnavailable, match="not sent"):
        tested.acquire()


def test_throttle_off_still_obeys_a_penalty() -> None:
    clock = ManualClock()
    tested = limiter(clock, throttle=False, requests_per_second=1)
    for _ in range(50):
        tested.acquire()
    assert clock.monotonic() == 0.0
    tested.penalise(7)
    tested.acquire()
    assert clock.monotonic() == 7.0
