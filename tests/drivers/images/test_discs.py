"""Discs: what is let in, how they are kept, and which of them start a machine."""

import hashlib
from pathlib import Path

import pytest
from msgspec.structs import replace

from atoll.domain.errors import DriverRefused
from atoll.domain.images import ImageKind, SourceKind
from atoll.drivers.images.discs import can_be_started, check_disc
from tests.drivers.images.conftest import Host, ensure, image, make_qcow2
from tests.support.discs import make_disc

pytestmark = pytest.mark.anyio


def test_a_disc_is_let_in_and_its_size_is_that_of_the_file(tmp_path: Path) -> None:
    path = make_disc(tmp_path / "a.iso")
    assert check_disc(path, size_max_bytes=1 << 30) == path.stat().st_size


def test_only_a_disc_with_a_boot_record_starts_a_machine(tmp_path: Path) -> None:
    assert can_be_started(make_disc(tmp_path / "starts.iso"))
    assert not can_be_started(make_disc(tmp_path / "data.iso", starts=False))


def test_a_disk_is_not_let_in_as_a_disc(tmp_path: Path) -> None:
    with pytest.raises(DriverRefused, match="not an ISO 9660 file system"):
        check_disc(make_qcow2(tmp_path / "a"), size_max_bytes=1 << 30)


@pytest.mark.parametrize("size", [0, 100, 16 * 2048 + 3])
def test_what_is_cut_short_is_not_let_in(tmp_path: Path, size: int) -> None:
    path = make_disc(tmp_path / "a.iso")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DriverRefused, match="not an ISO 9660 file system"):
        check_disc(path, size_max_bytes=1 << 30)
    assert not can_be_started(path)


def test_a_disc_that_is_too_large_is_not_let_in(tmp_path: Path) -> None:
    with pytest.raises(DriverRefused, match="at most 1000 are allowed"):
        check_disc(make_disc(tmp_path / "a.iso"), size_max_bytes=1000)


async def test_a_host_keeps_a_disc_as_it_came_with_its_checksums(host: Host) -> None:
    data = make_disc(host.imports / "a.iso").read_bytes()
    spec = replace(image(SourceKind.FILE, f"{host.imports}/a.iso"), kind=ImageKind.ISO)
    async with host.opened() as store:
        facts = await ensure(store, spec)
        boot = store.boot_of(spec.id)
    assert boot.disk.read_bytes() == data
    assert (boot.kernel, boot.initrd, boot.cmdline) == (None, None, None)
    assert facts.checksum == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert facts.digests == {
        "md5": hashlib.md5(data).hexdigest(), "sha512": hashlib.sha512(data).hexdigest()
    }  # fmt: skip
    assert facts.size_bytes == facts.virtual_size_bytes == len(data)


async def test_a_disc_that_changed_on_the_host_is_refused(host: Host) -> None:
    make_disc(host.imports / "a.iso")
    spec = replace(image(SourceKind.FILE, f"{host.imports}/a.iso"), kind=ImageKind.ISO)
    async with host.opened() as store:
        await ensure(store, spec)
        kept = store.boot_of(spec.id).disk
    kept.chmod(0o644)
    kept.write_bytes(kept.read_bytes() + b"more")
    async with host.opened() as store:
        with pytest.raises(DriverRefused, match="its checksum has changed"):
            await store.ensure(spec)


async def test_no_recipe_makes_a_disc(host: Host) -> None:
    host.write_recipe("small", "exit 1")
    spec = replace(image(SourceKind.RECIPE, "small"), kind=ImageKind.ISO)
    async with host.opened() as store:
        with pytest.raises(DriverRefused, match="import the ISO from a URL or a file"):
            await ensure(store, spec)
