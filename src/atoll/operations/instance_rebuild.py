"""`instance.reinstall` and `instance.restore`: a new root volume for the same instance.

Its id, addresses, volumes and keys stay. The old root volume is kept until the new guest reports
that it is ready, and comes back if it never does. The operation's arguments contain the new and the
old.
"""

from typing import Any

import msgspec

from atoll.domain.images import ImageKind
from atoll.domain.instances import Goal, Instance, InstanceState, Password, releasing
from atoll.domain.operations import Operation, OperationState
from atoll.messages import (
    EnsureStopped,
    EnsureVolume,
    GuestFacts,
    InspectGuest,
    RemoveVolume,
)
from atoll.operations.guests import (
    boot_again,
    goal_after_failure,
    host_of,
    instance_of,
    note,
    request_running,
    require_guest,
    root_volume_spec,
    settle_instance,
)
from atoll.operations.image_import import prepare_image
from atoll.operations.instance_create import wait_until_running
from atoll.operations.instance_power import read_guest_state
from atoll.operations.snapshot_copies import (
    bring_copy,
    expect_copy,
    give_up_copy,
    wait_until_complete,
)
from atoll.operations.steps import Retry, Step, StepContext, Workflow, arguments_of, ids_in
from atoll.operations.volume_delete import discard

