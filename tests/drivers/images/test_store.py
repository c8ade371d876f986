"""The images of a host: whole or absent, from every kind of source, checked whatever they are."""

import asyncio
import hashlib
import os
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from atoll.domain.errors import DriverBusy, DriverRefused, DriverUnavailable
from atoll.domain.images import SourceKind
from tests.drivers.images.conftest import Host, MakeFetcher, ensure, image, make_qcow2, qemu_img
from tests.drivers.images.test_build import working_script

pytestmark = pytest.mark.anyio


def public(server: HTTPServer, path: str) -> str:
    return f"http://images.example:{server.port}{path}"


def content_of(disk: Path) -> bytes:
    raw = disk.parent.parent / "content.raw"
    qemu_img("convert", "-f", "qcow2", "-O", "raw", disk, raw)
    content = raw.read_bytes()
    raw.unlink()
    return content


async def test_a_recipe_becomes_an_image_with_its_kernel(host: Host, tmp_path: Path) -> None:
    host.write_recipe("small", working_script(tmp_path))
    async with host.opened() as store:
        facts = await ensure(store, image(SourceKind.RECIPE, "small"))
        boot = store.boot_of("img-1")
    assert facts.virtual_size_bytes == 4 << 20
    assert facts.size_bytes == boot.disk.stat().st_size
    assert facts.checksum == f"sha256:{hashlib.sha256(boot.disk.read_bytes()).hexdigest()}"
    assert boot.kernel is not None
    assert boot.kernel.read_text() == "kernel\n"
    assert (boot.initrd, boot.cmdline) == (None, "quiet")


async def test_every_store_of_a_machine_shares_what_was_built(host: Host, tmp_path: Path) -> None:
    host.write_recipe("small", working_script(tmp_path))
    for name in ("one", "two"):
        async with host.opened(name) as store:
            await ensure(store, image(SourceKind.RECIPE, "small"))
    assert (tmp_path / "runs").read_text() == "run\n"


async def test_a_url_becomes_an_image_of_our_own(host: Host, httpserver: HTTPServer) -> None:
    source = make_qcow2(host.folder / "source")
    data = source.read_bytes()
    httpserver.expect_request("/debian.qcow2").respond_with_data(data)
    checksum = f"sha512:{hashlib.sha512(data).hexdigest()}"
    url = public(httpserver, "/debian.qcow2")
    async with host.opened() as store:
        facts = await ensure(store, image(SourceKind.URL, url, checksum))
        boot = store.boot_of("img-1")
    assert facts.virtual_size_bytes == 4 << 20
    assert content_of(boot.disk) == content_of(source)
    assert (boot.kernel, boot.initrd, boot.cmdline) == (None, None, None)
    assert sorted(path.name for path in boot.disk.parent.iterdir()) == ["disk.qcow2", "facts.json"]


async def test_a_raw_file_of_the_host_becomes_a_qcow2(host: Host) -> None:
    raw = host.imports / "disk.raw"
    raw.write_bytes(b"x" * 512 + bytes((1 << 20) - 512))
    async with host.opened() as store:
        facts = await ensure(store, image(SourceKind.FILE, str(raw)))
        assert content_of(store.boot_of("img-1").disk) == raw.read_bytes()
    assert facts.virtual_size_bytes == 1 << 20


@pytest.mark.parametrize("name", ["disk.raw.zst", "disk.raw"])
async def test_a_compressed_disk_is_unpacked(host: Host, httpserver: HTTPServer, name: str) -> None:
    raw = host.folder / "raw"
    raw.write_bytes(b"x" * 512 + bytes((1 << 20) - 512))
    packed = zstd(raw).read_bytes()
    httpserver.expect_request(f"/{name}").respond_with_data(packed)
    checksum = f"sha256:{hashlib.sha256(packed).hexdigest()}"
    async with host.opened() as store:
        wanted = image(SourceKind.URL, public(httpserver, f"/{name}"), checksum)
        facts = await ensure(store, wanted)
        disk = store.boot_of("img-1").disk
    assert content_of(disk) == raw.read_bytes()
    assert facts.virtual_size_bytes == 1 << 20
    assert sorted(path.name for path in disk.parent.iterdir()) == ["disk.qcow2", "facts.json"]


async def test_a_compressed_qcow2_is_unpacked_too(host: Host) -> None:
    plain = make_qcow2(host.folder / "plain")
    zstd(plain).rename(host.imports / "a.qcow2.zst")
    async with host.opened() as store:
        await ensure(store, image(SourceKind.FILE, f"{host.imports}/a.qcow2.zst"))
        assert content_of(store.boot_of("img-1").disk) == content_of(plain)


