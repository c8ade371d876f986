"""`instance.resize`: change the size of an instance.

A larger root disk alone is given to a running guest. Every other change needs a restart; the host
reserves room for the larger of both sizes, and the devices of both, until the guest has stopped.
"""

import msgspec

from atoll.domain.accelerators import Accelerators, choose_devices
from atoll.domain.hosts import Reservation
from atoll.domain.instances import Goal, Instance, InstanceSpec, InstanceState
from atoll.domain.operations import OperationState
from atoll.domain.quotas import Amounts
from atoll.messages import EnsureVolume
from atoll.operations.counting import recount
from atoll.operations.guests import (
    boot_again,
    goal_after_failure,
    host_of,
    instance_of,
    note,
    require_guest,
    require_room,
    root_volume_spec,
    settle_instance,
)
from atoll.operations.instance_create import wait_until_running
from atoll.operations.instance_power import (
    ask_to_stop,
    ensure_running,
    ensure_stopped,
    read_guest_state,
)
from atoll.operations.placing import devices_on
from atoll.operations.steps import Retry, Step, StepContext, Workflow


class Size(msgspec.Struct, frozen=True, kw_only=True):
    plan: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    accelerators: Accelerators | None = None
    bare_metal: bool = False

    def of(self, spec: InstanceSpec) -> InstanceSpec:
        return msgspec.structs.replace(spec, **msgspec.structs.asdict(self))

    def held(self) -> dict[str, int]:
        """Return what a host reserves for it, besides devices."""
        return {
            "vcpus": self.vcpus, "memory_mib": self.memory_mib, "disk_gib": self.disk_gib,
        }  # fmt: skip


def size_of(spec: InstanceSpec) -> Size:
    return Size(
        plan=spec.plan, vcpus=spec.vcpus, memory_mib=spec.memory_mib, disk_gib=spec.disk_gib,
        accelerators=spec.accelerators, bare_metal=spec.bare_metal,
    )  # fmt: skip


def boots_with(size: Size) -> tuple[int, int, Accelerators | None]:
    """Return what a guest gets only at its start."""
    return size.vcpus, size.memory_mib, size.accelerators


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """The sizes before and after, and whether a running guest must restart. Until the operations
    before this one have ended, `old` is None and `restart` says whether the guest runs. `counted`
    is the size from which the growth was counted in the quota."""

    old: Size | None = None
    new: Size
    counted: Size | None = None
    restart: bool

    @property
    def before(self) -> Size:
        assert self.old is not None, "the old size is known before the first step"
        return self.old


def change_of(instance: Instance, counted: Size, new: Size) -> Arguments:
    return Arguments(new=new, counted=counted, restart=instance.goal is Goal.RUNNING)


def growth(old: Size, new: Size) -> Amounts:
    """Return what the quota must add. A decrease is returned only after the guest is smaller."""
    before, after = old.held(), new.held()
    return Amounts(**{name: max(0, after[name] - before[name]) for name in after})


async def prepare(context: StepContext) -> Arguments:
    """Raises Conflict if the instance has no guest. If an earlier resize has failed, the quota is
    counted again from the actual size. Raises QuotaExceeded."""
    instance, given = await instance_of(context), context.arguments(Arguments)
    require_guest(instance)
    old = size_of(instance.spec)
    counted = growth(given.counted or old, given.new)
    await recount(context, instance.project_id, counted, growth(old, given.new))
    restart = given.restart and boots_with(old) != boots_with(given.new)
    return msgspec.structs.replace(given, old=old, restart=restart)


def restarts(context: StepContext) -> bool:
    return context.arguments(Arguments).restart


async def hold_both(context: StepContext) -> None:
    await hold(context, context.arguments(Arguments).before, context.arguments(Arguments).new)


async def hold_old(context: StepContext) -> None:
    await hold(context, context.arguments(Arguments).before)


