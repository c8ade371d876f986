"""Disk images looked at and written to without a guest, by QEMU's own tools."""

import json
import subprocess
from pathlib import Path
from typing import Any

KIB = 1024


def qemu_img(*arguments: str | Path) -> str:
    done = subprocess.run(["qemu-img", *map(str, arguments)], check=True, capture_output=True)
    return done.stdout.decode()


def info(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(qemu_img("info", "-U", "--output=json", path))
    return found


def write_pattern(path: Path, pattern: int, *, at_kib: int = 0, kib: int = 64) -> None:
    words = f"write -q -P {pattern} {at_kib}k {kib}k"
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", words, path], check=True, capture_output=True)


def write_content(path: Path, content: bytes, scratch: Path) -> None:
    """Bytes at the start of the disk, as a guest would write them."""
    scratch.write_bytes(content.ljust(-(-len(content) // 512) * 512, b"\0"))
    size = scratch.stat().st_size
    words = f"write -q -s {scratch} 0 {size}"
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", words, path], check=True, capture_output=True)


def content(path: Path, size_bytes: int) -> bytes:
    """The start of the disk, through all that it stands on."""
    raw = path.with_suffix(".raw")
    some = ["bs=4k", f"count={-(-size_bytes // 4096)}", f"if={path}", f"of={raw}"]
    qemu_img("dd", "-U", "-f", "qcow2", "-O", "raw", *some)
    found = raw.read_bytes()[:size_bytes]
    raw.unlink()
    return found
