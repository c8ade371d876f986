"""Use cases of VPCs and subnets."""

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Network

from atoll.domain import ids
from atoll.domain.commands import CreateSubnet, CreateVpc
from atoll.domain.errors import Conflict, InUse, Invalid
from atoll.domain.instances import Instance, require_alive, require_labels
from atoll.domain.networks import Subnet, Vpc, free_cidrs, private_cidr_of
from atoll.operations import network_attach
from atoll.ports import Filter
from atoll.service import instances, owned, references
from atoll.service.desk import Accepted, Case
from atoll.service.instances import coming_to, require_version
from atoll.service.references import called

VPCS_MAX = 10_000
SUBNETS_MAX = 200
ATTACHMENTS_MAX = 4
DEFAULT_VPC = "default"
DEFAULT_CIDR = "10.99.0.0/20"
UseCase = Callable[[Case], Awaitable[Accepted[Instance]]]


def create_vpc(command: CreateVpc) -> Callable[[Case], Awaitable[Accepted[Vpc]]]:
    async def use_case(case: Case) -> Accepted[Vpc]:
        case.require("write")
        rows, project_id = case.tx.vpcs, case.caller.project_id
        await references.require_free_name(rows, project_id, command.name, "vpc")
        require_labels(command.labels)
        vpc = Vpc(
            id=case.ids.new(ids.VPC),
            project_id=project_id,
            name=command.name,
            description=command.description,
            region=command.region,
            labels=command.labels,
            cidr=str(private_cidr_of(command.cidr, "spec.cidr")),
            created_at_ms=case.now_ms,
        )
        owned.add(case, rows, vpc, "vpc")
        return Accepted(vpc)

    return use_case


def create_subnet(command: CreateSubnet) -> Callable[[Case], Awaitable[Accepted[Subnet]]]:
    async def use_case(case: Case) -> Accepted[Subnet]:
        case.require("write")
        rows, project_id = case.tx.subnets, case.caller.project_id
        await references.require_free_name(rows, project_id, command.name, "subnet")
        require_labels(command.labels)
        vpc = await references.meant(case.tx.vpcs, project_id, command.vpc, "vpc", "spec.vpc_id")
        network = private_cidr_of(command.cidr, "spec.cidr")
        if not network.subnet_of(private_cidr_of(vpc.cidr, "spec.cidr")):
            raise Invalid(
                f"spec.cidr: {network} is not inside {vpc.cidr} of vpc {vpc.name}",
                field="spec.cidr",
            )
        for other in await subnets_of(case, vpc):
            if network.overlaps(private_cidr_of(other.cidr, "spec.cidr")):
                raise Conflict(f"{network} overlaps subnet {other.name}, {other.cidr}")
        # A change to the VPC makes two that are created at once notice each other.
        case.tx.vpcs.change(vpc)
        subnet = Subnet(
            id=case.ids.new(ids.SUBNET),
            project_id=project_id,
            name=command.name,
            labels=command.labels,
            vpc_id=vpc.id,
            cidr=str(network),
            created_at_ms=case.now_ms,
        )
        owned.add(case, rows, subnet, "subnet")
        return Accepted(subnet)

    return use_case


def delete_vpc(
    reference: str, version: int | None = None
) -> Callable[[Case], Awaitable[Accepted[Vpc]]]:
    async def use_case(case: Case) -> Accepted[Vpc]:
        case.require("write")
        vpc = await references.get(case.tx.vpcs, case.caller.project_id, reference, "vpc")
        require_version(vpc.version, version)
        if subnets := await subnets_of(case, vpc):
            names = ", ".join(subnet.name for subnet in subnets[:5])
            raise InUse(f"vpc {vpc.name} is in use by subnets ({names}): delete those first")
        owned.remove(case, case.tx.vpcs, vpc, "vpc")
        return Accepted(vpc)

    return use_case


