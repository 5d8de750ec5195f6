"""The pytest plugin for integrators: fixtures and markers, and nothing that happens unasked."""

from __future__ import annotations

import pytest

pytest_plugins = ("pytester",)

PLUGIN = ("-p", "no:qbo-sandbox", "-p", "syncd.sandbox.pytest_plugin")
"""As the entry point of an installed syncd does it, also where that is not installed."""

USE = """
    import json, urllib.request
    import pytest

    def call(company, path):
        headers = {"Authorization": f"Bearer {company.access_token}", "Accept": "application/json"}
        request = urllib.request.Request(f"{company.api_url}/{path}", headers=headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Somebody else's tests, with the plugin there as an entry point would put it there."""
    pytester.makeini(
        "[pytest]\naddopts = --strict-markers -p no:randomly -p no:cacheprovider\nfilterwarnings = error\n"
    )
    return pytester


def run(suite: pytest.Pytester, tests: str, **counts: int) -> pytest.RunResult:
    lines = [line[4:] for line in USE.splitlines()]
    suite.makepyfile("\n".join(lines) + "\n" + tests)
    result = suite.runpytest(*PLUGIN)
    result.assert_outcomes(**counts)
    return result


def test_one_fixture_one_address(suite: pytest.Pytester) -> None:
    run(
        suite,
        """
def test_reads(qbo_company):
    told = call(qbo_company, f"companyinfo/{qbo_company.realm_id}")
    assert told["CompanyInfo"]["Country"] == "US"
    assert qbo_company.api_url == f"{qbo_company.base_url}/v3/company/{qbo_company.realm_id}"
    assert qbo_company.client_id and qbo_company.client_secret and qbo_company.refresh_token
    assert qbo_company.token_url.startswith(qbo_company.base_url)

first = []

@pytest.mark.parametrize("turn", [1, 2])
def test_is_alone(qbo_company, qbo_sandbox, turn):
    assert qbo_company.accountant.count("Customer") == 0
    qbo_company.accountant.save("Customer", {"DisplayName": "Ada"})
    assert qbo_sandbox.admin("GET", "/switches")["throttle"] == "off"
    assert qbo_sandbox.faults() == [] and len(qbo_sandbox.requests(endpoint="query")) == 1
    assert len(qbo_sandbox.admin("GET", "/companies")["companies"]) == 1
    assert abs(float(qbo_sandbox.admin("GET", "/clock")["epoch"]) - __import__("time").time()) < 60
    qbo_sandbox.add_fault("reset", endpoint="cdc")
    qbo_sandbox.switch(throttle="exact", cdc_limit=3)
    qbo_sandbox.set_clock("2001-01-01T00:00:00-08:00")
    first.append(qbo_company.base_url)
    assert len(set(first)) == 1
""",
        passed=3,
    )


def test_markers_set_switches_seed_and_clock(suite: pytest.Pytester) -> None:
    run(
        suite,
        """
@pytest.mark.qbo_switches(cdc_limit=5)
class TestMany:
    @pytest.mark.qbo_switches(throttle="exact")
    @pytest.mark.qbo_seed({"Customer": [{"Id": "7", "DisplayName": "Seeded"}]}, country="CA")
    @pytest.mark.qbo_clock("2026-01-05T09:00:00-08:00", speed=0)
    def test_set(self, qbo_company):
        switches = qbo_company.sandbox.admin("GET", "/switches")
        assert (switches["cdc_limit"], switches["throttle"]) == (5, "exact")
        assert qbo_company.accountant.read("Customer", "7")["DisplayName"] == "Seeded"
        assert qbo_company.accountant.read("CompanyInfo", qbo_company.realm_id)["Country"] == "CA"
        clock = qbo_company.sandbox.admin("GET", "/clock")
        assert (clock["now"], clock["speed"]) == ("2026-01-05T09:00:00.000-08:00", 0)

def test_not_set(qbo_company):
    assert qbo_company.sandbox.admin("GET", "/switches")["cdc_limit"] == 1000

@pytest.mark.qbo_seed("empty")
def test_empty(qbo_company):
    assert qbo_company.accountant.count("Item") == 0

@pytest.mark.qbo_switches(nonsense=1)
def test_wrong(qbo_company):
    pass

@pytest.mark.qbo_switches("throttle")
def test_wrong_too(qbo_company):
    pass
""",
        passed=3,
        errors=2,
    ).stdout.fnmatch_lines(["*unknown switch nonsense*"])


def test_nothing_is_loaded_unless_it_is_used(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import sys, threading

        def test_idle():
            loaded = [name for name in sys.modules if name.startswith("syncd")]
            assert sorted(loaded) == ["syncd", "syncd.sandbox", "syncd.sandbox.pytest_plugin"]
            assert "starlette" not in sys.modules and "uvicorn" not in sys.modules and "msgspec" not in sys.modules
            assert not [thread for thread in threading.enumerate() if thread.name == "sandbox"]
        """
    )
    result = suite.runpytest_subprocess(*PLUGIN, "-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1)
    markers = suite.runpytest("--markers", *PLUGIN)
    markers.stdout.fnmatch_lines(["@pytest.mark.qbo_switches*", "@pytest.mark.qbo_seed*", "@pytest.mark.qbo_clock*"])
