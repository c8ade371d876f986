"""What every store does: one suite, run on SQLite and on PostgreSQL."""

import asyncio

import msgspec
import pytest

from atoll.domain.errors import AlreadyExists, Lost, NoCapacity, NotFound
from atoll.domain.events import Event, IdempotencyRecord
from atoll.domain.hosts import Reservation
from atoll.domain.instances import InstanceState
from atoll.domain.operations import OperationState, StepRecord
from atoll.domain.security_groups import SecurityGroup
from atoll.ports import Filter, Store
from tests.support import things
from tests.support.things import NOW

pytestmark = pytest.mark.anyio


async def test_what_was_added_is_read_back_equal(store: Store) -> None:
    added = things.instance(labels={"env": "prod"}, protected=True, host_id="host-1")
    async with store.transaction() as tx:
        tx.instances.add(added)
    assert await store.read().instances.get(added.id) == added


async def test_nothing_is_written_when_the_block_fails(store: Store) -> None:
    added = things.instance()
    with pytest.raises(RuntimeError):
        async with store.transaction() as tx:
            tx.instances.add(added)
            raise RuntimeError("the block fails")
    assert await store.read().instances.find(added.id) is None


async def test_a_refused_write_takes_the_others_of_its_transaction_with_it(store: Store) -> None:
    there, fresh = things.instance(name=""), things.instance()
    async with store.transaction() as tx:
        tx.instances.add(there)
    with pytest.raises(AlreadyExists):
        async with store.transaction() as tx:
            tx.instances.add(fresh)
            tx.instances.add(there)
    assert await store.read().instances.find(fresh.id) is None


async def test_a_missing_thing_is_named(store: Store) -> None:
    with pytest.raises(NotFound, match="instance not found: inst-none"):
        await store.read().instances.get("inst-none")


async def test_of_two_changes_to_the_same_version_the_second_is_lost(store: Store) -> None:
    added = things.instance()
    async with store.transaction() as tx:
        tx.instances.add(added)
    async with store.transaction() as tx:
        tx.instances.change(added, name="first")
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.instances.change(added, name="second")
    found = await store.read().instances.get(added.id)
    assert (found.name, found.version) == ("first", 2)


async def test_many_transactions_at_once_fail_each_for_itself(store: Store) -> None:
    same = things.instance(name="")

    async def add() -> str:
        try:
            async with store.transaction() as tx:
                tx.instances.add(things.instance())
                tx.instances.add(same)
        except AlreadyExists:
            return "refused"
        return "added"

    outcomes = await asyncio.gather(*[add() for _ in range(20)])
    assert sorted(outcomes) == ["added"] + ["refused"] * 19
    assert len(await store.read().instances.page(Filter())) == 2


async def test_pages_follow_the_ids_and_stop_at_their_limit(store: Store) -> None:
    added = [things.instance(name=f"i{n}") for n in range(5)]
    async with store.transaction() as tx:
        for one in added:
            tx.instances.add(one)
    read = store.read().instances
    first = await read.page(Filter(project_id="proj-1", limit=2))
    rest = await read.page(Filter(project_id="proj-1", after=first[-1].id))
    assert [i.name for i in first + rest] == ["i0", "i1", "i2", "i3", "i4"]
    newest = await read.page(Filter(descending=True, limit=1))
    assert newest[0].name == "i4"


async def test_a_page_that_was_read_before_shows_what_changed_since(store: Store) -> None:
    async with store.transaction() as tx:
        for name in ("kept", "renamed", "removed"):
            tx.instances.add(things.instance(name=name))
    of_project = Filter(project_id="proj-1")
    before = await store.read().instances.page(of_project)
    assert await store.read().instances.page(of_project) == before
    async with store.transaction() as tx:
        tx.instances.change(before[1], name="other")
        tx.instances.remove(before[2])
    after = await store.read().instances.page(of_project)
    assert [one.name for one in after] == ["kept", "other"]


