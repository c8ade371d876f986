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
    never_do,
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


def places_of_crashes() -> list[Any]:
    """Before a step is where the one before it ended: that matters for the first alone."""
    return [
        place
        for place in places("before", "after")
        if place.values[1] == 0 or place.values[2] == "after"
    ]


def places_of_undos() -> list[Any]:
    return [
        place
        for place in places("before", "after")
        if WORKFLOWS[place.values[0].kind].steps[place.values[1]].undo is not None
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


async def assert_true_or_taken_back(world: World, scenario: Scenario, operation: Operation) -> None:
    """What cannot be undone is asked for again, and comes true then."""
    wanted = (await end_of(world, operation)).state is OperationState.DONE
    if not wanted and not scenario.undone:
        await scenario.accept(world)
        await run(world, WORKFLOWS)
        wanted = True
    assert await scenario.came_true(world) is wanted
    await assert_consistent(world)


# Nobody asks for it: it follows others. See test_volume_discard.py.
FOLLOWS = {"volume.discard"}


def test_every_operation_that_is_asked_for_has_a_scenario() -> None:
    assert {scenario.kind for scenario in SCENARIOS.values()} | FOLLOWS == set(WORKFLOWS)


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
    await assert_true_or_taken_back(sqlite_world, scenario, operation)


@pytest.mark.parametrize(("scenario", "index", "when"), places_of_crashes())
async def test_a_crash_is_taken_up_where_it_happened(
    sqlite_world: World, scenario: Scenario, index: int, when: str
) -> None:
    operation = await prepared(sqlite_world, scenario)
    fuse = Fuse(Crash())
    workflows = changed(scenario.kind, index, fused_do(when, fuse))
    await run(sqlite_world, workflows)
    crashed = await sqlite_world.store.read().operations.get(operation.id)
    assert (fuse.left, crashed.state) == (0, OperationState.RUNNING)
    await run(sqlite_world, workflows)
    assert (await end_of(sqlite_world, operation)).state is OperationState.DONE
    assert await scenario.came_true(sqlite_world)
    await assert_consistent(sqlite_world)


@pytest.mark.long
@pytest.mark.parametrize(("scenario", "index", "when"), places_of_undos())
async def test_a_crash_during_undo_is_taken_up_and_undone(
    sqlite_world: World, scenario: Scenario, index: int, when: str
) -> None:
    workflow = WORKFLOWS[scenario.kind]
    fuse, last = Fuse(Crash()), len(workflow.steps) - 1
    operation = await prepared(sqlite_world, scenario)
    steps = list(workflow.steps)
    steps[index] = fused_undo(when, fuse)(steps[index])
    steps[last] = fused_do("after", Fuse(refused()))(steps[last])
    workflows = {**WORKFLOWS, scenario.kind: replace(workflow, steps=tuple(steps))}
    await run(sqlite_world, workflows)
    assert fuse.left == 0
    await run(sqlite_world, workflows)
    assert (await end_of(sqlite_world, operation)).state is OperationState.FAILED
    await assert_true_or_taken_back(sqlite_world, scenario, operation)


@pytest.mark.long
@pytest.mark.parametrize(("scenario", "index", "when"), places("after"))
async def test_an_error_that_passes_is_waited_out(
    sqlite_world: World, scenario: Scenario, index: int, when: str
) -> None:
    operation = await prepared(sqlite_world, scenario)
    fuse = Fuse(RuntimeError("once"), times=2)
    await run(sqlite_world, changed(scenario.kind, index, fused_do(when, fuse)))
    assert fuse.left == 0
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
    too_late = not workflow.cancellable or index == len(workflow.steps) - 1
    wanted = OperationState.DONE if too_late else OperationState.CANCELLED
    assert (await end_of(sqlite_world, operation)).state is wanted
    await assert_true_or_taken_back(sqlite_world, scenario, operation)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))
async def test_a_deadline_ends_what_would_never_end(
    sqlite_world: World, scenario: Scenario
) -> None:
    operation = await prepared(sqlite_world, scenario)
    busy = never_do(sqlite_world, scenario.kind, DriverBusy("not yet", after_s=1))
    await run(sqlite_world, changed(scenario.kind, 0, busy))
    ended = await end_of(sqlite_world, operation)
    assert (ended.state, ended.error_code) == (OperationState.FAILED, "DEADLINE_EXCEEDED")
    await assert_true_or_taken_back(sqlite_world, scenario, operation)
