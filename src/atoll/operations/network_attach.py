"""`network.attach` and `network.detach`: change an instance's interfaces while its guest runs.

They queue at the instance. Each interface has a unique MAC and address.
"""

import ipaddress

import msgspec

from atoll.domain.instances import Attachment, Goal, Instance, releasing
from atoll.domain.networks import mac_of
from atoll.domain.operations import Operation, OperationState
from atoll.operations.belongings import holder_of
from atoll.operations.guests import (
    MAC_FIRST,
    MAC_LAST,
    MAC_SCOPE,
    configure,
    instance_of,
    note,
    numbers_of,
    settle_instance,
)
from atoll.operations.steps import Step, StepContext, Workflow, arguments_of, ids_in


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    subnet_id: str


def holder(context: StepContext) -> str:
    return holder_of(context.operation.resource_id, subnet_id_of(context))


def subnet_id_of(context: StepContext) -> str:
    return context.arguments(Arguments).subnet_id


def uses(operation: Operation) -> frozenset[str]:
    """Until the interface is attached, only the operation uses the subnet."""
    return ids_in(arguments_of(operation, Arguments).subnet_id)


async def take_place(context: StepContext) -> None:
    subnet = await context.tx.subnets.get(subnet_id_of(context))
    numbers = numbers_of(ipaddress.IPv4Network(subnet.cidr))
    wanted = {subnet.id: numbers, MAC_SCOPE: (MAC_FIRST, MAC_LAST)}
    for scope, (lowest, highest) in wanted.items():
        if await context.tx.addresses.find(scope, holder(context)) is None:
            context.tx.addresses.take(scope, holder(context), lowest, highest)


async def give_place_back(context: StepContext) -> None:
    context.tx.addresses.release(holder(context))


async def connect(context: StepContext) -> None:
    instance = await instance_of(context)
    subnet = await context.tx.subnets.get(subnet_id_of(context))
    number = await context.tx.addresses.find(subnet.id, holder(context))
    mac = await context.tx.addresses.find(MAC_SCOPE, holder(context))
    assert number is not None and mac is not None, "the place is taken before it is connected"
    place = Attachment(
        vpc_id=subnet.vpc_id, subnet_id=subnet.id, mac=mac_of(mac),
        private_ip=str(ipaddress.IPv4Network(subnet.cidr)[number]),
    )  # fmt: skip
    await configure(context, instance, attachments=(*others(context, instance), place))


async def disconnect(context: StepContext) -> None:
    instance = await instance_of(context)
    if instance.host_id is not None:
        await configure(context, instance, attachments=others(context, instance))


async def connect_again(context: StepContext) -> None:
    """Attach the interface again, unless its instance is being deleted or its subnet is gone."""
    instance = await instance_of(context)
    if instance.host_id is None or instance.goal is Goal.DELETED:
        return
    if await context.tx.subnets.find(subnet_id_of(context)) is not None:
        await connect(context)


def others(context: StepContext, instance: Instance) -> tuple[Attachment, ...]:
    return tuple(a for a in instance.attachments if a.subnet_id != subnet_id_of(context))


async def settle(context: StepContext, outcome: OperationState) -> None:
    instance = await instance_of(context)
    if outcome is OperationState.DONE:
        kind = context.operation.kind
        note(context, "network.attached" if kind == ATTACH.kind else "network.detached")
    if outcome is OperationState.DONE or context.operation.kind == ATTACH.kind:
        await settle_instance(context, instance, state=instance.state)
        return
    changes: dict[str, object] = {"releasing": releasing(instance, taken=subnet_id_of(context))}
    if await context.tx.subnets.find(subnet_id_of(context)) is None:
        # The subnet was deleted meanwhile: the guest loses the interface with its next update.
        context.tx.addresses.release(holder(context))
        changes |= {"attachments": others(context, instance), "outdated": True}
    await settle_instance(context, instance, state=instance.state, **changes)


ATTACH = Workflow(
    kind="network.attach",
    steps=(Step(take_place, undo=give_place_back), Step(connect, undo=disconnect)),
    settle=settle,
    deadline_s=600,
    uses=uses,
)
DETACH = Workflow(
    kind="network.detach",
    steps=(Step(disconnect, undo=connect_again), Step(give_place_back)),
    settle=settle,
    deadline_s=600,
)
