"""Tests whether KVM really works on this host, by running a guest.

Called once when a host starts. On some machines /dev/kvm opens, virtual machines can be created and
the firmware runs, but Linux never boots. The test is therefore a probe guest that must reach 64-bit
paging and report it. The result is stored in a file, because the probe takes up to a few
seconds.
"""

import asyncio
import os
import struct
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from atoll.drivers.qemu.command_line import PROGRAM, cpu_model
from atoll.drivers.qemu.process import Privileges, find_program, supplementary_groups

VERDICT_FILE = "accelerator.json"
KVM = Path("/dev/kvm")
CPU_FLAGS = ("vmx", "svm")
KVM_MODULES = ("kvm_intel", "kvm_amd")
PROBE_S = 1.0
PROBE_EXIT_CODE = 99  # isa-debug-exit: the exit code is the written value times two, plus one
SECTOR_BYTES = 512
PROBE_DISK_BYTES = 1024 * 1024


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """`reason` is a sentence that explains why this host is slow."""

    accelerator: str
    emulated: bool
    reason: str


class RememberedResult(msgspec.Struct, frozen=True):
    key: str
    verdict: ProbeResult


async def probe(state_dir: Path, guest_uid: int | None) -> ProbeResult:
    """Return the result, from the file if kernel and QEMU have not changed. Raises DriverRefused
    if QEMU is not installed."""
    key = await asyncio.to_thread(identity, guest_uid)
    file = state_dir / VERDICT_FILE
    known = await asyncio.to_thread(recall, file)
    if known is not None and known.key == key:
        return known.verdict
    verdict = await judge(guest_uid)
    await asyncio.to_thread(remember, file, RememberedResult(key, verdict))
    return verdict


def identity(guest_uid: int | None) -> str:
    """Return a key that changes whenever the verdict may change."""
    qemu = Path(find_program(PROGRAM))
    stat, system = qemu.stat(), os.uname()
    return " ".join(
        [
            *(system.release, system.version, str(qemu), str(stat.st_mtime_ns), str(stat.st_size)),
            *(f"uid={guest_uid}", f"kvm={KVM.exists()}", f"flag={has_cpu_flag()}"),
        ]
    )


def recall(file: Path) -> RememberedResult | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=RememberedResult)
    except (OSError, msgspec.DecodeError):
        return None


def remember(file: Path, verdict: RememberedResult) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.encode(verdict))


async def judge(guest_uid: int | None) -> ProbeResult:
    obstacle = await asyncio.to_thread(find_obstacle)
    if obstacle is None:
        privileges = Privileges(uid=guest_uid, groups=supplementary_groups("kvm", guest_uid))
        obstacle = await run_probe("kvm", privileges, PROBE_S)
    if obstacle is None:
        return ProbeResult(accelerator="kvm", emulated=False, reason="a probe guest ran under KVM")
    return ProbeResult(accelerator="tcg", emulated=True, reason=f"guests are emulated: {obstacle}")


def find_obstacle() -> str | None:
    """Find a reason why KVM cannot work, without running a guest."""
    if not KVM.exists():
        return "this host has no /dev/kvm"
    if not has_cpu_flag():
        return "the processor shows neither vmx nor svm (enable virtualisation, or nesting)"
    if not any(Path("/sys/module", module).exists() for module in KVM_MODULES):
        return "neither kvm_intel nor kvm_amd is loaded"
    if not os.access(KVM, os.R_OK | os.W_OK):
        return "/dev/kvm is closed to this user: add the user to the group kvm"
    return None


def has_cpu_flag() -> bool:
    text = Path("/proc/cpuinfo").read_text()
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return any(flag in flags.split() for flag in CPU_FLAGS)


