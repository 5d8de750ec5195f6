"""Webhooks out: who is told what, in both forms, signed; registration (protocol.md 10.1 to 10.3; 61 and 63)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from syncd.sandbox.server import Accountant, AdminError, RefusedError, RunningSandbox
from tests.sandbox.hooked import Endpoint, new, signed
from tests.sandbox.receiver import Receiver
from tests.support.samples import FOLDER, needs_samples

Json = dict[str, Any]


def shape(value: Any) -> Any:
    """Members and kinds of a payload, its values left out."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value[:1]] if isinstance(value, list) else type(value).__name__


def sample(name: str) -> Any:
    return json.loads((FOLDER / f"webhook-{name}.json").read_text())


# --- payloads ---------------------------------------------------------------------------------------------------------


@pytest.mark.checklist(61)
def test_the_classic_form_and_its_headers(sandbox: RunningSandbox, endpoint: Endpoint, receiver: Receiver) -> None:
    realm = sandbox.create_company()
    endpoint.register()
    sandbox.set_speed(0)
    sandbox.set_clock(1_757_364_751.657)
    customer = new(endpoint.person(realm))
    endpoint.do("settle")
    (post,) = receiver.posts
    told = {"name": "Customer", "id": customer["Id"], "operation": "Create", "lastUpdated": "2025-09-08T20:52:31.657Z"}
    assert post.content == {"eventNotifications": [{"realmId": realm, "dataChangeEvent": {"entities": [told]}}]}
    expected = {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "intuit_notification_server/0.1",
        "intuit-notification-schema-version": "0.1",
        "intuit-created-time": "2025-09-08T20:52:31.657Z",
        "intuit-signature": signed(post.body),
        ":path": "/webhooks?from=qbo",
    }
    assert expected.items() <= post.headers.items()
    assert re.fullmatch("1-[0-9a-f]{8}-[0-9a-f]{24}", post.headers["intuit-t-id"])


@pytest.mark.checklist(61)
@pytest.mark.parametrize("form", ["classic", "cloudevents"])
def test_the_signature_is_over_the_raw_bytes(
    endpoint: Endpoint, app: Accountant, receiver: Receiver, form: str
) -> None:
    endpoint.register(form=form, verifier_token="another")  # of a test
    new(app, "Müller & Söhne")
    endpoint.do("settle")
    (post,) = receiver.posts
    assert post.headers["intuit-signature"] == signed(post.body, "another")
    assert post.headers["intuit-signature"] != signed(json.dumps(post.content).encode(), "another")


@pytest.mark.checklist(61)
def test_the_cloudevents_form(sandbox: RunningSandbox, endpoint: Endpoint, receiver: Receiver) -> None:
    realm = sandbox.create_company()
    endpoint.register(form="cloudevents")
    sandbox.set_speed(0)
    sandbox.set_clock(1_757_539_885.179)
    app = endpoint.person(realm)
    first, second = new(app), new(app, "Bob")
    endpoint.do("settle")
    told = [post.content[0] for post in receiver.posts]
    assert [len(post.content) for post in receiver.posts] == [1, 1]
    assert [one["intuitentityid"] for one in told] == [first["Id"], second["Id"]]
    assert told[0]["id"] != told[1]["id"]
    assert told[0]["source"] == told[1]["source"]
    assert re.fullmatch(r"intuit\.[A-Za-z0-9+/]{43}=", told[0]["source"])
    assert re.fullmatch(r"2025-09-10T21:31:25\.179\d{6}Z|2025-09-10T21:31:25\.178999\d{3}Z", told[0]["time"])
    fixed = {
        "specversion": "1.0",
        "type": "qbo.customer.created.v1",
        "datacontenttype": "application/json",
        "intuitaccountid": realm,
        "data": {},
    }
    assert fixed.items() <= told[0].items()
    assert receiver.posts[0].headers["content-type"] == "application/json; charset=utf-8"


@needs_samples
@pytest.mark.checklist(61)
def test_both_forms_look_like_the_samples(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver
) -> None:
    customer = new(app)
    endpoint.register(form="cloudevents")
    sandbox.switch(webhook_data="empty")
    app.save("Customer", {**customer, "Notes": "1"})
    sandbox.switch(webhook_data="alternative_ids")
    app.save("Customer", {**customer, "SyncToken": "1", "Notes": "2"})
    sandbox.switch(webhook_data="absent")
    app.save("Customer", {**customer, "SyncToken": "2", "Notes": "3"})
    endpoint.do("settle")
    classic, empty, alternative, absent = (shape(post.content) for post in receiver.posts)
    for name in ("classic-java-sdk", "classic-vendor-customer", "classic-account-item"):
        assert classic == shape(sample(name))
    assert empty == shape(sample("cloudevents-account-created"))
    assert alternative == shape(sample("cloudevents-class-created"))
    assert absent == shape(sample("cloudevents-salesreceipt-updated"))


