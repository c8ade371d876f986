"""`atoll floating-ip …`: public addresses that are kept, and lead to one instance or another."""

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
Floating = Annotated[str, Parameter(name="floating-ip", help="Its name, address or id.")]


def find(client: Client, reference: str) -> Json:
    """By name or id, as all things are, or by the address itself."""
    if not is_address(reference):
        return client.find(PATH, reference)
    for found in client.items(PATH)["items"]:
        if pick(found, "status.address") == reference:
            return dict(found)
    raise ServerRefused(
        f"there is no floating IP {reference} in this project: see `atoll floating-ip list`",
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
FLOATING_IPS.add_list("List the floating IPs.", by_instance=True)
FLOATING_IPS.add_show("Show everything about a floating IP.")
FLOATING_IPS.add_rename()
FLOATING_IPS.add_label()


@app.command
def create(
    name: Annotated[str, Parameter(help="A name for the address.")],
    /,
    *,
    region: Annotated[str | None, Parameter(help="Where. See `atoll region list`.")] = None,
    attach_to: Annotated[str | None, Parameter(help="The instance that it leads to.")] = None,
    label: Labels = None,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Reserve an address."""
    spec: Json = {} if region is None else {"region": region}
    with connection.open() as session:
        if attach_to is not None:
            spec["instance_id"] = session.client.find("/v1/instances", attach_to)["id"]
        metadata: Json = {"name": name, "labels": labels_from(label or ())}
        reserved = session.client.change("POST", PATH, {"metadata": metadata, "spec": spec})
        leads = f", and leads to {attach_to}" if attach_to else ""
        sentence = f"{name} is {pick(reserved, 'status.address')}{leads}"
        settle(session, PATH, reserved, pace=pace, sentence=lambda _: sentence)


@app.command
def attach(
    floating_ip: Floating,
    instance: Annotated[str, Parameter(help="The instance: its name or id.")],
    /,
    *,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Let an address lead to an instance, away from the one that it led to before."""
    with connection.open() as session:
        found = find(session.client, floating_ip)
        target = session.client.find("/v1/instances", instance)
        path = f"{PATH}/{found['id']}/attach"
        answer = session.client.change("POST", path, {"instance_id": target["id"]})
        sentence = f"{pick(found, 'status.address')} leads to {target['metadata']['name']}"
        settle(session, PATH, answer, pace=pace, sentence=lambda _: sentence)


@app.command
def detach(
    floating_ip: Floating, /, *, pace: Pace = PATIENT, connection: Connection = NEAREST
) -> None:
    """Let an address lead nowhere. It stays yours."""
    with connection.open() as session:
        found = find(session.client, floating_ip)
        answer = session.client.change("POST", f"{PATH}/{found['id']}/detach")
        sentence = f"{pick(found, 'status.address')} leads nowhere"
        settle(session, PATH, answer, pace=pace, sentence=lambda _: sentence)


@app.command
def delete(floating_ip: Floating, /, *, yes: Yes = False, connection: Connection = NEAREST) -> None:
    """Give an address back that leads nowhere. Somebody else may get it."""
    with connection.open() as session:
        found = find(session.client, floating_ip)
        name = found["metadata"]["name"]
        address = pick(found, "status.address")
        session.confirm(f"Give {address} ({name}, {found['id']}) back?", yes=yes)
        answer = session.client.change("DELETE", f"{PATH}/{found['id']}")
        session.done(answer, f"{address} is given back")
