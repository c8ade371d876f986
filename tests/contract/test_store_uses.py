"""What every store makes sure of: nothing uses what is gone, and nothing goes that is used."""

import asyncio

import pytest

from atoll.domain.errors import Lost
from atoll.domain.images import Image, ImageSource, SourceKind
from atoll.domain.instances import Instance, InstanceState, Resolved
from atoll.domain.networks import Subnet
from atoll.domain.operations import OperationState
from atoll.domain.security_groups import SecurityGroup
from atoll.ports import Filter, Store, Transaction
from tests.support import things
from tests.support.things import NOW

pytestmark = pytest.mark.anyio
PROJECT = "proj-1"
AT_ONCE = 12


def group(group_id: str) -> SecurityGroup:
    return SecurityGroup(id=group_id, project_id=PROJECT, name=group_id, created_at_ms=NOW)


def using(*group_ids: str) -> Resolved:
    return Resolved(
        image_id="img-1", root_volume_id="vol-1", subnet_id="subnet-1",
        security_group_ids=group_ids,
    )  # fmt: skip


async def fill(store: Store, *used: Instance) -> None:
    source = ImageSource(kind=SourceKind.RECIPE, location="mini")
    async with store.transaction() as tx:
        tx.images.add(Image(id="img-1", project_id=PROJECT, name="mini", source=source,
                            created_at_ms=NOW, updated_at_ms=NOW))  # fmt: skip
        tx.subnets.add(Subnet(id="subnet-1", project_id=PROJECT, name="s", vpc_id="vpc-1",
                              cidr="10.0.0.0/24", created_at_ms=NOW))  # fmt: skip
        for group_id in ("sg-1", "sg-2"):
            tx.security_groups.add(group(group_id))
        for instance in used:
            tx.instances.add(instance)


async def users(store: Store, used_id: str) -> list[str]:
    return [i.id for i in await store.read().instances.page(Filter(uses=used_id))]


async def test_users_of_a_thing_are_found_as_long_as_they_use_it(store: Store) -> None:
    some = [things.instance(resolved=using("sg-1")) for _ in range(3)]
    await fill(store, *some, things.instance())
    async with store.transaction() as tx:
        tx.instances.change(some[0], resolved=using("sg-2"))
        tx.instances.change(some[1], state=InstanceState.DELETED, deleted_at_ms=NOW)
    page = store.read().instances.page
    assert (await users(store, "sg-1"), await users(store, "sg-2")) == ([some[2].id], [some[0].id])
    assert await page(Filter(uses="sg-1", after=some[2].id)) == []
    assert len(await page(Filter(uses="img-1", limit=2))) == 2


async def remove(tx: Transaction, used_id: str) -> None:
    if used_id.startswith("sg"):
        tx.security_groups.remove(await tx.security_groups.get(used_id))
    elif used_id.startswith("img"):
        tx.images.remove(await tx.images.get(used_id))
    else:
        tx.subnets.remove(await tx.subnets.get(used_id))


EACH = pytest.mark.parametrize("used_id", ["sg-1", "img-1", "subnet-1"])


@EACH
async def test_what_went_meanwhile_is_not_used(store: Store, used_id: str) -> None:
    await fill(store)
    late = things.instance(resolved=using("sg-1"))
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.instances.add(late)
            async with store.transaction() as other:
                await remove(other, used_id)
    assert await store.read().instances.find(late.id) is None


@EACH
async def test_what_came_into_use_meanwhile_does_not_go(store: Store, used_id: str) -> None:
    await fill(store)
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            await remove(tx, used_id)
            async with store.transaction() as other:
                other.instances.add(things.instance(resolved=using("sg-1")))
    assert len(await users(store, used_id)) == 1


async def test_a_change_needs_only_what_is_new_to_be_there(store: Store) -> None:
    """An instance lives on with what an older Atoll let go from under it."""
    instance = things.instance(resolved=using("sg-1"))
    await fill(store, instance)
    async with store.transaction() as tx:
        await remove(tx, "sg-1")
        unit = tx.unit  # type: ignore[attr-defined]
        unit.writes = [write for write in unit.writes if "uses" not in write.query.text]
    async with store.transaction() as tx:
        tx.instances.change(instance, resolved=using("sg-1", "sg-2"))
    assert await users(store, "sg-2") == [instance.id]


async def test_whoever_is_first_wins_and_nothing_dangles(store: Store) -> None:
    for _ in range(AT_ONCE):
        async with store.transaction() as tx:
            tx.security_groups.add(group("sg-9"))
        instance = things.instance(resolved=Resolved(
            image_id="", root_volume_id="vol-1", security_group_ids=("sg-9",)
        ))  # fmt: skip

        async def create(made: Instance = instance) -> None:
            async with store.transaction() as tx:
                tx.instances.add(made)

        async def drop() -> None:
            async with store.transaction() as tx:
                await remove(tx, "sg-9")

        outcomes = await asyncio.gather(create(), drop(), return_exceptions=True)
        assert sum(isinstance(outcome, Lost) for outcome in outcomes) == 1
        assert outcomes.count(None) == 1
        if outcomes[0] is None:
            async with store.transaction() as tx:
                tx.instances.remove(instance)
            await drop()


async def test_an_operation_uses_what_it_needs_until_it_ends(store: Store) -> None:
    await fill(store)
    operation = things.operation()
    async with store.transaction() as tx:
        tx.operations.enqueue(operation, NOW, frozenset({"img-1"}))
    assert await store.read().images.users_of("img-1", 5) == [operation.id]
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.images.remove(await tx.images.get("img-1"))
    (claimed,) = await store.read().operations.claim("engine", NOW, NOW + 1000, 1)
    async with store.transaction() as tx:
        tx.operations.finish(claimed, NOW, frozenset({"img-1"}), state=OperationState.DONE)
    assert await store.read().images.users_of("img-1", 5) == []
    async with store.transaction() as tx:
        tx.images.remove(await tx.images.get("img-1"))


async def test_a_decision_is_lost_when_what_it_was_based_on_has_changed(store: Store) -> None:
    await fill(store)
    image = await store.read().images.get("img-1")
    async with store.transaction() as tx:
        tx.images.confirm(image)
    async with store.transaction() as tx:
        tx.images.change(image, reason="changed")
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.images.confirm(image)