@pytest.mark.parametrize("descending", [False, True])
async def test_pages_by_number_show_everything_once_beside_how_many_there_are(
    store: Store, descending: bool
) -> None:
    labels = {"env": "prod"}
    added = [things.instance(labels=labels if n % 2 else {}) for n in range(7)]
    gone = things.instance(labels=labels, deleted_at_ms=NOW)
    async with store.transaction() as tx:
        for thing in (*added, gone, things.instance(project_id="proj-2", labels=labels)):
            tx.instances.add(thing)
    rows = store.read().instances
    for wanted, there in (((), added), ((("env", "prod"),), added[1::2])):
        listed = Filter(project_id="proj-1", labels=wanted, limit=2, descending=descending)
        pages = [
            await rows.page(msgspec.structs.replace(listed, offset=start)) for start in (0, 2, 4, 6)
        ]
        ids = [one.id for page in pages for one in page]
        assert ids == sorted([one.id for one in there], reverse=descending)
        beyond = msgspec.structs.replace(listed, offset=100)
        assert await rows.page(beyond) == []
        assert await rows.count(beyond) == await rows.count(listed) == len(there)


async def test_operations_are_paged_by_number_too(store: Store) -> None:
    added = [things.operation() for _ in range(3)]
    async with store.transaction() as tx:
        for operation in added:
            tx.operations.enqueue(operation, NOW)
    found = await store.read().operations.page(Filter(project_id="proj-1", offset=1, limit=1))
    assert [one.id for one in found] == [added[1].id]


async def test_a_page_shows_one_project_only(store: Store) -> None:
    async with store.transaction() as tx:
        tx.instances.add(things.instance(project_id="proj-2"))
    assert await store.read().instances.page(Filter(project_id="proj-1")) == []


async def test_labels_select_and_follow_a_change(store: Store) -> None:
    web = things.instance(labels={"env": "prod", "team": "a"})
    other = things.instance(labels={"env": "prod"})
    async with store.transaction() as tx:
        tx.instances.add(web)
        tx.instances.add(other)
    read = store.read().instances
    both = Filter(labels=(("env", "prod"), ("team", "a")))
    assert await read.page(both) == [web]
    async with store.transaction() as tx:
        tx.instances.change(web, labels={"env": "dev"})
    assert await read.page(both) == []
    assert [i.id for i in await read.page(Filter(labels=(("env", "dev"),)))] == [web.id]


async def test_ended_instances_are_shown_only_to_who_asks_for_them(store: Store) -> None:
    gone = things.instance(state=InstanceState.DELETED, deleted_at_ms=NOW)
    async with store.transaction() as tx:
        tx.instances.add(gone)
    read = store.read().instances
    assert await read.page(Filter()) == []
    assert await read.page(Filter(any_of=((("state", ("deleted",)),),))) == [gone]


async def test_columns_with_one_value_each_select_only_what_has_all_of_them(store: Store) -> None:
    near, gone = things.instance(), things.instance(deleted_at_ms=NOW)
    spec = msgspec.structs.replace(near.spec, region="far", bare_metal=True)
    far = things.instance(spec=spec)
    async with store.transaction() as tx:
        for one in (near, gone, far):
            tx.instances.add(one)
    read = store.read().instances

    async def ids(*equals: tuple[str, str | bool]) -> list[str]:
        wanted = Filter(project_id="proj-1", equals=equals)
        page = await read.page(wanted)
        assert await read.count(wanted) == len(page)
        return [one.id for one in page]

    assert await ids(("region", near.region)) == [near.id]
    assert await ids(("region", "far"), ("bare_metal", True)) == [far.id]
    assert await ids(("region", "far"), ("bare_metal", False)) == []


async def test_an_operation_is_claimed_once_by_one_engine(store: Store) -> None:
    added = things.operation()
    async with store.transaction() as tx:
        tx.operations.enqueue(added, NOW)
    claims = await asyncio.gather(
        *[store.read().operations.claim(f"e{n}", NOW, NOW + 1000, 10) for n in range(5)]
    )
    taken = [operation for claim in claims for operation in claim]
    assert [(o.id, o.state, o.epoch) for o in taken] == [(added.id, OperationState.RUNNING, 1)]


