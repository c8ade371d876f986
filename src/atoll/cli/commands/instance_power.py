"""`atoll instance start|stop|reboot|reset|delete|recover`: each starts one operation."""

from shlex import quote
from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import NATIVE_ID, Client, Json
from atoll.cli.errors import ServerRefused, Usage
from atoll.cli.output import pick
from atoll.cli.proposals import operate, operate_on_each
from atoll.cli.session import (
    NEAREST,
    PATIENT,
    Connection,
    DryRun,
    More,
    Pace,
    Reference,
    Session,
    Yes,
    once_each,
)

PATH = "/v1/instances"
NOT_FOUND = 404


def start(
    instance: Reference,
    /,
    *more: More,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Start stopped instances."""
    act(connection, (instance, *more), "start", None, "started", dry_run=dry_run, pace=pace)


def stop(
    instance: Reference,
    /,
    *more: More,
    force: Annotated[bool, Parameter(negative=(), help="Power off immediately.")] = False,
    grace: Annotated[
        int, Parameter(help="Seconds to wait for a clean shutdown before powering off.")
    ] = 60,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Stop instances. Shuts the guests down cleanly, then powers them off."""
    body: Json = {"force": force, "timeout_seconds": grace}
    act(connection, (instance, *more), "stop", body, "stopped", dry_run=dry_run, pace=pace)


def reboot(
    instance: Reference,
    /,
    *more: More,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Reboot instances. Shuts the guests down cleanly, then starts them."""
    act(connection, (instance, *more), "reboot", None, "rebooted", dry_run=dry_run, pace=pace)


def reset(
    instance: Reference,
    /,
    *more: More,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Reset instances without a clean shutdown."""
    act(connection, (instance, *more), "reset", None, "reset", dry_run=dry_run, pace=pace)


def delete(
    instance: Reference,
    /,
    *more: More,
    purge: Annotated[
        bool, Parameter(negative=(), help="Delete permanently, without a recovery window.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Delete instances and their root disks. Volumes and snapshots are kept."""
    find = find_also_deleted if purge else find_live
    with connection.open() as session:
        found = once_each(find(session.client, one) for one in (instance, *more))
        session.confirm(f"Delete {listed(found)}?", yes=yes or dry_run)
        operate_on_each(
            session,
            "DELETE",
            [f"{PATH}/{one['id']}" for one in found],
            query={"purge": True} if purge else None,
            dry_run=dry_run,
            pace=pace,
            sentence=lambda place: farewell(session.client.get(f"{PATH}/{found[place]['id']}")),
        )


def listed(found: list[Json]) -> str:
    """The instances that a prompt asks about."""
    names = [f"{one['metadata']['name']} ({one['id']})" for one in found]
    if len(names) == 1:
        return f"the instance {names[0]} and its root disk"
    return f"{len(names)} instances and their root disks: {', '.join(names)}"


def farewell(instance: Json) -> str:
    """Format the final message, with the recovery window if there is one."""
    name, until = instance["metadata"]["name"], pick(instance, "status.recoverable_until")
    if not until:
        return f"{name} deleted"
    return f"{name} deleted; recover it until {until} with `atoll instance recover {quote(name)}`"


def find_live(client: Client, reference: str) -> Json:
    return client.find(PATH, reference)


def find_also_deleted(client: Client, reference: str) -> Json:
    """Find an instance, or a deleted one that can still be recovered."""
    try:
        return find_live(client, reference)
    except ServerRefused as refused:
        if refused.status != NOT_FOUND:
            raise
        return find_recoverable(client, reference)


def find_recoverable(client: Client, reference: str) -> Json:
    """Find a deleted instance by id, or by name if one with that name can be recovered."""
    if NATIVE_ID.match(reference):
        return client.find(PATH, reference)
    deleted = client.items(PATH, {"state": ("terminated",), "name": reference})["items"]
    kept = [one for one in deleted if pick(one, "status.recoverable_until")]
    if len(kept) > 1:
        ids = ", ".join(one["id"] for one in kept)
        raise Usage(
            f"{len(kept)} deleted instances are named {reference!r}; use an id instead: {ids}"
        )
    if kept:
        return dict(kept[0])
    raise ServerRefused(
        f"no deleted instance named {reference!r} can be recovered; "
        "list deleted instances with `atoll instance list --state terminated`",
        status=NOT_FOUND,
    )


def recover(
    instance: Reference, /, *, pace: Pace = PATIENT, connection: Connection = NEAREST
) -> None:
    """Recover a deleted instance within its recovery window."""
    with connection.open() as session:
        found = find_recoverable(session.client, instance)
        operate(
            session,
            "POST",
            f"{PATH}/{found['id']}/recover",
            dry_run=False,
            pace=pace,
            sentence=lambda: welcome(session, found),
        )


def welcome(session: Session, found: Json) -> str:
    """Format the message about a recovered instance, whose name may have been taken meanwhile."""
    old = found["metadata"]["name"]
    new = session.client.get(f"{PATH}/{found['id']}")["metadata"]["name"]
    if new == old:
        return f"{old} recovered and started"
    return f"{old} recovered and started as {new}: its name was taken meanwhile"


def act(
    connection: Connection,
    instances: tuple[str, ...],
    verb: str,
    body: Json | None,
    outcome: str,
    *,
    dry_run: bool,
    pace: Pace,
) -> None:
    with connection.open() as session:
        found = once_each(session.client.find(PATH, one) for one in instances)
        operate_on_each(
            session,
            "POST",
            [f"{PATH}/{one['id']}/{verb}" for one in found],
            body,
            dry_run=dry_run,
            pace=pace,
            sentence=lambda place: f"{found[place]['metadata']['name']} {outcome}",
        )
