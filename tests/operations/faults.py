"""Workflows with one fault built in: a step that fails or crashes before or after its work."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from atoll.domain.errors import DriverRefused
from atoll.operations.registry import WORKFLOWS
from atoll.operations.steps import Retry, Step, StepContext, Workflow
from tests.support.world import World

Work = Callable[[StepContext], Awaitable[Retry | None]]


class Fuse:
    """Goes off at one place, `times` times."""

    def __init__(self, error: BaseException, times: int = 1) -> None:
        self.error = error
        self.left = times

    def blow(self) -> None:
        if self.left > 0:
            self.left -= 1
            raise self.error


def refused() -> DriverRefused:
    return DriverRefused("the test says no")


def with_fuse(work: Work, when: str, fuse: Fuse) -> Work:
    async def fused(context: StepContext) -> Retry | None:
        if when == "before":
            fuse.blow()
        answer = await work(context)
        if when == "after":
            fuse.blow()
        return answer

    fused.__name__ = work.__name__
    return fused


def never_do(world: World, kind: str, error: Exception) -> Callable[[Step], Step]:
    """Work that fails until the operation's deadline has passed, which is at once: polling towards
    it would take the clock of a `World` hundreds of jumps."""

    async def fail() -> None:
        world.clock.advance(WORKFLOWS[kind].deadline_s)
        raise error

    return lambda step: replace(step, do=first(fail, step.do))


def twice(work: Work) -> Work:
    async def repeated(context: StepContext) -> Retry | None:
        await work(context)
        context.tx.discard()
        return await work(context)

    repeated.__name__ = work.__name__
    return repeated


def first(act: Callable[[], Awaitable[None]], work: Work) -> Work:
    async def later(context: StepContext) -> Retry | None:
        await act()
        return await work(context)

    later.__name__ = work.__name__
    return later


def changed(kind: str, index: int, change: Callable[[Step], Step]) -> dict[str, Workflow]:
    """All workflows, with one step of one of them changed."""
    workflow = WORKFLOWS[kind]
    steps = list(workflow.steps)
    steps[index] = change(steps[index])
    return {**WORKFLOWS, kind: replace(workflow, steps=tuple(steps))}


def fused_do(when: str, fuse: Fuse) -> Callable[[Step], Step]:
    return lambda step: replace(step, do=with_fuse(step.do, when, fuse))


def fused_undo(when: str, fuse: Fuse) -> Callable[[Step], Step]:
    def change(step: Step) -> Step:
        return replace(step, undo=with_fuse(step.undo, when, fuse) if step.undo else None)

    return change


def all_steps(kind: str) -> list[tuple[int, str]]:
    return [(index, step.name) for index, step in enumerate(WORKFLOWS[kind].steps)]


def parameters(kind: str) -> list[Any]:
    return [(index, when) for index, _ in all_steps(kind) for when in ("before", "after")]
