"""Fixtures for the tests of programs that speak to QuickBooks Online (a pytest plugin, found by itself).

``qbo_company`` gives a test a company of its own on a running look-alike::

    def test_my_program(qbo_company):
        my_program.run(base_url=qbo_company.base_url, realm=qbo_company.realm_id, token=qbo_company.access_token)
        assert qbo_company.accountant.count("Invoice") == 1

Nothing is imported or started before a test asks for it. (PYTEST_DONT_REWRITE: it holds no assertions, and the package
may be imported already when pytest finds it.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from syncd.sandbox.server import Accountant, RunningSandbox

_MARKERS = (
    "qbo_switches(throttle='exact', ...): switches of the look-alike for this test; throttling is off otherwise",
    "qbo_seed(seed='sample', **options): the seed and other options of the company of this test",
    "qbo_clock(start, speed=1): the moment at which this test begins on the look-alike's clock",
)


@dataclass(frozen=True)
class QboCompany:
    """A fresh company and what a client needs to reach it."""

    sandbox: RunningSandbox
    """The server: faults, clock, ledger, snapshots."""
    base_url: str
    """In place of ``https://quickbooks.api.intuit.com`` and of the addresses for tokens and consent."""
    api_url: str
    """The accounting API of this company: ``{base_url}/v3/company/{realm_id}``."""
    realm_id: str
    access_token: str
    refresh_token: str
    client_id: str
    client_secret: str
    accountant: Accountant
    """A person who works in the same books, with a token of their own."""

    @property
    def token_url(self) -> str:
        """Where refresh tokens are exchanged."""
        return f"{self.base_url}/oauth2/v1/tokens/bearer"

    @property
    def authorize_url(self) -> str:
        """The consent page."""
        return f"{self.base_url}/connect/oauth2"

    @property
    def revoke_url(self) -> str:
        """Where tokens are revoked."""
        return f"{self.base_url}/v2/oauth2/tokens/revoke"


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.fixture(scope="session")
def qbo_sandbox() -> Iterator[RunningSandbox]:
    """A look-alike of QuickBooks Online on a free loopback port, for the whole session."""
    from syncd.sandbox.server import running_sandbox

    with running_sandbox(switches={"throttle": "off"}) as running:
        yield running


@pytest.fixture
def qbo_company(request: pytest.FixtureRequest, qbo_sandbox: RunningSandbox) -> Iterator[QboCompany]:
    """A fresh company with tokens; switches, clock, faults and the ledger are as new for every test."""
    _as_new(qbo_sandbox)
    switches = _told(request, "qbo_switches")
    if switches:
        qbo_sandbox.switch(**switches)
    clock = request.node.get_closest_marker("qbo_clock")
    if clock is not None:
        order = dict(zip(("set", "speed"), clock.args, strict=False))
        order |= {"set" if name == "start" else name: value for name, value in clock.kwargs.items()}
        qbo_sandbox.admin("POST", "/clock", order)
    realm = qbo_sandbox.create_company(**_told(request, "qbo_seed", "seed"))
    tokens = qbo_sandbox.tokens(realm)
    yield QboCompany(
        sandbox=qbo_sandbox,
        base_url=qbo_sandbox.base_url,
        api_url=f"{qbo_sandbox.base_url}/v3/company/{realm}",
        realm_id=realm,
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
        client_id=tokens["client_id"],
        client_secret=tokens["client_secret"],
        accountant=qbo_sandbox.connect(realm),
    )
    qbo_sandbox.admin("DELETE", f"/companies/{realm}")
    _as_new(qbo_sandbox)


def _told(request: pytest.FixtureRequest, marker: str, first: str = "") -> dict[str, Any]:
    """What the markers of a test say; the one closest to the test wins."""
    told: dict[str, Any] = {}
    for mark in reversed(list(request.node.iter_markers(marker))):
        if len(mark.args) > (1 if first else 0):
            raise pytest.UsageError(f"{marker}: too many arguments")
        told |= {first: mark.args[0]} if mark.args else {}
        told |= mark.kwargs
    return told


def _as_new(sandbox: RunningSandbox) -> None:
    from syncd.sandbox.switches import Switches

    sandbox.clear_faults()
    sandbox.switch(**{**Switches().public(), "throttle": "off"})
    sandbox.admin("DELETE", "/scenario")
    for hook in sandbox.admin("GET", "/webhooks")["webhooks"]:
        sandbox.admin("DELETE", f"/webhooks/{hook['client_id']}")
    sandbox.admin("POST", "/throttle/reset")
    sandbox.admin("POST", "/clock", {"speed": 1, "set": _now()})
    sandbox.admin("DELETE", "/requests")


def _now() -> float:
    import time

    return time.time()
