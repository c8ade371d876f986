"""Compares the reports of hosts with instances, and starts operations where they differ.

Called by the bus for every report. It writes facts (`ready`, `stopped`), and never contacts a host.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from atoll.domain.errors import Lost
from atoll.domain.hosts import Host, HostState
from atoll.domain.instances import (
    HALTS,
    Goal,
    Instance,
    InstanceState,
    count_crashes,
    restart_pause_s,
)
from atoll.domain.timers import TimerKind
from atoll.messages import GuestFacts, GuestReport, HostReport, Power, Report
from atoll.operations import instance_configure, instance_power
from atoll.operations.steps import Workflow
from atoll.operations.system_change import SystemChange
from atoll.operations.timekeeper import set_timer
from atoll.ports import Clock, Filter, Ids, Store, Transaction

log = structlog.get_logger()
PAGE = 1000
WRITTEN_AT_ONCE = 100
Found = tuple[Instance, GuestFacts]
RACES_MAX = 20
LOST_AFTER_S = 30.0


class Reconciler:
    def __init__(self, store: Store, clock: Clock, new_ids: Ids, wake: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._ids = new_ids
        self._wake = wake

    async def take(self, report: Report) -> None:
        """Handle a report. Repeatable: a report that arrives twice changes nothing the second
        time."""
        match report:
            case HostReport():
                await self._take_host(report)
            case GuestReport(host_id=host_id, guest=facts):
                await self._take_guest(host_id, facts)

    async def watch_hosts(self) -> None:
        """Run until cancelled."""
        while True:
            await self._clock.sleep(LOST_AFTER_S / 3)
            try:
                await self.mark_silent()
            except Exception as error:
                log.warning("could not check the hosts", error=str(error))

    async def mark_silent(self) -> None:
        """Mark hosts without reports as lost. Their guests are not touched."""
        silent_since_ms = self._clock.now_ms() - int(LOST_AFTER_S * 1000)
        for host in await self._store.read().hosts.every():
            if host.state is HostState.READY and host.seen_at_ms < silent_since_ms:
                async with self._store.transaction() as tx:
                    tx.hosts.change(host, state=HostState.LOST)

    async def _take_host(self, report: HostReport) -> None:
        now_ms = self._clock.now_ms()
        async with self._store.transaction() as tx:
            known = await tx.hosts.find(report.host_id)
            if known is not None and known.state is HostState.REMOVING:
                return
            capacity = report.capacity
            facts: dict[str, Any] = {
                "name": report.name, "region": report.region, "capabilities": report.capabilities,
                "vcpus": capacity.vcpus, "memory_mib": capacity.memory_mib,
                "disk_gib": capacity.disk_gib, "devices": capacity.devices, "seen_at_ms": now_ms,
                "spare_disk_mib": capacity.spare_disk_mib,
                "state": HostState.READY,
            }  # fmt: skip
            if known is None:
                tx.hosts.add(Host(id=report.host_id, created_at_ms=now_ms, **facts))
            else:
                tx.hosts.change(known, **facts)
        if report.guests is not None:
            await self._compare(report, {guest.id: guest for guest in report.guests})

    async def _compare(self, report: HostReport, guests: dict[str, GuestFacts]) -> None:
        """Compare the instances of a host that the report covers with its guests, at the start of
        its agent and from time to time. Changes after the time of the report are left to the next
        one."""
        host_id, seen_at_ms = report.host_id, report.seen_at_ms or self._clock.now_ms()
        here = ((("host_id", (host_id,)),),)
        after: str | None = report.after or None
        while True:
            found = await self._store.read().instances.page(
                Filter(any_of=here, after=after, limit=PAGE)
            )
            page = [one for one in found if not report.until or one.id <= report.until]
            now_ms = self._clock.now_ms()
            differing = [
                (instance, facts)
                for instance in page
                for facts in [guests.pop(instance.id, None) or absent(instance)]
                if instance.updated_at_ms <= seen_at_ms
                and judge(instance, facts, now_ms) is not None
            ]
            for chunk in batched(differing, WRITTEN_AT_ONCE):
                await self._take_guests(host_id, chunk, seen_at_ms)
            if len(page) < PAGE:
                break
            after = page[-1].id
            await self._clock.sleep(0)
        for guest_id in guests:
            log.warning("a guest without an instance", host=host_id, guest=guest_id)

    async def _take_guests(self, host_id: str, found: Sequence[Found], seen_at_ms: int) -> None:
        """Handle them in one transaction, by the instances as they were read. If one of them has
        changed meanwhile, each is handled separately."""
        try:
            async with self._store.transaction() as tx:
                for instance, facts in found:
                    verdict = judge(instance, facts, self._clock.now_ms())
                    await self._write(tx, instance, verdict)
        except Lost:
            for _, facts in found:
                await self._take_guest(host_id, facts, seen_at_ms)
            return
        self._wake()

    async def _take_guest(
        self, host_id: str, facts: GuestFacts, seen_at_ms: int | None = None
    ) -> None:
        for _ in range(RACES_MAX):
            try:
                async with self._store.transaction() as tx:
                    instance = await tx.instances.find(facts.id)
                    if instance is not None and belongs(instance, host_id, seen_at_ms):
                        await self._write(
                            tx, instance, judge(instance, facts, self._clock.now_ms())
                        )
            except Lost:
                continue
            self._wake()
            return
        log.warning("a report of a guest was outdated", guest=facts.id)

    async def _write(self, tx: Transaction, instance: Instance, verdict: "Verdict | None") -> None:
        if verdict is None:
            return
        change = SystemChange(tx, self._clock.now_ms(), self._ids)
        if verdict.follow_up is not None:
            change.begin(instance, verdict.follow_up, **verdict.changes)
        else:
            tx.instances.change(instance, updated_at_ms=change.now_ms, **verdict.changes)
        if verdict.restart_at_ms is not None:
            await set_timer(tx, TimerKind.RESTART, instance, verdict.restart_at_ms)
        if verdict.event is not None:
            change.note(instance, verdict.event, verdict.data)


@dataclass(frozen=True)
class Verdict:
    """The consequences of a report for an instance: changes, events, and an operation, immediate or
    delayed."""

    changes: dict[str, Any]
    event: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    follow_up: Workflow | None = None
    restart_at_ms: int | None = None


def judge(instance: Instance, facts: GuestFacts, now_ms: int) -> Verdict | None:
    """Return None if the instance already has these facts, or the operation in progress will see to
    them. Readiness is accepted immediately; of power changes, only spontaneous ones: a crashed
    guest is restarted, with a delay after repeated crashes; a guest that shut itself down stays
    stopped."""
    running = facts.power is Power.RUNNING
    idle = instance.doing is None
    if running and instance.outdated and idle and facts.halt is None:
        return Verdict({"outdated": False}, follow_up=instance_configure.WORKFLOW)
    if running and idle and instance.state is InstanceState.STOPPED:
        return None  # reported before it was stopped
    if running and facts.boots == instance.boots:
        changes = {
            "booted_at_ms": (instance.booted_at_ms or now_ms) if facts.booted else None,
            "ready_at_ms": (instance.ready_at_ms or now_ms) if facts.ready else None,
            "ports": facts.ports,
            "halt": facts.halt,
        }
        if all(getattr(instance, name) == value for name, value in changes.items()):
            return None
        return Verdict(changes, *event_of(instance, facts))
    if running or instance.doing is not None or instance.state is not InstanceState.RUNNING:
        return None
    stopped = {
        "state": InstanceState.STOPPED,
        "reason": facts.reason,
        "halt": None,
        "booted_at_ms": None,
        "ready_at_ms": None,
        "running_since_ms": None,
    }
    if facts.crashed and instance.goal is Goal.RUNNING:
        return crashed(instance, stopped, now_ms)
    goal = Goal.DELETED if instance.goal is Goal.DELETED else Goal.STOPPED
    return Verdict({**stopped, "goal": goal}, "instance.stopped")


def event_of(instance: Instance, facts: GuestFacts) -> tuple[str | None, dict[str, Any]]:
    """Return the event of a running guest's change, and its data."""
    if facts.halt is not None and facts.halt is not instance.halt:
        return "instance.halted", {"halt": facts.halt, "reason": HALTS[facts.halt]}
    if facts.halt is None and instance.halt is not None:
        return "instance.resumed", {}
    became_ready = facts.ready and instance.ready_at_ms is None
    return ("instance.ready" if became_ready else None), {}


