"""The three words in which Vultr tells an instance's situation, each made in one place."""

from atoll.domain.instances import Goal, Instance, InstanceState

# An image that never says that its first boot is over counts as installed after that.
INSTALLED_AFTER_MS = 10 * 60 * 1000


def status(instance: Instance) -> str:
    if instance.state is InstanceState.CREATING:
        return "pending"
    return "resizing" if instance.doing == "instance.resize" else "active"


def power_status(instance: Instance) -> str:
    """Also while it is created: clients wait for `active` and take what they then read here. A
    guest that does not execute is `stopped`: a start makes it go on."""
    if instance.halt is not None:
        return "stopped"
    on = instance.state in {InstanceState.CREATING, InstanceState.RUNNING}
    return "running" if on and instance.goal is not Goal.STOPPED else "stopped"


def server_status(instance: Instance, now_ms: int) -> str:
    """`locked` while an operation is in progress, `ok` once the guest is ready and the next request
    would begin."""
    if instance.state is InstanceState.CREATING:
        return "none"
    if instance.doing is not None or instance.goal is Goal.DELETED:
        return "locked"
    if instance.state is not InstanceState.RUNNING or instance.halt is not None:
        return "ok"
    if instance.ready_at_ms is not None:
        return "ok"
    if instance.iso_id is not None:  # what was started from a disc says nothing
        return "ok"
    since_ms = instance.running_since_ms or instance.created_at_ms
    return "installingbooting" if now_ms - since_ms < INSTALLED_AFTER_MS else "ok"
