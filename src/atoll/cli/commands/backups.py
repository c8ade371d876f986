"""`atoll instance backup …`: the backup schedule of an instance."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.session import NEAREST, Connection, Reference

app = App(name="backup", help="Schedule backups of an instance. Backups are snapshots.")


@app.command(name="set")
def set_schedule(
    instance: Reference,
    /,
    *,
    cron: Annotated[
        str,
        Parameter(help='Schedule in UTC: minute, hour, day, month, weekday, such as "30 3 * * *".'),
    ],
    keep: Annotated[int, Parameter(help="Number of backups to keep. Older ones are deleted.")] = 7,
    connection: Connection = NEAREST,
) -> None:
    """Set the backup schedule of an instance."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        body: Json = {"cron": cron, "keep": keep}
        answer = session.client.change("PUT", f"/v1/instances/{found['id']}/backups", body)
        name, next_at = found["metadata"]["name"], answer["next_at"]
        kept = "the newest backup is kept" if keep == 1 else f"the newest {keep} backups are kept"
        session.done(answer, f"next backup of {name} at {next_at}; {kept}")


@app.command
def show(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Show the backup schedule of an instance. List backups with `atoll snapshot list`."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        session.show(session.client.get(f"/v1/instances/{found['id']}/backups"))


@app.command
def stop(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Disable backups of an instance. Existing backups are kept."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        answer = session.client.change("DELETE", f"/v1/instances/{found['id']}/backups")
        session.done(answer, f"backups of {found['metadata']['name']} disabled")
