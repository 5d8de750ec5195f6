"""How webhooks travel: deadline, retries, order, aggregation, duplicates, losses (protocol.md 10.4; 62)."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.sandbox.server import Accountant, RunningSandbox
from tests.sandbox.hooked import Endpoint, new
from tests.sandbox.receiver import STALL, Receiver, running_receiver

Json = dict[str, Any]
LADDER = (10, 20, 30, 300, 1200, 7200, 14_400, 21_600, 21_600, 21_600)


@pytest.mark.checklist(62)
def test_the_retry_ladder_follows_the_sandboxs_clock(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver
) -> None:
    sandbox.set_speed(0)
    receiver.answers.extend([500] * (len(LADDER)))
    new(app)
    endpoint.came()
    for tries, wait in enumerate(LADDER, 1):
        sandbox.advance(wait - 1)
        assert len(endpoint.came()) == tries
        sandbox.advance(1)
        assert len(endpoint.came()) == tries + 1
    sandbox.advance(30_000)
    assert len(endpoint.came()) == len(LADDER) + 1, "acknowledged at last"
    assert len({(post.body, post.headers["intuit-signature"]) for post in receiver.posts}) == 1
    found = endpoint.deliveries()
    assert [one["status"] for one in found["attempts"]] == [500] * len(LADDER) + [200]
    assert (found["pending"], found["attempts"][0]["body"]) == ([], receiver.posts[0].body.decode())


@pytest.mark.checklist(62)
def test_retries_come_by_themselves_when_the_clock_runs(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver
) -> None:
    receiver.answers.extend([500] * 3)
    sandbox.set_speed(2000)  # a minute in 30 ms
    new(app)
    until = time.monotonic() + 5
    while len(receiver.posts) < 4 and time.monotonic() < until:
        time.sleep(0.005)
    assert len(endpoint.came()) == 4


@pytest.mark.checklist(62)
def test_an_immediate_first_retry_by_switch(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver
) -> None:
    sandbox.switch(webhook_retries="immediate")
    sandbox.set_speed(0)
    receiver.answers.extend([503] * 2)
    new(app)
    assert len(endpoint.came()) == 2
    sandbox.advance(10)
    assert len(endpoint.came()) == 3


@pytest.mark.checklist(62)
def test_the_old_ladder_ends_in_a_blacklisted_endpoint(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver
) -> None:
    sandbox.switch(webhook_retries="old")
    sandbox.set_speed(0)
    receiver.answers.extend([404, 500, 500, 500, 500])
    new(app, "Not retried")
    new(app, "Retried")
    new(app, "Held back")
    assert len(endpoint.came()) == 2
    for tries, wait in enumerate((1200, 1800, 3000), 3):
        sandbox.advance(wait)
        assert len(endpoint.came()) == tries
    new(app, "Never sent")
    assert len(endpoint.came()) == 5
    assert endpoint.do("settle")["blacklisted"]
    found = endpoint.deliveries()
    assert (len(found["dropped"]), found["pending"]) == (4, [])
    endpoint.register()
    new(app, "Active again")
    assert len(endpoint.came()) == 6


@pytest.mark.checklist(62)
@pytest.mark.parametrize("status", [201, 202, 204, 302, 400, 404, 410, 503])
def test_any_answer_but_200_fails_the_whole_post(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver, status: int
) -> None:
    sandbox.set_speed(0)
    receiver.answers.append(status)
    app.batch([{"bId": n, "operation": "create", "Customer": {"DisplayName": n}} for n in ("1", "2")])
    (first,) = endpoint.came()
    sandbox.advance(10)
    assert endpoint.came() == [first, first]
    assert len(first) == 2


@pytest.mark.checklist(62)
def test_an_endpoint_that_stalls_delays_nobody(endpoint: Endpoint, app: Accountant, receiver: Receiver) -> None:
    receiver.answers.append(STALL)
    for number in range(4):
        new(app, str(number))
    found = endpoint.deliveries()
    assert (found["attempts"], len(found["pending"])) == ([], 4), "answered while the first POST still hangs"


@pytest.mark.checklist(62)
def test_an_endpoint_that_misses_the_deadline_is_tried_again(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver
) -> None:
    assert sandbox.admin("GET", "/switches")["webhook_deadline_seconds"] == 3
    sandbox.switch(webhook_deadline_seconds=0.05)
    sandbox.set_speed(0)
    receiver.answers.append(STALL)
    new(app)
    assert len(endpoint.came()) == 1
    (attempt,) = endpoint.deliveries()["attempts"]
    assert (attempt["status"], attempt["error"]) == (None, "no answer within 0.05 s")
    sandbox.switch(webhook_deadline_seconds=3.0)
    sandbox.advance(10)
    assert len(endpoint.came()) == 2
    assert endpoint.deliveries()["pending"] == []


@pytest.mark.checklist(62)
def test_an_endpoint_that_is_not_there_is_tried_again(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant
) -> None:
    sandbox.set_speed(0)
    with running_receiver() as gone:
        pass
    endpoint.register(url=gone.url)
    new(app)
    assert endpoint.came() == []
    assert endpoint.deliveries()["attempts"][0]["status"] is None
    endpoint.register()
    sandbox.advance(10)
    assert len(endpoint.came()) == 1


@pytest.mark.checklist(62)
@pytest.mark.parametrize("blocking", [True, False])
def test_later_events_wait_behind_a_failed_one_or_not(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver, blocking: bool
) -> None:
    sandbox.switch(webhook_blocking=blocking)
    sandbox.set_speed(0)
    receiver.answers.append(500)
    first, second = new(app)["Id"], new(app, "Bob")["Id"]
    assert [ids for ((_, ids, _),) in endpoint.came()] == ([first] if blocking else [first, second])
    assert len(endpoint.deliveries()["pending"]) == (2 if blocking else 1)
    sandbox.advance(10)
    assert [ids for ((_, ids, _),) in endpoint.came()] == (
        [first, first, second] if blocking else [first, second, first]
    )


@pytest.mark.checklist(62)
def test_events_of_a_window_travel_together_over_companies(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver
) -> None:
    sandbox.switch(webhook_aggregate_seconds=180)
    sandbox.set_speed(0)
    other = endpoint.person(sandbox.create_company())
    new(app)
    sandbox.advance(100)
    new(other)
    new(app, "Bob")
    sandbox.advance(79)
    assert endpoint.came() == []
    assert len(endpoint.deliveries()["waiting"]) == 3
    sandbox.advance(1)
    assert [len(post) for post in endpoint.came()] == [3]
    groups = receiver.posts[0].content["eventNotifications"]
    assert {group["realmId"]: len(group["dataChangeEvent"]["entities"]) for group in groups} == {
        app.realm: 2,
        other.realm: 1,
    }
    new(app, "Carl")
    assert len(endpoint.came()) == 1, "a new window has begun"


@pytest.mark.checklist(62)
def test_the_events_of_one_post_are_shuffled(sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant) -> None:
    items = [{"bId": str(n), "operation": "create", "Customer": {"DisplayName": str(n)}} for n in range(12)]
    orders = []
    for shuffle in (True, False):
        sandbox.switch(webhook_shuffle=shuffle)
        endpoint.register(seed=1)
        app.batch([{**item, "Customer": {"DisplayName": f"{item['bId']} {shuffle}"}} for item in items])
        endpoint.do("settle")
        body = endpoint.deliveries()["attempts"][-1]["body"]
        orders.append([int(one) for one in re.findall('"id":"([0-9]+)"', body)])
    assert orders[0] != sorted(orders[0])
    assert orders[1] == sorted(orders[1])


@pytest.mark.checklist(62)
def test_duplicates_bear_the_same_id(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver
) -> None:
    sandbox.switch(webhook_duplicates=1.0)
    endpoint.register(form="cloudevents")
    new(app)
    endpoint.do("settle")
    first, second = receiver.posts
    assert first.body == second.body


@pytest.mark.checklist(62)
def test_a_late_event_is_overtaken(sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant) -> None:
    sandbox.set_speed(0)
    sandbox.switch(webhook_reorder=1.0, webhook_reorder_seconds=300)
    late = new(app)["Id"]
    sandbox.switch(webhook_reorder=0.0)
    early = new(app, "Bob")["Id"]
    assert [ids for ((_, ids, _),) in endpoint.came()] == [early]
    sandbox.advance(300)
    assert [ids for ((_, ids, _),) in endpoint.came()] == [early, late]


@pytest.mark.checklist(62)
def test_chance_is_seeded(sandbox: RunningSandbox, receiver: Receiver, endpoint: Endpoint, realm: str) -> None:
    sandbox.switch(webhook_drops=0.5)
    fates = []
    for _ in range(2):
        one = Endpoint(sandbox, receiver)
        one.register(seed=7)
        app = one.person(sandbox.create_company())
        ids = [new(app, str(number))["Id"] for number in range(12)]
        told = {ids for ((_, ids, _),) in one.came()}
        fates.append([record in told for record in ids])
        receiver.clear()
    assert fates[0] == fates[1]
    assert {True, False} == set(fates[0])


@pytest.mark.checklist(62)
def test_drops_pauses_and_replays_on_demand(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver
) -> None:
    sandbox.set_speed(0)
    assert endpoint.do("drop", events=2)["drop_next"] == 2
    new(app, "Lost"), new(app, "Lost too")
    kept = new(app)["Id"]
    assert endpoint.came() == [[("Customer", kept, "Create")]]
    assert len(endpoint.deliveries()["dropped"]) == 2

    endpoint.do("pause")
    held = new(app, "Held")["Id"]
    assert len(endpoint.came()) == 1
    assert len(endpoint.deliveries()["pending"]) == 1
    endpoint.do("resume")
    assert endpoint.came()[1:] == [[("Customer", held, "Create")]]

    (event_id,) = endpoint.deliveries()["attempts"][0]["event_ids"]
    assert endpoint.do("replay", event_ids=[event_id]) == {"replayed": 1}
    endpoint.do("settle")
    assert receiver.posts[2].body == receiver.posts[0].body
    assert endpoint.do("replay") == {"replayed": 3}
    assert len(endpoint.came()) == 6

    receiver.answers.append(500)
    new(app, "Failing")
    assert len(endpoint.came()) == 7
    endpoint.do("flush")
    assert len(endpoint.came()) == 8, "tried again before its time"
    sandbox.admin("DELETE", endpoint.path("/deliveries"))
    assert endpoint.deliveries() == {"attempts": [], "pending": [], "waiting": [], "dropped": []}


@pytest.mark.checklist(62)
def test_cloudevents_come_in_posts_of_limited_size(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver
) -> None:
    sandbox.switch(webhook_max_events=2)
    endpoint.register(form="both")
    app.batch([{"bId": n, "operation": "create", "Customer": {"DisplayName": n}} for n in "abcde"])
    assert sorted(len(post) for post in endpoint.came()) == [1, 2, 2, 5]


@pytest.mark.checklist(62)
@given(answers=st.lists(st.sampled_from([200, 500, 503, 429, 302]), max_size=8), count=st.integers(1, 4))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_with_blocking_every_event_is_acknowledged_once_and_in_order(
    sandbox: RunningSandbox, receiver: Receiver, endpoint: Endpoint, answers: list[int], count: int
) -> None:
    receiver.clear()
    sandbox.set_speed(0)
    one = Endpoint(sandbox, receiver)
    one.register()
    app = one.person(sandbox.create_company())
    receiver.answers.extend(answers)
    ids = [new(app, str(number))["Id"] for number in range(count)]
    for wait in LADDER:
        one.came()
        sandbox.advance(wait)
    one.came()
    found = one.deliveries()
    acknowledged = [re.findall('"id":"([0-9]+)"', a["body"]) for a in found["attempts"] if a["status"] == 200]
    assert acknowledged == [[record] for record in ids]
    assert found["pending"] == []
