"""Conversion of a request to create an instance into commands of one transaction.

The instance is created with all requested resources, or none is.
"""

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta as Bounds

from atoll.api.http import Call
from atoll.api.serving import Asked
from atoll.api.vultr import offers, wire
from atoll.api.vultr.catalogue import Catalogue
from atoll.api.vultr.instances.show import (
    DDOS,
    IPV6,
    OS_ID,
    TAGS,
    USER_SCHEME,
    labels_of,
    noted_tags,
)
from atoll.api.vultr.vpcs import require_kinds
from atoll.api.vultr.wire import Wire, catalogue_of, services_of, view_of
from atoll.domain import ids
from atoll.domain.commands import (
    AttachDefaultVpc,
    AttachFloatingIp,
    AttachVolume,
    AttachVpc,
    CreateInstance,
    Made,
    Reference,
    SetBackups,
)
from atoll.domain.errors import Invalid
from atoll.domain.images import ImageKind
from atoll.domain.networks import VpcKind
from atoll.domain.security_groups import STANDARD_GROUP
from atoll.domain.timers import Backups
from atoll.service import catalogue, references
from atoll.service.desk import View

NEW = Made()
# Vultr does not document these: the time, and the number of backups that are kept.
BACKUPS = Backups(cron="0 3 * * *", keep=7)
BACKUP_WORDS = ("enabled", "disabled")
SCHEMES = ("root", "limited")
# Fields that Atoll refuses, with the reasons: ignoring them would mislead.
NOT_SERVED = {
    "app_id": "there are no applications here: name an os_id",
    "image_id": "there are no marketplace applications here: name an os_id",
    "ipxe_chain_url": "instances do not start from the network here: name an os_id",
    "disable_public_ipv4": "every instance has a public IPv4 address here",
    "vpc_only": "every instance has a public IPv4 address here",
}


DEFAULT_VPC2 = "default-vpc2"
Tags = Annotated[list[str], Bounds(max_length=64)]


class BlockDevice(Wire, kw_only=True):
    block_id: str | None = None


class Wishes(Wire, kw_only=True):
    """The fields that requests to create and to update an instance share."""

    plan: str | None = None
    os_id: int | str | None = None
    app_id: int | str | None = None
    image_id: str | None = None
    label: str | None = None
    tag: str | None = None
    tags: Tags | None = None
    user_data: str | None = None
    firewall_group_id: str | None = None
    attach_vpc: list[str] | None = None
    attach_vpc2: list[str] | None = None
    attach_private_network: list[str] | None = None
    enable_vpc: bool | None = None
    enable_vpc2: bool | None = None
    enable_private_network: bool | None = None
    enable_ipv6: bool | None = None
    ddos_protection: bool | None = None
    backups: str | None = None
    user_scheme: str | None = None

    def all_tags(self) -> list[str] | None:
        """Return the tags without duplicates, or None if the request has none."""
        given = [self.tag] if self.tags is None and self.tag is not None else self.tags
        return None if given is None else [tag for tag in dict.fromkeys(given) if tag]

    def vpcs(self) -> dict[str, str]:
        return vpcs_of(
            attach_vpc=self.attach_vpc, attach_vpc2=self.attach_vpc2,
            attach_private_network=self.attach_private_network,
        )  # fmt: skip

    def default_vpc(self, instance: Reference, region: str) -> AttachDefaultVpc | None:
        """Return the command, if the request asks for a default VPC and names no VPC."""
        if self.vpcs():
            return None
        if self.enable_vpc or self.enable_private_network:
            return AttachDefaultVpc(instance=instance, region=region)
        if not self.enable_vpc2:
            return None
        return AttachDefaultVpc(
            instance=instance, region=region, name=DEFAULT_VPC2, kind=VpcKind.VPC2
        )


class CreateBody(Wishes, kw_only=True):
    """One of os_id, snapshot_id and iso_id is the source of the disk."""

    region: str
    plan: str
    snapshot_id: str | None = None
    iso_id: str | None = None
    ipxe_chain_url: str | None = None
    hostname: str | None = None
    sshkey_id: list[str] | None = None
    script_id: str | None = None
    reserved_ipv4: str | None = None
    disable_public_ipv4: bool | None = None
    vpc_only: bool | None = None
    activation_email: bool | None = None
    block_devices: list[BlockDevice] | None = None

    def source(self) -> str:
        """Return the field with the source of the disk."""
        given = {"iso_id": self.iso_id, "snapshot_id": self.snapshot_id}
        return next((field for field, value in given.items() if value), "os_id")


async def wishes_of(request: Call, body: CreateBody) -> list[Asked]:
    """Return the commands of one transaction, the instance's first. Plans and regions of the file
    are created at their first use. Raises Invalid in this dialect's words."""
    view, names = view_of(request), catalogue_of(request)
    view.require("write")
    refuse_not_served(body)
    await require_kinds(view, body.vpcs())
    plan = await offers.resolve_plan(view, names, body.plan)
    command = await parse_create(view, names, body)
    wishes = [Asked(command, {"image": body.source()}), *attachments(body)]
    if backups_wanted(body.backups):
        wishes.append(Asked(SetBackups(instance=NEW, backups=BACKUPS)))
    await offers.ensure_region(request, body.region)
    await catalogue.adopt(services_of(request).store, plan)
    return wishes


