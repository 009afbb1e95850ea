"""Which scopes what needs. Facts: the security sections of Auth0's Management API reference."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

NEEDS: Mapping[str, tuple[str, ...]] = {
    "LinkIdentityOperator": ("update:users", "read:users", "update:users_app_metadata"),
    "LinkIdentityOperator, carry=() and guards=()": ("update:users",),
    "LinkIdentityOperator, connection_id": ("update:users", "read:users", "read:connections"),
    "UnlinkIdentityOperator": ("update:users",),
}
"""
By operator, as ``test_connection`` and ``auth0link check`` report it.

``read:users`` is also what a lost answer is settled with: without it the outcome of such a link is unknown.
"""

UNWANTED = "read:user_idp_tokens"
"""With it Auth0 adds tokens of identity providers to its answers; dropped here, best not sent."""


def lacking(wanted: Iterable[str], held: Collection[str]) -> list[str]:
    """
    Return which of the scopes that are wanted are not held, sorted.

    :param wanted: each a scope, or several with ``|`` between them of which any one will do
    """
    return sorted({each.replace("|", " or ") for each in wanted if not set(each.split("|")) & set(held)})
