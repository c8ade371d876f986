"""What shall happen to an instance at a time: expiry, purge and backups."""

import re
from collections.abc import Awaitable, Callable

from croniter import CroniterError

from atoll.domain.errors import Invalid, NotFound
from atoll.domain.instances import Instance, require_alive
from atoll.domain.projects import Caller
from atoll.domain.timers import Backups, Timer, TimerKind, timer_id
from atoll.operations import timekeeper
from atoll.operations.timekeeper import next_ms
from atoll.ports import Transaction
from atoll.service import references
from atoll.service.desk import Accepted, Case, require

YEARS_100_MS = 100 * 366 * 24 * 3600 * 1000
# A disk stands on at most 32 snapshots, and the oldest backup goes only after the newest is there.
KEEP_MAX = 30
CRON_FIELDS = 5
NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat"
PLAIN = re.compile(rf"(?:[0-9*,/ \t-]|{NAMES}){{9,200}}", re.IGNORECASE)
UseCase = Callable[[Case], Awaitable[Accepted[Timer]]]


async def expire(case: Case, instance: Instance, expires_at_ms: int | None) -> None:
    """Sets or drops the timer of an instance that is being written. Raises Invalid."""
    if expires_at_ms is None:
        await drop_timer(case, TimerKind.EXPIRE, instance)
        return
    if not case.now_ms < expires_at_ms < case.now_ms + YEARS_100_MS:
        field = "metadata.expires_at"
        raise Invalid(f"{field} must lie in the future", field=field)
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


async def instance_meant(tx: Transaction, caller: Caller, reference: str) -> Instance:
    return await references.get(tx.instances, caller.project_id, reference, "instance")


def back_up(reference: str, wanted: Backups) -> UseCase:
    """A backup whenever the schedule says so, from now on."""

    async def use_case(case: Case) -> Accepted[Timer]:
        case.require("write")
        instance = await instance_meant(case.tx, case.caller, reference)
        require_alive(instance)
        require_schedule(wanted)
        due_at_ms = next_ms(wanted.cron, case.now_ms)
        timer = await set_timer(case, TimerKind.BACKUP, instance, due_at_ms, wanted)
        after = {"cron": wanted.cron, "keep": wanted.keep}
        case.audit("instance.back_up", instance.id, after=after)
        return Accepted(timer)

    return use_case


def require_schedule(wanted: Backups) -> None:
    if not is_schedule(wanted.cron):
        raise Invalid(
            f"cron: {wanted.cron[:80]!r} is none; five fields are: minute, hour, day of the "
            'month, month, day of the week, as in "30 3 * * *"',
            field="cron",
        )
    if not 1 <= wanted.keep <= KEEP_MAX:
        raise Invalid(f"keep is {wanted.keep}, allowed are 1 to {KEEP_MAX}", field="keep")


def is_schedule(cron: str) -> bool:
    """Five plain fields that come true some day: no 31st of February, nothing left to chance."""
    if not PLAIN.fullmatch(cron) or len(cron.split()) != CRON_FIELDS:
        return False
    try:
        next_ms(cron, 0)
    except CroniterError:
        return False
    return True


async def backups_of(tx: Transaction, caller: Caller, reference: str) -> Timer:
    """Raises NotFound where the instance has no schedule."""
    require(caller, "read")
    instance = await instance_meant(tx, caller, reference)
    timer = await tx.timers.find(timer_id(TimerKind.BACKUP, instance.id))
    if timer is None:
        raise NotFound(f"instance {instance.name} has no backup schedule")
    return timer


def stop_backing_up(reference: str) -> UseCase:
    """What was backed up stays."""

    async def use_case(case: Case) -> Accepted[Timer]:
        case.require("write")
        timer = await backups_of(case.tx, case.caller, reference)
        case.tx.timers.remove(timer)
        case.audit("instance.stop_backing_up", timer.instance_id)
        return Accepted(timer)

    return use_case


def ensure_no_backups(reference: str) -> Callable[[Case], Awaitable[None]]:
    """The same, and no error where there is no schedule."""

    async def use_case(case: Case) -> None:
        case.require("write")
        instance = await instance_meant(case.tx, case.caller, reference)
        await drop_timer(case, TimerKind.BACKUP, instance)

    return use_case