READY_S = 900.0
LOOK_S = 0.5
PAST = {"instance.reinstall": "instance.reinstalled", "instance.restore": "instance.restored"}


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of an instance that the operation changes, and no others: concurrent changes of
    others stay. None means unchanged. `source_snapshot_id` is the source of the new volume if the
    instance does not record it."""

    image_id: str
    snapshot_id: str | None
    root_volume_id: str
    source_snapshot_id: str | None = None
    hostname: str | None = None
    annotations: dict[str, str] | None = None
    image: str | None = None
    user_data: str | None = None
    ssh_keys: tuple[str, ...] | None = None
    ssh_key_ids: tuple[str, ...] | None = None
    password: Password | None = None

    def of(self, instance: Instance) -> dict[str, Any]:
        """Return them as fields of the instance."""
        replace = msgspec.structs.replace
        spec = {"image": self.image, "user_data": self.user_data, "ssh_keys": self.ssh_keys}
        given = {name: value for name, value in spec.items() if value is not None}
        resolved = replace(
            instance.resolved,
            image_id=self.image_id,
            snapshot_id=self.snapshot_id,
            root_volume_id=self.root_volume_id,
        )
        if self.ssh_key_ids is not None:
            resolved = replace(resolved, ssh_key_ids=self.ssh_key_ids)
        return {
            "hostname": instance.hostname if self.hostname is None else self.hostname,
            "annotations": instance.annotations if self.annotations is None else self.annotations,
            "spec": replace(instance.spec, **given),
            "resolved": resolved,
            "password": self.password or instance.password,
        }


def body_before(instance: Instance, new: Body) -> Body:
    """Return the present values of the fields that `new` changes."""
    spec, resolved = instance.spec, instance.resolved
    return Body(
        image_id=resolved.image_id,
        snapshot_id=resolved.snapshot_id,
        root_volume_id=resolved.root_volume_id,
        hostname=None if new.hostname is None else instance.hostname,
        annotations=None if new.annotations is None else instance.annotations,
        image=None if new.image is None else spec.image,
        user_data=None if new.user_data is None else spec.user_data,
        ssh_keys=None if new.ssh_keys is None else spec.ssh_keys,
        ssh_key_ids=None if new.ssh_key_ids is None else resolved.ssh_key_ids,
        password=None if new.password is None else instance.password or Password(hash=""),
    )


class BeforeChange(msgspec.Struct, frozen=True, kw_only=True):
    """The common arguments of operations that stop a guest and start it again."""

    was_running: bool


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """`old` is None until the operations before this one have ended. `released` is the image that
    the instance had at acceptance."""

    old: Body | None = None
    new: Body
    released: str | None = None
    was_running: bool

    @property
    def before(self) -> Body:
        assert self.old is not None, "the old values are known before the first step"
        return self.old

    @property
    def source_snapshot(self) -> str | None:
        return self.new.source_snapshot_id or self.new.snapshot_id


def change_of(instance: Instance, new: Body) -> Arguments:
    was_running = instance.goal is Goal.RUNNING
    return Arguments(new=new, released=instance.resolved.image_id, was_running=was_running)


def uses(operation: Operation) -> frozenset[str]:
    """The instance uses the new image only when the operation ends, and until then the old one may
    come back."""
    given = arguments_of(operation, Arguments)
    return ids_in(given.new.image_id, given.released, given.source_snapshot)


async def prepare(context: StepContext) -> Retry | Arguments:
    """Raises Conflict if the instance has no guest that could be replaced."""
    instance, given = await instance_of(context), context.arguments(Arguments)
    require_guest(instance)
    if given.source_snapshot is not None:
        waiting = await wait_until_complete(context, given.source_snapshot)
        if waiting is not None:
            return waiting
    return msgspec.structs.replace(given, old=body_before(instance, given.new))


def source_snapshot(context: StepContext) -> str | None:
    return context.arguments(Arguments).source_snapshot


async def expect_snapshot(context: StepContext) -> None:
    snapshot_id, instance = source_snapshot(context), await instance_of(context)
    if snapshot_id is not None:
        await expect_copy(context, snapshot_id, host_of(instance))


async def prepare_new_volume(context: StepContext) -> Retry | None:
    instance, new = await instance_of(context), context.arguments(Arguments).new
    host_id, snapshot_id = host_of(instance), source_snapshot(context)
    if new.image_id:
        await prepare_image(context, host_id, new.image_id)
    if snapshot_id is not None:
        waiting = await bring_copy(context, snapshot_id, host_id)
        if waiting is not None:
            return waiting
    source = msgspec.structs.replace(new, snapshot_id=snapshot_id)
    wanted = msgspec.structs.replace(instance, **source.of(instance))
    volume = await root_volume_spec(context, wanted)
    await context.ask(host_id, EnsureVolume(volume=volume), timeout_s=110)
    return None


async def remove_new_volume(context: StepContext) -> None:
    instance, new = await instance_of(context), context.arguments(Arguments).new
    if instance.host_id is not None:
        request = RemoveVolume(volume_id=new.root_volume_id)
        await context.ask(instance.host_id, request)
        if (snapshot_id := source_snapshot(context)) is not None:
            await give_up_copy(context, snapshot_id, instance.host_id)


async def stop_guest(context: StepContext) -> None:
    instance = await instance_of(context)
    await context.ask(host_of(instance), EnsureStopped(guest_id=instance.id, force=True))


async def start_guest(context: StepContext) -> None:
    instance = await instance_of(context)
    request = await request_running(context, instance)
    await context.ask(host_of(instance), request, timeout_s=110)


async def start_guest_again(context: StepContext) -> None:
    """Start the old guest, unless it was stopped before or the instance is to be deleted."""
    instance = await instance_of(context)
    if instance.host_id is None:
        return
    if context.arguments(BeforeChange).was_running and instance.goal is not Goal.DELETED:
        await start_guest(context)
    await read_guest_state(context)


async def swap_in(context: StepContext) -> None:
    await swap(context, context.arguments(Arguments).new)


async def swap_back(context: StepContext) -> None:
    await swap(context, context.arguments(Arguments).before)


async def swap(context: StepContext, wanted: Body) -> None:
    instance = await instance_of(context)
    if instance.resolved.root_volume_id != wanted.root_volume_id:
        context.tx.instances.change(instance, **wanted.of(instance), **boot_again(instance))


async def wait_until_ready(context: StepContext) -> Retry | None:
    """Wait for the guest's report: only the guest can tell that its new system works. A system that
    was installed from an ISO does not report."""
    instance = await instance_of(context)
    image = await context.tx.images.find(instance.resolved.image_id)
    if not instance.resolved.image_id or (image is not None and image.kind is ImageKind.ISO):
        return None
    facts = await context.ask(host_of(instance), InspectGuest(guest_id=instance.id))
    if isinstance(facts, GuestFacts) and facts.ready and facts.boots == instance.boots:
        context.tx.instances.change(instance, ready_at_ms=context.now_ms)
        return None
    return Retry(LOOK_S, "the new guest is not ready yet")


async def discard_old_volume(context: StepContext) -> None:
    """Delete the old volume. This cannot be rolled back, so it is an operation of its own that
    cannot fail this one."""
    instance, old = await instance_of(context), context.arguments(Arguments).before
    discard(context, old.root_volume_id, host_of(instance))


def unused_root_volumes(context: StepContext, instance: Instance) -> tuple[str, ...]:
    """Return whichever of the old and the new root volume the instance does not use: its host could
    not be asked to remove it, so it is deleted with the instance."""
    given = context.arguments(Arguments)
    both = {given.before.root_volume_id, given.new.root_volume_id}
    return tuple(both - {instance.resolved.root_volume_id})


async def settle(context: StepContext, outcome: OperationState) -> None:
    instance = await instance_of(context)
    if outcome is OperationState.DONE:
        await settle_instance(context, instance, state=InstanceState.RUNNING, reason="")
        note(context, PAST[context.operation.kind])
        return
    reason = context.operation.error_message or ""
    stay = releasing(instance, taken=instance.resolved.image_id)
    if context.operation.step >= 0:
        await settle_instance(
            context, instance, state=InstanceState.ERROR, reason=reason, releasing=stay,
            leftovers=(*instance.leftovers, *unused_root_volumes(context, instance)),
        )  # fmt: skip
        return
    goal = await goal_after_failure(context, instance)
    await settle_instance(
        context, instance, state=instance.state, goal=goal, reason=reason, releasing=stay
    )


STEPS = (
    Step(expect_snapshot),  # no undo: an expected copy need not arrive
    Step(prepare_new_volume, undo=remove_new_volume, timeout_s=120),
    Step(stop_guest, undo=start_guest_again, timeout_s=120),
    Step(swap_in, undo=swap_back),
    Step(start_guest, undo=stop_guest, timeout_s=120),
    Step(wait_until_running),
    Step(wait_until_ready),
    Step(discard_old_volume),
)
REINSTALL = Workflow(
    kind="instance.reinstall",
    steps=STEPS,
    settle=settle,
    deadline_s=READY_S,
    prepare=prepare,
    uses=uses,
)
RESTORE = Workflow(
    kind="instance.restore",
    steps=STEPS,
    settle=settle,
    deadline_s=READY_S,
    prepare=prepare,
    uses=uses,
)
