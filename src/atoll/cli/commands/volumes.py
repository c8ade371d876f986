"""`atoll volume …`: volumes, disks that outlive the instances they are attached to."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.nouns import Noun
from atoll.cli.output import Column, pick
from atoll.cli.proposals import operate, settle
from atoll.cli.session import (
    NEAREST,
    PATIENT,
    Connection,
    Labels,
    Pace,
    Reference,
    labels_from,
)

COLUMNS = (
    Column("name", "metadata.name"),
    Column("state", "status.state"),
    Column("size gb", "spec.size_gb"),
    Column("region", "spec.region"),
    Column("instance", "status.instance_id"),
    Column("id", "id"),
)

app = App(name="volume")
VOLUMES = Noun(app=app, one="a volume", path="/v1/volumes", columns=COLUMNS)
VOLUMES.add_list("List volumes.", by_instance=True)
VOLUMES.add_show("Show a volume.")
VOLUMES.add_rename()
VOLUMES.add_label()
VOLUMES.add_delete("Delete a detached volume and its data.", loss="its data", waits=True)


@app.command
def create(
    name: Annotated[str, Parameter(help="Name of the volume.")],
    /,
    *,
    size_gb: Annotated[int, Parameter(help="Size in GB.")],
    region: Annotated[str | None, Parameter(help="Region. See `atoll region list`.")] = None,
    attach_to: Annotated[
        str | None, Parameter(help="Instance to attach the volume to (name or id).")
    ] = None,
    label: Labels = None,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Create an empty volume. Format it in the guest after attaching it."""
    spec: Json = {"size_gb": size_gb}
    if region is not None:
        spec["region"] = region
    with connection.open() as session:
        if attach_to is not None:
            spec["instance_id"] = session.client.find("/v1/instances", attach_to)["id"]
        metadata: Json = {"name": name, "labels": labels_from(label or ())}
        volume = session.client.change("POST", VOLUMES.path, {"metadata": metadata, "spec": spec})
        settle(session, VOLUMES.path, volume, pace=pace, sentence=created)


def created(volume: Json) -> str:
    name = volume["metadata"]["name"]
    if not pick(volume, "status.instance_id"):
        return f"{name} created: {volume['id']}"
    return f"{name} created and attached; {where_in_guest(volume)}"


def where_in_guest(volume: Json) -> str:
    return f"device in a guest with udev: /dev/disk/by-id/{pick(volume, 'status.device')}"


@app.command
def attach(
    volume: Reference,
    instance: Annotated[str, Parameter(help="Instance (name or id).")],
    /,
    *,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Attach a volume to an instance. The instance can be running."""
    with connection.open() as session:
        found = VOLUMES.find(session.client, volume)
        target = session.client.find("/v1/instances", instance)
        names = f"{found['metadata']['name']} attached to {target['metadata']['name']}"
        operate(
            session,
            "POST",
            f"{VOLUMES.path}/{found['id']}/attach",
            {"instance_id": target["id"]},
            dry_run=False,
            pace=pace,
            sentence=f"{names}; {where_in_guest(found)}",
        )


@app.command
def detach(volume: Reference, /, *, pace: Pace = PATIENT, connection: Connection = NEAREST) -> None:
    """Detach a volume from its instance. Unmount it in the guest first."""
    with connection.open() as session:
        found = VOLUMES.find(session.client, volume)
        operate(
            session,
            "POST",
            f"{VOLUMES.path}/{found['id']}/detach",
            dry_run=False,
            pace=pace,
            sentence=f"{found['metadata']['name']} detached",
        )


@app.command
def resize(
    volume: Reference,
    size_gb: Annotated[int, Parameter(help="New size in GB. A volume cannot shrink.")],
    /,
    *,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Resize (grow) a volume. Then grow its file system in the guest."""
    with connection.open() as session:
        found = VOLUMES.find(session.client, volume)
        operate(
            session,
            "POST",
            f"{VOLUMES.path}/{found['id']}/resize",
            {"size_gb": size_gb},
            dry_run=False,
            pace=pace,
            sentence=f"{found['metadata']['name']} resized to {size_gb} GB",
        )