async def test_an_image_is_read_only_and_closed_to_other_users(host: Host) -> None:
    make_qcow2(host.imports / "a.qcow2")
    async with host.opened() as store:
        await ensure(store, image(SourceKind.FILE, f"{host.imports}/a.qcow2"))
        disk = store.boot_of("img-1").disk
    assert stat.S_IMODE(disk.stat().st_mode) == 0o444
    assert stat.S_IMODE(disk.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(disk.parent.parent.stat().st_mode) == 0o700


async def test_an_image_outlives_its_source_and_the_process(host: Host) -> None:
    source = make_qcow2(host.imports / "a.qcow2")
    spec = image(SourceKind.FILE, str(source))
    async with host.opened() as store:
        facts = await ensure(store, spec)
    source.unlink()
    async with host.opened() as store:
        assert await store.ensure(spec) == facts


async def test_busy_says_how_far_it_is_and_there_is_one_task(host: Host, tmp_path: Path) -> None:
    waits = f"while [ ! -e '{tmp_path}/go' ]; do sleep 0.02; done"
    host.write_recipe("small", f"echo 'progress 40 half way'; {waits}; {working_script(tmp_path)}")
    spec = image(SourceKind.RECIPE, "small")
    async with host.opened() as store:
        async with asyncio.timeout(20):
            seen: set[tuple[float | None, str]] = set()
            while (40.0, "small: half way") not in seen:
                with pytest.raises(DriverBusy) as caught:
                    await store.ensure(spec)
                seen.add((caught.value.percent, caught.value.message))
        (tmp_path / "go").touch()
        await ensure(store, spec)
    assert (tmp_path / "runs").read_text() == "run\n"


async def test_a_failure_is_told_once_and_the_next_call_begins_anew(
    host: Host, httpserver: HTTPServer
) -> None:
    spec = image(SourceKind.URL, public(httpserver, "/a.qcow2"))
    async with host.opened() as store:
        httpserver.expect_ordered_request("/a.qcow2").respond_with_data(status=404)
        data = make_qcow2(host.folder / "source").read_bytes()
        httpserver.expect_ordered_request("/a.qcow2").respond_with_data(data)
        with pytest.raises(DriverRefused, match="404"):
            await ensure(store, spec)
        assert host.left_over() == []
        await ensure(store, spec)


def hostile_backing(folder: Path) -> Path:
    path = folder / "hostile.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-u", "-F", "raw", "-b", "/etc/passwd", path, "1M")
    return path


def hostile_vmdk(folder: Path) -> Path:
    path = folder / "hostile.img"
    path.write_bytes(
        b'# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\n'
        b'RW 8 FLAT "/etc/passwd" 0\n'
    )
    return path


def zstd(path: Path) -> Path:
    """The file, packed beside it."""
    subprocess.run(["zstd", "-q", path], check=True)
    return path.with_name(f"{path.name}.zst")


def hostile_truncated(folder: Path) -> Path:
    """Its tables are whole, its data is not: qemu-img convert alone would read zeros."""
    path = make_qcow2(folder / "hostile.qcow2", data_bytes=1 << 20)
    path.write_bytes(path.read_bytes()[: -(200 << 10)])
    return path


def hostile_size(folder: Path) -> Path:
    path = make_qcow2(folder / "hostile.qcow2")
    data = bytearray(path.read_bytes())
    data[24:32] = (1 << 60).to_bytes(8, "big")
    path.write_bytes(data)
    return path


def hostile_download_size(folder: Path) -> Path:
    path = folder / "hostile.raw"
    path.write_bytes(bytes(9 << 20))
    return path


def hostile_backing_packed(folder: Path) -> Path:
    return zstd(hostile_backing(folder))


def hostile_packing(folder: Path) -> Path:
    path = folder / "hostile.raw"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + b"no more than the first bytes" * 40)
    return path


def hostile_packing_cut_short(folder: Path) -> Path:
    path = zstd(make_qcow2(folder / "hostile.qcow2"))
    path.write_bytes(path.read_bytes()[:-100])
    return path


HOSTILE = {
    hostile_backing_packed: "has a backing file",
    hostile_packing: "is damaged or has another format",
    hostile_packing_cut_short: "is damaged or has another format",
    hostile_backing: "has a backing file",
    hostile_vmdk: "its format is vmdk",
    hostile_truncated: "is damaged or has another format",
    hostile_size: "has a virtual size of",
    hostile_download_size: "is larger than",
}


@pytest.mark.parametrize("make", HOSTILE)
@pytest.mark.parametrize("kind", [SourceKind.FILE, SourceKind.URL])
async def test_a_hostile_image_is_refused_and_leaves_nothing(
    host: Host, httpserver: HTTPServer, make: Callable[[Path], Path], kind: SourceKind
) -> None:
    path = make(host.imports)
    location = str(path)
    if kind is SourceKind.URL:
        httpserver.expect_request(f"/{path.name}").respond_with_data(path.read_bytes())
        location = public(httpserver, f"/{path.name}")
    async with host.opened() as store:
        with pytest.raises(DriverRefused, match=HOSTILE[make]):
            await ensure(store, image(kind, location))
        assert host.left_over() == []
        with pytest.raises(DriverRefused, match="not on this host"):
            store.boot_of("img-1")


