"""Quotas at the beginning of an operation.

A command counts its growth from what the accepted operations before it will leave. If one of them
has failed, the growth is counted again from what there is.
"""

from atoll.domain.quotas import Amounts, require_within
from atoll.operations.steps import StepContext


async def recount(context: StepContext, project_id: str, counted: Amounts, actual: Amounts) -> None:
    """Count the actual growth instead of the expected one. Raises QuotaExceeded."""
    if counted == actual:
        return
    more = actual.subtract(counted)
    quota = await context.tx.quotas.find(project_id)
    if quota is not None:
        require_within(quota, more)
    context.tx.quotas.take(project_id, more)
