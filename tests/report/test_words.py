"""Text from elsewhere: masked, and without what it quotes."""

from __future__ import annotations

import pytest

from airflow_provider_auth0link.report.words import kind_of, masked_id, masked_text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("auth0|64b1", "auth0|64b1", id="none"),
        pytest.param("email|ada@example.com", "email|a***@***.com", id="whole part"),
        pytest.param("samlp|conn|ada@example.com", "samlp|conn|a***@***.com", id="last part"),
        pytest.param("ad|x@corp|ada", "ad|x***@***|ada", id="middle part, no domain's end"),
        pytest.param("samlp|c|ada%40example.com", "samlp|c|a***@***.com", id="encoded"),
        pytest.param("samlp|c|ada\uff20example.com", "samlp|c|a***@***.com", id="full width"),
        pytest.param("samlp|c|Ada Lovelace@example.com", "samlp|c|A***@***.com", id="with a space"),
        pytest.param("samlp|c|a@b@example.com", "samlp|c|a***@***.com", id="two signs"),
        pytest.param("samlp|c|@", "samlp|c|***@***", id="a sign alone"),
        pytest.param("samlp|c|ada@10.0.0.1", "samlp|c|a***@***", id="an address"),
        pytest.param("samlp|c|кат@пример.рф", "samlp|c|к***@***.рф", id="Cyrillic"),
    ],
)
def test_an_id_is_masked_where_it_may_hold_an_e_mail(given: str, shown: str) -> None:
    assert masked_id(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("the secondary is blocked", "the secondary is blocked", id="none"),
        pytest.param("ask ada@example.com, please", "ask a***@***.com, please", id="bare"),
        pytest.param(
            "'samlp|x|ada@b.de' into 'auth0|1'", "'samlp|x|a***@***.de' into 'auth0|1'", id="quoted id"
        ),
        pytest.param("'samlp|x|Ada L@b.de': no", "'samlp|x|A***@***.de': no", id="a space in quotes"),
        pytest.param('"samlp|x|o\'neil@b.de": no', '"samlp|x|o***@***.de": no', id="an apostrophe in it"),
        pytest.param("<ada@b.de>(eve@b.de)", "<a***@***.de>(e***@***.de)", id="brackets"),
    ],
)
def test_a_sentence_is_masked_where_it_may_hold_an_e_mail(given: str, shown: str) -> None:
    assert masked_text(given) == shown
    assert masked_text(shown) == shown


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        pytest.param("linked elsewhere", "linked elsewhere", id="none"),
        pytest.param("'a|1' into 'b|2': it waits for 'b|3'", "it waits for …", id="a pair, and another"),
        pytest.param("'a|1': no answer", "no answer", id="an id"),
        pytest.param(
            "the primary's profile, Auth0's limit", "the primary's profile, Auth0's limit", id="words"
        ),
    ],
)
def test_reasons_count_as_one_whatever_they_quote(reason: str, kind: str) -> None:
    assert kind_of(reason) == kind
