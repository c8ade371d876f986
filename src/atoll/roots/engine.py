"""The parts that run operations, compare reports with the database, and run timers."""

import socket

from atoll.operations.engine import Engine, Limits
from atoll.operations.messenger import Messenger
from atoll.operations.reconcile import Reconciler
from atoll.operations.registry import WORKFLOWS
from atoll.operations.timekeeper import Timekeeper
from atoll.outbound.courier import HttpCourier
from atoll.ports import Bus
from atoll.roots.control import Control
from atoll.roots.parts import Part
from atoll.service import housekeeping


class EngineRole:
    def __init__(self, control: Control, bus: Bus) -> None:
        settings = control.settings
        store, clock, new_ids = control.store, control.clock, control.ids
        self.engine = Engine(
            settings.engine or f"{socket.gethostname()}:{settings.state}",
            store,
            bus,
            clock,
            WORKFLOWS,
            control.ranges,
            new_ids,
            Limits(lease_s=settings.lease_s),
        )
        control.listeners.append(self.engine.accepted)
        self.reconciler = Reconciler(store, clock, new_ids, self.engine.wake)
        bus.on_report(self.reconciler.take)
        courier = HttpCourier(allow_private=settings.allow_private_urls)
        self.messenger = Messenger(store, clock, courier)
        self.timekeeper = Timekeeper(store, clock, new_ids, self.engine.wake)
        self._control = control

    def parts(self) -> list[Part]:
        return [
            Part("engine", run=self.engine.run),
            Part("host watch", run=self.reconciler.watch_hosts),
            Part("timekeeper", run=self.timekeeper.run),
            Part("messenger", run=self.messenger.run),
            Part("housekeeping", run=self._keep_house),
        ]

    async def _keep_house(self) -> None:
        settings = self._control.settings
        keep = housekeeping.Keep(settings.keep_days, settings.keep_audit_days)
        await housekeeping.run(self._control.store, self._control.clock, keep)
