"""`atoll instance …`: the group, its queries, and the changes that need no operation."""

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
INSTANCES.add_show("Show an instance.")
INSTANCES.add_rename("Rename an instance. The host name in the guest does not change.")
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
    help="Connect to the serial console of an instance. Exit with Ctrl-].",
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
        list[str] | None, Parameter(negative=(), help="Filter by state; repeatable.")
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
    """Explain what an instance is waiting for, and whether each host fits."""
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
    """Protect an instance from deletion."""
    set_protected(
        connection, instance, protected=True, sentence=f"{instance} protected from deletion"
    )


@app.command
def unprotect(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Remove the delete protection of an instance."""
    set_protected(
        connection, instance, protected=False, sentence=f"delete protection of {instance} removed"
    )


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
        Parameter(negative=(), help="New list of security groups; repeatable."),
    ] = None,
    key: Annotated[
        list[str] | None, Parameter(negative=(), help="New list of SSH keys; repeatable.")
    ] = None,
    user_data: Annotated[
        Path | None, Parameter(help="File with user data, used at the next `reinstall`.")
    ] = None,
    connection: Connection = NEAREST,
) -> None:
    """Replace the security groups, SSH keys or user data of an instance."""
    spec: Json = {}
    if security_group is not None:
        spec["security_groups"] = security_group
    if key is not None:
        spec["ssh_key_ids"] = key
    if user_data is not None:
        spec["user_data"] = encoded_user_data(user_data)
    if not spec:
        raise Usage("nothing to update: use --security-group, --key or --user-data")
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        answer = session.client.change("PATCH", f"{PATH}/{found['id']}", {"spec": spec})
        session.done(answer, f"{found['metadata']['name']} updated")


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
    """Set when an instance is deleted automatically, or `never`."""
    moment = None if when == NEVER else moment_from(when)
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        body: Json = {"metadata": {"expires_at": moment}}
        answer = session.client.change("PATCH", f"{PATH}/{found['id']}", body)
        name = found["metadata"]["name"]
        sentence = f"{name} expires at {moment}" if moment else f"{name} never expires"
        session.done(answer, sentence)
