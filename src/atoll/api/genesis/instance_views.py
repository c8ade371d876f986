"""How an instance looks in Genesis Cloud's words, and what has to be known for that besides it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from atoll.api import foreign
from atoll.api.genesis import offers, wire
from atoll.api.genesis.catalogue import Catalogue
from atoll.api.genesis.wire import Named, catalogue_of, services_of
from atoll.api.http import Call
from atoll.domain.floating_ips import FloatingIp
from atoll.domain.images import Image
from atoll.domain.instances import Instance, hostname_of
from atoll.domain.security_groups import SecurityGroup
from atoll.domain.snapshots import Snapshot
from atoll.domain.ssh_keys import SshKey
from atoll.domain.volumes import Volume
from atoll.operations import instance_resize
from atoll.ports import Filter, Transaction

BELONGINGS_MAX = 10_000
LINUX, AUTO = "linux", "AUTO"
# What only this dialect speaks of, in an instance's annotations.
PLACEMENT, RESERVATION = "genesis.placement_option", "genesis.reservation_id"


class InstanceOut(msgspec.Struct, kw_only=True):
    """`floating_ip` only where one was asked for."""

    id: str
    name: str
    hostname: str
    dns_name: str
    type: str
    os_type: str
    image: Named
    region: str
    placement_option: str
    floating_ip: Named | None
    ssh_keys: list[Named]
    security_groups: list[Named]
    volumes: list[Named]
    is_protected: bool
    reservation_id: str | None
    status: str
    private_ip: str | None
    public_ip: str | None
    disk_size: int
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class Surroundings:
    """What instances mention, by its id; volumes and addresses by the instance that has them, and
    the disk sizes that are on their way."""

    names: Catalogue
    images: Mapping[str, Image]
    snapshots: Mapping[str, Snapshot]
    ssh_keys: Mapping[str, SshKey]
    groups: Mapping[str, SecurityGroup]
    volumes: Mapping[str, list[Volume]]
    addresses: Mapping[str, list[FloatingIp]]
    disk_gib: Mapping[str, int]


async def around(request: Call, found: Sequence[Instance]) -> Surroundings:
    tx = services_of(request).store.read()
    named = [one.resolved for one in found]
    keys = [key for one in named for key in one.ssh_key_ids]
    groups = [group for one in named for group in one.security_group_ids]
    return Surroundings(
        names=catalogue_of(request),
        images=await foreign.by_id(tx.images, [one.image_id for one in named]),
        snapshots=await foreign.by_id(tx.snapshots, [one.snapshot_id for one in named]),
        ssh_keys=await foreign.by_id(tx.ssh_keys, keys),
        groups=await foreign.by_id(tx.security_groups, groups),
        volumes=await volumes_of(tx, found),
        addresses=await addresses_of(tx, found),
        disk_gib=await sizes_to_come(tx, found),
    )


def belonging(found: Sequence[Instance]) -> Filter:
    """What is attached to one of these."""
    return Filter(
        any_of=((("instance_id", tuple(one.id for one in found)),),), limit=BELONGINGS_MAX
    )


async def volumes_of(tx: Transaction, found: Sequence[Instance]) -> dict[str, list[Volume]]:
    """From the wish on, and until the wish to detach it."""
    grouped: dict[str, list[Volume]] = defaultdict(list)
    for volume in await tx.volumes.page(belonging(found)) if found else ():
        if volume.instance_id is not None and volume.doing != "volume.detach":
            grouped[volume.instance_id].append(volume)
    return grouped


async def addresses_of(tx: Transaction, found: Sequence[Instance]) -> dict[str, list[FloatingIp]]:
    grouped: dict[str, list[FloatingIp]] = defaultdict(list)
    for address in await tx.floating_ips.page(belonging(found)) if found else ():
        if address.instance_id is not None:
            grouped[address.instance_id].append(address)
    return grouped


async def sizes_to_come(tx: Transaction, found: Sequence[Instance]) -> dict[str, int]:
    """Of boot disks that are growing: clients read their wish in the answer to it."""
    sizes = {}
    for instance in found:
        for operation in await tx.operations.live_on(instance.id) if instance.doing else ():
            if operation.kind == instance_resize.WORKFLOW.kind:
                sizes[instance.id] = int(operation.arguments["new"]["disk_gib"])
    return sizes


def show(instance: Instance, near: Surroundings) -> InstanceOut:
    spec, named, notes = instance.spec, instance.resolved, instance.annotations
    addresses = near.addresses.get(instance.id, ())
    floating = addresses[0] if addresses else None
    hostname = instance.hostname or instance.name
    return InstanceOut(
        id=wire.uuid_of(instance.id), name=instance.name, hostname=hostname,
        dns_name=hostname_of(hostname), type=spec.plan, os_type=LINUX,
        image=image_of(instance, near), region=spec.region,
        placement_option=notes.get(PLACEMENT, AUTO),
        floating_ip=mention(floating.id, floating) if floating else None,
        ssh_keys=[mention(key, near.ssh_keys.get(key)) for key in named.ssh_key_ids],
        security_groups=[mention(g, near.groups.get(g)) for g in named.security_group_ids],
        volumes=[mention(one.id, one) for one in near.volumes.get(instance.id, ())],
        is_protected=instance.protected, reservation_id=notes.get(RESERVATION),
        status=wire.instance_status(instance), private_ip=instance.private_ip,
        public_ip=floating.address if floating and instance.public_ip else instance.public_ip,
        disk_size=near.disk_gib.get(instance.id, spec.disk_gib),
        created_at=wire.time_of(instance.created_at_ms),
        updated_at=wire.time_of(instance.updated_at_ms),
    )  # fmt: skip


def image_of(instance: Instance, near: Surroundings) -> Named:
    """The snapshot that it was made from, otherwise the image."""
    snapshot_id, image = instance.resolved.snapshot_id, near.images.get(instance.resolved.image_id)
    if snapshot_id is not None:
        return mention(snapshot_id, near.snapshots.get(snapshot_id))
    name = offers.called(near.names, image).name if image is not None else ""
    return Named(id=wire.uuid_of(instance.resolved.image_id), name=name)


def mention(thing_id: str, thing: foreign.Called | None) -> Named:
    """Without a name where it is gone by now: a guest keeps a key that was deleted."""
    return Named(id=wire.uuid_of(thing_id), name=thing.name if thing is not None else "")
