"""What every store does with long lists: totals that are kept aside, and pages by number."""

import random

import pytest
from msgspec.structs import replace

from atoll.domain.errors import Lost
from atoll.domain.instances import Instance
from atoll.ports import Filter, Store
from atoll.store import instances
from atoll.store.bookmarks import LISTS_MAX, PLACES_MAX, Bookmarks
from tests.support.things import NOW, instance

pytestmark = pytest.mark.anyio
MINE = Filter(project_id="proj-1", limit=4)


def made(region: str = "local", *, bare_metal: bool = False, project: str = "proj-1") -> Instance:
    plain = instance(project_id=project)
    return replace(plain, spec=replace(plain.spec, region=region, bare_metal=bare_metal))


async def ids_by_number(store: Store, wanted: Filter) -> list[str]:
    """Read page after page by number, to the end."""
    found: list[str] = []
    while page := await store.read().instances.page(replace(wanted, offset=len(found))):
        found += [one.id for one in page]
    return found


async def test_totals_and_numbered_pages_follow_all_changes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "WALKED_MAX", 3)
    dice = random.Random(7)
    known: dict[str, Instance] = {}
    for _ in range(25):
        async with store.transaction() as tx:
            for _ in range(dice.randint(1, 3)):
                one = made(dice.choice(("east", "west")), bare_metal=dice.random() < 0.3)
                tx.instances.add(one)
                known[one.id] = one
            victim = known[dice.choice(sorted(known))]
            if victim.version == 1:
                deleted_at_ms = NOW if victim.deleted_at_ms is None else None
                known[victim.id] = tx.instances.change(victim, deleted_at_ms=deleted_at_ms)
            else:
                tx.instances.remove(victim)
                del known[victim.id]
        live = sorted(one.id for one in known.values() if one.deleted_at_ms is None)
        assert await store.read().instances.count(MINE) == len(live)
        assert await ids_by_number(store, MINE) == live
    for region in ("east", "west", "nowhere"):
        for bare_metal in (False, True):
            wanted = replace(MINE, equals=(("bare_metal", bare_metal), ("region", region)))
            of_kind = [
                one.id for one in known.values()
                if (one.bare_metal, one.region, one.deleted_at_ms) == (bare_metal, region, None)
            ]  # fmt: skip
            assert await store.read().instances.count(wanted) == len(of_kind)
            assert await ids_by_number(store, wanted) == sorted(of_kind)


async def test_totals_are_those_of_the_project_or_of_all(store: Store) -> None:
    async with store.transaction() as tx:
        first = made()
        tx.instances.add(first)
        tx.instances.add(made("east", project="proj-2"))
        tx.instances.add(made(project="proj-2"))
    read = store.read().instances
    assert await read.count(MINE) == 1
    assert await read.count(Filter(project_id="proj-2")) == 2
    assert await read.count(Filter(project_id="proj-3")) == 0
    assert await read.count(Filter()) == 3
    assert await read.count(Filter(name=first.name)) == 1
    assert await read.count(Filter(given_name=first.name)) == 1


async def test_a_change_that_is_lost_is_not_counted(store: Store) -> None:
    one = made()
    async with store.transaction() as tx:
        tx.instances.add(one)
    async with store.transaction() as tx:
        tx.instances.change(one, deleted_at_ms=NOW)
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.instances.change(one, deleted_at_ms=NOW)
    assert await store.read().instances.count(MINE) == 0


def test_bookmarks_are_those_of_one_list_until_its_places_shift() -> None:
    marks = Bookmarks()
    for offset in (100, 300, 200, 200):
        marks.keep("list", 1, offset, f"id {offset}")
    assert marks.find("list", 1, 99) == (0, None)
    assert marks.find("list", 1, 299) == (200, "id 200")
    assert marks.find("list", 1, 10_000) == (300, "id 300")
    assert marks.find("another", 1, 299) == (0, None)
    assert marks.find("list", 2, 299) == (0, None)
    marks.keep("list", 2, 50, "id 50")
    assert marks.find("list", 2, 299) == (50, "id 50")


def test_bookmarks_are_bounded() -> None:
    marks = Bookmarks()
    for number in range(LISTS_MAX + 1):
        marks.keep(number, 1, 100, "id")
    assert marks.find(0, 1, 100) == (0, None)
    assert marks.find(1, 1, 100) == (100, "id")
    for number in range(PLACES_MAX + 1):
        marks.keep("long", 1, number, f"id {number}")
    assert marks.find("long", 1, PLACES_MAX - 1) == (0, None)
    assert marks.find("long", 1, PLACES_MAX) == (PLACES_MAX, f"id {PLACES_MAX}")
