"""What all object storage that Airflow knows has in common, be it for a file or for a journal."""

from __future__ import annotations

from airflow_provider_auth0link.errors import InputError

S3_SCHEMES = frozenset({"s3", "s3a", "s3n"})


def check_connection(scheme: str, conn_id: str | None, where: str) -> None:
    """
    Refuse a connection that is not there or not of the kind: a provider would go on with other credentials.

    :param conn_id: what stands before the '@'; None when nothing does
    :param where: for messages
    :raises InputError: Airflow has no such connection, or it is of another kind
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    if conn_id is None:
        return
    try:
        kind = BaseHook.get_connection(conn_id).conn_type
    except AirflowNotFoundException:
        raise InputError(f"{where}: Airflow has no connection {conn_id!r} that it can read") from None
    if scheme in S3_SCHEMES and kind != "aws":
        raise InputError(f"{where}: connection {conn_id!r} is of type {kind!r}, not 'aws'")
