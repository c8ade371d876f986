"""What the log leaves out while something stays broken."""

import contextlib
from typing import Any

import pytest
import structlog

from atoll.roots.logs import WAYS_MAX, WINDOW_S, Repeats


class Log:
    """Lines that pass the limit, at times that the test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.lines: list[dict[str, Any]] = []
        self._repeats = Repeats(lambda: self.now_s)

    def write(self, event: str, level: str = "error", **facts: Any) -> None:
        line = {"event": event, "level": level, **facts}
        with contextlib.suppress(structlog.DropEvent):
            self.lines.append(self._repeats(None, level, line))


@pytest.fixture
def log() -> Log:
    return Log()


def test_the_same_line_is_written_once_a_minute_and_tells_how_many_were_left_out(log: Log) -> None:
    for _ in range(120):
        log.write("could not claim", exc_info=OSError("disk full"))
        log.now_s += 1
    assert [line.get("left_out") for line in log.lines] == [None, 59]


def test_one_event_is_written_in_few_ways_however_many_operations_it_is_about(log: Log) -> None:
    for number in range(8_000):
        log.write("could not record", operation=f"op-{number}")
    assert len(log.lines) == WAYS_MAX
    log.now_s += WINDOW_S
    log.write("could not record", operation="op-later")
    assert log.lines[-1]["left_out"] == 8_000 - WAYS_MAX


def test_another_reason_is_written_at_once(log: Log) -> None:
    log.write("could not claim", why="disk full")
    log.write("could not claim", why="disk full")
    log.write("could not claim", why="the database is away")
    assert [line["why"] for line in log.lines] == ["disk full", "the database is away"]


def test_other_events_and_ordinary_lines_are_not_left_out(log: Log) -> None:
    for _ in range(3):
        log.write("ready", level="info")
        log.write("could not claim")
    log.write("could not tidy")
    assert [line["event"] for line in log.lines] == [
        "ready", "could not claim", "ready", "ready", "could not tidy",
    ]  # fmt: skip
