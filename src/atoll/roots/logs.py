"""Logging of this process: one line per event, on standard error.

While a disk is full or a database away, every loop reports it at each turn. Warnings and errors are
therefore limited: the same line is written once a minute, and one event in at most ten ways.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog

WINDOW_S = 60.0
WAYS_MAX = 10
LIMITED = {"warning", "error", "critical"}


@dataclass
class Window:
    """The lines of one event since `since_s`: those written, and how many were left out."""

    since_s: float
    written: set[str] = field(default_factory=set)
    left_out: int = 0


class Repeats:
    """Leaves out repeated lines; the event's next line tells how many, as `left_out`. Events are
    constants of the code, so there are few."""

    def __init__(self, span_s: Callable[[], float] = monotonic) -> None:
        self._span_s = span_s
        self._windows: dict[str, Window] = {}

    def __call__(self, logger: Any, method: str, line: Any) -> Any:
        if line.get("level") not in LIMITED:
            return line
        event, now_s = str(line.get("event")), self._span_s()
        window = self._windows.get(event)
        if window is None or now_s - window.since_s >= WINDOW_S:
            if window is not None and window.left_out:
                line["left_out"] = window.left_out
            window = self._windows[event] = Window(now_s)
        way = repr(sorted((name, str(value)) for name, value in line.items() if name != "left_out"))
        if way in window.written or len(window.written) >= WAYS_MAX:
            window.left_out += 1
            raise structlog.DropEvent
        window.written.add(way)
        return line


def configure_logs(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            Repeats(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
