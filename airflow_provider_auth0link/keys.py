"""Keys as people paste them: an RSA key in PEM, Fernet keys."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Sequence
from contextlib import suppress

from airflow_provider_auth0link.errors import InputError, SettingsError

SIGNING_ALGORITHMS = ("RS256", "RS384", "PS256")
"""What Auth0 takes for ``private_key_jwt`` (docs: authenticate with private key JWT)."""

_GZIP = b"\x1f\x8b"
"""How gzip begins (RFC 1952); an encrypted one begins otherwise."""


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


class Seal:
    """
    Closes what personal data is written down: compressed, then encrypted where there is a key.

    Without keys the same data gives the same bytes, and ``zcat`` opens them.

    :param keys: Fernet keys; the first encrypts, all decrypt
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        from cryptography.fernet import Fernet, MultiFernet

        self._fernet = MultiFernet([Fernet(key) for key in keys]) if keys else None

    @classmethod
    def of(cls, journal_secret: str | None) -> Seal:
        """Make the seal of a connection: its keys stand with commas between them, or there are none."""
        return cls([key.strip() for key in (journal_secret or "").split(",") if key.strip()])

    @property
    def encrypts(self) -> bool:
        """Whether there is a key."""
        return self._fernet is not None

    def seal(self, data: bytes) -> bytes:
        """Compress, and encrypt with the first key."""
        small = gzip.compress(data, mtime=0)
        return self._fernet.encrypt(small) if self._fernet else small

    def unseal(self, data: bytes) -> bytes:
        """
        Open what any of the keys closed, or what was closed before there was one.

        :raises SettingsError: none of the keys opens it
        :raises InputError: it is damaged
        """
        if not data.startswith(_GZIP):
            data = self._decrypted(data)
        with suppress(OSError, EOFError, zlib.error):
            return gzip.decompress(data)
        raise InputError("a snapshot of the journal is damaged: it cannot be decompressed")

    def _decrypted(self, data: bytes) -> bytes:
        from cryptography.fernet import InvalidToken

        if self._fernet is None:
            raise SettingsError(
                "journal_secret is not set, and a snapshot of the journal is encrypted. Put the key that it was "
                "written with into the connection"
            )
        with suppress(InvalidToken):
            return self._fernet.decrypt(data)
        raise SettingsError(
            "journal_secret: none of the keys opens a snapshot of the journal. Add the key that it was written "
            "with after the first"
        )
