"""The QEMU command line of a guest. Pure: no file, no process, no clock.

Called by `qemu_guest` when a guest starts. Every path is relative to the guest's folder, which is
QEMU's working directory: a socket's path may have 108 bytes at most, and the folders above need
not be open to the user that QEMU runs as. What a user wrote never gets into an option's text.
"""

import json
from typing import Any

import msgspec

from atoll.domain.ids import to_uuid
from atoll.messages import GuestSpec

PROGRAM = "qemu-system-x86_64"
QMP_SOCKET = "qmp.sock"
RESCUE_SOCKET = "rescue.sock"
AGENT_SOCKET = "qga.sock"
VNC_SOCKET = "vnc.sock"
SOCKETS = (QMP_SOCKET, RESCUE_SOCKET, AGENT_SOCKET, VNC_SOCKET)
CONSOLE_LOG = "console.log"
SEED_FILE = "seed.iso"

READY_CHARDEV = "ready"
READY_PORT = "org.atoll.ready"
READY_BUFFER_BYTES = 1024

SPARE_SLOTS = 4
SMALL_GUEST_MIB = 256
VCPUS_MAX = 288  # of the q35 machine
SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """Where a guest starts from, as QEMU is told: a disk, its base, perhaps a kernel of its own."""

    disk: str
    base: str | None = None
    kernel: str | None = None
    initrd: str | None = None
    cmdline: str | None = None


def marker(guest_id: str) -> str:
    """What tells this guest's process from all others: it stands in the process's arguments."""
    return f"guest={guest_id}"


def command_line(guest: GuestSpec, boot: Boot, netdev: str, accelerator: str) -> list[str]:
    """The whole command. `netdev` is the network's word on the NIC (see `ports.PortWiring`)."""
    return [
        PROGRAM,
        *("-name", marker(guest.id), "-uuid", to_uuid(guest.id)),
        *("-nodefaults", "-no-user-config", "-S", "-sandbox", SANDBOX, "-msg", "timestamp=off"),
        *machine(guest, accelerator),
        *control(),
        *disks(boot),
        *("-netdev", f"{netdev},id=nic0"),
        *("-device", f"virtio-net-pci,netdev=nic0,mac={guest.nic.mac},romfile="),
        *console(),
        *guest_channels(),
        *spare_slots(),
        *direct_boot(boot),
    ]


def machine(guest: GuestSpec, accelerator: str) -> list[str]:
    """No spare memory or processors: `maxmem` alone makes a guest set 64 MiB aside for bounces."""
    return [
        *("-machine", "q35,smm=off,vmport=off,dump-guest-core=off"),
        *("-accel", accel(accelerator, guest.memory_mib)),
        *("-cpu", cpu_model(accelerator)),
        *("-smp", str(guest.vcpus), "-m", f"{guest.memory_mib}M"),
        *("-rtc", "base=utc", "-boot", "strict=on"),
    ]


def accel(accelerator: str, memory_mib: int) -> str:
    """TCG's translation buffer would grow to 1 GiB: more than most guests have themselves."""
    if accelerator != "tcg":
        return accelerator
    buffer_mib = 32 if memory_mib <= SMALL_GUEST_MIB else 64
    return f"tcg,thread=multi,tb-size={buffer_mib}"


def cpu_model(accelerator: str) -> str:
    return "host" if accelerator == "kvm" else "max"


def control() -> list[str]:
    """Two monitors, for each serves one client at a time: the second is for an operator's rescue.

    Without `-no-shutdown` QEMU ends when its guest powers off, and that is how we know. There is no
    `-pidfile`: QEMU resolves its path from the root, where its user may not be let through.
    """
    return [
        *("-qmp", f"unix:{QMP_SOCKET},server=on,wait=off"),
        *("-qmp", f"unix:{RESCUE_SOCKET},server=on,wait=off"),
    ]


def disks(boot: Boot) -> list[str]:
    """The root volume and the seed. Formats are named, so that no byte of a guest's decides them;
    the base is named, so that a later snapshot never commits into what others share."""
    root = blockdev("root", "qcow2", boot.disk, writable=True)
    root["backing"] = None if boot.base is None else blockdev("base", "qcow2", boot.base)
    return [
        *("-blockdev", json.dumps(root)),
        *("-device", "virtio-blk-pci,id=vda,drive=root,serial=root,bootindex=1"),
        *("-blockdev", json.dumps(blockdev("seed", "raw", SEED_FILE))),
        *("-device", "virtio-blk-pci,id=vdb,drive=seed,serial=seed"),
    ]


def blockdev(
    node_name: str, driver: str, filename: str, *, writable: bool = False
) -> dict[str, Any]:
    return {
        "driver": driver,
        "node-name": node_name,
        "read-only": not writable,
        "discard": "unmap",
        "file": {"driver": "file", "filename": filename, "discard": "unmap"},
    }


def console() -> list[str]:
    return [
        *("-chardev", f"file,id=console,path={CONSOLE_LOG},append=on"),
        *("-serial", "chardev:console"),
        *("-vga", "std", "-display", "none", "-vnc", f"unix:{VNC_SOCKET}"),
    ]


def guest_channels() -> list[str]:
    """The guest agent, entropy, and the port on which a guest says that its boot is over."""
    return [
        *("-device", "virtio-serial-pci"),
        *("-chardev", f"socket,id=qga,path={AGENT_SOCKET},server=on,wait=off"),
        *("-device", "virtserialport,chardev=qga,name=org.qemu.guest_agent.0"),
        *("-chardev", f"ringbuf,id={READY_CHARDEV},size={READY_BUFFER_BYTES}"),
        *("-device", f"virtserialport,chardev={READY_CHARDEV},name={READY_PORT}"),
        *("-object", "rng-random,id=rng0,filename=/dev/urandom"),
        *("-device", "virtio-rng-pci,rng=rng0"),
    ]


def spare_slots() -> list[str]:
    """Empty PCIe ports: what is plugged in later needs one, and they cannot be added later."""
    return [
        word
        for number in range(1, SPARE_SLOTS + 1)
        for word in ("-device", f"pcie-root-port,id=spare{number},chassis={number},slot={number}")
    ]


def direct_boot(boot: Boot) -> list[str]:
    if boot.kernel is None:
        return []
    initrd = ["-initrd", boot.initrd] if boot.initrd else []
    cmdline = ["-append", boot.cmdline] if boot.cmdline else []
    return ["-kernel", boot.kernel, *initrd, *cmdline]
