"""Handles commands on VPCs and subnets, and on the network interfaces of instances."""

from collections.abc import Sequence
from ipaddress import IPv4Network

from atoll.domain import ids
from atoll.domain.commands import (
    AttachDefaultVpc,
    AttachNetwork,
    AttachVpc,
    CreateSubnet,
    CreateVpc,
    DeleteSubnet,
    DeleteVpc,
    DetachNetwork,
    DetachVpc,
    UpdateSubnet,
    UpdateVpc,
)
from atoll.domain.errors import Conflict, InUse, Invalid
from atoll.domain.instances import Instance, releasing, require_alive, require_labels
from atoll.domain.networks import Subnet, Vpc, free_cidrs, private_cidr_of
from atoll.domain.reasons import Reason
from atoll.operations import network_attach
from atoll.operations.steps import arguments_of
from atoll.ports import Filter
from atoll.service import instances, owned, references
from atoll.service.coming import find_coming
from atoll.service.desk import Case, Done, View
from atoll.service.nouns import SUBNETS, VPCS
from atoll.service.references import display_name

VPC, SUBNET = "vpc", "subnet"
VPCS_MAX = 10_000
SUBNETS_MAX = 200
ATTACHMENTS_MAX = 4
DEFAULT_CIDR = "10.99.0.0/20"


async def create_vpc(case: Case, command: CreateVpc) -> Done[Vpc]:
    nouns = (VPCS, SUBNETS) if command.with_subnet else (VPCS,)
    name = await owned.name_of_new(case, *nouns, name=command.name, free=command.free_name)
    require_labels(command.labels)
    cidr = command.cidr if command.cidr is not None else await free_cidr(case)
    vpc = Vpc(
        id=case.ids.new(ids.VPC),
        project_id=case.project_id,
        name=name,
        description=command.description,
        region=command.region,
        labels=command.labels,
        kind=command.kind,
        cidr=str(private_cidr_of(cidr)),
        created_at_ms=case.now_ms,
    )
    done = await owned.add(case, VPCS, vpc)
    if command.with_subnet:
        await case.execute(CreateSubnet(name=vpc.name, vpc=vpc.id, cidr=vpc.cidr))
    return done


async def update_vpc(case: Case, command: UpdateVpc) -> Done[Vpc]:
    vpc = await owned.get(case, VPCS, command.vpc, VPC)
    return await owned.update(case, VPCS, vpc, command, description=command.description)


async def delete_vpc(case: Case, command: DeleteVpc) -> Done[Vpc]:
    """Raises InUse if the VPC has subnets, or, with `with_subnets`, if an instance uses one of
    them."""
    vpc = await owned.get(case, VPCS, command.vpc, VPC)
    owned.require_version(vpc.version, command.version)
    subnets = await subnets_of(case, vpc)
    if subnets and not command.with_subnets:
        names = [subnet.name for subnet in subnets[:5]]
        raise InUse(Reason.USED_BY_SUBNETS, vpc=vpc.name, subnets=names)
    for subnet in subnets:
        await case.execute(DeleteSubnet(subnet=subnet.id))
    return owned.remove(case, VPCS, vpc)


async def create_subnet(case: Case, command: CreateSubnet) -> Done[Subnet]:
    await references.require_free_name(case, SUBNETS, command.name)
    require_labels(command.labels)
    vpc = await references.resolve(case, VPCS, command.vpc, VPC)
    network = private_cidr_of(command.cidr)
    if not network.subnet_of(IPv4Network(vpc.cidr)):
        raise Invalid(
            Reason.NOT_INSIDE_VPC, field="cidr", cidr=str(network), range=vpc.cidr, vpc=vpc.name
        )
    for other in await subnets_of(case, vpc):
        if network.overlaps(IPv4Network(other.cidr)):
            raise Conflict(
                Reason.SUBNET_OVERLAPS, cidr=str(network), subnet=other.name, range=other.cidr
            )
    # A change to the VPC makes two concurrent creations notice each other.
    case.tx.vpcs.change(vpc)
    subnet = Subnet(
        id=case.ids.new(ids.SUBNET),
        project_id=case.project_id,
        name=command.name,
        labels=command.labels,
        vpc_id=vpc.id,
        cidr=str(network),
        created_at_ms=case.now_ms,
    )
    return await owned.add(case, SUBNETS, subnet)


