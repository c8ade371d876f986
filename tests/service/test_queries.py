"""Reads stay within the project of the caller."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from atoll.domain.commands import CreateVpc
from atoll.domain.networks import Vpc, VpcKind
from atoll.ports import Filter
from atoll.service import queries
from atoll.service.desk import View
from atoll.service.nouns import IMAGES, VPCS
from atoll.service.queries import Query, equal
from tests.support.stores import KINDS, fresh_store
from tests.support.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    store = await fresh_store(request.param, request, tmp_path)
    built = World(store)
    await built.open()
    yield built
    await built.close()
    await store.close()


def of_another_project(view: View) -> View:
    caller = msgspec.structs.replace(view.caller, project_id="proj-other")
    return View(caller, view.tx, view.now_ms, view.deployment)


async def test_ids_of_another_project_find_nothing(world: World) -> None:
    vpc: Vpc = (await world.execute(CreateVpc(name="net", cidr="10.9.0.0/16"))).thing
    found = await queries.find_by_ids(world.view(), VPCS, [vpc.id])
    assert found == {vpc.id: vpc}
    assert await queries.find_by_ids(of_another_project(world.view()), VPCS, [vpc.id]) == {}


async def test_images_of_the_catalogue_are_found_from_every_project(world: World) -> None:
    (image,) = await world.store.read().images.page(Filter(limit=1))
    other = of_another_project(world.view())
    assert await queries.find_by_ids(other, IMAGES, [image.id]) == {image.id: image}


async def test_a_page_of_one_kind_of_vpcs_reads_no_others(world: World) -> None:
    for number in range(3):
        for kind in VpcKind:
            cidr = f"10.{number}.0.0/24" if kind is VpcKind.VPC else f"10.{number}.1.0/24"
            await world.execute(CreateVpc(name=f"{kind}-{number}", cidr=cidr, kind=kind))
    wanted = Query(equals=equal(kind=VpcKind.VPC2), limit=2)
    page = await queries.find_page(world.view(), VPCS, wanted)
    assert [vpc.name for vpc in page] == ["vpc2-0", "vpc2-1"]
    after = msgspec.structs.replace(wanted, after=page[-1].id)
    rest = await queries.find_page(world.view(), VPCS, after)
    assert [vpc.name for vpc in rest] == ["vpc2-2"]
    assert await queries.count(world.view(), VPCS, wanted) == 3
