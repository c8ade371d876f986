"""`atoll instance start|stop|reboot|reset|delete`: each is one operation on the server."""

from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import Json
from atoll.cli.plans import operate
from atoll.cli.session import NEAREST, PATIENT, Connection, DryRun, Pace, Reference, Yes


def start(
    instance: Reference,
    /,
    *,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Start a stopped instance."""
    act(connection, instance, "start", None, "runs", dry_run=dry_run, pace=pace)


def stop(
    instance: Reference,
    /,
    *,
    force: Annotated[bool, Parameter(negative=(), help="Pull the plug.")] = False,
    grace: Annotated[
        int, Parameter(help="Seconds for the guest's own shutdown, before the power goes off.")
    ] = 60,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Stop an instance: the guest's own shutdown first, then the power."""
    body: Json = {"force": force, "timeout_seconds": grace}
    act(connection, instance, "stop", body, "is stopped", dry_run=dry_run, pace=pace)


def reboot(
    instance: Reference,
    /,
    *,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Shut an instance down by its own means, and start it again."""
    act(connection, instance, "reboot", None, "was rebooted", dry_run=dry_run, pace=pace)


def reset(
    instance: Reference,
    /,
    *,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Press the reset button of an instance."""
    act(connection, instance, "reset", None, "was reset", dry_run=dry_run, pace=pace)


def delete(
    instance: Reference,
    /,
    *,
    yes: Yes = False,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Delete an instance and its root disk."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        name = found["metadata"]["name"]
        session.confirm(
            f"Delete the instance {name} ({found['id']}) and its root disk?", yes=yes or dry_run
        )
        operate(
            session,
            "DELETE",
            f"/v1/instances/{found['id']}",
            dry_run=dry_run,
            pace=pace,
            sentence=f"{name} is deleted",
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
        found = session.client.find("/v1/instances", instance)
        operate(
            session,
            "POST",
            f"/v1/instances/{found['id']}/{verb}",
            body,
            dry_run=dry_run,
            pace=pace,
            sentence=f"{found['metadata']['name']} {outcome}",
        )
