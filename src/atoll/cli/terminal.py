"""A terminal that hands on every key as it is typed, and is put back whatever happens."""

import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

DEADLY = (signal.SIGTERM, signal.SIGHUP)
KILLED = 128


@contextmanager
def raw_terminal(descriptor: int) -> Iterator[int]:
    """No echo, no line editing, no signals by keys. Being killed ends the block like an error:
    whoever waits in it must also wait for the descriptor that this yields, since the system may
    give a signal to another thread than the one that waits."""
    before = termios.tcgetattr(descriptor)
    killed, told = os.pipe()
    os.set_blocking(told, False)
    earlier = signal.set_wakeup_fd(told)
    handlers = {number: signal.signal(number, leave) for number in DEADLY}
    try:
        tty.setraw(descriptor, termios.TCSADRAIN)
        yield killed
    finally:
        with suppress(termios.error):  # it may be gone, and then needs nothing
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(earlier)
        os.close(told)
        os.close(killed)


def leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(KILLED + number)
