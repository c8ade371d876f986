"""`atoll instance vnc|screenshot|metrics`: a guest looked at from outside."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import Json
from atoll.cli.errors import Usage
from atoll.cli.session import NEAREST, Connection, Reference


def vnc(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Print the address of an instance's screen, alone on stdout. A browser opens it, once."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        path = f"/v1/instances/{found['id']}/console"
        ticket = session.client.change("POST", path, {"type": "vnc"})
        if session.output.as_json:
            session.output.json(ticket)
            return
        session.output.note(
            "Open this in a browser: it is good for one try, "
            f"until {ticket['expires_at']}, and whoever has it is in."
        )
        session.output.line(ticket["url"])


def screenshot(
    instance: Reference,
    file: Annotated[Path, Parameter(help="Where the picture goes: a PNG.")],
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Save what an instance's screen shows."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        picture = session.client.content(f"/v1/instances/{found['id']}/screenshot")
        try:
            file.write_bytes(picture)
        except OSError as error:
            raise Usage(f"cannot write {file}: {error.strerror}") from error
        saved: Json = {"file": str(file), "bytes": len(picture)}
        session.done(saved, f"{file} shows the screen of {found['metadata']['name']}")


def metrics(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Measure what a guest has used: processor time, memory, disks, network."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        session.show(session.client.get(f"/v1/instances/{found['id']}/metrics"))
