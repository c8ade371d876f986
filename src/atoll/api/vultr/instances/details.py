"""`/v2/instances/…`: bandwidth, neighbours, user data, upgrades, backup schedule."""

import datetime
from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.api.vultr.catalogue import Catalogue, kind_of
from atoll.api.vultr.instances.collection import instance_of
from atoll.api.vultr.systems import SystemOut, show_system
from atoll.api.vultr.wire import Wire, catalogue_of, services_of, view_of
from atoll.domain import ids
from atoll.domain.commands import SetBackups
from atoll.domain.errors import Conflict, Invalid
from atoll.domain.instances import Instance, InstanceState
from atoll.domain.timers import Backups, Timer
from atoll.service import consoles, queries, timers
from atoll.service.nouns import INSTANCES
from atoll.service.queries import Query

PATH = "/{instance_id:str}"
NEIGHBOURS_MAX = 500
# Vultr's forms of schedules, each as five fields of cron.
CRON = {
    "daily": "0 {hour} * * *",
    "weekly": "0 {hour} * * {dow}",
    "monthly": "0 {hour} {dom} * *",
    "daily_alt_even": "0 {hour} 2-30/2 * *",
    "daily_alt_odd": "0 {hour} 1-31/2 * *",
}
KEEP = 7


class BandwidthDay(msgspec.Struct, kw_only=True):
    incoming_bytes: int
    outgoing_bytes: int


class BandwidthAnswer(msgspec.Struct, kw_only=True):
    """Traffic by day. Atoll knows the traffic since the guest's start, shown as today's."""

    bandwidth: dict[str, BandwidthDay]


class NeighborsAnswer(msgspec.Struct, kw_only=True):
    neighbors: list[str]


class UserData(msgspec.Struct, kw_only=True):
    data: str


class UserDataAnswer(msgspec.Struct, kw_only=True):
    user_data: UserData


class Upgrades(msgspec.Struct, kw_only=True, omit_defaults=True):
    applications: list[Any] | None = None
    plans: list[str] | None = None
    os: list[SystemOut] | None = None


class UpgradesAnswer(msgspec.Struct, kw_only=True):
    upgrades: Upgrades


class ScheduleBody(Wire, kw_only=True):
    """`dow` is for weekly schedules, and 1 is Sunday; `dom` is for monthly ones. Clients send 0 for
    an unset number."""

    type: str
    hour: int | None = None
    dow: int | None = None
    dom: int | None = None


class Schedule(msgspec.Struct, kw_only=True):
    enabled: bool
    type: str = ""
    next_scheduled_time_utc: str = ""
    hour: int = 0
    dow: int = 1
    dom: int = 1


class ScheduleAnswer(msgspec.Struct, kw_only=True):
    backup_schedule: Schedule


def parse_schedule(body: ScheduleBody) -> Backups:
    if body.type not in CRON:
        raise Invalid(f"type must be one of {', '.join(CRON)}", field="type")
    hour = within("hour", body.hour, 0, 23, 0)
    dow = within("dow", body.dow if body.type == "weekly" else body.dow or None, 1, 7, 1)
    dom = within("dom", body.dom if body.type == "monthly" else body.dom or None, 1, 28, 1)
    return Backups(cron=CRON[body.type].format(hour=hour, dow=dow - 1, dom=dom), keep=KEEP)


def within(field: str, given: int | None, lowest: int, highest: int, otherwise: int) -> int:
    value = otherwise if given is None else given
    if not lowest <= value <= highest:
        raise Invalid(f"{field} must be {lowest} to {highest}", field=field)
    return value


def show_schedule(timer: Timer) -> Schedule:
    """Show a schedule. Another dialect may have created a form that Vultr does not have: the
    nearest form is shown, with the correct next time."""
    assert timer.backups is not None, "a backup timer has a schedule"
    _, hour, dom, _, dow = timer.backups.cron.split()
    kinds = {"2-30/2": "daily_alt_even", "1-31/2": "daily_alt_odd"}
    kind = kinds.get(dom, "monthly" if dom.isdecimal() else "daily")
    if dow.isdecimal():
        kind = "weekly"
    return Schedule(
        enabled=True, type=kind, next_scheduled_time_utc=wire.plain_date_of(timer.due_at_ms),
        hour=int(hour) if hour.isdecimal() else 0,
        dow=int(dow) % 7 + 1 if dow.isdecimal() else 1,
        dom=int(dom) if dom.isdecimal() else 1,
    )  # fmt: skip


