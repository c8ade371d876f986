"""The pending faults of simulated hosts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from atoll.domain.errors import DriverBusy, DriverError, DriverRefused, DriverUnavailable
from atoll.domain.faults import Fault, FaultError
from atoll.domain.instances import Halt
from atoll.ports import Clock

FAULTS_MAX = 1000


class FaultPlan:
    """Implements `ports.Faults`, and triggers them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._faults: dict[str, Fault] = {}
        self._lost_until_ms: dict[str, int] = {}
        self._watchers: list[Callable[[Fault | None], None]] = []

    def watch(self, watcher: Callable[[Fault | None], None]) -> None:
        """Call it with each fault that halts guests, and with None when one was deleted."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[[Fault | None], None]) -> None:
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def add(self, fault: Fault) -> None:
        if len(self._faults) >= FAULTS_MAX:
            raise DriverRefused(f"{FAULTS_MAX} faults are already planned: delete some first")
        if fault.halt is None or fault.halt is Halt.DISK_FULL:
            self._faults[fault.id] = fault
        if fault.halt is not None:
            self._tell(fault)
        if fault.lost_s is not None:
            until_ms = self._clock.now_ms() + int(fault.lost_s * 1000)
            self._lost_until_ms[fault.id] = until_ms

    def list(self) -> list[Fault]:
        return [*self._faults.values()]

    def remove(self, fault_id: str | None = None) -> None:
        if fault_id is None:
            self._faults.clear()
        else:
            self._faults.pop(fault_id, None)
        self._tell(None)

    def _tell(self, fault: Fault | None) -> None:
        for watcher in list(self._watchers):
            watcher(fault)

    def full(self, host: str, guest_id: str | None = None) -> bool:
        """Tell whether the disk of the host is full, for this guest or for all of them."""
        return any(
            fault.halt is Halt.DISK_FULL
            and fault.host in {None, host}
            and fault.instance in {None, guest_id}
            for fault in self.list()
        )

    def lost(self, host: str) -> bool:
        now_ms = self._clock.now_ms()
        for fault in self.list():
            if fault.lost_s is None:
                continue
            if now_ms >= self._lost_until_ms[fault.id]:
                self._faults.pop(fault.id)
            elif fault.host in {None, host}:
                return True
        return False

    @contextmanager
    def around(self, verb: str, host: str) -> Iterator[None]:
        """Raise the planned error before or after the block."""
        if self.lost(host):
            raise DriverUnavailable(f"host {host} does not answer")
        fault = self._due(verb, host)
        if fault is not None and fault.when == "before":
            raise error_of(fault)
        yield
        if fault is not None:
            raise error_of(fault)

    def _due(self, verb: str, host: str) -> Fault | None:
        for fault in self.list():
            if fault.lost_s is not None or fault.halt is not None or fault.verb not in {"*", verb}:
                continue
            if fault.host not in {None, host}:
                continue
            if fault.skip > 0:
                self._faults[fault.id] = msgspec.structs.replace(fault, skip=fault.skip - 1)
                continue
            if fault.times <= 1:
                self._faults.pop(fault.id)
            else:
                self._faults[fault.id] = msgspec.structs.replace(fault, times=fault.times - 1)
            return fault
        return None


def error_of(fault: Fault) -> DriverError:
    match fault.error:
        case FaultError.REFUSED:
            return DriverRefused(fault.message)
        case FaultError.BUSY:
            return DriverBusy(fault.message, after_s=0.05)
        case FaultError.UNAVAILABLE:
            return DriverUnavailable(fault.message)
