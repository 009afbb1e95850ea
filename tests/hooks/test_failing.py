"""Our errors on their way to Airflow."""

from __future__ import annotations

import pickle

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_auth0link import errors
from airflow_provider_auth0link.errors import Auth0LinkError
from airflow_provider_auth0link.hooks.failing import failing_for_good, final

ERRORS = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Auth0LinkError)
]
FINAL = [error for error in ERRORS if not error.retryable]
RETRYABLE = [error for error in ERRORS if error.retryable]


@pytest.mark.parametrize("error", FINAL)
def test_a_permanent_error_is_airflows_too(error: type[Auth0LinkError]) -> None:
    with pytest.raises(error, match="the reason") as caught, failing_for_good():
        raise error("the reason")

    assert isinstance(caught.value, AirflowFailException)
    assert str(caught.value) == "the reason"
    assert type(caught.value).__name__ == error.__name__


@pytest.mark.parametrize("error", RETRYABLE)
def test_a_passing_error_stays_what_it_is(error: type[Auth0LinkError]) -> None:
    with pytest.raises(error) as caught, failing_for_good():
        raise error("later")

    assert type(caught.value) is error
    assert not isinstance(caught.value, AirflowException)


@pytest.mark.parametrize("error", FINAL)
def test_it_crosses_a_process_border(error: type[Auth0LinkError]) -> None:
    before = final(error("the reason"))

    after = pickle.loads(pickle.dumps(before))

    assert type(after) is type(before)
    assert isinstance(after, error)
    assert isinstance(after, AirflowFailException)
    assert str(after) == "the reason"


def test_one_class_serves_all_errors_of_a_kind() -> None:
    assert type(final(errors.ForbiddenError("a"))) is type(final(errors.ForbiddenError("b")))


def test_it_is_made_final_once() -> None:
    with pytest.raises(errors.ForbiddenError) as caught, failing_for_good(), failing_for_good():
        raise errors.ForbiddenError("once")

    assert type(caught.value) is type(final(errors.ForbiddenError("")))


def test_errors_of_others_pass() -> None:
    with pytest.raises(ZeroDivisionError), failing_for_good():
        raise ZeroDivisionError


def test_the_first_cause_is_kept() -> None:
    cause = KeyError("why")

    with pytest.raises(errors.SettingsError) as caught, failing_for_good():
        raise errors.SettingsError("bad") from cause

    assert caught.value.__cause__ is cause
