"""Which accelerators there are, for whoever asks for some or shows what can be asked for."""

from atoll.domain.accelerators import Accelerators
from atoll.domain.errors import NoCapacity
from atoll.domain.hosts import HostState
from atoll.domain.reasons import Reason
from atoll.operations.placing import serving
from atoll.ports import Transaction


async def kinds_by_region(tx: Transaction) -> dict[str, frozenset[str]]:
    """What ready hosts have, free or not, by the region that the hosts are in. Regions that others
    serve are not among them: see `operations.placing.serving`."""
    kinds: dict[str, frozenset[str]] = {}
    for host in await tx.hosts.every():
        if host.state is HostState.READY:
            here = {device.kind for device in host.devices}
            kinds[host.region] = kinds.get(host.region, frozenset()) | here
    return kinds


async def require_offered(tx: Transaction, wanted: Accelerators | None, region: str) -> None:
    """Some host of the region has such devices. Whether enough of them are free only the
    operation knows, as with memory. Raises NoCapacity."""
    if wanted is None:
        return
    kinds = await kinds_by_region(tx)
    if wanted.kind not in kinds.get(await serving(tx, region), ()):
        raise NoCapacity(Reason.NO_SUCH_DEVICE, region=region, kind=wanted.kind)