@pytest.mark.checklist(61)
def test_switches_for_what_the_samples_disagree_on(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver
) -> None:
    sandbox.switch(webhook_times="offset")
    sandbox.set_clock("2015-10-05T14:42:19-07:00")
    new(endpoint.person(app.realm))
    endpoint.do("settle")
    (entity,) = receiver.posts[0].content["eventNotifications"][0]["dataChangeEvent"]["entities"]
    assert entity["lastUpdated"] == "2015-10-05T14:42:19-0700"
    endpoint.register(form="cloudevents")
    for value, told in (("cloudevents", "cloudevents"), ("batch", "cloudevents-batch")):
        sandbox.switch(webhook_content_type=value)
        new(endpoint.person(app.realm), value)
        endpoint.do("settle")
        assert receiver.posts[-1].headers["content-type"] == f"application/{told}+json; charset=utf-8"


# --- which changes are events -----------------------------------------------------------------------------------------


@pytest.mark.checklist(61)
@pytest.mark.checklist(63)
def test_every_operation_of_an_invoice_is_told(
    endpoint: Endpoint, app: Accountant, customer: Json, line: Callable[..., Json]
) -> None:
    endpoint.register(form="both")
    form = {"CustomerRef": {"value": customer["Id"]}, "Line": [line(10)]}
    made = app.save("Invoice", form)
    changed = app.save("Invoice", {**made, "PrivateNote": "x"})
    app.call("POST", f"invoice/{made['Id']}/send", sendTo="ada@example.com")
    voided = app.void("Invoice", app.read("Invoice", made["Id"]))
    app.delete("Invoice", voided)
    assert changed["SyncToken"] == "1"
    came = [change for post in endpoint.came() for change in post if change[0].lower() == "invoice"]
    assert came == [
        (*entity, done)
        for past in (("Create", "created"), ("Update", "updated"), ("Emailed", "emailed"), ("Void", "voided"),
                     ("Delete", "deleted"))
        for entity, done in zip([("Invoice", made["Id"]), ("invoice", made["Id"])], past, strict=True)
    ]  # fmt: skip


@pytest.mark.checklist(61)
def test_only_chosen_entities_and_operations_are_told(endpoint: Endpoint, app: Accountant) -> None:
    endpoint.register(entities=["Customer", "Term"], operations=["Update"])
    customer = new(app)
    app.save("Customer", {**customer, "Notes": "x"})
    app.save("PaymentMethod", {"Name": "Barter"})
    assert endpoint.came() == [[("Customer", customer["Id"], "Update")]]
    endpoint.register(entities=None, operations=None)
    method = app.save("PaymentMethod", {"Name": "Shells"})
    assert endpoint.came()[1:] == [[("PaymentMethod", method["Id"], "Create")]]


@pytest.mark.checklist(61)
def test_what_webhooks_do_not_offer_is_not_told(sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant) -> None:
    company = app.read("CompanyInfo", "1")
    app.save("CompanyInfo", {**company, "LegalName": "x"})
    lines = [json.dumps({"Customer": {"Id": "900", "DisplayName": "Loaded"}}).encode()]
    sandbox.load(app.realm, lines)
    assert endpoint.came() == []


@pytest.mark.checklist(61)
def test_a_bump_by_a_payment_is_told_only_by_switch(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, invoice: Callable[..., Json], pay: Callable[..., Json]
) -> None:
    first, second = invoice(10), invoice(20)
    paid = pay(10, {first["Id"]: 10})
    assert endpoint.came()[3:] == [[("Payment", paid["Id"], "Create")]]
    sandbox.switch(webhook_linked=True)
    paid = pay(20, {second["Id"]: 20})
    assert endpoint.came()[4:] == [[("Invoice", second["Id"], "Update"), ("Payment", paid["Id"], "Create")]]


@pytest.mark.checklist(61)
@pytest.mark.parametrize(("value", "told"), [("update", "Update"), ("delete", "Delete")])
def test_a_deactivation_by_switch(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, value: str, told: str
) -> None:
    sandbox.switch(webhook_inactive=value)
    customer = new(app)
    app.save("Customer", {**customer, "Active": False})
    assert endpoint.came()[1:] == [[("Customer", customer["Id"], told)]]


