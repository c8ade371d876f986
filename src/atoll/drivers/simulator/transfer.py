"""Transfers between simulated hosts: a record instead of a file, long enough for several pieces.

Called by the simulator. Transfers do not outlive the process: they restart.
"""

import hashlib

import msgspec

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.messages import (
    ExportFacts,
    ImportFacts,
    Parcel,
    SnapshotFacts,
    VolumeSpec,
    WriteImport,
)

GIB = 2**30
FILE_BYTES = 2**20 + 2**19


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of a simulated disk: its size and its source."""

    virtual_size_bytes: int
    volume: VolumeSpec | None = None
    snapshot: SnapshotFacts | None = None


class Arrival(msgspec.Struct, kw_only=True):
    size_bytes: int
    checksum: str
    data: bytes = b""


class Export(msgspec.Struct, frozen=True, kw_only=True):
    parcel_id: str
    data: bytes


class SimulatedTransfers:
    def __init__(self) -> None:
        self.exports: dict[str, Export] = {}
        self.arrivals: dict[str, Arrival] = {}

    def ensure_export(self, export_id: str, parcel: Parcel, content: Content) -> ExportFacts:
        if export_id not in self.exports:
            data = msgspec.json.encode(content).ljust(FILE_BYTES, b" ")
            self.exports[export_id] = Export(parcel_id=parcel.id, data=data)
        data = self.exports[export_id].data
        return ExportFacts(
            id=export_id,
            size_bytes=len(data),
            checksum=checksum_of(data),
            virtual_size_bytes=content.virtual_size_bytes,
        )

    def read_export(self, export_id: str, offset: int, bytes_max: int) -> bytes:
        if export_id not in self.exports:
            raise DriverUnavailable(f"export {export_id} is not on this host: ensure it again")
        return self.exports[export_id].data[offset : offset + bytes_max]

    def forget(self, parcel_id: str) -> None:
        """Forget the parcel."""
        self.arrivals.pop(parcel_id, None)
        for export_id, export in list(self.exports.items()):
            if export.parcel_id == parcel_id:
                del self.exports[export_id]

    def inspect_import(self, parcel: Parcel) -> ImportFacts:
        arrival = self.arrivals.get(parcel.id)
        return ImportFacts(id=parcel.id, size_bytes=len(arrival.data) if arrival else 0)

    def write_import(self, piece: WriteImport) -> Content | None:
        """Return the arrived contents, once complete."""
        parcel, file = piece.parcel, (piece.size_bytes, piece.checksum)
        arrival = self.arrivals.get(parcel.id)
        if arrival is None or (arrival.size_bytes, arrival.checksum) != file:
            arrival = Arrival(size_bytes=piece.size_bytes, checksum=piece.checksum)
            self.arrivals[parcel.id] = arrival
        if piece.offset == len(arrival.data):
            arrival.data = (arrival.data + piece.data)[: piece.size_bytes]
        if len(arrival.data) < piece.size_bytes:
            return None
        del self.arrivals[parcel.id]
        if checksum_of(arrival.data) != piece.checksum:
            raise DriverUnavailable(
                f"{parcel.kind} {parcel.id} was damaged during the transfer and is discarded: retry"
            )
        return admit(parcel, arrival.data)


def admit(parcel: Parcel, data: bytes) -> Content:
    try:
        content = msgspec.json.decode(data, type=Content)
    except msgspec.DecodeError as error:
        raise DriverRefused(f"the disk of {parcel.kind} {parcel.id} is refused: {error}") from error
    if content.virtual_size_bytes > parcel.size_gib * GIB:
        raise DriverRefused(
            f"the disk of {parcel.kind} {parcel.id} is refused: it has "
            f"{content.virtual_size_bytes} bytes, {parcel.size_gib} GiB are allowed"
        )
    return content


def checksum_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
