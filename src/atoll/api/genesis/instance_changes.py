"""Conversion of a request to change an instance into commands of one transaction.

Only differences from the present lists become commands.
"""

from atoll.api.genesis.catalogue import Catalogue
from atoll.api.genesis.instance_creation import attach, ids_in, require_disk
from atoll.api.genesis.instance_views import RESERVATION, volumes_of
from atoll.api.genesis.wire import Wire, catalogue_of, view_of
from atoll.api.http import Call
from atoll.api.serving import Asked
from atoll.domain import ids
from atoll.domain.commands import (
    DetachVolume,
    ResizeInstance,
    UpdateInstance,
)
from atoll.domain.errors import Invalid
from atoll.domain.instances import Instance
from atoll.service import instance_resize
from atoll.service.desk import View


class Change(Wire, kw_only=True):
    """Ids to attach and to detach. An id that is in that state already changes nothing."""

    attach: str | list[str] | None = None
    detach: str | list[str] | None = None


class UpdateBody(Wire, kw_only=True):
    """Each list is complete: a resource that is missing from it is detached."""

    name: str | None = None
    is_protected: bool | None = None
    disk_size: int | None = None
    reservation_id: str | None = None
    security_groups: list[str] | Change | None = None
    volumes: list[str] | Change | None = None


async def wishes_of(request: Call, instance: Instance, body: UpdateBody) -> list[Asked]:
    """Return all changes as commands of one transaction. Raises Invalid in this dialect's words."""
    view = view_of(request)
    view.require("write")
    wishes = await disk_changes(view, instance, body.disk_size, catalogue_of(request))
    wishes += await volume_changes(view, instance, body.volumes)
    return [*wishes, Asked(parse_update(instance, body))]


def parse_update(instance: Instance, body: UpdateBody) -> UpdateInstance:
    groups, notes = None, {}
    if body.reservation_id is not None:
        notes = {RESERVATION: body.reservation_id}
    if body.security_groups is not None:
        now = instance.resolved.security_group_ids
        wanted = wanted_of(ids.SECURITY_GROUP, now, body.security_groups, "security_groups")
        groups = wanted if wanted != now else None
    return UpdateInstance(
        instance=instance.id, name=body.name, protected=body.is_protected, annotations=notes,
        security_groups=groups, free_name=True,
    )  # fmt: skip


async def disk_changes(
    view: View, instance: Instance, disk_gib: int | None, names: Catalogue
) -> list[Asked]:
    """Return the resize, unless the disk has that size, or is being resized to it."""
    coming = await instance_resize.growing_disks(view, [instance])
    now_gib = coming.get(instance.id, instance.spec.disk_gib)
    if disk_gib is None or disk_gib == now_gib:
        return []
    require_disk(disk_gib, names)
    if disk_gib < now_gib:
        field = "disk_size"
        raise Invalid(
            f"{field} is {disk_gib}, the disk has {now_gib}: a disk cannot shrink",
            field=field,
        )
    return [Asked(ResizeInstance(instance=instance.id, disk_gib=disk_gib))]


async def volume_changes(
    view: View, instance: Instance, given: list[str] | Change | None
) -> list[Asked]:
    if given is None:
        return []
    held = await volumes_of(view, [instance])
    now = tuple(volume.id for volume in held.get(instance.id, ()))
    wanted = wanted_of(ids.VOLUME, now, given, "volumes")
    wishes = [attach(volume_id, instance.id) for volume_id in wanted if volume_id not in now]
    gone = [volume_id for volume_id in now if volume_id not in wanted]
    return [*wishes, *(Asked(DetachVolume(volume=volume_id)) for volume_id in gone)]


def wanted_of(
    prefix: str, now: tuple[str, ...], given: list[str] | Change, field: str
) -> tuple[str, ...]:
    """Return all resources that the instance is to have. Raises Invalid."""
    if isinstance(given, list):
        return ids_in(prefix, given, field)
    if given.attach is None and given.detach is None:
        raise Invalid(f"{field} must be a list, or an object with attach or detach", field=field)
    more = ids_in(prefix, listed(given.attach), field)
    less = ids_in(prefix, listed(given.detach), field)
    return tuple(one for one in dict.fromkeys((*now, *more)) if one not in less)


def listed(given: str | list[str] | None) -> list[str]:
    if given is None:
        return []
    return [given] if isinstance(given, str) else given
