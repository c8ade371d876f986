"""Conversion of a request to create an instance into commands of one transaction.

The instance is created with all requested resources, or none is.
"""

from typing import Any

import msgspec

from atoll.api.genesis import offers, user_data, wire
from atoll.api.genesis.catalogue import Catalogue
from atoll.api.genesis.instance_views import PLACEMENT, RESERVATION
from atoll.api.genesis.user_data import Metadata
from atoll.api.genesis.wire import Wire, catalogue_of, services_of, view_of
from atoll.api.http import Call
from atoll.api.serving import Asked
from atoll.domain import ids
from atoll.domain.commands import (
    AttachFloatingIp,
    AttachVolume,
    CreateInstance,
    Made,
    Reference,
    Secret,
)
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.images import Image
from atoll.domain.instances import DISK_GIB_MAX, require_bounds
from atoll.domain.plans import Plan
from atoll.domain.security_groups import STANDARD_GROUP
from atoll.domain.snapshots import Snapshot
from atoll.service import catalogue, queries
from atoll.service.desk import View
from atoll.service.nouns import PLANS

NEW = Made()

PASSWORD_MIN = 16
NOTE_MAX = 255
ON_DEMAND, RESERVED = "on-demand", "reserved"
LONG_TERM = ("prepaid-monthly", "prepaid-3-month", "prepaid-6-month", "prepaid-12-month")
BILLING = (ON_DEMAND, *LONG_TERM, RESERVED)
# Fields that Atoll refuses, with the reasons: ignoring them would mislead.
NOT_SERVED = {
    "destroy_on_shutdown": "an instance that shuts down stays stopped here: destroy it yourself",
    "public_ipv6": "every instance has a public IPv4 address here, and none of IPv6",
}


class CreateBody(Wire, kw_only=True):
    """`ssh_keys` or `password` gives access to the instance."""

    name: str
    hostname: str
    type: str
    image: str
    region: str | None = None
    placement_option: str | None = None
    ssh_keys: list[str] | None = None
    password: str | None = None
    security_groups: list[str] | None = None
    volumes: list[str] | None = None
    floating_ip: str | None = None
    disk_size: int | None = None
    is_protected: bool | None = None
    metadata: Metadata | None = None
    billing_type: str | None = None
    reservation_id: str | None = None
    reuse_long_term_subscription: str | None = None
    destroy_on_shutdown: bool | None = None
    public_ipv6: bool | None = None
    public_ip_type: str | None = None


async def wishes_of(request: Call, body: CreateBody) -> list[Asked]:
    """Return the commands of one transaction, the instance's first. Types and regions of the file
    are created at their first use. Raises Invalid in this dialect's words."""
    view, names = view_of(request), catalogue_of(request)
    view.require("write")
    refuse_not_served(body)
    plan = await offers.resolve_plan(view, names, body.type)
    source = await source_of(view, names, body.image)
    size = plan or (await queries.find_by_ids(view, PLANS, [body.type]))[body.type]
    command = parse_create(body, source.id, disk_wanted(body, names, size, source))
    wishes = attachments(body)
    region = await offers.ensure_region(request, body.region)
    await catalogue.adopt(services_of(request).store, plan)
    return [Asked(msgspec.structs.replace(command, region=region)), *wishes]


def attach(volume_id: str, instance: Reference) -> Asked:
    """Return the command. Its errors name the volume, because the instance is in the path."""
    fields = {"volume": "volumes", "instance": "volumes"}
    return Asked(AttachVolume(volume=volume_id, instance=instance), fields)


def attachments(body: CreateBody) -> list[Asked]:
    """Return the commands that attach other resources to the new instance."""
    wishes = [attach(volume_id, NEW) for volume_id in ids_in(ids.VOLUME, body.volumes, "volumes")]
    if body.floating_ip:
        field = "floating_ip"
        address = wire.native_id_in(ids.FLOATING_IP, body.floating_ip, field)
        command = AttachFloatingIp(floating_ip=address, instance=NEW, move=False)
        wishes.append(Asked(command, {"floating_ip": field}))
    return wishes


async def source_of(view: View, names: Catalogue, text: str) -> Image | Snapshot:
    """Return the image or snapshot. Raises Invalid."""
    try:
        return await offers.resolve_source(view, names, text)
    except NotFound as error:
        raise Invalid(f"image: {error}", field="image") from error


def parse_create(body: CreateBody, image: str, disk_gib: int) -> CreateInstance:
    require_one_way_in(body)
    groups: tuple[str, ...] = (STANDARD_GROUP,)
    if body.security_groups is not None:
        groups = ids_in(ids.SECURITY_GROUP, body.security_groups, "security_groups")
    return CreateInstance(
        name=body.name, hostname=body.hostname, annotations=notes_of(body), plan=body.type,
        image=image, disk_gib=disk_gib, security_groups=groups,
        ssh_keys=ids_in(ids.SSH_KEY, body.ssh_keys, "ssh_keys"),
        user_data=user_data.parse(body.metadata), protected=protected(body),
        password=None if body.password is None else Secret(body.password), free_name=True,
    )  # fmt: skip


def refuse_not_served(body: CreateBody) -> None:
    for field, why in NOT_SERVED.items():
        if getattr(body, field):
            raise Invalid(f"{field}: {why}", field=field)
    if body.billing_type is not None and body.billing_type not in BILLING:
        raise Invalid(f"billing_type must be one of {', '.join(BILLING)}", field="billing_type")
    if not body.hostname:
        raise Invalid("hostname is required", field="hostname")


def require_one_way_in(body: CreateBody) -> None:
    if body.password is None:
        return
    if body.ssh_keys:
        raise Invalid(
            "password and ssh_keys cannot be used together: omit one of them", field="password"
        )
    if len(body.password) < PASSWORD_MIN:
        raise Invalid(f"password must have at least {PASSWORD_MIN} characters", field="password")


def disk_wanted(body: CreateBody, names: Catalogue, plan: Plan, source: Any) -> int:
    """Return the requested size; by default the type's, or the snapshot's. Raises Invalid."""
    if body.disk_size is not None:
        require_disk(body.disk_size, names)
        return body.disk_size
    needed = source.disk_gib if isinstance(source, Snapshot) else source.disk_gib_min
    return max(plan.disk_gib, needed)


def require_disk(disk_gib: int, names: Catalogue) -> None:
    require_bounds("disk_size", disk_gib, names.disk_gib_min, DISK_GIB_MAX)


def protected(body: CreateBody) -> bool:
    """Return whether the instance is protected: a long billing term protects it by default."""
    return bool(body.is_protected) or body.billing_type in LONG_TERM


def notes_of(body: CreateBody) -> dict[str, str]:
    """Return the fields that are kept and shown again, without an effect."""
    given = {PLACEMENT: body.placement_option, RESERVATION: body.reservation_id}
    for key, text in given.items():
        if text is not None and len(text) > NOTE_MAX:
            field = key.partition(".")[2]
            raise Invalid(f"{field} must have at most {NOTE_MAX} characters", field=field)
    return {key: text for key, text in given.items() if text}


def ids_in(prefix: str, given: list[str] | None, field: str) -> tuple[str, ...]:
    """Return the ids without duplicates, in their order. Raises Invalid."""
    found = [wire.native_id_in(prefix, one, field) for one in given or ()]
    return tuple(dict.fromkeys(found))
