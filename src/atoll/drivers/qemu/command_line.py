"""The QEMU command line of a guest. Pure: no file, no process, no clock.

Called by `guest` when a guest starts. Every path is relative to the guest's folder, which is
QEMU's working directory: socket paths have at most 108 bytes, and the user of QEMU needs no access
to the folders above. User input is never formatted into an option.
"""

import json

import msgspec

from atoll.domain.ids import to_uuid
from atoll.drivers.qemu.devices import (
    SLOTS,
    Disk,
    Nic,
    Words,
    blockdev,
    netdev_option,
    nic_device,
    raw_node,
    root_device,
    volume_device,
)
from atoll.messages import GuestSpec

PROGRAM = "qemu-system-x86_64"
QMP_SOCKET = "qmp.sock"
RESCUE_SOCKET = "rescue.sock"
AGENT_SOCKET = "qga.sock"
VNC_SOCKET = "vnc.sock"
SERIAL_SOCKET = "serial.sock"
SOCKETS = (QMP_SOCKET, RESCUE_SOCKET, AGENT_SOCKET, VNC_SOCKET, SERIAL_SOCKET)
CONSOLE_LOG = "console.log"
SEED_FILE = "seed.iso"

AGENT_PORT = "agent"
READY_CHARDEV = "ready"
READY_PORT = "org.atoll.ready"
READY_BUFFER_BYTES = 1024

SEED_DEVICE = {"driver": "virtio-blk-pci", "id": "seed", "drive": "seed", "serial": "seed"}
FIRST_SPARE_ADDRESS = 0xF  # on the PCI bus, after all fixed devices
DISC_DEVICE: Words = {"driver": "ide-cd", "id": "disc", "drive": "disc", "bus": "ide.0"}
FIRST_ACCELERATOR_ADDRESS = 0x1C  # after the spare slots
FUNCTIONS = 8  # functions of one PCI slot, each a port
SMALL_GUEST_MIB = 256
VCPUS_MAX = 288  # of the q35 machine
SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """The boot configuration of a guest: its disks, the root volume first, its NICs, optionally
    the file of an ISO in its CD drive, and optionally a kernel."""

    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...] = ()
    disc: str | None = None
    kernel: str | None = None
    initrd: str | None = None
    cmdline: str | None = None


def marker(guest_id: str) -> str:
    """Return the argument that identifies the process of this guest."""
    return f"guest={guest_id}"


def command_line(guest: GuestSpec, boot: Boot, accelerator: str) -> list[str]:
    """Build the complete command line."""
    return [
        PROGRAM,
        *("-name", marker(guest.id), "-uuid", to_uuid(guest.id)),
        *("-nodefaults", "-no-user-config", "-S", "-sandbox", SANDBOX, "-msg", "timestamp=off"),
        *machine(guest, accelerator),
        *control(),
        *spare_slots(),
        *disks(boot),
        *nics(boot),
        *accelerators(guest),
        *console(),
        *guest_channels(),
        *panic_device(),
        *direct_boot(boot),
    ]


def machine(guest: GuestSpec, accelerator: str) -> list[str]:
    """No hotplug of memory or CPUs: `maxmem` makes a guest reserve 64 MiB of bounce buffers."""
    return [
        *("-machine", "q35,smm=off,vmport=off,dump-guest-core=off"),
        *("-accel", accel(accelerator, guest.memory_mib)),
        *("-cpu", cpu_model(accelerator)),
        *("-smp", str(guest.vcpus), "-m", f"{guest.memory_mib}M"),
        *("-rtc", "base=utc", "-boot", "strict=on"),
    ]


def accel(accelerator: str, memory_mib: int) -> str:
    """Limit the TCG translation buffer, which would grow to 1 GiB, more than most guests have."""
    if accelerator != "tcg":
        return accelerator
    buffer_mib = 32 if memory_mib <= SMALL_GUEST_MIB else 64
    return f"tcg,thread=multi,tb-size={buffer_mib}"


def cpu_model(accelerator: str) -> str:
    return "host" if accelerator == "kvm" else "max"


def control() -> list[str]:
    """Add two monitors, as each serves one client at a time: the second is for operators.

    Without `-no-shutdown`, QEMU exits when its guest powers off, which tells us. `-pidfile` is not
    used: QEMU resolves its path from the root, which its user may not be able to traverse.
    """
    return [
        *("-qmp", f"unix:{QMP_SOCKET},server=on,wait=off"),
        *("-qmp", f"unix:{RESCUE_SOCKET},server=on,wait=off"),
    ]


