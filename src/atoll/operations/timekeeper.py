"""Starts operations that are due by the clock: backups, expiries, purges, restarts.

Any number of timekeepers may use one database: the first one to change a timer handles it. Timers
that were due while none was running are handled once, late.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from croniter import croniter

from atoll.domain import ids
from atoll.domain.errors import AtollError, Lost, QuotaExceeded
from atoll.domain.instances import Goal, Instance, InstanceState
from atoll.domain.quotas import Amounts, require_within
from atoll.domain.snapshots import SnapshotKind
from atoll.domain.timers import Backups, Timer, TimerKind, timer_id
from atoll.operations import instance_delete, instance_power, snapshot_create
from atoll.operations.system_change import SystemChange
from atoll.ports import Clock, Ids, Store, Transaction

log = structlog.get_logger()
LOOK_S = 1.0
AT_ONCE = 100
AGAIN_MS = 3600 * 1000
HAPPENED = {TimerKind.EXPIRE: "instance.expired", TimerKind.PURGE: "instance.purged"}


class Timekeeper:
    def __init__(self, store: Store, clock: Clock, new_ids: Ids, wake: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._ids = new_ids
        self._wake = wake

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:
                log.warning("could not check the timers", error=str(error))
            await self._clock.sleep(LOOK_S)

    async def look(self) -> None:
        """Handle the due timers."""
        for timer in await self._store.read().timers.due(self._clock.now_ms(), AT_ONCE):
            try:
                async with self._store.transaction(fresh=True) as tx:
                    await self._happen(tx, timer)
            except Lost:
                continue  # another process was faster, or the instance has changed: check again
            except AtollError as error:
                log.warning("a timer failed", timer=timer.id, why=error.message)
            self._wake()

    async def _happen(self, tx: Transaction, timer: Timer) -> None:
        instance = await tx.instances.find(timer.instance_id)
        if instance is None or is_gone(instance) or is_no_longer_due(timer, instance):
            tx.timers.remove(timer)
            return
        match timer.kind:
            case TimerKind.BACKUP:
                await self._back_up(tx, timer, instance)
            case TimerKind.EXPIRE | TimerKind.PURGE:
                self._delete(tx, timer, instance)
            case TimerKind.RESTART:
                tx.timers.remove(timer)
                change = SystemChange(tx, self._clock.now_ms(), self._ids)
                change.begin(instance, instance_power.START)

    def _delete(self, tx: Transaction, timer: Timer, instance: Instance) -> None:
        """Delete an expired instance permanently, unless it is protected, or was deleted and can be
        recovered. The timer stays until the instance is gone, so a failed deletion is repeated."""
        tx.timers.change(timer, due_at_ms=self._clock.now_ms() + AGAIN_MS)
        if timer.kind is TimerKind.EXPIRE and (instance.protected or instance.purge_at_ms):
            return
        change = SystemChange(tx, self._clock.now_ms(), self._ids)
        change.begin(instance, instance_delete.WORKFLOW, goal=Goal.DELETED, leaving=True)
        change.note(instance, HAPPENED[timer.kind])

    async def _back_up(self, tx: Transaction, timer: Timer, instance: Instance) -> None:
        """Create a backup. The next one is due after now: missed backups are skipped."""
        assert timer.backups is not None, "a backup timer has a schedule"
        change = SystemChange(tx, self._clock.now_ms(), self._ids)
        tx.timers.change(timer, due_at_ms=next_ms(timer.backups.cron, change.now_ms))
        if instance.state is InstanceState.DELETED or instance.goal is Goal.DELETED:
            return
        live = await tx.operations.live_on(instance.id)
        if any(snapshot_create.is_backup(operation) for operation in live):
            return  # the previous backup has not begun yet
        quota = await tx.quotas.find(instance.project_id)
        if quota is not None:
            try:
                require_within(quota, Amounts(snapshots=1))
            except QuotaExceeded as exceeded:
                change.note(instance, "backup.skipped", {"why": exceeded.message})
                return
        tx.quotas.take(instance.project_id, Amounts(snapshots=1))
        snapshot_id = self._ids.new(ids.SNAPSHOT)
        arguments = snapshot_create.Arguments(snapshot_id=snapshot_id, keep=timer.backups.keep)
        operation = change.begin(instance, snapshot_create.WORKFLOW, arguments)
        moment = datetime.fromtimestamp(change.now_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
        name = f"{instance.name} {moment}"[:253]
        kind = SnapshotKind.BACKUP
        tx.snapshots.add(snapshot_create.pending(instance, operation, name=name, kind=kind))


def is_gone(instance: Instance) -> bool:
    return instance.state is InstanceState.DELETED and instance.purge_at_ms is None


def is_no_longer_due(timer: Timer, instance: Instance) -> bool:
    """Its deletion failed or was undone, or another request started or stopped it."""
    match timer.kind:
        case TimerKind.PURGE:
            return instance.purge_at_ms is None
        case TimerKind.RESTART:
            return instance.goal is not Goal.RUNNING or instance.state is not InstanceState.STOPPED
    return False


async def set_timer(
    tx: Transaction,
    kind: TimerKind,
    instance: Instance,
    due_at_ms: int,
    backups: Backups | None = None,
) -> Timer:
    known = await tx.timers.find(timer_id(kind, instance.id))
    if known is not None:
        return tx.timers.change(known, due_at_ms=due_at_ms, backups=backups)
    timer = Timer(
        id=timer_id(kind, instance.id),
        project_id=instance.project_id,
        kind=kind,
        instance_id=instance.id,
        due_at_ms=due_at_ms,
        backups=backups,
    )
    tx.timers.add(timer)
    return timer


def next_ms(cron: str, after_ms: int) -> int:
    """Return the first time after that moment at which the schedule is due."""
    return int(croniter(cron, after_ms / 1000).get_next(float) * 1000)
