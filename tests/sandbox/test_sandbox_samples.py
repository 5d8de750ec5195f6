"""Payloads nobody here wrote: each is taken as input, or has the shape of what the server answers (qbo/samples).

Every file of the folder is in exactly one class below; one in none fails. Differences that may be are listed, each with
its reason, in ``tests/support/sample_differences.py``; one that no longer occurs fails too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncd.sandbox.fields import Kind
from syncd.sandbox.operations import clean
from syncd.sandbox.server import Accountant, RunningSandbox, running_sandbox
from syncd.sandbox.specs import SPECS
from tests.sandbox.receiver import running_receiver
from tests.support.sample_differences import ALLOWED
from tests.support.sample_ways import OWN_WAY, REQUESTS, corrected
from tests.support.samples import Stage, names, needs_samples, refused, rows_of, sample
from tests.support.shapes import differences, shape

Json = dict[str, Any]

# The same operation as the sample's, on a record made like the sample's: the operation, and which samples.
SAME: dict[str, str] = {
    "create": "account-create attachable-note-create bill-create billpayment-create class-create "
    "companycurrency-create creditmemo-create customer-create department-create deposit-create estimate-create "
    "invoice-create item-create-category item-create-inventory journalentry-create payment-create-unapplied "
    "paymentmethod-create purchase-create purchaseorder-create refundreceipt-create salesreceipt-create term-create "
    "transfer-create vendor-create vendorcredit-create",
    "read": "account-go-fixture attachable-go-fixture bill-go-fixture bill-paid-recorded bill-read-paid "
    "companycurrency-read creditmemo-read customer-read invoice-bundle-discount-tax-recorded invoice-discount-recorded "
    "invoice-read-taxed item-read payment-read payment-with-lineex-recorded purchaseorder-read "
    "vendor-go-fixture",
    "update": "account-update-full bill-update-full creditmemo-update-full invoice-update-full payment-update-full",
    "sparse": "customer-sparse-update estimate-sparse-update invoice-sparse-update",
    "deactivate": "companycurrency-deactivate customer-inactive-recorded",
    "query": "account-inactive-and-subaccounts-recorded account-query account-recorded-chart attachable-recorded "
    "bill-query billpayment-query class-query class-recorded creditmemo-query customer-query department-query "
    "department-recorded deposit-query employee-query estimate-query "
    "invoice-query item-query item-query-category item-recorded journalentry-recorded payment-query "
    "paymentmethod-query purchase-recorded purchaseorder-query refundreceipt-query salesreceipt-query "
    "term-query vendor-query",
    "void": "billpayment-void invoice-void payment-void salesreceipt-void",
    "delete": "attachable-delete bill-delete billpayment-delete creditmemo-delete invoice-delete payment-delete "
    "purchase-delete",
    "send": "creditmemo-send estimate-send invoice-send",
    "found": "preferences-read preferences-recorded taxcode-query taxcode-read taxrate-query taxrate-read",
}
NOT_APPLICABLE: dict[str, str] = {
    **dict.fromkeys(
        (
            "report-customerbalance",
            "report-customerbalancedetail",
            "report-profitandloss",
            "report-profitandlossdetail",
        ),
        "reports are not served",
    )
}
_CHARTS = ("update-full", "query", "recorded-chart", "inactive-and-subaccounts-recorded")
_CURRENCIES = (
    "companycurrency-create", "companycurrency-read", "companycurrency-deactivate", "exchangerate-query",
    "exchangerate-read", "exchangerate-recorded", "purchase-recorded", "journalentry-recorded",
)  # fmt: skip
# What a company needs for a sample, beside what ``Stage`` sees by itself.
COMPANY: dict[str, Json] = {
    **{f"account-{name}": {"seed": "empty", "multicurrency": True} for name in _CHARTS},
    **{name: {"multicurrency": True} for name in _CURRENCIES},
    "invoice-bundle-discount-tax-recorded": {"country": "CA", "multicurrency": True},
    "invoice-send": {"allow_shipping": True, "class_tracking_per_txn": True, "class_tracking_per_line": False},
    "customer-create": {"default_tax_code": "2"},
    "item-query-category": {"seed": "empty"},
    "preferences-read": {
        "class_tracking_per_line": True, "track_departments": True, "book_close_date": "2018-12-31",
        "default_tax_code": "2", "auto_apply_credit": True, "auto_apply_payments": True,
    },
    "preferences-recorded": {"multicurrency": True, "default_tax_code": "2"},
    "payment-auto-credit-recorded": {"auto_apply_credit": True},
    "salesreceipt-ast-tax-recorded": {"automated_tax": True},
}  # fmt: skip


# --- faults: the envelope, and the texts where the sample's are not made up -------------------------------------------


def twice(person: Accountant, entity: str, body: Json) -> Json:
    person.save(entity, body)
    return refused(lambda: person.save(entity, body))


def duplicate_number(stage: Stage) -> Json:
    stage.sandbox.change_company(stage.realm, custom_txn_numbers=True)
    made = stage.plain("Invoice")
    found = refused(
        lambda: stage.person.save(
            "Invoice", {"CustomerRef": made["CustomerRef"], "Line": made["Line"], "DocNumber": made["DocNumber"]}
        )
    )
    error = found["Fault"]["Error"][0]
    error["Detail"] = error["Detail"].replace(made["DocNumber"], "1001").replace(f"TxnId={made['Id']}", "TxnId=17984")
    return found


def duplicate_rate(stage: Stage) -> Json:
    rate = {"TaxRateName": "California", "RateValue": "9", "TaxAgencyId": "1", "TaxApplicableOn": "Sales"}
    body = {"TaxCode": "Other", "TaxRateDetails": [rate]}
    return refused(lambda: stage.person.call("POST", "taxservice/taxcode", body))


def malformed_token(stage: Stage) -> Json:
    stage.person.tokens["access_token"] = "x"
    return refused(lambda: stage.person.query("select * from Customer"))


def no_address(stage: Stage) -> Json:
    return refused(lambda: stage.person.call("GET", "nothing/of/the/kind"))


def deleted_twice(stage: Stage) -> Json:
    made = stage.plain("Invoice")
    stage.person.delete("Invoice", made)
    return refused(lambda: stage.person.delete("Invoice", made))


FAULTS: dict[str, tuple[Callable[[Stage], Json], tuple[str, ...]]] = {
    "fault-10000-system": (no_address, ("Message", "code")),
    "fault-3200-authentication": (malformed_token, ("message", "detail", "code")),
    "fault-4001-query-validation": (
        lambda stage: refused(lambda: stage.person.query("select * from Customer startposition 0")),
        ("Message", "Detail", "code"),
    ),
    "fault-610-already-deleted": (deleted_twice, ("Message", "code", "element")),
    "fault-6140-duplicate-docnumber": (duplicate_number, ("Message", "Detail", "code", "element")),
    "fault-6240-customer-duplicate": (
        lambda stage: twice(stage.person, "Customer", {"DisplayName": "Amy"}), ("Message", "code", "element"),
    ),
    "fault-6240-taxrate-duplicate": (duplicate_rate, ("Message", "code", "element")),
    "fault-template": (lambda stage: refused(lambda: stage.person.read("Invoice", "9")), ()),
}  # fmt: skip


# --- webhooks ---------------------------------------------------------------------------------------------------------

WEBHOOKS: dict[str, tuple[str, str]] = {
    "webhook-classic-account-item": ("classic", "empty"),
    "webhook-classic-java-sdk": ("classic", "empty"),
    "webhook-classic-vendor-customer": ("classic", "empty"),
    "webhook-cloudevents-account-created": ("cloudevents", "empty"),
    "webhook-cloudevents-class-created": ("cloudevents", "alternative_ids"),
    "webhook-cloudevents-customer-merged": ("cloudevents", "empty"),
    "webhook-cloudevents-salesreceipt-updated": ("cloudevents", "absent"),
}


def posted(sandbox: RunningSandbox, name: str, form: str, data: str) -> Any:
    """What an endpoint is told of the same change."""
    sandbox.admin("POST", "/apps", {"client_id": name, "client_secret": "s"})
    realm = sandbox.create_company()
    person = Accountant(sandbox, realm, sandbox.tokens(realm, client_id=name))
    made = [person.save("Customer", {"DisplayName": text}) for text in ("one", "two")]
    sandbox.switch(webhook_data=data)
    with running_receiver() as receiver:
        sandbox.admin("PUT", f"/webhooks/{name}", {"url": receiver.url, "verifier_token": "t", "form": form})
        if name.endswith("merged"):
            merge = {"entity": "Customer", "loser": made[1]["Id"], "survivor": made[0]["Id"]}
            sandbox.admin("POST", f"/companies/{realm}/merge", merge)
        else:
            person.save("Customer", {**made[0], "Notes": "n"})
        sandbox.admin("POST", f"/webhooks/{name}/settle", {})
        sandbox.admin("DELETE", f"/webhooks/{name}")
    return receiver.posts[-1].content


# --- the comparison ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSandbox]:
    with running_sandbox(switches={"throttle": "off", "cdc_shuffle": False, "batch_shuffle": False}) as running:
        yield running


WAYS = {name: operation for operation, words in SAME.items() for name in words.split()}
COMPARED = sorted([*WAYS, *OWN_WAY, *FAULTS, *WEBHOOKS])


def found(stage: Stage, content: Json, name: str) -> Json:
    """What every company has from the start."""
    ((entity, row), *_) = rows_of(content)
    if "QueryResponse" in content:
        return stage.person.call("GET", "query", query=f"select * from {entity}")
    record_id = "" if entity in ("Preferences", "CompanyInfo") else row["Id"]
    return stage.person.call("GET", f"{entity.lower()}/{record_id or stage.realm}")


def answered(server: RunningSandbox, name: str) -> Any:
    """The server's answer to what the sample answers."""
    if name in WEBHOOKS:
        return posted(server, name, *WEBHOOKS[name])
    content = corrected(name, sample(name))
    stage = Stage(server, content, **COMPANY.get(name, {}))
    if name in FAULTS:
        return FAULTS[name][0](stage)
    if name in OWN_WAY:
        return OWN_WAY[name](stage, content)
    if WAYS[name] == "found":
        return found(stage, content, name)
    return getattr(stage, WAYS[name])(content)


