"""Where every change passes: once, in one transaction, run again where others were faster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from atoll.domain.errors import Conflict, Forbidden, KeyReused, Lost
from atoll.domain.networks import Vpc
from atoll.domain.projects import Caller, Role
from atoll.ports import Filter
from atoll.service.desk import RACES_MAX, Accepted, Answer, Case, Desk, Once
from atoll.store.sqlite import SqliteStore
from tests.support.clock import CountedIds, JumpingClock
from tests.support.stores import fresh_file

pytestmark = pytest.mark.anyio
CALLER = Caller(key_id="ak-1", project_id="proj-1", role=Role.MEMBER, dialect="native")
ONCE = Once(key="k", fingerprint=b"one")


@asynccontextmanager
async def desk(directory: Path) -> AsyncIterator[tuple[Desk, list[str]]]:
    """With a list that grows each time the engine is woken."""
    store = SqliteStore(fresh_file(directory / "atoll.db"))
    await store.open()
    woken: list[str] = []
    yield Desk(store, JumpingClock(), CountedIds(), lambda: woken.append("woken")), woken
    await store.close()


async def add_vpc(case: Case) -> Accepted[Vpc]:
    vpc = Vpc(
        id=case.ids.new("vpc"), project_id="proj-1", name="v", cidr="10.0.0.0/8",
        created_at_ms=case.now_ms,
    )  # fmt: skip
    case.tx.vpcs.add(vpc)
    case.audit("vpc.create", vpc.id)
    return Accepted(vpc)


def render(accepted: Accepted[Vpc]) -> Answer:
    return Answer(status=201, body=accepted.thing.id.encode())


async def vpcs_of(one: Desk) -> list[Vpc]:
    return await one.store.read().vpcs.page(Filter(project_id="proj-1"))


async def test_a_change_is_written_with_its_audit_and_wakes_the_engine(tmp_path: Path) -> None:
    async with desk(tmp_path) as (one, woken):
        answer = await one.carry_out(CALLER, add_vpc, render)
        assert [vpc.id.encode() for vpc in await vpcs_of(one)] == [answer.body]
        records = await one.store.read().audit.page(Filter(project_id="proj-1"))
        assert [record.action for record in records] == ["vpc.create"]
        assert woken == ["woken"]


async def test_the_first_answer_is_given_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as (one, woken):
        first = await one.carry_out(CALLER, add_vpc, render, ONCE)
        again = await one.carry_out(CALLER, add_vpc, render, ONCE)
        assert (first.replayed, again.replayed) == (False, True)
        assert (again.status, again.body) == (first.status, first.body)
        assert len(await vpcs_of(one)) == 1
        assert woken == ["woken"]
        with pytest.raises(KeyReused):
            await one.carry_out(CALLER, add_vpc, render, Once(key="k", fingerprint=b"two"))


async def test_a_lost_race_is_run_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as (one, _):
        attempts: list[int] = []

        async def overtaken_twice(case: Case) -> Accepted[Vpc]:
            attempts.append(len(attempts))
            added = await add_vpc(case)
            if len(attempts) < 3:
                raise Lost("somebody else was faster")
            return added

        await one.carry_out(CALLER, overtaken_twice, render)
        assert len(attempts) == 3
        assert len(await vpcs_of(one)) == 1


async def test_losing_every_race_ends_in_a_conflict(tmp_path: Path) -> None:
    async with desk(tmp_path) as (one, woken):
        attempts: list[int] = []

        async def always_overtaken(case: Case) -> Accepted[Vpc]:
            attempts.append(1)
            raise Lost("somebody else was faster")

        with pytest.raises(Conflict, match="try again"):
            await one.carry_out(CALLER, always_overtaken, render, ONCE)
        assert len(attempts) == RACES_MAX
        assert woken == []
        await one.carry_out(CALLER, add_vpc, render, ONCE)


async def test_a_refusal_writes_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as (one, woken):

        async def refused(case: Case) -> Accepted[Vpc]:
            await add_vpc(case)
            case.require("operate")
            raise AssertionError("a member may not operate")

        with pytest.raises(Forbidden):
            await one.carry_out(CALLER, refused, render, ONCE)
        assert await vpcs_of(one) == []
        assert woken == []


async def test_a_rehearsal_answers_and_writes_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as (one, woken):
        accepted = await one.rehearse(CALLER, add_vpc)
        assert accepted.thing.name == "v"
        assert await vpcs_of(one) == []
        assert woken == []
