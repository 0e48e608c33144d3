"""Signs people in at an OpenID provider: authorization code flow with PKCE, state and nonce.

The OAuth part is Authlib's, the ID token's signature is checked by joserfc, against the keys that
the provider publishes. What is to be remembered between leaving and coming back travels in a
signed cookie of ten minutes. Any failure is OidcError: the door stays shut.
"""

import json
import secrets
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from sidespool_collector.auth.person import OidcError, Person, person_of
from sidespool_collector.auth.session import sign, unsign

ANSWER_S = 15.0
TRIP_MS = 600_000
ALGORITHMS = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "Ed25519",
    "EdDSA",
]
LEEWAY_S = 60
SCOPE = "openid email profile"


class Trip(msgspec.Struct):
    """What must be the same when a person comes back."""

    state: str
    nonce: str
    verifier: str
    ends_ms: int


class OidcDoor:
    """One provider. `redirect_uri` is this collector's callback, as registered there."""

    def __init__(self, issuer: str, client_id: str, secret: str) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._secret = secret
        self._known: dict[str, Any] = {}

    async def leave(self, key: str, redirect_uri: str, now_ms: int) -> tuple[str, str]:
        """Where to send a person, and the cookie to give them. Raises OidcError."""
        trip = Trip(
            secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48),
            now_ms + TRIP_MS,
        )  # fmt: skip
        provider = await self._provider()
        async with self._client(redirect_uri) as client:
            url, _ = client.create_authorization_url(
                provider["authorization_endpoint"], state=trip.state, nonce=trip.nonce,
                code_verifier=trip.verifier,
            )  # fmt: skip
        return str(url), sign(key, msgspec.json.encode(trip).decode())

    async def come_back(
        self, key: str, cookie: str, redirect_uri: str, query: dict[str, str], now_ms: int
    ) -> Person:
        """The person who comes back with a code. Raises OidcError."""
        trip = _trip(key, cookie, now_ms)
        if not secrets.compare_digest(query.get("state", "").encode(), trip.state.encode()):
            raise OidcError("the state is not the one that was given out")
        if "code" not in query:
            raise OidcError(f"the provider said {query.get('error', 'nothing')[:60]!r}")
        provider = await self._provider()
        try:
            async with self._client(redirect_uri) as client:
                token = await client.fetch_token(
                    provider["token_endpoint"], code=query["code"], code_verifier=trip.verifier
                )
                claims = await self._claims(client, str(token.get("id_token", "")), trip.nonce)
                if "email" not in claims and "userinfo_endpoint" in provider:
                    claims = await _with_profile(client, provider["userinfo_endpoint"], claims)
        except (httpx.HTTPError, AuthlibBaseError, JoseError, ValueError, KeyError) as error:
            raise OidcError(f"{type(error).__name__}: {str(error)[:200]}") from None
        person = person_of(claims)
        if person is None:
            raise OidcError("the provider named nobody")
        return person

    def _client(self, redirect_uri: str) -> Any:
        return AsyncOAuth2Client(
            self._client_id, self._secret or None, scope=SCOPE, redirect_uri=redirect_uri,
            code_challenge_method="S256", timeout=ANSWER_S,
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
        )  # fmt: skip

    async def _provider(self) -> dict[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0), asked once."""
        if not self._known:
            found = await self._get(f"{self._issuer}/.well-known/openid-configuration")
            if found.get("issuer", "").rstrip("/") != self._issuer:
                raise OidcError("the provider names another issuer")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not is_allowed_url(str(found.get(name, ""))):
                    raise OidcError(f"the provider's {name} is not usable")
            self._known = found
        return self._known

    async def _get(self, url: str) -> dict[str, Any]:
        try:
            async with httpx.AsyncClient(timeout=ANSWER_S) as client:
                answer = (await client.get(url)).raise_for_status()
                found: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise OidcError(f"the provider does not answer: {type(error).__name__}") from None
        return found

    async def _claims(self, client: Any, id_token: str, nonce: str) -> dict[str, object]:
        provider = await self._provider()
        keys = KeySet.import_key_set(await self._get(provider["jwks_uri"]))  # type: ignore[arg-type]  # checked within
        found = jwt.decode(id_token, keys, algorithms=ALGORITHMS)
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": provider["issuer"]},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(found.claims)
        audience = found.claims["aud"]
        party = found.claims.get("azp", self._client_id if isinstance(audience, str) else None)
        if isinstance(audience, list) and len(audience) > 1 and party != self._client_id:
            raise OidcError("the token was made for another party")
        return dict(found.claims)


def is_allowed_url(url: str) -> bool:
    """https, or http on this machine."""
    parts = urlsplit(url)
    is_here = parts.hostname in ("127.0.0.1", "::1", "localhost")
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_here)
    )


async def _with_profile(client: Any, url: str, claims: dict[str, object]) -> dict[str, object]:
    answer = (await client.get(url)).raise_for_status()
    more = answer.json()
    if more.get("sub") != claims.get("sub"):
        raise OidcError("the profile is of somebody else")
    return {**more, **claims}


def _trip(key: str, cookie: str, now_ms: int) -> Trip:
    value = unsign(key, cookie)
    try:
        trip = msgspec.json.decode(value or "", type=Trip)
    except (msgspec.MsgspecError, json.JSONDecodeError):
        raise OidcError("nobody left from here with this cookie") from None
    if now_ms >= trip.ends_ms:
        raise OidcError("it took too long")
    return trip
