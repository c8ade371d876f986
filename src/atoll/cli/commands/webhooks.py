"""`atoll webhook …`: addresses elsewhere that are told what happens in a project."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.errors import Usage
from atoll.cli.nouns import Noun
from atoll.cli.output import Column, words
from atoll.cli.session import (
    NEAREST,
    Connection,
    Labels,
    Reference,
    labels_from,
)

COLUMNS = (
    Column("name", "metadata.name"),
    Column("receiver", "spec.url"),
    Column("events", "spec.events"),
    Column("enabled", "spec.enabled"),
    Column("failures", "status.failures"),
    Column("delivered", "status.delivered_at"),
    Column("id", "id"),
)
Events = Annotated[
    list[str] | None,
    Parameter(
        name="--event",
        negative=(),
        help="A kind of event, or all of a noun: 'instance.*'; repeatable.",
    ),
]

app = App(name="webhook")
WEBHOOKS = Noun(app=app, one="a webhook", path="/v1/webhooks", columns=COLUMNS)
WEBHOOKS.add_list(
    "List the webhooks. `failures` counts the vain tries since the last that arrived."
)
WEBHOOKS.add_show("Show everything about a webhook but its secret, and why it fails where it does.")
WEBHOOKS.add_rename()
WEBHOOKS.add_label()
WEBHOOKS.add_delete("Delete a webhook: what it has not told yet is told to nobody.")


@app.command
def create(
    name: Annotated[str, Parameter(help="The webhook's name.")],
    receiver: Annotated[str, Parameter(help="The URL that is told.")],
    /,
    *,
    event: Events = None,
    label: Labels = None,
    connection: Connection = NEAREST,
) -> None:
    """Have a URL told what happens from now on. The secret that signs it is printed once."""
    metadata: Json = {"name": name, "labels": labels_from(label or ())}
    spec: Json = {"url": receiver} if event is None else {"url": receiver, "events": event}
    with connection.open() as session:
        answer = session.client.change("POST", WEBHOOKS.path, {"metadata": metadata, "spec": spec})
        if session.output.as_json:
            session.output.json(answer)
            return
        told = f"{name} ({answer['id']}) tells {receiver} of {words(answer['spec']['events'])}"
        session.output.note(f"{told}. Keep its secret: it is shown only now.")
        session.output.line(answer["status"]["secret"])


@app.command
def update(
    webhook: Reference,
    /,
    *,
    receiver: Annotated[str | None, Parameter(help="The URL that is told from now on.")] = None,
    event: Events = None,
    connection: Connection = NEAREST,
) -> None:
    """Give a webhook another receiver, or other events instead of those it has."""
    spec: Json = {}
    if receiver is not None:
        spec["url"] = receiver
    if event is not None:
        spec["events"] = event
    if not spec:
        raise Usage("say what shall change: --receiver or --event")
    with connection.open() as session:
        found = WEBHOOKS.find(session.client, webhook)
        answer = session.client.change("PATCH", f"{WEBHOOKS.path}/{found['id']}", {"spec": spec})
        session.done(answer, f"{found['metadata']['name']} is updated")


@app.command
def enable(webhook: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Go on telling, from where it was left, and at once where tries have failed."""
    set_enabled(connection, webhook, enabled=True)


@app.command
def disable(webhook: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Tell nothing until `enable`. What happens meanwhile is told then."""
    set_enabled(connection, webhook, enabled=False)


def set_enabled(connection: Connection, webhook: str, *, enabled: bool) -> None:
    with connection.open() as session:
        found = WEBHOOKS.find(session.client, webhook)
        body: Json = {"spec": {"enabled": enabled}}
        answer = session.client.change("PATCH", f"{WEBHOOKS.path}/{found['id']}", body)
        name = found["metadata"]["name"]
        paused = f"tells nothing until `atoll webhook enable {name}`"
        session.done(answer, f"{name} {'goes on where it was left' if enabled else paused}")
