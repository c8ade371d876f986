"""`atoll vpc …`: private networks, divided into subnets."""

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

COLUMNS = (Column("name", "metadata.name"), Column("cidr", "spec.cidr"), Column("id", "id"))

app = App(name="vpc")
VPCS = Noun(app=app, one="a VPC", path="/v1/vpcs", columns=COLUMNS)
VPCS.add_list("List VPCs.")
VPCS.add_show("Show a VPC.")
VPCS.add_rename()
VPCS.add_label()
VPCS.add_delete("Delete a VPC. Delete its subnets first.")


@app.command
def create(
    name: Annotated[str, Parameter(help="Name of the VPC.")],
    /,
    *,
    cidr: Annotated[str, Parameter(help="Private address range, such as 10.1.0.0/16.")],
    label: Labels = None,
    connection: Connection = NEAREST,
) -> None:
    """Create a VPC. Then add subnets with `atoll subnet create`."""
    metadata: Json = {"name": name, "labels": labels_from(label or ())}
    with connection.open() as session:
        body: Json = {"metadata": metadata, "spec": {"cidr": cidr}}
        answer = session.client.change("POST", VPCS.path, body)
        session.done(answer, f"{name} created: {answer['id']}")
