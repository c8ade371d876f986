"""What an operation would do: the plan behind `dry_run=true`, and the answer to "why not?"."""

from collections.abc import Sequence
from dataclasses import dataclass

from atoll.domain.instances import Instance
from atoll.domain.plans import Plan
from atoll.operations.placing import demand_of, serving
from atoll.operations.registry import WORKFLOWS
from atoll.ports import Transaction
from atoll.scheduler.placement import Demand, Verdict, verdicts


@dataclass(frozen=True)
class Preview:
    """`host` is the one that would be chosen, or the instance's own; None where none fits."""

    kind: str
    resource_id: str
    host_id: str
    host: str
    steps: tuple[str, ...]
    undo: tuple[str, ...]
    impact: str
    reverted_by: str
    hosts: tuple[Verdict, ...]


async def of_instance(tx: Transaction, instance: Instance, kind: str) -> Preview:
    workflow = WORKFLOWS[kind]
    judged = await hosts_for(tx, instance)
    host_id, host = instance.host_id or "", ""
    if host_id:
        host = next((v.host.name for v in judged if v.host.id == host_id), "")
    elif judged and not judged[0].reason:
        host_id, host = judged[0].host.id, judged[0].host.name
    return Preview(
        kind=kind,
        resource_id=instance.id,
        host_id=host_id,
        host=host,
        steps=tuple(step.name for step in workflow.steps),
        undo=tuple(step.undo.__name__ for step in reversed(workflow.steps) if step.undo),
        impact=workflow.impact,
        reverted_by=workflow.undo,
        hosts=tuple(judged),
    )


async def hosts_for(tx: Transaction, instance: Instance) -> list[Verdict]:
    hosts = await tx.hosts.every()
    return verdicts(hosts, await demand_of(tx, instance))


async def room_for(tx: Transaction, region: str, plans: Sequence[Plan]) -> dict[str, bool]:
    """Whether some host of the region could take an instance of each of these types now."""
    hosts, served_by = await tx.hosts.every(), await serving(tx, region)
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
