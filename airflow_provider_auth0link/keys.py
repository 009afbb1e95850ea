"""Keys as people paste them: an RSA key in PEM, Fernet keys."""

from __future__ import annotations

import re
from contextlib import suppress

from airflow_provider_auth0link.errors import SettingsError

SIGNING_ALGORITHMS = ("RS256", "RS384", "PS256")
"""What Auth0 takes for ``private_key_jwt`` (docs: authenticate with private key JWT)."""


def rsa_pem(text: str, name: str) -> str:
    """Mend a PEM and prove that it is an RSA key, so that a bad one is refused before any request."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem, key = mended_pem(text), None
    with suppress(ValueError, TypeError, UnsupportedAlgorithm):
        key = load_pem_private_key(pem.encode("ascii"), password=None)
    if key is None:
        raise SettingsError(f"extra {name} is no readable private key. Give an unencrypted RSA key as PEM")
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError(f"extra {name} is no RSA key. Auth0 takes RSA: {', '.join(SIGNING_ALGORITHMS)}")
    return pem


def mended_pem(text: str) -> str:
    r"""Restore the newlines of a PEM that became spaces (a single-line box) or a literal ``\n``."""
    flat = text.replace("\\r", "").replace("\\n", "\n").strip()
    whole = re.fullmatch(r"-----BEGIN ([A-Z ]+)-----(.+?)-----END \1-----", flat, flags=re.DOTALL)
    if not whole:
        return flat
    label, body = whole[1], re.sub(r"\s+", "", whole[2])
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def is_fernet_key(key: str) -> bool:
    """Tell whether a text is a Fernet key."""
    from cryptography.fernet import Fernet

    with suppress(ValueError):
        return bool(Fernet(key))
    return False