async def test_a_claim_whose_lease_ran_out_is_taken_over_and_the_old_one_is_lost(
    store: Store,
) -> None:
    async with store.transaction() as tx:
        tx.operations.enqueue(things.operation(), NOW)
    operations = store.read().operations
    (first,) = await operations.claim("e1", NOW, NOW + 1000, 10)
    assert await operations.claim("e2", NOW + 999, NOW + 2000, 10) == []
    (second,) = await operations.claim("e2", NOW + 1000, NOW + 2000, 10)
    assert second.epoch == 2
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.operations.advance(first, step=1)
    async with store.transaction() as tx:
        tx.operations.advance(second, step=1)
    assert (await operations.get(first.id)).step == 1


async def test_operations_on_one_resource_come_one_after_the_other(store: Store) -> None:
    queue = [things.operation(resource_id="inst-1", queued_at_ms=NOW + n) for n in range(3)]
    for one in queue:
        async with store.transaction() as tx:
            tx.operations.enqueue(one, NOW)
    operations = store.read().operations
    done = []
    for _ in queue:
        (claimed,) = await operations.claim("e", NOW, NOW + 1000, 10)
        done.append(claimed.id)
        async with store.transaction() as tx:
            tx.operations.finish(claimed, NOW, state=OperationState.DONE)
    assert done == [one.id for one in queue]
    assert await operations.live_on("inst-1") == []


async def test_many_that_queue_on_one_resource_at_once_have_one_head(store: Store) -> None:
    async def enqueue() -> None:
        async with store.transaction() as tx:
            tx.operations.enqueue(things.operation(resource_id="inst-1"), NOW)

    await asyncio.gather(*[enqueue() for _ in range(20)])
    ended = 0
    while claimed := await store.read().operations.claim("e", NOW, NOW + 1000, 50):
        assert len(claimed) == 1
        async with store.transaction() as tx:
            tx.operations.finish(claimed[0], NOW, state=OperationState.DONE)
        ended += 1
    assert ended == 20


async def test_a_cancel_is_kept_when_the_engine_writes_at_the_same_time(store: Store) -> None:
    async with store.transaction() as tx:
        tx.operations.enqueue(things.operation(), NOW)
    operations = store.read().operations
    (claimed,) = await operations.claim("e", NOW, NOW + 1000, 10)
    async with store.transaction() as tx:
        tx.operations.cancel(await operations.get(claimed.id), NOW)
    async with store.transaction() as tx:
        tx.operations.advance(claimed, step=1)
    found = await operations.get(claimed.id)
    assert (found.cancel_requested, found.step) == (True, 1)


async def test_an_ended_operation_is_retried_with_a_clean_sheet(store: Store) -> None:
    async with store.transaction() as tx:
        tx.operations.enqueue(things.operation(), NOW)
    operations = store.read().operations
    (claimed,) = await operations.claim("e", NOW, NOW + 1000, 10)
    async with store.transaction() as tx:
        failed = tx.operations.finish(
            claimed, NOW, state=OperationState.FAILED, step=2, error_code="X", error_message="x"
        )
    async with store.transaction() as tx:
        tx.operations.retry(failed, NOW, deadline_ms=NOW + 5)
    (again,) = await operations.claim("e", NOW, NOW + 1000, 10)
    assert (again.run, again.step, again.error_code, again.ended_at_ms) == (2, 0, None, None)


async def test_a_step_is_recorded_once(store: Store) -> None:
    step = StepRecord(operation_id="op-1", run=1, index=0, direction="do", name="a", epoch=1,
                      attempts=1, ended_at_ms=NOW)  # fmt: skip
    async with store.transaction() as tx:
        tx.operations.record(step)
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.operations.record(step)
    assert await store.read().operations.steps_of("op-1") == [step]


