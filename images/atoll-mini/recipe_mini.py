"""The recipe of atoll-mini: a guest of 20 MB that answers ssh some seconds after its start.

Run by `./build`. Debian's busybox, dropbear, resize2fs, guest agent and cloud kernel, and the
scripts in `guest/`. The disk is one ext4 without partitions, and the kernel is started directly:
no boot loader, and growing the root file system is one online `resize2fs`.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from binaries import needed_libraries, needed_modules, write_initrd
from recipe import (
    Place,
    RecipeError,
    convert,
    copy_tree,
    kernel_package,
    main,
    newest,
    progress,
    require_tools,
    run,
    set_times,
    unpack_packages,
    write_facts,
)

VERSION = "1"
DISK_MIB = 128
# Without the self-tests of ciphers, which take an emulated guest as long as a tenth of its boot.
CMDLINE = "root=/dev/vda console=tty0 console=ttyS0,115200 quiet cryptomgr.notests"

TOOLS = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "qemu-img": "qemu-utils",
}
PROGRAM_PACKAGES = (
    *("busybox-static", "dropbear-bin", "e2fsprogs", "qemu-guest-agent"),
    *("openssh-sftp-server", "openssh-client", "lua5.4", "lua-yaml"),
)
LIBRARY_PACKAGES = (
    *("libc6", "libcrypt1", "zlib1g", "libtomcrypt1", "libtommath1", "libgmp10"),
    *("libext2fs2", "libcom-err2", "libss2", "libblkid1", "libuuid1"),
    *("libglib2.0-0", "libudev1", "liburing2", "libpcre2-8-0", "libnuma1"),
    *("liblua5.4-0", "libyaml-0-2", "libreadline8", "libtinfo6"),
)
PROGRAMS = (
    *("usr/sbin/dropbear", "usr/bin/dropbearkey", "sbin/resize2fs", "usr/sbin/qemu-ga"),
    *("usr/lib/openssh/sftp-server", "usr/bin/scp", "usr/bin/lua5.4"),
    "usr/lib/x86_64-linux-gnu/lua/5.4/yaml.so",
)
MODULES_OF_INITRD = ("virtio_pci", "virtio_mmio", "virtio_blk")
MODULES = (
    *MODULES_OF_INITRD,
    *("virtio_net", "virtio_console", "virtio_rng", "virtio_balloon", "virtio_scsi", "sd_mod"),
    *("evdev", "button", "isofs", "sr_mod", "vfat", "nls_ascii", "nls_cp437", "nls_utf8"),
    *("ahci", "ata_piix", "qemu_fw_cfg", "acpiphp", "pciehp", "pvpanic_mmio"),
)
WGET_OPTIONS = b"^cqSO:o:P:Y:U:T:"
DIRECTORIES = (
    *("bin", "sbin", "etc/dropbear", "dev", "proc", "sys", "run", "home", "mnt", "opt", "srv"),
    *("var/log", "var/lib/atoll", "lib/modules", "lib64", "usr/bin", "usr/sbin", "usr/lib"),
)


def build(place: Place) -> None:
    require_tools(TOOLS)
    packages = place.work / "packages"
    root = place.work / "root"
    progress(5, "downloading Debian packages")
    names = [*PROGRAM_PACKAGES, *LIBRARY_PACKAGES, kernel_package()]
    unpack_packages(names, place.cache, packages)
    progress(55, "putting the guest together")
    make_root(packages, root, place.recipe / "guest")
    modules = copy_modules(packages, root)
    progress(70, "writing kernel and initrd")
    make_initrd(packages, modules, place)
    kernel = newest((packages / "boot").glob("vmlinuz-*"), "kernel")
    shutil.copyfile(kernel, place.output / "vmlinuz")
    progress(80, "writing the disk")
    make_disk(root, place)
    write_facts(place.output, facts())


def facts() -> dict[str, str | int | None]:
    return {
        "name": "atoll-mini",
        "version": VERSION,
        "os": "Debian 12 (busybox)",
        "disk": "disk.qcow2",
        "kernel": "vmlinuz",
        "initrd": "initrd.img",
        "cmdline": CMDLINE,
        "disk_gib_min": 1,
        "memory_mib_min": 96,
    }


def make_root(packages: Path, root: Path, guest: Path) -> None:
    for directory in DIRECTORIES:
        (root / directory).mkdir(parents=True, exist_ok=True)
    (root / "root").mkdir(mode=0o700)
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    copy_tree(guest, root)
    (root / "etc/shadow").chmod(0o600)
    install_busybox(packages / "bin/busybox", root)
    for program in PROGRAMS:
        copy_program(packages / program, root / program)
    copy_libraries(packages, root)
    shutil.copytree(packages / "usr/share/lua/5.4", root / "usr/share/lua/5.4")
    (root / "usr/lib/sftp-server").symlink_to("openssh/sftp-server")


def install_busybox(busybox: Path, root: Path) -> None:
    copy_program(busybox, root / "bin/busybox")
    (root / "bin/busybox").write_bytes(without_wget_crash(busybox.read_bytes()))
    for applet in run(busybox, "--list-full").split():
        link = root / applet
        if not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            up = os.path.relpath(root / "bin/busybox", link.parent)
            link.symlink_to(up)


def without_wget_crash(program: bytes) -> bytes:
    """Debian builds busybox without the timeout of wget, and `wget -T 3` crashes: + says that the
    value is a number to be stored, and there is no place for it. Without the +, the option is
    ignored. A busybox that declares its options in another way stays as it is."""
    start, plus, rest = program.partition(WGET_OPTIONS + b"+")
    if not plus:
        return program
    # The declaration has two parts, each with its end; it must not change its length.
    options, rule, after = rest.split(b"\0", 2)
    return b"".join((start, WGET_OPTIONS, options, b"\0", rule, b"\0\0", after))


def copy_program(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755)


def copy_libraries(packages: Path, root: Path) -> None:
    """Exactly the libraries that the programs ask for, and those that these ask for."""
    loader = packages / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    copy_program(loader.resolve(), root / "lib64/ld-linux-x86-64.so.2")
    directories = [packages / "lib/x86_64-linux-gnu", packages / "usr/lib/x86_64-linux-gnu"]
    waiting = [packages / program for program in PROGRAMS]
    while waiting:
        for name in needed_libraries(waiting.pop()):
            copy = root / "usr/lib" / name
            if copy.exists() or name.startswith("ld-linux"):
                continue
            source = next((d / name for d in directories if (d / name).exists()), None)
            if source is None:
                raise RecipeError(f"no package brings {name}: add its package to LIBRARY_PACKAGES")
            copy_program(source, copy)
            waiting.append(source)


def copy_modules(packages: Path, root: Path) -> dict[str, Path]:
    """Copies the modules that a virtual machine needs; answers all there are, by name."""
    release = newest((packages / "lib/modules").iterdir(), "kernel modules")
    available = {path.stem.replace("-", "_"): path for path in release.rglob("*.ko")}
    target = root / "lib/modules" / release.name
    for name in in_order_of_loading(MODULES, available):
        copy = target / available[name].relative_to(release)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(available[name], copy)
    for index in ("modules.builtin", "modules.order"):
        shutil.copyfile(release / index, target / index)
    run(packages / "bin/busybox", "depmod", "-b", root, release.name)
    return available


def in_order_of_loading(names: Iterable[str], available: dict[str, Path]) -> list[str]:
    """The modules with all that they need, each after what it needs. What is built into the
    kernel is no module, and left out."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name in ordered or name not in available:
            return
        for other in needed_modules(available[name]):
            visit(other.replace("-", "_"))
        ordered.append(name)

    for name in names:
        visit(name)
    return ordered