def attachments(body: CreateBody) -> list[Asked]:
    """Return the commands that attach other resources to the new instance."""
    wishes = [
        Asked(AttachVpc(instance=NEW, vpc=vpc), {"vpc": field, "subnet": field})
        for vpc, field in body.vpcs().items()
    ]
    if (default := body.default_vpc(NEW, body.region)) is not None:
        wishes.append(Asked(default))
    for device in dict.fromkeys(one.block_id for one in body.block_devices or ()):
        if device:
            field = "block_devices"
            block = wire.native_id_in(ids.VOLUME, device, field)
            attach = AttachVolume(volume=block, instance=NEW)
            wishes.append(Asked(attach, {"volume": field, "instance": field}))
    if body.reserved_ipv4:
        field = "reserved_ipv4"
        address = wire.native_id_in(ids.FLOATING_IP, body.reserved_ipv4, field)
        move = AttachFloatingIp(floating_ip=address, instance=NEW, move=False)
        wishes.append(Asked(move, {"floating_ip": field, "instance": field}))
    return wishes


def refuse_not_served(body: msgspec.Struct) -> None:
    for field, why in NOT_SERVED.items():
        if getattr(body, field, None):
            raise Invalid(f"{field}: {why}", field=field)


async def parse_create(view: View, names: Catalogue, body: CreateBody) -> CreateInstance:
    tags = body.all_tags() or []
    if body.iso_id:
        image, annotations = await disc_of(view, body.iso_id), dict[str, str]()
    else:
        image, annotations = await source_of(view, names, body.os_id, body.snapshot_id)
    if noted := noted_tags(tags):
        annotations[TAGS] = noted
    if body.enable_ipv6:
        annotations[IPV6] = "true"
    if body.ddos_protection:
        annotations[DDOS] = "true"
    if body.user_scheme:
        annotations[USER_SCHEME] = scheme_of(body.user_scheme)
    script = body.script_id and wire.native_id_in(ids.STARTUP_SCRIPT, body.script_id, "script_id")
    return CreateInstance(
        name=body.label or "", hostname=body.hostname or "", labels=labels_of(tags),
        annotations=annotations, plan=body.plan, image=image, region=body.region,
        security_groups=(group_of(body.firewall_group_id),), ssh_keys=keys_of(body.sshkey_id),
        startup_script=script or None, user_data=plain_base64(body.user_data),
        generate_password=True, room_needed=True, free_name=True,
    )  # fmt: skip


def group_of(firewall_group_id: str | None) -> str:
    """Return the security group. An instance without a firewall group is in the standard one."""
    if not firewall_group_id:
        return STANDARD_GROUP
    return wire.native_id_in(ids.SECURITY_GROUP, firewall_group_id, "firewall_group_id")


async def source_of(
    view: View, names: Catalogue, os_id: int | str | None, snapshot_id: str | None
) -> tuple[str, dict[str, str]]:
    """Return the image or snapshot, and the annotation with the number of the system. Clients send
    system 164, Snapshot, with a snapshot."""
    if snapshot_id:
        return wire.native_id_in(ids.SNAPSHOT, snapshot_id, "snapshot_id"), {}
    if os_id in {None, "", 0}:
        raise Invalid("os_id, snapshot_id or iso_id is required", field="os_id")
    number = wire.number_in(str(os_id))
    if number is None:
        raise Invalid("os_id must be the number of an operating system, see /v2/os", field="os_id")
    system = await offers.system(view, names, number)
    if system is None or system.image is None:
        raise Invalid(f"os_id: {os_id} is not available, see /v2/os", field="os_id")
    return system.image, {OS_ID: str(number)}


async def disc_of(view: View, iso_id: str) -> str:
    """Return the CD image. Raises Invalid."""
    image_id = wire.native_id_in(ids.IMAGE, iso_id, "iso_id")
    image = await references.resolve_image(view, image_id, "iso_id")
    if image.kind is not ImageKind.ISO:
        raise Invalid(f"iso_id: {image.name} is not an ISO, see /v2/iso", field="iso_id")
    return image_id


def keys_of(given: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(wire.native_id_in(ids.SSH_KEY, key, "sshkey_id") for key in given or () if key)


def plain_base64(text: str | None) -> str:
    """Remove line breaks, which many encoders insert."""
    return re.sub(r"\s", "", text or "")


def vpcs_of(**lists: Sequence[str] | None) -> dict[str, str]:
    """Return the VPCs without duplicates, with the fields that named them."""
    return {
        wire.native_id_in(ids.VPC, vpc, field): field
        for field, given in lists.items()
        for vpc in given or ()
        if vpc
    }


def backups_wanted(word: str | None) -> bool:
    if word and word not in BACKUP_WORDS:
        raise Invalid(f"backups must be {' or '.join(BACKUP_WORDS)}", field="backups")
    return word == "enabled"


def scheme_of(word: str) -> str:
    if word not in SCHEMES:
        raise Invalid(f"user_scheme must be {' or '.join(SCHEMES)}", field="user_scheme")
    return word
