"""One guest on this host: start, reset and stop it, follow what it does, take it up again.

Called by `qemu.QemuDriver`, which lets one verb at a time touch a guest. A task of its own follows
each running guest from start or adoption to the end of its process. It never reports an end that
somebody asked for.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from atoll.domain.errors import DriverError, DriverUnavailable
from atoll.domain.ids import to_uuid
from atoll.drivers.qemu_args import READY_BUFFER_BYTES, READY_CHARDEV
from atoll.drivers.qemu_folder import GuestFolder, Record
from atoll.drivers.qemu_monitor import Monitor, connect
from atoll.drivers.qemu_process import (
    GuestProcess,
    clear_leftovers,
    find,
    last_words,
    spawn,
    was_killed,
)
from atoll.messages import GuestFacts, GuestSpec, Power
from atoll.ports import Clock

READY_WORD = "ready"
READY_POLL_S = 0.1
READY_POLL_LATER_S = 1.0
READY_POLLS_BEFORE_LATER = 600
RECONNECT_S = 1.0
POWER_BUTTON_S = 5.0
QUIT_S = 5.0
KILL_S = 10.0

OnChange = Callable[[GuestFacts], None]


class Guest:
    def __init__(
        self, folder: GuestFolder, record: Record, clock: Clock, on_change: OnChange
    ) -> None:
        self.folder = folder
        self.record = record
        self._clock = clock
        self._on_change = on_change
        self._process: GuestProcess | None = None
        self._monitor: Monitor | None = None
        self._linking = asyncio.Lock()
        self._saving = asyncio.Lock()
        self._follower: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self._shutdown_cause = ""
        self._resets = 0
        self._resets_drained = 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    def facts(self) -> GuestFacts:
        return self.record.facts()

    async def start(
        self, spec: GuestSpec, command: Sequence[str], seed: bytes, ports: dict[str, str]
    ) -> None:
        """The record is written first: a process that a crash leaves behind is looked for."""
        await asyncio.to_thread(self.folder.prepare, seed)
        await asyncio.to_thread(clear_leftovers, self.folder.path)
        new = Record(spec=spec, boots=spec.boots, power=Power.RUNNING, ports=ports)
        before = self.record
        await self._save(new)
        try:
            process = await spawn(self.folder.path, command)
            self._hold(process)
            await self._change(pid=process.pid, start_ticks=process.start_ticks)
            await (await self._link()).execute("cont")
        except (DriverError, OSError) as error:
            words = last_words(self.folder.path)
            await self._clean_up_after_failure(before)
            raise DriverUnavailable(f"QEMU did not start {spec.id}: {words or error}") from error
        except asyncio.CancelledError:
            await self._clean_up_after_failure(before)
            raise
        self._follow()

    async def _clean_up_after_failure(self, before: Record) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait(KILL_S)
        await self._drop()
        await self._save(msgspec.structs.replace(before, power=Power.STOPPED, ready=False))

    async def adopt(self) -> None:
        """Takes up the process that an earlier one of us left, or notes that it is gone."""
        if self.record.power is not Power.RUNNING:
            return
        record, path = self.record, self.folder.path
        process = await find(path, record.spec.id, record.pid, record.start_ticks)
        if process is None:
            await self._note_end_unseen()
            return
        self._hold(process)
        await self._change(pid=process.pid, start_ticks=process.start_ticks)
        await asyncio.to_thread(self.folder.trim_log)
        self._follow()

    async def reset(self, boots: int) -> None:
        """Like a press of the reset button. Recorded afterwards: a crash between repeats it."""
        await (await self._link()).execute("system_reset")
        self._lose_readiness()
        await self._change(boots=boots, ready=False)

    async def stop(self, graceful_s: float) -> None:
        """By the guest's own shutdown, then by QEMU's, then by the kernel's."""
        process = self._process
        if process is None:
            return
        self._stopping = True
        try:
            if graceful_s > 0 and await self._shut_down(process, graceful_s):
                return
            with contextlib.suppress(DriverUnavailable):
                await (await self._link()).execute("quit")
            if not await process.wait(QUIT_S):
                process.kill()
            if not await process.wait(KILL_S):
                raise DriverUnavailable(f"the process of {self.record.spec.id} cannot be ended")
        finally:
            if not self.running and self._follower is not None:
                await self._follower
            self._stopping = False

    async def _shut_down(self, process: GuestProcess, graceful_s: float) -> bool:
        """Presses the power button, and again: a guest that still boots does not notice it."""
        with contextlib.suppress(TimeoutError, DriverUnavailable):
            async with asyncio.timeout(graceful_s):
                while process.running:
                    await (await self._link()).execute("system_powerdown")
                    await process.wait(POWER_BUTTON_S)
        return not process.running

    async def let_go(self) -> None:
        """Forgets the guest, which runs on."""
        if self._follower is not None:
            self._follower.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._follower
        await self._drop()

    async def _note_end_unseen(self) -> None:
        crashed = await asyncio.to_thread(was_killed, self.folder.path)
        how = "was killed" if crashed else "ended"
        await self._note_stopped(f"the guest {how} while nobody watched", crashed=crashed)

    def _hold(self, process: GuestProcess) -> None:
        self._process = process
        self._shutdown_cause = ""
        self._resets = self._resets_drained = 0

    def _held(self) -> GuestProcess:
        if self._process is None:
            raise DriverUnavailable(f"guest {self.record.spec.id} is not running")
        return self._process

    async def _link(self) -> Monitor:
        """The monitor, connected anew where the connection was lost."""
        async with self._linking:
            if self._monitor is None or not self._monitor.connected:
                spec = self.record.spec
                self._monitor = await self._connect_or_end(to_uuid(spec.id))
            return self._monitor

    async def _connect_or_end(self, uuid: str) -> Monitor:
        """A process that ends meanwhile ends the wait."""
        process = self._held()
        connecting = asyncio.create_task(
            connect(self.folder.path, process.pid, uuid, self._on_event)
        )
        ending = asyncio.create_task(process.wait())
        try:
            await asyncio.wait({connecting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                raise DriverUnavailable("QEMU ended before its monitor answered")
            return connecting.result()
        finally:
            ending.cancel()
            connecting.cancel()

    def _on_event(self, name: str, data: dict[str, Any]) -> None:
        if name == "RESET":
            self._lose_readiness()
        elif name == "SHUTDOWN":
            self._shutdown_cause = data.get("reason", "")

    def _lose_readiness(self) -> None:
        self._resets += 1
        self._wake.set()
        if self.record.ready:
            self.record = msgspec.structs.replace(self.record, ready=False)
            self._on_change(self.facts())

    def _follow(self) -> None:
        name = f"guest {self.record.spec.id}"
        self._follower = asyncio.create_task(self._until_the_end(), name=name)

    async def _until_the_end(self) -> None:
        process = self._held()
        while process.running:
            try:
                monitor = await self._link()
                await self._set_going(monitor)
                await self._watch(monitor)
            except (DriverUnavailable, OSError):  # OSError: the record could not be written
                await process.wait(RECONNECT_S)
        await self._note_end()

    async def _set_going(self, monitor: Monitor) -> None:
        """A crash of ours between a process's start and `cont` leaves a guest that waits."""
        if (await monitor.execute("query-status"))["status"] == "prelaunch":
            await monitor.execute("cont")

    async def _watch(self, monitor: Monitor) -> None:
        """Until the connection ends: asks whether the guest is ready, then waits for a reset."""
        closing = asyncio.create_task(monitor.closed())
        closing.add_done_callback(lambda _: self._wake.set())
        polls = 0
        try:
            while monitor.connected:
                self._wake.clear()
                if self.record.ready:
                    await self._wake.wait()
                    await self._change()
                    polls = 0
                elif await self._hears_ready(monitor):
                    await self._change(ready=True)
                    self._on_change(self.facts())
                else:
                    polls += 1
                    late = polls > READY_POLLS_BEFORE_LATER
                    await self._clock.sleep(READY_POLL_LATER_S if late else READY_POLL_S)
        finally:
            closing.cancel()

    async def _hears_ready(self, monitor: Monitor) -> bool:
        """The first words read after a reset may be from before it: they do not count."""
        resets = self._resets
        heard = await monitor.execute("ringbuf-read", device=READY_CHARDEV, size=READY_BUFFER_BYTES)
        fresh = resets == self._resets == self._resets_drained
        self._resets_drained = resets
        return fresh and READY_WORD in heard

    async def _note_end(self) -> None:
        reason = "" if self._stopping else self._reason_of_end()
        crashed = not self._stopping and self._shutdown_cause != "guest-shutdown"
        await self._drop()
        with contextlib.suppress(OSError):  # a full disk; the next adoption finds out by itself
            await self._note_stopped(reason, crashed=crashed)
        if not self._stopping:
            self._on_change(self.facts())

    async def _note_stopped(self, reason: str, *, crashed: bool) -> None:
        await self._change(
            power=Power.STOPPED, ready=False, crashed=crashed, pid=None, reason=reason
        )
        await asyncio.to_thread(clear_leftovers, self.folder.path)

    def _reason_of_end(self) -> str:
        if self._shutdown_cause == "guest-shutdown":
            return "the guest shut down by itself"
        if self._shutdown_cause == "guest-panic":
            return "the guest's kernel panicked"
        if self._held().end_signal:
            return f"QEMU was ended by {self._held().end_signal}"
        words = last_words(self.folder.path)
        return f"QEMU ended: {words}" if words else "QEMU ended unexpectedly, without a word"

    async def _drop(self) -> None:
        if self._monitor is not None:
            await self._monitor.close()
            self._monitor = None
        if self._process is not None:
            self._process.let_go()
            self._process = None

    async def _change(self, **changes: Any) -> None:
        await self._save(msgspec.structs.replace(self.record, **changes))

    async def _save(self, record: Record) -> None:
        """One write at a time, and always of what is true by then."""
        self.record = record
        async with self._saving:
            await asyncio.to_thread(self.folder.save, self.record)
