"""`atoll instance update|expire`: what of an instance can be changed at once, without a restart."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import Json
from atoll.cli.errors import Usage
from atoll.cli.instance_create import encoded_user_data
from atoll.cli.moments import moment_from
from atoll.cli.session import NEAREST, Connection, Reference

NEVER = "never"


def update(
    instance: Reference,
    /,
    *,
    security_group: Annotated[
        list[str] | None,
        Parameter(negative=(), help="Its security groups from now on; repeatable."),
    ] = None,
    key: Annotated[
        list[str] | None, Parameter(negative=(), help="Its ssh keys from now on; repeatable.")
    ] = None,
    user_data: Annotated[
        Path | None, Parameter(help="A file, read at the next `reinstall`.")
    ] = None,
    connection: Connection = NEAREST,
) -> None:
    """Give an instance other security groups, keys or user data, instead of those it has."""
    spec: Json = {}
    if security_group is not None:
        spec["security_groups"] = security_group
    if key is not None:
        spec["ssh_key_ids"] = key
    if user_data is not None:
        spec["user_data"] = encoded_user_data(user_data)
    if not spec:
        raise Usage("say what shall change: --security-group, --key or --user-data")
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        answer = session.client.change("PATCH", f"/v1/instances/{found['id']}", {"spec": spec})
        session.done(answer, f"{found['metadata']['name']} is updated")


def expire(
    instance: Reference,
    when: Annotated[
        str, Parameter(help="8h, 7d, a time such as 2027-01-31T18:00:00Z, or `never`.")
    ],
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Say when an instance is to be deleted by itself."""
    moment = None if when == NEVER else moment_from(when)
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        body: Json = {"metadata": {"expires_at": moment}}
        answer = session.client.change("PATCH", f"/v1/instances/{found['id']}", body)
        name = found["metadata"]["name"]
        sentence = f"{name} expires at {moment}" if moment else f"{name} does not expire"
        session.done(answer, sentence)