@pytest.fixture(scope="module")
def results() -> dict[str, list[str]]:
    """The differences of every sample that was compared so far."""
    return {}


def compared(server: RunningSandbox, results: dict[str, list[str]], name: str) -> list[str]:
    if name not in results:
        results[name] = differences(shape(sample(name)), shape(answered(server, name)))
    return results[name]


@needs_samples
def test_every_sample_is_in_one_class() -> None:
    classes = [*COMPARED, *REQUESTS, *NOT_APPLICABLE]
    assert sorted(classes) == names()


@needs_samples
@pytest.mark.parametrize("name", COMPARED)
def test_answers_have_the_samples_shapes(server: RunningSandbox, results: dict[str, list[str]], name: str) -> None:
    lines = compared(server, results, name)
    assert [line for line in lines if not any(rule.covers(name, line) for rule in ALLOWED)] == []


@needs_samples
def test_no_allowed_difference_is_out_of_date(server: RunningSandbox, results: dict[str, list[str]]) -> None:
    lines = [(name, line) for name in COMPARED for line in compared(server, results, name)]
    parts = [part for rule in ALLOWED for part in rule.parts()]
    assert [part for part in parts if not any(part.covers(*one) for one in lines)] == []


@needs_samples
@pytest.mark.parametrize("name", REQUESTS)
def test_requests_are_taken_as_they_are(server: RunningSandbox, name: str) -> None:
    body = sample(name)
    assert REQUESTS[name](Stage(server, body), body)


