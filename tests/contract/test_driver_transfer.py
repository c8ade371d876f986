"""What every driver keeps to when a disk goes from one host to another: two of each kind."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from atoll.domain import ids
from atoll.domain.errors import DriverBusy, DriverRefused, DriverUnavailable
from atoll.drivers.simulator.transfer import checksum_of
from atoll.messages import (
    PIECE_BYTES,
    ExportFacts,
    ImportFacts,
    Parcel,
    ParcelKind,
    VolumeSpec,
    WriteImport,
)
from tests.contract.conftest import BENCH_NAMES, BENCHES
from tests.contract.drivers import Bench, QemuBench, new_id, qemu_bench

pytestmark = pytest.mark.anyio

BUSY_S = 30
T = TypeVar("T")


class Pair:
    """Two hosts, and what is between them."""

    def __init__(self, here: Bench, there: Bench) -> None:
        self.here = here
        self.there = there

    async def volume(self) -> Parcel:
        """Over an image, with something written on it."""
        spec = VolumeSpec(id=new_id(ids.VOLUME), size_gib=1, image=self.here.image)
        await self.here.driver.ensure_volume(spec)
        self.here.write_at_rest(spec.id, 7)
        return Parcel(kind=ParcelKind.VOLUME, id=spec.id, size_gib=1)

    async def snapshot(self) -> Parcel:
        """In the middle of a chain: what was written later is not part of it."""
        volume = await self.volume()
        facts = await self.here.take_snapshot(volume.id)
        self.here.write_at_rest(volume.id, 9)
        return Parcel(kind=ParcelKind.SNAPSHOT, id=facts.id, size_gib=1)

    async def laid_out(self, parcel: Parcel) -> ExportFacts:
        export_id = new_id(ids.OPERATION)
        return await patient(lambda: self.here.driver.ensure_export(export_id, parcel))

    async def piece(self, export: ExportFacts, offset: int) -> bytes:
        return await self.here.driver.read_export(export.id, offset, PIECE_BYTES)

    async def send(self, parcel: Parcel, export: ExportFacts, *, pieces: int = 1000) -> ImportFacts:
        """As the engine does: goes on where the other side stands."""
        facts = await self.there.driver.inspect_import(parcel)
        for _ in range(pieces):
            if facts.complete:
                break
            data = await self.piece(export, facts.size_bytes)
            facts = await self.write(parcel, export, facts.size_bytes, data)
        return facts

    async def write(
        self, parcel: Parcel, export: ExportFacts, offset: int, data: bytes
    ) -> ImportFacts:
        piece = piece_of(parcel, export, offset, data)
        return await patient(lambda: self.there.driver.write_import(piece))


def piece_of(parcel: Parcel, export: ExportFacts, offset: int, data: bytes) -> WriteImport:
    return WriteImport(
        parcel=parcel,
        size_bytes=export.size_bytes,
        checksum=export.checksum,
        offset=offset,
        data=data,
    )


async def patient(ask: Callable[[], Awaitable[T]]) -> T:
    """Asks until the driver is no longer busy."""
    async with asyncio.timeout(BUSY_S):
        while True:
            try:
                return await ask()
            except DriverBusy:
                await asyncio.sleep(0.02)


@pytest.fixture(params=BENCHES, ids=BENCH_NAMES)
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    benches = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        benches.append(await request.param(tmp_path / name))
    yield Pair(*benches)
    for bench in benches:
        await bench.end()


@pytest.mark.parametrize("kind", list(ParcelKind))
async def test_what_arrives_is_what_was_sent_under_another_id_too(
    pair: Pair, kind: ParcelKind
) -> None:
    parcel = await (pair.snapshot() if kind is ParcelKind.SNAPSHOT else pair.volume())
    export = await pair.laid_out(parcel)
    assert export.virtual_size_bytes == 2**30
    for target in (parcel, replace(parcel, id=new_id("x"))):
        facts = await pair.send(target, export)
        assert facts.complete
        assert facts.size_bytes > 0
        assert pair.there.read_at_rest(target) == pair.here.read_at_rest(parcel)
        assert await pair.there.driver.inspect_import(target) == facts


async def test_a_host_sends_to_itself_under_another_id(pair: Pair) -> None:
    """As where two regions are served by the same hosts."""
    snapshot = await pair.snapshot()
    twin = replace(snapshot, id=new_id("x"))
    to_itself = Pair(pair.here, pair.here)
    assert (await to_itself.send(twin, await to_itself.laid_out(snapshot))).complete
    held = pair.here.read_at_rest(snapshot)
    await pair.here.driver.remove_snapshot(snapshot.id)
    assert pair.here.read_at_rest(twin) == held


async def test_a_volume_is_made_of_a_snapshot_that_has_arrived(pair: Pair) -> None:
    snapshot = await pair.snapshot()
    await pair.send(snapshot, await pair.laid_out(snapshot))
    made = await pair.there.new_volume(size_gib=2, snapshot_id=snapshot.id)
    await pair.there.driver.remove_snapshot(snapshot.id)
    volume = Parcel(kind=ParcelKind.VOLUME, id=made.id, size_gib=2)
    if isinstance(pair.there, QemuBench):
        assert pair.there.read_at_rest(volume) == pair.here.read_at_rest(snapshot)
    await pair.there.driver.remove_volume(made.id)
    assert await pair.there.left_over() == []


async def test_a_volume_that_has_arrived_grows_and_has_snapshots(pair: Pair) -> None:
    volume = await pair.volume()
    await pair.send(volume, await pair.laid_out(volume))
    await pair.there.driver.ensure_volume(VolumeSpec(id=volume.id, size_gib=3))
    facts = await pair.there.take_snapshot(volume.id)
    assert facts.virtual_size_bytes == 3 * 2**30


async def test_a_file_that_is_broken_off_goes_on_where_it_was(pair: Pair) -> None:
    parcel = await pair.snapshot()
    export = await pair.laid_out(parcel)
    half = await pair.send(parcel, export, pieces=1)
    assert (half.size_bytes, half.complete) == (PIECE_BYTES, False)
    assert await pair.there.driver.inspect_import(parcel) == half
    assert (await pair.send(parcel, export)).complete


async def test_both_sides_may_be_taken_over_by_new_driver_objects_in_the_middle(
    pair: Pair,
) -> None:
    parcel = await pair.snapshot()
    export = await pair.laid_out(parcel)
    await pair.send(parcel, export, pieces=1)
    await pair.here.reopen()
    await pair.there.reopen()
    again = await patient(lambda: pair.here.driver.ensure_export(export.id, parcel))
    assert again == export
    assert (await pair.send(parcel, again)).complete
    assert pair.there.read_at_rest(parcel) == pair.here.read_at_rest(parcel)


async def test_a_piece_that_does_not_continue_the_file_changes_nothing(pair: Pair) -> None:
    parcel = await pair.snapshot()
    export = await pair.laid_out(parcel)
    first = await pair.piece(export, 0)
    assert (await pair.write(parcel, export, 10, first)).size_bytes == 0
    half = await pair.write(parcel, export, 0, first)
    for offset in (0, 1, PIECE_BYTES - 1, PIECE_BYTES + 1):
        assert await pair.write(parcel, export, offset, first) == half
    assert (await pair.send(parcel, export)).complete
    late = await pair.write(parcel, export, 0, first)
    assert late.complete, "a message that comes late does no harm"


async def test_pieces_of_another_file_begin_anew(pair: Pair) -> None:
    parcel = await pair.snapshot()
    export = await pair.laid_out(parcel)
    await pair.send(parcel, export, pieces=1)
    other = replace(export, checksum=checksum_of(b"another"))
    assert (await pair.write(parcel, other, PIECE_BYTES, b"more")).size_bytes == 0
    assert (await pair.send(parcel, export)).complete
    assert pair.there.read_at_rest(parcel) == pair.here.read_at_rest(parcel)


async def test_a_file_that_is_not_what_its_checksum_says_is_thrown_away(pair: Pair) -> None:
    parcel = await pair.snapshot()
    export = await pair.laid_out(parcel)
    wrong = replace(export, checksum=checksum_of(b"another"))
    with pytest.raises(DriverUnavailable, match="was damaged during the transfer"):
        await pair.send(parcel, wrong)
    assert await pair.there.driver.inspect_import(parcel) == ImportFacts(id=parcel.id)
    assert await pair.there.left_over() == []
    assert (await pair.send(parcel, export)).complete


@pytest.mark.parametrize("kind", list(ParcelKind))
async def test_what_is_not_there_cannot_be_sent(pair: Pair, kind: ParcelKind) -> None:
    missing = Parcel(kind=kind, id=new_id("x"), size_gib=1)
    before = await pair.here.left_over()
    with pytest.raises(DriverRefused, match="not on this host"):
        await pair.laid_out(missing)
    with pytest.raises(DriverUnavailable, match="ensure it again"):
        await pair.here.driver.read_export(new_id(ids.OPERATION), 0, 1)
    assert await pair.here.left_over() == before


async def test_a_volume_that_a_guest_has_stays(pair: Pair) -> None:
    guest = await pair.here.new_guest()
    await pair.here.driver.ensure_running(guest)
    parcel = Parcel(kind=ParcelKind.VOLUME, id=guest.root_volume_id, size_gib=1)
    with pytest.raises(DriverRefused, match="in use"):
        await pair.laid_out(parcel)


async def test_a_larger_disk_than_was_agreed_is_refused_and_thrown_away(pair: Pair) -> None:
    volume = await pair.volume()
    await pair.here.driver.ensure_volume(VolumeSpec(id=volume.id, size_gib=2))
    export = await pair.laid_out(replace(volume, size_gib=2))
    with pytest.raises(DriverRefused, match="is refused"):
        await pair.send(volume, export)
    assert await pair.there.left_over() == []


async def test_whatever_is_broken_off_can_be_removed_twice(pair: Pair) -> None:
    parcel = await pair.snapshot()
    before = await pair.here.left_over()
    export = await pair.laid_out(parcel)
    removals: list[Callable[[], Awaitable[Any]]] = [
        lambda: pair.there.driver.remove_import(parcel),
        lambda: pair.there.driver.remove_snapshot(parcel.id),
    ]
    for remove in removals:
        await pair.send(parcel, export, pieces=1)
        await remove()
        await remove()
        assert await pair.there.left_over() == []
    for _ in range(2):
        await pair.here.driver.remove_export(export.id)
    assert await pair.here.left_over() == before


@pytest.mark.parametrize("kind", list(ParcelKind))
async def test_what_is_laid_out_goes_with_what_it_is_of(pair: Pair, kind: ParcelKind) -> None:
    volume = await pair.volume()
    facts = await pair.here.take_snapshot(volume.id)
    snapshot = Parcel(kind=ParcelKind.SNAPSHOT, id=facts.id, size_gib=1)
    export = await pair.laid_out(volume if kind is ParcelKind.VOLUME else snapshot)
    driver = pair.here.driver
    if kind is ParcelKind.VOLUME:
        await driver.remove_volume(volume.id)
    else:
        await driver.remove_snapshot(snapshot.id)
    with pytest.raises(DriverUnavailable, match="ensure it again"):
        await driver.read_export(export.id, 0, 1)


async def test_to_give_up_an_import_leaves_what_is_complete(pair: Pair) -> None:
    parcel = await pair.snapshot()
    await pair.send(parcel, await pair.laid_out(parcel))
    await pair.there.driver.remove_import(parcel)
    assert (await pair.there.driver.inspect_import(parcel)).complete


@pytest.mark.qemu
async def test_a_disk_that_names_a_file_of_the_host_is_not_let_in(tmp_path: Path) -> None:
    bench = await qemu_bench(tmp_path)
    secret = b"/etc/passwd"
    header = bytearray(struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 512, len(secret), 16, 2**30))
    disk = bytes(header).ljust(512, b"\0") + secret + bytes(2**20)
    export = ExportFacts(
        id=new_id(ids.OPERATION),
        size_bytes=len(disk),
        checksum=checksum_of(disk),
        virtual_size_bytes=2**30,
    )
    parcel = Parcel(kind=ParcelKind.SNAPSHOT, id=new_id(ids.SNAPSHOT), size_gib=1)
    with pytest.raises(DriverRefused, match="passwd"):
        await Pair(bench, bench).write(parcel, export, 0, disk)
    assert await bench.left_over() == []
    await bench.end()


@pytest.mark.qemu
async def test_a_guest_finds_its_file_on_a_host_that_never_had_it(tmp_path: Path) -> None:
    benches = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        benches.append(await qemu_bench(tmp_path / name))
    here, there = benches
    guest = await here.new_guest()
    await here.start_until_ready(guest)
    await here.write_inside(guest, "carried over")
    facts = await here.take_snapshot(guest.root_volume_id)
    await here.driver.remove(guest.id)
    pair = Pair(here, there)
    parcel = Parcel(kind=ParcelKind.SNAPSHOT, id=facts.id, size_gib=1)
    assert (await pair.send(parcel, await pair.laid_out(parcel))).complete
    await here.end()
    await there.driver.ensure_image(replace(there.image, id=guest.image_id))
    root = await there.new_volume(snapshot_id=parcel.id)
    seed = replace(guest.seed, ssh_keys=(there.key_text,))
    copy = replace(guest, id=new_id(ids.INSTANCE), root_volume_id=root.id, seed=seed)
    await there.start_until_ready(copy)
    assert await there.read_inside(copy) == "carried over"
    await there.end()
