"""Handles commands on timers of instances: expiry, purge, backups."""

import re
from collections.abc import Sequence

from croniter import CroniterError

from atoll.domain.commands import DisableBackups, SetBackups
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.instances import Instance, require_alive
from atoll.domain.reasons import Reason
from atoll.domain.timers import Backups, Timer, TimerKind, timer_id
from atoll.operations import timekeeper
from atoll.operations.timekeeper import next_ms
from atoll.service import owned, queries
from atoll.service.desk import Case, Done, View
from atoll.service.nouns import INSTANCES, TIMERS

FIELD = "instance"
# A disk has at most 32 snapshots, and the oldest backup is deleted only after the newest is
# complete.
KEEP_MAX = 30
CRON_FIELDS = 5
NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat"
PLAIN = re.compile(rf"(?:[0-9*,/ \t-]|{NAMES}){{9,200}}", re.IGNORECASE)


async def expire(case: Case, instance: Instance, expires_at_ms: int | None) -> None:
    """Set or delete the expiry timer of an instance that is being written. Raises Invalid."""
    if expires_at_ms is None:
        await drop_timer(case, TimerKind.EXPIRE, instance)
        return
    if expires_at_ms <= case.now_ms:
        raise Invalid(Reason.IN_THE_PAST, field="expires_at_ms")
    await set_timer(case, TimerKind.EXPIRE, instance, expires_at_ms)


async def set_timer(
    case: Case,
    kind: TimerKind,
    instance: Instance,
    due_at_ms: int,
    backups: Backups | None = None,
) -> Timer:
    return await timekeeper.set_timer(case.tx, kind, instance, due_at_ms, backups)


async def drop_timer(case: Case, kind: TimerKind, instance: Instance) -> None:
    known = await case.tx.timers.find(timer_id(kind, instance.id))
    if known is not None:
        case.tx.timers.remove(known)


async def set_backups(case: Case, command: SetBackups) -> Done[Timer]:
    """Set a schedule of backups."""
    instance = await owned.get(case, INSTANCES, command.instance, FIELD)
    wanted = command.backups
    require_alive(instance)
    require_schedule(wanted)
    due_at_ms = next_ms(wanted.cron, case.now_ms)
    timer = await set_timer(case, TimerKind.BACKUP, instance, due_at_ms, wanted)
    return Done(timer, after={"cron": wanted.cron, "keep": wanted.keep}, about=instance.id)


async def disable_backups(case: Case, command: DisableBackups) -> Done[Timer | Instance]:
    """Delete the schedule; existing backups are kept."""
    instance = await owned.get(case, INSTANCES, command.instance, FIELD)
    timer = await case.tx.timers.find(timer_id(TimerKind.BACKUP, instance.id))
    if timer is not None:
        case.tx.timers.remove(timer)
        return Done(timer, about=instance.id)
    if command.missing_ok:
        return Done(instance, changed=False)
    raise no_schedule(instance)


async def get_backups(view: View, reference: str) -> Timer:
    """Get the schedule of an instance. Raises NotFound if there is none."""
    instance = await queries.get(view, INSTANCES, reference)
    timer = await view.tx.timers.find(timer_id(TimerKind.BACKUP, instance.id))
    if timer is None:
        raise no_schedule(instance)
    return timer


async def find_backups(view: View, instance_ids: Sequence[str]) -> dict[str, Timer]:
    """Find the schedules of these instances, by the instance's id."""
    view.require("read")
    wanted = tuple(timer_id(TimerKind.BACKUP, one) for one in instance_ids)
    found = await queries.find_by_ids(view, TIMERS, wanted)
    return {timer.instance_id: timer for timer in found.values()}


def no_schedule(instance: Instance) -> NotFound:
    return NotFound(Reason.NO_BACKUP_SCHEDULE, instance=instance.name)


def require_schedule(wanted: Backups) -> None:
    if not is_schedule(wanted.cron):
        raise Invalid(Reason.NOT_A_SCHEDULE, field="backups.cron", value=wanted.cron[:80])
    if not 1 <= wanted.keep <= KEEP_MAX:
        raise Invalid(
            Reason.OUT_OF_RANGE, field="backups.keep", value=wanted.keep, lowest=1,
            highest=KEEP_MAX,
        )  # fmt: skip


def is_schedule(cron: str) -> bool:
    """Check a schedule: five plain fields that match some day, so not February 31, and nothing
    random."""
    if not PLAIN.fullmatch(cron) or len(cron.split()) != CRON_FIELDS:
        return False
    try:
        next_ms(cron, 0)
    except CroniterError:
        return False
    return True
