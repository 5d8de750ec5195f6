"""OpenID Connect: who the person is, the signed ``id_token`` and the key to check it with (protocol.md 2.1, 2.4).

The sheets name the claims; the members of the userinfo answer are those of Intuit's OpenID page.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from syncd.sandbox.oauth import Grant
from syncd.sandbox.wire import Json, encode

ALGORITHM = "RS256"
CLAIMS = ("aud", "exp", "iat", "iss", "realmid", "sub")
SUBJECT = "9f1c2a44-6f0d-4b7e-9c1d-0d5f8e1b7a10"
"""The one person of the look-alike; the same for every app (subject type ``public``)."""

_LIVES = 3600
_KEY_BITS = 2048

_PERSON: dict[str, Json] = {
    "profile": {"givenName": "Sandy", "familyName": "Box"},
    "email": {"email": "sandy.box@example.com", "emailVerified": True},
    "phone": {"phoneNumber": "+1 555 0100", "phoneNumberVerified": True},
    "address": {
        "address": {
            "streetAddress": "2500 Garcia Ave",
            "locality": "Mountain View",
            "region": "CA",
            "postalCode": "94043",
            "country": "US",
        }
    },
}


def issuer(base_url: str) -> str:
    """The ``iss`` of this server, as its discovery document names it."""
    return f"{base_url}/op/v1"


def person(grant: Grant) -> Json:
    """The userinfo answer: always ``sub``, the rest by the scopes of the grant."""
    known: Json = {"sub": SUBJECT}
    for scope, members in _PERSON.items():
        if scope in grant.scopes:
            known |= members
    return known


class Signer:
    """Signs id_tokens; the key is made when the first one is wanted and lives as long as the process."""

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)

    @cached_property
    def _kid(self) -> str:
        return hashlib.sha256(_bytes(self._numbers.n)).hexdigest()[:16]

    @property
    def _numbers(self) -> rsa.RSAPublicNumbers:
        return self._key.public_key().public_numbers()

    def token(self, grant: Grant, base_url: str, now: float) -> str:
        """A JWT that says who consented to what."""
        claims: dict[str, Any] = {
            "sub": SUBJECT,
            "aud": [grant.client_id],
            "iss": issuer(base_url),
            "iat": int(now),
            "exp": int(now) + _LIVES,
            "auth_time": int(grant.consented),
        }
        if grant.realm:
            claims["realmid"] = grant.realm
        head = {"kid": self._kid, "typ": "JWT", "alg": ALGORITHM}
        signed = b".".join(_base64(encode(part)) for part in (head, claims))
        signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return (signed + b"." + _base64(signature)).decode()

    def keys(self) -> Json:
        """The JWK set of ``jwks_uri``."""
        numbers = self._numbers
        n, e = (_base64(_bytes(number)).decode() for number in (numbers.n, numbers.e))
        return {"keys": [{"kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": self._kid, "n": n, "e": e}]}


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
