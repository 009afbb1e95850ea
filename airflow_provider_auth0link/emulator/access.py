"""
Operations on the roles, permissions and organizations of users.

Statuses and texts are the Management API reference's. It leaves open what an unknown role, a
resource server that is not there, or a user who is no member is answered with.
"""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_auth0link.emulator.accounts import Json
from airflow_provider_auth0link.emulator.answers import (
    Answer,
    ApiError,
    answer,
    insufficient_scope,
    invalid_body,
    missing_user,
    type_name,
)
from airflow_provider_auth0link.emulator.calls import Call, listing
from airflow_provider_auth0link.emulator.rights import (
    MOST_MEMBER_ROLES,
    MOST_PERMISSIONS,
    MOST_ROLES,
    PERMISSION_KEYS,
    Permission,
)
from airflow_provider_auth0link.emulator.routes import decoded
from airflow_provider_auth0link.emulator.search import selected
from airflow_provider_auth0link.emulator.state import State

LAST_PAGE = 1000
"""Of memberships, members and member roles."""
MEMBER_FIELDS = ("user_id", "picture", "name", "email")
MEMBER_ROLES_SCOPE = "read:organization_member_roles"


class Access:
    """
    The operations, by the names of their routes.

    :param state: the tenant's
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.rights = state.rights
        self.operations: dict[str, Callable[[Call], Answer]] = {
            "roles": self._roles,
            "roles_add": self._add_roles,
            "roles_remove": self._remove_roles,
            "permissions": self._permissions,
            "permissions_add": self._add_permissions,
            "permissions_remove": self._remove_permissions,
            "organizations": self._organizations,
            "members": self._members,
            "members_add": self._add_members,
            "members_remove": self._remove_members,
            "member_roles": self._member_roles,
            "member_roles_add": self._add_member_roles,
            "member_roles_remove": self._remove_member_roles,
        }

    def _roles(self, call: Call) -> Answer:
        held = self.rights.look(call.account(self.state)["user_id"])
        return answer(listing([self.rights.roles[each] for each in held.roles], call.params, "roles"))

    def _add_roles(self, call: Call) -> Answer:
        user_id = call.account(self.state)["user_id"]
        roles = self._known_roles(call)
        if len({*self.rights.look(user_id).roles, *roles}) > MOST_ROLES:
            raise ApiError(400, "No more roles can be assigned to this user.", "invalid_body")
        self.rights.held(user_id).roles.update(dict.fromkeys(roles))
        return Answer(204)

    def _remove_roles(self, call: Call) -> Answer:
        held = self.rights.look(call.account(self.state)["user_id"])
        for role_id in names(call.body(), "roles"):
            held.roles.pop(role_id, None)
        return Answer(204)

    def _known_roles(self, call: Call) -> list[str]:
        roles = names(call.body(), "roles")
        if any(each not in self.rights.roles for each in roles):
            raise ApiError(400, "The role does not exist.", "inexistent_role")
        return roles

    def _permissions(self, call: Call) -> Answer:
        sources = self.rights.sources(call.account(self.state)["user_id"])
        rows = [self.rights.permission_row(each, found) for each, found in sources.items()]
        return answer(listing(rows, call.params, "permissions"))

    def _add_permissions(self, call: Call) -> Answer:
        user_id = call.account(self.state)["user_id"]
        permissions = _permissions(call.body())
        for identifier, name in permissions:
            if identifier not in self.rights.servers:
                raise ApiError(404, "The resource server does not exist.", "inexistent_resource_server")
            if (identifier, name) not in self.rights.scopes:
                raise ApiError(400, "The permission does not exist.", "inexistent_permission")
        if len({*self.rights.look(user_id).permissions, *permissions}) > MOST_PERMISSIONS:
            raise ApiError(400, "No more permissions can be assigned to this user.")
        self.rights.held(user_id).permissions.update(dict.fromkeys(permissions))
        return Answer(201)

    def _remove_permissions(self, call: Call) -> Answer:
        held = self.rights.look(call.account(self.state)["user_id"])
        for each in _permissions(call.body()):
            held.permissions.pop(each, None)
        return Answer(204)

    def _organizations(self, call: Call) -> Answer:
        held = self.rights.look(call.account(self.state)["user_id"])
        rows = [self.rights.organizations[each] for each in held.organizations]
        return answer(listing(rows, call.params, "organizations", LAST_PAGE))

    def _organization(self, call: Call) -> str:
        organization = decoded(call.args[0])
        if organization not in self.rights.organizations:
            raise ApiError(404, "The organization does not exist.", "inexistent_organization")
        return organization

    def _members(self, call: Call) -> Answer:
        organization = self._organization(call)
        asked = {each.strip() for each in call.params.get("fields", "").split(",")}
        if "roles" in asked and MEMBER_ROLES_SCOPE not in call.grant.scopes:
            raise insufficient_scope((MEMBER_ROLES_SCOPE,))
        rows = [
            selected(self._member(each, organization, with_roles="roles" in asked), call.params)
            for each in self.rights.members[organization]
        ]
        return answer(listing(rows, call.params, "members", LAST_PAGE, checkpoints=True))

    def _member(self, user_id: str, organization: str, *, with_roles: bool) -> Json:
        account = self.state.account(user_id) or {}
        row: Json = {key: account[key] for key in MEMBER_FIELDS if key in account}
        if with_roles:
            roles = self.rights.look(user_id).organizations[organization]
            row["roles"] = [{"id": each, "name": self.rights.roles[each]["name"]} for each in roles]
        return row

    def _add_members(self, call: Call) -> Answer:
        organization = self._organization(call)
        members = names(call.body(), "members", others=True)
        if any(self.state.account(each) is None for each in members):
            raise missing_user(400)
        for each in members:
            self.rights.join(organization, each)
        return Answer(204)

    def _remove_members(self, call: Call) -> Answer:
        organization = self._organization(call)
        for each in names(call.body(), "members", others=True):
            self.rights.leave(organization, each)
        return Answer(204)

    def _member_role_ids(self, call: Call) -> dict[str, None]:
        organization = self._organization(call)
        user_id = call.account(self.state, 1)["user_id"]
        roles = self.rights.look(user_id).organizations.get(organization)
        if roles is None:
            raise ApiError(404, "The user is not a member of the organization.", "inexistent_member")
        return roles

    def _member_roles(self, call: Call) -> Answer:
        rows = [self.rights.roles[each] for each in self._member_role_ids(call)]
        return answer(listing(rows, call.params, "roles", LAST_PAGE))

    def _add_member_roles(self, call: Call) -> Answer:
        held = self._member_role_ids(call)
        roles = self._known_roles(call)
        if len({*held, *roles}) > MOST_MEMBER_ROLES:
            raise ApiError(409, "No more roles can be assigned to this organization member.")
        held.update(dict.fromkeys(roles))
        return Answer(204)

    def _remove_member_roles(self, call: Call) -> Answer:
        held = self._member_role_ids(call)
        for each in names(call.body(), "roles"):
            held.pop(each, None)
        return Answer(204)


def names(body: object, key: str, *, others: bool = False) -> list[str]:
    """
    Read a body that holds one list of strings.

    :param body: decoded JSON
    :param key: the property
    :param others: whether further properties are let pass
    :raises ApiError: 400
    """
    found = []
    for each in _rows(body, key, others=others):
        if not isinstance(each, str):
            raise invalid_body(f"Expected type string but found type {type_name[type(each)]} in {key}")
        if not each:
            raise invalid_body(f"String is too short (0 chars), minimum 1 in {key}")
        found.append(each)
    return found


def _permissions(body: object) -> list[Permission]:
    found = []
    for row in _rows(body, "permissions"):
        if not isinstance(row, dict) or set(row) != set(PERMISSION_KEYS):
            raise invalid_body(f"Expected objects of {' and '.join(PERMISSION_KEYS)} in permissions")
        identifier, name = (row[key] for key in PERMISSION_KEYS)
        if not isinstance(identifier, str) or not isinstance(name, str):
            raise invalid_body("Expected type string in permissions")
        found.append((identifier, name))
    return found


def _rows(body: object, key: str, *, others: bool = False) -> list[object]:
    if not isinstance(body, dict):
        raise invalid_body(f"Expected type object but found type {type_name[type(body)]}.")
    if not others and (more := sorted(body.keys() - {key})):
        raise invalid_body(f"Additional properties not allowed: {more[0]}.")
    if key not in body:
        raise invalid_body(f"Missing required property: {key}")
    rows = body[key]
    if not isinstance(rows, list):
        raise invalid_body(f"Expected type array but found type {type_name[type(rows)]} on property {key}.")
    if not rows:
        raise invalid_body(f"Array is too short (0), minimum 1 on property {key}.")
    return rows
