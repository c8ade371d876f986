"""What a guest starts from: its image's kernel, its root volume, or a disc in its CD drive."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from atoll.domain import ids
from atoll.domain.errors import DriverRefused
from atoll.drivers.qemu.boot_medium import medium_of
from atoll.drivers.qemu.command_line import command_line
from atoll.messages import GuestSpec, Power, VolumeSpec
from tests.contract.drivers import READY_S, CopiedImages, QemuBench, new_id, qemu_bench
from tests.drivers.qemu.test_command_line import DIRECT, guest, options
from tests.support.discs import SAYS, make_disc

pytestmark = pytest.mark.anyio

FOLDER = Path("guests/inst")


@pytest.fixture
def images(tmp_path: Path) -> CopiedImages:
    """`img` is a disk with a kernel beside it; `starts` and `data` are discs."""
    built = tmp_path / "built"
    built.mkdir()
    for name in ("disk.qcow2", "vmlinuz", "initrd.img"):
        (built / name).touch()
    found = CopiedImages(tmp_path / "images", built, "quiet")
    found.put("img")
    found.put_disc("starts", make_disc(tmp_path / "starts.iso"))
    found.put_disc("data", make_disc(tmp_path / "data.iso", starts=False))
    return found


def test_without_a_disc_the_images_kernel_starts(images: CopiedImages, tmp_path: Path) -> None:
    assert medium_of(images, guest(), tmp_path / FOLDER) == {
        "kernel": "../../images/img/vmlinuz",
        "initrd": "../../images/img/initrd.img",
        "cmdline": "quiet",
    }


def test_a_disc_that_starts_a_machine_goes_before_the_kernel(
    images: CopiedImages, tmp_path: Path
) -> None:
    spec = replace(guest(), iso_id="starts")
    found = medium_of(images, spec, tmp_path / FOLDER)
    assert found == {"disc": "../../images/starts/disc.iso"}


def test_a_guest_of_no_image_starts_from_its_disk_or_its_disc(
    images: CopiedImages, tmp_path: Path
) -> None:
    spec = replace(guest(), image_id="")
    assert medium_of(images, spec, tmp_path / FOLDER) == {}
    found = medium_of(images, replace(spec, iso_id="data"), tmp_path / FOLDER)
    assert found == {"disc": "../../images/data/disc.iso"}


def test_another_disc_is_only_there(images: CopiedImages, tmp_path: Path) -> None:
    found = medium_of(images, replace(guest(), iso_id="data"), tmp_path / FOLDER)
    assert found["disc"] == "../../images/data/disc.iso"
    assert found["kernel"] == "../../images/img/vmlinuz"


def test_a_disc_that_is_not_on_the_host_is_refused(images: CopiedImages, tmp_path: Path) -> None:
    with pytest.raises(DriverRefused, match="image absent is not on this host"):
        medium_of(images, replace(guest(), iso_id="absent"), tmp_path / FOLDER)


def test_a_disc_is_read_only_and_looked_at_before_the_root_volume() -> None:
    boot = replace(DIRECT, disc="../../images/x/disc.iso", kernel=None)
    command = command_line(guest(), boot, "tcg")
    nodes = {node["node-name"]: node for node in map(json.loads, options(command, "-blockdev"))}
    assert (nodes["disc"]["driver"], nodes["disc"]["read-only"]) == ("raw", True)
    written = [json.loads(one) for one in options(command, "-device") if one.startswith("{")]
    order = {one["id"]: one["bootindex"] for one in written if "bootindex" in one}
    assert order["disc"] < order["root"]
    assert written[0]["id"] == "root", "the first disk is still vda"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[QemuBench]:
    built = await qemu_bench(tmp_path)
    yield built
    await built.end()


async def with_disc(bench: QemuBench, *, starts: bool) -> GuestSpec:
    iso_id = new_id(ids.IMAGE)
    bench.images.put_disc(iso_id, make_disc(bench.directory / "a.iso", starts=starts))
    return await bench.new_guest(iso_id=iso_id)


async def says(bench: QemuBench, spec: GuestSpec, text: str) -> None:
    """Returns when the guest has said so on its serial port."""
    async with asyncio.timeout(READY_S):
        while text.encode() not in await bench.driver.read_log(spec.id, 10_000):
            await asyncio.sleep(0.01)


@pytest.mark.qemu
async def test_a_guest_starts_from_a_disc_and_without_it_from_its_own_system(
    bench: QemuBench,
) -> None:
    spec = await with_disc(bench, starts=True)
    await bench.driver.ensure_running(spec)
    await says(bench, spec, SAYS)
    await bench.driver.ensure_stopped(spec.id, force=True)
    await bench.start_until_ready(replace(spec, iso_id=None, boots=2))
    find = "ls -d /sys/block/sr0 2>/dev/null || echo none"
    assert await bench.run_inside(spec, find) == "none"


@pytest.mark.qemu
async def test_with_a_disc_that_starts_nothing_a_guest_starts_its_own_system(
    bench: QemuBench,
) -> None:
    spec = await with_disc(bench, starts=False)
    await bench.start_until_ready(spec)
    assert await bench.run_inside(spec, "hostname") == "web-1"


@pytest.mark.qemu
async def test_a_machine_with_an_empty_disk_starts_from_its_disc(bench: QemuBench) -> None:
    spec = await with_disc(bench, starts=True)
    empty = VolumeSpec(id=new_id(ids.VOLUME), size_gib=1)
    await bench.driver.ensure_volume(empty)
    assert spec.iso_id is not None
    spec = replace(spec, root_volume_id=empty.id, image_id=spec.iso_id)
    facts = await bench.driver.ensure_running(spec)
    assert facts.power is Power.RUNNING
    await says(bench, spec, SAYS)
