"""What a project may have: counted in the transaction of the wish that takes it."""

from collections.abc import Awaitable, Callable, Mapping

from atoll.domain.errors import Invalid
from atoll.domain.projects import Caller
from atoll.domain.quotas import RESOURCES, Amounts, Quota, require_within
from atoll.ports import Transaction
from atoll.service.desk import Accepted, Case, require

LIMIT_MAX = 2**53


async def take(case: Case, more: Amounts) -> None:
    """Raises QuotaExceeded, naming the resource. Two that ask at once for the last of it both come
    this far; the commit lets one of them pass."""
    project_id = case.caller.project_id
    require_within(await of(case, project_id), more)
    case.tx.quotas.take(project_id, more)


def give_back(case: Case, amounts: Amounts) -> None:
    case.tx.quotas.give_back(case.caller.project_id, amounts)


async def of(case: Case, project_id: str) -> Quota:
    return await case.tx.quotas.find(project_id) or Quota(project_id=project_id)


async def get(tx: Transaction, caller: Caller) -> Quota:
    require(caller, "read")
    return await tx.quotas.find(caller.project_id) or Quota(project_id=caller.project_id)


async def get_of(tx: Transaction, caller: Caller, project: str) -> Quota:
    """Another project's, for whoever may set its limits. Raises NotFound."""
    require(caller, "administer")
    found = await tx.projects.get(project)
    return await tx.quotas.find(found.id) or Quota(project_id=found.id)


def limit(project: str, limits: Mapping[str, int]) -> Callable[[Case], Awaitable[Accepted[Quota]]]:
    """The new limits instead of the old ones. What is used already stays, even where it is more."""

    async def use_case(case: Case) -> Accepted[Quota]:
        case.require("administer")
        for name, most in limits.items():
            require_limit(name, most)
        found = await case.tx.projects.get(project)
        case.tx.quotas.limit(found.id, limits)
        before = await of(case, found.id)
        case.audit("quota.limit", found.id, before=dict(before.limits), after=dict(limits))
        return Accepted(Quota(project_id=found.id, used=before.used, limits=dict(limits)))

    return use_case


def require_limit(name: str, most: int) -> None:
    field = f"limits.{name}"
    if name not in RESOURCES:
        raise Invalid(f"{field} is not known; there are {', '.join(RESOURCES)}", field=field)
    if not 0 <= most <= LIMIT_MAX:
        raise Invalid(f"{field} is {most}, allowed are 0 to {LIMIT_MAX}", field=field)
