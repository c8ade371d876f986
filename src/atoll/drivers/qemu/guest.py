"""One guest on this host: starts, resets and stops it, follows its state, adopts it again.

Called by `driver.QemuDriver`, which serializes the verbs on a guest. A separate task
follows each running guest from start or adoption to the end of its process. It never reports an end
that was requested.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from atoll.domain.errors import DriverError, DriverUnavailable
from atoll.domain.ids import to_uuid
from atoll.domain.instances import Halt
from atoll.drivers.qemu import run_state
from atoll.drivers.qemu.block_nodes import plugged_disks
from atoll.drivers.qemu.command_line import AGENT_PORT, READY_BUFFER_BYTES, READY_CHARDEV
from atoll.drivers.qemu.devices import ROOT
from atoll.drivers.qemu.monitor import Monitor, connect
from atoll.drivers.qemu.process import (
    GuestProcess,
    boot_id,
    clear_leftovers,
    find,
    last_words,
    spawn,
    was_killed,
)
from atoll.drivers.qemu.record import GuestFolder, Record
from atoll.messages import GuestFacts, Power
from atoll.ports import Clock

READY_WORD = "ready"
READY_POLL_S = 0.1
READY_POLL_LATER_S = 1.0
READY_POLLS_BEFORE_LATER = 600
RECONNECT_S = 1.0
POWER_BUTTON_MS = 2000
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
        self._pressed_at_ms: int | None = None
        self._shutdown_cause = ""
        self._unplugged: dict[str, asyncio.Event] = {}
        self._resets = 0
        self._resets_drained = 0
        self._halt: Halt | None = None
        self._look_again = False
        self._unsaved = False
        self._retries = run_state.Retries()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def user(self) -> int | None:
        """The user of its process. Guests of an earlier version have none of their own."""
        return self.folder.owner if self.record.uid is None else self.record.uid

    @property
    def pid(self) -> int | None:
        """The process that is held, running or not."""
        return self._process.pid if self._process is not None else None

    def facts(self) -> GuestFacts:
        """Return what is recorded, and what QEMU last said of its run state, which is not: the disk
        may be full, and every connection asks again."""
        facts = self.record.facts()
        if self._halt is None or facts.power is not Power.RUNNING:
            return facts
        return msgspec.structs.replace(facts, ready=False, halt=self._halt)

    async def start(
        self, new: Record, command: Sequence[str], seed: bytes, descriptors: Sequence[int] = ()
    ) -> None:
        """Start the process. The record is written first, so that a process left by a crash is
        found. QEMU inherits the descriptors."""
        await asyncio.to_thread(self.folder.prepare, seed, new.uid)
        await asyncio.to_thread(clear_leftovers, self.folder.path)
        before = self.record
        await self._save(new)
        try:
            process = await spawn(self.folder.path, command, descriptors)
            self._hold(process)
            await self.change(pid=process.pid, start_ticks=process.start_ticks)
            await self.ask("cont")
        except (DriverError, OSError) as error:
            words = last_words(self.folder.path)
            await self._clean_up_after_failure(before)
            raise DriverUnavailable(
                f"QEMU did not start {new.spec.id}: {words or error}"
            ) from error
        except asyncio.CancelledError:
            await self._clean_up_after_failure(before)
            raise
        self._follow()

    async def _clean_up_after_failure(self, before: Record) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait(KILL_S)
        await self._drop()
        await self._save(
            msgspec.structs.replace(before, power=Power.STOPPED, booted=False, ready=False)
        )

    async def adopt(self) -> None:
        """Adopt the process of an earlier run, or record that it has ended."""
        if self.record.power is not Power.RUNNING:
            return
        record, path = self.record, self.folder.path
        if record.boot_id not in {"", boot_id()}:
            await self._note_stopped("the host was restarted", crashed=True)
            return
        process = await find(path, record.spec.id, record.pid, record.start_ticks)
        if process is None:
            await self._note_end_unseen()
            return
        self._hold(process)
        if (record.pid, record.start_ticks) != (process.pid, process.start_ticks):
            await self.change(pid=process.pid, start_ticks=process.start_ticks)
        await asyncio.to_thread(self.folder.trim_log)
        self._follow()

    async def reset(self, boots: int) -> None:
        """Reset the guest. Recorded afterwards: after a crash in between, it is repeated. On a full
        disk, the follower records it later."""
        await self.ask("system_reset")
        self._lose_readiness()
        with contextlib.suppress(OSError):
            await self.change(boots=boots, booted=False, ready=False)

    async def look(self) -> None:
        """Ask QEMU whether the guest executes, and report it if that has changed."""
        self._look_again = False
        halt = await run_state.halt_of(await self.monitor())
        if halt is Halt.NOT_STARTED:  # after a reset, or a crash of ours between start and `cont`
            halt = await run_state.go_on(await self.monitor(), halt)
        if halt is not self._halt:
            self._halt = halt
            self._on_change(self.facts())

    async def go_on(self) -> None:
        """Make a guest execute that is powered on and does not. One that a full disk has paused
        waits for space."""
        await self.look()
        halt, folder = self._halt, self.folder.path
        if halt is None:
            return
        if halt is Halt.DISK_FULL and not await asyncio.to_thread(run_state.has_room, folder):
            return
        await run_state.go_on(await self.monitor(), halt)
        await self.look()

    async def press_power_button(self) -> None:
        """Request a clean shutdown. A booting guest ignores it; repeated requests are limited.
        From now on, the end of the guest counts as requested."""
        now_ms, pressed_at_ms = self._clock.now_ms(), self._pressed_at_ms
        just_now = pressed_at_ms is not None and now_ms - pressed_at_ms < POWER_BUTTON_MS
        if just_now or not self.running:
            return
        self._pressed_at_ms = now_ms
        if not self.record.asked_to_stop:
            await self.change(asked_to_stop=True)
        with contextlib.suppress(DriverUnavailable):
            await self.ask("system_powerdown")

    async def want_running(self) -> None:
        """Withdraw a request to stop."""
        if self.record.asked_to_stop:
            self._pressed_at_ms = None
            await self.change(asked_to_stop=False)

    async def stop(self) -> None:
        """Power off: by QEMU itself, then by killing the process."""
        process = self._process
        if process is None:
            return
        self._stopping = True
        try:
            with contextlib.suppress(DriverUnavailable):
                await self.ask("quit")
            if not await process.wait(QUIT_S):
                process.kill()
            if not await process.wait(KILL_S):
                raise DriverUnavailable(f"the process of {self.record.spec.id} cannot be killed")
        finally:
            if not self.running and self._follower is not None:
                await self._follower
            self._stopping = False

    def device_of(self, volume_id: str) -> str:
        """Return the device name of a volume of this guest."""
        return ROOT if volume_id == self.record.spec.root_volume_id else volume_id

    async def unplug(self, device: str, timeout_s: float) -> None:
        """Request the guest to release a device, and wait. Can be repeated."""
        gone = self._unplugged.setdefault(device, asyncio.Event())
        try:
            await (await self.monitor()).try_to("device_del", id=device)
            async with asyncio.timeout(timeout_s):
                await gone.wait()
        except TimeoutError:
            return
        finally:
            self._unplugged.pop(device, None)

    async def ask(self, command: str, **arguments: Any) -> Any:
        """Send a command to QEMU. Raises DriverUnavailable, also if it is not running."""
        return await (await self.monitor()).execute(command, **arguments)

    async def let_go(self) -> None:
        """Release the guest, which keeps running."""
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
        self._pressed_at_ms = None
        self._resets = self._resets_drained = 0
        self._halt = None

    def _held(self) -> GuestProcess:
        if self._process is None:
            raise DriverUnavailable(f"guest {self.record.spec.id} is not running")
        return self._process

    async def monitor(self) -> Monitor:
        """Return the monitor; reconnect if the connection was lost."""
        async with self._linking:
            if self._monitor is None or not self._monitor.connected:
                spec = self.record.spec
                self._monitor = await self._connect_or_end(to_uuid(spec.id))
            return self._monitor

    async def _connect_or_end(self, uuid: str) -> Monitor:
        """Connect, or stop waiting if the process ends."""
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
        if name in run_state.EVENTS:
            self._look_again = True
            self._wake.set()
        if name == "RESET":
            self._lose_readiness()
        elif name == "SHUTDOWN":
            self._shutdown_cause = data.get("reason", "")
        elif name == "VSERPORT_CHANGE" and data["id"] == AGENT_PORT and data["open"]:
            self.record = msgspec.structs.replace(self.record, booted=True)
            self._unsaved = True
            self._on_change(self.facts())
        elif name == "DEVICE_DELETED" and data.get("device") in self._unplugged:
            self._unplugged[data["device"]].set()

    def _lose_readiness(self) -> None:
        self._resets += 1
        self._wake.set()
        if self.record.booted or self.record.ready:
            self.record = msgspec.structs.replace(self.record, booted=False, ready=False)
            self._unsaved = True
            self._on_change(self.facts())

    def _follow(self) -> None:
        name = f"guest {self.record.spec.id}"
        self._follower = asyncio.create_task(self._until_the_end(), name=name)

    async def _until_the_end(self) -> None:
        process = self._held()
        while process.running:
            try:
                monitor = await self.monitor()
                await self.look()
                await self.note_volumes(monitor)
                await self._watch(monitor)
            except (DriverUnavailable, OSError):  # OSError: the record could not be written
                await process.wait(RECONNECT_S)
        await self._note_end()

    async def note_volumes(self, monitor: Monitor) -> None:
        """Record the volumes that QEMU has, in the order of the specification."""
        disks = await plugged_disks(monitor)
        wished = [volume for volume in self.record.spec.volumes if volume in disks]
        others = [volume for volume in disks if volume not in {ROOT, *wished}]
        found = (*wished, *others)
        if found != self.record.volumes:
            await self.change(volumes=found)

    async def _watch(self, monitor: Monitor) -> None:
        """Until the connection ends: wait for ready, then for a reset; and follow the run state."""
        closing = asyncio.create_task(monitor.closed())
        closing.add_done_callback(lambda _: self._wake.set())
        polls = 0
        try:
            while monitor.connected:
                self._wake.clear()
                if self._look_again:
                    await self.look()
                elif self._halt is Halt.DISK_FULL:
                    await self._await_room(monitor)
                elif self._unsaved:
                    await self.change()
                elif self.record.ready or self._halt is not None:
                    await self._wake.wait()
                    polls = 0
                elif await self._hears_ready(monitor):
                    try:
                        await self.change(ready=True)
                    finally:
                        self._on_change(self.facts())
                else:
                    polls += 1
                    late = polls > READY_POLLS_BEFORE_LATER
                    await self._clock.sleep(READY_POLL_LATER_S if late else READY_POLL_S)
        finally:
            closing.cancel()

    async def _await_room(self, monitor: Monitor) -> None:
        """Resume the guest if the disk has space, after a pause or as soon as something happens."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), self._retries.pause_s)
            return
        if await asyncio.to_thread(run_state.has_room, self.folder.path):
            self._retries.note(asyncio.get_running_loop().time())
            await monitor.try_to("cont")
            await self.look()

    async def _hears_ready(self, monitor: Monitor) -> bool:
        """Wait for ready. The first output after a reset may be older, and is ignored."""
        resets = self._resets
        heard = await monitor.execute("ringbuf-read", device=READY_CHARDEV, size=READY_BUFFER_BYTES)
        fresh = resets == self._resets == self._resets_drained
        self._resets_drained = resets
        return fresh and READY_WORD in heard

    async def _note_end(self) -> None:
        asked = self._stopping or self.record.asked_to_stop
        reason = "" if asked else self._reason_of_end()
        crashed = not asked and self._shutdown_cause != "guest-shutdown"
        await self._drop()
        with contextlib.suppress(OSError):  # disk full; the next adoption detects the state
            await self._note_stopped(reason, crashed=crashed)
        if not asked:
            self._on_change(self.facts())

    async def _note_stopped(self, reason: str, *, crashed: bool) -> None:
        asked = self.record.asked_to_stop
        await self.change(
            power=Power.STOPPED,
            booted=False,
            ready=False,
            crashed=crashed and not asked,
            pid=None,
            reason="" if asked else reason,
            volumes=(),
            asked_to_stop=False,
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

    async def change(self, **changes: Any) -> None:
        await self._save(msgspec.structs.replace(self.record, **changes))

    async def _save(self, record: Record) -> None:
        """Save the record: one write at a time, always of the current state."""
        self.record = record
        async with self._saving:
            self._unsaved = False
            try:
                await asyncio.to_thread(self.folder.save, self.record)
            except OSError:
                self._unsaved = True
                raise
