"""A server that answers in the shapes of the native dialect, with scripted things.

`strange` holds what the real API, by its own document, would neither take nor answer.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.cli import shapes

INSTANCE_ID = "inst-06c0000000000000000000000a"
OPERATION_ID = "op-06c0000000000000000000000b"
IMAGE_ID = "img-06c0000000000000000000000c"
KEY_ID = "key-06c0000000000000000000000d"
HOST_ID = "host-06c0000000000000000000000e"
API_KEY_ID = "ak-06c0000000000000000000000f"
VOLUME_ID = "vol-06c0000000000000000000000g"
SNAPSHOT_ID = "snap-06c0000000000000000000000h"
FLOATING_IP_ID = "fip-06c0000000000000000000000j"
GROUP_ID = "sg-06c0000000000000000000000k"
VPC_ID = "vpc-06c0000000000000000000000m"
SUBNET_ID = "subnet-06c0000000000000000000000n"
SCRIPT_ID = "script-06c0000000000000000000000q"
WEBHOOK_ID = "hook-06c0000000000000000000000r"
PROJECT_ID = "proj-06c0000000000000000000000p"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


class Cloud:
    """Each (method, path) has a list of answers; the last one is given for ever."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("").rstrip("/")
        self.asked: list[Asked] = []
        self.strange: list[str] = []
        self._answers: dict[tuple[str, str], list[Response]] = defaultdict(list)
        self._lists: dict[str, list[dict[str, Any]]] = {}
        server.expect_request(re.compile(".*")).respond_with_handler(self._answer)

    def answers(
        self, method: str, path: str, *bodies: Any, status: int = 200, **headers: str
    ) -> None:
        for body in bodies:
            text = body if isinstance(body, str | bytes) else json.dumps(body)
            if not isinstance(body, str | bytes):
                self._check(shapes.wrong_with_answer, method, path, status, body)
            kind = "text/plain" if isinstance(body, str | bytes) else "application/json"
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            response = Response(text, status=status, headers={"Content-Type": kind, **named})
            self._answers[method, path].append(response)

    def forgets(self, method: str, path: str) -> None:
        """What it was told to answer, so that it can be told something else."""
        self._answers[method, path].clear()

    def has(self, path: str, *things: dict[str, Any]) -> None:
        """A list that knows the filter `name`, and each of its things by its id."""
        self._lists[path] = list(things)
        for thing in things:
            if shapes.is_described("GET", f"{path}/{thing['id']}"):
                self.answers("GET", f"{path}/{thing['id']}", thing)
        self._check(shapes.wrong_with_answer, "GET", path, 200, {"items": list(things)})

    def all_of(self, method: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == method]

    def ask(self, method: str, path: str, query: list[str], body: Any = None) -> None:
        """Checks a request against the document."""
        self._check(shapes.wrong_with_request, method, path, query, body)

    def _check(self, wrong: Callable[..., list[str]], *exchange: Any) -> None:
        try:
            self.strange += wrong(*exchange)
        except KeyError as error:
            self.strange.append(str(error.args[0]))

    def _answer(self, request: Request) -> Response:
        query = {name: request.args.getlist(name) for name in request.args}
        body = json.loads(request.data) if request.data else None
        self.asked.append(Asked(request.method, request.path, query, dict(request.headers), body))
        self.ask(request.method, request.path, list(query), body)
        if request.method == "GET" and request.path in self._lists:
            wanted = query.get("name")
            things = [one for one in self._lists[request.path] if is_listed(one, query)]
            shown = [one for one in things if not wanted or one["metadata"]["name"] in wanted]
            return Response(json.dumps({"items": shown, "next": None}))
        scripted = self._answers[request.method, request.path]
        if not scripted:
            return Response(json.dumps({"error": f"no {request.path}", "code": "NOT_FOUND"}), 404)
        return scripted.pop(0) if len(scripted) > 1 else scripted[0]


def is_listed(thing: dict[str, Any], query: dict[str, list[str]]) -> bool:
    """What is terminated is in a list only where that is asked for."""
    deleted = thing.get("status", {}).get("state") == "terminated"
    return deleted == (query.get("state") == ["terminated"])


def instance(state: str = "running", *, ready: bool = True, **status: Any) -> dict[str, Any]:
    return {
        "id": INSTANCE_ID,
        "metadata": {"name": "demo", "labels": {"tier": "web"}, "version": 3, "protected": False},
        "spec": {"type": "cx11", "image": "atoll-mini", "vcpus": 1, "memory_mb": 256},
        "status": {
            "state": state,
            "host_id": HOST_ID,
            "private_ip": "10.128.0.4",
            "public_ip": "127.16.0.1",
            "ready": ready,
            "reason": "",
            **status,
        },
        "operation_id": OPERATION_ID,
    }


def operation(status: str = "completed", **facts: Any) -> dict[str, Any]:
    return {
        "id": OPERATION_ID,
        "resource_id": INSTANCE_ID,
        "kind": "instance.create",
        "type": "create",
        "status": status,
        "result": None,
        "created_at": "2026-01-01T00:00:00Z",
        "progress": {"step": 2, "steps": 5, "name": "prepare_volume", "percent": 40.0},
        "waiting_for": "",
        **facts,
    }


def failed_operation(code: str = "DRIVER_REFUSED") -> dict[str, Any]:
    return operation("failed", result={"error": "the disk is full", "code": code})


def accepted() -> dict[str, Any]:
    return {
        "operation_id": OPERATION_ID,
        "status": "pending",
        "resource_id": INSTANCE_ID,
        "type": "update",
    }


def named(thing_id: str, name: str, **spec: Any) -> dict[str, Any]:
    thing: dict[str, Any] = {"id": thing_id, "metadata": {"name": name, "version": 1}}
    return {**thing, "spec": spec} if spec else thing
