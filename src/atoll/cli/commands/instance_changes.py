"""`atoll instance reinstall|restore|resize`: another root disk, another size."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import Json
from atoll.cli.commands.instance_create import encoded_user_data, password_spec
from atoll.cli.errors import Usage
from atoll.cli.proposals import Sentence, operate
from atoll.cli.session import NEAREST, PATIENT, Connection, DryRun, Pace, Reference, Session, Yes
from atoll.cli.ssh_files import forget_host_keys

PATH = "/v1/instances"
Subnet = Annotated[str, Parameter(help="The subnet: its name or id.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Fresh:
    """What the fresh root disk is made of; what is left out stays as it is."""

    image: Annotated[
        str | None, Parameter(help="An image or a snapshot. Default: the one it was made from.")
    ] = None
    hostname: Annotated[str | None, Parameter(help="The guest's host name.")] = None
    key: Annotated[
        list[str] | None, Parameter(negative=(), help="SSH keys instead of its own; repeatable.")
    ] = None
    password: Annotated[bool, Parameter(negative=(), help="Generate a new password for root.")] = (
        False
    )
    password_file: Annotated[
        Path | None, Parameter(help="A file whose first line is root's new password.")
    ] = None
    user_data: Annotated[
        Path | None, Parameter(help="A file that the guest runs or reads at its first boot.")
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Size:
    """A type brings its size; what is named besides goes before it."""

    type: Annotated[str | None, Parameter(help="Another type. See `atoll type list`.")] = None
    vcpus: Annotated[int | None, Parameter(help="Processors.")] = None
    memory_mb: Annotated[int | None, Parameter(help="Memory.")] = None
    disk_gb: Annotated[int | None, Parameter(help="Root disk. It never shrinks.")] = None


AS_IT_IS, SAME_SIZE = Fresh(), Size()


def reinstall(
    instance: Reference,
    /,
    *,
    fresh: Fresh = AS_IT_IS,
    yes: Yes = False,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Give an instance a fresh root disk. Its id, addresses and volumes stay."""
    wanted: Json = {"image": fresh.image, "hostname": fresh.hostname, "ssh_key_ids": fresh.key}
    if fresh.user_data is not None:
        wanted["user_data"] = encoded_user_data(fresh.user_data)
    wanted |= password_spec(generate=fresh.password, file=fresh.password_file)
    body = given(wanted)
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        name = found["metadata"]["name"]
        session.confirm(
            f"Reinstall {name} ({found['id']}) and lose all that is on its root disk?",
            yes=yes or dry_run,
        )
        replace_disk(
            session, found, "reinstall", body,
            dry_run=dry_run, pace=pace,
            sentence=lambda: f"{name} is reinstalled{password_of(session, found, fresh)}",
        )  # fmt: skip


def password_of(session: Session, instance: Json, fresh: Fresh) -> str:
    if not fresh.password:
        return ""
    status = session.client.get(f"{PATH}/{instance['id']}")["status"]
    return f"; root's password, shown for ten minutes: {status['default_password']}"


def restore(
    instance: Reference,
    snapshot: Annotated[str, Parameter(help="The snapshot: its name or id.")],
    /,
    *,
    yes: Yes = False,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Make an instance's root disk what a snapshot holds."""
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        kept = session.client.find("/v1/snapshots", snapshot)
        name = found["metadata"]["name"]
        session.confirm(
            f"Restore {name} ({found['id']}) from {kept['metadata']['name']} "
            "and lose all that is on its root disk now?",
            yes=yes or dry_run,
        )
        replace_disk(
            session, found, "restore", {"snapshot_id": kept["id"]},
            dry_run=dry_run, pace=pace,
            sentence=f"{name} is as it was at {kept['metadata']['name']}",
        )  # fmt: skip


def replace_disk(
    session: Session,
    instance: Json,
    verb: str,
    body: Json,
    *,
    dry_run: bool,
    pace: Pace,
    sentence: Sentence,
) -> None:
    path = f"{PATH}/{instance['id']}/{verb}"
    operate(session, "POST", path, body, dry_run=dry_run, pace=pace, sentence=sentence)
    if not dry_run:
        forget_host_keys(session.surroundings.config_dir, instance["id"])


def resize(
    instance: Reference,
    /,
    *,
    size: Size = SAME_SIZE,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Change an instance's size. A running guest restarts for other processors or memory."""
    body = given(
        {
            "type": size.type,
            "vcpus": size.vcpus,
            "memory_mb": size.memory_mb,
            "disk_gb": size.disk_gb,
        }
    )
    if not body:
        raise Usage("say what shall change: --type, --vcpus, --memory-mb or --disk-gb")
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        operate(
            session,
            "POST",
            f"{PATH}/{found['id']}/resize",
            body,
            dry_run=dry_run,
            pace=pace,
            sentence=f"{found['metadata']['name']} is resized",
        )


def given(wanted: Json) -> Json:
    """Only what was said: the server keeps the rest."""
    return {name: value for name, value in wanted.items() if value is not None}


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
        change_disc(session, instance, "POST", body, f"has {name} in its drive", dry_run, pace)


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
        change_disc(session, instance, "DELETE", None, "has no disc in its drive", dry_run, pace)


def change_disc(
    session: Session,
    instance: str,
    method: str,
    body: dict[str, str] | None,
    what: str,
    dry_run: bool,
    pace: Pace,
) -> None:
    found = session.client.find(PATH, instance)
    operate(
        session,
        method,
        f"{PATH}/{found['id']}/iso",
        body,
        dry_run=dry_run,
        pace=pace,
        sentence=f"{found['metadata']['name']} {what}",
    )


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
        found = session.client.find(PATH, instance)
        joined = session.client.find("/v1/subnets", subnet)
        operate(
            session,
            "POST",
            f"{PATH}/{found['id']}/networks",
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
        found = session.client.find(PATH, instance)
        left = session.client.find("/v1/subnets", subnet)
        operate(
            session,
            "DELETE",
            f"{PATH}/{found['id']}/networks/{left['id']}",
            dry_run=dry_run,
            pace=pace,
            sentence=f"{found['metadata']['name']} has left {left['metadata']['name']}",
        )
