"""`atoll snapshot …`: root disks as they were. `instance create --image` starts from one."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.editing import add_rename_and_label
from atoll.cli.output import Column
from atoll.cli.plans import follow, operate, settle
from atoll.cli.session import (
    NEAREST,
    PATIENT,
    Connection,
    Labelled,
    Labels,
    Limit,
    Named,
    OfInstance,
    Pace,
    Reference,
    Yes,
    labels_from,
    listed,
    of_instance,
)

PATH = "/v1/snapshots"
COLUMNS = (
    Column("name", "metadata.name"),
    Column("state", "status.state"),
    Column("kind", "status.kind"),
    Column("disk gb", "status.disk_gb"),
    Column("bytes", "status.size_bytes"),
    Column("instance", "spec.instance_id"),
    Column("created", "metadata.created_at"),
    Column("id", "id"),
)

app = App(name="snapshot")
add_rename_and_label(app, PATH, "snapshot")


@app.command
def create(
    name: Annotated[str, Parameter(help="The snapshot's name.")],
    /,
    *,
    instance: Annotated[str, Parameter(help="Whose root disk is kept: its name or id.")],
    description: Annotated[str, Parameter(help="What it is for.")] = "",
    label: Labels = None,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Keep an instance's root disk as it is now. The instance may run."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        metadata: Json = {"name": name, "labels": labels_from(label or ())}
        spec: Json = {"instance_id": found["id"], "description": description}
        snapshot = session.client.change("POST", PATH, {"metadata": metadata, "spec": spec})
        settle(session, PATH, snapshot, pace=pace, sentence=created)


def created(snapshot: Json) -> str:
    return f"{snapshot['metadata']['name']} is complete: {snapshot['id']}"


@app.command(name="list")
def list_snapshots(
    *,
    name: Named = None,
    label: Labelled = None,
    instance: OfInstance = None,
    limit: Limit = None,
    connection: Connection = NEAREST,
) -> None:
    """List the snapshots. Those of the kind `backup` were made by a schedule."""
    with connection.open() as session:
        query = {**listed(name, label), **of_instance(session.client, instance)}
        session.show_list(PATH, COLUMNS, query, limit=limit)


@app.command
def show(snapshot: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Show everything about a snapshot."""
    with connection.open() as session:
        session.show(session.client.find(PATH, snapshot))


@app.command
def clone(
    snapshot: Reference,
    /,
    *,
    region: Annotated[str, Parameter(help="Where to. See `atoll region list`.")],
    name: Annotated[str | None, Parameter(help="The copy's name. Default: the same.")] = None,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Copy a snapshot to another region, as a snapshot of its own."""
    with connection.open() as session:
        found = session.client.find(PATH, snapshot)
        body: Json = {"region": region} if name is None else {"region": region, "name": name}
        answer = session.client.change("POST", f"{PATH}/{found['id']}/clone", body)
        sentence = f"{name or found['metadata']['name']} is complete: {answer['resource_id']}"
        follow(session, answer, pace=pace, sentence=sentence)


@app.command
def delete(
    snapshot: Reference,
    /,
    *,
    yes: Yes = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Destroy a snapshot. Instances made from it go on."""
    with connection.open() as session:
        found = session.client.find(PATH, snapshot)
        name = found["metadata"]["name"]
        session.confirm(f"Destroy the snapshot {name} ({found['id']})?", yes=yes)
        operate(
            session,
            "DELETE",
            f"{PATH}/{found['id']}",
            dry_run=False,
            pace=pace,
            sentence=f"{name} is deleted",
        )
