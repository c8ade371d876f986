"""The process of a guest: starts it with few privileges, finds it again, waits for it, kills it.

Called by `guest`. The process outlives ours, so it is identified by facts of the kernel (working
directory, arguments, start time), not by being our child. It never kills a process that it has not
identified.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from atoll.domain.errors import DriverRefused
from atoll.drivers.qemu.command_line import QMP_SOCKET, SOCKETS, marker

STDERR_LOG = "qemu.log"
STDERR_TAIL_BYTES = 4096
UMASK = 0o077


class Privileges(msgspec.Struct, frozen=True, kw_only=True):
    """The user of QEMU. `uid` is None for the current user, if we are not root. A guest with host
    devices `locks_memory`, because the devices access it directly (DMA)."""

    uid: int | None = None
    groups: tuple[int, ...] = ()
    locks_memory: bool = False

    def wrap(self, command: Sequence[str]) -> list[str]:
        """Wrap the command in setpriv, which keeps the one capability that slirp needs."""
        if self.uid is None:
            return list(command)
        groups = ",".join(map(str, self.groups))
        kept = "-all,+net_bind_service"
        limits = ["prlimit", "--memlock=unlimited:unlimited", "--"] if self.locks_memory else []
        return [
            *limits,
            *("setpriv", f"--reuid={self.uid}", f"--regid={self.uid}"),
            f"--groups={groups}" if groups else "--clear-groups",
            *(f"--inh-caps={kept}", f"--ambient-caps={kept}", f"--bounding-set={kept}"),
            *("--no-new-privs", "--"),
            *command,
        ]


class GuestProcess:
    """A running QEMU, referenced by a pidfd, so that its pid cannot be reused."""

    def __init__(self, pid: int, pidfd: int, child: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self.start_ticks = start_ticks_of(pid)
        self._pidfd = pidfd
        self._child = child
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(pidfd, self._on_end)

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        if self._child is not None:
            self._child.wait()  # returns at once: the pidfd reported its end
        else:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)  # if an earlier object of ours started it
        self._ended.set()

    @property
    def running(self) -> bool:
        return not self._ended.is_set()

    @property
    def end_signal(self) -> str:
        """Return the signal that killed it, if it was our child."""
        code = self._child.returncode if self._child is not None else None
        return signal.Signals(-code).name if code is not None and code < 0 else ""

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; return whether it has ended in time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), timeout_s)
        return not self.running

    def kill(self) -> None:
        if self.running:
            end_by_pidfd(self._pidfd)

    def let_go(self) -> None:
        """Release the process, which keeps running."""
        if self._pidfd < 0:
            return
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        if self._child is not None:
            self._child.returncode = 0  # or Popen warns about a running process


async def spawn(
    folder: Path, command: Sequence[str], descriptors: Sequence[int] = ()
) -> GuestProcess:
    """Start the command in the guest's folder, in a new session, and pass our descriptors under
    the same numbers. Raises OSError; then, and if it is cancelled, no process is left."""
    starting = asyncio.create_task(asyncio.to_thread(start_held, folder, command, descriptors))
    try:
        child, pidfd = await asyncio.shield(starting)
    except asyncio.CancelledError:  # the thread goes on
        await asyncio.wait({starting})
        if starting.exception() is None:
            await asyncio.to_thread(end_child, *starting.result())
        raise
    try:
        return GuestProcess(child.pid, pidfd, child)
    except BaseException:
        end_child(child, pidfd)
        raise


def start_held(
    folder: Path, command: Sequence[str], descriptors: Sequence[int]
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the process and open a pidfd, or leave no process."""
    child = start_child(folder, command, descriptors)
    try:
        return child, os.pidfd_open(child.pid)
    except BaseException:
        end_child(child)
        raise


def end_by_pidfd(pidfd: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def end_child(child: subprocess.Popen[bytes], pidfd: int = -1) -> None:
    child.kill()
    child.wait()
    if pidfd >= 0:
        os.close(pidfd)


def start_child(
    folder: Path, command: Sequence[str], descriptors: Sequence[int]
) -> subprocess.Popen[bytes]:
    with open_own(folder / STDERR_LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as stderr:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            start_new_session=True,
            umask=UMASK,
            pass_fds=descriptors,
        )


@contextlib.contextmanager
def open_own(path: Path, flags: int) -> Iterator[int]:
    """Open a file in a folder in which QEMU can write: without following links or blocking on a
    FIFO."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def last_words(folder: Path) -> str:
    """Return the last line of QEMU's own output."""
    try:
        with open_own(folder / STDERR_LOG, os.O_RDONLY) as descriptor:
            size = os.fstat(descriptor).st_size
            tail = os.pread(descriptor, STDERR_TAIL_BYTES, max(0, size - STDERR_TAIL_BYTES))
    except OSError:
        return ""
    lines = tail.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("qemu-system-x86_64: ") if lines else ""


async def find(
    folder: Path, guest_id: str, pid: int | None, start_ticks: int | None
) -> GuestProcess | None:
    """Find the process of this guest: by its record or, if a crash prevented that, by searching
    all processes."""
    found = await asyncio.to_thread(search, folder, guest_id, pid, start_ticks)
    return GuestProcess(*found) if found is not None else None


def search(
    folder: Path, guest_id: str, pid: int | None, start_ticks: int | None
) -> tuple[int, int] | None:
    """Return its pid and a pidfd."""
    if pid is not None and start_ticks is not None and start_ticks == start_ticks_of(pid):
        found = recognise(pid, folder, guest_id)
        if found is not None:
            return found
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return next(filter(None, (recognise(number, folder, guest_id) for number in numbers)), None)


def recognise(pid: int, folder: Path, guest_id: str) -> tuple[int, int] | None:
    """Open the pidfd first, so that data read by pid belongs to the same process. Raises OSError if
    we cannot tell: a running guest must not be taken for an ended one."""
    try:
        pidfd = os.pidfd_open(pid)
    except (ProcessLookupError, OverflowError, ValueError):
        return None
    try:
        if is_guest(pid, folder, guest_id):
            return pid, pidfd
    except BaseException:
        os.close(pidfd)
        raise
    os.close(pidfd)
    return None


def is_guest(pid: int, folder: Path, guest_id: str) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return marker(guest_id).encode() in arguments and (
            os.path.samestat(Path(f"/proc/{pid}/cwd").stat(), folder.stat())
        )
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def start_ticks_of(pid: int) -> int | None:
    """Return the start time in clock ticks since boot; None if the process is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])


def boot_id() -> str:
    """Return the boot id of this machine, which changes with each reboot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def was_killed(folder: Path) -> bool:
    """Whether QEMU was killed: it deletes its sockets when it exits normally."""
    return (folder / QMP_SOCKET).exists()


def clear_leftovers(folder: Path) -> None:
    """Delete the sockets that a killed process leaves behind."""
    for name in SOCKETS:
        (folder / name).unlink(missing_ok=True)


def supplementary_groups(accelerator: str, uid: int | None) -> tuple[int, ...]:
    """Return the group of /dev/kvm, of which QEMU's user is not a member."""
    if accelerator != "kvm" or uid is None:
        return ()
    return (Path("/dev/kvm").stat().st_gid,)


def find_program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise DriverRefused(f"{name} is not installed: apt-get install qemu-system-x86 qemu-utils")
    return path
