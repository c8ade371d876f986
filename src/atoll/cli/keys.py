"""`atoll key …`: the public ssh keys that guests are given at their first boot."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.errors import Usage
from atoll.cli.output import Column
from atoll.cli.session import (
    NEAREST,
    Connection,
    Labelled,
    Limit,
    Named,
    Reference,
    Session,
    Yes,
    listed,
)
from atoll.cli.ssh_files import key_name, own_public_key_files, read_public_key

COLUMNS = (
    Column("name", "metadata.name"),
    Column("fingerprint", "status.fingerprint"),
    Column("created", "metadata.created_at"),
    Column("id", "id"),
)

app = App(name="key")


@app.command
def add(
    file: Annotated[
        Path | None, Parameter(help="A public key file. Default: your own, in ~/.ssh.")
    ] = None,
    /,
    *,
    name: Annotated[str | None, Parameter(help="Default: the comment in the key.")] = None,
    connection: Connection = NEAREST,
) -> None:
    """Register a public ssh key, so that new guests let its owner in."""
    with connection.open() as session:
        file = file or default_key_file(session)
        public_key = read_public_key(file)
        name = name or key_name(public_key, file)
        answer = session.client.change(
            "POST", "/v1/ssh-keys", {"metadata": {"name": name}, "spec": {"public_key": public_key}}
        )
        session.done(answer, f"{name} is registered: {answer['id']}")


@app.command(name="list")
def list_keys(
    *,
    name: Named = None,
    label: Labelled = None,
    limit: Limit = None,
    connection: Connection = NEAREST,
) -> None:
    """List the registered ssh keys."""
    with connection.open() as session:
        session.show_list("/v1/ssh-keys", COLUMNS, listed(name, label), limit=limit)


@app.command
def show(key: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Show everything about an ssh key."""
    with connection.open() as session:
        session.show(session.client.find("/v1/ssh-keys", key))


@app.command
def delete(key: Reference, /, *, yes: Yes = False, connection: Connection = NEAREST) -> None:
    """Forget an ssh key. Guests that have it keep it."""
    with connection.open() as session:
        found = session.client.find("/v1/ssh-keys", key)
        name = found["metadata"]["name"]
        session.confirm(f"Forget the ssh key {name} ({found['id']})?", yes=yes)
        answer = session.client.change("DELETE", f"/v1/ssh-keys/{found['id']}")
        session.done(answer, f"{name} is forgotten")


def default_key_file(session: Session) -> Path:
    files = own_public_key_files(session.surroundings.home)
    if not files:
        raise Usage("you have no public key in ~/.ssh: make one with `ssh-keygen -t ed25519`")
    return files[0]
