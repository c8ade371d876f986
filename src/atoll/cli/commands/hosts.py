"""`atoll host …`: the machines that run guests. Changes need the role operator."""

from cyclopts import App

from atoll.cli.client import Json
from atoll.cli.layout import Column, pick, size
from atoll.cli.nouns import Noun
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
MIB, GIB = 1024**2, 1024**3


def free(host: Json, resource: str) -> int | None:
    """What can still be given to instances. More CPUs and disk are promised than there are."""
    capacity = pick(host, f"status.{resource}")
    used = pick(host, f"status.{resource}_used")
    return None if capacity is None or used is None else int(capacity - used)


COLUMNS = (
    Column("name", "metadata.name"),
    Column("state", "status.state"),
    Column("enabled", "spec.enabled"),
    Column("region", "spec.region"),
    Column("cpus free", "status.vcpus", lambda host: free(host, "vcpus")),
    Column("memory free", "status.memory_mb", lambda host: size(free(host, "memory_mb"), MIB)),
    Column("disk free", "status.disk_gb", lambda host: size(free(host, "disk_gb"), GIB)),
    Column("driver", "status.driver"),
    Column("accelerator", "status.accelerator"),
    Column("emulated", "status.emulated"),
    Column("devices", "status.devices.kind"),
    Column("id", "id"),
)

app = App(name="host")
HOSTS = Noun(app=app, one="a host", path="/v1/hosts", columns=COLUMNS)
HOSTS.add_list("List hosts, with their drivers and devices.", labels=False)
HOSTS.add_show("Show a host, with its capacity and usage.")


@app.command
def enable(host: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Enable a host for new instances."""
    set_enabled(connection, host, enabled=True)


@app.command
def disable(host: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Disable a host for new instances. Its guests keep running."""
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
    """Remove a lost host permanently, with all instances, volumes and snapshots on it."""
    with connection.open() as session:
        found = HOSTS.find(session.client, host)
        name, path = found["metadata"]["name"], f"{HOSTS.path}/{found['id']}"
        answer = session.client.change("DELETE", path, query={"dry_run": True})
        if dry_run:
            show_proposal(session, answer)
            if not session.output.as_json:
                session.output.line(f"data lost: {losses(answer['plan'])}")
            return
        question = f"Remove the host {name} and lose {losses(answer['plan'])}?"
        session.confirm(question, yes=yes)
        operate(session, "DELETE", path, dry_run=False, pace=pace, sentence=f"{name} removed")


def losses(proposal: Json) -> str:
    """Format what is lost: a count per kind, and the first names."""
    found = []
    for kind in ("instances", "volumes", "snapshots"):
        count = proposal[kind]["count"]
        names = [one["name"] for one in proposal[kind]["first"][:NAMES_MAX]]
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
        outcome = "enabled for new instances" if enabled else "disabled for new instances"
        session.done(answer, f"{found['metadata']['name']} {outcome}")
