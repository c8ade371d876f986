"""`atoll instance reinstall|restore|resize|attach-…|detach-…`: disks, size, CD drive, networks."""

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
Subnet = Annotated[str, Parameter(help="Subnet (name or id).")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Fresh:
    """Options of the new root disk. Omitted options keep their current values."""

    image: Annotated[
        str | None, Parameter(help="Image or snapshot (name or id). Default: the original one.")
    ] = None
    hostname: Annotated[str | None, Parameter(help="Host name of the guest.")] = None
    key: Annotated[
        list[str] | None, Parameter(negative=(), help="New list of SSH keys; repeatable.")
    ] = None
    password: Annotated[bool, Parameter(negative=(), help="Generate a new password for root.")] = (
        False
    )
    password_file: Annotated[
        Path | None, Parameter(help="File with the new password for root in its first line.")
    ] = None
    user_data: Annotated[Path | None, Parameter(help="File with user data for the first boot.")] = (
        None
    )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Size:
    """Options of the new size. Single values override those of the type."""

    type: Annotated[str | None, Parameter(help="New instance type. See `atoll type list`.")] = None
    vcpus: Annotated[int | None, Parameter(help="Number of virtual CPUs.")] = None
    memory_mb: Annotated[int | None, Parameter(help="Memory in MB.")] = None
    disk_gb: Annotated[int | None, Parameter(help="Root disk in GB. It cannot shrink.")] = None


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
    """Reinstall an instance on a new root disk. Its id, addresses and volumes are kept."""
    wanted: Json = {"image": fresh.image, "hostname": fresh.hostname, "ssh_key_ids": fresh.key}
    if fresh.user_data is not None:
        wanted["user_data"] = encoded_user_data(fresh.user_data)
    wanted |= password_spec(generate=fresh.password, file=fresh.password_file)
    body = given(wanted)
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        name = found["metadata"]["name"]
        session.confirm(
            f"Reinstall {name} ({found['id']}) and lose all data on its root disk?",
            yes=yes or dry_run,
        )
        replace_disk(
            session, found, "reinstall", body,
            dry_run=dry_run, pace=pace,
            sentence=lambda: f"{name} reinstalled{password_of(session, found, fresh)}",
        )  # fmt: skip


def password_of(session: Session, instance: Json, fresh: Fresh) -> str:
    if not fresh.password:
        return ""
    status = session.client.get(f"{PATH}/{instance['id']}")["status"]
    return f"; password for root, shown for ten minutes: {status['default_password']}"


def restore(
    instance: Reference,
    snapshot: Annotated[str, Parameter(help="Snapshot (name or id).")],
    /,
    *,
    yes: Yes = False,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Restore an instance's root disk from a snapshot."""
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        kept = session.client.find("/v1/snapshots", snapshot)
        name = found["metadata"]["name"]
        session.confirm(
            f"Restore {name} ({found['id']}) from {kept['metadata']['name']} "
            "and lose all current data on its root disk?",
            yes=yes or dry_run,
        )
        replace_disk(
            session, found, "restore", {"snapshot_id": kept["id"]},
            dry_run=dry_run, pace=pace,
            sentence=f"{name} restored from {kept['metadata']['name']}",
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
    """Resize an instance. Changing CPUs or memory restarts a running guest."""
    body = given(
        {
            "type": size.type,
            "vcpus": size.vcpus,
            "memory_mb": size.memory_mb,
            "disk_gb": size.disk_gb,
        }
    )
    if not body:
        raise Usage("nothing to change: use --type, --vcpus, --memory-mb or --disk-gb")
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        operate(
            session,
            "POST",
            f"{PATH}/{found['id']}/resize",
            body,
            dry_run=dry_run,
            pace=pace,
            sentence=f"{found['metadata']['name']} resized",
        )


def given(wanted: Json) -> Json:
    """Return the options that were given: the server keeps the others."""
    return {name: value for name, value in wanted.items() if value is not None}


def attach_iso(
    instance: Reference,
    image: Annotated[str, Parameter(help="Image of kind iso (name or id).")],
    /,
    *,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Attach an ISO image to an instance. A running instance reboots from it."""
    with connection.open() as session:
        disc = session.client.find("/v1/images", image)
        name = disc["metadata"]["name"]
        body = {"image": disc["id"]}
        change_disc(session, instance, "POST", body, f"now has {name} attached", dry_run, pace)


def detach_iso(
    instance: Reference,
    /,
    *,
    dry_run: DryRun = False,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Detach the ISO image of an instance. A running instance reboots from its disk."""
    with connection.open() as session:
        change_disc(session, instance, "DELETE", None, "now has no ISO image", dry_run, pace)


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
    """Attach an instance to another subnet. No restart is needed."""
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
            sentence=f"{found['metadata']['name']} attached to {joined['metadata']['name']}",
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
    """Detach an instance from an additional subnet. The first subnet stays."""
    with connection.open() as session:
        found = session.client.find(PATH, instance)
        left = session.client.find("/v1/subnets", subnet)
        operate(
            session,
            "DELETE",
            f"{PATH}/{found['id']}/networks/{left['id']}",
            dry_run=dry_run,
            pace=pace,
            sentence=f"{found['metadata']['name']} detached from {left['metadata']['name']}",
        )
