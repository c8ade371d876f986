"""What changes the record of a thing rather than the thing: its name and its labels.

Volumes, networks, groups and addresses all have both, so their two commands are made here.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Client, Json
from atoll.cli.errors import ServerRefused, Usage
from atoll.cli.output import words
from atoll.cli.session import NEAREST, Connection, Reference, Session, labels_from

CHANGED_MEANWHILE = 412
TRIES_MAX = 3
LabelChanges = Annotated[
    list[str], Parameter(help="key=value sets a label, key- removes it; several are possible.")
]


def edit(client: Client, path: str, reference: str, change: Callable[[Json], Json | None]) -> Json:
    """Patches a thing with what `change` makes of it as it is; None leaves it as it is.

    If somebody else changed it since it was read, it is read again: nothing of theirs is lost.
    """
    for tries_left in reversed(range(TRIES_MAX)):
        found = client.find(path, reference)
        body = change(found)
        if body is None:
            return found
        try:
            version = found["metadata"].get("version")
            return client.change("PATCH", f"{path}/{found['id']}", body, if_match=version)
        except ServerRefused as refused:
            if refused.status != CHANGED_MEANWHILE or not tries_left:
                raise
    raise AssertionError("the last try returns or raises")


def rename_thing(session: Session, path: str, reference: str, new_name: str) -> None:
    found = session.client.find(path, reference)
    body: Json = {"metadata": {"name": new_name}}
    answer = session.client.change("PATCH", f"{path}/{found['id']}", body)
    session.done(answer, f"{reference} is now {new_name}")


def label_thing(session: Session, path: str, reference: str, changes: Sequence[str]) -> None:
    removed = [one[:-1] for one in changes if one.endswith("-") and "=" not in one]
    added = labels_from([one for one in changes if "=" in one or not one.endswith("-")])
    labels: dict[str, str] = {}

    def with_labels(found: Json) -> Json:
        labels.clear()
        labels.update({**found["metadata"].get("labels", {}), **added})
        missing = [key for key in removed if labels.pop(key, None) is None]
        if missing:
            raise Usage(f"{reference} has no label {missing[0]!r}")
        return {"metadata": {"labels": labels}}

    answer = edit(session.client, path, reference, with_labels)
    session.done(answer, f"labels of {reference}: {words(labels)}")


def delete_thing(session: Session, path: str, reference: str, noun: str, *, yes: bool) -> None:
    """Of what is gone at once, without an operation."""
    found = session.client.find(path, reference)
    name = found["metadata"]["name"]
    session.confirm(f"Delete the {noun} {name} ({found['id']})?", yes=yes)
    answer = session.client.change("DELETE", f"{path}/{found['id']}")
    session.done(answer, f"{name} is deleted")


def add_rename_and_label(app: App, path: str, noun: str) -> None:
    """The two commands of a noun whose things are at `path`."""

    def rename(thing: Reference, new_name: str, /, *, connection: Connection = NEAREST) -> None:
        with connection.open() as session:
            rename_thing(session, path, thing, new_name)

    def label(
        thing: Reference, changes: LabelChanges, /, *, connection: Connection = NEAREST
    ) -> None:
        with connection.open() as session:
            label_thing(session, path, thing, changes)

    app.command(rename, help=f"Give a {noun} another name.")
    app.command(label, help=f"Set labels of a {noun} with key=value, remove them with key-.")
