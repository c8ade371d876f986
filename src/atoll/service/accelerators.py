"""The accelerators that hosts offer."""

from atoll.domain.accelerators import Accelerators
from atoll.domain.errors import NoCapacity
from atoll.domain.hosts import HostState
from atoll.domain.reasons import Reason
from atoll.operations.placing import serving
from atoll.ports import Transaction


async def kinds_by_region(tx: Transaction) -> dict[str, frozenset[str]]:
    """Return the kinds that ready hosts have, free or not, by the region of the hosts. Regions that
    others serve are omitted: see `operations.placing.serving`."""
    kinds: dict[str, frozenset[str]] = {}
    for host in await tx.hosts.every():
        if host.state is HostState.READY:
            here = {device.kind for device in host.devices}
            kinds[host.region] = kinds.get(host.region, frozenset()) | here
    return kinds


async def require_offered(tx: Transaction, wanted: Accelerators | None, region: str) -> None:
    """Check that a host of the region has such devices. Whether enough are free is known only to
    the operation, as with memory. Raises NoCapacity."""
    if wanted is None:
        return
    kinds = await kinds_by_region(tx)
    if wanted.kind not in kinds.get(await serving(tx, region), ()):
        raise NoCapacity(Reason.NO_SUCH_DEVICE, region=region, kind=wanted.kind)
