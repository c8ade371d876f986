"""Vultr's three words for the state of an instance."""

from atoll.domain.instances import Goal, Instance, InstanceState

# An image that never reports the end of its first boot counts as installed after this time.
INSTALLED_AFTER_MS = 10 * 60 * 1000


def status(instance: Instance) -> str:
    if instance.state is InstanceState.CREATING:
        return "pending"
    return "resizing" if instance.doing == "instance.resize" else "active"


def power_status(instance: Instance) -> str:
    """Return `running` also during creation: clients wait for `active` and use this field of the
    same answer. A halted guest is `stopped`, because a start resumes it."""
    if instance.halt is not None:
        return "stopped"
    on = instance.state in {InstanceState.CREATING, InstanceState.RUNNING}
    return "running" if on and instance.goal is not Goal.STOPPED else "stopped"


def server_status(instance: Instance, now_ms: int) -> str:
    """Return `locked` while an operation runs, `ok` once the guest is ready for another."""
    if instance.state is InstanceState.CREATING:
        return "none"
    if instance.doing is not None or instance.goal is Goal.DELETED:
        return "locked"
    if instance.state is not InstanceState.RUNNING or instance.halt is not None:
        return "ok"
    if instance.ready_at_ms is not None:
        return "ok"
    if instance.iso_id is not None:  # a guest that boots from a CD reports nothing
        return "ok"
    since_ms = instance.running_since_ms or instance.created_at_ms
    return "installingbooting" if now_ms - since_ms < INSTALLED_AFTER_MS else "ok"
