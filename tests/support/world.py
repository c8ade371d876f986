"""A whole small cloud without HTTP: a store, simulated hosts, an engine, the use cases."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from atoll.agent.agent import Agent
from atoll.bus.inprocess import InProcessBus
from atoll.domain.accelerators import Accelerators, Device
from atoll.domain.commands import (
    Command,
    CreateInstance,
    DeleteInstance,
    RebootInstance,
    ResetInstance,
    StartInstance,
    StopInstance,
)
from atoll.domain.hosts import Capacity
from atoll.domain.images import CATALOGUE, Image, ImageSource, SourceKind
from atoll.domain.instances import Instance
from atoll.domain.operations import Operation
from atoll.domain.plans import Plan
from atoll.domain.projects import Caller, Role
from atoll.domain.quotas import Amounts
from atoll.domain.regions import Region
from atoll.drivers.simulator.driver import SimulatorDriver
from atoll.drivers.simulator.faults import FaultPlan
from atoll.operations import names
from atoll.operations.engine import Engine, Limits
from atoll.operations.reconcile import Reconciler
from atoll.operations.registry import WORKFLOWS
from atoll.operations.steps import Ranges, Workflow
from atoll.ports import Bus, Clock, Store
from atoll.service import projects
from atoll.service.deployment import Deployment
from atoll.service.desk import Desk, View
from atoll.service.handlers import HANDLERS
from atoll.service.keys import Keys
from atoll.service.outcomes import Outcome
from atoll.service.passwords import Passwords
from tests.support.clock import CountedIds, JumpingClock
from tests.support.stores import watched
from tests.support.things import NOW

RANGES = Ranges(public_cidr="127.16.0.0/24", private_cidr="10.128.0.0/24")
CARD, OTHER_CARD = "nvidia-rtx-3090", "nvidia-a16"
DEVICES = (
    Device(kind=CARD, address="0000:65:00.0"),
    Device(kind=OTHER_CARD, address="0000:17:00.0"),
    Device(kind=CARD, address="0000:b3:00.0"),
)
CAPACITY = Capacity(vcpus=8, memory_mib=16_384, disk_gib=500, devices=DEVICES)
ACCELERATED = {
    "one-card": Accelerators(kind=CARD, count=1),
    "two-cards": Accelerators(kind=CARD, count=2),
    "other-card": Accelerators(kind=OTHER_CARD, count=1),
}
SETTLE_S_MAX = 30
# The clock jumps while a real database still writes: no lease shall run out in between.
PATIENT = Limits(lease_s=60)
LOOK_S = 0.002
POWER: dict[str, Any] = {
    "start": StartInstance,
    "stop": StopInstance,
    "reboot": RebootInstance,
    "reset": ResetInstance,
}
SERVER_SECRET = b"s" * 32


def deployment_of(store: Store, clock: Clock) -> Deployment:
    return Deployment(
        RANGES,
        Keys(store, clock, SERVER_SECRET),
        Passwords(SERVER_SECRET, clock),
        new_secret=lambda: SERVER_SECRET,
        limit_classes=frozenset({"default", "unlimited"}),
    )


class Crash(BaseException):
    """The process dies here: nothing after this line happens, nobody handles it."""


class MortalEngine(Engine):
    """An engine that a `Crash` in a step kills, as `kill -9` would."""

    died = False

    async def _run_steps(self, operation: Operation) -> None:
        try:
            await super()._run_steps(operation)
        except Crash:
            self.died = True


class World:
    """Time passes as fast as the work allows: see `JumpingClock`."""

    def __init__(
        self,
        store: Store,
        *,
        capacity: Capacity = CAPACITY,
        bus: Bus | None = None,
    ) -> None:
        self.store = store
        self.clock = JumpingClock(watched(store))
        self.ids = CountedIds()
        self.faults = FaultPlan(self.clock)
        self.capacity = capacity
        self.driver = SimulatorDriver("h1", self.faults, capacity=capacity)
        self.drivers = {"host-1": self.driver}
        self.bus = bus or InProcessBus()
        self.reconciler = Reconciler(store, self.clock, self.ids, lambda: None)
        self.bus.on_report(self.reconciler.take)
        self.deployment = deployment_of(store, self.clock)
        wake = lambda: None  # noqa: E731
        self.desk = Desk(store, self.clock, self.ids, wake, HANDLERS, self.deployment)
        self.agent = Agent("host-1", "h1", "local", self.driver, self.bus, self.clock)
        self.agents: list[Agent] = []
        self.caller = Caller(key_id="ak-1", project_id="", role=Role.ADMIN, dialect="test")
        self._tasks: list[asyncio.Task[Any]] = []

    async def open(self) -> None:
        async with self.store.transaction() as tx:
            project = projects.add_project(tx, self.ids, "default", NOW)
            tx.plans.add(Plan(id="small", vcpus=1, memory_mib=512, disk_gib=5))
            for name, wanted in ACCELERATED.items():
                tx.plans.add(
                    Plan(id=name, vcpus=1, memory_mib=512, disk_gib=5, accelerators=wanted)
                )
            tx.regions.add(Region(id="local"))
            source = ImageSource(kind=SourceKind.RECIPE, location="mini")
            tx.images.add(Image(id=self.ids.new("img"), project_id=CATALOGUE, name="mini",
                                source=source, created_at_ms=NOW, updated_at_ms=NOW))  # fmt: skip
        self.caller = Caller(key_id="ak-1", project_id=project.id, role=Role.ADMIN, dialect="test")
        await self.bus.open()
        self._tasks.append(asyncio.create_task(self.bus.run()))
        await self._serve(self.agent)

    async def add_host(self, number: int, region: str = "local") -> SimulatorDriver:
        """Another one, in a region that may be new."""
        async with self.store.transaction() as tx:
            if await tx.regions.find(region) is None:
                tx.regions.add(Region(id=region))
        host_id, name = f"host-{number}", f"h{number}"
        driver = SimulatorDriver(name, self.faults, capacity=self.capacity)
        self.drivers[host_id] = driver
        await self._serve(Agent(host_id, name, region, driver, self.bus, self.clock))
        return driver

    async def _serve(self, agent: Agent) -> None:
        await agent.start()
        self.agents.append(agent)
        self._tasks.append(asyncio.create_task(self._deliver(agent)))
        await self.bus.settled()

    async def _deliver(self, agent: Agent) -> None:
        """The agent's reports of changes, without its heartbeat: time is not ours to wait for."""
        while True:
            await agent.pass_on()

    async def reported(self) -> None:
        """Returns when all that happened to guests so far is known to the control plane."""
        for agent in self.agents:
            await agent.settled()
        await self.bus.settled()

    async def give_room(self, capacity: Capacity) -> None:
        """The host has grown, and says so."""
        self.driver._capacity = capacity
        await self.agent.report(census=False)
        await self.bus.settled()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for driver in self.drivers.values():
            await driver.close()
        await self.bus.close()

    def engine(
        self,
        workflows: Mapping[str, Workflow] = WORKFLOWS,
        *,
        name: str = "engine",
        limits: Limits = PATIENT,
    ) -> "MortalEngine":
        return MortalEngine(
            name, self.store, self.bus, self.clock, workflows, RANGES, self.ids, limits
        )

    async def execute(self, *commands: Command) -> Outcome[Any]:
        return await self.desk.execute(self.caller, *commands)

    async def retire(self, reference: str, recoverable_s: int = 3600) -> Outcome[Any]:
        """Deletes an instance so that it can be recovered for a while."""
        deployment = replace(self.deployment, recoverable_s=recoverable_s)
        desk = replace(self.desk, deployment=deployment)
        return await desk.execute(self.caller, DeleteInstance(instance=reference))

    def view(self) -> View:
        return self.desk.view(self.caller)

    async def new_name(self) -> str:
        """web, or web-2 and so on while another has it."""
        rows = self.store.read().instances
        return await names.find_free(rows, self.ids, self.caller.project_id, "web")

    async def accept_create(self, **changes: Any) -> tuple[Instance, Operation]:
        given: dict[str, Any] = {"plan": "small", "image": "mini"}
        if "name" not in changes:
            given["name"] = await self.new_name()
        outcome = await self.execute(CreateInstance(**(given | changes)))
        return outcome.thing, outcome.operation

    async def run_until_idle(self, engine: "MortalEngine") -> None:
        """Until nothing is left to be done, or the engine dies."""
        running = asyncio.create_task(engine.run())
        try:
            async with asyncio.timeout(SETTLE_S_MAX):
                while not engine.died:
                    if await self.store.read().operations.next_due_ms() is None:
                        break
                    await asyncio.sleep(LOOK_S)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def created(self) -> Instance:
        instance, _ = await self.accept_create()
        await self.run_until_idle(self.engine())
        return await self.store.read().instances.get(instance.id)

    async def assert_nothing_is_left(self) -> None:
        """No guest, disk, snapshot, address, reservation, capacity or quota."""
        read = self.store.read()
        for host_id, driver in self.drivers.items():
            host = await read.hosts.get(host_id)
            assert list(await driver.list()) == []
            assert [*await driver.volumes(), *await driver.snapshots()] == []
            assert await driver.under_way() == []
            assert (host.vcpus_used, host.memory_mib_used, host.disk_gib_used) == (0, 0, 0)
            assert host.devices_used == ()
        assert await read.addresses.count() == 0
        quota = await read.quotas.find(self.caller.project_id)
        assert quota is not None
        assert quota.used == Amounts()

    async def assert_whole(self, instance: Instance) -> None:
        """Exactly one guest, one disk, two addresses and a MAC, one reservation."""
        read = self.store.read()
        host = await read.hosts.get("host-1")
        assert [guest.id for guest in await self.driver.list()] == [instance.id]
        assert list(await self.driver.volumes()) == [instance.resolved.root_volume_id]
        assert await read.addresses.count() == 3
        assert (host.vcpus_used, host.memory_mib_used) == (1, 512)
