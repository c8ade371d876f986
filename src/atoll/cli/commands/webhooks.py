"""`atoll webhook …`: URLs that receive the events of a project."""

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
        help="Kind of event, or all events of a noun: 'instance.*'; repeatable.",
    ),
]

app = App(name="webhook")
WEBHOOKS = Noun(app=app, one="a webhook", path="/v1/webhooks", columns=COLUMNS)
WEBHOOKS.add_list("List webhooks. `failures` counts failed deliveries since the last success.")
WEBHOOKS.add_show("Show a webhook and its last error. The secret is not shown.")
WEBHOOKS.add_rename()
WEBHOOKS.add_label()
WEBHOOKS.add_delete("Delete a webhook. Undelivered events are discarded.")


@app.command
def create(
    name: Annotated[str, Parameter(help="Name of the webhook.")],
    receiver: Annotated[str, Parameter(help="URL that receives the events.")],
    /,
    *,
    event: Events = None,
    label: Labels = None,
    connection: Connection = NEAREST,
) -> None:
    """Create a webhook. Its signing secret is printed once."""
    metadata: Json = {"name": name, "labels": labels_from(label or ())}
    spec: Json = {"url": receiver} if event is None else {"url": receiver, "events": event}
    with connection.open() as session:
        answer = session.client.change("POST", WEBHOOKS.path, {"metadata": metadata, "spec": spec})
        if session.output.as_json:
            session.output.json(answer)
            return
        sends = f"{name} ({answer['id']}) sends {words(answer['spec']['events'])} to {receiver}"
        session.output.note(f"{sends}. Save its secret: it is shown only once.")
        session.output.line(answer["status"]["secret"])


@app.command
def update(
    webhook: Reference,
    /,
    *,
    receiver: Annotated[str | None, Parameter(help="New URL that receives the events.")] = None,
    event: Events = None,
    connection: Connection = NEAREST,
) -> None:
    """Update the URL or the events of a webhook."""
    spec: Json = {}
    if receiver is not None:
        spec["url"] = receiver
    if event is not None:
        spec["events"] = event
    if not spec:
        raise Usage("nothing to update: use --receiver or --event")
    with connection.open() as session:
        found = WEBHOOKS.find(session.client, webhook)
        answer = session.client.change("PATCH", f"{WEBHOOKS.path}/{found['id']}", {"spec": spec})
        session.done(answer, f"{found['metadata']['name']} updated")


@app.command
def enable(webhook: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Enable a webhook. Pending events are delivered immediately."""
    set_enabled(connection, webhook, enabled=True)


@app.command
def disable(webhook: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Disable a webhook. Its events are kept and delivered after `enable`."""
    set_enabled(connection, webhook, enabled=False)


def set_enabled(connection: Connection, webhook: str, *, enabled: bool) -> None:
    with connection.open() as session:
        found = WEBHOOKS.find(session.client, webhook)
        body: Json = {"spec": {"enabled": enabled}}
        answer = session.client.change("PATCH", f"{WEBHOOKS.path}/{found['id']}", body)
        name = found["metadata"]["name"]
        paused = f"disabled; resume with `atoll webhook enable {name}`"
        session.done(answer, f"{name} {'enabled' if enabled else paused}")
