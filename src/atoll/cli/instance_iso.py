"""`atoll instance attach-iso|detach-iso`: the disc in an instance's CD drive."""

from typing import Annotated

from cyclopts import Parameter

from atoll.cli.plans import operate
from atoll.cli.session import NEAREST, PATIENT, Connection, DryRun, Pace, Reference, Session


def attach_iso(
    instance: Reference,
    image: Annotated[str, Parameter(help="An image of the kind iso: its name or id.")],
    /,
    *,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Put a disc into an instance's CD drive. A running one starts anew, from the disc."""
    with connection.open() as session:
        disc = session.client.find("/v1/images", image)
        name = disc["metadata"]["name"]
        body = {"image": disc["id"]}
        change(session, instance, "POST", body, f"has {name} in its drive", dry_run, pace)


def detach_iso(
    instance: Reference,
    /,
    *,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Take the disc out of an instance's CD drive. A running one starts anew, from its disk."""
    with connection.open() as session:
        change(session, instance, "DELETE", None, "has no disc in its drive", dry_run, pace)


def change(
    session: Session,
    instance: str,
    method: str,
    body: dict[str, str] | None,
    what: str,
    dry_run: bool,
    pace: Pace,
) -> None:
    found = session.client.find("/v1/instances", instance)
    operate(
        session,
        method,
        f"/v1/instances/{found['id']}/iso",
        body,
        dry_run=dry_run,
        pace=pace,
        sentence=f"{found['metadata']['name']} {what}",
    )
