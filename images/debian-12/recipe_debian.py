"""The recipe of debian-12: a full Debian with systemd, cloud-init and OpenSSH.

Run by `./build`. mmdebstrap makes the root file system, GRUB is laid out by hand, so that neither
a loop device nor a mount is needed; the disk starts under BIOS and UEFI. It starts from its own
disk, never by direct kernel boot: kernel upgrades inside the guest must take effect.
"""

import struct
from pathlib import Path

from recipe import (
    TIMESTAMP_S,
    Place,
    RecipeError,
    TemporaryError,
    convert,
    main,
    progress,
    require_tools,
    run,
    write_facts,
)

VERSION = "1"
SECTOR = 512
DISK_MIB = 1280
BIOS_FIRST, BIOS_SECTORS = 2048, 2048
EFI_FIRST, EFI_SECTORS = 4096, 32768
ROOT_FIRST = 36864
GPT_END_SECTORS = 2048  # room for the second partition table, in whole MiB
ROOT_PARTITION_UUID = "64656269-616e-4012-8000-61746f6c6c01"  # named in grub.cfg and fstab

PARTITIONS = f"""label: gpt
label-id: 64656269-616e-4012-8000-61746f6c6c00
14: start={BIOS_FIRST}, size={BIOS_SECTORS}, type=21686148-6449-6E6F-744E-656564454649
15: start={EFI_FIRST}, size={EFI_SECTORS}, type=U
1: start={ROOT_FIRST}, type=L, uuid={ROOT_PARTITION_UUID}
"""
FIND_ROOT = "search --no-floppy --label root --set=root\nset prefix=($root)/boot/grub\n"
GRUB_MODULES = (
    *("part_gpt", "ext2", "search", "search_label", "normal", "linux", "serial", "terminal"),
    *("boot", "configfile", "gzio"),
)
GRUB_LIBRARY = Path("/usr/lib/grub")

TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "sfdisk": "fdisk",
    "mke2fs": "e2fsprogs",
    "mformat": "mtools",
    "grub-mkimage": "grub-common",
    "qemu-img": "qemu-utils",
}
PACKAGES = (
    *("systemd-sysv", "systemd-resolved", "udev", "dbus", "libpam-systemd", "cloud-init"),
    *("cloud-guest-utils", "openssh-server", "linux-image-cloud-amd64", "initramfs-tools"),
    *("qemu-guest-agent", "iproute2", "iputils-ping", "e2fsprogs", "ca-certificates", "sudo"),
    *("less", "netbase", "procps", "kmod", "tzdata", "python3", "curl"),
)
DPKG_OPTIONS = (
    *("path-exclude=/usr/share/man/*", "path-exclude=/usr/share/locale/*"),
    *("path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright"),
)


def build(place: Place) -> None:
    require_tools(TOOLS)
    require_grub()
    raw = place.work / "disk.raw"
    progress(2, "laying out the disk")
    lay_out(raw)
    progress(5, "installing Debian packages into the root file system")
    install(place, raw)
    progress(65, "writing the boot loaders")
    make_bios_bootable(place, raw)
    make_efi_bootable(place, raw)
    progress(70, "compressing the disk")
    convert(raw, place.output / "disk.qcow2")
    write_facts(place.output, facts())


def facts() -> dict[str, str | int | None]:
    return {
        "name": "debian-12",
        "version": VERSION,
        "os": "Debian 12",
        "disk": "disk.qcow2",
        "kernel": None,
        "initrd": None,
        "cmdline": None,
        "disk_gib_min": 2,
        "memory_mib_min": 384,
    }


def require_grub() -> None:
    for platform, package in (("i386-pc", "grub-pc-bin"), ("x86_64-efi", "grub-efi-amd64-bin")):
        if not (GRUB_LIBRARY / platform).is_dir():
            raise RecipeError(
                f"GRUB for {platform} is not installed. Run: apt-get install {package}"
            )


def lay_out(raw: Path) -> None:
    """Root comes last, so that it can grow. Unprivileged, mmdebstrap works under other user ids."""
    with raw.open("wb") as disk:
        disk.truncate(DISK_MIB << 20)
    raw.chmod(0o666)
    raw.parent.chmod(0o755)
    run("sfdisk", "-q", raw, stdin=PARTITIONS)


def install(place: Place, raw: Path) -> None:
    """mmdebstrap in whatever mode this user may; the root file system goes straight to the disk."""
    size_kib = ((DISK_MIB << 20) // SECTOR - ROOT_FIRST - GPT_END_SECTORS) * SECTOR // 1024
    archives = place.cache / "debian-12"
    archives.mkdir(exist_ok=True)
    finish = f"'{place.recipe}/finish-root' \"$1\" '{place.recipe}/guest' '{raw}'"
    command = (
        *("mmdebstrap", "--mode=auto", "--variant=minbase", "--architectures=amd64"),
        *("--components=main", f"--include={','.join(PACKAGES)}", "--skip=essential/unlink"),
        *('--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"'),
        *(f"--dpkgopt={option}" for option in DPKG_OPTIONS),
        '--setup-hook=mkdir -p "$1/var/cache/apt/archives"',
        f"--setup-hook=sync-in '{archives}' /var/cache/apt/archives",
        f"--customize-hook=sync-out /var/cache/apt/archives '{archives}'",
        f"--customize-hook={finish} {ROOT_FIRST * SECTOR} {size_kib}",
        *("--format=null", "bookworm", "/dev/null"),
    )
    try:
        run(*command)
    except RecipeError as failure:
        raise TemporaryError(f"{failure}. Is the package server reachable?") from failure


def make_core(place: Place, platform: str, name: str, *modules: str) -> Path:
    """GRUB's own image, told to look for the root file system by its label."""
    early = place.work / "early.cfg"
    early.write_text(FIND_ROOT, encoding="ascii")
    core = place.work / name
    run(
        *("grub-mkimage", "-O", platform, "-o", core, "-p", "/boot/grub", "-c", early),
        *(*GRUB_MODULES, *modules),
    )
    return core


def make_bios_bootable(place: Place, raw: Path) -> None:
    """What grub-install does: boot.img into the first sector, core.img into its partition, and
    in each the place of what follows (offsets from GRUB's boot.S and diskboot.S)."""
    core = bytearray(make_core(place, "i386-pc", "core.img", "biosdisk").read_bytes())
    if len(core) > BIOS_SECTORS * SECTOR:
        raise RecipeError("GRUB's core image no longer fits its partition: raise BIOS_SECTORS")
    struct.pack_into("<Q", core, 0x1F4, BIOS_FIRST + 1)
    boot = (GRUB_LIBRARY / "i386-pc/boot.img").read_bytes()
    with raw.open("r+b") as disk:
        first = bytearray(disk.read(SECTOR))
        first[:440] = boot[:440]
        struct.pack_into("<Q", first, 0x5C, BIOS_FIRST)
        disk.seek(0)
        disk.write(first)
        disk.seek(BIOS_FIRST * SECTOR)
        disk.write(core)


def make_efi_bootable(place: Place, raw: Path) -> None:
    core = make_core(place, "x86_64-efi", "BOOTX64.EFI", "fat", "efi_gop")
    partition = f"{raw}@@{EFI_FIRST * SECTOR}"
    run("mformat", "-i", partition, "-T", str(EFI_SECTORS), "-N", f"{TIMESTAMP_S:08x}", "::")
    run("mmd", "-i", partition, "::/EFI", "::/EFI/BOOT")
    run("mcopy", "-i", partition, core, "::/EFI/BOOT/BOOTX64.EFI")


if __name__ == "__main__":
    main(Path(__file__).resolve().parent, build)
