"""`atoll startup-script …`: stored scripts that new guests run at their first boot."""

import base64
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.errors import Usage
from atoll.cli.nouns import Noun
from atoll.cli.output import Column, pick
from atoll.cli.session import (
    NEAREST,
    Connection,
    Labels,
    Reference,
    labels_from,
)

COLUMNS = (
    Column("name", "metadata.name"),
    Column("created", "metadata.created_at"),
    Column("id", "id"),
)
Script = Annotated[Path, Parameter(help="Script file, starting with #!.")]

app = App(name="startup-script")
SCRIPTS = Noun(app=app, one="a startup script", path="/v1/startup-scripts", columns=COLUMNS)
SCRIPTS.add_list("List startup scripts.")
SCRIPTS.add_rename()
SCRIPTS.add_label()
SCRIPTS.add_delete("Delete a startup script.")


@app.command
def create(
    name: Annotated[str, Parameter(help="Name of the script.")],
    file: Script,
    /,
    *,
    label: Labels = None,
    connection: Connection = NEAREST,
) -> None:
    """Create a startup script. Use it with `instance create --startup-script`."""
    metadata: Json = {"name": name, "labels": labels_from(label or ())}
    spec: Json = {"script": encoded(file)}
    with connection.open() as session:
        answer = session.client.change("POST", SCRIPTS.path, {"metadata": metadata, "spec": spec})
        session.done(answer, f"{name} created: {answer['id']}")


@app.command
def show(script: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Show (print) a startup script."""
    with connection.open() as session:
        found = SCRIPTS.find(session.client, script)
        text = base64.b64decode(pick(found, "spec.script")).decode(errors="replace")
        if session.output.as_json:
            session.output.json(found)
        else:
            session.output.raw(text)


@app.command
def update(script: Reference, file: Script, /, *, connection: Connection = NEAREST) -> None:
    """Update the text of a startup script. Existing guests are not affected."""
    spec: Json = {"script": encoded(file)}
    with connection.open() as session:
        found = SCRIPTS.find(session.client, script)
        answer = session.client.change("PATCH", f"{SCRIPTS.path}/{found['id']}", {"spec": spec})
        session.done(answer, f"{found['metadata']['name']} updated")


def encoded(file: Path) -> str:
    try:
        return base64.b64encode(file.read_bytes()).decode()
    except OSError as error:
        raise Usage(f"cannot read the script {file}: {error.strerror}") from error
