"""Quotas: what a project uses is counted in the transaction of the command."""

from atoll.domain.commands import SetQuota
from atoll.domain.errors import Invalid
from atoll.domain.quotas import RESOURCES, Amounts, Quota, require_within
from atoll.domain.reasons import Reason
from atoll.service import queries
from atoll.service.desk import Case, Done, View
from atoll.service.nouns import PROJECTS

LIMIT_MAX = 2**53


async def take(case: Case, more: Amounts) -> None:
    """Count resources. Raises QuotaExceeded, naming the resource. Two concurrent requests for the
    last one may both pass this check; the commit allows one of them."""
    project_id = case.caller.project_id
    require_within(await of(case, project_id), more)
    case.tx.quotas.take(project_id, more)


def give_back(case: Case, amounts: Amounts) -> None:
    case.tx.quotas.give_back(case.caller.project_id, amounts)


async def of(view: View, project_id: str) -> Quota:
    return await view.tx.quotas.find(project_id) or Quota(project_id=project_id)


async def get(view: View) -> Quota:
    view.require("read")
    return await of(view, view.project_id)


async def get_of(view: View, project: str) -> Quota:
    """Get the quota of another project, for callers who may change it. Raises NotFound."""
    view.require("administer")
    return await of(view, (await queries.get_by_id(view, PROJECTS, project)).id)


async def limit(case: Case, command: SetQuota) -> Done[Quota]:
    """Replace the limits. Existing resources stay, even above the new limit."""
    limits = dict(command.limits)
    for name, most in limits.items():
        require_limit(name, most)
    found = await queries.get_by_id(case, PROJECTS, command.project)
    case.tx.quotas.limit(found.id, limits)
    before = await of(case, found.id)
    quota = Quota(project_id=found.id, used=before.used, limits=limits)
    return Done(quota, before=dict(before.limits), after=limits, about=found.id)


def require_limit(name: str, most: int) -> None:
    field = f"limits.{name}"
    if name not in RESOURCES:
        raise Invalid(Reason.UNKNOWN_QUOTA, field=field, allowed=RESOURCES)
    if not 0 <= most <= LIMIT_MAX:
        raise Invalid(Reason.OUT_OF_RANGE, field=field, value=most, lowest=0, highest=LIMIT_MAX)
