"""A network `bridge` with fake guests in it, for tests: everything in it is real but the guests."""

import os
import secrets
import select
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from msgspec.structs import replace

from atoll.domain.security_groups import Direction, Protocol, Rule
from atoll.messages import GuestSpec
from atoll.networks import namespaces
from atoll.networks.bridge import BridgeNetwork
from atoll.networks.uplink import PROGRAM
from atoll.ports import PortWiring
from atoll.system import SystemClock
from tests.networks.fake_guests import PATIENCE_S, FakeGuest
from tests.networks.specs import guest_of, nic_of

ANY_WAY_OUT = Rule(direction=Direction.EGRESS, protocol=Protocol.ALL)


class Citizen:
    """A guest, its cable, and what the network last said of it."""

    def __init__(self, spec: GuestSpec, fake: FakeGuest, wiring: PortWiring) -> None:
        self.spec = spec
        self.fake = fake
        self.wiring = wiring

    @property
    def ip(self) -> str:
        return self.spec.nic.private_ip


class City:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.network = BridgeNetwork(folder, SystemClock())
        self.citizens: list[Citizen] = []
        self._test = secrets.token_hex(3)

    async def add(self, number: int, *rules: Rule, **nic: Any) -> Citizen:
        """The guest at the `number`th address, which may send what it likes."""
        spec = guest_of(nic_of(number, *rules, ANY_WAY_OUT, **nic), name=f"inst-{number}")
        return await self.add_as(spec)

    async def add_as(self, spec: GuestSpec) -> Citizen:
        wiring = await self.network.ensure_port(spec, spec.nic, plug=True)
        assert wiring.tap is not None
        name = f"atoll-test-{self._test}-{len(self.citizens)}"
        citizen = Citizen(spec, FakeGuest(spec.nic, wiring.tap, name), wiring)
        self.citizens.append(citizen)
        return citizen

    async def change(self, citizen: Citizen, **nic: Any) -> PortWiring:
        """Its NIC, while it runs."""
        citizen.spec = replace(citizen.spec, nic=replace(citizen.spec.nic, **nic))
        return await self.tell(citizen)

    async def rules(self, citizen: Citizen, *rules: Rule) -> PortWiring:
        return await self.change(citizen, rules=(*rules, ANY_WAY_OUT))

    async def tell(self, citizen: Citizen) -> PortWiring:
        spec = citizen.spec
        citizen.wiring = await self.network.ensure_port(spec, spec.nic, plug=False)
        return citizen.wiring

    async def restart(self) -> None:
        """As when Atoll ends and starts again; guests run on."""
        await self.network.close()
        self.network = BridgeNetwork(self.folder, SystemClock())
        await self.network.open()

    async def remove(self, citizen: Citizen) -> None:
        self.citizens.remove(citizen)
        citizen.fake.unplug()
        await self.network.remove_port(citizen.spec.id)

    async def clear(self) -> None:
        for citizen in list(self.citizens):
            await self.remove(citizen)
        await self.network.close()

    def namespaces(self) -> Sequence[str]:
        return namespaces.names(self.network.prefix)

    def uplinks(self) -> list[psutil.Process]:
        paths = {str(namespaces.DIRECTORY / name) for name in self.namespaces()}
        return uplinks_of(paths)

    def kill_uplinks(self) -> None:
        """Until they have ended, whether or not somebody has waited for them."""
        for process in self.uplinks():
            descriptor = os.pidfd_open(process.pid)
            process.kill()
            select.select([descriptor], [], [], PATIENCE_S)
            os.close(descriptor)

    def ip(self, *words: str) -> str:
        """Of the one network that there is."""
        (namespace,) = self.namespaces()
        return subprocess.run(
            ["ip", "-n", namespace, *words], check=True, capture_output=True, text=True
        ).stdout


def uplinks_of(paths: set[str]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words and words[0] == PROGRAM and paths & set(words):
            found.append(process)
    return found
