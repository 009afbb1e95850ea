"""RSA keys, made once a process: the tenant's own, and the one that its client has registered."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)

TENANT_KEY_ID = "emulator-tenant-key"
CLIENT_KEY_ID = "emulator-client-key"

Made = TypeVar("Made")


def once(make: Callable[[], Made]) -> Callable[[], Made]:
    """
    Make something once a process, whoever asks first.

    A cache alone would let several threads make several at once, and keep the last: several tenants of one process
    would have signed their first tokens with keys that nobody knows.
    """
    made, lock = functools.cache(make), threading.Lock()

    @functools.wraps(make)
    def whole() -> Made:
        with lock:
            return made()

    return whole


@once
def tenant_key() -> RSAPrivateKey:
    """Return the key that signs access tokens and ID tokens."""
    return generate_private_key(public_exponent=65537, key_size=2048)


@once
def client_key() -> RSAPrivateKey:
    """Return the key whose public half the client has registered for ``private_key_jwt``."""
    return generate_private_key(public_exponent=65537, key_size=2048)


@once
def client_key_pem() -> str:
    """Return the client's private key as PEM."""
    return (
        client_key()
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode()
    )


def jwks() -> dict[str, Any]:
    """Return the tenant's public key as ``/.well-known/jwks.json`` has it."""
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(tenant_key().public_key()))
    shown = {key: public[key] for key in ("kty", "n", "e")}
    return {"keys": [{**shown, "kid": TENANT_KEY_ID, "alg": "RS256", "use": "sig"}]}


def claims_of(token: str, key: RSAPublicKey, algorithms: Sequence[str]) -> dict[str, Any]:
    """
    Verify a token's signature, nothing else: its claims are judged by the tenant's own clock.

    :raises jwt.InvalidTokenError: when it was not signed by *key*
    """
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=list(algorithms),
        options={
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
            "verify_aud": False,
            "verify_iss": False,
            "verify_sub": False,
            "verify_jti": False,
        },
    )
    return claims
