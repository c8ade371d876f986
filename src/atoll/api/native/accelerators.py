"""Accelerators as types ask for them and hosts have them."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from atoll.api.native.wire import Wire
from atoll.domain.accelerators import COUNT_MAX, COUNT_MIN, KIND, Accelerators, Device


class AcceleratorsBody(Wire, kw_only=True):
    """A number of devices of one kind, for the exclusive use of one instance."""

    kind: Annotated[str, Meta(pattern=f"^{KIND.pattern}$")]
    count: Annotated[int, Meta(ge=COUNT_MIN, le=COUNT_MAX)] = 1


class DeviceOut(msgspec.Struct, kw_only=True):
    """`address` is the PCI address on the host."""

    kind: str
    address: str


class HostDeviceOut(DeviceOut, kw_only=True):
    """`used`: an instance holds the device."""

    used: bool


def parse(body: AcceleratorsBody | None) -> Accelerators | None:
    return None if body is None else Accelerators(kind=body.kind, count=body.count)


def show(wanted: Accelerators | None) -> AcceleratorsBody | None:
    return None if wanted is None else AcceleratorsBody(kind=wanted.kind, count=wanted.count)


def show_devices(devices: Sequence[Device]) -> list[DeviceOut]:
    return [DeviceOut(kind=one.kind, address=one.address) for one in devices]


def show_host_devices(devices: Sequence[Device], used: Sequence[str]) -> list[HostDeviceOut]:
    return [
        HostDeviceOut(kind=one.kind, address=one.address, used=one.address in used)
        for one in devices
    ]
