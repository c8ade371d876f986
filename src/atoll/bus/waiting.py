"""Waits for a host no longer than the caller does."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from atoll.domain.errors import DriverElsewhere, DriverUnavailable

ELSEWHERE_S = 0.5
T = TypeVar("T")


async def wait_for(host_id: str, what: str, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
    """Raises DriverUnavailable after `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            return await work
    except TimeoutError as error:
        raise DriverUnavailable(
            f"host {host_id} did not answer {what} within {timeout_s:g} s"
        ) from error


def elsewhere(host_id: str) -> DriverElsewhere:
    """If several control planes share a database, the host's agent may be connected to another one,
    which claims the operation next."""
    return DriverElsewhere(f"no agent of host {host_id} is here", after_s=ELSEWHERE_S)
