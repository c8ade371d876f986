"""The boot medium of a guest: the kernel of its image, its root volume, or an ISO.

Called by `driver.QemuDriver` when a guest starts.
"""

import os
from pathlib import Path
from typing import TypedDict

from atoll.drivers.images.discs import can_be_started
from atoll.drivers.qemu.volumes import Images
from atoll.messages import GuestSpec


class BootMedium(TypedDict, total=False):
    """Fields of `command_line.Boot`."""

    disc: str
    kernel: str
    initrd: str
    cmdline: str


def medium_of(images: Images, spec: GuestSpec, folder: Path) -> BootMedium:
    """Choose the medium, with paths relative to the guest's folder. A kernel is omitted if an ISO
    is bootable. Raises DriverRefused if an image is missing."""
    medium = BootMedium()
    if spec.iso_id is not None:
        disc = images.boot_of(spec.iso_id).disk
        medium["disc"] = os.path.relpath(disc, folder)
        if can_be_started(disc):
            return medium
    if not spec.image_id:
        return medium
    image = images.boot_of(spec.image_id)
    if image.kernel is not None:
        medium["kernel"] = os.path.relpath(image.kernel, folder)
    if image.initrd is not None:
        medium["initrd"] = os.path.relpath(image.initrd, folder)
    if image.cmdline is not None:
        medium["cmdline"] = image.cmdline
    return medium
