from __future__ import annotations

import gzip

import pytest
from cryptography.fernet import Fernet

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.keys import Seal

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
DATA = b'{"email": "ada@example.com"}' * 20


@pytest.mark.parametrize("secret", [None, "", OLD, f" {NEW} , {OLD}"], ids=["none", "empty", "one", "two"])
def test_what_is_sealed_can_be_unsealed(secret: str | None) -> None:
    seal = Seal.of(secret)

    assert seal.encrypts is bool(secret)
    assert len(seal.seal(DATA)) < len(DATA)
    assert seal.unseal(seal.seal(DATA)) == DATA
    assert seal.unseal(seal.seal(b"")) == b""


def test_without_keys_it_is_plain_gzip_and_the_same_every_time() -> None:
    sealed = Seal().seal(DATA)

    assert gzip.decompress(sealed) == DATA
    assert sealed[4:8] == bytes(4), "the time of compression is left out"
    assert sealed == Seal().seal(DATA)


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    before, after = Seal([OLD]), Seal([NEW, OLD])

    assert after.unseal(before.seal(DATA)) == DATA
    assert Seal([NEW]).unseal(after.seal(DATA)) == DATA
    assert b"ada" not in after.seal(DATA)


def test_what_was_sealed_before_there_was_a_key_opens() -> None:
    assert Seal([NEW]).unseal(Seal().seal(DATA)) == DATA


@pytest.mark.parametrize(
    ("data", "keys", "message"),
    [
        pytest.param(Seal([OLD]).seal(DATA), [NEW, OTHER], "none of the keys opens", id="other keys"),
        pytest.param(Seal([OLD]).seal(DATA), [], "journal_secret is not set", id="no keys"),
        pytest.param(Seal([OLD]).seal(DATA)[:-8], [OLD], "none of the keys opens", id="cut"),
        pytest.param(Seal().seal(DATA)[:-9], [OLD], "is damaged", id="cut and plain"),
        pytest.param(b"\x1f\x8b", [], "is damaged", id="the beginning alone"),
        pytest.param(b"", [OLD], "none of the keys opens", id="empty"),
    ],
)
def test_what_does_not_open(data: bytes, keys: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Seal(keys).unseal(data)

    assert not any(key in str(caught.value) for key in (OLD, NEW, OTHER))