def crashed(instance: Instance, stopped: dict[str, Any], now_ms: int) -> Verdict:
    crashes = count_crashes(instance, now_ms)
    pause_s = restart_pause_s(crashes)
    changes = {**stopped, "crashes": crashes}
    if pause_s == 0:
        return Verdict(changes, "instance.crashed", follow_up=instance_power.START)
    at_ms = now_ms + pause_s * 1000
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    why = f"the guest crashed {crashes} times; the next start is at {moment:%Y-%m-%dT%H:%M:%SZ}"
    changes["reason"] = f"{why} ({stopped['reason']})" if stopped["reason"] else why
    return Verdict(changes, "instance.crashed", restart_at_ms=at_ms)


def batched(found: Sequence[Found], size: int) -> Iterator[Sequence[Found]]:
    return (found[start : start + size] for start in range(0, len(found), size))


def absent(instance: Instance) -> GuestFacts:
    return GuestFacts(
        id=instance.id,
        power=Power.STOPPED,
        boots=0,
        crashed=True,
        reason="the guest was not running when its host came back",
    )


def belongs(instance: Instance, host_id: str, seen_at_ms: int | None) -> bool:
    """Tell whether the report is about this instance as it is now: on that host, unchanged
    since."""
    unchanged = seen_at_ms is None or instance.updated_at_ms <= seen_at_ms
    return instance.host_id == host_id and unchanged
