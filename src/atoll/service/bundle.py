"""What dialects get: the desk, and what reads need besides."""

from collections.abc import Callable
from dataclasses import dataclass

from atoll.ports import Bus, Clock, Faults, Ids, Store
from atoll.service.deployment import Deployment
from atoll.service.desk import Desk
from atoll.service.keys import Keys
from atoll.service.passwords import Passwords


@dataclass(frozen=True)
class Services:
    """`faults` is the simulator's plan, or None."""

    desk: Desk
    bus: Bus
    faults: Faults | None = None

    @property
    def deployment(self) -> Deployment:
        return self.desk.deployment

    @property
    def store(self) -> Store:
        return self.desk.store

    @property
    def clock(self) -> Clock:
        return self.desk.clock

    @property
    def ids(self) -> Ids:
        return self.desk.ids

    @property
    def keys(self) -> Keys:
        return self.deployment.keys

    @property
    def passwords(self) -> Passwords:
        return self.deployment.passwords

    @property
    def new_secret(self) -> Callable[[], bytes]:
        return self.deployment.new_secret
