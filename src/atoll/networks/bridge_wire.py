"""One network of the driver `bridge` on this host: its namespace and everything in it.

`bridge` always passes the complete list of ports; this module makes the system match, whatever an
earlier process or a crash left behind.
"""

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path

from atoll.messages import NicCounters
from atoll.networks import bridge_links, namespaces
from atoll.networks.bridge_records import Port
from atoll.networks.bridge_rules import nftables
from atoll.networks.metadata import Metadata
from atoll.networks.metadata_server import FindResident, MetadataServer
from atoll.networks.uplink import CIDR, RESOLVER, Forward, Uplink


class Wire:
    def __init__(
        self, namespace: str, folder: Path, metadata: Metadata, find: FindResident
    ) -> None:
        self._namespace = namespace
        self._uplink = Uplink(namespace, folder)
        self._server = MetadataServer(namespace, metadata, find)
        self._matched: tuple[Port, ...] | None = None
        self.refused: dict[Forward, str] = {}

    @property
    def has_uplink(self) -> bool:
        return self._uplink.alive

    async def match(self, ports: Sequence[Port], *, plug: str | None = None) -> int | None:
        """Apply all ports; return a descriptor of the tap `plug`, if given."""
        if plug is None and await asyncio.to_thread(self._stands, ports):
            return None
        self._matched = None
        descriptor = await asyncio.to_thread(self._match, ports, plug)
        try:
            await self._server.ensure()
        except BaseException:
            close(descriptor)
            raise
        self._matched = tuple(ports)
        return descriptor

    def _stands(self, ports: Sequence[Port]) -> bool:
        """Whether exactly this was built and, by a quick check, still exists. Makes resuming many
        guests of one network after a restart fast."""
        if self._matched != tuple(ports) or self.refused or not self._uplink.alive:
            return False
        if not namespaces.exists(self._namespace):
            return False
        return namespaces.inside(self._namespace, bridge_links.stand)

    def _match(self, ports: Sequence[Port], plug: str | None) -> int | None:
        """Apply rules first and the uplink last: no traffic passes before the rules exist."""
        namespaces.ensure(self._namespace)
        descriptor = namespaces.inside(self._namespace, lambda: self._match_inside(ports, plug))
        try:
            self._ensure_uplink()
            namespaces.inside(self._namespace, bridge_links.open_to_forwarding)
            forwards = {one for port in ports for one in port.forwards}
            self.refused = self._uplink.match_forwards(forwards)
        except BaseException:
            close(descriptor)
            raise
        return descriptor

    def _ensure_uplink(self) -> None:
        """Ensure the uplink; restart it if its link was removed."""
        self._uplink.ensure()
        if not namespaces.inside(self._namespace, bridge_links.stand):
            self._uplink.stop()
            self._uplink.ensure()

    def _match_inside(self, ports: Sequence[Port], plug: str | None) -> int | None:
        members = [port.member for port in ports]
        bridge_links.ensure_bridge(self._namespace)
        namespaces.run(["nft", "-j", "-f", "-"], json.dumps(nftables(members, CIDR, RESOLVER)))
        descriptor = bridge_links.plug_in(plug) if plug is not None else None
        try:
            bridge_links.ensure_taps(members)
            bridge_links.match_links(members)
        except BaseException:
            close(descriptor)
            raise
        return descriptor

    def forwards(self) -> set[Forward]:
        """List the current forwards."""
        return set(self._uplink.forwards()) if self._uplink.alive else set()

    async def counters(self, ports: Sequence[Port]) -> list[NicCounters]:
        return await asyncio.to_thread(self._counters, ports)

    def _counters(self, ports: Sequence[Port]) -> list[NicCounters]:
        """Convert counters: bytes received by a tap were sent by its guest."""
        taps = {port.tap: port.nic.mac for port in ports}
        counted = namespaces.inside(self._namespace, lambda: list(bridge_links.count(taps)))
        return [
            NicCounters(
                mac=mac,
                received_bytes=seen["tx_bytes"],
                sent_bytes=seen["rx_bytes"],
                received_packets=seen["tx_packets"],
                sent_packets=seen["rx_packets"],
            )
            for mac, seen in counted
        ]

    async def let_go(self) -> None:
        """Release the network: guests keep it, except for metadata."""
        await self._server.close()

    async def demolish(self) -> None:
        """Remove everything. A namespace that a tap still holds is empty afterwards."""
        await self._server.close()
        await asyncio.to_thread(self._demolish)

    def _demolish(self) -> None:
        self._uplink.stop()
        if namespaces.exists(self._namespace):
            namespaces.inside(self._namespace, bridge_links.clear)
        namespaces.remove(self._namespace)


def close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