def attach(instance_reference: str, subnet: str, private_cidr: str) -> UseCase:
    """A further network interface, while the guest runs. `private_cidr` is where instances are
    that name no subnet."""

    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await instances.instance_meant(case, instance_reference)
        require_alive(instance)
        project_id = case.caller.project_id
        wanted = await references.meant(case.tx.subnets, project_id, subnet, "subnet", "subnet_id")
        coming = await coming_to(case, instance, network_attach.ATTACH)
        for operation in coming:
            if operation.arguments["subnet_id"] == wanted.id:
                raise Conflict(
                    f"{operation.kind} of subnet {wanted.name} goes on: wait for {operation.id}"
                )
        taken = {instance.resolved.subnet_id, *(a.subnet_id for a in instance.attachments)}
        if wanted.id in taken:
            raise Conflict(f"instance {instance.name} is in subnet {wanted.name} already")
        if len(instance.attachments) + len(coming) >= ATTACHMENTS_MAX:
            raise Conflict(
                f"instance {instance.name} has {ATTACHMENTS_MAX} further networks, "
                "which is the most"
            )
        there = [a.subnet_id for a in instance.attachments]
        there += [operation.arguments["subnet_id"] for operation in coming]
        await require_apart(case, instance, wanted, there, private_cidr)
        operation = case.accept(network_attach.ATTACH, instance.id, {"subnet_id": wanted.id})
        changed = instances.go_on(case, instance, operation)
        after = {"subnet": wanted.id}
        case.audit("network.attach", instance.id, operation=operation, after=after)
        return Accepted(changed, operation)

    return use_case


async def require_apart(
    case: Case, instance: Instance, wanted: Subnet, there: Sequence[str], private_cidr: str
) -> None:
    """A guest that is in two networks of the same addresses reaches one of them only."""
    ours = instance.resolved.subnet_id
    subnets = [await case.tx.subnets.find(one) for one in (*([ours] if ours else ()), *there)]
    taken = [*([] if ours else [private_cidr]), *(subnet.cidr for subnet in subnets if subnet)]
    network = IPv4Network(wanted.cidr)
    for cidr in taken:
        if network.overlaps(IPv4Network(cidr)):
            raise Conflict(
                f"subnet {wanted.name}, {wanted.cidr}, overlaps {cidr}, which instance "
                f"{called(instance)} is in already: attach a network of another range"
            )


def attach_vpc(instance_reference: str, vpc: str, private_cidr: str) -> UseCase:
    """The same, by a VPC that has one subnet."""

    async def use_case(case: Case) -> Accepted[Instance]:
        rows, project_id = case.tx.vpcs, case.caller.project_id
        wanted = await references.meant(rows, project_id, vpc, "vpc", "vpc_id")
        subnet = await instances.only_subnet(case, wanted)
        return await attach(instance_reference, subnet.id, private_cidr)(case)

    return use_case


def detach_vpc(instance_reference: str, vpc: str) -> UseCase:
    """Of every subnet of the VPC that was attached later. Raises Conflict where none was."""

    async def use_case(case: Case) -> Accepted[Instance]:
        instance = await instances.instance_meant(case, instance_reference)
        rows, project_id = case.tx.vpcs, case.caller.project_id
        wanted = await references.meant(rows, project_id, vpc, "vpc", "vpc_id")
        places = [a for a in instance.attachments if a.vpc_id == wanted.id]
        if not places:
            raise Conflict(f"instance {instance.name} was not attached to vpc {wanted.name} later")
        for place in places:
            accepted = await detach(instance.id, place.subnet_id)(case)
        return accepted

    return use_case


def create_vpc_with_subnet(command: CreateVpc) -> Callable[[Case], Awaitable[Accepted[Vpc]]]:
    """For dialects in which a VPC is one network: a subnet of the same range and name."""

    async def use_case(case: Case) -> Accepted[Vpc]:
        subnet = await only_subnet_of_new(case, command)
        return Accepted(await case.tx.vpcs.get(subnet.vpc_id))

    return use_case


