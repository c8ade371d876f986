"""Vultr's names of plans, regions and systems, mapped to Atoll's: `catalogue.toml`."""

from functools import cached_property
from pathlib import Path

import msgspec

from atoll.api import foreign
from atoll.domain import ids
from atoll.domain.accelerators import Accelerators
from atoll.domain.images import Image
from atoll.domain.plans import Plan
from atoll.domain.regions import Region

PACKAGED = Path(__file__).parent / "catalogue.toml"
# Systems that stand for no image, such as ISO: lists show them, requests cannot use them.
CUSTOM, SNAPSHOT, BACKUP, APPLICATION = 159, 164, 180, 186
BANDWIDTH_GB = 1024
NUMBERS_FROM = 1_000_000_000


class VultrPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ram` in MiB, `disk` in GiB, `bandwidth` in GiB a month, `monthly_cost` in dollars."""

    id: str
    vcpus: int
    ram: int
    disk: int
    disk_count: int = 1
    bandwidth: int = BANDWIDTH_GB
    monthly_cost: int = 0
    type: str = "vc2"
    cpu_model: str = ""
    cpu_threads: int = 0
    gpu_vram_gb: int = 0
    gpu_type: str = ""


class VultrRegion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    city: str
    country: str
    continent: str
    served_by: str | None = None


class System(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`image` is the name of an image of Atoll."""

    id: int
    name: str
    family: str
    arch: str = "x64"
    image: str | None = None


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, dict=True, forbid_unknown_fields=True):
    plans: tuple[VultrPlan, ...] = ()
    metal_plans: tuple[VultrPlan, ...] = ()
    regions: tuple[VultrRegion, ...] = ()
    systems: tuple[System, ...] = ()

    @cached_property
    def plan_by_id(self) -> dict[str, VultrPlan]:
        return {plan.id: plan for plan in (*self.plans, *self.metal_plans)}

    @cached_property
    def metal_ids(self) -> frozenset[str]:
        return frozenset(plan.id for plan in self.metal_plans)

    def is_metal(self, plan: str) -> bool:
        """Return whether instances of the plan are bare metal at Vultr."""
        return plan in self.metal_ids

    @cached_property
    def region_by_id(self) -> dict[str, VultrRegion]:
        return {region.id: region for region in self.regions}

    @cached_property
    def system_by_id(self) -> dict[int, System]:
        return {system.id: system for system in self.systems}

    @cached_property
    def system_by_image(self) -> dict[str, System]:
        """Find the system of an image: the first one, if several have the same image."""
        return {s.image: s for s in reversed(self.systems) if s.image is not None}


def read(path: Path) -> Catalogue:
    """Read the file. Raises RuntimeError with a sentence if its form is wrong."""
    return foreign.read(path, Catalogue, "Vultr")


def plan_here(plan: VultrPlan, *, bare_metal: bool) -> Plan:
    """Return the plan as a type of Atoll. A plan with a part of a GPU has a whole device."""
    return Plan(
        id=plan.id, vcpus=plan.vcpus, memory_mib=plan.ram, disk_gib=plan.disk,
        accelerators=Accelerators(kind=kind_of(plan.gpu_type)) if plan.gpu_type else None,
        description=f"as Vultr's plan of that name ({plan.type})", bare_metal=bare_metal,
    )  # fmt: skip


def region_here(region: VultrRegion, own: str) -> Region:
    """Return the region as one of Atoll. It is served by `own`, unless the file names another."""
    return Region(
        id=region.id,
        description=f"{region.city}, {region.country}, as Vultr's region of that name",
        served_by=region.served_by or own,
    )


def plan_there(plan: Plan) -> VultrPlan:
    """Return a type of Atoll that has no equivalent at Vultr as a plan."""
    wanted = plan.accelerators
    return VultrPlan(
        id=plan.id, vcpus=plan.vcpus, ram=plan.memory_mib, disk=plan.disk_gib,
        type="vcg" if wanted else "vc2", gpu_type=gpu_of(wanted.kind) if wanted else "",
    )  # fmt: skip


def kind_of(gpu_type: str) -> str:
    """Convert Vultr's `NVIDIA_A16` to `nvidia-a16`."""
    return gpu_type.lower().replace("_", "-")


def gpu_of(kind: str) -> str:
    return kind.upper().replace("-", "_")


def region_there(region: Region) -> VultrRegion:
    """Return a region of Atoll as one of Vultr, without a country."""
    return VultrRegion(id=region.id, city=region.id, country="", continent="")


def number_of(image_id: str) -> int:
    """Make the number of an image that the file does not list. Clients store 32 bits."""
    return NUMBERS_FROM + ids.bits_of(image_id) % NUMBERS_FROM


def system_there(image: Image) -> System:
    return System(id=number_of(image.id), name=image.name, family=image.os, image=image.id)
