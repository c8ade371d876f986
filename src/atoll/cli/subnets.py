"""`atoll subnet …`: the parts of private networks that instances are in."""

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

PATH = "/v1/subnets"
COLUMNS = (
    Column("name", "metadata.name"),
    Column("cidr", "spec.cidr"),
    Column("vpc", "spec.vpc_id"),
    Column("id", "id"),
)

app = App(name="subnet")
add_rename_and_label(app, PATH, "subnet")


@app.command
def create(
    name: Annotated[str, Parameter(help="The subnet's name.")],
    /,
    *,
    vpc: Annotated[str, Parameter(help="The VPC that it is a part of: its name or id.")],
    cidr: Annotated[str, Parameter(help="A part of the VPC's addresses, as 10.1.2.0/24.")],
    label: Labels = None,
    connection: Connection = NEAREST,
) -> None:
    """Create a subnet of a VPC."""
    metadata: Json = {"name": name, "labels": labels_from(label or ())}
    with connection.open() as session:
        spec: Json = {"vpc_id": session.client.find("/v1/vpcs", vpc)["id"], "cidr": cidr}
        answer = session.client.change("POST", PATH, {"metadata": metadata, "spec": spec})
        session.done(answer, f"{name} is created: {answer['id']}")


@app.command(name="list")
def list_subnets(
    *,
    name: Named = None,
    label: Labelled = None,
    limit: Limit = None,
    connection: Connection = NEAREST,
) -> None:
    """List the subnets."""
    with connection.open() as session:
        session.show_list(PATH, COLUMNS, listed(name, label), limit=limit)


@app.command
def show(subnet: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Show everything about a subnet."""
    with connection.open() as session:
        session.show(session.client.find(PATH, subnet))


@app.command
def delete(subnet: Reference, /, *, yes: Yes = False, connection: Connection = NEAREST) -> None:
    """Delete a subnet that no instance is in."""
    with connection.open() as session:
        delete_thing(session, PATH, subnet, "subnet", yes=yes)
