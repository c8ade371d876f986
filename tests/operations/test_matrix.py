"""The fault matrix of every scenario: whatever happens where, it came true or was taken back.

After each case nothing goes on, and database, host and quota say the same. Three of its columns
are long: `make faults` runs them.
"""

from dataclasses import replace
from typing import Any

import pytest

from atoll.domain.commands import CancelOperation
from atoll.domain.errors import DriverBusy
from atoll.domain.operations import ENDED, Operation, OperationState
from atoll.operations.registry import WORKFLOWS
from tests.operations.faults import (
    Fuse,
    changed,
    first,
    fused_do,
    fused_undo,
    refused,
    twice,
)
from tests.operations.scenarios import SCENARIOS, Scenario
from tests.support.consistent import assert_consistent
from tests.support.world import Crash, World

pytestmark = pytest.mark.anyio


def places(*whens: str) -> list[Any]:
    return [
        pytest.param(scenario, index, when, id=f"{name}: {when} {step.name}")
        for name, scenario in SCENARIOS.items()
        for index, step in enumerate(WORKFLOWS[scenario.kind].steps)
        for when in whens
    ]


async def prepared(world: World, scenario: Scenario) -> Operation:
    await scenario.prepare(world)
    await world.reported()
    return await scenario.accept(world)


async def run(world: World, workflows: Any) -> None:
    """Until nothing is due, or a crash; then what its guests did meanwhile is reported."""
    await world.run_until_idle(world.engine(workflows))
    await world.reported()


async def end_of(world: World, operation: Operation) -> Operation:
    ended = await world.store.read().operations.get(operation.id)
    assert ended.state in ENDED
    return ended


# Their matrices are older and stand in files of their own; the last follows a reinstallation.
ELSEWHERE = {
    "instance.create", "instance.start", "instance.stop", "instance.reboot", "instance.reset",
    "image.import", "volume.discard",
}  # fmt: skip


def test_every_operation_has_its_matrix() -> None:
    assert {scenario.kind for scenario in SCENARIOS.values()} | ELSEWHERE == set(WORKFLOWS)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))
async def test_it_comes_true(world: World, scenario: Scenario) -> None:
    operation = await prepared(world, scenario)
    await run(world, WORKFLOWS)
    ended = await end_of(world, operation)
    assert (ended.state, ended.error_message) == (OperationState.DONE, None)
    assert await scenario.came_true(world)
    await assert_consistent(world)


@pytest.mark.long
@pytest.mark.parametrize(("scenario", "index", "when"), places("twice"))
async def test_each_step_may_run_twice(
    sqlite_world: World, scenario: Scenario, index: int, when: str
) -> None:
    operation = await prepared(sqlite_world, scenario)
    await run(sqlite_world, changed(scenario.kind, index, lambda s: replace(s, do=twice(s.do))))
    assert (await end_of(sqlite_world, operation)).state is OperationState.DONE
    assert await scenario.came_true(sqlite_world)
    await assert_consistent(sqlite_world)


@pytest.mark.parametrize(("scenario", "index", "when"), places("before", "after"))
async def test_a_failure_takes_everything_back(
    sqlite_world: World, scenario: Scenario, index: int, when: str
) -> None:
    operation = await prepared(sqlite_world, scenario)
    await run(sqlite_world, changed(scenario.kind, index, fused_do(when, Fuse(refused()))))
    ended = await end_of(sqlite_world, operation)
    assert (ended.state, ended.error_message) == (OperationState.FAILED, "the test says no")
    if not scenario.undone:
        await scenario.accept(sqlite_world)
        await run(sqlite_world, WORKFLOWS)
    assert await scenario.came_true(sqlite_world) is not scenario.undone
    await assert_consistent(sqlite_world)


