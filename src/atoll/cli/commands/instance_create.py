"""`atoll instance create`: creates an instance and waits until its guest is ready."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

from atoll.cli.client import Json, Query
from atoll.cli.commands.instance_guest import SSH_PORT, ssh_address
from atoll.cli.errors import OperationFailed, ServerRefused, TimedOut, Usage
from atoll.cli.moments import moment_from
from atoll.cli.output import pick
from atoll.cli.proposals import show_proposal
from atoll.cli.reach import leads_astray
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

KEYS_NAMED_MAX = 5
NEVER_READY = "a disc never reports ready: see `atoll instance vnc` and `console`"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Machine:
    """Options that override the size of the type, and options of placement and networks."""

    vcpus: Annotated[
        int | None, Parameter(help="Number of virtual CPUs. Default: from the type.")
    ] = None
    memory_mb: Annotated[int | None, Parameter(help="Memory in MB. Default: from the type.")] = None
    disk_gb: Annotated[int | None, Parameter(help="Root disk in GB. Default: from the type.")] = (
        None
    )
    region: Annotated[str | None, Parameter(help="Region. See `atoll region list`.")] = None
    vpc: Annotated[str | None, Parameter(help="VPC (name or id).")] = None
    subnet: Annotated[str | None, Parameter(help="Subnet in the VPC (name or id).")] = None
    security_group: Annotated[
        list[str] | None,
        Parameter(negative=(), help="Security groups; repeatable. Default: `default`."),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class FirstBoot:
    """Options of the first boot."""

    key: Annotated[
        list[str] | None,
        Parameter(negative=(), help="SSH keys; repeatable. Default: your own registered keys."),
    ] = None
    password: Annotated[bool, Parameter(negative=(), help="Generate a password for root.")] = False
    password_file: Annotated[
        Path | None, Parameter(help="File with the password for root in its first line.")
    ] = None
    startup_script: Annotated[
        str | None, Parameter(help="Startup script to run at the first boot (name or id).")
    ] = None
    user_data: Annotated[Path | None, Parameter(help="File with user data for the first boot.")] = (
        None
    )
    label: Annotated[
        list[str] | None, Parameter(negative=(), help="Label, as key=value; repeatable.")
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Asking:
    """Options of the record and the request."""

    protected: Annotated[
        bool, Parameter(negative=(), help="Protect the instance from deletion.")
    ] = False
    expires: Annotated[
        str | None,
        Parameter(
            name="--expires-at",
            help="When to delete the instance: 8h, 7d, or 2027-01-31T18:00:00Z.",
        ),
    ] = None
    idempotency_key: IdempotencyKey = None
    dry_run: DryRun = False


AS_THE_TYPE_SAYS, PLAIN, ASKING = Machine(), FirstBoot(), Asking()


def create(
    name: Annotated[str, Parameter(help="Name of the instance, also used as host name.")],
    /,
    *,
    type: Annotated[str, Parameter(help="Instance type. See `atoll type list`.")],
    image: Annotated[str, Parameter(help="Image or snapshot to start from (name or id).")],
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
            if first_boot.password:
                session.output.note(
                    f"the password of root is shown for ten minutes by `atoll instance show {name}`"
                )


def machine_spec(machine: Machine) -> Json:
    """Return the options that were given: the server has defaults for the others."""
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
    """Build the password fields. The password is no option: other users can see options."""
    if generate and file is not None:
        raise Usage("use either --password or --password-file")
    if file is None:
        return {"generate_password": True} if generate else {}
    try:
        return {"password": file.read_text().partition("\n")[0]}
    except OSError as error:
        raise Usage(f"cannot read the password in {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Usage(f"the password in {file} is not valid UTF-8") from error


def encoded_user_data(file: Path) -> str:
    try:
        return base64.b64encode(file.read_bytes()).decode()
    except OSError as error:
        raise Usage(f"cannot read the user data {file}: {error.strerror}") from error


def own_keys(session: Session) -> list[str]:
    """Find the ids of this user's keys that are registered in the project."""
    own = [read_public_key(file) for file in own_public_key_files(session.surroundings.home)]
    registered = session.client.items("/v1/ssh-keys")["items"] if own else []
    return [
        str(key["id"])
        for key in registered
        if any(same_public_key(pick(key, "spec.public_key") or "", mine) for mine in own)
    ]


def hint_at_keys(session: Session) -> None:
    """Print a hint. Only after the request was accepted: an error would be more important."""
    own = own_public_key_files(session.surroundings.home)
    registered = session.client.items("/v1/ssh-keys", limit=KEYS_NAMED_MAX)["items"]
    if registered:
        names = ", ".join(key["metadata"]["name"] for key in registered)
        advice = f"Select a registered one with --key ({names}), or add yours with: atoll key add"
    else:
        make = "" if own else "ssh-keygen -t ed25519, then: "
        advice = f"Add one with: {make}atoll key add"
    session.output.note(
        "hint: none of your SSH keys in ~/.ssh is registered, so you cannot log in to the guest. "
        + advice
    )


def show_ready(session: Session, created: Json, timeout_s: float) -> None:
    """Wait until the guest is ready, and print its addresses and the ssh command."""
    instance_id = created["id"]
    name = created["metadata"]["name"]
    wait_for_operation(session, created["operation_id"], timeout_s=timeout_s)
    if starts_from_disc(session, created):
        session.done(created, f"{name} is running from its disc: {instance_id}; {NEVER_READY}")
        return
    instance = wait_until_ready(session, created, timeout_s=timeout_s)
    if instance is None:
        raise TimedOut(
            f"{name} is running, but not ready after {timeout_s:g} s; "
            f"see `atoll instance logs {name}` and `atoll instance explain {name}`"
        )
    status = instance["status"]
    if not status.get("ready"):
        raise OperationFailed(
            f"{name} is {status.get('state')} and never became ready: "
            f"{status.get('reason') or f'see `atoll instance logs {name}`'}"
        )
    if session.output.as_json:
        session.output.json(instance)
        return
    session.output.line(f"{name} is ready")
    facts = {"id": instance_id}
    facts |= {key: status[key] for key in ("public_ip", "private_ip") if status.get(key)}
    if address := ssh_address(instance):
        facts["ssh"] = ssh_words(session.client.server.url, *address)
    if status.get("default_password"):
        facts["password"] = f"{status['default_password']} (for root; shown for ten minutes)"
    session.output.fields(facts)


def starts_from_disc(session: Session, created: Json) -> bool:
    """Whether the image is a CD image. Such a system does not report when it is ready."""
    try:
        image = session.client.find("/v1/images", created["spec"]["image"])
    except ServerRefused:  # a snapshot, or an image that was deleted meanwhile
        return False
    return bool(pick(image, "spec.kind") == "iso")


def ssh_words(server_url: str, host: str, port: int) -> str:
    """The ssh command for this machine, or where ssh is possible at all."""
    if leads_astray(server_url, host):
        return f"only on the machine of the server, {urlsplit(server_url).hostname}"
    return f"ssh{'' if port == SSH_PORT else f' -p {port}'} root@{host}"
