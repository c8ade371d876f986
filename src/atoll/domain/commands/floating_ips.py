"""Commands on floating IPs."""

from atoll.domain.commands.base import Command, Reference


class CreateFloatingIp(Command, frozen=True, kw_only=True):
    """`instance` attaches the new floating IP to that instance. `free_name`: if the name is taken,
    a free name is derived from it, and the dialect still shows the requested one."""

    name: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    region: str | None = None
    instance: Reference | None = None
    free_name: bool = False


class UpdateFloatingIp(Command, frozen=True, kw_only=True):
    """`annotations` are merged into the existing ones. `free_name`: as in `CreateFloatingIp`."""

    floating_ip: Reference
    name: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] = {}
    free_name: bool = False


class AttachFloatingIp(Command, frozen=True, kw_only=True):
    """`move` allows moving it from another instance."""

    floating_ip: Reference
    instance: Reference
    move: bool = True


class DetachFloatingIp(Command, frozen=True, kw_only=True):
    floating_ip: Reference


class DeleteFloatingIp(Command, frozen=True, kw_only=True):
    """`detach` allows deleting it while it is attached."""

    floating_ip: Reference
    detach: bool = False