async def test_what_a_dead_engine_held_is_due_at_once(store: Store) -> None:
    async with store.transaction() as tx:
        tx.operations.enqueue(things.operation(), NOW)
    operations = store.read().operations
    await operations.claim("e1", NOW, NOW + 60_000, 10)
    assert await operations.abandon("e1", NOW) == 1
    assert len(await operations.claim("e1", NOW, NOW + 60_000, 10)) == 1


async def test_leases_are_prolonged_for_their_holder_only(store: Store) -> None:
    async with store.transaction() as tx:
        tx.operations.enqueue(things.operation(), NOW)
    operations = store.read().operations
    (claimed,) = await operations.claim("e1", NOW, NOW + 1000, 10)
    await operations.extend("e2", [claimed.id], NOW + 9000)
    assert await operations.next_due_ms() == NOW + 1000
    await operations.extend("e1", [claimed.id], NOW + 9000)
    assert await operations.next_due_ms() == NOW + 9000


async def test_the_last_slot_of_a_host_is_given_to_one(store: Store) -> None:
    host = things.host(vcpus=1)
    async with store.transaction() as tx:
        tx.hosts.add(host)

    async def reserve(number: int) -> bool:
        slot = Reservation(id=f"inst-{number}", host_id=host.id, vcpus=1, memory_mib=1, disk_gib=1)
        try:
            async with store.transaction() as tx:
                tx.hosts.reserve(slot)
        except Lost:
            return False
        return True

    assert sum(await asyncio.gather(*[reserve(n) for n in range(10)])) == 1
    assert (await store.read().hosts.get(host.id)).vcpus_used == 1


async def test_capacity_is_given_back_once(store: Store) -> None:
    host = things.host()
    slot = Reservation(id="inst-1", host_id=host.id, vcpus=2, memory_mib=64, disk_gib=1)
    async with store.transaction() as tx:
        tx.hosts.add(host)
        tx.hosts.reserve(slot)
    async with store.transaction() as tx:
        tx.hosts.release(slot)
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.hosts.release(slot)
    assert (await store.read().hosts.get(host.id)).vcpus_used == 0


async def test_addresses_count_up_fill_their_gaps_at_the_end_and_run_out(store: Store) -> None:
    async def take(instance_id: str) -> int | None:
        async with store.transaction() as tx:
            tx.addresses.take("public", instance_id, 4, 6)
        return await store.read().addresses.find("public", instance_id)

    assert [await take(f"inst-{n}") for n in range(3)] == [4, 5, 6]
    with pytest.raises(NoCapacity):
        await take("inst-9")
    for freed, number in (("inst-1", 5), ("inst-0", 4)):
        async with store.transaction() as tx:
            tx.addresses.release(freed)
        assert await take(f"{freed}-next") == number


async def test_addresses_taken_at_once_differ(store: Store) -> None:
    async def take(instance_id: str) -> None:
        async with store.transaction() as tx:
            tx.addresses.take("public", instance_id, 1, 1000)

    await asyncio.gather(*[take(f"inst-{n}") for n in range(30)])
    assert await store.read().addresses.count() == 30


async def test_events_are_read_from_where_a_reader_stopped(store: Store) -> None:
    for number in range(3):
        async with store.transaction() as tx:
            tx.events.add(
                Event(project_id="proj-1", kind="instance.running", resource_id=f"inst-{number}",
                      data={"n": number}, at_ms=NOW)
            )  # fmt: skip
    events = store.read().events
    first = await events.after("proj-1", "0.0", 2)
    rest = await events.after("proj-1", first[-1].seq, 10)
    assert [e.data["n"] for e in first + rest] == [0, 1, 2]
    assert await events.last() == rest[-1].seq
    assert await events.after("proj-2", "0.0", 10) == []


