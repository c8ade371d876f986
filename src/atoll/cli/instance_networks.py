"""`atoll instance attach-network|detach-network`: further networks of an instance."""

from typing import Annotated

from cyclopts import Parameter

from atoll.cli.plans import operate
from atoll.cli.session import NEAREST, PATIENT, Connection, DryRun, Pace, Reference

Subnet = Annotated[str, Parameter(help="The subnet: its name or id.")]


def attach_network(
    instance: Reference,
    subnet: Subnet,
    /,
    *,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Give an instance a network interface in a further subnet, while it runs."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        joined = session.client.find("/v1/subnets", subnet)
        operate(
            session,
            "POST",
            f"/v1/instances/{found['id']}/networks",
            {"subnet_id": joined["id"]},
            dry_run=dry_run,
            pace=pace,
            sentence=f"{found['metadata']['name']} is in {joined['metadata']['name']} too",
        )


def detach_network(
    instance: Reference,
    subnet: Subnet,
    /,
    *,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Take an instance out of a subnet that it was attached to later."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        left = session.client.find("/v1/subnets", subnet)
        operate(
            session,
            "DELETE",
            f"/v1/instances/{found['id']}/networks/{left['id']}",
            dry_run=dry_run,
            pace=pace,
            sentence=f"{found['metadata']['name']} has left {left['metadata']['name']}",
        )
