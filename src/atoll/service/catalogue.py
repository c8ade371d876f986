"""Handles commands on plans and regions, and adds the catalogue to a new database."""

import contextlib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from atoll.domain import ids
from atoll.domain.accelerators import require_accelerators
from atoll.domain.commands import CreatePlan, CreateRegion, DeletePlan, DeleteRegion
from atoll.domain.errors import AlreadyExists
from atoll.domain.images import CATALOGUE, Image, ImageKind, ImageSource
from atoll.domain.instances import require_size
from atoll.domain.plans import Plan
from atoll.domain.reasons import Reason
from atoll.domain.regions import Region
from atoll.ports import Clock, Filter, Ids, Store
from atoll.service import queries, references
from atoll.service.desk import Case, Done
from atoll.service.nouns import PLANS, REGIONS, Noun

ROWS_MAX = 1000


class CatalogueImage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    os: str
    version: str
    kind: ImageKind = ImageKind.DISK
    source: ImageSource
    min_disk_gb: int = 1
    min_memory_mb: int = 64
    description: str = ""


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The format of `catalogue.toml`."""

    types: tuple[Plan, ...]
    images: tuple[CatalogueImage, ...]


def read_catalogue(path: Path) -> Catalogue:
    return msgspec.convert(tomllib.loads(path.read_text()), Catalogue)


async def ensure(
    store: Store, clock: Clock, new_ids: Ids, catalogue: Catalogue, regions: Sequence[str]
) -> None:
    """Add missing entries; changes by operators are kept."""
    now_ms = clock.now_ms()
    async with store.transaction() as tx:
        for plan in catalogue.types:
            if await tx.plans.find(plan.id) is None:
                tx.plans.add(plan)
        for region in set(regions):
            if await tx.regions.find(region) is None:
                tx.regions.add(Region(id=region, description="the region of this server"))
        there = await tx.images.page(Filter(project_id=CATALOGUE, limit=ROWS_MAX))
        names = {image.name for image in there}
        for entry in catalogue.images:
            if entry.name not in names:
                tx.images.add(
                    Image(
                        id=new_ids.new(ids.IMAGE),
                        project_id=CATALOGUE,
                        name=entry.name,
                        kind=entry.kind,
                        image_version=entry.version,
                        os=entry.os,
                        description=entry.description,
                        source=entry.source,
                        disk_gib_min=entry.min_disk_gb,
                        memory_mib_min=entry.min_memory_mb,
                        created_at_ms=now_ms,
                        updated_at_ms=now_ms,
                    )
                )


async def adopt(store: Store, plan: Plan | None = None, region: Region | None = None) -> None:
    """Add a dialect's plan or region at its first use."""
    read = store.read()
    if plan is not None and await read.plans.find(plan.id) is None:
        with contextlib.suppress(AlreadyExists):
            async with store.transaction() as tx:
                tx.plans.add(plan)
    if region is not None and await read.regions.find(region.id) is None:
        with contextlib.suppress(AlreadyExists):
            async with store.transaction() as tx:
                tx.regions.add(region)


async def create_plan(case: Case, command: CreatePlan) -> Done[Plan]:
    references.require_name(command.name)
    require_size(command.vcpus, command.memory_mib, command.disk_gib, disk_gib_min=1)
    require_accelerators(command.accelerators)
    await require_new(case, PLANS, command.name)
    plan = Plan(
        id=command.name,
        vcpus=command.vcpus,
        memory_mib=command.memory_mib,
        disk_gib=command.disk_gib,
        accelerators=command.accelerators,
        description=command.description,
    )
    case.tx.plans.add(plan)
    return Done(plan)


async def delete_plan(case: Case, command: DeletePlan) -> Done[Plan]:
    """Instances keep their size: it was copied when they were created."""
    plan = await queries.get_by_id(case, PLANS, command.plan)
    case.tx.plans.remove(plan)
    return Done(plan)


async def create_region(case: Case, command: CreateRegion) -> Done[Region]:
    references.require_name(command.name)
    await require_new(case, REGIONS, command.name)
    region = Region(id=command.name, description=command.description)
    case.tx.regions.add(region)
    return Done(region)


async def delete_region(case: Case, command: DeleteRegion) -> Done[Region]:
    region = await queries.get_by_id(case, REGIONS, command.region)
    case.tx.regions.remove(region)
    return Done(region)


async def require_new(case: Case, noun: Noun[Any], name: str) -> None:
    """Plans and regions have their name as id. Raises AlreadyExists."""
    if await noun.rows(case.tx).find(name) is not None:
        raise AlreadyExists(Reason.ALREADY_EXISTS, field="name", noun=noun.name, name=name)