async def test_a_first_answer_is_kept_once(store: Store) -> None:
    record = IdempotencyRecord(key_id="ak-1", key="k", fingerprint=b"f", status=201, body=b"{}",
                               at_ms=NOW)  # fmt: skip
    async with store.transaction() as tx:
        tx.idempotency.add(record)
    assert await store.read().idempotency.find("ak-1", "k") == record
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.idempotency.add(record)


async def test_a_watcher_is_told_of_its_topic(store: Store) -> None:
    added = things.instance()
    with store.watch(added.id) as watch:
        waiting = asyncio.create_task(watch.wait(30))
        async with store.transaction() as tx:
            tx.instances.add(added)
        await asyncio.wait_for(waiting, 5)
    assert waiting.done()


async def test_what_is_promised_of_a_host_survives_a_report_that_was_read_before(
    store: Store,
) -> None:
    host = things.host()
    slot = Reservation(id="inst-1", host_id=host.id, vcpus=2, memory_mib=64, disk_gib=1)
    async with store.transaction() as tx:
        tx.hosts.add(host)
    async with store.transaction() as tx:
        tx.hosts.reserve(slot)
    async with store.transaction() as tx:
        tx.hosts.change(host, seen_at_ms=NOW + 1)
    found = await store.read().hosts.get(host.id)
    assert (found.vcpus_used, found.seen_at_ms) == (2, NOW + 1)


async def test_a_place_is_handed_on_under_another_id_on_a_host_that_takes_nothing_new(
    store: Store,
) -> None:
    host = things.host()
    held = Reservation(id="op-1", host_id=host.id, vcpus=2, memory_mib=64, disk_gib=1)
    wanted = msgspec.structs.replace(held, id="vol-1")
    async with store.transaction() as tx:
        tx.hosts.add(host)
    async with store.transaction() as tx:
        tx.hosts.reserve(held)
        tx.hosts.change(host, enabled=False, vcpus=1)
    async with store.transaction() as tx:
        tx.hosts.change_reservation(held, wanted)
    assert await store.read().hosts.reservation("vol-1") == wanted
    assert await store.read().hosts.reservation("op-1") is None
    assert (await store.read().hosts.get(host.id)).vcpus_used == 2
    async with store.transaction() as tx:
        tx.hosts.change(await tx.hosts.get(host.id), enabled=True, vcpus=8)
        tx.hosts.reserve(held)
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.hosts.change_reservation(held, wanted)


async def test_of_two_that_claim_a_name_at_once_one_gets_it(store: Store) -> None:
    async def create() -> bool:
        group = SecurityGroup(
            id=things.new_id("sg"), project_id="proj-1", name="web", created_at_ms=NOW
        )
        try:
            async with store.transaction() as tx:
                tx.security_groups.claim_name("proj-1", "web")
                tx.security_groups.add(group)
        except AlreadyExists:
            return False
        return True

    assert sum(await asyncio.gather(*[create() for _ in range(10)])) == 1


async def test_a_value_that_no_database_takes_harms_nobody_else(store: Store) -> None:
    good = things.instance()

    async def bad() -> None:
        async with store.transaction() as tx:
            tx.instances.add(things.instance(version=2**70))

    async def add() -> None:
        async with store.transaction() as tx:
            tx.instances.add(good)

    outcomes = await asyncio.gather(bad(), return_exceptions=True)
    assert isinstance(outcomes[0], Exception)
    await add()
    assert await store.read().instances.get(good.id) == good


async def test_long_lists_of_values_make_few_statements(store: Store) -> None:
    made = [things.instance() for _ in range(3)]
    async with store.transaction() as tx:
        for one in made:
            tx.instances.add(one)
    ids = sorted(one.id for one in made)
    before = len(store.statements._queries)  # type: ignore[attr-defined]
    for length in range(1, 1200, 7):
        allowed = (*ids, *[f"inst-{n}" for n in range(length)], *ids * length)
        wanted = Filter(any_of=((("id", allowed),),), limit=10)
        assert [one.id for one in await store.read().instances.page(wanted)] == ids
    assert len(store.statements._queries) - before <= 12  # type: ignore[attr-defined]
