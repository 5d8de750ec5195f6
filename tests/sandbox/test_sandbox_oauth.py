"""Consent, tokens, rotation, revocation and the gateway's refusals (protocol.md 2, 9.4)."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from syncd.sandbox.server import Accountant, RefusedError, RunningSandbox
from syncd.sandbox.world import DEFAULT_CLIENT, DEFAULT_SECRET

Json = dict[str, Any]
DAY = 86_400


def basic(client: str = DEFAULT_CLIENT, secret: str = DEFAULT_SECRET) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()}


def token_call(sandbox: RunningSandbox, headers: dict[str, str] | None = None, **form: str) -> tuple[int, Json]:
    sent = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    sent |= basic() if headers is None else headers
    status, answered, body = sandbox.send("POST", "/oauth2/v1/tokens/bearer", urlencode(form).encode(), sent)
    assert answered["intuit_tid"]
    assert "no-store" in answered["cache-control"]
    return status, json.loads(body)


def refresh(sandbox: RunningSandbox, token: str) -> tuple[int, Json]:
    return token_call(sandbox, grant_type="refresh_token", refresh_token=token)


def authorize(sandbox: RunningSandbox, **params: str) -> tuple[int, dict[str, str], bytes]:
    asked = {
        "client_id": DEFAULT_CLIENT,
        "response_type": "code",
        "scope": "com.intuit.quickbooks.accounting",
        "redirect_uri": "http://localhost:8000/callback",
        "state": "s3cret&more",
        **params,
    }
    return sandbox.send("GET", f"/connect/oauth2?{urlencode(asked)}")


def callback(headers: dict[str, str]) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(headers["location"]).query).items()}


def as_401(person: Accountant) -> Json:
    with pytest.raises(RefusedError) as caught:
        person.query("select * from Item")
    assert caught.value.status == 401
    return caught.value.body


@pytest.mark.checklist(25)
def test_an_access_token_dies_after_an_hour(sandbox: RunningSandbox, person: Accountant, realm: str) -> None:
    assert person.tokens["expires_in"] == 3600
    sandbox.advance(3590)
    assert person.query("select * from Item")
    sandbox.advance(11)
    body = as_401(person)
    assert body["fault"]["type"] == "AUTHENTICATION"
    (error,) = body["fault"]["error"]
    assert error["code"] == "3200"
    assert error["detail"] == "Token expired"
    assert error["message"] == "message=AuthenticationFailed; errorCode=003200; statusCode=401"
    assert isinstance(body["time"], int)
    headers = {"Authorization": "Bearer short", "Accept": "application/json"}
    status, answered, raw = sandbox.send("GET", f"/v3/company/{realm}/companyinfo/{realm}", None, headers)
    assert status == 401
    assert answered["www-authenticate"] == 'Bearer realm="Intuit", error="invalid_token"'
    assert b"Malformed bearer token: too short or too long" in raw
    assert sandbox.send("GET", f"/v3/company/{realm}/companyinfo/{realm}")[0] == 401


@pytest.mark.checklist(26)
def test_refresh_keeps_the_token_for_a_day_and_then_changes_it(sandbox: RunningSandbox, realm: str) -> None:
    sandbox.set_speed(0)
    first = sandbox.tokens(realm)
    sandbox.advance(DAY - 60)
    status, same = refresh(sandbox, first["refresh_token"])
    assert status == 200
    assert same["refresh_token"] == first["refresh_token"]
    assert same["access_token"] != first["access_token"]
    assert (same["token_type"], same["expires_in"], same["x_refresh_token_expires_in"]) == ("bearer", 3600, 8726400)
    assert "realmId" not in same
    sandbox.advance(120)
    status, new = refresh(sandbox, first["refresh_token"])
    assert new["refresh_token"] != first["refresh_token"]
    assert refresh(sandbox, new["refresh_token"])[1]["refresh_token"] == new["refresh_token"]


@pytest.mark.checklist(27)
@pytest.mark.checklist(28)
@pytest.mark.parametrize("grace", ["0", "24h", "revoke-on-reuse"])
def test_a_superseded_refresh_token(sandbox: RunningSandbox, realm: str, grace: str) -> None:
    sandbox.switch(refresh_grace=grace)
    old = sandbox.tokens(realm)["refresh_token"]
    sandbox.advance(DAY + 1)
    new = refresh(sandbox, old)[1]["refresh_token"]
    status, answer = refresh(sandbox, old)
    if grace == "24h":
        assert (status, answer["refresh_token"]) == (200, new)
        sandbox.advance(DAY)
        status, answer = refresh(sandbox, old)
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert answer["error_description"]
    assert refresh(sandbox, new)[0] == (400 if grace == "revoke-on-reuse" else 200)


@pytest.mark.checklist(28)
def test_what_the_token_endpoint_refuses(sandbox: RunningSandbox, realm: str) -> None:
    tokens = sandbox.tokens(realm)
    assert refresh(sandbox, "RT1-nonsense") == (
        400,
        {"error": "invalid_grant", "error_description": "Incorrect Token type or clientID"},
    )
    assert refresh(sandbox, tokens["access_token"])[1]["error"] == "invalid_grant"
    assert refresh(sandbox, tokens["refresh_token"])[0] == 200  # a wrong one does not use up the real one
    wrong = token_call(sandbox, basic(secret="x"), grant_type="refresh_token", refresh_token="y")
    assert wrong == (401, {"error": "invalid_client"})
    assert token_call(sandbox, {}, grant_type="refresh_token")[1] == {"error": "invalid_client"}
    assert token_call(sandbox, grant_type="password")[1] == {"error": "unsupported_grant_type"}
    by_post = {"client_id": DEFAULT_CLIENT, "client_secret": DEFAULT_SECRET}
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert token_call(sandbox, {}, **form, **by_post)[0] == 200
    sandbox.advance(102 * DAY)
    assert refresh(sandbox, tokens["refresh_token"])[1]["error"] == "invalid_grant"


@pytest.mark.checklist(29)
@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_revoking_either_token_ends_the_grant(sandbox: RunningSandbox, person: Accountant, which: str) -> None:
    body = json.dumps({"token": person.tokens[which]}).encode()
    headers = {**basic(), "Content-Type": "application/json", "Accept": "application/json"}
    status, _, answer = sandbox.send("POST", "/v2/oauth2/tokens/revoke", body, headers)
    assert (status, answer) == (200, b"")
    as_401(person)
    assert refresh(sandbox, person.tokens["refresh_token"])[1]["error"] == "invalid_grant"


def test_a_disconnected_company_refuses_its_tokens(sandbox: RunningSandbox, person: Accountant) -> None:
    sandbox.admin("POST", f"/companies/{person.realm}/disconnect")
    as_401(person)
    assert refresh(sandbox, person.tokens["refresh_token"])[0] == 400


@pytest.mark.checklist(30)
@pytest.mark.checklist(31)
def test_consent_gives_a_code_that_works_once(sandbox: RunningSandbox, realm: str) -> None:
    status, headers, page = authorize(sandbox)
    assert status == 200
    assert headers["x-frame-options"] == "DENY"
    assert realm.encode() in page
    status, headers, _ = authorize(sandbox, realm=realm, decision="connect")
    assert status == 302
    back = callback(headers)
    assert (back["realmId"], back["state"]) == (realm, "s3cret&more")
    assert len(back["code"]) <= 512

    def exchange(uri: str) -> tuple[int, Json]:
        return token_call(sandbox, grant_type="authorization_code", code=back["code"], redirect_uri=uri)

    wrong = exchange("http://localhost:8000/other")
    assert wrong[1]["error"] == "invalid_grant"
    status, tokens = exchange("http://localhost:8000/callback")
    assert status == 200
    person = Accountant(sandbox, realm, tokens)
    assert person.query("select * from Item")
    again = exchange("http://localhost:8000/callback")
    assert again[1]["error"] == "invalid_grant"


@pytest.mark.checklist(31)
def test_refusing_consent_or_asking_for_a_wrong_scope(sandbox: RunningSandbox, realm: str) -> None:
    _, headers, _ = authorize(sandbox, decision="deny")
    assert callback(headers) == {"error": "access_denied", "state": "s3cret&more"}
    _, headers, _ = authorize(sandbox, scope="everything", realm=realm, decision="connect")
    assert callback(headers)["error"] == "invalid_scope"


@pytest.mark.checklist(32)
def test_a_token_of_another_company_is_403_with_code_3100(sandbox: RunningSandbox, person: Accountant) -> None:
    other = Accountant(sandbox, sandbox.create_company(), person.tokens)
    with pytest.raises(RefusedError) as caught:
        other.query("select * from Item")
    assert caught.value.status == 403
    assert caught.value.body["fault"]["type"] == "SERVICE"
    (error,) = caught.value.body["fault"]["error"]
    assert (error["code"], error["detail"]) == ("3100", None)


@pytest.mark.checklist(33)
def test_the_hard_expiry_shows_only_when_asked_and_stops_the_idle_one(sandbox: RunningSandbox, realm: str) -> None:
    sandbox.set_speed(0)
    tokens = sandbox.tokens(realm)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    opted = {**basic(), "x-include-refresh-token-hard-expires-in": "true"}
    assert token_call(sandbox, opted, **form)[1]["x_refresh_token_hard_expires_in"] == 157680000
    assert "x_refresh_token_hard_expires_in" not in token_call(sandbox, **form)[1]
    for _ in range(18):  # five years in steps of a hundred days
        sandbox.advance(100 * DAY)
        status, answer = refresh(sandbox, form["refresh_token"])
        assert status == 200
        form["refresh_token"] = answer["refresh_token"]
    assert answer["x_refresh_token_expires_in"] == 5 * 365 * DAY - 1800 * DAY
    sandbox.advance(26 * DAY)
    assert refresh(sandbox, form["refresh_token"])[1]["error"] == "invalid_grant"


@pytest.mark.checklist(34)
def test_redirect_uris_match_exactly_once_registered(sandbox: RunningSandbox, realm: str) -> None:
    uri = "https://app.example/callback"
    sandbox.admin("POST", "/apps", {"client_id": "mine", "client_secret": "m", "redirect_uris": [uri]})
    assert authorize(sandbox, client_id="mine", redirect_uri=uri, realm=realm, decision="connect")[0] == 302
    for wrong in (uri + "/", uri + "?a=1", uri.upper()):
        assert authorize(sandbox, client_id="mine", redirect_uri=wrong, realm=realm, decision="connect")[0] == 400
    assert authorize(sandbox, client_id="unknown")[0] == 400
    issued = sandbox.tokens(realm, client_id="mine")
    foreign = token_call(sandbox, grant_type="refresh_token", refresh_token=issued["refresh_token"])
    assert foreign[1] == {"error": "invalid_grant", "error_description": "Incorrect Token type or clientID"}


class _Form(HTMLParser):
    """The consent form as a browser would send it."""

    def __init__(self) -> None:
        super().__init__()
        self.action = self.method = ""
        self.fields: dict[str, str] = {}
        self.choices: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action, self.method = found["action"], found["method"]
        elif tag == "input" and found["type"] == "hidden":
            self.fields[found["name"]] = found["value"]
        elif tag in ("input", "button"):
            self.choices.setdefault(found["name"], []).append(found["value"])


@pytest.mark.checklist(31)
def test_the_consent_page_is_a_form_that_works_without_scripts(sandbox: RunningSandbox, realm: str) -> None:
    other = sandbox.create_company(name='<b>"Bob" & Sons</b>')
    _, headers, page = authorize(sandbox, state='"><script>')
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert b"<script" not in page
    assert b"<b>" not in page
    form = _Form()
    form.feed(page.decode())
    assert (form.method, form.choices["decision"]) == ("get", ["connect", "deny"])
    assert {realm, other} <= set(form.choices["realm"])
    sent = urlencode({**form.fields, "realm": other, "decision": "connect"})
    status, headers, _ = sandbox.send("GET", f"{form.action}?{sent}")
    assert status == 302
    back = callback(headers)
    assert (back["realmId"], back["state"]) == (other, '"><script>')
    posted = {"Content-Type": "application/x-www-form-urlencoded"}
    status, headers, _ = sandbox.send("POST", form.action, f"{sent}&decision=deny".encode(), posted)
    assert (status, callback(headers)["realmId"]) == (302, other)
    _, headers, _ = authorize(sandbox, realm="1", decision="connect")
    assert "location" not in headers  # no such company: the page again


@pytest.mark.checklist(30)
def test_a_code_dies_soon_and_a_second_use_ends_its_tokens(sandbox: RunningSandbox, realm: str) -> None:
    sandbox.set_speed(0)

    def exchange(code: str, headers: dict[str, str] | None = None) -> tuple[int, Json]:
        uri = "http://localhost:8000/callback"
        return token_call(sandbox, headers, grant_type="authorization_code", redirect_uri=uri, code=code)

    def code() -> str:
        return callback(authorize(sandbox, realm=realm, decision="connect")[1])["code"]

    fresh = code()
    sandbox.advance(299)
    assert exchange(fresh)[0] == 200
    sandbox.switch(code_seconds=60)
    late = code()
    sandbox.advance(60)
    assert exchange(late)[1]["error"] == "invalid_grant"
    for reuse, alive in (("revoke", 400), ("keep", 200)):
        sandbox.switch(code_reuse=reuse)
        twice = code()
        tokens = exchange(twice)[1]
        assert exchange(twice)[1]["error"] == "invalid_grant"
        assert refresh(sandbox, tokens["refresh_token"])[0] == alive
    sandbox.admin("POST", "/apps", {"client_id": "thief", "client_secret": "t"})
    assert exchange(code(), basic("thief", "t"))[1]["error"] == "invalid_grant"


@pytest.mark.checklist(28)
def test_the_texts_and_the_status_of_refusals_can_be_chosen(sandbox: RunningSandbox, realm: str) -> None:
    token = sandbox.tokens(realm)["refresh_token"]
    sandbox.advance(102 * DAY)
    for text, wanted in (
        ("invalid", {"error_description": "Incorrect or invalid refresh token"}),
        ("token", {"error_description": "Token invalid"}),
        ("none", {}),
    ):
        sandbox.switch(invalid_grant_text=text)
        assert refresh(sandbox, token) == (400, {"error": "invalid_grant", **wanted})
    sandbox.switch(invalid_client_status="400")
    assert token_call(sandbox, basic(secret="x"), grant_type="refresh_token") == (400, {"error": "invalid_client"})


def test_token_calls_in_a_wrong_form(sandbox: RunningSandbox, realm: str) -> None:
    for method in ("GET", "PUT"):
        status, _, body = sandbox.send(method, "/oauth2/v1/tokens/bearer", None, basic())
        assert (status, json.loads(body)["error"]) == (405, "invalid_request")
    body = json.dumps({"grant_type": "refresh_token"}).encode()
    status, _, answer = sandbox.send(
        "POST", "/oauth2/v1/tokens/bearer", body, {**basic(), "Content-Type": "application/json"}
    )
    assert (status, json.loads(answer)["error"]) == (400, "invalid_request")
    assert token_call(sandbox, {"Authorization": "Basic ###"}, grant_type="refresh_token")[0] == 401
    assert token_call(sandbox, grant_type="refresh_token")[1]["error"] == "invalid_request"
    assert token_call(sandbox, grant_type="authorization_code")[1]["error"] == "invalid_request"


@pytest.mark.checklist(29)
def test_revoking_takes_the_apps_own_tokens_in_json_or_as_a_form(sandbox: RunningSandbox, realm: str) -> None:
    def revoke(body: bytes, kind: str, app: dict[str, str]) -> int:
        return sandbox.send("POST", "/v2/oauth2/tokens/revoke", body, {**app, "Content-Type": kind})[0]

    sandbox.admin("POST", "/apps", {"client_id": "other", "client_secret": "o"})
    tokens = sandbox.tokens(realm)
    as_json = json.dumps({"token": tokens["refresh_token"]}).encode()
    form = urlencode({"token": tokens["access_token"]}).encode()
    assert revoke(as_json, "application/json", basic("other", "o")) == 400
    assert revoke(as_json, "application/json", basic(secret="x")) == 401
    assert refresh(sandbox, tokens["refresh_token"])[0] == 200
    assert revoke(form, "application/x-www-form-urlencoded", basic()) == 200
    assert refresh(sandbox, tokens["refresh_token"])[0] == 400
    for nonsense in (b"", b"{", b"[]", b'{"token": "x"}', b"[" * 100_000):
        assert revoke(nonsense, "application/json", basic()) == 400


def test_discovery_names_this_server(sandbox: RunningSandbox) -> None:
    documents = []
    for name in ("openid_configuration", "openid_sandbox_configuration"):
        status, _, body = sandbox.send("GET", f"/.well-known/{name}")
        assert status == 200
        documents.append(json.loads(body))
    assert documents[0] == documents[1]
    found = documents[0]
    assert found["token_endpoint"] == f"{sandbox.base_url}/oauth2/v1/tokens/bearer"
    assert found["revocation_endpoint"] == f"{sandbox.base_url}/v2/oauth2/tokens/revoke"
    assert found["authorization_endpoint"] == f"{sandbox.base_url}/connect/oauth2"
    assert found["response_types_supported"] == ["code"]
    assert found["id_token_signing_alg_values_supported"] == ["RS256"]
    assert found["scopes_supported"] == ["openid", "email", "profile", "address", "phone"]
    assert found["token_endpoint_auth_methods_supported"] == ["client_secret_post", "client_secret_basic"]
    assert found["claims_supported"] == ["aud", "exp", "iat", "iss", "realmid", "sub"]


def test_userinfo_tells_what_the_scopes_allow(sandbox: RunningSandbox, realm: str) -> None:
    def tokens(scope: str) -> Json:
        _, headers, _ = authorize(sandbox, scope=scope, realm=realm, decision="connect")
        uri, code = "http://localhost:8000/callback", callback(headers)["code"]
        return token_call(sandbox, grant_type="authorization_code", redirect_uri=uri, code=code)[1]

    def userinfo(found: Json) -> tuple[int, Json]:
        headers = {"Authorization": f"Bearer {found['access_token']}"}
        status, _, body = sandbox.send("GET", "/v1/openid_connect/userinfo", None, headers)
        return status, json.loads(body)

    books = tokens("com.intuit.quickbooks.accounting")
    assert "id_token" not in books
    assert userinfo(books)[0] == 403
    person = tokens("openid email")
    assert person["id_token"].count(".") == 2
    status, told = userinfo(person)
    assert (status, set(told)) == (200, {"sub", "email", "emailVerified"})
    everything = tokens("openid profile email phone address com.intuit.quickbooks.accounting")
    assert {"givenName", "phoneNumber", "address"} <= userinfo(everything)[1].keys()
    with pytest.raises(RefusedError) as caught:  # a person is not yet a company
        Accountant(sandbox, realm, person).query("select * from Term")
    assert (caught.value.status, caught.value.code) == (403, "3100")
    assert Accountant(sandbox, realm, everything).query("select * from Term")
    sandbox.advance(3601)
    assert userinfo(everything)[0] == 401


def test_a_sign_in_without_books_has_no_company(sandbox: RunningSandbox, realm: str) -> None:
    _, headers, page = authorize(sandbox, scope="openid")
    assert realm.encode() not in page
    _, headers, _ = authorize(sandbox, scope="openid", decision="connect")
    assert callback(headers).keys() == {"code", "state"}
    _, headers, _ = authorize(sandbox, response_type="token")
    assert callback(headers)["error"] == "unsupported_response_type"
