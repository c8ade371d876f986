"""Genesis Cloud's names of types, regions and images, mapped to Atoll's: `catalogue.toml`."""

from functools import cached_property
from pathlib import Path

import msgspec

from atoll.api import foreign
from atoll.domain.accelerators import Accelerators
from atoll.domain.plans import Plan
from atoll.domain.regions import Region

PACKAGED = Path(__file__).parent / "catalogue.toml"
MIB_A_GIB = 1024


class Size(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of a family. `nvme_gib` is a local disk of the vendor's machines; guests here have
    none."""

    vcpus: int
    memory_gib: int
    disk_gib: int = 80
    count: int = 0
    nvme_gib: int = 0


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Types with the same accelerators. `ids` are the forms of a type's identifier, old and new."""

    name: str
    accelerator: str = ""
    ids: tuple[str, ...]
    sizes: tuple[Size, ...]


class GenesisType(msgspec.Struct, frozen=True, kw_only=True):
    """One identifier with the size and accelerators that it means."""

    id: str
    product: str
    vcpus: int
    memory_gib: int
    disk_gib: int
    accelerator: str
    count: int


class GenesisRegion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    place: str = ""
    served_by: str | None = None


class GenesisImage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`image` is the name of an image of Atoll."""

    slug: str
    name: str
    family: str
    image: str


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, dict=True, forbid_unknown_fields=True):
    default_region: str
    disk_gib_min: int = 80
    regions: tuple[GenesisRegion, ...] = ()
    images: tuple[GenesisImage, ...] = ()
    families: tuple[Family, ...] = ()

    @cached_property
    def type_by_id(self) -> dict[str, GenesisType]:
        every = [one for family in self.families for one in types_of(family)]
        return {one.id: one for one in reversed(every)}

    @cached_property
    def types(self) -> tuple[GenesisType, ...]:
        """Return all types in the order of the file, each identifier once."""
        return tuple(reversed(self.type_by_id.values()))

    @cached_property
    def region_by_id(self) -> dict[str, GenesisRegion]:
        return {region.id: region for region in self.regions}

    @cached_property
    def image_by_slug(self) -> dict[str, GenesisImage]:
        return {image.slug: image for image in self.images}

    @cached_property
    def image_by_own(self) -> dict[str, GenesisImage]:
        """Find an image by its name in Atoll: the first one, if several have the same."""
        return {image.image: image for image in reversed(self.images)}


def read(path: Path) -> Catalogue:
    """Read the file. Raises RuntimeError with a sentence if its form is wrong."""
    return foreign.read(path, Catalogue, "Genesis Cloud")


def types_of(family: Family) -> list[GenesisType]:
    return [
        GenesisType(
            id=form.format(
                vcpus=size.vcpus, memory=size.memory_gib, disk=size.disk_gib, count=size.count
            ),
            product=family.name, vcpus=size.vcpus, memory_gib=size.memory_gib,
            disk_gib=size.disk_gib, accelerator=family.accelerator, count=size.count,
        )
        for form in family.ids
        for size in family.sizes
    ]  # fmt: skip


def plan_here(one: GenesisType) -> Plan:
    """Return the type as one of Atoll. Its accelerators are whole devices of a host."""
    wanted = Accelerators(kind=one.accelerator, count=one.count) if one.accelerator else None
    return Plan(
        id=one.id, vcpus=one.vcpus, memory_mib=one.memory_gib * MIB_A_GIB, disk_gib=one.disk_gib,
        accelerators=wanted,
        description=f"as Genesis Cloud's type of that name ({one.product})",
    )  # fmt: skip


def region_here(region: GenesisRegion, own: str) -> Region:
    """Return the region as one of Atoll. It is served by `own`, unless the file names another."""
    return Region(
        id=region.id,
        description=f"{region.place}, as Genesis Cloud's region of that name",
        served_by=region.served_by or own,
    )
