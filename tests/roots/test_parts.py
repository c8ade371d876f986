"""Parts start one after the other, are watched, and stop the other way round."""

import asyncio

import pytest

from atoll.roots.parts import Part, Supervisor

pytestmark = pytest.mark.anyio


class Diary:
    """Parts that write down what happens to them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.may_end = asyncio.Event()

    def part(self, name: str) -> Part:
        async def start() -> None:
            self.lines.append(f"{name} starts")

        async def run() -> None:
            try:
                await self.may_end.wait()
            finally:
                self.lines.append(f"{name} ends")

        async def stop() -> None:
            self.lines.append(f"{name} lets go")

        return Part(name, start=start, run=run, stop=stop)


async def test_what_was_started_last_is_stopped_first_once_nothing_runs() -> None:
    diary, supervisor = Diary(), Supervisor()
    for name in ("store", "bus"):
        await supervisor.start(diary.part(name))
    await asyncio.sleep(0)
    supervisor.ready = True
    await supervisor.stop()
    assert diary.lines[:2] == ["store starts", "bus starts"]
    assert sorted(diary.lines[2:4]) == ["bus ends", "store ends"]
    assert diary.lines[4:] == ["bus lets go", "store lets go"]
    assert not supervisor.ready
    assert not supervisor.broken.is_set(), "it was asked to stop"


async def test_a_part_that_ends_by_itself_breaks_the_whole() -> None:
    diary, supervisor = Diary(), Supervisor()
    await supervisor.start(diary.part("engine"))
    supervisor.ready = True
    diary.may_end.set()
    await asyncio.wait_for(supervisor.broken.wait(), 5)
    assert not supervisor.ready
    await supervisor.stop()


async def test_what_did_not_start_is_not_stopped() -> None:
    diary, supervisor = Diary(), Supervisor()
    await supervisor.start(diary.part("store"))

    async def fail() -> None:
        raise RuntimeError("no such device")

    async def never() -> None:
        raise AssertionError("it was not started")

    with pytest.raises(RuntimeError, match="no such device"):
        await supervisor.start(Part("host", start=fail, stop=never))
    await supervisor.stop()
    assert diary.lines[-1] == "store lets go"
