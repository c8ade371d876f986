"""Proposals: the answer to `dry_run=true`."""

from typing import Any

import msgspec
from litestar import Response
from litestar.params import FromQuery

from atoll.api import serving
from atoll.api.http import Call, json_response
from atoll.api.native import wire
from atoll.domain.commands import Command
from atoll.service.proposals import Proposal


class HostVerdict(msgspec.Struct, kw_only=True):
    host_id: str
    host: str
    fits: bool
    reason: str


class ProposalOut(msgspec.Struct, kw_only=True):
    """What the request would do. `undo` are the steps that roll back a failure, in that order.
    `risk` is safe, moderate or dangerous."""

    kind: str
    risk: str
    resource_id: str
    host_id: str
    host: str
    steps: tuple[str, ...]
    undo: tuple[str, ...]
    impact: str
    reverted_by: str
    hosts: list[HostVerdict]


class ProposalBody(msgspec.Struct, kw_only=True):
    """The same proposal under the original name of the field."""

    plan: ProposalOut


def show_proposal(proposal: Proposal) -> ProposalBody:
    return ProposalBody(
        plan=ProposalOut(
            kind=proposal.kind, risk=proposal.risk, resource_id=proposal.resource_id,
            host_id=proposal.host_id, host=proposal.host, steps=proposal.steps,
            undo=proposal.undo, impact=proposal.impact, reverted_by=proposal.reverted_by,
            hosts=show_verdicts(proposal.hosts),
        )
    )  # fmt: skip


def show_verdicts(verdicts: Any) -> list[HostVerdict]:
    return [
        HostVerdict(host_id=v.host.id, host=v.host.name, fits=not v.reason, reason=v.reason)
        for v in verdicts
    ]


async def begin_or_propose(request: Call, command: Command, dry_run: bool) -> Response[bytes]:
    return await (propose(request, command) if dry_run else wire.begin(request, command))


async def propose(request: Call, command: Command) -> Response[bytes]:
    """The response to `dry_run=true`."""
    proposal = await serving.propose(request, command)
    return json_response(wire.encode(show_proposal(proposal)))


DRY = wire.shown(ProposalBody, "the proposal, where dry_run=true was asked for", 200)
DryRun = FromQuery[bool]
