"""`atoll volume …`: disks of their own, which outlive the instances that have them."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.editing import add_rename_and_label
from atoll.cli.output import Column, pick
from atoll.cli.plans import operate, settle
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

PATH = "/v1/volumes"
COLUMNS = (
    Column("name", "metadata.name"),
    Column("state", "status.state"),
    Column("size gb", "spec.size_gb"),
    Column("region", "spec.region"),
    Column("instance", "status.instance_id"),
    Column("id", "id"),
)

app = App(name="volume")
add_rename_and_label(app, PATH, "volume")


@app.command
def create(
    name: Annotated[str, Parameter(help="The volume's name.")],
    /,
    *,
    size_gb: Annotated[int, Parameter(help="Its size.")],
    region: Annotated[str | None, Parameter(help="Where. See `atoll region list`.")] = None,
    attach_to: Annotated[str | None, Parameter(help="An instance that gets it at once.")] = None,
    label: Labels = None,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Create a volume, empty. The guest that it is attached to formats it."""
    spec: Json = {"size_gb": size_gb}
    if region is not None:
        spec["region"] = region
    with connection.open() as session:
        if attach_to is not None:
            spec["instance_id"] = session.client.find("/v1/instances", attach_to)["id"]
        metadata: Json = {"name": name, "labels": labels_from(label or ())}
        volume = session.client.change("POST", PATH, {"metadata": metadata, "spec": spec})
        settle(session, PATH, volume, pace=pace, sentence=created)


def created(volume: Json) -> str:
    name = volume["metadata"]["name"]
    if not pick(volume, "status.instance_id"):
        return f"{name} is created: {volume['id']}"
    return f"{name} is created and attached; {where_in_guest(volume)}"


def where_in_guest(volume: Json) -> str:
    return f"a guest with udev has it at /dev/disk/by-id/{pick(volume, 'status.device')}"


@app.command(name="list")
def list_volumes(
    *,
    name: Named = None,
    label: Labelled = None,
    instance: OfInstance = None,
    limit: Limit = None,
    connection: Connection = NEAREST,
) -> None:
    """List the volumes."""
    with connection.open() as session:
        query = {**listed(name, label), **of_instance(session.client, instance)}
        session.show_list(PATH, COLUMNS, query, limit=limit)


@app.command
def show(volume: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Show everything about a volume."""
    with connection.open() as session:
        session.show(session.client.find(PATH, volume))


@app.command
def attach(
    volume: Reference,
    instance: Annotated[str, Parameter(help="The instance: its name or id.")],
    /,
    *,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Attach a volume to an instance, which may run."""
    with connection.open() as session:
        found = session.client.find(PATH, volume)
        target = session.client.find("/v1/instances", instance)
        names = f"{found['metadata']['name']} is attached to {target['metadata']['name']}"
        operate(
            session,
            "POST",
            f"{PATH}/{found['id']}/attach",
            {"instance_id": target["id"]},
            dry_run=False,
            pace=pace,
            sentence=f"{names}; {where_in_guest(found)}",
        )


@app.command
def detach(volume: Reference, /, *, pace: Pace = PATIENT, connection: Connection = NEAREST) -> None:
    """Take a volume from its instance. Unmount it in the guest before."""
    with connection.open() as session:
        found = session.client.find(PATH, volume)
        operate(
            session,
            "POST",
            f"{PATH}/{found['id']}/detach",
            dry_run=False,
            pace=pace,
            sentence=f"{found['metadata']['name']} is detached",
        )


@app.command
def resize(
    volume: Reference,
    size_gb: Annotated[int, Parameter(help="Its new size. A volume only grows.")],
    /,
    *,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Let a volume grow, also below a running guest. The file system in it is the guest's."""
    with connection.open() as session:
        found = session.client.find(PATH, volume)
        operate(
            session,
            "POST",
            f"{PATH}/{found['id']}/resize",
            {"size_gb": size_gb},
            dry_run=False,
            pace=pace,
            sentence=f"{found['metadata']['name']} has {size_gb} GB",
        )


@app.command
def delete(
    volume: Reference,
    /,
    *,
    yes: Yes = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Destroy a volume that no instance has, and all that is on it."""
    with connection.open() as session:
        found = session.client.find(PATH, volume)
        name = found["metadata"]["name"]
        session.confirm(f"Destroy the volume {name} ({found['id']}) and its data?", yes=yes)
        operate(
            session,
            "DELETE",
            f"{PATH}/{found['id']}",
            dry_run=False,
            pace=pace,
            sentence=f"{name} is deleted",
        )