async def measured(request: Call, instance: Instance) -> dict[str, BandwidthDay]:
    if instance.state is not InstanceState.RUNNING:
        return {}
    services = services_of(request)
    try:
        _, metrics = await consoles.metrics(view_of(request), services.bus, instance.id)
    except Conflict:
        return {}
    now_s = services.clock.now_ms() / 1000
    today = datetime.datetime.fromtimestamp(now_s, datetime.UTC).date().isoformat()
    return {
        today: BandwidthDay(
            incoming_bytes=sum(nic.received_bytes for nic in metrics.nics),
            outgoing_bytes=sum(nic.sent_bytes for nic in metrics.nics),
        )
    }


def upgrades_of(instance: Instance, names: Catalogue, which: str) -> UpgradesAnswer:
    """List larger plans of the same kind and GPU, and other systems. A disk never shrinks."""
    kind, wanted = instance.spec.plan.partition("-")[0], instance.spec.accelerators
    gpu = wanted.kind if wanted else ""
    plans = [
        plan.id
        for plan in names.plans
        if plan.id.startswith(f"{kind}-") and plan.id != instance.spec.plan
        and plan.disk >= instance.spec.disk_gib and kind_of(plan.gpu_type) == gpu
    ]  # fmt: skip
    systems = [show_system(system) for system in names.systems if system.image is not None]
    everything = Upgrades(applications=[], plans=plans, os=systems)
    if which == "all":
        return UpgradesAnswer(upgrades=everything)
    if which not in {"applications", "plans", "os"}:
        raise Invalid("type must be one of all, applications, os, plans", field="type")
    return UpgradesAnswer(upgrades=Upgrades(**{which: getattr(everything, which)}))


class InstanceDetails(Controller):
    path = "/instances"
    tags = ("instances",)

    @get(f"{PATH}/bandwidth", operation_id="get-instance-bandwidth", summary="Instance Bandwidth",
         responses=wire.ANY_ERROR | wire.shown(BandwidthAnswer, "by the day"))  # fmt: skip
    async def bandwidth(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        return wire.answer(BandwidthAnswer(bandwidth=await measured(request, instance)))

    @get(f"{PATH}/neighbors", operation_id="get-instance-neighbors",
         summary="Get Instance neighbors",
         responses=wire.ANY_ERROR | wire.shown(NeighborsAnswer, "their ids"))  # fmt: skip
    async def neighbors(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        """List other instances of the project on the same host, including recoverable ones."""
        instance = await instance_of(request, instance_id)
        found: list[Instance] = []
        if instance.host_id is not None:
            wanted = Query(any_of=((("host_id", (instance.host_id,)),),), limit=NEIGHBOURS_MAX)
            found = await queries.find_page(view_of(request), INSTANCES, wanted)
        others = [wire.uuid_of(one.id) for one in found if one.id != instance.id]
        return wire.answer(NeighborsAnswer(neighbors=others))

    @get(f"{PATH}/user-data", operation_id="get-instance-userdata",
         summary="Get Instance User Data",
         responses=wire.ANY_ERROR | wire.shown(UserDataAnswer, "base64"))  # fmt: skip
    async def user_data(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        return wire.answer(UserDataAnswer(user_data=UserData(data=instance.spec.user_data)))

    @get(f"{PATH}/upgrades", operation_id="get-instance-upgrades",
         summary="Get Available Instance Upgrades",
         responses=wire.ANY_ERROR | wire.shown(UpgradesAnswer, "what it may become"))  # fmt: skip
    async def upgrades(
        self, request: Call, instance_id: FromPath[str], type: FromQuery[str | None] = None
    ) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        return wire.answer(upgrades_of(instance, catalogue_of(request), type or "all"))

    @get(f"{PATH}/backup-schedule", operation_id="get-instance-backup-schedule",
         summary="Get Instance Backup Schedule",
         responses=wire.ANY_ERROR | wire.shown(ScheduleAnswer, "the schedule"))  # fmt: skip
    async def schedule(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        found = await timers.find_backups(view_of(request), [instance.id])
        timer = found.get(instance.id)
        schedule = Schedule(enabled=False) if timer is None else show_schedule(timer)
        return wire.answer(ScheduleAnswer(backup_schedule=schedule))

    @post(f"{PATH}/backup-schedule", operation_id="create-instance-backup-schedule",
          commands=(SetBackups,), status_code=200, summary="Set Instance Backup Schedule",
          responses=wire.ANY_ERROR | wire.shown(ScheduleAnswer, "the schedule"))  # fmt: skip
    async def set_schedule(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[ScheduleBody]
    ) -> Response[bytes]:
        reference = wire.native_id(ids.INSTANCE, instance_id)
        command = SetBackups(instance=reference, backups=parse_schedule(data))
        return await wire.mutate(
            request, lambda timer: ScheduleAnswer(backup_schedule=show_schedule(timer)), command
        )
