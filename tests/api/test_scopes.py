from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.scopes import EVERYTHING, METADATA, NEEDS, UNWANTED, lacking, needed
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.api.work import Work
from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import BadRequestError, ForbiddenError
from airflow_provider_auth0link.linking import apply, options
from airflow_provider_auth0link.model import UserId
from airflow_provider_auth0link.settings import Settings

ADA, GOOGLE = UserId("auth0", "1"), UserId("google-oauth2", "2")
API = "https://api.example.com"
READ_BOOKS = (API, "read:books")

Verb = Callable[[Work], object]

LINK: list[Verb] = [lambda work: work.link(ADA, GOOGLE)]
UNLINK: list[Verb] = [lambda work: work.unlink(ADA, GOOGLE)]
READ: list[Verb] = [lambda work: work.get_user(GOOGLE)]
WRITE: list[Verb] = [
    lambda work: work.update_user(ADA, {"user_metadata": {"a": 1}}),
    lambda work: work.update_user(ADA, {"app_metadata": {"a": 1}}),
]
READ_RIGHTS: list[Verb] = [
    lambda work: work.roles(GOOGLE),
    lambda work: work.permissions(GOOGLE),
    lambda work: work.organizations(GOOGLE),
    lambda work: work.member_roles("org_1", GOOGLE),
]
GIVE_RIGHTS: list[Verb] = [
    lambda work: work.add_roles(ADA, ["rol_1"]),
    lambda work: work.add_permissions(ADA, [READ_BOOKS]),
    lambda work: work.add_member("org_1", ADA),
    lambda work: work.add_member_roles("org_1", ADA, ["rol_1"]),
]
TAKE_RIGHTS: list[Verb] = [
    lambda work: work.remove_member_roles("org_1", ADA, ["rol_1"]),
    lambda work: work.remove_member("org_1", ADA),
    lambda work: work.remove_permissions(ADA, [READ_BOOKS]),
    lambda work: work.remove_roles(ADA, ["rol_1"]),
]
READ_NAME: list[Verb] = [lambda work: work.connection_name("con_0000000000000001")]
EXPORT: list[Verb] = [lambda work: work.start_export(["user_id"]), lambda work: work.export_job("job_1")]

VERBS: dict[str, list[Verb]] = {
    "LinkIdentityOperator": READ + WRITE + LINK,
    "LinkIdentityOperator, carry=() and guards=()": LINK,
    "LinkIdentityOperator, connection_id": READ + READ_NAME + LINK,
    "LinkIdentitiesOperator": READ + READ_RIGHTS + WRITE + LINK,
    "LinkIdentitiesOperator, snapshot='metadata'": READ + WRITE + LINK,
    "carry of roles, permissions and organizations": READ + READ_RIGHTS + WRITE + GIVE_RIGHTS + LINK,
    "UnlinkIdentityOperator": UNLINK,
    "UndoLinksOperator": READ + READ_RIGHTS + WRITE + GIVE_RIGHTS + LINK + UNLINK,
    "UndoLinksOperator, where rights were carried": (
        READ + READ_RIGHTS + WRITE + GIVE_RIGHTS + TAKE_RIGHTS + LINK + UNLINK
    ),
    "ExportUsersOperator": EXPORT,
}

MakeWork = Callable[[frozenset[str]], Work]


@pytest.fixture
def make_work() -> Iterator[MakeWork]:
    with ExitStack() as stack:

        def make(scopes: frozenset[str]) -> Work:
            users: list[dict[str, object]] = [
                {"user_id": str(ADA)},
                {"user_id": str(GOOGLE), "roles": ["rol_1"], "organizations": ["org_1"]},
            ]
            tenant = stack.enter_context(
                Emulator(
                    users=users,
                    roles=[{"id": "rol_1", "name": "a role"}],
                    resource_servers=[{"identifier": API, "scopes": [{"value": "read:books"}]}],
                    organizations=[{"id": "org_1", "name": "acme"}],
                    rate=1000,
                    scopes=scopes,
                )
            )
            settings = Settings.from_connection(
                host=tenant.url, login=tenant.client_id, password=tenant.client_secret
            )
            transport = HttpTransport(settings)
            stack.callback(transport.close)
            return Auth0Client(settings, transport, user_agent="tests/1", told=lambda _: None).work()

        yield make


def _refused(work: Work, verbs: list[Verb]) -> bool:
    for verb in verbs:
        try:
            verb(work)
        except ForbiddenError:
            return True
        except BadRequestError:  # what is not linked is not unlinked; the scope did
            continue
    return False


def test_every_row_is_tried() -> None:
    assert VERBS.keys() == NEEDS.keys()


@pytest.mark.parametrize("need", NEEDS)
def test_the_scopes_told_are_enough(need: str, make_work: MakeWork) -> None:
    assert not _refused(make_work(frozenset(NEEDS[need])), VERBS[need])


@pytest.mark.parametrize("need", NEEDS)
def test_no_scope_is_told_that_is_not_needed(need: str, make_work: MakeWork) -> None:
    spare = [
        scope
        for scope in NEEDS[need]
        if not _refused(make_work(frozenset(NEEDS[need]) - {scope}), VERBS[need])
    ]

    # update:users opens a PATCH of app_metadata too, as far as the reference lists scopes of which one will do.
    assert set(spare) <= {"update:users_app_metadata"}


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("snapshot", [None, "metadata", "full"])
@pytest.mark.parametrize("by_connection", [False, True])
@pytest.mark.parametrize(
    "carry",
    [
        pytest.param(kinds, id="+".join(kinds) or "nothing")
        for count in range(4)
        for kinds in itertools.combinations(("roles", "permissions", "organizations"), count)
    ],
)
def test_linking_asks_for_what_is_told(
    carry: tuple[str, ...], *, by_connection: bool, snapshot: str | None, dry_run: bool
) -> None:
    chosen = options.Options(carry=carry, snapshot=snapshot, dry_run=dry_run)
    asked = apply.needs(chosen, reads=True, by_connection=by_connection)

    assert sorted(asked) == sorted(
        needed(carry=carry, snapshot=snapshot, connection_id=by_connection, dry_run=dry_run)
    )


def test_the_kinds_are_those_of_linking() -> None:
    assert (METADATA, EVERYTHING) == (options.METADATA, options.CARRIED)


def test_metadata_of_the_application_has_its_scope() -> None:
    assert "update:users_app_metadata" in needed(carry=["app_metadata"])
    assert "update:users_app_metadata" not in needed(carry=["user_metadata"])
    assert "update:users_app_metadata" not in needed(carry=["app_metadata"], dry_run=True)


def test_a_dry_undo_only_reads() -> None:
    assert {scope.partition(":")[0] for scope in needed(snapshot="full", undo=True, dry_run=True)} == {"read"}


@pytest.mark.parametrize(
    ("wanted", "held", "missing"),
    [
        pytest.param((), (), [], id="nothing wanted"),
        pytest.param(("b", "a", "a"), (), ["a", "b"], id="both"),
        pytest.param(("a|b",), ("b",), [], id="one of two held"),
        pytest.param(("a|b", "c"), ("c",), ["a or b"], id="none of two held"),
    ],
)
def test_a_scope_may_have_alternatives(
    wanted: tuple[str, ...], held: tuple[str, ...], missing: list[str]
) -> None:
    assert lacking(wanted, held) == missing


def test_no_work_needs_the_tokens_of_identity_providers() -> None:
    assert UNWANTED == "read:user_idp_tokens"
    assert not any(UNWANTED in scopes for scopes in NEEDS.values())
