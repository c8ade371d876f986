"""Runs a program in a process group of its own, with a deadline and a bound on what it says.

Called by build.py and convert.py. However it ends (failure, deadline, cancellation), nothing of
the group is left running.
"""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

LINES_KEPT = 200
LINE_BYTES_MAX = 4096


class ProcessError(Exception):
    def __init__(self, code: int, lines: Sequence[str]) -> None:
        self.code = code
        self.lines = tuple(lines)
        self.last_line = next((line for line in reversed(lines) if line.strip()), "no words")
        super().__init__(f"exit code {code}: {self.last_line}")


async def run_bounded(
    command: Sequence[str],
    *,
    folder: Path,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
    on_line: Callable[[str], None] = lambda line: None,
) -> None:
    """Raises ProcessError with the last lines of stdout and stderr, TimeoutError, or
    FileNotFoundError where there is no such program."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
        pass_fds=descriptors,
    )
    lines: deque[str] = deque(maxlen=LINES_KEPT)
    try:
        async with asyncio.timeout(timeout_s):
            async for line in _lines_of(process):
                lines.append(line)
                on_line(line)
            code = await process.wait()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if code != 0:
        raise ProcessError(code, lines)


async def _lines_of(process: Process) -> AsyncIterator[str]:
    assert process.stdout is not None, "the process was started with a pipe"
    rest = b""
    while chunk := await process.stdout.read(LINE_BYTES_MAX):
        *whole, rest = (rest + chunk).split(b"\n")
        rest = rest[-LINE_BYTES_MAX:]
        for line in whole:
            yield line.decode("utf-8", "replace")
    if rest:
        yield rest.decode("utf-8", "replace")
