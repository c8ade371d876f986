"""`atoll instance …`: the group, what reads instances, and what changes only their record."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.commands import (
    backups,
    instance_changes,
    instance_create,
    instance_guest,
    instance_power,
)
from atoll.cli.commands.instance_create import encoded_user_data
from atoll.cli.errors import Usage
from atoll.cli.moments import moment_from
from atoll.cli.nouns import Noun
from atoll.cli.output import Column
from atoll.cli.proposals import HOST_VERDICTS
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
NEVER = "never"

app = App(name="instance")
INSTANCES = Noun(app=app, one="an instance", path=PATH, columns=COLUMNS)
INSTANCES.add_show("Show everything about an instance.")
INSTANCES.add_rename("Give an instance another name. The guest keeps its host name.")
INSTANCES.add_label()
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
    "atoll.cli.commands.instance_console:console",
    help="Type into an instance's serial port, and see what it says. Ctrl-] ends it.",
)
app.command(instance_guest.vnc)
app.command(instance_guest.screenshot)
app.command(instance_guest.metrics)
app.command(backups.app)
app.command(instance_changes.reinstall)
app.command(instance_changes.restore)
app.command(instance_changes.resize)
app.command(instance_changes.attach_iso)
app.command(instance_changes.detach_iso)
app.command(instance_changes.attach_network)
app.command(instance_changes.detach_network)


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
            session.output.table(HOST_VERDICTS, answer["hosts"])


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


@app.command
def update(
    instance: Reference,
    /,
    *,
    security_group: Annotated[
        list[str] | None,
        Parameter(negative=(), help="Its security groups from now on; repeatable."),
    ] = None,
    key: Annotated[
        list[str] | None, Parameter(negative=(), help="Its ssh keys from now on; repeatable.")
    ] = None,
    user_data: Annotated[
        Path | None, Parameter(help="A file, read at the next `reinstall`.")
    ] = None,
    connection: Connection = NEAREST,
) -> None:
    """Give an instance other security groups, keys or user data, instead of those it has."""
    spec: Json = {}
    if security_group is not None:
        spec["security_groups"] = security_group
    if key is not None:
        spec["ssh_key_ids"] = key
    if user_data is not None:
        spec["user_data"] = encoded_user_data(user_data)
    if not spec:
        raise Usage("say what shall change: --security-group, --key or --user-data")
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        answer = session.client.change("PATCH", f"{PATH}/{found['id']}", {"spec": spec})
        session.done(answer, f"{found['metadata']['name']} is updated")


@app.command
def expire(
    instance: Reference,
    when: Annotated[
        str, Parameter(help="8h, 7d, a time such as 2027-01-31T18:00:00Z, or `never`.")
    ],
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Say when an instance is to be deleted by itself."""
    moment = None if when == NEVER else moment_from(when)
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        body: Json = {"metadata": {"expires_at": moment}}
        answer = session.client.change("PATCH", f"{PATH}/{found['id']}", body)
        name = found["metadata"]["name"]
        sentence = f"{name} expires at {moment}" if moment else f"{name} does not expire"
        session.done(answer, sentence)
