"""The native dialect's application: its routes and its errors."""

from collections.abc import Sequence

from litestar import Litestar, Response
from litestar.exceptions import HTTPException

from atoll.api import serving
from atoll.api.http import Call, Face, bearer_or_key, json_response
from atoll.api.native import instances, wire
from atoll.api.native.apis import Apis
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
from atoll.api.native.projects import ApiKeys, Projects
from atoll.api.native.quick import read_instance
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
from atoll.api.native.wire import ErrorBody
from atoll.api.problems import Problem
from atoll.api.rendered import Rendered
from atoll.domain.errors import AtollError
from atoll.service.bundle import Services

PREFIX = "/v1"
OPERATIONS, OPERATION = "v1/operations", "/v1/operations/"
CONTROLLERS = (
    Instances, Consoles, Operations, Events, Types, Regions, Images, SshKeys, Vpcs, Subnets,
    SecurityGroups, Volumes, Snapshots, FloatingIps, InstanceViews, InstanceActions, Quotas, Hosts,
    ApiKeys, Projects, StartupScripts, Webhooks, ReverseDns, Apis, Faults,
)  # fmt: skip
ALIASES = {"states": "state", "bytes_": "bytes"}
CODES = {
    400: "MALFORMED", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE",
    415: "MALFORMED",
}  # fmt: skip


def face(services: Services) -> Face:
    app = build(services)
    return Face(
        name="native",
        prefixes=(PREFIX,),
        app=app,
        secret_of=bearer_or_key,
        refuse=wire.refuse,
        is_public=lambda method, path: False,
        is_free=asks_for_an_operation,
        quick=read_instance(services, app.state.instances),
    )


def asks_for_an_operation(method: str, path: str) -> bool:
    """True except for lists of operations."""
    return method == "GET" and path.startswith(OPERATION) and path.strip("/") != OPERATIONS


def build(services: Services) -> Litestar:
    app = serving.build(
        PREFIX, CONTROLLERS, services,
        serving.Refusals(on_error, on_problems, on_http, on_bug), names=ALIASES,
    )  # fmt: skip
    app.state.instances = Rendered(instances.show)
    app.state.listed_instances = Rendered(instances.show_listed)
    return app


def on_error(request: Call, error: AtollError) -> Response[bytes]:
    body = wire.error_body(error, serving.asked_at(request, error))
    status = wire.status_of_error(error)
    return json_response(wire.encode(body), status, serving.retry_headers(error, status))


def on_http(request: Call, error: HTTPException, sentence: str) -> Response[bytes]:
    headers = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    body = wire.encode(ErrorBody(error=sentence, code=CODES.get(error.status_code, "ERROR")))
    return json_response(body, error.status_code, headers)


def on_bug(request: Call) -> Response[bytes]:
    body = ErrorBody(error="something is wrong inside Atoll; its log says what", code="INTERNAL")
    return json_response(wire.encode(body), 500)


def on_problems(request: Call, every: Sequence[Problem]) -> Response[bytes]:
    """Respond to faulty values with a 422 that lists all of them."""
    first = every[0]
    text = f"{first.field}: {first.message}" if first.field else first.message
    body = ErrorBody(
        error=text, code="INVALID", field=first.field or None,
        errors=list(every) if len(every) > 1 else None,
    )  # fmt: skip
    return json_response(wire.encode(body), 422)
