"""Documents and servers for the tests, small and by hand."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from ocp_agent import InvalidArguments, Limits, OCPAgent, OCPAPISpec, OCPTool
from ocp_agent.discovery import spec_of
from ocp_agent.document import read_document

Json = dict[str, Any]
VULTR = Path(__file__).parent / "vultr.json"
TEXT: Json = {"type": "string"}
FAST = Limits(
    attempts=3, retry_first_s=0.001, retry_after_s=1, poll_first_s=0.001, poll_longest_s=0.002,
    wait_s=5,
)  # fmt: skip


def document(paths: Json, **more: Any) -> Json:
    return {"openapi": "3.1.0", "info": {"title": "Shop", "version": "1"}, "paths": paths, **more}


def one_operation(path: str, method: str = "post", item: Json | None = None, **said: Any) -> Json:
    operation = {"operationId": "it", "responses": {}, **said}
    return document({path: {method: operation, **(item or {})}})


def body(schema: Json, media_type: str = "application/json", **more: Any) -> Json:
    return {"content": {media_type: {"schema": schema}}, **more}


def fields(*required: str, **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(required)}


def reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def answer(schema: Json, status: str = "200", media_type: str = "application/json") -> Json:
    return {status: {"content": {media_type: {"schema": schema}}}}


def discovered(said: Json) -> OCPAPISpec:
    return spec_of(read_document(json.dumps(said).encode()))


def only_tool(said: Json) -> OCPTool:
    (tool,) = discovered(said).tools
    return tool


def calling(said: Json, given: Json, **options: Any) -> Json:
    """What a call would send: method, url, headers and body; nothing is sent."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "document.json"
        path.write_text(json.dumps(said))
        agent = OCPAgent(enable_cache=False)
        agent.register_api("shop", str(path), base_url="https://shop.example.com")
        planned: Json = agent.call_tool("it", given, dry_run=True, **options).json()
    return planned


def refused(said: Json, given: Json) -> dict[str, str]:
    """The errors of a call, by field; none if it would be sent."""
    try:
        calling(said, given)
    except InvalidArguments as error:
        return {one.field: one.message for one in error.errors}
    return {}


def posting(schema: Json, version: str = "3.0.3", **schemas: Json) -> Json:
    """A document with one operation, whose body has the schema."""
    if version == "2.0":
        parameter = {"name": "whole", "in": "body", "required": True, "schema": schema}
        post = {"operationId": "it", "parameters": [parameter], "responses": {}}
        return {"swagger": "2.0", "paths": {"/x": {"post": post}}, "definitions": schemas}
    said = one_operation("/x", requestBody=body(schema, required=True))
    return said | {"openapi": version, "components": {"schemas": schemas}}


Answer = Response | tuple[int, Any] | Callable[[Request], Response]


class Shop:
    """An agent with one API, and the server that answers it."""

    def __init__(self, said: Json, server: HTTPServer, folder: Path, **registered: Any) -> None:
        path = folder / "shop.json"
        path.write_text(json.dumps(said))
        self.server = server
        self.seen: list[Request] = []
        self.agent = OCPAgent(limits=FAST)
        self.spec = self.agent.register_api(
            "shop", str(path), base_url=server.url_for("/").rstrip("/"), **registered
        )

    def answers(
        self, *responses: Response | tuple[int, Any] | Callable[[Request], Response]
    ) -> None:
        """One after the other; the last one again and again."""
        waiting = list(responses)

        def handle(request: Request) -> Response:
            request.get_data()
            self.seen.append(request)
            this = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(this, tuple):
                return Response(json.dumps(this[1]), this[0], content_type="application/json")
            return this if isinstance(this, Response) else this(request)

        self.server.clear_all_handlers()
        self.server.expect_request(EVERY_PATH).respond_with_handler(handle)

    @property
    def last(self) -> Request:
        return self.seen[-1]


class Every(str):
    """Matches every path; what the server sees as text is `/`."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


EVERY_PATH = Every("/")


def target(request: Request) -> str:
    """The request line as it came, with its escapes."""
    raw: str = request.environ["REQUEST_URI"]
    return raw
