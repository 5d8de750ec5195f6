"""Consent, tokens, rotation, revocation and the gateway's refusals (protocol.md 2, 9.4)."""

from __future__ import annotations

import base64
import json
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
    form = {"grant_type": "authorization_code", "code": back["code"]}
    wrong = token_call(sandbox, **form, redirect_uri="http://localhost:8000/other")
    assert wrong[1]["error"] == "invalid_grant"
    status, tokens = token_call(sandbox, **form, redirect_uri="http://localhost:8000/callback")
    assert status == 200
    person = Accountant(sandbox, realm, tokens)
    assert person.query("select * from Item")
    again = token_call(sandbox, **form, redirect_uri="http://localhost:8000/callback")
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
