"""Secrets that tests plant, and the search for them."""

from __future__ import annotations

import functools
import traceback

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

SECRET = "planted-Secret-7f3a9c"
"""A client secret, token or password that must not turn up anywhere."""


@functools.cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def pem(form: PrivateFormat = PrivateFormat.PKCS8, password: bytes | None = None) -> str:
    """Return the one RSA key of the tests."""
    encryption: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
    return rsa_key().private_bytes(Encoding.PEM, form, encryption).decode()


@functools.cache
def ec_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def told_by(error: BaseException) -> str:
    """Return all that an error tells, to whoever looks: text, repr and traceback of it and what led to it."""
    texts = traceback.format_exception(error)
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in seen:
            seen.append(each)
            texts += [str(each), repr(each)]
            waiting += [each.__cause__, each.__context__]
    return "\n".join(texts)
