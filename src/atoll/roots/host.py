"""The hosts of a process: drivers and networks, and an agent for each. No database."""

import itertools
from pkgutil import resolve_name

from atoll.agent.agent import Agent
from atoll.agent.fencing import Fence, TokenFile
from atoll.domain import ids
from atoll.drivers.simulator.faults import FaultPlan
from atoll.ports import Bus, Clock, Driver, Ids
from atoll.roots.parts import Part
from atoll.settings import Settings
from atoll.state_dir import StateDir

THIS_MACHINE = "this machine"


class HostRole:
    """This machine, or simulated hosts if there are planned `faults`."""

    def __init__(
        self,
        settings: Settings,
        state: StateDir,
        bus: Bus,
        clock: Clock,
        new_ids: Ids,
        faults: FaultPlan | None,
    ) -> None:
        self._settings = settings
        self._state = state
        self._bus = bus
        self._clock = clock
        self._ids = new_ids
        self._faults = faults

    async def parts(self) -> list[Part]:
        """Build the hosts; the requirements on this machine are checked here."""
        agents = self._agents(await self._drivers())
        return [Part(f"agent {one.name}", start=one.start, run=one.run) for one in agents]

    async def _drivers(self) -> dict[str, Driver]:
        """Return the drivers by the names of hosts. Only the selected kind is imported."""
        kind = "qemu_host" if self._faults is None else "simulated_hosts"
        build = resolve_name(f"atoll.roots.{kind}:build")
        hosts: dict[str, Driver] = await build(self._settings, self._clock, self._faults)
        return hosts

    def _agents(self, hosts: dict[str, Driver]) -> list[Agent]:
        """A real machine keeps its id when it is renamed, because its guests refer to it."""
        known = self._state.host_ids()
        key_of = {name: name if self._faults else THIS_MACHINE for name in hosts}
        for key in key_of.values():
            known.setdefault(key, self._ids.new(ids.HOST))
        self._state.keep_host_ids(known)
        return [
            self._agent(known[key_of[name]], name, region, driver)
            for (name, driver), region in zip(
                hosts.items(), itertools.cycle(self._settings.regions), strict=False
            )
        ]

    def _agent(self, host_id: str, name: str, region: str, driver: Driver) -> Agent:
        fence = Fence(TokenFile(self._state.tokens_of(host_id)))
        return Agent(host_id, name, region, driver, self._bus, self._clock, fence)
