"""Commands on floating IPs."""

from atoll.domain.commands.base import Command, Reference


class CreateFloatingIp(Command, frozen=True, kw_only=True):
    """`instance` attaches the new floating IP to that instance."""

    name: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    region: str | None = None
    instance: Reference | None = None


class UpdateFloatingIp(Command, frozen=True, kw_only=True):
    """`annotations` are merged into the existing ones."""

    floating_ip: Reference
    name: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] = {}


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