def make_initrd(packages: Path, modules: dict[str, Path], place: Place) -> None:
    root = place.work / "initrd"
    for directory in ("bin", "dev", "proc", "sys", "root", "lib"):
        (root / directory).mkdir(parents=True)
    copy_tree(place.recipe / "initrd", root)
    install_busybox_of_initrd(packages / "bin/busybox", root / "bin")
    order = in_order_of_loading(MODULES_OF_INITRD, modules)
    for name in order:
        shutil.copyfile(modules[name], root / "lib" / f"{name}.ko")
    (root / "lib/order").write_text("\n".join(order) + "\n", encoding="ascii")
    set_times(root)
    write_initrd(root, place.output / "initrd.img")


def install_busybox_of_initrd(busybox: Path, directory: Path) -> None:
    copy_program(busybox, directory / "busybox")
    for applet in ("sh", "cat", "mount", "insmod", "sleep", "switch_root", "findfs"):
        (directory / applet).symlink_to("busybox")


def make_disk(root: Path, place: Place) -> None:
    """`^resize_inode,meta_bg` lets the file system grow without limit; one inode for 32 KiB and
    lazy tables keep the growth to 80 GiB below a second; a small journal suffices a small guest."""
    set_times(root)
    raw = place.work / "disk.raw"
    with raw.open("wb") as disk:
        disk.truncate(DISK_MIB << 20)
    run(
        *("mke2fs", "-q", "-t", "ext4", "-L", "atoll-mini", "-m", "0", "-b", "4096", "-i", "32768"),
        *("-O", "^resize_inode,meta_bg", "-J", "size=4"),
        *("-U", "6d696e69-0000-4000-8000-61746f6c6c00"),
        *("-E", "root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1"),
        *("-d", root, raw),
    )
    if os.geteuid() != 0:
        give_to_root(root, raw)
    convert(raw, place.output / "disk.qcow2")


def give_to_root(root: Path, raw: Path) -> None:
    """mke2fs keeps the owner of each file, and an unprivileged builder owns them all."""
    commands = [
        f"set_inode_field /{path.relative_to(root)} {field} 0"
        for path in root.rglob("*")
        for field in ("uid", "gid")
    ]
    run("debugfs", "-w", "-f", "-", raw, stdin="\n".join(commands) + "\n")


if __name__ == "__main__":
    main(Path(__file__).resolve().parent, build)
