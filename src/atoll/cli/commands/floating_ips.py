"""`atoll floating-ip …`: public addresses that can move between instances."""

import ipaddress
from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Client, Json
from atoll.cli.errors import ServerRefused
from atoll.cli.nouns import Noun
from atoll.cli.output import Column, pick
from atoll.cli.proposals import settle
from atoll.cli.session import (
    NEAREST,
    PATIENT,
    Connection,
    Labels,
    Pace,
    Yes,
    labels_from,
)

PATH = "/v1/floating-ips"
COLUMNS = (
    Column("name", "metadata.name"),
    Column("address", "status.address"),
    Column("region", "spec.region"),
    Column("instance", "status.instance_id"),
    Column("id", "id"),
)
NOT_FOUND = 404
Floating = Annotated[str, Parameter(name="floating-ip", help="Name, address or id.")]


def find(client: Client, reference: str) -> Json:
    """Find a floating IP by name, id or address."""
    if not is_address(reference):
        return client.find(PATH, reference)
    for found in client.items(PATH)["items"]:
        if pick(found, "status.address") == reference:
            return dict(found)
    raise ServerRefused(
        f"no floating IP {reference} in this project; list them with `atoll floating-ip list`",
        status=NOT_FOUND,
    )


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


app = App(name="floating-ip")
FLOATING_IPS = Noun(
    app=app,
    one="a floating IP",
    path=PATH,
    columns=COLUMNS,
    known_by="name, address or id",
    find_by=find,
)
FLOATING_IPS.add_list("List floating IPs.", by_instance=True)
FLOATING_IPS.add_show("Show a floating IP.")
FLOATING_IPS.add_rename()
FLOATING_IPS.add_label()


@app.command
def create(
    name: Annotated[str, Parameter(help="Name of the floating IP.")],
    /,
    *,
    region: Annotated[str | None, Parameter(help="Region. See `atoll region list`.")] = None,
    attach_to: Annotated[
        str | None, Parameter(help="Instance to attach it to (name or id).")
    ] = None,
    label: Labels = None,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Create (reserve) a floating IP."""
    spec: Json = {} if region is None else {"region": region}
    with connection.open() as session:
        if attach_to is not None:
            spec["instance_id"] = session.client.find("/v1/instances", attach_to)["id"]
        metadata: Json = {"name": name, "labels": labels_from(label or ())}
        reserved = session.client.change("POST", PATH, {"metadata": metadata, "spec": spec})
        attached = f", attached to {attach_to}" if attach_to else ""
        sentence = f"{name} created: {pick(reserved, 'status.address')}{attached}"
        settle(session, PATH, reserved, pace=pace, sentence=lambda _: sentence)


@app.command
def attach(
    floating_ip: Floating,
    instance: Annotated[str, Parameter(help="Instance (name or id).")],
    /,
    *,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Attach a floating IP to an instance. Moves it if it is attached elsewhere."""
    with connection.open() as session:
        found = find(session.client, floating_ip)
        target = session.client.find("/v1/instances", instance)
        path = f"{PATH}/{found['id']}/attach"
        answer = session.client.change("POST", path, {"instance_id": target["id"]})
        sentence = f"{pick(found, 'status.address')} attached to {target['metadata']['name']}"
        settle(session, PATH, answer, pace=pace, sentence=lambda _: sentence)


@app.command
def detach(
    floating_ip: Floating, /, *, pace: Pace = PATIENT, connection: Connection = NEAREST
) -> None:
    """Detach a floating IP. It stays reserved."""
    with connection.open() as session:
        found = find(session.client, floating_ip)
        answer = session.client.change("POST", f"{PATH}/{found['id']}/detach")
        sentence = f"{pick(found, 'status.address')} detached"
        settle(session, PATH, answer, pace=pace, sentence=lambda _: sentence)


@app.command
def delete(floating_ip: Floating, /, *, yes: Yes = False, connection: Connection = NEAREST) -> None:
    """Delete (release) a detached floating IP. Its address can be reassigned."""
    with connection.open() as session:
        found = find(session.client, floating_ip)
        name = found["metadata"]["name"]
        address = pick(found, "status.address")
        session.confirm(f"Delete the floating IP {address} ({name}, {found['id']})?", yes=yes)
        answer = session.client.change("DELETE", f"{PATH}/{found['id']}")
        session.done(answer, f"{address} deleted")