@pytest.mark.checklist(61)
@pytest.mark.parametrize("loser", ["gone", "inactive"])
def test_a_merge_is_told_once_with_the_absorbed_id(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant, receiver: Receiver, loser: str
) -> None:
    sandbox.switch(merge_loser=loser)
    endpoint.register(form="both")
    kept, gone = new(app, "Kept"), new(app, "Gone")
    endpoint.came()
    receiver.clear()
    merge = {"entity": "Customer", "loser": gone["Id"], "survivor": kept["Id"]}
    sandbox.admin("POST", f"/companies/{app.realm}/merge", merge)
    assert endpoint.came() == [[("Customer", kept["Id"], "Merge")], [("customer", kept["Id"], "merged")]]
    (told,) = receiver.posts[0].content["eventNotifications"][0]["dataChangeEvent"]["entities"]
    assert told["deletedId"] == gone["Id"]
    assert receiver.posts[1].content[0]["data"] == {"deletedid": gone["Id"]}
    if FOLDER.is_dir():
        assert shape(receiver.posts[1].content) == shape(sample("cloudevents-customer-merged"))


@pytest.mark.checklist(63)
def test_an_apps_own_writes_echo_as_events_and_in_cdc(
    sandbox: RunningSandbox, endpoint: Endpoint, app: Accountant
) -> None:
    since = sandbox.admin("GET", "/clock")["now"]
    made = new(app)
    assert endpoint.came() == [[("Customer", made["Id"], "Create")]]
    assert [row["Id"] for row in app.cdc("Customer", since)[0]["Customer"]] == [made["Id"]]


@pytest.mark.checklist(61)
def test_only_companies_with_a_living_grant_are_told_of(
    sandbox: RunningSandbox, endpoint: Endpoint, realm: str, person: Accountant
) -> None:
    endpoint.register()
    new(person, "Before")
    app = endpoint.person(realm)
    new(person, "Meanwhile")
    elsewhere = sandbox.connect(sandbox.create_company())
    new(elsewhere)
    sandbox.send(
        "POST",
        "/v2/oauth2/tokens/revoke",
        json.dumps({"token": app.tokens["refresh_token"]}).encode(),
        {
            "Authorization": f"Basic {base64.b64encode(f'{endpoint.client_id}:s'.encode()).decode()}",
            "Content-Type": "application/json",
        },
    )
    new(person, "Afterwards")
    (posts,) = endpoint.came()
    assert len(posts) == 1
    assert person.read("Customer", posts[0][1])["DisplayName"] == "Meanwhile"


def test_a_refused_or_rolled_back_request_is_not_told(endpoint: Endpoint, app: Accountant) -> None:
    new(app)
    with pytest.raises(RefusedError, match="6240"):
        new(app)
    assert len(endpoint.came()) == 1


# --- registration -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/x", "http://example.com/", "http://10.0.0.1/", "http://0.0.0.0/", "http://localhost.evil/",
     "http://127.0.0.1.nip.io/", "file:///etc/hosts", "127.0.0.1:80", "", "http://[fe80::1]/", "http://1:99999999/"],
)  # fmt: skip
def test_endpoints_elsewhere_are_refused(endpoint: Endpoint, url: str) -> None:
    with pytest.raises(AdminError, match="400"):
        endpoint.register(url=url)


@pytest.mark.parametrize(
    "members",
    [{"url": 5}, {"form": "xml"}, {"entities": ["Attachable"]}, {"entities": "Customer"}, {"operations": ["Create", 1]},
     {"verifier_token": ""}, {"verifier_token": None}, {"seed": "x"}, {"colour": "red"}, {"client_id": "x"}],
)  # fmt: skip
def test_bad_registrations_are_refused(endpoint: Endpoint, members: Json) -> None:
    with pytest.raises(AdminError, match="400"):
        endpoint.register(**members)


def test_registrations_are_kept_changed_and_removed(sandbox: RunningSandbox, endpoint: Endpoint) -> None:
    with pytest.raises(AdminError, match="404"):
        endpoint.deliveries()
    registered = sandbox.admin("PUT", endpoint.path(), {"url": "http://localhost:1/x"})
    assert len(registered["verifier_token"]) == 36
    changed = sandbox.admin("PUT", endpoint.path(), {"url": "http://[::1]:1/x", "form": "cloudevents"})
    assert changed["verifier_token"] == registered["verifier_token"]
    assert sandbox.admin("GET", endpoint.path()) == changed
    sandbox.admin("DELETE", endpoint.path())
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/settle")):
        with pytest.raises(AdminError, match="404"):
            sandbox.admin(method, endpoint.path(path))
    with pytest.raises(AdminError, match="404"):
        sandbox.admin("PUT", "/webhooks/nobody", {"url": "http://127.0.0.1:1/"})
