"""`atoll key …`: the public SSH keys that guests get at their first boot."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.errors import Usage
from atoll.cli.nouns import Noun
from atoll.cli.output import Column
from atoll.cli.session import (
    NEAREST,
    Connection,
    Session,
)
from atoll.cli.ssh_files import key_name, own_public_key_files, read_public_key

COLUMNS = (
    Column("name", "metadata.name"),
    Column("fingerprint", "status.fingerprint"),
    Column("created", "metadata.created_at"),
    Column("id", "id"),
)

app = App(name="key")
SSH_KEYS = Noun(app=app, one="an SSH key", path="/v1/ssh-keys", columns=COLUMNS)
SSH_KEYS.add_list("List SSH keys.")
SSH_KEYS.add_show("Show an SSH key.")
SSH_KEYS.add_delete("Delete an SSH key. Guests that have the key keep it.")


@app.command
def add(
    file: Annotated[
        Path | None, Parameter(help="Public key file. Default: your own key in ~/.ssh.")
    ] = None,
    /,
    *,
    name: Annotated[
        str | None, Parameter(help="Name of the key. Default: the comment in the file.")
    ] = None,
    connection: Connection = NEAREST,
) -> None:
    """Add a public SSH key, for login to new guests."""
    with connection.open() as session:
        file = file or default_key_file(session)
        public_key = read_public_key(file)
        name = name or key_name(public_key, file)
        answer = session.client.change(
            "POST", SSH_KEYS.path, {"metadata": {"name": name}, "spec": {"public_key": public_key}}
        )
        session.done(answer, f"{name} added: {answer['id']}")


def default_key_file(session: Session) -> Path:
    files = own_public_key_files(session.surroundings.home)
    if not files:
        raise Usage("no public key found in ~/.ssh; create one with `ssh-keygen -t ed25519`")
    return files[0]