async def test_a_changed_download_leaves_nothing(host: Host, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/a.qcow2").respond_with_data(b"changed")
    spec = image(SourceKind.URL, public(httpserver, "/a.qcow2"), "sha256:" + "0" * 64)
    async with host.opened() as store:
        with pytest.raises(DriverRefused, match="not sha256:000"):
            await ensure(store, spec)
    assert host.left_over() == []


async def test_closing_ends_what_is_on_its_way_and_leaves_nothing(host: Host) -> None:
    host.write_recipe("slow", "sleep 600")
    async with host.opened() as store:
        with pytest.raises(DriverBusy):
            await store.ensure(image(SourceKind.RECIPE, "slow"))
    assert host.left_over() == []


async def test_opening_removes_what_a_crash_left(host: Host) -> None:
    half = host.folder / "state" / "images" / ".work-crashed"
    half.mkdir(parents=True)
    (half / "disk.qcow2").write_bytes(b"half")
    async with host.opened():
        assert host.left_over() == []


async def test_removing_is_repeatable_and_ends_what_is_on_its_way(host: Host) -> None:
    make_qcow2(host.imports / "a.qcow2")
    host.write_recipe("slow", "sleep 600")
    async with host.opened() as store:
        await store.remove("img-1")
        await ensure(store, image(SourceKind.FILE, f"{host.imports}/a.qcow2"))
        await store.remove("img-1")
        await store.remove("img-1")
        with pytest.raises(DriverBusy):
            await store.ensure(image(SourceKind.RECIPE, "slow"))
        await store.remove("img-1")
        assert host.left_over() == []


async def test_a_damaged_image_is_noticed_by_the_next_process(host: Host) -> None:
    make_qcow2(host.imports / "a.qcow2")
    spec = image(SourceKind.FILE, f"{host.imports}/a.qcow2")
    async with host.opened() as store:
        await ensure(store, spec)
        disk = store.boot_of("img-1").disk
    disk.chmod(0o644)
    with disk.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"!")
    async with host.opened() as store:
        with pytest.raises(DriverRefused, match="damaged"):
            await store.ensure(spec)


@pytest.mark.parametrize("image_id", ["", "..", "../x", "a/b", ".work-1", "A"])
async def test_an_id_that_is_a_path_is_refused(host: Host, image_id: str) -> None:
    async with host.opened() as store:
        with pytest.raises(DriverRefused, match="not the id of an image"):
            await store.remove(image_id)


async def test_a_server_in_trouble_is_no_verdict_on_the_image(
    host: Host, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/a.qcow2").respond_with_data(status=503)
    async with host.opened() as store:
        with pytest.raises(DriverUnavailable):
            await ensure(store, image(SourceKind.URL, public(httpserver, "/a.qcow2")))


def test_the_kept_image_stands_alone(host: Host) -> None:
    """What qemu-img itself says of a kept image, as a second opinion on our own check."""

    async def keep() -> Path:
        async with host.opened() as store:
            await ensure(store, image(SourceKind.FILE, f"{host.imports}/a.qcow2"))
            return store.boot_of("img-1").disk

    make_qcow2(host.imports / "a.qcow2")
    disk = asyncio.run(keep())
    told = subprocess.run(
        ["qemu-img", "info", "-f", "qcow2", str(disk)], check=True, capture_output=True, text=True
    )
    assert "backing file" not in told.stdout


GROUP, STRANGER = 61_184, 65_534


@contextmanager
def passable_folder() -> Iterator[Path]:
    """pytest's own folders are closed to other users."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def may_read_from_outside(path: Path, group: int) -> bool:
    """As a user of this group alone."""
    user = f"--reuid={STRANGER}", f"--regid={group}", "--clear-groups"
    done = subprocess.run(["setpriv", *user, "--", "cat", path], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_images_are_read_by_the_group_of_qemu_and_by_no_other_user(
    make_fetcher: MakeFetcher,
) -> None:
    with passable_folder() as folder:
        host = Host(folder, make_fetcher())
        host.group = GROUP
        source = make_qcow2(host.imports / "disk.qcow2")
        async with host.opened() as store:
            await ensure(store, image(SourceKind.FILE, str(source)))
            disk = store.boot_of("img-1").disk
        assert may_read_from_outside(disk, GROUP)
        assert not may_read_from_outside(disk, STRANGER)
        for closed in (disk.parent, disk.parent.parent):
            closed.chmod(0o755)  # as an earlier version left them
        async with host.opened():
            assert not may_read_from_outside(disk, STRANGER)
