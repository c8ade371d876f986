"""Waits until the work of a call is done: one call, one result.

Four patterns: the response names an operation (`operation_id`); a header has the URL to poll; the
response is a resource whose status is not final; the response is empty, so the resource in the path
is polled. Polls after Retry-After, or with increasing delays. An unknown state counts as done:
never waits for a state that it does not know.
"""

import time
from collections.abc import Callable
from threading import Event
from typing import Any
from urllib.parse import urljoin

import msgspec
from msgspec.structs import replace

from ocp_agent.addresses import Addresses
from ocp_agent.limits import Limits
from ocp_agent.raw import dict_at
from ocp_agent.requests import Request
from ocp_agent.response import Response, Waited
from ocp_agent.tools import OCPAPISpec, OCPTool
from ocp_agent.transport import Abandoned, origin_of, retry_after_s

GOING_ON = frozenset({
    "accepted", "booting", "creating", "deleting", "enqueued", "in-progress", "in_progress",
    "inprogress", "initializing", "installing", "installingbooting", "locked", "migrating",
    "notstarted", "pending", "preparing", "processing", "provisioning", "queued", "rebooting",
    "resizing", "restoring", "scheduled", "starting", "stopping", "submitted", "undoing",
    "updating", "waiting", "working",
})  # fmt: skip
# In progress for an operation, but ready for a resource.
GOING_ON_OF_OPERATIONS = GOING_ON | {"active", "new", "open", "running", "started"}
FAILED = frozenset({
    "aborted", "canceled", "cancelled", "error", "errored", "expired", "failed", "failure",
    "rejected", "timed_out", "timedout",
})  # fmt: skip
GONE = frozenset({"deleted", "destroyed", "removed", "terminated"})
READING = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})
GONE_STATUS = frozenset({404, 410})
STATES = ("status", "state", "provisioningState", "provisioning_state")
HEALTH = "server_status"  # the second status of Vultr: `ok` once the guest is usable
HEALTH_NOT_YET = frozenset({"none", "locked", "installingbooting"})
WHERE_TO_ASK = ("operation-location", "azure-asyncoperation", "location", "content-location")
HELD_BACK_S = 30  # long poll, for servers that support it


class Watched(msgspec.Struct, frozen=True):
    url: str
    is_operation: bool = False
    is_deletion: bool = False
    is_guess: bool = False  # not named by the response: needs a state at once

    def progress(self, response: Response) -> tuple[bool, str]:
        if self.is_deletion:
            return progress_of_deletion(response)
        return progress(response, is_operation=self.is_operation)

    def tells(self, response: Response) -> bool:
        if self.is_deletion and response.status_code in GONE_STATUS:
            return True
        return response.ok and (self.is_deletion or bool(state_of(unwrapped(response.data))))


