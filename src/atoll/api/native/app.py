"""The native dialect's application: its routes, its errors, its OpenAPI document."""

import re
from typing import Any

import structlog
from litestar import Litestar, Response, Router
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Server
from litestar.types import Empty
from litestar.utils.scope.state import ScopeState

from atoll.api.http import (
    BODY_BYTES_MAX,
    Call,
    Face,
    bearer_or_key,
    json_response,
)
from atoll.api.native import wire
from atoll.api.native.catalogue import Regions, Types
from atoll.api.native.consoles import Consoles
from atoll.api.native.events import Events
from atoll.api.native.floating_ips import FloatingIps
from atoll.api.native.hosts import Hosts
from atoll.api.native.images import Images
from atoll.api.native.instance_actions import InstanceActions
from atoll.api.native.instance_views import InstanceViews
from atoll.api.native.instances import Instances
from atoll.api.native.operations import Operations
from atoll.api.native.problems import message_in, problems_of
from atoll.api.native.projects import ApiKeys, Projects
from atoll.api.native.quotas import Quotas
from atoll.api.native.reverse_dns import ReverseDns
from atoll.api.native.security_groups import SecurityGroups
from atoll.api.native.simulator import Faults
from atoll.api.native.snapshots import Snapshots
from atoll.api.native.ssh_keys import SshKeys
from atoll.api.native.startup_scripts import StartupScripts
from atoll.api.native.subnets import Subnets
from atoll.api.native.volumes import Volumes
from atoll.api.native.vpcs import Vpcs
from atoll.api.native.webhooks import Webhooks
from atoll.api.native.wire import ErrorBody, Problem
from atoll.domain.errors import AtollError, Invalid, Malformed, NotFound
from atoll.service.bundle import Services

log = structlog.get_logger()
PREFIX = "/v1"
OPERATIONS, OPERATION = "v1/operations", "/v1/operations/"
CONTROLLERS = (
    Instances, Consoles, Operations, Events, Types, Regions, Images, SshKeys, Vpcs, Subnets,
    SecurityGroups, Volumes, Snapshots, FloatingIps, InstanceViews, InstanceActions, Quotas, Hosts,
    ApiKeys, Projects, StartupScripts, Webhooks, ReverseDns, Faults,
)  # fmt: skip
NUL_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
ALIASES = {"states": "state", "bytes_": "bytes"}
CODES = {
    400: "MALFORMED", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE",
    415: "MALFORMED",
}  # fmt: skip


def face(services: Services) -> Face:
    return Face(
        name="native",
        prefix=PREFIX,
        app=build(services),
        secret_of=bearer_or_key,
        refuse=wire.refuse,
        is_public=lambda method, path: False,
        is_free=asks_for_an_operation,
    )


def asks_for_an_operation(method: str, path: str) -> bool:
    """Not for the list of them."""
    return method == "GET" and path.startswith(OPERATION) and path.strip("/") != OPERATIONS


def build(services: Services) -> Litestar:
    app = Litestar(
        route_handlers=[Router(PREFIX, route_handlers=list(CONTROLLERS))],
        exception_handlers={
            AtollError: on_error,
            ValidationException: on_invalid,
            HTTPException: on_http,
            Exception: on_bug,
        },
        openapi_config=OpenAPIConfig(
            title="Atoll", version="1", servers=[Server(url="/")], create_examples=False,
            path=None, render_plugins=(),
        ),
        request_max_body_size=BODY_BYTES_MAX,
        before_request=refuse_nul,
        signature_types=[Call],
        logging_config=None,
    )  # fmt: skip
    app.state.services = services
    return app


async def refuse_nul(request: Call) -> None:
    """PostgreSQL's texts cannot hold this character, and nobody means it."""
    if "\0" in request.scope["path"]:
        raise NotFound("no name and no id has the character U+0000 in it")
    if b"%00" in request.scope["query_string"]:
        raise Invalid("the character U+0000 is not allowed in a parameter")
    if request.method != "GET" and NUL_ESCAPE.search(await request.body()):
        raise Invalid("the character U+0000 is not allowed in a body")


def on_error(request: Call, error: AtollError) -> Response[bytes]:
    return json_response(wire.encode(wire.error_body(error)), wire.status_of_error(error))


def on_http(request: Call, error: HTTPException) -> Response[bytes]:
    code = CODES.get(error.status_code, "ERROR")
    words = {
        404: f"there is nothing at {request.scope['path']}",
        405: f"{request.method} is not possible at {request.scope['path']}",
        413: f"the body is larger than {BODY_BYTES_MAX} bytes",
    }
    text = words.get(error.status_code, error.detail)
    headers = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    body = wire.encode(ErrorBody(error=text, code=code))
    return json_response(body, error.status_code, headers)


def on_bug(request: Call, error: Exception) -> Response[bytes]:
    if isinstance(error, UnicodeDecodeError) and not is_utf8(body_of(request)):
        return on_error(request, Malformed("the body is not JSON: it is not UTF-8"))
    log.error("a request broke", path=request.scope["path"], exc_info=error)
    body = ErrorBody(error="something is wrong inside Atoll; its log says what", code="INTERNAL")
    return json_response(wire.encode(body), 500)


def on_invalid(request: Call, error: ValidationException) -> Response[bytes]:
    """A body that is not JSON is a 400; one with wrong values a 422 that lists all of them;
    a wrong query parameter is a 422 that names it."""
    try:
        every = parameter_problems(error) or body_problems(request)
    except Malformed as malformed:
        return on_error(request, malformed)
    first = every[0] if every else Problem(field="", message=error.detail)
    text = f"{first.field}: {first.message}" if first.field else first.message
    body = ErrorBody(
        error=text, code="INVALID", field=first.field or None,
        errors=every if len(every) > 1 else None,
    )  # fmt: skip
    return json_response(wire.encode(body), 422)


def parameter_problems(error: ValidationException) -> list[Problem]:
    """As the framework names them, which for some is the name of a Python variable."""
    extra: Any = error.extra or []
    given = extra if isinstance(extra, list) else []
    return [
        Problem(field=ALIASES.get(key, key), message=message_in(str(one.get("message", ""))))
        for one in given
        if isinstance(one, dict) and one.get("source") in {"query", "path", "header"}
        for key in [str(one.get("key", ""))]
    ]


def body_problems(request: Call) -> list[Problem]:
    field = request.scope["route_handler"].parsed_data_field
    return [] if field is None else problems_of(field.annotation, body_of(request))


def body_of(request: Call) -> bytes:
    """As far as the framework has read it; a handler of errors cannot await."""
    raw = ScopeState.from_scope(request.scope).body
    return b"" if raw is Empty else raw


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
