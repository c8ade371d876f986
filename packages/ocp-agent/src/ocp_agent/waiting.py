"""Waits until what a call began is done: one call, one result.

Three patterns: the answer names an operation (`operation_id`); a header says where to ask; the
answer is a resource whose status says that it is not ready. Asks with Retry-After, else rarer and
rarer. A state in no table counts as done: never waits for a word that it does not know.
"""

import time
from collections.abc import Callable
from threading import Event
from typing import Any
from urllib.parse import quote, urljoin

import msgspec
from msgspec.structs import replace

from ocp_agent.limits import Limits
from ocp_agent.raw import dict_at
from ocp_agent.requests import Request
from ocp_agent.response import Response, Waited
from ocp_agent.shapes import SLOT
from ocp_agent.tools import OCPAPISpec, OCPTool
from ocp_agent.transport import Abandoned, origin_of, retry_after_s

GOING_ON = frozenset({
    "accepted", "booting", "creating", "deleting", "enqueued", "in-progress", "in_progress",
    "inprogress", "initializing", "installing", "installingbooting", "locked", "migrating",
    "notstarted", "pending", "preparing", "processing", "provisioning", "queued", "rebooting",
    "resizing", "restoring", "scheduled", "starting", "stopping", "submitted", "undoing",
    "updating", "waiting", "working",
})  # fmt: skip
# Of an operation, but a resource that is so is ready.
GOING_ON_OF_OPERATIONS = GOING_ON | {"active", "new", "open", "running", "started"}
FAILED = frozenset({
    "aborted", "canceled", "cancelled", "error", "errored", "expired", "failed", "failure",
    "rejected", "timed_out", "timedout",
})  # fmt: skip
STATES = ("status", "state", "provisioningState", "provisioning_state")
HEALTH = "server_status"  # Vultr's second word: `ok` once the guest can be used
HEALTH_NOT_YET = frozenset({"none", "locked", "installingbooting"})
WHERE_TO_ASK = ("operation-location", "azure-asyncoperation", "location", "content-location")
HELD_BACK_S = 30  # how long a server that can is asked to hold an answer back


class Watched(msgspec.Struct, frozen=True):
    url: str
    is_operation: bool


class Waiter:
    """For one call."""

    def __init__(
        self, spec: OCPAPISpec, tool: OCPTool, request: Request, ask: Callable[[str], Response],
        limits: Limits, stop: Event,
    ) -> None:  # fmt: skip
        self.spec, self.tool, self.request = spec, tool, request
        self.ask, self.limits, self.stop = ask, limits, stop
        address = request.url.partition("?")[0].rstrip("/")
        self.base_url = address.removesuffix(filled_path(tool, request))

    def wait(self, first: Response) -> Response:
        """The last answer: of the resource where it can be asked, else of the operation."""
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
            going_on, state = progress(response, is_operation=watched.is_operation)
        report = Waited(
            is_done=not going_on,
            succeeded=not going_on and response.ok and state.lower() not in FAILED,
            state=state,
            polls=polls,
            seconds=time.monotonic() - began,
        )
        if report.succeeded and watched.is_operation:
            response = self.resource_after(first, response)
        return replace(response, waited=report, first=first)

    def _pause(self, seconds: float) -> None:
        self.stop.wait(seconds)
        if self.stop.is_set():
            raise Abandoned

    def watched(self, first: Response) -> Watched | None:
        operation_id = dict_at({"d": first.data}, "d").get("operation_id")
        if isinstance(operation_id, str) and (url := self.operation_url(operation_id)):
            return Watched(url, is_operation=True)
        where = next((one for name in WHERE_TO_ASK if (one := first.headers.get(name))), None)
        if first.status_code == 202 and where:
            url = urljoin(self.request.url, where)
            if origin_of(url) == origin_of(self.request.url):
                return Watched(url, is_operation=True)
        going_on, _ = progress(first, is_operation=False)
        url_or_none = self.resource_url(id_in(first.data)) if going_on else None
        return None if url_or_none is None else Watched(url_or_none, is_operation=False)

    def operation_url(self, operation_id: str) -> str | None:
        for tool in self.spec.tools:
            before, _, slot = tool.path.rpartition("/")
            if tool.method == "GET" and SLOT.fullmatch(slot) and before.endswith("/operations"):
                url = f"{self.base_url}{before}/{quote(operation_id, safe='')}"
                can_hold = any(one.name == "wait" for one in tool.shape.parameters)
                return f"{url}?wait={HELD_BACK_S}" if can_hold else url
        return None

    def resource_url(self, resource_id: str | None) -> str | None:
        """Of what was created below this path, or of what this path acts on."""
        readable = {tool.path for tool in self.spec.tools if tool.method == "GET"}
        path, template = filled_path(self.tool, self.request), self.tool.path
        below = [one for one in readable if SLOT.sub("{}", one) == SLOT.sub("{}", template) + "/{}"]
        if below and resource_id:
            return f"{self.base_url}{path}/{quote(resource_id, safe='')}"
        while template:
            if template in readable and SLOT.fullmatch(template.rpartition("/")[2]):
                return self.base_url + path
            path, template = path.rpartition("/")[0], template.rpartition("/")[0]
        return None

    def resource_after(self, first: Response, operation: Response) -> Response:
        """What the operation was about, if it is still there."""
        if self.tool.method == "DELETE":
            return operation
        said = dict_at({"d": operation.data}, "d").get("resource_id") or id_in(first.data)
        url = self.resource_url(said if isinstance(said, str) else None)
        resource = None if url is None else self.ask(url)
        return resource if resource is not None and resource.ok else operation


def filled_path(tool: OCPTool, request: Request) -> str:
    """The tool's path as the request has it: as many segments from the end."""
    path = request.url.partition("?")[0].rstrip("/")
    segments = tool.path.strip("/").split("/")
    return "/" + "/".join(path.split("/")[-len(segments) :])


def progress(response: Response, *, is_operation: bool) -> tuple[bool, str]:
    """Whether it goes on, and the word that says so."""
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
    """The resource in `{"instance": {…}}`, or the whole."""
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
