"""Commands on volumes."""

from atoll.domain.commands.base import Command, Reference


class CreateVolume(Command, frozen=True, kw_only=True):
    """`instance` attaches the new volume to that instance. `free_name`: if the name is taken, a
    free name is derived from it, and the dialect still shows the requested one."""

    name: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    size_gib: int
    region: str | None = None
    instance: Reference | None = None
    free_name: bool = False


class UpdateVolume(Command, frozen=True, kw_only=True):
    """`annotations` are merged into the existing ones. `free_name`: as in `CreateVolume`."""

    volume: Reference
    name: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] = {}
    free_name: bool = False


class AttachVolume(Command, frozen=True, kw_only=True):
    """`attached_ok`: no error if the volume is already attached to that instance."""

    volume: Reference
    instance: Reference
    attached_ok: bool = False


class DetachVolume(Command, frozen=True, kw_only=True):
    volume: Reference


class GrowVolume(Command, frozen=True, kw_only=True):
    """`same_ok`: no error if the volume already has that size."""

    volume: Reference
    size_gib: int
    same_ok: bool = False


class DeleteVolume(Command, frozen=True, kw_only=True):
    """`detach` allows deleting it while it is attached."""

    volume: Reference
    detach: bool = False