async def update_subnet(case: Case, command: UpdateSubnet) -> Done[Subnet]:
    subnet = await owned.get(case, SUBNETS, command.subnet, SUBNET)
    return await owned.update(case, SUBNETS, subnet, command)


async def delete_subnet(case: Case, command: DeleteSubnet) -> Done[Subnet]:
    subnet = await owned.get(case, SUBNETS, command.subnet, SUBNET)
    return await owned.delete(case, SUBNETS, subnet, command.version)


async def attach(case: Case, command: AttachNetwork) -> Done[Instance]:
    """Add a network interface while the guest runs."""
    instance = await instances.get_alive(case, command.instance)
    wanted = await references.resolve(case, SUBNETS, command.subnet, SUBNET)
    return await begin_attach(case, instance, wanted)


async def begin_attach(case: Case, instance: Instance, wanted: Subnet) -> Done[Instance]:
    """Accept an attachment. Raises Conflict if the instance cannot be in that subnet too."""
    there = await coming_subnets(case, instance)
    if wanted.id in {instance.resolved.subnet_id, *there}:
        raise Conflict(Reason.SUBNET_ATTACHED, instance=instance.name, subnet=wanted.name)
    if len(there) >= ATTACHMENTS_MAX:
        raise Conflict(Reason.INTERFACES_FULL, instance=instance.name, highest=ATTACHMENTS_MAX)
    await require_no_overlap(case, instance, wanted, there)
    arguments = network_attach.Arguments(subnet_id=wanted.id)
    operation = case.accept(network_attach.ATTACH, instance.id, arguments)
    changed = instances.mark_busy(
        case, instance, operation, releasing=releasing(instance, taken=wanted.id)
    )
    return Done(changed, operation, after={"subnet": wanted.id})


async def coming_subnets(view: View, instance: Instance) -> list[str]:
    """Return the ids of the further subnets in which the instance is when its accepted operations
    have ended."""
    there = [a.subnet_id for a in instance.attachments]
    attach, detach = network_attach.ATTACH, network_attach.DETACH
    for operation in await find_coming(view, instance, attach, detach):
        subnet_id = arguments_of(operation, network_attach.Arguments).subnet_id
        there = [one for one in there if one != subnet_id]
        if operation.kind == attach.kind:
            there.append(subnet_id)
    return there


async def require_no_overlap(
    case: Case, instance: Instance, wanted: Subnet, there: Sequence[str]
) -> None:
    """A guest in two networks with the same addresses could reach only one of them."""
    ours = instance.resolved.subnet_id
    subnets = [await case.tx.subnets.find(one) for one in (*([ours] if ours else ()), *there)]
    default = [] if ours else [case.deployment.ranges.private_cidr]
    network = IPv4Network(wanted.cidr)
    for cidr in (*default, *(subnet.cidr for subnet in subnets if subnet)):
        if network.overlaps(IPv4Network(cidr)):
            raise Conflict(
                Reason.NETWORK_OVERLAPS, subnet=wanted.name, cidr=wanted.cidr, range=cidr,
                instance=display_name(instance),
            )  # fmt: skip


async def detach(case: Case, command: DetachNetwork) -> Done[Instance]:
    """Remove an extra network interface. The first one stays: its addresses are the instance's."""
    instance = await instances.get_alive(case, command.instance)
    wanted = await owned.get(case, SUBNETS, command.subnet, SUBNET)
    if wanted.id not in await coming_subnets(case, instance):
        raise Conflict(Reason.SUBNET_NOT_ATTACHED, instance=instance.name, subnet=wanted.name)
    return begin_detach(case, instance, wanted.id)


def begin_detach(case: Case, instance: Instance, subnet_id: str) -> Done[Instance]:
    """Accept the removal of an interface. From now on it does not use its subnet."""
    arguments = network_attach.Arguments(subnet_id=subnet_id)
    operation = case.accept(network_attach.DETACH, instance.id, arguments)
    changed = instances.mark_busy(
        case, instance, operation, releasing=releasing(instance, subnet_id)
    )
    return Done(changed, operation, before={"subnet": subnet_id})


