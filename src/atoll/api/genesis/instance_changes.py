"""A request to change an instance, in Genesis Cloud's words, as the use cases that it means.

They are one transaction. What a list says already is no change.
"""

from atoll.api.genesis.catalogue import Catalogue
from atoll.api.genesis.instance_creation import ids_in, require_disk, require_volume
from atoll.api.genesis.instance_views import RESERVATION, sizes_to_come, volumes_of
from atoll.api.genesis.wire import Wire
from atoll.domain import ids
from atoll.domain.commands import Resize, UpdateInstance
from atoll.domain.errors import Invalid
from atoll.domain.instances import Instance
from atoll.service import instance_resize, instances, volumes
from atoll.service.desk import Accepted, Case, UseCase


class Change(Wire, kw_only=True):
    """One more, or one less: `attach` and `detach` of what is so already is no change."""

    attach: str | list[str] | None = None
    detach: str | list[str] | None = None


class UpdateBody(Wire, kw_only=True):
    """Each list is whole: what is not in it is taken away."""

    name: str | None = None
    is_protected: bool | None = None
    disk_size: int | None = None
    reservation_id: str | None = None
    security_groups: list[str] | Change | None = None
    volumes: list[str] | Change | None = None


def use_case_of(reference: str, body: UpdateBody, names: Catalogue) -> UseCase[Accepted[Instance]]:
    """Raises Invalid in this dialect's own words."""

    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await instances.get(case.tx, case.caller, reference)
        await change_disk(case, instance, body.disk_size, names)
        await change_volumes(case, instance, body.volumes)
        await instances.update(reference, parse_update(instance, body))(case)
        return Accepted(await case.tx.instances.get(reference))

    return use_case


def parse_update(instance: Instance, body: UpdateBody) -> UpdateInstance:
    annotations = groups = None
    if body.reservation_id is not None:
        annotations = {**instance.annotations, RESERVATION: body.reservation_id}
    if body.security_groups is not None:
        now = instance.resolved.security_group_ids
        wanted = wanted_of(ids.SECURITY_GROUP, now, body.security_groups, "security_groups")
        groups = wanted if wanted != now else None
    return UpdateInstance(
        name=body.name, protected=body.is_protected, annotations=annotations,
        security_groups=groups,
    )  # fmt: skip


async def change_disk(
    case: Case, instance: Instance, disk_gib: int | None, names: Catalogue
) -> None:
    """The size that it has, or is getting, is no change."""
    coming = await sizes_to_come(case.tx, [instance])
    now_gib = coming.get(instance.id, instance.spec.disk_gib)
    if disk_gib is None or disk_gib == now_gib:
        return
    require_disk(disk_gib, names)
    if disk_gib < now_gib:
        field = "disk_size"
        raise Invalid(
            f"{field} is {disk_gib}, the disk has {now_gib}: it can only be increased",
            field=field,
        )
    await instance_resize.resize(instance.id, Resize(disk_gib=disk_gib))(case)


async def change_volumes(case: Case, instance: Instance, given: list[str] | Change | None) -> None:
    if given is None:
        return
    held = await volumes_of(case.tx, [instance])
    now = tuple(volume.id for volume in held.get(instance.id, ()))
    wanted = wanted_of(ids.VOLUME, now, given, "volumes")
    for volume_id in wanted:
        if volume_id not in now:
            await require_volume(case, volume_id)
            await volumes.attach(volume_id, instance.id)(case)
    for volume_id in now:
        if volume_id not in wanted:
            await volumes.detach(volume_id)(case)


def wanted_of(
    prefix: str, now: tuple[str, ...], given: list[str] | Change, field: str
) -> tuple[str, ...]:
    """All that the instance shall have. Raises Invalid."""
    if isinstance(given, list):
        return ids_in(prefix, given, field)
    if given.attach is None and given.detach is None:
        raise Invalid(f"{field}: a list is needed, or attach, or detach", field=field)
    more = ids_in(prefix, listed(given.attach), field)
    less = ids_in(prefix, listed(given.detach), field)
    return tuple(one for one in dict.fromkeys((*now, *more)) if one not in less)


def listed(given: str | list[str] | None) -> list[str]:
    if given is None:
        return []
    return [given] if isinstance(given, str) else given
