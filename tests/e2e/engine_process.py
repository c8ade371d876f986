"""An engine in a process of its own: five steps that change nothing, until it is killed."""

import asyncio
import sys

from atoll.bus.inprocess import InProcessBus
from atoll.domain.operations import OperationState
from atoll.operations.engine import Engine, Limits
from atoll.operations.steps import Ranges, Step, StepContext, Workflow
from atoll.store.postgres import PostgresStore
from atoll.system import RandomIds, SystemClock

KIND = "test.five"


async def one(context: StepContext) -> None:
    """Work without an effect."""


async def settle(context: StepContext, outcome: OperationState) -> None:
    """Nothing to settle."""


FIVE = Workflow(KIND, tuple(Step(one) for _ in range(5)), settle, 600)


async def main(url: str, name: str) -> None:
    store = PostgresStore(url)
    await store.open()
    ranges = Ranges("127.16.0.0/24", "10.0.0.0/24")
    limits = Limits(lease_s=2, at_once=32)
    bus = InProcessBus()
    clock = SystemClock()
    new_ids = RandomIds(clock)
    await Engine(name, store, bus, clock, {KIND: FIVE}, ranges, new_ids, limits).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
