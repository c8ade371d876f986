"""`atoll instance …`: the group, what reads instances, and what changes only their record."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli import instance_create, instance_guest, instance_power
from atoll.cli.client import Json
from atoll.cli.errors import ServerRefused, Usage
from atoll.cli.output import Column, words
from atoll.cli.session import (
    NEAREST,
    Connection,
    Labelled,
    Limit,
    Named,
    Reference,
    labels_from,
    listed,
)

COLUMNS = (
    Column("name", "metadata.name"),
    Column("state", "status.state"),
    Column("ready", "status.ready"),
    Column("public ip", "status.public_ip"),
    Column("private ip", "status.private_ip"),
    Column("type", "spec.type"),
    Column("image", "spec.image"),
    Column("id", "id"),
)
HOSTS = (Column("host", "host"), Column("fits", "fits"), Column("reason", "reason"))
CHANGED_MEANWHILE = 412
TRIES_MAX = 3

app = App(name="instance")
app.command(instance_create.create)
app.command(instance_power.start)
app.command(instance_power.stop)
app.command(instance_power.reboot)
app.command(instance_power.reset)
app.command(instance_power.delete)
app.command(instance_guest.ssh)
app.command(instance_guest.logs)


@app.command(name="list")
def list_instances(
    *,
    name: Named = None,
    label: Labelled = None,
    state: Annotated[
        list[str] | None, Parameter(negative=(), help="Only those in this state; repeatable.")
    ] = None,
    limit: Limit = None,
    connection: Connection = NEAREST,
) -> None:
    """List instances, oldest first."""
    query = {**listed(name, label), "state": tuple(state or ())}
    with connection.open() as session:
        session.show_list("/v1/instances", COLUMNS, query, limit=limit)


@app.command
def show(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Show everything about an instance."""
    with connection.open() as session:
        session.show(session.client.find("/v1/instances", instance))


@app.command
def explain(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Say what an instance is waiting for, and what was said of each host."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        answer = session.client.get(f"/v1/instances/{found['id']}/explain")
        if session.output.as_json:
            session.output.json(answer)
            return
        session.output.fields({key: answer[key] for key in answer if key != "hosts"})
        if answer.get("hosts"):
            session.output.line()
            session.output.table(HOSTS, answer["hosts"])


@app.command
def rename(instance: Reference, new_name: str, /, *, connection: Connection = NEAREST) -> None:
    """Give an instance another name. The guest keeps its host name."""
    change_metadata(connection, instance, {"name": new_name}, f"{instance} is now {new_name}")


@app.command
def label(
    instance: Reference,
    changes: Annotated[list[str], Parameter(help="key=value sets a label, key- removes it.")],
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Set labels with key=value, remove them with key-."""
    removed = [one[:-1] for one in changes if one.endswith("-") and "=" not in one]
    added = labels_from([one for one in changes if "=" in one or not one.endswith("-")])
    with connection.open() as session:
        for tries_left in reversed(range(TRIES_MAX)):
            found = session.client.find("/v1/instances", instance)
            labels = {**found["metadata"].get("labels", {}), **added}
            missing = [key for key in removed if labels.pop(key, None) is None]
            if missing:
                raise Usage(f"{instance} has no label {missing[0]!r}")
            try:
                answer = session.client.change(
                    "PATCH",
                    f"/v1/instances/{found['id']}",
                    {"metadata": {"labels": labels}},
                    if_match=found["metadata"].get("version"),
                )
                break
            except ServerRefused as refused:
                # Somebody else changed it since it was read: their labels must not be lost.
                if refused.status != CHANGED_MEANWHILE or not tries_left:
                    raise
        session.done(answer, f"labels of {instance}: {words(labels)}")


@app.command
def protect(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Refuse the deletion of an instance until it is unprotected."""
    change_metadata(connection, instance, {"protected": True}, f"{instance} is protected")


@app.command
def unprotect(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Allow the deletion of an instance again."""
    change_metadata(connection, instance, {"protected": False}, f"{instance} may be deleted")


def change_metadata(connection: Connection, instance: str, metadata: Json, sentence: str) -> None:
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        answer = session.client.change(
            "PATCH", f"/v1/instances/{found['id']}", {"metadata": metadata}
        )
        session.done(answer, sentence)