class Waiter:
    """The wait of one call."""

    def __init__(
        self, spec: OCPAPISpec, tool: OCPTool, request: Request, ask: Callable[[str], Response],
        limits: Limits, stop: Event,
    ) -> None:  # fmt: skip
        self.tool, self.request = tool, request
        self.ask, self.limits, self.stop = ask, limits, stop
        self.addresses = Addresses(spec, tool, request)

    def wait(self, first: Response) -> Response:
        """Return the last response: of the resource if it can be read, else of the operation."""
        watched = self.watched(first) if first.ok else None
        if watched is None:
            return first
        began, polls, response = time.monotonic(), 0, first
        pause_s = self.limits.poll_first_s
        going_on, state = True, ""
        while going_on and (left_s := began + self.limits.wait_s - time.monotonic()) > 0:
            if polls or not watched.is_operation:
                said_s = retry_after_s(response)
                self._pause(min(pause_s if said_s is None else said_s, left_s))
                pause_s = min(pause_s * 1.5, self.limits.poll_longest_s)
            response, polls = self.ask(watched.url), polls + 1
            if polls == 1 and watched.is_guess and not watched.tells(response):
                return first
            going_on, state = watched.progress(response)
        is_gone = watched.is_deletion and state in GONE
        report = Waited(
            is_done=not going_on,
            succeeded=is_gone or (not going_on and response.ok and state.lower() not in FAILED),
            state=state,
            polls=polls,
            seconds=time.monotonic() - began,
        )
        if report.succeeded and watched.is_operation:
            response = self.resource_after(first, response)
        return replace(first if is_gone else response, waited=report, first=first)

    def _pause(self, seconds: float) -> None:
        self.stop.wait(seconds)
        if self.stop.is_set():
            raise Abandoned

    def watched(self, first: Response) -> Watched | None:
        operation_id = dict_at({"d": first.data}, "d").get("operation_id")
        if isinstance(operation_id, str) and (
            url := self.addresses.operation(operation_id, HELD_BACK_S)
        ):
            return Watched(url, is_operation=True)
        where = next((one for name in WHERE_TO_ASK if (one := first.headers.get(name))), None)
        if first.status_code == 202 and where:
            url = urljoin(self.request.url, where)
            if origin_of(url) == origin_of(self.request.url):
                return Watched(url, is_operation=True)
        if not first.content:
            return self.watched_unsaid()
        going_on, _ = progress(first, is_operation=False)
        found = self.addresses.of(id_in(first.data), first.data) if going_on else None
        if found is None:
            return None
        is_deletion = self.tool.method == "DELETE" and found == self.addresses.own()
        is_guess = not self.addresses.is_sure(found)
        return Watched(found, is_deletion=is_deletion, is_guess=is_guess)

    def watched_unsaid(self) -> Watched | None:
        """Poll after an empty response, which has neither an operation nor a state."""
        if self.tool.method in READING:
            return None
        is_deletion = self.tool.method == "DELETE"
        found = self.addresses.own() if is_deletion else self.addresses.acted_on()
        return None if found is None else Watched(found, is_deletion=is_deletion, is_guess=True)

    def resource_after(self, first: Response, operation: Response) -> Response:
        """Read the resource of the operation, if it still exists."""
        if self.tool.method == "DELETE":
            return operation
        said = dict_at({"d": operation.data}, "d").get("resource_id") or id_in(first.data)
        url = self.addresses.of(said if isinstance(said, str) else None, first.data)
        resource = None if url is None else self.ask(url)
        return resource if resource is not None and resource.ok else operation


def progress_of_deletion(response: Response) -> tuple[bool, str]:
    """Wait for a deletion: until the resource is gone, or the deletion failed."""
    if response.status_code in GONE_STATUS:
        return False, "deleted"
    state = state_of(unwrapped(response.data)).lower()
    return response.ok and state not in GONE | FAILED, state


def progress(response: Response, *, is_operation: bool) -> tuple[bool, str]:
    """Return whether the work is in progress, and its state."""
    resource = unwrapped(response.data)
    if is_operation and isinstance(resource.get("done"), bool):  # Google's
        failed = "failed" if resource.get("error") else "done"
        return not resource["done"], failed if resource["done"] else "running"
    state = state_of(resource)
    if not state and is_operation:
        return response.status_code == 202, ""
    if not is_operation and state.lower() not in FAILED:
        health = str(resource.get(HEALTH, "")).lower()
        if health in HEALTH_NOT_YET:
            return True, health
    words = GOING_ON_OF_OPERATIONS if is_operation else GOING_ON
    return state.lower() in words, state


def unwrapped(data: Any) -> dict[str, Any]:
    """Return the resource in `{"instance": {…}}`, or the complete value."""
    if not isinstance(data, dict):
        return {}
    inner = [value for value in data.values() if isinstance(value, dict)]
    is_wrapped = len(data) == 1 and len(inner) == 1
    return inner[0] if is_wrapped else data


def state_of(resource: dict[str, Any]) -> str:
    for name in STATES:
        value = resource.get(name)
        if isinstance(value, dict):  # `{"status": {"state": …}}`
            value = next((value[key] for key in STATES if isinstance(value.get(key), str)), None)
        if isinstance(value, str):
            return value
    return ""


def id_in(data: Any) -> str | None:
    found = unwrapped(data).get("id")
    return str(found) if isinstance(found, str | int) else None
