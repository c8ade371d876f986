"""Conversion of a request to change an instance into commands of one transaction."""

from atoll.api.http import Call
from atoll.api.serving import Asked
from atoll.api.vultr import offers
from atoll.api.vultr.instances.create import (
    BACKUPS,
    Wishes,
    backups_wanted,
    group_of,
    plain_base64,
    scheme_of,
    source_of,
    vpcs_of,
)
from atoll.api.vultr.instances.show import DDOS, IPV6, TAGS, USER_SCHEME, labels_of, noted_tags
from atoll.api.vultr.vpcs import require_kinds
from atoll.api.vultr.wire import catalogue_of, services_of, view_of
from atoll.domain.commands import (
    AttachVpc,
    Command,
    DetachVpc,
    DisableBackups,
    ReinstallInstance,
    ResizeInstance,
    SetBackups,
    UpdateInstance,
)
from atoll.domain.errors import Invalid
from atoll.domain.instances import Instance
from atoll.domain.plans import Plan
from atoll.operations.instance_resize import Size
from atoll.service import catalogue, queries
from atoll.service.coming import coming_size
from atoll.service.nouns import PLANS


class UpdateBody(Wishes, kw_only=True):
    detach_vpc: list[str] | None = None
    detach_vpc2: list[str] | None = None
    detach_private_network: list[str] | None = None

    def unwanted_vpcs(self) -> dict[str, str]:
        return vpcs_of(
            detach_vpc=self.detach_vpc, detach_vpc2=self.detach_vpc2,
            detach_private_network=self.detach_private_network,
        )  # fmt: skip


async def wishes_of(request: Call, instance: Instance, body: UpdateBody) -> list[Asked]:
    """Return all changes as commands of one transaction. Raises Invalid."""
    if body.app_id or body.image_id:
        raise Invalid("app_id: applications are not supported: give an os_id", field="app_id")
    for fields in (body.vpcs(), body.unwanted_vpcs()):
        await require_kinds(view_of(request), fields)
    # A resize or reinstall needs an idle instance, so it comes first.
    wishes = await large_changes(request, instance, body)
    wishes += plain_changes(instance, body)
    wishes += network_changes(instance, body)
    if body.backups:
        wishes.append(Asked(backup_change(instance, backups_wanted(body.backups))))
    if not wishes:
        raise Invalid("The request changes nothing: give at least one field")
    return wishes


def plain_changes(instance: Instance, body: UpdateBody) -> list[Asked]:
    """Return changes that need no restart."""
    tags = body.all_tags()
    command = UpdateInstance(
        instance=instance.id, name=body.label,
        labels=None if tags is None else labels_of(tags),
        annotations=notes_of(body),
        security_groups=None if body.firewall_group_id is None
        else (group_of(body.firewall_group_id),),
        user_data=None if body.user_data is None else plain_base64(body.user_data),
        free_name=True,
    )  # fmt: skip
    nothing = UpdateInstance(instance=instance.id, free_name=True)
    return [] if command == nothing else [Asked(command)]


def notes_of(body: UpdateBody) -> dict[str, str]:
    """Return the annotations that the request sets; an empty value removes one."""
    switches = ((IPV6, body.enable_ipv6), (DDOS, body.ddos_protection))
    notes = {key: "true" if on else "" for key, on in switches if on is not None}
    if (tags := body.all_tags()) is not None:
        notes[TAGS] = noted_tags(tags)
    if body.user_scheme:
        notes[USER_SCHEME] = scheme_of(body.user_scheme)
    return notes


def network_changes(instance: Instance, body: UpdateBody) -> list[Asked]:
    """Return attach and detach commands. A VPC that is attached already needs none."""
    there = {place.vpc_id for place in instance.attachments}
    wishes = [
        Asked(AttachVpc(instance=instance.id, vpc=vpc), {"vpc": field, "subnet": field})
        for vpc, field in body.vpcs().items()
        if vpc not in there
    ]
    if (default := body.default_vpc(instance.id, instance.spec.region)) is not None:
        wishes.append(Asked(default))
    wishes += [
        Asked(DetachVpc(instance=instance.id, vpc=vpc), {"vpc": field})
        for vpc, field in body.unwanted_vpcs().items()
    ]
    return wishes


def backup_change(instance: Instance, wanted: bool) -> Command:
    if wanted:
        return SetBackups(instance=instance.id, backups=BACKUPS)
    return DisableBackups(instance=instance.id, missing_ok=True)


def require_no_smaller_disk(present: Size, plan: Plan) -> None:
    if plan.disk_gib < present.disk_gib:
        raise Invalid(
            f"plan: {plan.id} has a disk of {plan.disk_gib} GB, the instance has "
            f"{present.disk_gib} GB and a disk cannot shrink: see its /upgrades",
            field="plan",
        )


async def large_changes(request: Call, instance: Instance, body: UpdateBody) -> list[Asked]:
    """Return a resize or a reinstall. The present plan, or that of a resize in progress, needs
    none."""
    wishes: list[Asked] = []
    view, names = view_of(request), catalogue_of(request)
    size = await coming_size(view, instance)
    if body.plan and body.plan != size.plan:
        if body.os_id:
            raise Invalid(
                "os_id: change the plan and the operating system in separate requests",
                field="os_id",
            )
        new = await offers.resolve_plan(view, names, body.plan)
        known = await queries.find_by_ids(view, PLANS, [body.plan])
        require_no_smaller_disk(size, new or known[body.plan])
        await catalogue.adopt(services_of(request).store, new)
        wishes.append(Asked(ResizeInstance(instance=instance.id, plan=body.plan, room_needed=True)))
    if body.os_id not in {None, "", 0}:
        image, notes = await source_of(view, names, body.os_id, None)
        command = ReinstallInstance(
            instance=instance.id, image=image, annotations=notes_of(body) | notes,
            generate_password=True,
        )  # fmt: skip
        wishes.append(Asked(command))
    return wishes
