"""Commands on plans and regions."""

from atoll.domain.accelerators import Accelerators
from atoll.domain.commands.base import Command


class CreatePlan(Command, frozen=True, kw_only=True):
    name: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    accelerators: Accelerators | None = None
    description: str = ""


class DeletePlan(Command, frozen=True, kw_only=True):
    plan: str


class CreateRegion(Command, frozen=True, kw_only=True):
    name: str
    description: str = ""


class DeleteRegion(Command, frozen=True, kw_only=True):
    region: str
