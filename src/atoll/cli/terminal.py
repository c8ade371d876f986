"""Switches the terminal to raw mode, and always restores it."""

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
    """Disable echo, line editing and signal keys. A deadly signal ends the block like an error.

    Code that waits inside the block must also wait for the yielded descriptor, because the system
    may deliver a signal to a thread other than the waiting one."""
    before = termios.tcgetattr(descriptor)
    killed, told = os.pipe()
    os.set_blocking(told, False)
    earlier = signal.set_wakeup_fd(told)
    handlers = {number: signal.signal(number, leave) for number in DEADLY}
    try:
        tty.setraw(descriptor, termios.TCSADRAIN)
        yield killed
    finally:
        with suppress(termios.error):  # the terminal may already be gone
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(earlier)
        os.close(told)
        os.close(killed)


def leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(KILLED + number)
