"""Chooses a host, with a verdict on each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from atoll.domain.errors import NoCapacity
from atoll.domain.hosts import Host
from atoll.domain.reasons import Reason
from atoll.scheduler.filters import FILTERS, Demand
from atoll.scheduler.weighers import score

__all__ = ["Demand", "Verdict", "pick", "verdicts"]
Weigh = Callable[[Host], float]


@dataclass(frozen=True)
class Verdict:
    """`reason` is empty if the host fits."""

    host: Host
    reason: str


def verdicts(hosts: Sequence[Host], demand: Demand, weigh: Weigh = score) -> list[Verdict]:
    """Return each host with the first rule that excludes it; best hosts first, preferred ones
    before the others."""

    def order(verdict: Verdict) -> tuple[bool, bool, float, str]:
        host = verdict.host
        return verdict.reason != "", host.id not in demand.preferred, -weigh(host), host.id

    judged = [
        Verdict(host, next((why for rule in FILTERS if (why := rule(host, demand))), ""))
        for host in hosts
    ]
    return sorted(judged, key=order)


def pick(hosts: Sequence[Host], demand: Demand, weigh: Weigh = score) -> Host:
    """Return the best host. Raises NoCapacity with a reason for each host."""
    judged = verdicts(hosts, demand, weigh)
    if judged and not judged[0].reason:
        return judged[0].host
    reasons = [f"{v.host.name}: {v.reason}" for v in judged]
    said = "; ".join(reasons[:5]) or "there is no host"
    raise NoCapacity(Reason.NO_HOST_FITS, reasons=reasons, region=demand.region, why=said)