@pytest.mark.parametrize(("scenario", "index", "when"), places("before", "after"))
async def test_a_crash_is_taken_up_where_it_happened(
    sqlite_world: World, scenario: Scenario, index: int, when: str
) -> None:
    operation = await prepared(sqlite_world, scenario)
    workflows = changed(scenario.kind, index, fused_do(when, Fuse(Crash())))
    await run(sqlite_world, workflows)
    await run(sqlite_world, workflows)
    assert (await end_of(sqlite_world, operation)).state is OperationState.DONE
    assert await scenario.came_true(sqlite_world)
    await assert_consistent(sqlite_world)


@pytest.mark.long
@pytest.mark.parametrize(("scenario", "index", "when"), places("before", "after"))
async def test_a_crash_during_undo_is_taken_up_and_undone(
    sqlite_world: World, scenario: Scenario, index: int, when: str
) -> None:
    workflow = WORKFLOWS[scenario.kind]
    fuse, last = Fuse(Crash()), len(workflow.steps) - 1
    if workflow.steps[index].undo is None:
        fuse.left = 0  # nothing of this step is taken back, so nothing crashes there
    operation = await prepared(sqlite_world, scenario)
    steps = list(workflow.steps)
    steps[index] = fused_undo(when, fuse)(steps[index])
    steps[last] = fused_do("after", Fuse(refused()))(steps[last])
    workflows = {**WORKFLOWS, scenario.kind: replace(workflow, steps=tuple(steps))}
    await run(sqlite_world, workflows)
    assert fuse.left == 0
    await run(sqlite_world, workflows)
    assert (await end_of(sqlite_world, operation)).state is OperationState.FAILED
    if not scenario.undone:
        await scenario.accept(sqlite_world)
        await run(sqlite_world, WORKFLOWS)
    assert await scenario.came_true(sqlite_world) is not scenario.undone
    await assert_consistent(sqlite_world)


@pytest.mark.long
@pytest.mark.parametrize(("scenario", "index", "when"), places("after"))
async def test_an_error_that_passes_is_waited_out(
    sqlite_world: World, scenario: Scenario, index: int, when: str
) -> None:
    operation = await prepared(sqlite_world, scenario)
    fuse = Fuse(RuntimeError("once"), times=2)
    await run(sqlite_world, changed(scenario.kind, index, fused_do(when, fuse)))
    assert (await end_of(sqlite_world, operation)).state is OperationState.DONE
    assert await scenario.came_true(sqlite_world)
    await assert_consistent(sqlite_world)


@pytest.mark.parametrize(("scenario", "index", "when"), places("during"))
async def test_a_cancel_takes_back_what_was_done_unless_all_is_done(
    sqlite_world: World, scenario: Scenario, index: int, when: str
) -> None:
    workflow = WORKFLOWS[scenario.kind]
    operation = await prepared(sqlite_world, scenario)

    async def cancel() -> None:
        if workflow.cancellable:
            await sqlite_world.execute(CancelOperation(operation=operation.id))

    await run(
        sqlite_world, changed(scenario.kind, index, lambda s: replace(s, do=first(cancel, s.do)))
    )
    done = (await end_of(sqlite_world, operation)).state is OperationState.DONE
    assert done == (not workflow.cancellable or index == len(workflow.steps) - 1)
    assert await scenario.came_true(sqlite_world) is done
    await assert_consistent(sqlite_world)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))
async def test_a_deadline_ends_what_would_never_end(
    sqlite_world: World, scenario: Scenario
) -> None:
    operation = await prepared(sqlite_world, scenario)
    busy = Fuse(DriverBusy("not yet", after_s=60), times=10**6)
    await run(sqlite_world, changed(scenario.kind, 0, fused_do("before", busy)))
    ended = await end_of(sqlite_world, operation)
    assert (ended.state, ended.error_code) == (OperationState.FAILED, "DEADLINE_EXCEEDED")
    if not scenario.undone:
        await scenario.accept(sqlite_world)
        await run(sqlite_world, WORKFLOWS)
    assert await scenario.came_true(sqlite_world) is not scenario.undone
    await assert_consistent(sqlite_world)
