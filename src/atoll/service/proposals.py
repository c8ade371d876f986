"""What a command would do: the response to a dry run, and to "why not?"."""

from collections.abc import Sequence
from dataclasses import dataclass

from atoll.domain.actions import Risk, action_of
from atoll.domain.commands import Command
from atoll.domain.instances import Instance
from atoll.domain.plans import Plan
from atoll.domain.projects import Caller
from atoll.domain.risk import Target, risk_of
from atoll.operations.placing import demand_of, serving
from atoll.operations.registry import WORKFLOWS
from atoll.scheduler.placement import Demand, Verdict, verdicts
from atoll.service.desk import Desk, View


@dataclass(frozen=True)
class Proposal:
    """`kind` is that of the operation. `host` is the host that would be chosen, or the present one;
    empty if none has room. `impact` and `reverted_by` are sentences about the command."""

    kind: str
    risk: Risk
    resource_id: str
    host_id: str
    host: str
    steps: tuple[str, ...]
    undo: tuple[str, ...]
    impact: str
    reverted_by: str
    hosts: tuple[Verdict, ...]


async def propose(desk: Desk, caller: Caller, command: Command) -> Proposal:
    """Rehearse a command on an instance that accepts an operation. Nothing is written."""
    outcome = await desk.rehearse(caller, command)
    instance: Instance = outcome.thing
    action, workflow = action_of(command), WORKFLOWS[outcome.operation.kind]
    judged = await hosts_for(desk.view(caller), instance)
    host_id, host = instance.host_id or "", ""
    if host_id:
        host = next((v.host.name for v in judged if v.host.id == host_id), "")
    elif judged and not judged[0].reason:
        host_id, host = judged[0].host.id, judged[0].host.name
    return Proposal(
        kind=workflow.kind,
        risk=risk_of(command, Target(labels=instance.labels, protected=instance.protected)),
        resource_id=instance.id,
        host_id=host_id,
        host=host,
        steps=tuple(step.name for step in workflow.steps),
        undo=tuple(step.undo.__name__ for step in reversed(workflow.steps) if step.undo),
        impact=action.impact,
        reverted_by=action.undo,
        hosts=tuple(judged),
    )


async def hosts_for(view: View, instance: Instance) -> list[Verdict]:
    """Return every host, with the first rule that excludes it."""
    hosts = await view.tx.hosts.every()
    return verdicts(hosts, await demand_of(view.tx, instance))


async def room_for(view: View, region: str, plans: Sequence[Plan]) -> dict[str, bool]:
    """Tell whether a host of the region has room for an instance of each of these plans now."""
    hosts = await view.tx.hosts.every()
    served_by = await serving(view.tx, region)
    demands = {plan.id: demand_for(served_by, plan) for plan in plans}
    return {
        name: any(not judged.reason for judged in verdicts(hosts, demand))
        for name, demand in demands.items()
    }


def demand_for(region: str, plan: Plan) -> Demand:
    return Demand(
        region=region,
        vcpus=plan.vcpus,
        memory_mib=plan.memory_mib,
        disk_gib=plan.disk_gib,
        accelerators=plan.accelerators,
    )
