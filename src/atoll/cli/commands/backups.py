"""`atoll instance backup …`: the schedule by which an instance is backed up."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.session import NEAREST, Connection, Reference

app = App(name="backup", help="Back an instance up by a schedule. Backups are snapshots.")


@app.command(name="set")
def set_schedule(
    instance: Reference,
    /,
    *,
    cron: Annotated[
        str,
        Parameter(help='When, in UTC: minute, hour, day, month, weekday, as in "30 3 * * *".'),
    ],
    keep: Annotated[int, Parameter(help="How many backups stay; older ones go.")] = 7,
    connection: Connection = NEAREST,
) -> None:
    """Back an instance up whenever the schedule says so, instead of the schedule it has."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        body: Json = {"cron": cron, "keep": keep}
        answer = session.client.change("PUT", f"/v1/instances/{found['id']}/backups", body)
        name, next_at = found["metadata"]["name"], answer["next_at"]
        stay = "the newest backup is kept" if keep == 1 else f"the newest {keep} backups are kept"
        session.done(answer, f"{name} is backed up next at {next_at}; {stay}")


@app.command
def show(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Show the schedule of an instance. `atoll snapshot list --instance` shows its backups."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        session.show(session.client.get(f"/v1/instances/{found['id']}/backups"))


@app.command
def stop(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Back an instance up no more. The backups that there are stay."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        answer = session.client.change("DELETE", f"/v1/instances/{found['id']}/backups")
        session.done(answer, f"{found['metadata']['name']} is backed up no more")
