"""`atoll instance …`: the group, what reads instances, and what changes only their record."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli import (
    instance_backups,
    instance_create,
    instance_guest,
    instance_iso,
    instance_networks,
    instance_power,
    instance_rebuild,
    instance_screen,
    instance_update,
)
from atoll.cli.client import Json
from atoll.cli.editing import LabelChanges, label_thing, rename_thing
from atoll.cli.output import Column
from atoll.cli.session import NEAREST, Connection, Labelled, Limit, Named, Reference, listed

PATH = "/v1/instances"
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

app = App(name="instance")
app.command(instance_create.create)
app.command(instance_power.start)
app.command(instance_power.stop)
app.command(instance_power.reboot)
app.command(instance_power.reset)
app.command(instance_power.delete)
app.command(instance_power.recover)
app.command(instance_guest.ssh)
app.command(instance_guest.logs)
app.command(
    "atoll.cli.instance_console:console",
    help="Type into an instance's serial port, and see what it says. Ctrl-] ends it.",
)
app.command(instance_screen.vnc)
app.command(instance_screen.screenshot)
app.command(instance_screen.metrics)
app.command(instance_update.update)
app.command(instance_update.expire)
app.command(instance_backups.app)
app.command(instance_rebuild.reinstall)
app.command(instance_rebuild.restore)
app.command(instance_rebuild.resize)
app.command(instance_iso.attach_iso)
app.command(instance_iso.detach_iso)
app.command(instance_networks.attach_network)
app.command(instance_networks.detach_network)


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
        session.show_list(PATH, COLUMNS, query, limit=limit)


@app.command
def show(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Show everything about an instance."""
    with connection.open() as session:
        session.show(session.client.find(PATH, instance))


@app.command
def explain(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Say what an instance is waiting for, and what was said of each host."""
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        answer = session.client.get(f"{PATH}/{found['id']}/explain")
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
    with connection.open() as session:
        rename_thing(session, PATH, instance, new_name)


@app.command
def label(
    instance: Reference, changes: LabelChanges, /, *, connection: Connection = NEAREST
) -> None:
    """Set labels of an instance with key=value, remove them with key-."""
    with connection.open() as session:
        label_thing(session, PATH, instance, changes)


@app.command
def protect(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Refuse the deletion of an instance until it is unprotected."""
    set_protected(connection, instance, protected=True, sentence=f"{instance} is protected")


@app.command
def unprotect(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Allow the deletion of an instance again."""
    set_protected(connection, instance, protected=False, sentence=f"{instance} may be deleted")


def set_protected(connection: Connection, instance: str, *, protected: bool, sentence: str) -> None:
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        body: Json = {"metadata": {"protected": protected}}
        session.done(session.client.change("PATCH", f"{PATH}/{found['id']}", body), sentence)
