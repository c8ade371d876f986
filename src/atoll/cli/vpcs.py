"""`atoll vpc …`: private networks, whose addresses are divided into subnets."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.editing import add_rename_and_label, delete_thing
from atoll.cli.output import Column
from atoll.cli.session import (
    NEAREST,
    Connection,
    Labelled,
    Labels,
    Limit,
    Named,
    Reference,
    Yes,
    labels_from,
    listed,
)

PATH = "/v1/vpcs"
COLUMNS = (Column("name", "metadata.name"), Column("cidr", "spec.cidr"), Column("id", "id"))

app = App(name="vpc")
add_rename_and_label(app, PATH, "VPC")


@app.command
def create(
    name: Annotated[str, Parameter(help="The VPC's name.")],
    /,
    *,
    cidr: Annotated[str, Parameter(help="Its private addresses, as 10.1.0.0/16.")],
    label: Labels = None,
    connection: Connection = NEAREST,
) -> None:
    """Create a VPC. Instances join a subnet of it: `atoll subnet create`."""
    metadata: Json = {"name": name, "labels": labels_from(label or ())}
    with connection.open() as session:
        body: Json = {"metadata": metadata, "spec": {"cidr": cidr}}
        answer = session.client.change("POST", PATH, body)
        session.done(answer, f"{name} is created: {answer['id']}")


@app.command(name="list")
def list_vpcs(
    *,
    name: Named = None,
    label: Labelled = None,
    limit: Limit = None,
    connection: Connection = NEAREST,
) -> None:
    """List the VPCs."""
    with connection.open() as session:
        session.show_list(PATH, COLUMNS, listed(name, label), limit=limit)


@app.command
def show(vpc: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Show everything about a VPC."""
    with connection.open() as session:
        session.show(session.client.find(PATH, vpc))


@app.command
def delete(vpc: Reference, /, *, yes: Yes = False, connection: Connection = NEAREST) -> None:
    """Delete a VPC that has no subnets."""
    with connection.open() as session:
        delete_thing(session, PATH, vpc, "VPC", yes=yes)