async def run_probe(accelerator: str, privileges: Privileges, limit_s: float) -> str | None:
    """Run the probe guest with the CPU of real guests; None if it succeeds."""
    disk = await asyncio.to_thread(write_probe_disk)
    started = time.monotonic()
    try:
        code, said = await run(privileges.wrap(probe_command(accelerator, disk)), limit_s)
    finally:
        disk.unlink()
    if code == PROBE_EXIT_CODE:
        return None
    if code is None:
        return f"a probe guest under {accelerator} was not through after {limit_s:g} s"
    waited_s = time.monotonic() - started
    return f"a probe guest under {accelerator} ended with {code} after {waited_s:.1f} s. {said}"


async def run(command: Sequence[str], limit_s: float) -> tuple[int | None, str]:
    """Return the exit code (None after a timeout) and the last line of output."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(limit_s):
            _, stderr = await process.communicate()
    except TimeoutError:
        return None, ""
    finally:  # also if it is cancelled
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return process.returncode, stderr.decode(errors="replace").strip().rpartition("\n")[2]


def probe_command(accelerator: str, disk: Path) -> list[str]:
    return [
        *(PROGRAM, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", "q35", "-accel", accelerator, "-cpu", cpu_model(accelerator), "-m", "32"),
        *("-blockdev", f"driver=file,node-name=file,filename={disk},read-only=on"),
        *("-blockdev", "driver=raw,node-name=disk,file=file,read-only=on"),
        *("-device", "virtio-blk-pci,drive=disk,bootindex=0"),
        *("-device", "isa-debug-exit,iobase=0xf4,iosize=4"),
    ]


def write_probe_disk() -> Path:
    descriptor, name = tempfile.mkstemp(prefix="atoll-probe-", suffix=".img")
    with os.fdopen(descriptor, "wb") as file:
        file.write(boot_sector().ljust(PROBE_DISK_BYTES, b"\0"))
    path = Path(name)
    path.chmod(0o644)
    return path


def boot_sector() -> bytes:
    """Switch from real mode to long mode with paging, loop a million times, run CPUID, and exit.

    Hand-written machine code, so that the host needs no assembler. Comments are NASM.
    """
    origin = 0x7C00
    code = bytearray.fromhex(
        "fa 31c0 8ed8 8ec0 8ed0 bc007c"  # cli; xor ax,ax; mov ds,ax; es; ss; mov sp,0x7c00
        "bf0010 b90018 f3ab"  # mov di,0x1000; mov cx,0x1800; rep stosw: three page tables
        "c7060010 0320"  # mov word [0x1000],0x2003: top level
        "c7060020 0330"  # mov word [0x2000],0x3003: second
        "c7060030 8300"  # mov word [0x3000],0x0083: one page of 2 MiB
        "66b8a0000000 0f22e0"  # mov eax,0xa0; mov cr4,eax: PAE, PGE
        "66b800100000 0f22d8"  # mov eax,0x1000; mov cr3,eax
        "66b9800000c0 0f32 660d00010000 0f30"  # EFER: long mode enable
    )
    gdt_operand = len(code) + 3
    code += bytes.fromhex("0f0116 0000")  # lgdt [gdt_pointer]
    code += bytes.fromhex("66b811000080 0f22c0")  # mov eax,0x80000011; mov cr0,eax: PG, PE
    code += b"\x66\xea" + struct.pack("<IH", origin + len(code) + 8, 8)  # jmp dword 8:long_mode
    code += bytes.fromhex(
        "48c7c140420f00 48ffc9 75fb"  # mov rcx,1000000; dec rcx; jnz
        "31c0 0fa2"  # xor eax,eax; cpuid
        "b031 e6f4"  # mov al,49; out 0xf4,al: QEMU ends with 99
        "f4 ebfd"  # hlt; jmp back
    )
    code += b"\x90" * (-len(code) % 8)
    gdt = origin + len(code)
    code += struct.pack("<QQ", 0, 0x00AF9A000000FFFF)  # null, 64-bit code
    struct.pack_into("<H", code, gdt_operand, origin + len(code))
    code += struct.pack("<HI", 15, gdt)
    return bytes(code).ljust(SECTOR_BYTES - 2, b"\0") + b"\x55\xaa"
