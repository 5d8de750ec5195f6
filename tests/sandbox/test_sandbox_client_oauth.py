"""intuit-oauth, Intuit's own library, unmodified but for the address of the discovery document."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError
from intuitlib.utils import validate_id_token

from syncd.sandbox.server import RunningSandbox
from tests.sandbox.office import DISCOVERY, REDIRECT

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")  # inside the library
BOTH = [Scopes.ACCOUNTING, Scopes.OPENID, Scopes.EMAIL, Scopes.PROFILE]


@pytest.fixture
def auth(sandbox: RunningSandbox) -> Iterator[AuthClient]:
    with AuthClient("sandbox-client", "sandbox-secret", REDIRECT, f"{sandbox.base_url}{DISCOVERY}") as client:
        yield client


def consent(url: str, **choice: str) -> dict[str, str]:
    """Follow the authorization address without a browser: the parameters of the callback."""
    extra = "".join(f"&{name}={value}" for name, value in choice.items())
    answer = requests.get(url + extra, allow_redirects=False, timeout=10)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"{REDIRECT}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def connect(auth: AuthClient, realm: str, scopes: list[Scopes] | None = None) -> None:
    url = auth.get_authorization_url(scopes or [Scopes.ACCOUNTING])
    back = consent(url, realm=realm, decision="connect")
    auth.get_bearer_token(back["code"], realm_id=back["realmId"])


def company_name(sandbox: RunningSandbox, auth: AuthClient) -> requests.Response:
    return requests.get(
        f"{sandbox.base_url}/v3/company/{auth.realm_id}/companyinfo/{auth.realm_id}",
        headers={"Authorization": f"Bearer {auth.access_token}", "Accept": "application/json"},
        timeout=10,
    )


def test_the_discovery_document_has_what_the_library_reads(sandbox: RunningSandbox, auth: AuthClient) -> None:
    for address in (auth.auth_endpoint, auth.token_endpoint, auth.revoke_endpoint, auth.jwks_uri, auth.user_info_url):
        assert address.startswith(f"{sandbox.base_url}/")


@pytest.mark.checklist(31)
def test_connect_and_use_a_company(sandbox: RunningSandbox, auth: AuthClient, realm: str) -> None:
    url = auth.get_authorization_url([Scopes.ACCOUNTING], state_token="state+with/chars=")
    back = consent(url, realm=realm, decision="connect")
    assert back.keys() == {"code", "state", "realmId"}
    assert (back["state"], back["realmId"]) == ("state+with/chars=", realm)
    auth.get_bearer_token(back["code"], realm_id=realm)
    assert (auth.expires_in, auth.x_refresh_token_expires_in, auth.id_token) == (3600, 8726400, None)
    assert company_name(sandbox, auth).json()["CompanyInfo"]["Id"] == "1"


@pytest.mark.checklist(31)
def test_denial(auth: AuthClient, realm: str) -> None:
    back = consent(auth.get_authorization_url([Scopes.ACCOUNTING]), decision="deny")
    assert back == {"error": "access_denied", "state": auth.state_token}


def test_a_page_is_shown_where_nothing_is_chosen_yet(auth: AuthClient, realm: str) -> None:
    page = requests.get(auth.get_authorization_url(BOTH), timeout=10)
    assert (page.status_code, realm in page.text) == (200, True)


@pytest.mark.checklist(30)
def test_a_code_serves_once(auth: AuthClient, realm: str) -> None:
    back = consent(auth.get_authorization_url([Scopes.ACCOUNTING]), realm=realm, decision="connect")
    auth.get_bearer_token(back["code"])
    with pytest.raises(AuthClientError) as caught:
        auth.get_bearer_token(back["code"])
    assert caught.value.status_code == 400
    assert b"invalid_grant" in caught.value.content
    assert caught.value.intuit_tid


@pytest.mark.checklist(26)
def test_refresh_keeps_then_replaces_the_refresh_token(sandbox: RunningSandbox, auth: AuthClient, realm: str) -> None:
    connect(auth, realm)
    first, access = auth.refresh_token, auth.access_token
    sandbox.advance(3601)
    assert company_name(sandbox, auth).status_code == 401
    auth.refresh()
    assert auth.refresh_token == first
    assert auth.access_token != access
    assert company_name(sandbox, auth).status_code == 200
    sandbox.advance(86_400)
    auth.refresh()
    assert auth.refresh_token != first
    with pytest.raises(AuthClientError) as caught:
        auth.refresh(refresh_token=first)
    assert caught.value.status_code == 400
    assert b"invalid_grant" in caught.value.content


@pytest.mark.checklist(29)
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_revoke(sandbox: RunningSandbox, auth: AuthClient, realm: str, kind: str) -> None:
    connect(auth, realm)
    assert auth.revoke(token=getattr(auth, kind)) is True
    assert company_name(sandbox, auth).status_code == 401
    with pytest.raises(AuthClientError) as caught:
        auth.refresh()
    assert b"invalid_grant" in caught.value.content


def test_wrong_credentials(sandbox: RunningSandbox, auth: AuthClient, realm: str) -> None:
    connect(auth, realm)
    auth.client_secret = "wrong"
    with pytest.raises(AuthClientError) as caught:
        auth.refresh()
    assert caught.value.status_code == 401
    assert b"invalid_client" in caught.value.content


def test_user_info_and_the_id_token(auth: AuthClient, realm: str) -> None:
    connect(auth, realm, BOTH)
    assert auth.id_token, "the library keeps only an id token that it found good"
    assert validate_id_token(auth.id_token, auth.client_id, auth.issuer_uri, auth.jwks_uri)
    assert not validate_id_token(auth.id_token, "another-app", auth.issuer_uri, auth.jwks_uri)
    head, payload, signature = auth.id_token.split(".")
    forged = ".".join((head, payload, signature[::-1]))
    assert not validate_id_token(forged, auth.client_id, auth.issuer_uri, auth.jwks_uri)
    told = auth.get_user_info().json()
    assert {"sub", "email", "emailVerified", "givenName", "familyName"} <= told.keys()
    with pytest.raises(AuthClientError) as caught:
        auth.get_user_info(access_token="nonsense")
    assert caught.value.status_code == 401
