"""Holds an answer back until something is so, or the time is up."""

from atoll.domain.instances import Instance, InstanceState
from atoll.ports import Clock, Store

POLL_S = 1.0


async def until_condition(
    store: Store, clock: Clock, instance_id: str, condition: str, wait_s: float
) -> Instance:
    """`running` or `ready`. An instance that is gone, or that nobody works on any more and that
    does not run, is answered at once: waiting would not help."""
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
