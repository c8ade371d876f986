"""`atoll host …`: the machines that run guests. Changes are for operators."""

from cyclopts import App

from atoll.cli.output import Column
from atoll.cli.session import NEAREST, Connection, Limit, Named, Reference, listed

COLUMNS = (
    Column("name", "metadata.name"),
    Column("state", "status.state"),
    Column("enabled", "spec.enabled"),
    Column("region", "spec.region"),
    Column("driver", "status.driver"),
    Column("accelerator", "status.accelerator"),
    Column("emulated", "status.emulated"),
    Column("id", "id"),
)

app = App(name="host")


@app.command(name="list")
def list_hosts(
    *, name: Named = None, limit: Limit = None, connection: Connection = NEAREST
) -> None:
    """List the hosts, with their drivers and accelerators."""
    with connection.open() as session:
        session.show_list("/v1/hosts", COLUMNS, listed(name, None), limit=limit)


@app.command
def show(host: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Show everything about a host, its capacity and use too."""
    with connection.open() as session:
        session.show(session.client.find("/v1/hosts", host))


@app.command
def enable(host: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Let a host take new instances again."""
    set_enabled(connection, host, enabled=True)


@app.command
def disable(host: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Send no new instances to a host. Its guests run on."""
    set_enabled(connection, host, enabled=False)


def set_enabled(connection: Connection, host: str, *, enabled: bool) -> None:
    with connection.open() as session:
        found = session.client.find("/v1/hosts", host)
        answer = session.client.change(
            "PATCH", f"/v1/hosts/{found['id']}", {"spec": {"enabled": enabled}}
        )
        outcome = "takes new instances" if enabled else "takes no new instances"
        session.done(answer, f"{found['metadata']['name']} {outcome}")
