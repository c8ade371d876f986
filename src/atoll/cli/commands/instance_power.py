"""`atoll instance start|stop|reboot|reset|delete|recover`: each is one operation of the server."""

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
    purge: Annotated[
        bool, Parameter(negative=(), help="For good, where the server could keep it for a while.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Delete an instance and its root disk. Its volumes and snapshots stay."""
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
    """That it is deleted, and until when that can be taken back."""
    name, until = instance["metadata"]["name"], pick(instance, "status.recoverable_until")
    if not until:
        return f"{name} is deleted"
    return f"{name} is deleted; until {until} `atoll instance recover {name}` brings it back"


def find_live(client: Client, reference: str) -> Json:
    return client.find(PATH, reference)


def find_also_deleted(client: Client, reference: str) -> Json:
    """The instance, or a deleted one that the server still keeps."""
    try:
        return find_live(client, reference)
    except ServerRefused as refused:
        if refused.status != NOT_FOUND:
            raise
        return find_recoverable(client, reference)


def find_recoverable(client: Client, reference: str) -> Json:
    """A deleted instance by id, or by name where one of that name can come back."""
    if NATIVE_ID.match(reference):
        return client.find(PATH, reference)
    deleted = client.items(PATH, {"state": ("terminated",), "name": reference})["items"]
    kept = [one for one in deleted if pick(one, "status.recoverable_until")]
    if len(kept) > 1:
        ids = ", ".join(one["id"] for one in kept)
        raise Usage(f"{len(kept)} deleted instances are called {reference!r}: use one of {ids}")
    if kept:
        return dict(kept[0])
    raise ServerRefused(
        f"there is no deleted instance called {reference!r} that can be recovered: "
        "see `atoll instance list --state terminated`",
        status=NOT_FOUND,
    )


def recover(
    instance: Reference, /, *, pace: Pace = PATIENT, connection: Connection = NEAREST
) -> None:
    """Bring a deleted instance back, as long as the server keeps it."""
    with connection.open() as session:
        found = find_recoverable(session.client, instance)
        operate(
            session,
            "POST",
            f"{PATH}/{found['id']}/recover",
            dry_run=False,
            pace=pace,
            sentence=f"{found['metadata']['name']} is back and runs",
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
