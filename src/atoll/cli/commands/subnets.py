"""`atoll subnet …`: the subnets of private networks."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.nouns import Noun
from atoll.cli.output import Column
from atoll.cli.session import (
    NEAREST,
    Connection,
    Labels,
    labels_from,
)

COLUMNS = (
    Column("name", "metadata.name"),
    Column("cidr", "spec.cidr"),
    Column("vpc", "spec.vpc_id"),
    Column("id", "id"),
)

app = App(name="subnet")
SUBNETS = Noun(app=app, one="a subnet", path="/v1/subnets", columns=COLUMNS)
SUBNETS.add_list("List subnets.")
SUBNETS.add_show("Show a subnet.")
SUBNETS.add_rename()
SUBNETS.add_label()
SUBNETS.add_delete("Delete a subnet. No instance may be using it.")


@app.command
def create(
    name: Annotated[str, Parameter(help="Name of the subnet.")],
    /,
    *,
    vpc: Annotated[str, Parameter(help="VPC of the subnet (name or id).")],
    cidr: Annotated[str, Parameter(help="Range within the VPC, such as 10.1.2.0/24.")],
    label: Labels = None,
    connection: Connection = NEAREST,
) -> None:
    """Create a subnet in a VPC."""
    metadata: Json = {"name": name, "labels": labels_from(label or ())}
    with connection.open() as session:
        spec: Json = {"vpc_id": session.client.find("/v1/vpcs", vpc)["id"], "cidr": cidr}
        answer = session.client.change("POST", SUBNETS.path, {"metadata": metadata, "spec": spec})
        session.done(answer, f"{name} created: {answer['id']}")