async def attach_vpc(case: Case, command: AttachVpc) -> Done[Instance]:
    """Attach the only subnet of the VPC."""
    wanted = await references.resolve(case, VPCS, command.vpc, VPC)
    instance = await instances.get_alive(case, command.instance)
    if command.attached_ok and await subnets_within(case, instance, wanted.id):
        return Done(instance, changed=False)
    return await begin_attach(case, instance, await instances.only_subnet(case, wanted))


async def detach_vpc(case: Case, command: DetachVpc) -> Done[Instance]:
    """Detach every extra interface in the VPC. Raises Conflict if there is none."""
    instance = await instances.get(case, command.instance)
    wanted = await references.resolve(case, VPCS, command.vpc, VPC)
    there = await subnets_within(case, instance, wanted.id)
    if not there:
        if command.missing_ok:
            return Done(instance, changed=False)
        raise Conflict(Reason.VPC_NOT_ATTACHED, instance=instance.name, vpc=wanted.name)
    require_alive(instance)
    for subnet_id in there:
        done = begin_detach(case, instance, subnet_id)
        instance = done.thing
    return done


async def subnets_within(case: Case, instance: Instance, vpc_id: str) -> list[str]:
    """Return the ids of the subnets of a VPC in which the instance will be."""
    found = [await case.tx.subnets.find(one) for one in await coming_subnets(case, instance)]
    return [subnet.id for subnet in found if subnet is not None and subnet.vpc_id == vpc_id]


async def attach_default_vpc(case: Case, command: AttachDefaultVpc) -> Done[Instance]:
    """Attach the default VPC of the region, which is created if it does not exist. No change if it
    is already attached."""
    subnet = await default_subnet(case, command)
    instance = await instances.get(case, command.instance)
    if await subnets_within(case, instance, subnet.vpc_id):
        return Done(instance, changed=False)
    require_alive(instance)
    return await begin_attach(case, instance, subnet)


async def default_subnet(case: Case, wanted: AttachDefaultVpc) -> Subnet:
    name = f"{wanted.name}-{wanted.region}"
    found = await case.tx.vpcs.named(case.project_id, name)
    if found:
        return await instances.only_subnet(case, found[0])
    command = CreateVpc(
        name=name, description="Default private network", cidr=await default_cidr(case),
        region=wanted.region, kind=wanted.kind,
    )  # fmt: skip
    vpc: Vpc = (await case.execute(command)).thing
    subnet = CreateSubnet(name=vpc.name, vpc=vpc.id, cidr=vpc.cidr)
    made: Subnet = (await case.execute(subnet)).thing
    return made


async def free_cidr(case: Case) -> str:
    """Choose a range that overlaps no VPC of the project, nor the deployment's own. It is chosen at
    random, so that two concurrent creations get different ranges."""
    free = free_cidrs([*await cidrs_taken(case), DEFAULT_CIDR])
    if not free:
        raise Conflict(Reason.NO_FREE_RANGE)
    return free[ids.bits_of(case.ids.new(ids.VPC)) % len(free)]


async def default_cidr(case: Case) -> str:
    """Return a fixed default range if it is still free."""
    taken = await cidrs_taken(case)
    if any(IPv4Network(DEFAULT_CIDR).overlaps(IPv4Network(cidr)) for cidr in taken):
        return await free_cidr(case)
    return DEFAULT_CIDR


async def cidrs_taken(case: Case) -> list[str]:
    wanted = Filter(project_id=case.project_id, limit=VPCS_MAX)
    there = [vpc.cidr for vpc in await case.tx.vpcs.page(wanted)]
    return [case.deployment.ranges.private_cidr, *there]


async def subnets_of(case: Case, vpc: Vpc) -> list[Subnet]:
    own = (("vpc_id", vpc.id),)
    wanted = Filter(project_id=case.project_id, equals=own, limit=SUBNETS_MAX)
    return await case.tx.subnets.page(wanted)