async def hold_new(context: StepContext) -> None:
    await hold(context, context.arguments(Arguments).new)


async def hold(context: StepContext, *sizes: Size) -> None:
    """Change the reservation of the instance: room for any of these sizes. The commit fails if
    there is no room."""
    instance = await instance_of(context)
    held = await context.tx.hosts.reservation(instance.id)
    if held is None:
        return
    host = await context.tx.hosts.get(host_of(instance))
    most = {name: max(size.held()[name] for size in sizes) for name in sizes[0].held()}
    devices = devices_on(host, held.devices, *[size.accelerators for size in sizes])
    wanted = Reservation(id=instance.id, host_id=host.id, devices=devices, **most)
    if held != wanted:
        await require_room(context, held, wanted)
        context.tx.hosts.change_reservation(held, wanted)


async def shut_down(context: StepContext) -> Retry | None:
    return await ask_to_stop(context) if restarts(context) else None


async def power_off(context: StepContext) -> None:
    if restarts(context):
        await ensure_stopped(context)


async def power_on(context: StepContext) -> None:
    if restarts(context):
        await ensure_running(context)


async def power_on_again(context: StepContext) -> None:
    """Start the guest with the old size, unless the instance is to be deleted."""
    instance = await instance_of(context)
    if restarts(context) and instance.goal is not Goal.DELETED:
        await ensure_running(context)
    await read_guest_state(context)


async def change_size(context: StepContext) -> None:
    await write_size(context, context.arguments(Arguments).new)


async def change_size_back(context: StepContext) -> None:
    """A root disk that has grown stays: it may be larger than its record says."""
    await write_size(context, context.arguments(Arguments).before)


async def write_size(context: StepContext, wanted: Size) -> None:
    instance = await instance_of(context)
    spec = wanted.of(instance.spec)
    if instance.spec != spec:
        held = await context.tx.hosts.reservation(instance.id)
        devices = choose_devices(held.devices, wanted.accelerators) if held else ()
        boots = boot_again(instance) if restarts(context) else {}
        context.tx.instances.change(instance, spec=spec, devices=devices, **boots)


async def grow_root(context: StepContext) -> None:
    instance = await instance_of(context)
    volume = await root_volume_spec(context, instance)
    await context.ask(host_of(instance), EnsureVolume(volume=volume), timeout_s=50)


async def wait_for_guest(context: StepContext) -> Retry | None:
    return await wait_until_running(context) if restarts(context) else None


def quota_to_release(context: StepContext, instance: Instance) -> Amounts:
    """Return the quota to release: room for the larger of both sizes was taken at acceptance."""
    given = context.arguments(Arguments)
    if given.old is None:
        return growth(given.counted or given.new, given.new)
    old, new, now = given.old.held(), given.new.held(), size_of(instance.spec).held()
    return Amounts(**{name: max(old[name], new[name]) - now[name] for name in now})


async def settle(context: StepContext, outcome: OperationState) -> None:
    instance = await instance_of(context)
    context.tx.quotas.give_back(instance.project_id, quota_to_release(context, instance))
    if outcome is OperationState.DONE:
        state = InstanceState.RUNNING if restarts(context) else instance.state
        await settle_instance(context, instance, state=state, reason="")
        note(context, "instance.resized")
        return
    goal = await goal_after_failure(context, instance)
    reason = context.operation.error_message or ""
    await settle_instance(context, instance, state=instance.state, goal=goal, reason=reason)


WORKFLOW = Workflow(
    kind="instance.resize",
    steps=(
        Step(hold_both, undo=hold_old),
        Step(shut_down, undo=power_on_again, timeout_s=120),
        Step(power_off, undo=read_guest_state),
        Step(change_size, undo=change_size_back),
        Step(grow_root),
        Step(power_on, undo=power_off, timeout_s=120),
        Step(wait_for_guest),
        Step(hold_new),
    ),
    settle=settle,
    deadline_s=900,
    prepare=prepare,
)
