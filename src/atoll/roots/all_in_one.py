"""A complete cloud in one process, which `atoll up` runs."""

import sys
from collections.abc import Mapping, Sequence

from atoll.api.asgi import Front
from atoll.bus.inprocess import InProcessBus
from atoll.domain.errors import AtollError
from atoll.drivers.simulator.faults import FaultPlan
from atoll.ports import Bus
from atoll.roots.api import front_of, name_server
from atoll.roots.control import Control
from atoll.roots.engine import EngineRole
from atoll.roots.health import Health
from atoll.roots.host import HostRole
from atoll.roots.http_protocol import Doors, raise_file_limit
from atoll.roots.http_server import Server, announce, config_of, listen
from atoll.roots.logs import configure_logs
from atoll.roots.parts import Part, Supervisor
from atoll.settings import Settings, read
from atoll.state_dir import StateDir


class Cloud:
    """The assembled parts. `start` and `stop` frame their life."""

    def __init__(self, settings: Settings, state: StateDir) -> None:
        self.settings = settings
        self.control = Control(settings, state)
        clock, new_ids = self.control.clock, self.control.ids
        self.bus: Bus = InProcessBus()
        self.faults = FaultPlan(clock) if settings.driver == "simulator" else None
        self.engine = EngineRole(self.control, self.bus)
        self.hosts = HostRole(settings, state, self.bus, clock, new_ids, self.faults)
        self.health = Health(self.control.store)
        self.supervisor = Supervisor()

    def front(self) -> Front:
        return front_of(self.control, self.bus, self.faults, self.not_ready)

    def not_ready(self) -> str:
        """Return why it cannot serve now; empty if it can."""
        return self.health.trouble if self.supervisor.ready else "starting, or ending"

    async def start(self) -> None:
        start = self.supervisor.start
        await start(self.control.part())
        await start(Part("bus", start=self.bus.open, run=self.bus.run, stop=self.bus.close))
        for part in await self.hosts.parts():
            await start(part)
        await self.bus.settled()
        for part in self.engine.parts():
            await start(part)
        if self.settings.dns_port:
            await start(name_server(self.control))
        await start(self.health.part())
        self.supervisor.ready = True

    async def stop(self) -> None:
        await self.supervisor.stop()


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    return serve(read(arguments, environment))


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code."""
    configure_logs(settings.log_level)
    state = StateDir(settings.state)
    try:
        state.open()
        cloud = Cloud(settings, state)
        doors = Doors(raise_file_limit())
        config = config_of(cloud.front(), doors)
        listening = listen(settings.host, settings.port)
        server = Server(
            config, cloud.start, cloud.stop, doors=doors, supervisor=cloud.supervisor,
            announce=lambda: announce(cloud.control),
        )  # fmt: skip
        server.run([listening])
    except (RuntimeError, AtollError, OSError) as error:
        sys.stderr.write(f"atoll: {error}\n")
        return 1
    finally:
        state.close()
    return 0 if server.started and not cloud.supervisor.broken.is_set() else 1