async def only_subnet_of_new(case: Case, command: CreateVpc) -> Subnet:
    vpc = (await create_vpc(command)(case)).thing
    subnet = CreateSubnet(name=vpc.name, vpc=vpc.id, cidr=vpc.cidr)
    return (await create_subnet(subnet)(case)).thing


async def free_cidr(case: Case, *taken: str) -> str:
    """A range that overlaps no VPC of the project, and none of `taken`. Any one of the many, so
    that two VPCs that are created at once do not get the same."""
    wanted = Filter(project_id=case.caller.project_id, limit=VPCS_MAX)
    there = [vpc.cidr for vpc in await case.tx.vpcs.page(wanted)]
    free = free_cidrs([*there, *taken, DEFAULT_CIDR])
    if not free:
        raise Conflict("no range is free for another vpc: name one")
    return free[ids.bits_of(case.ids.new(ids.VPC)) % len(free)]


def attach_default_vpc(instance_reference: str, region: str, private_cidr: str) -> UseCase:
    """The one of that name and region, made where there is none. One that the instance is in
    already is no change."""

    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        subnet = await default_subnet(case, region, private_cidr)
        instance = await instances.instance_meant(case, instance_reference)
        if subnet.vpc_id in {place.vpc_id for place in instance.attachments}:
            return Accepted(instance)
        return await attach(instance.id, subnet.id, private_cidr)(case)

    return use_case


async def default_subnet(case: Case, region: str, private_cidr: str) -> Subnet:
    name = f"{DEFAULT_VPC}-{region}"
    if found := await case.tx.vpcs.named(case.caller.project_id, name):
        return await instances.only_subnet(case, found[0])
    cidr = await default_cidr(case, private_cidr)
    command = CreateVpc(name=name, description="Default private network", cidr=cidr, region=region)
    return await only_subnet_of_new(case, command)


async def default_cidr(case: Case, private_cidr: str) -> str:
    """Always the same where nothing has it yet."""
    wanted = Filter(project_id=case.caller.project_id, limit=VPCS_MAX)
    there = [private_cidr, *(vpc.cidr for vpc in await case.tx.vpcs.page(wanted))]
    if any(IPv4Network(DEFAULT_CIDR).overlaps(IPv4Network(cidr)) for cidr in there):
        return await free_cidr(case, private_cidr)
    return DEFAULT_CIDR


def delete_vpc_with_subnets(reference: str) -> Callable[[Case], Awaitable[Accepted[Vpc]]]:
    """Raises InUse where an instance is in one of them."""

    async def use_case(case: Case) -> Accepted[Vpc]:
        case.require("write")
        vpc = await references.get(case.tx.vpcs, case.caller.project_id, reference, "vpc")
        for subnet in await subnets_of(case, vpc):
            await owned.delete(lambda tx: tx.subnets, "subnet", subnet.id)(case)
        owned.remove(case, case.tx.vpcs, vpc, "vpc")
        return Accepted(vpc)

    return use_case


def detach(instance_reference: str, subnet: str) -> UseCase:
    """Not of the network that the instance was created in: its addresses are the instance's."""

    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await instances.instance_meant(case, instance_reference)
        require_alive(instance)
        project_id = case.caller.project_id
        wanted = await references.get(case.tx.subnets, project_id, subnet, "subnet")
        if wanted.id not in {a.subnet_id for a in instance.attachments}:
            raise Conflict(
                f"instance {instance.name} was not attached to subnet {wanted.name} later"
            )
        operation = case.accept(network_attach.DETACH, instance.id, {"subnet_id": wanted.id})
        changed = instances.go_on(case, instance, operation)
        before = {"subnet": wanted.id}
        case.audit("network.detach", instance.id, operation=operation, before=before)
        return Accepted(changed, operation)

    return use_case


async def subnets_of(case: Case, vpc: Vpc) -> list[Subnet]:
    own = (("vpc_id", (vpc.id,)),)
    wanted = Filter(project_id=case.caller.project_id, any_of=(own,), limit=SUBNETS_MAX)
    return await case.tx.subnets.page(wanted)
