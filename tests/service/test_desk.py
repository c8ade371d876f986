"""Every change passes the desk: once, in one transaction, run again where others were faster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from atoll.domain.commands import AddRule, CreateSecurityGroup, CreateVpc, Made, UpdateHost
from atoll.domain.errors import Conflict, Forbidden, KeyReused, Lost, NotFound
from atoll.domain.networks import Vpc
from atoll.domain.projects import Caller, Role
from atoll.domain.security_groups import Protocol, Rule
from atoll.ports import Filter
from atoll.service.desk import RACES_MAX, Case, Desk, Done, Once
from atoll.service.handlers import HANDLERS
from atoll.store.sqlite import SqliteStore
from tests.support.clock import CountedIds, JumpingClock
from tests.support.stores import fresh_file
from tests.support.world import deployment_of

pytestmark = pytest.mark.anyio
CALLER = Caller(key_id="ak-1", project_id="proj-1", role=Role.MEMBER, dialect="native")
ADD_VPC = CreateVpc(name="v", cidr="10.0.0.0/8")
OTHER_VPC = CreateVpc(name="w", cidr="10.0.0.0/8")
ONCE = Once(key="k", fingerprint=b"one")
RULE = Rule(protocol=Protocol.UDP)


@asynccontextmanager
async def desk(directory: Path) -> AsyncIterator[tuple[Desk, list[str]]]:
    """With a list that grows each time the engine is woken."""
    store, clock = SqliteStore(fresh_file(directory / "atoll.db")), JumpingClock()
    await store.open()
    async with store.transaction() as tx:
        tx.quotas.add(CALLER.project_id)
    woken: list[str] = []
    yield (
        Desk(
            store,
            clock,
            CountedIds(),
            lambda: woken.append("woken"),
            HANDLERS,
            deployment_of(store, clock),
        ),
        woken,
    )
    await store.close()


async def vpcs_of(one: Desk) -> list[Vpc]:
    return await one.store.read().vpcs.page(Filter(project_id="proj-1"))


async def test_a_change_is_written_with_its_audit_and_wakes_the_engine(tmp_path: Path) -> None:
    async with desk(tmp_path) as (one, woken):
        outcome = await one.execute(CALLER, ADD_VPC)
        assert await vpcs_of(one) == [outcome.thing]
        (record,) = await one.store.read().audit.page(Filter(project_id="proj-1"))
        assert (record.action, record.resource_id) == ("vpc.create", outcome.thing.id)
        assert record.command["cidr"] == "10.0.0.0/8"
        assert woken == ["woken"]


async def test_a_repeated_key_is_answered_with_the_first_outcome(tmp_path: Path) -> None:
    async with desk(tmp_path) as (one, woken):
        first = await one.execute(CALLER, ADD_VPC, once=ONCE)
        again = await one.execute(CALLER, ADD_VPC, once=ONCE)
        assert (first.replayed, again.replayed) == (False, True)
        assert again.thing == first.thing
        assert len(await vpcs_of(one)) == 1
        assert woken == ["woken"]
        with pytest.raises(KeyReused):
            await one.execute(CALLER, OTHER_VPC, once=Once(key="k", fingerprint=b"two"))


async def test_several_commands_are_one_transaction_and_may_name_what_was_just_made(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as (one, woken):
        group = CreateSecurityGroup(name="web")
        outcome = await one.execute(CALLER, group, AddRule(security_group=Made(), rule=RULE))
        assert [rule.protocol for rule in outcome.thing.rules] == [Protocol.UDP]
        assert woken == ["woken"]


async def test_where_one_of_several_is_refused_none_is_carried_out(tmp_path: Path) -> None:
    async with desk(tmp_path) as (one, woken):
        with pytest.raises(NotFound) as refused:
            await one.execute(CALLER, ADD_VPC, AddRule(security_group="nothing", rule=RULE))
        assert refused.value.position == 1
        assert await vpcs_of(one) == []
        assert await one.store.read().audit.page(Filter(project_id="proj-1")) == []
        assert woken == []


async def test_a_lost_race_is_run_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as (one, _):
        attempts: list[int] = []

        async def overtaken_twice(case: Case, command: CreateVpc) -> Done[Vpc]:
            attempts.append(len(attempts))
            done: Done[Vpc] = await HANDLERS[CreateVpc](case, command)
            if len(attempts) < 3:
                raise Lost("somebody else was faster")
            return done

        raced = replace(one, handlers={CreateVpc: overtaken_twice})
        await raced.execute(CALLER, ADD_VPC)
        assert len(attempts) == 3
        assert len(await vpcs_of(one)) == 1


async def test_losing_every_race_ends_in_a_conflict(tmp_path: Path) -> None:
    async with desk(tmp_path) as (one, woken):
        attempts: list[int] = []

        async def always_overtaken(case: Case, command: CreateVpc) -> Done[Vpc]:
            attempts.append(1)
            raise Lost("somebody else was faster")

        raced = replace(one, handlers={CreateVpc: always_overtaken})
        with pytest.raises(Conflict, match="too many concurrent changes"):
            await raced.execute(CALLER, ADD_VPC, once=ONCE)
        assert len(attempts) == RACES_MAX
        assert woken == []
        await one.execute(CALLER, ADD_VPC, once=ONCE)


async def test_a_refusal_writes_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as (one, woken):
        with pytest.raises(Forbidden):
            await one.execute(CALLER, ADD_VPC, UpdateHost(host="h1", enabled=False), once=ONCE)
        assert await vpcs_of(one) == []
        assert woken == []


async def test_a_rehearsal_answers_and_writes_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as (one, woken):
        outcome = await one.rehearse(CALLER, ADD_VPC)
        assert outcome.thing.name == "v"
        assert await vpcs_of(one) == []
        assert woken == []
