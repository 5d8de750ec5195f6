"""A look-alike for each test module, over real HTTP, and short words for making records."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, RunningSandbox, running_sandbox
from syncd.sandbox.switches import Switches
from tests.sandbox.hooked import Endpoint, hooked
from tests.sandbox.receiver import Receiver, running_receiver

Json = dict[str, Any]


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """The module's server with every switch at its default, but for the throttle; real time on the clock."""
    shared_sandbox.switch(**{**Switches().public(), "throttle": "off"})
    shared_sandbox.set_speed(1.0)
    shared_sandbox.set_clock(time.time())
    yield shared_sandbox
    shared_sandbox.clear_faults()


@pytest.fixture
def realm(sandbox: RunningSandbox) -> str:
    return sandbox.create_company()


@pytest.fixture
def person(sandbox: RunningSandbox, realm: str) -> Accountant:
    return sandbox.connect(realm)


@pytest.fixture
def customer(person: Accountant) -> Json:
    return person.save("Customer", {"DisplayName": "Ada Lovelace"})


def _line(amount: Any, **detail: Any) -> Json:
    inner = {"ItemRef": {"value": "1"}, **detail}
    return {"Amount": Decimal(str(amount)), "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": inner}


@pytest.fixture
def line() -> Callable[..., Json]:
    """line(100, TaxCodeRef=...) makes a sales line."""
    return _line


@pytest.fixture
def invoice(person: Accountant, customer: Json) -> Callable[..., Json]:
    """invoice(100, 20, DocNumber=...) saves an invoice of such lines for the customer."""

    def make(*amounts: Any, **members: Any) -> Json:
        lines = [_line(amount) for amount in amounts]
        body = {"CustomerRef": {"value": customer["Id"]}, "Line": lines, **members}
        return person.save("Invoice", body)

    return make


@pytest.fixture
def pay(person: Accountant, customer: Json) -> Callable[..., Json]:
    """pay(60, {invoice_id: 60}) saves a payment of the customer."""

    def make(total: Any, shares: dict[str, Any] | None = None, **members: Any) -> Json:
        lines = [
            {"Amount": Decimal(str(share)), "LinkedTxn": [{"TxnId": target, "TxnType": "Invoice"}]}
            for target, share in (shares or {}).items()
        ]
        body = {"CustomerRef": {"value": customer["Id"]}, "TotalAmt": Decimal(str(total)), "Line": lines, **members}
        return person.save("Payment", body)

    return make


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def endpoint(sandbox: RunningSandbox, receiver: Receiver) -> Iterator[Endpoint]:
    with hooked(sandbox, receiver) as made:
        yield made


@pytest.fixture
def app(endpoint: Endpoint, realm: str) -> Accountant:
    """Works in the company through the app whose endpoint is registered with everything."""
    endpoint.register()
    return endpoint.person(realm)
