"""Instances in Vultr's form, and the resources that this form needs."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import UNSET, UnsetType

from atoll.api.http import VNC_PAGE, Call, origin_of
from atoll.api.vultr import states, wire
from atoll.api.vultr.catalogue import (
    BANDWIDTH_GB,
    CUSTOM,
    SNAPSHOT,
    Catalogue,
    System,
    number_of,
)
from atoll.api.vultr.vpcs import find_vpc2
from atoll.api.vultr.wire import catalogue_of, services_of, view_of
from atoll.domain.images import Image, ImageKind
from atoll.domain.instances import Instance, hostname_of
from atoll.domain.networks import ipv6_of
from atoll.domain.projects import RIGHTS, Caller
from atoll.messages import Console
from atoll.service import images, queries, security_groups, timers
from atoll.service.bundle import Services
from atoll.service.consoles import Tickets
from atoll.service.desk import View
from atoll.service.nouns import IMAGES

KVM_MS = 10 * 60 * 1000
V6_BITS = 64
# Fields of this dialect alone, kept in an instance's annotations.
OS_ID, IPV6, DDOS, USER_SCHEME = "vultr.os_id", "vultr.ipv6", "vultr.ddos", "vultr.user_scheme"
# The tags as given, if labels cannot represent them: `a=1` with `a=2`, or `a=`.
TAGS = "vultr.tags"


class V6Network(msgspec.Struct, kw_only=True):
    network: str
    main_ip: str
    network_size: int


class InstanceOut(msgspec.Struct, kw_only=True):
    """`default_password` is present only while it is shown."""

    id: str
    os: str
    ram: int
    disk: int
    main_ip: str
    vcpu_count: int
    region: str
    plan: str
    date_created: str
    status: str
    allowed_bandwidth: int
    netmask_v4: str
    gateway_v4: str
    power_status: str
    server_status: str
    v6_network: str
    v6_main_ip: str
    v6_network_size: int
    v6_networks: list[V6Network]
    label: str
    internal_ip: str
    kvm: str
    hostname: str
    tag: str
    tags: list[str]
    os_id: int
    app_id: int
    image_id: str
    snapshot_id: str
    firewall_group_id: str
    features: list[str]
    user_scheme: str
    vpc_only: bool
    vpcs: list[str]
    default_password: str | UnsetType = UNSET


@dataclass(frozen=True)
class Related:
    """Other data for the answer of an instance: names of images by id, instances with a backup
    schedule, groups that mean no firewall, ids of VPCs 2.0, and the network of the addresses."""

    services: Services
    caller: Caller
    catalogue: Catalogue
    origin: str
    images: dict[str, str]
    backed_up: frozenset[str]
    open_groups: frozenset[str]
    vpc2: frozenset[str]
    netmask: str
    gateway: str


async def load_related(request: Call, found: Sequence[Instance]) -> Related:
    services, view = services_of(request), view_of(request)
    network = ipaddress.IPv4Network(services.deployment.ranges.public_cidr)
    image_ids = [one.resolved.image_id for one in found]
    vpc_ids = [place.vpc_id for one in found for place in one.attachments]
    schedules = await timers.find_backups(view, [one.id for one in found])
    return Related(
        services=services, caller=view.caller, catalogue=catalogue_of(request),
        origin=origin_of(request),
        images=names_of(await queries.find_by_ids(view, IMAGES, image_ids)),
        backed_up=frozenset(schedules), open_groups=await open_groups(view),
        vpc2=await find_vpc2(view, vpc_ids), netmask=str(network.netmask), gateway=str(network[1]),
    )  # fmt: skip


async def image_names(view: View) -> dict[str, str]:
    """Return the names of all images of the catalogue and the project, by id."""
    found = [*await images.find_catalogue(view), *await queries.find_every(view, IMAGES)]
    return names_of({image.id: image for image in found})


def names_of(found: Mapping[str, Image]) -> dict[str, str]:
    """Return the names of images, without CD images."""
    return {image.id: image.name for image in found.values() if image.kind is ImageKind.DISK}


async def open_groups(view: View) -> frozenset[str]:
    """Return the ids of groups that mean no firewall group at Vultr."""
    found = await security_groups.find_built_in(view)
    return frozenset(group.id for group in found)


def show_with_password(instance: Instance, related: Related) -> InstanceOut:
    """Show one instance with its password, for as long as that is shown. Lists and kept answers
    never have it."""
    out = show(instance, related)
    text = related.services.passwords.of(instance)
    if text is not None:
        out.default_password = text
    return out


def show(instance: Instance, related: Related) -> InstanceOut:
    spec, notes = instance.spec, instance.annotations
    system = system_of(instance, related)
    plan = related.catalogue.plan_by_id.get(spec.plan)
    tags = tags_of(instance)
    address = instance.public_ip
    v6 = ipv6_shown(instance)
    return InstanceOut(
        id=wire.uuid_of(instance.id), os=system.name, ram=spec.memory_mib, disk=spec.disk_gib,
        main_ip=address or "0.0.0.0", vcpu_count=spec.vcpus, region=spec.region, plan=spec.plan,  # noqa: S104
        date_created=wire.date_of(instance.created_at_ms), status=states.status(instance),
        allowed_bandwidth=plan.bandwidth if plan else BANDWIDTH_GB,
        netmask_v4=related.netmask if address else "",
        gateway_v4=related.gateway if address else "0.0.0.0",  # noqa: S104
        power_status=states.power_status(instance),
        server_status=states.server_status(instance, related.services.clock.now_ms()),
        v6_network=network_of(v6), v6_main_ip=v6, v6_network_size=V6_BITS if v6 else 0,
        v6_networks=networks_of(v6),
        label=instance.given_name,
        internal_ip=instance.attachments[0].private_ip if instance.attachments else "",
        kvm=kvm_of(instance, related), hostname=instance.hostname or hostname_of(instance.name),
        tag=tags[0] if tags else "", tags=tags, os_id=system.id, app_id=0, image_id="",
        snapshot_id=wire.uuid_of(instance.resolved.snapshot_id),
        firewall_group_id=firewall_of(instance, related), features=features_of(instance, related),
        user_scheme=notes.get(USER_SCHEME, "root"), vpc_only=False,
        vpcs=[
            wire.uuid_of(place.vpc_id) for place in instance.attachments
            if place.vpc_id not in related.vpc2
        ],
    )  # fmt: skip


def system_of(instance: Instance, related: Related) -> System:
    if instance.resolved.snapshot_id is not None and OS_ID not in instance.annotations:
        return System(id=SNAPSHOT, name="Snapshot", family="snapshot")
    image_id = instance.resolved.image_id
    return resolve_system(related.catalogue, instance.annotations, image_id, related.images)


def resolve_system(
    names: Catalogue, annotations: Mapping[str, str], image_id: str, images: Mapping[str, str]
) -> System:
    """Return the system that was requested by number, or else the one of the image's name, from
    `images` by id."""
    chosen = annotations.get(OS_ID, "")
    if chosen.isdecimal() and int(chosen) in names.system_by_id:
        return names.system_by_id[int(chosen)]
    name = images.get(image_id, "")
    known = names.system_by_image.get(name)
    if known is None and name:
        return System(id=number_of(image_id), name=name, family="iso")
    return known or System(id=CUSTOM, name="Custom", family="iso")


def tags_of(instance: Instance) -> list[str]:
    """Return the labels as tags, spelled as given if they have not changed since."""
    noted = instance.annotations.get(TAGS)
    given = msgspec.json.decode(noted, type=list[str]) if noted else []
    return given if labels_of(given) == instance.labels else tags_in(instance.labels)


def labels_of(tags: Sequence[str]) -> dict[str, str]:
    """Return tags as labels. A tag is a label without a value, `key=value` a label with one."""
    pairs = [tag.partition("=") for tag in tags]
    return {key: value for key, _, value in pairs}


def tags_in(labels: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" if value else key for key, value in labels.items()]


def noted_tags(tags: Sequence[str]) -> str:
    """Return the annotation for the tags of a request; empty if labels represent all of them."""
    return "" if tags_in(labels_of(tags)) == tags else msgspec.json.encode(tags).decode()


def ipv6_shown(instance: Instance) -> str:
    if IPV6 not in instance.annotations or instance.private_ip is None:
        return ""
    return ipv6_of(instance.network, instance.private_ip)


def networks_of(v6: str) -> list[V6Network]:
    """Return VPCs in the form of Vultr's document. Its clients read the flat form."""
    if not v6:
        return []
    return [V6Network(network=network_of(v6), main_ip=v6, network_size=V6_BITS)]


def network_of(v6: str) -> str:
    if not v6:
        return ""
    return str(ipaddress.IPv6Interface(f"{v6}/{V6_BITS}").network.network_address)


def firewall_of(instance: Instance, related: Related) -> str:
    groups = [g for g in instance.resolved.security_group_ids if g not in related.open_groups]
    return wire.uuid_of(groups[0]) if groups else ""


def features_of(instance: Instance, related: Related) -> list[str]:
    wanted = {
        "auto_backups": instance.id in related.backed_up,
        "ddos_protection": DDOS in instance.annotations,
        "ipv6": IPV6 in instance.annotations,
    }
    return [feature for feature, on in wanted.items() if on]


def kvm_of(instance: Instance, related: Related) -> str:
    """Return a page that shows the screen once, within ten minutes, if the caller may open it."""
    if states.power_status(instance) != "running" or "write" not in RIGHTS[related.caller.role]:
        return ""
    services = related.services
    tickets = Tickets(services.store, services.clock, services.keys)
    token, _ = tickets.issue(
        related.caller, instance.id, Console.VNC, services.new_secret(), KVM_MS
    )
    return f"{related.origin}{VNC_PAGE}#token={token}"
