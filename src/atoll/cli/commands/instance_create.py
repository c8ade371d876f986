"""`atoll instance create`: asks for an instance and stays until its guest is ready."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import Json, Query
from atoll.cli.commands.instance_guest import ssh_address
from atoll.cli.errors import OperationFailed, TimedOut, Usage
from atoll.cli.moments import moment_from
from atoll.cli.output import pick
from atoll.cli.proposals import show_proposal
from atoll.cli.session import (
    NEAREST,
    PATIENT,
    Connection,
    DryRun,
    IdempotencyKey,
    Pace,
    Session,
    labels_from,
)
from atoll.cli.ssh_files import own_public_key_files, read_public_key, same_public_key
from atoll.cli.waiting import wait_for_operation, wait_until_ready


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Machine:
    """The options that widen what the type says, and where the instance goes."""

    vcpus: Annotated[int | None, Parameter(help="Processors. Default: the type's.")] = None
    memory_mb: Annotated[int | None, Parameter(help="Memory. Default: the type's.")] = None
    disk_gb: Annotated[int | None, Parameter(help="Root disk. Default: the type's.")] = None
    region: Annotated[str | None, Parameter(help="Where. See `atoll region list`.")] = None
    vpc: Annotated[str | None, Parameter(help="Its private network.")] = None
    subnet: Annotated[str | None, Parameter(help="Its subnet of that network.")] = None
    security_group: Annotated[
        list[str] | None,
        Parameter(negative=(), help="Which ports are open; repeatable. Default: `default`."),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class FirstBoot:
    """What the guest is given before it runs for the first time."""

    key: Annotated[
        list[str] | None,
        Parameter(negative=(), help="SSH keys; repeatable. Default: yours, if it is registered."),
    ] = None
    password: Annotated[
        bool, Parameter(negative=(), help="Generate a password with which root may log in.")
    ] = False
    password_file: Annotated[
        Path | None, Parameter(help="A file whose first line is root's password.")
    ] = None
    startup_script: Annotated[
        str | None, Parameter(help="A kept script that the guest runs at its first boot.")
    ] = None
    user_data: Annotated[
        Path | None, Parameter(help="A file that the guest runs or reads at its first boot.")
    ] = None
    label: Annotated[
        list[str] | None, Parameter(negative=(), help="A label, as key=value; repeatable.")
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Asking:
    """What is said of the record and the request rather than of the machine."""

    protected: Annotated[
        bool, Parameter(negative=(), help="Refuse its deletion until it is unprotected.")
    ] = False
    expires: Annotated[
        str | None,
        Parameter(
            name="--expires-at",
            help="When it is deleted by itself: 8h, 7d, or 2027-01-31T18:00:00Z.",
        ),
    ] = None
    idempotency_key: IdempotencyKey = None
    dry_run: DryRun = False


AS_THE_TYPE_SAYS, PLAIN, ASKING = Machine(), FirstBoot(), Asking()


def create(
    name: Annotated[str, Parameter(help="The instance's name, also its host name.")],
    /,
    *,
    type: Annotated[str, Parameter(help="The size. See `atoll type list`.")],
    image: Annotated[
        str, Parameter(help="The disk to start from: an image, or a snapshot of an instance.")
    ],
    machine: Machine = AS_THE_TYPE_SAYS,
    first_boot: FirstBoot = PLAIN,
    asking: Asking = ASKING,
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Create an instance, wait until its guest is ready, and print its addresses."""
    spec = {"type": type, "image": image, **machine_spec(machine)}
    metadata: Json = {"name": name, "labels": labels_from(first_boot.label or ())}
    if asking.protected:
        metadata["protected"] = True
    if asking.expires is not None:
        metadata["expires_at"] = moment_from(asking.expires)
    spec |= password_spec(generate=first_boot.password, file=first_boot.password_file)
    if first_boot.startup_script is not None:
        spec["startup_script_id"] = first_boot.startup_script
    if first_boot.user_data is not None:
        spec["user_data"] = encoded_user_data(first_boot.user_data)
    with connection.open() as session:
        spec["ssh_key_ids"] = first_boot.key or own_keys(session)
        query: Query = {"dry_run": True} if asking.dry_run else {}
        answer = session.client.change(
            "POST",
            "/v1/instances",
            {"metadata": metadata, "spec": spec},
            query=query,
            idempotency_key=asking.idempotency_key,
        )
        if not spec["ssh_key_ids"] and not {"generate_password", "password"} & spec.keys():
            hint_at_keys(session)
        if asking.dry_run:
            show_proposal(session, answer)
        elif pace.wait:
            show_ready(session, answer, pace.timeout_s)
        else:
            session.done(answer, f"{answer['id']} accepted: {answer['operation_id']}")


