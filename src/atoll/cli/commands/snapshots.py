"""`atoll snapshot …`: snapshots of root disks, usable as `instance create --image`."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.layout import Column, size_at
from atoll.cli.nouns import Noun
from atoll.cli.proposals import follow, settle
from atoll.cli.session import (
    NEAREST,
    PATIENT,
    Connection,
    Labels,
    Pace,
    Reference,
    labels_from,
)

GIB = 1024**3
COLUMNS = (
    Column("name", "metadata.name"),
    Column("state", "status.state"),
    Column("kind", "status.kind"),
    Column("disk", "status.disk_gb", size_at("status.disk_gb", GIB)),
    Column("size", "status.size_bytes", size_at("status.size_bytes")),
    Column("instance", "spec.instance_id"),
    Column("created", "metadata.created_at"),
    Column("id", "id"),
)

app = App(name="snapshot")
SNAPSHOTS = Noun(app=app, one="a snapshot", path="/v1/snapshots", columns=COLUMNS)
SNAPSHOTS.add_list("List snapshots. Scheduled backups have the kind `backup`.", by_instance=True)
SNAPSHOTS.add_show("Show a snapshot.")
SNAPSHOTS.add_rename()
SNAPSHOTS.add_label()
SNAPSHOTS.add_delete("Delete a snapshot. Instances created from it keep working.", waits=True)


@app.command
def create(
    name: Annotated[str, Parameter(help="Name of the snapshot.")],
    /,
    *,
    instance: Annotated[str, Parameter(help="Instance whose root disk to copy (name or id).")],
    description: Annotated[str, Parameter(help="Description.")] = "",
    label: Labels = None,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Create a snapshot of an instance's root disk. The instance can be running."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        metadata: Json = {"name": name, "labels": labels_from(label or ())}
        spec: Json = {"instance_id": found["id"], "description": description}
        snapshot = session.client.change(
            "POST", SNAPSHOTS.path, {"metadata": metadata, "spec": spec}
        )
        settle(session, SNAPSHOTS.path, snapshot, pace=pace, sentence=created)


def created(snapshot: Json) -> str:
    return f"{snapshot['metadata']['name']} created: {snapshot['id']}"


@app.command
def clone(
    snapshot: Reference,
    /,
    *,
    region: Annotated[str, Parameter(help="Target region. See `atoll region list`.")],
    name: Annotated[str | None, Parameter(help="Name of the copy. Default: the same name.")] = None,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Clone a snapshot to another region, as an independent snapshot."""
    with connection.open() as session:
        found = SNAPSHOTS.find(session.client, snapshot)
        body: Json = {"region": region} if name is None else {"region": region, "name": name}
        answer = session.client.change("POST", f"{SNAPSHOTS.path}/{found['id']}/clone", body)
        sentence = f"{name or found['metadata']['name']} created: {answer['resource_id']}"
        follow(session, answer, pace=pace, sentence=sentence)