def disks(boot: Boot) -> list[str]:
    """Add the root volume, the seed, the other volumes, each in its slot, and an ISO. All use one
    syntax: QEMU creates devices given in JSON after all others, and the first one is
    `vda`."""
    root, *further = boot.disks
    pairs = [
        (blockdev(root), root_device(root)),
        (raw_node("seed", SEED_FILE), SEED_DEVICE),
        *((blockdev(disk), volume_device(disk)) for disk in further),
        *([(raw_node("disc", boot.disc), disc_device(boot))] if boot.disc else []),
    ]
    return [
        word
        for node, device in pairs
        for word in ("-blockdev", json.dumps(node), "-device", json.dumps(device))
    ]


def disc_device(boot: Boot) -> Words:
    """Add the CD drive: it boots before the root volume, unless the image brings a kernel."""
    return DISC_DEVICE if boot.kernel else DISC_DEVICE | {"bootindex": 0}


def nics(boot: Boot) -> list[str]:
    return [
        word
        for nic in boot.nics
        for word in ("-netdev", netdev_option(nic), "-device", json.dumps(nic_device(nic)))
    ]


def console() -> list[str]:
    """Add the serial port. Its output is always logged."""
    serial = f"socket,id=console,path={SERIAL_SOCKET},server=on,wait=off"
    return [
        *("-chardev", f"{serial},logfile={CONSOLE_LOG},logappend=on"),
        *("-serial", "chardev:console"),
        *("-vga", "std", "-display", "none", "-vnc", f"unix:{VNC_SOCKET}"),
    ]


def guest_channels() -> list[str]:
    """Add the guest agent, entropy, and the port on which a guest reports ready. QEMU reports when
    the agent's port is opened in the guest: then its operating system is running."""
    return [
        *("-device", "virtio-serial-pci"),
        *("-chardev", f"socket,id=qga,path={AGENT_SOCKET},server=on,wait=off"),
        *("-device", f"virtserialport,id={AGENT_PORT},chardev=qga,name=org.qemu.guest_agent.0"),
        *("-chardev", f"ringbuf,id={READY_CHARDEV},size={READY_BUFFER_BYTES}"),
        *("-device", f"virtserialport,chardev={READY_CHARDEV},name={READY_PORT}"),
        *("-object", "rng-random,id=rng0,filename=/dev/urandom"),
        *("-device", "virtio-rng-pci,rng=rng0"),
    ]


def panic_device() -> list[str]:
    """Add the device by which a guest's kernel tells of its panic. QEMU then exits, and the guest
    counts as crashed. It is on the ISA bus, so that PCI slots stay as they are."""
    return ["-device", "pvpanic"]


def spare_slots() -> list[str]:
    """Add PCIe ports for hotplug, because ports cannot be added later.

    They have no I/O space, which is too scarce for so many and not needed by virtio. Their slots
    come after those of the fixed devices, so that the root volume stays the first disk.
    """
    ports = [
        f"pcie-root-port,id={slot},chassis={number},addr={FIRST_SPARE_ADDRESS + number:#x}"
        for number, slot in enumerate(SLOTS, 1)
    ]
    return [word for port in ports for word in ("-device", f"{port},io-reserve=0")]


def accelerators(guest: GuestSpec) -> list[str]:
    """Add the host devices of this guest, each behind its own PCIe port, which GPU drivers
    expect."""
    words = []
    for number, device in enumerate(guest.devices):
        port, chassis = f"accelerator{number}", len(SLOTS) + 1 + number
        place, function = divmod(number, FUNCTIONS)
        address = f"{FIRST_ACCELERATOR_ADDRESS + place:#x}.{function:#x}"
        at = f"chassis={chassis},addr={address},multifunction=on"
        words += ["-device", f"pcie-root-port,id={port},{at},io-reserve=0"]
        words += ["-device", f"vfio-pci,host={device.address},bus={port}"]
    return words


def direct_boot(boot: Boot) -> list[str]:
    if boot.kernel is None:
        return []
    initrd = ["-initrd", boot.initrd] if boot.initrd else []
    cmdline = ["-append", boot.cmdline] if boot.cmdline else []
    return ["-kernel", boot.kernel, *initrd, *cmdline]
