"""Copies the data of a volume or a snapshot from one host to another, in pieces.

Called by steps. One call copies for a moment and returns the progress: the receiving host knows how
much has arrived, so a transfer resumes there after a crash. The export on the sending host has the
operation's id, and is removed with the parcel at the latest.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from atoll.domain.errors import DriverElsewhere
from atoll.domain.hosts import HostState
from atoll.messages import (
    PIECE_BYTES,
    Bytes,
    EnsureExport,
    ExportFacts,
    ImportFacts,
    InspectImport,
    Parcel,
    ReadExport,
    RemoveExport,
    WriteImport,
)
from atoll.operations.steps import Retry, StepContext

RUN_S = 2.0
LAY_OUT_S = 50.0


@dataclass(frozen=True)
class Way:
    """`source` and `target` are the same parcel, as each host identifies it."""

    from_host: str
    source: Parcel
    to_host: str
    target: Parcel


async def bring(context: StepContext, way: Way) -> Retry | ImportFacts:
    """Return the facts once all data has arrived."""
    facts = await look(context, way.to_host, way.target)
    if not facts.complete:
        request = EnsureExport(export_id=context.operation.id, parcel=way.source)
        export = await context.ask(way.from_host, request, timeout_s=LAY_OUT_S)
        assert isinstance(export, ExportFacts), "an export is answered by facts"
        facts = await copy_some(context, way, export, facts)
        if not facts.complete:
            percent = 100.0 * facts.size_bytes / export.size_bytes
            return Retry(0.0, f"{percent:.0f} % copied", percent)
    await remove_exports(context, {way.from_host})
    return facts


async def look(context: StepContext, host_id: str, parcel: Parcel) -> ImportFacts:
    facts = await context.ask(host_id, InspectImport(parcel=parcel))
    assert isinstance(facts, ImportFacts), "an import is answered by facts"
    return facts


async def copy_some(
    context: StepContext, way: Way, export: ExportFacts, facts: ImportFacts
) -> ImportFacts:
    loop = asyncio.get_running_loop()
    until_s = loop.time() + RUN_S
    while not facts.complete and loop.time() < until_s:
        offset = facts.size_bytes
        wanted = ReadExport(export_id=export.id, offset=offset, bytes_max=PIECE_BYTES)
        read = await context.ask(way.from_host, wanted)
        assert isinstance(read, Bytes), "an export is read as bytes"
        piece = WriteImport(
            parcel=way.target, size_bytes=export.size_bytes, checksum=export.checksum,
            offset=offset, data=read.data,
        )  # fmt: skip
        answer = await context.ask(way.to_host, piece)
        assert isinstance(answer, ImportFacts), "an import is answered by facts"
        facts = answer
    return facts


async def remove_exports(context: StepContext, host_ids: Iterable[str]) -> None:
    """Remove the exports of this operation there. A host that is lost, or belongs to another
    process, keeps them until the parcel is removed."""
    for host_id in host_ids:
        host = await context.tx.hosts.find(host_id)
        if host is not None and host.state is HostState.READY:
            with suppress(DriverElsewhere):
                await context.ask(host_id, RemoveExport(export_id=context.operation.id))
