"""A request to change an instance, in Vultr's words, as the use cases that it means."""

from collections.abc import Awaitable, Callable

import msgspec

from atoll.api.http import Call
from atoll.api.vultr import offers, wire
from atoll.api.vultr.instance_creation import (
    BACKUPS,
    Wishes,
    backups_wanted,
    group_of,
    in_group,
    labels_of,
    plain_base64,
    scheme_of,
    source_of,
    vpcs_of,
)
from atoll.api.vultr.instance_views import DDOS, IPV6, USER_SCHEME
from atoll.api.vultr.wire import catalogue_of, services_of
from atoll.domain.commands import Reinstall, Resize, UpdateInstance
from atoll.domain.errors import Invalid
from atoll.domain.instances import Instance
from atoll.domain.plans import Plan
from atoll.operations.instance_resize import Size
from atoll.service import (
    catalogue,
    instance_rebuild,
    instance_resize,
    instances,
    networks,
    room,
    timers,
)
from atoll.service.desk import Accepted, Case

Change = Callable[[Case], Awaitable[Accepted[Instance]]]


class UpdateBody(Wishes, kw_only=True):
    detach_vpc: list[str] | None = None
    detach_vpc2: list[str] | None = None
    detach_private_network: list[str] | None = None


async def use_case_of(
    request: Call, instance: Instance, body: UpdateBody
) -> tuple[Change, list[str]]:
    """All changes as one, and where the ids of their jobs will be. Raises Invalid."""
    if body.app_id or body.image_id:
        raise Invalid("app_id: there are no applications here: name an os_id", field="app_id")
    # Another size or system is for an instance that nothing goes on about: so it comes first.
    changes = await large_changes(request, instance, body)
    changes += plain_changes(instance, body)
    changes += network_changes(instance, body, services_of(request).ranges.private_cidr)
    if body.backups:
        changes.append(backup_change(instance, backups_wanted(body.backups)))
    jobs: list[str] = []

    async def use_case(case: Case) -> Accepted[Instance]:
        jobs.clear()
        if not changes:
            raise Invalid("Nothing to change")
        for change in changes:
            accepted = await change(case)
            if accepted.operation is not None:
                jobs.append(wire.uuid_of(accepted.operation.id))
        return Accepted(await case.tx.instances.get(instance.id))

    return use_case, jobs


def plain_changes(instance: Instance, body: UpdateBody) -> list[Change]:
    """Of what is only written down, or told to a running guest."""
    tags = body.all_tags()
    command = UpdateInstance(
        name=body.label,
        labels=None if tags is None else labels_of([tag for tag in tags if tag]),
        annotations=annotations_of(instance, body),
        security_groups=None if body.firewall_group_id is None
        else (group_of(body.firewall_group_id),),
        user_data=None if body.user_data is None else plain_base64(body.user_data),
    )  # fmt: skip
    if command == UpdateInstance():
        return []
    return [in_group(instances.update(instance.id, command))]


def annotations_of(instance: Instance, body: UpdateBody) -> dict[str, str] | None:
    notes = dict(instance.annotations)
    for key, wanted in ((IPV6, body.enable_ipv6), (DDOS, body.ddos_protection)):
        if wanted:
            notes[key] = "true"
        elif wanted is not None:
            notes.pop(key, None)
    if body.user_scheme:
        notes[USER_SCHEME] = scheme_of(body.user_scheme)
    return None if notes == instance.annotations else notes


def network_changes(instance: Instance, body: UpdateBody, inside: str) -> list[Change]:
    """A VPC that it has already is no change."""
    there = {place.vpc_id for place in instance.attachments}
    wanted = body.vpcs()
    unwanted = vpcs_of(
        detach_vpc=body.detach_vpc, detach_vpc2=body.detach_vpc2,
        detach_private_network=body.detach_private_network,
    )  # fmt: skip
    changes = [
        wire.about(field, networks.attach_vpc(instance.id, vpc, inside), "vpc_id")
        for vpc, field in wanted.items()
        if vpc not in there
    ]
    if body.wants_default_vpc():
        region = instance.spec.region
        changes.append(networks.attach_default_vpc(instance.id, region, inside))
    changes += [
        wire.about(field, networks.detach_vpc(instance.id, vpc), "vpc_id")
        for vpc, field in unwanted.items()
    ]
    return changes


def backup_change(instance: Instance, wanted: bool) -> Change:
    async def change(case: Case) -> Accepted[Instance]:
        if wanted:
            await timers.back_up(instance.id, BACKUPS)(case)
        else:
            await timers.ensure_no_backups(instance.id)(case)
        return Accepted(instance)

    return change


def plan_change(instance: Instance, plan: str) -> Change:
    async def change(case: Case) -> Accepted[Instance]:
        accepted = await instance_resize.resize(instance.id, Resize(plan=plan))(case)
        assert accepted.operation is not None, "another size is an operation"
        size = msgspec.convert(accepted.operation.arguments["new"], Size)
        await room.require_for_resize(case, accepted.thing, size)
        return accepted

    return change


def require_no_smaller_disk(instance: Instance, plan: Plan) -> None:
    if plan.disk_gib < instance.spec.disk_gib:
        raise Invalid(
            f"plan: {plan.id} has a disk of {plan.disk_gib} GB, the instance's has "
            f"{instance.spec.disk_gib} GB and never shrinks: see its /upgrades",
            field="plan",
        )


async def large_changes(request: Call, instance: Instance, body: UpdateBody) -> list[Change]:
    """Another size or another system. The plan that it has already is no change."""
    changes: list[Change] = []
    services, names = services_of(request), catalogue_of(request)
    if body.plan and body.plan != instance.spec.plan:
        if body.os_id:
            raise Invalid(
                "os_id: change the plan and the system one after the other", field="os_id"
            )
        read = services.store.read()
        new = await offers.plan_meant(read, names, body.plan)
        require_no_smaller_disk(instance, new or await read.plans.get(body.plan))
        await catalogue.adopt(services.store, new)
        changes.append(plan_change(instance, body.plan))
    if body.os_id not in {None, "", 0}:
        image, notes = await source_of(services.store.read(), names, body.os_id, None)
        given = annotations_of(instance, body)
        command = Reinstall(
            image=image,
            annotations=(instance.annotations if given is None else given) | notes,
            password=services.passwords.new(services.secret()),
        )
        changes.append(instance_rebuild.reinstall(instance.id, command))
    return changes
