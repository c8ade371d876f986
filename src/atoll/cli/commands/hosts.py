"""`atoll host …`: the machines that run guests. Changes are for operators."""

from cyclopts import App

from atoll.cli.client import Json
from atoll.cli.nouns import Noun
from atoll.cli.output import Column
from atoll.cli.proposals import operate, show_proposal
from atoll.cli.session import (
    NEAREST,
    PATIENT,
    Connection,
    DryRun,
    Pace,
    Reference,
    Yes,
)

NAMES_MAX = 5
COLUMNS = (
    Column("name", "metadata.name"),
    Column("state", "status.state"),
    Column("enabled", "spec.enabled"),
    Column("region", "spec.region"),
    Column("driver", "status.driver"),
    Column("accelerator", "status.accelerator"),
    Column("emulated", "status.emulated"),
    Column("devices", "status.devices.kind"),
    Column("id", "id"),
)

app = App(name="host")
HOSTS = Noun(app=app, one="a host", path="/v1/hosts", columns=COLUMNS)
HOSTS.add_list(
    "List the hosts, with their drivers, and the devices that they give to instances.", labels=False
)
HOSTS.add_show("Show everything about a host, its capacity and use too.")


@app.command
def enable(host: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Let a host take new instances again."""
    set_enabled(connection, host, enabled=True)


@app.command
def disable(host: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Send no new instances to a host. Its guests run on."""
    set_enabled(connection, host, enabled=False)


@app.command
def remove(
    host: Reference,
    /,
    *,
    yes: Yes = False,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Remove a lost host for good. The instances, volumes and snapshots on it are lost."""
    with connection.open() as session:
        found = HOSTS.find(session.client, host)
        name, path = found["metadata"]["name"], f"{HOSTS.path}/{found['id']}"
        answer = session.client.change("DELETE", path, query={"dry_run": True})
        if dry_run:
            show_proposal(session, answer)
            if not session.output.as_json:
                session.output.line(f"lost: {losses(answer['plan'])}")
            return
        question = f"Remove the host {name}, and give up {losses(answer['plan'])}?"
        session.confirm(question, yes=yes)
        operate(session, "DELETE", path, dry_run=False, pace=pace, sentence=f"{name} is removed")


def losses(plan: Json) -> str:
    """How many of each kind, and the names of the first."""
    found = []
    for kind in ("instances", "volumes", "snapshots"):
        count = plan[kind]["count"]
        names = [one["name"] for one in plan[kind]["first"][:NAMES_MAX]]
        more = ", …" if count > len(names) else ""
        listed = f" ({', '.join(names)}{more})" if names else ""
        found.append(f"{count} {kind.removesuffix('s') if count == 1 else kind}{listed}")
    return ", ".join(found)


def set_enabled(connection: Connection, host: str, *, enabled: bool) -> None:
    with connection.open() as session:
        found = HOSTS.find(session.client, host)
        answer = session.client.change(
            "PATCH", f"{HOSTS.path}/{found['id']}", {"spec": {"enabled": enabled}}
        )
        outcome = "takes new instances" if enabled else "takes no new instances"
        session.done(answer, f"{found['metadata']['name']} {outcome}")