def machine_spec(machine: Machine) -> Json:
    """Only what was given: the server knows the rest."""
    wanted = {
        "vcpus": machine.vcpus,
        "memory_mb": machine.memory_mb,
        "disk_gb": machine.disk_gb,
        "region": machine.region,
        "vpc_id": machine.vpc,
        "subnet_id": machine.subnet,
        "security_groups": machine.security_group,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def password_spec(*, generate: bool, file: Path | None) -> Json:
    """What is asked for of root's password. No option holds it: other users can see those."""
    if generate and file is not None:
        raise Usage("give either --password or --password-file")
    if file is None:
        return {"generate_password": True} if generate else {}
    try:
        return {"password": file.read_text().partition("\n")[0]}
    except OSError as error:
        raise Usage(f"cannot read the password in {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Usage(f"the password in {file} is not UTF-8") from error


def encoded_user_data(file: Path) -> str:
    try:
        return base64.b64encode(file.read_bytes()).decode()
    except OSError as error:
        raise Usage(f"cannot read the user data {file}: {error.strerror}") from error


def own_keys(session: Session) -> list[str]:
    """The ids of this user's keys that the project knows."""
    own = [read_public_key(file) for file in own_public_key_files(session.surroundings.home)]
    registered = session.client.items("/v1/ssh-keys")["items"] if own else []
    return [
        str(key["id"])
        for key in registered
        if any(same_public_key(pick(key, "spec.public_key") or "", mine) for mine in own)
    ]


def hint_at_keys(session: Session) -> None:
    """Said once it is accepted: whoever is refused has something else to put right first."""
    own = own_public_key_files(session.surroundings.home)
    make = "" if own else "ssh-keygen -t ed25519, then: "
    session.output.note(
        "hint: no ssh key of yours is registered, so the guest will not let you in. "
        f"Add it with: {make}atoll key add (or name one with --key)"
    )


def show_ready(session: Session, created: Json, timeout_s: float) -> None:
    """Stays until the guest is ready; its addresses, and how to get in."""
    instance_id = created["id"]
    name = created["metadata"]["name"]
    wait_for_operation(session, created["operation_id"], timeout_s=timeout_s)
    instance = wait_until_ready(session, instance_id, timeout_s=timeout_s)
    if instance is None:
        raise TimedOut(
            f"{name} runs, but its guest is not ready after {timeout_s:g} s: "
            f"see `atoll instance logs {name}` and `atoll instance explain {name}`"
        )
    status = instance["status"]
    if not status.get("ready"):
        raise OperationFailed(
            f"{name} is {status.get('state')} before its guest was ready: "
            f"{status.get('reason') or f'see `atoll instance logs {name}`'}"
        )
    if session.output.as_json:
        session.output.json(instance)
        return
    session.output.line(f"{name} is ready")
    facts = {"id": instance_id}
    facts |= {key: status[key] for key in ("public_ip", "private_ip") if status.get(key)}
    if address := ssh_address(instance):
        facts["ssh"] = f"ssh{'' if address[1] == 22 else f' -p {address[1]}'} root@{address[0]}"
    if status.get("default_password"):
        facts["password"] = f"{status['default_password']} (root's; shown for ten minutes)"
    session.output.fields(facts)
