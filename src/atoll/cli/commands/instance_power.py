"""`atoll instance start|stop|reboot|reset|delete|recover`: each starts one operation."""

from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import NATIVE_ID, Client, Json
from atoll.cli.errors import ServerRefused, Usage
from atoll.cli.output import pick
from atoll.cli.proposals import operate
from atoll.cli.session import NEAREST, PATIENT, Connection, DryRun, Pace, Reference, Yes

PATH = "/v1/instances"
NOT_FOUND = 404


def start(
    instance: Reference,
    /,
    *,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Start a stopped instance."""
    act(connection, instance, "start", None, "started", dry_run=dry_run, pace=pace)


def stop(
    instance: Reference,
    /,
    *,
    force: Annotated[bool, Parameter(negative=(), help="Power off immediately.")] = False,
    grace: Annotated[
        int, Parameter(help="Seconds to wait for a clean shutdown before powering off.")
    ] = 60,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Stop an instance. Shuts the guest down cleanly, then powers it off."""
    body: Json = {"force": force, "timeout_seconds": grace}
    act(connection, instance, "stop", body, "stopped", dry_run=dry_run, pace=pace)


def reboot(
    instance: Reference,
    /,
    *,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Reboot an instance. Shuts the guest down cleanly, then starts it."""
    act(connection, instance, "reboot", None, "rebooted", dry_run=dry_run, pace=pace)


def reset(
    instance: Reference,
    /,
    *,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Reset an instance without a clean shutdown."""
    act(connection, instance, "reset", None, "reset", dry_run=dry_run, pace=pace)


def delete(
    instance: Reference,
    /,
    *,
    purge: Annotated[
        bool, Parameter(negative=(), help="Delete permanently, without a recovery window.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Delete an instance and its root disk. Volumes and snapshots are kept."""
    with connection.open() as session:
        find = find_also_deleted if purge else find_live
        found = find(session.client, instance)
        name, path = found["metadata"]["name"], f"{PATH}/{found['id']}"
        question = f"Delete the instance {name} ({found['id']}) and its root disk?"
        session.confirm(question, yes=yes or dry_run)
        operate(
            session,
            "DELETE",
            path,
            query={"purge": True} if purge else None,
            dry_run=dry_run,
            pace=pace,
            sentence=lambda: farewell(session.client.get(path)),
        )


def farewell(instance: Json) -> str:
    """Format the final message, with the recovery window if there is one."""
    name, until = instance["metadata"]["name"], pick(instance, "status.recoverable_until")
    if not until:
        return f"{name} deleted"
    return f"{name} deleted; recover it until {until} with `atoll instance recover {name}`"


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
            sentence=f"{found['metadata']['name']} recovered and started",
        )


def act(
    connection: Connection,
    instance: str,
    verb: str,
    body: Json | None,
    outcome: str,
    *,
    dry_run: bool,
    pace: Pace,
) -> None:
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        operate(
            session,
            "POST",
            f"{PATH}/{found['id']}/{verb}",
            body,
            dry_run=dry_run,
            pace=pace,
            sentence=f"{found['metadata']['name']} {outcome}",
        )
