"""Sample payloads of the lists used otherwise than as an answer: as a seed, posted as rates, updating settings."""

from __future__ import annotations

from typing import Any

from syncd.sandbox.server import Accountant, RunningSandbox
from tests.support.samples import needs_samples, sample

Json = dict[str, Any]


def rows(name: str, entity: str) -> list[Json]:
    """The objects of a sample, read or queried."""
    content = sample(name)
    found: Any = content.get(entity) or content["QueryResponse"][entity]
    return found if isinstance(found, list) else [found]


@needs_samples
def test_samples_serve_as_a_seed(sandbox: RunningSandbox) -> None:
    parts = [{"Id": number, "Name": f"Part {number}", "Type": "Service"} for number in ("5", "7", "8", "11")]
    seed = {
        "Account": rows("account-recorded-chart", "Account"),
        "Class": rows("class-query", "Class"),
        "Department": rows("department-recorded", "Department"),
        "Employee": rows("employee-query", "Employee"),
        "Item": [*rows("item-query-bundle", "Item"), *parts],
    }
    person: Accountant = sandbox.connect(sandbox.create_company(seed=seed))
    for entity, bodies in seed.items():
        own = entity == "Account"  # the chart has no receivables: the company's own account stays
        assert person.count(entity) == len(bodies) + own
    bundle = person.read("Item", "49")
    renamed = person.save("Item", {**bundle, "Name": "Fountain"})
    assert renamed["ItemGroupDetail"] == bundle["ItemGroupDetail"]
    below = person.query("select * from Class where SubClass = true")
    assert [row["FullyQualifiedName"] for row in below] == ["InternalCafe:InternalParts"]
    fresh = person.save("Class", {"Name": "Next"})
    assert int(fresh["Id"]) > max(int(row["Id"]) for row in seed["Class"])


@needs_samples
def test_exchange_rates_are_posted_as_the_samples_show_them(sandbox: RunningSandbox) -> None:
    person = sandbox.connect(sandbox.create_company(multicurrency=True))
    for name in ("exchangerate-read", "exchangerate-query", "exchangerate-recorded"):
        for row in rows(name, "ExchangeRate"):
            if row["SourceCurrencyCode"] == "USD":
                continue
            answer = person.call("POST", "exchangerate", row)["ExchangeRate"]
            assert answer["Rate"] == row["Rate"]
            assert row.keys() <= answer.keys()
            assert answer.keys() <= row.keys() | {"SyncToken", "domain", "sparse"}
    recorded = rows("exchangerate-recorded", "ExchangeRate")
    found = person.query(f"select * from ExchangeRate where asofdate = '{recorded[0]['AsOfDate']}' maxresults 1000")
    assert {row["SourceCurrencyCode"] for row in found} == {row["SourceCurrencyCode"] for row in recorded}


@needs_samples
def test_preferences_take_the_samples_update(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.switch(preferences_update="keep")
    before = person.call("GET", "preferences")["Preferences"]
    request = {**sample("preferences-update-request"), "SyncToken": before["SyncToken"]}
    after = person.save("Preferences", request)
    for group in ("ProductAndServicesPrefs", "SalesFormsPrefs"):
        assert after[group] == {**before[group], **request[group]}
