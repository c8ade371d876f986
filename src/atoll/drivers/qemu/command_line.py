"""The QEMU command line of a guest. Pure: no file, no process, no clock.

Called by `guest` when a guest starts. Every path is relative to the guest's folder, which is
QEMU's working directory: a socket's path may have 108 bytes at most, and the folders above need
not be open to the user that QEMU runs as. What a user wrote never gets into an option's text.
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
FIRST_SPARE_ADDRESS = 0xF  # on the PCI bus, behind all fixed devices
DISC_DEVICE: Words = {"driver": "ide-cd", "id": "disc", "drive": "disc", "bus": "ide.0"}
FIRST_ACCELERATOR_ADDRESS = 0x1C  # behind the spare slots
FUNCTIONS = 8  # of one place on the bus, each a port
SMALL_GUEST_MIB = 256
VCPUS_MAX = 288  # of the q35 machine
SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """What a guest starts with, as QEMU is told: its disks, the root volume's first, its NICs,
    perhaps the file of a disc in its CD drive, and perhaps a kernel of its own."""

    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...] = ()
    disc: str | None = None
    kernel: str | None = None
    initrd: str | None = None
    cmdline: str | None = None


def marker(guest_id: str) -> str:
    """What tells this guest's process from all others: it stands in the process's arguments."""
    return f"guest={guest_id}"


def command_line(guest: GuestSpec, boot: Boot, accelerator: str) -> list[str]:
    """The whole command."""
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
    """The root volume, the seed, the further volumes, each in its slot, and a disc. All in one
    syntax: QEMU makes the devices that are written in JSON after all others, and the first is
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
    """The machine looks at it before it looks at the root volume, but for a kernel of its own."""
    return DISC_DEVICE if boot.kernel else DISC_DEVICE | {"bootindex": 0}


def nics(boot: Boot) -> list[str]:
    return [
        word
        for nic in boot.nics
        for word in ("-netdev", netdev_option(nic), "-device", json.dumps(nic_device(nic)))
    ]


def console() -> list[str]:
    """What the guest says on its serial port is logged whether or not anybody looks."""
    serial = f"socket,id=console,path={SERIAL_SOCKET},server=on,wait=off"
    return [
        *("-chardev", f"{serial},logfile={CONSOLE_LOG},logappend=on"),
        *("-serial", "chardev:console"),
        *("-vga", "std", "-display", "none", "-vnc", f"unix:{VNC_SOCKET}"),
    ]


def guest_channels() -> list[str]:
    """The guest agent, entropy, and the port on which a guest says that its boot is over. Of the
    agent's port QEMU tells when somebody in the guest opens it: then its system runs."""
    return [
        *("-device", "virtio-serial-pci"),
        *("-chardev", f"socket,id=qga,path={AGENT_SOCKET},server=on,wait=off"),
        *("-device", f"virtserialport,id={AGENT_PORT},chardev=qga,name=org.qemu.guest_agent.0"),
        *("-chardev", f"ringbuf,id={READY_CHARDEV},size={READY_BUFFER_BYTES}"),
        *("-device", f"virtserialport,chardev={READY_CHARDEV},name={READY_PORT}"),
        *("-object", "rng-random,id=rng0,filename=/dev/urandom"),
        *("-device", "virtio-rng-pci,rng=rng0"),
    ]


def spare_slots() -> list[str]:
    """PCIe ports for what may be unplugged or is plugged in later: they cannot be added later.

    Without I/O space, of which a machine has too little for so many, and virtio needs none. Their
    places come after those of the fixed devices, so that the root volume stays the first disk.
    """
    ports = [
        f"pcie-root-port,id={slot},chassis={number},addr={FIRST_SPARE_ADDRESS + number:#x}"
        for number, slot in enumerate(SLOTS, 1)
    ]
    return [word for port in ports for word in ("-device", f"{port},io-reserve=0")]


def accelerators(guest: GuestSpec) -> list[str]:
    """The host's devices that are this guest's, each behind a PCIe port of its own: drivers of
    graphics cards look for one."""
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