@needs_samples
@pytest.mark.parametrize("name", [name for name, (_, same) in FAULTS.items() if same])
def test_faults_have_the_samples_texts(server: RunningSandbox, name: str) -> None:
    theirs, ours = sample(name), answered(server, name)
    envelope = "fault" if "fault" in theirs else "Fault"
    assert ours[envelope]["type"] == theirs[envelope]["type"]
    (mine,), (wanted,) = (body[envelope]["error" if envelope == "fault" else "Error"] for body in (ours, theirs))
    assert {name: mine[name] for name in FAULTS[name][1] if name in wanted} == {
        member: wanted[member] for member in FAULTS[name][1] if member in wanted
    }


@needs_samples
def test_every_sample_object_is_understood_when_it_is_sent_back() -> None:
    """No member of any payload ever answered may be called unknown."""
    checked = 0
    for name in names():
        for entity, body in _objects(sample(name)):
            if name == "invoice-void":  # its enumerations are in a form seen nowhere else (entities.md 11)
                continue
            clean(SPECS[entity], body, creating=True)
            checked += 1
    assert checked > 40


def _objects(value: Any) -> list[tuple[str, Json]]:
    objects: list[tuple[str, Json]] = []
    if isinstance(value, list):
        for inner in value:
            objects += _objects(inner)
    elif isinstance(value, dict):
        for name, inner in value.items():
            bodies = inner if isinstance(inner, list) else [inner]
            if name in SPECS and SPECS[name].operations and all(isinstance(body, dict) for body in bodies):
                objects += [(name, body) for body in bodies]
            else:
                objects += _objects(inner)
    return objects


def test_kinds_take_blank_strings_for_empty() -> None:
    kinds: list[tuple[str, Kind]] = [
        (f"{entity}.{name}", member.kind)
        for entity, spec in SPECS.items()
        for name, member in spec.members.items()
        if member.writable
    ]
    assert [name for name, kind in kinds if kind(name, "") is not None] == []
