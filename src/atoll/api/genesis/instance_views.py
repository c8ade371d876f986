"""Instances in Genesis Cloud's form, and the resources that this form needs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from atoll.api import foreign
from atoll.api.genesis import offers, wire
from atoll.api.genesis.catalogue import Catalogue
from atoll.api.genesis.wire import Named, catalogue_of, view_of
from atoll.api.http import Call
from atoll.domain.floating_ips import FloatingIp
from atoll.domain.images import Image
from atoll.domain.instances import Instance, host_names_of
from atoll.domain.security_groups import SecurityGroup
from atoll.domain.snapshots import Snapshot
from atoll.domain.ssh_keys import SshKey
from atoll.domain.volumes import Volume
from atoll.service import instance_resize, queries
from atoll.service.desk import View
from atoll.service.nouns import FLOATING_IPS, IMAGES, SECURITY_GROUPS, SNAPSHOTS, SSH_KEYS, VOLUMES
from atoll.service.queries import Query

BELONGINGS_MAX = 10_000
LINUX, AUTO = "linux", "AUTO"
# Fields of this dialect alone, kept in an instance's annotations.
PLACEMENT, RESERVATION = "genesis.placement_option", "genesis.reservation_id"


class InstanceOut(msgspec.Struct, kw_only=True):
    """`floating_ip` is present only if one was requested."""

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
class Related:
    """Resources that instances mention, by id; volumes and addresses by their instance; and the
    disk sizes of running resizes."""

    names: Catalogue
    images: Mapping[str, Image]
    snapshots: Mapping[str, Snapshot]
    ssh_keys: Mapping[str, SshKey]
    groups: Mapping[str, SecurityGroup]
    volumes: Mapping[str, list[Volume]]
    addresses: Mapping[str, list[FloatingIp]]
    disk_gib: Mapping[str, int]


async def load_related(request: Call, found: Sequence[Instance]) -> Related:
    view = view_of(request)
    named = [one.resolved for one in found]
    keys = [key for one in named for key in one.ssh_key_ids]
    groups = [group for one in named for group in one.security_group_ids]
    return Related(
        names=catalogue_of(request),
        images=await queries.find_by_ids(view, IMAGES, [one.image_id for one in named]),
        snapshots=await queries.find_by_ids(view, SNAPSHOTS, [one.snapshot_id for one in named]),
        ssh_keys=await queries.find_by_ids(view, SSH_KEYS, keys),
        groups=await queries.find_by_ids(view, SECURITY_GROUPS, groups),
        volumes=await volumes_of(view, found),
        addresses=await addresses_of(view, found),
        disk_gib=await instance_resize.growing_disks(view, found),
    )


def belonging(found: Sequence[Instance]) -> Query:
    """Return a query for resources that are attached to one of the instances."""
    holders = tuple(one.id for one in found)
    return Query(any_of=((("instance_id", holders),),), limit=BELONGINGS_MAX)


async def volumes_of(view: View, found: Sequence[Instance]) -> dict[str, list[Volume]]:
    """Return the volumes that are attached, or being attached."""
    grouped: dict[str, list[Volume]] = defaultdict(list)
    for volume in await queries.find_page(view, VOLUMES, belonging(found)) if found else ():
        if volume.instance_id is not None and not volume.leaving:
            grouped[volume.instance_id].append(volume)
    return grouped


async def addresses_of(view: View, found: Sequence[Instance]) -> dict[str, list[FloatingIp]]:
    grouped: dict[str, list[FloatingIp]] = defaultdict(list)
    for address in await queries.find_page(view, FLOATING_IPS, belonging(found)) if found else ():
        if address.instance_id is not None:
            grouped[address.instance_id].append(address)
    return grouped


def show(instance: Instance, related: Related) -> InstanceOut:
    spec, named, notes = instance.spec, instance.resolved, instance.annotations
    addresses = related.addresses.get(instance.id, ())
    floating = addresses[0] if addresses else None
    hostname = instance.hostname or instance.given_name
    return InstanceOut(
        id=wire.uuid_of(instance.id), name=instance.given_name, hostname=hostname,
        dns_name=host_names_of(instance)[0], type=spec.plan, os_type=LINUX,
        image=image_of(instance, related), region=spec.region,
        placement_option=notes.get(PLACEMENT, AUTO),
        floating_ip=mention(floating.id, floating) if floating else None,
        ssh_keys=[mention(key, related.ssh_keys.get(key)) for key in named.ssh_key_ids],
        security_groups=[mention(g, related.groups.get(g)) for g in named.security_group_ids],
        volumes=[mention(one.id, one) for one in related.volumes.get(instance.id, ())],
        is_protected=instance.protected, reservation_id=notes.get(RESERVATION),
        status=wire.instance_status(instance), private_ip=instance.private_ip,
        public_ip=floating.address if floating and instance.public_ip else instance.public_ip,
        disk_size=related.disk_gib.get(instance.id, spec.disk_gib),
        created_at=wire.time_of(instance.created_at_ms),
        updated_at=wire.time_of(instance.updated_at_ms),
    )  # fmt: skip


def image_of(instance: Instance, related: Related) -> Named:
    """Return the snapshot that the instance was created from, or else the image."""
    snapshot_id, image = (
        instance.resolved.snapshot_id,
        related.images.get(instance.resolved.image_id),
    )
    if snapshot_id is not None:
        return mention(snapshot_id, related.snapshots.get(snapshot_id))
    name = offers.called(related.names, image).name if image is not None else ""
    return Named(id=wire.uuid_of(instance.resolved.image_id), name=name)


def mention(thing_id: str, thing: foreign.Named | None) -> Named:
    """Mention a resource. A deleted one has no name: a guest keeps a key that was deleted."""
    return Named(
        id=wire.uuid_of(thing_id), name=foreign.name_of(thing) if thing is not None else ""
    )
