"""Delays a response until a condition is true, or the time is up."""

from atoll.domain.instances import Instance, InstanceState
from atoll.ports import Clock, Store

POLL_S = 1.0


async def until_condition(
    store: Store, clock: Clock, instance_id: str, condition: str, wait_s: float
) -> Instance:
    """Wait for `running` or `ready`. Returns immediately for an instance that is deleted, or that
    is not running and has no operation: waiting would not help."""
    until_ms = clock.now_ms() + int(wait_s * 1000)
    with store.watch(instance_id) as watch:
        while True:
            instance = await store.read().instances.get(instance_id)
            left_s = (until_ms - clock.now_ms()) / 1000
            if holds(instance, condition) or hopeless(instance) or left_s <= 0:
                return instance
            await watch.wait(min(left_s, POLL_S))


def holds(instance: Instance, condition: str) -> bool:
    if condition == "running":
        return instance.state is InstanceState.RUNNING and instance.doing is None
    return instance.ready_at_ms is not None and instance.state is InstanceState.RUNNING


def hopeless(instance: Instance) -> bool:
    return instance.doing is None and instance.state is not InstanceState.RUNNING
