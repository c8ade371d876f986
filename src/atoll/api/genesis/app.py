"""The application of Genesis Cloud's compute API v1: its routes, its errors, its public routes."""

from collections.abc import Sequence

from litestar import Litestar, Response, get
from litestar.di import Provide
from litestar.exceptions import HTTPException

from atoll.api import foreign, serving
from atoll.api.genesis import openapi, wire
from atoll.api.genesis.account import Account
from atoll.api.genesis.availability import Availability
from atoll.api.genesis.catalogue import Catalogue
from atoll.api.genesis.filesystems import Filesystems
from atoll.api.genesis.floating_ips import FloatingIps
from atoll.api.genesis.images import Images
from atoll.api.genesis.instance_actions import InstanceActions
from atoll.api.genesis.instances import Instances
from atoll.api.genesis.security_groups import SecurityGroups
from atoll.api.genesis.snapshots import Snapshots
from atoll.api.genesis.ssh_keys import SshKeys
from atoll.api.genesis.volumes import Volumes
from atoll.api.http import Call, Face, json_response
from atoll.api.problems import Problem
from atoll.domain.errors import AtollError
from atoll.service.bundle import Services

CONTROLLERS = (
    Instances, InstanceActions, Images, Snapshots, Volumes, Filesystems, SecurityGroups,
    FloatingIps, SshKeys, Availability, Account,
)  # fmt: skip
DOCUMENT = "/openapi.yaml"
# Error codes of requests that no handler accepted.
HTTP_CODES = {400: "INVALID", 404: wire.NO_ROUTE, 405: wire.NO_ROUTE}


@get(DOCUMENT, include_in_schema=False)
async def document(request: Call) -> Response[bytes]:
    """Build the document at its first request, and keep it."""
    state = request.app.state
    if "document" not in state:
        state.document = openapi.encode(openapi.genesis_document(request.app))
    return Response(state.document, media_type=openapi.MEDIA_TYPE)


def face(services: Services, catalogue: Catalogue) -> Face:
    return Face(
        name="genesis",
        prefixes=(wire.PREFIX,),
        app=build(services, catalogue),
        secret_of=wire.secret_of,
        refuse=wire.refuse,
        is_public=lambda method, path: method == "GET" and path == wire.PREFIX + DOCUMENT,
        is_free=lambda method, path: False,
        server=wire.PREFIX,
    )


def build(services: Services, catalogue: Catalogue) -> Litestar:
    app = serving.build(
        wire.PREFIX, (*CONTROLLERS, document), services,
        serving.Refusals(on_error, on_problems, on_http, on_bug),
        dependencies={"paging": Provide(wire.paging)},
    )  # fmt: skip
    app.state.catalogue = catalogue
    return app


def refused(
    status: int, code: str, text: str, headers: dict[str, str] | None = None
) -> Response[bytes]:
    return json_response(wire.refusal(status, code, text).body, status, headers)


def on_error(request: Call, error: AtollError) -> Response[bytes]:
    asked = serving.asked_at(request, error)
    error = foreign.not_found_as_invalid(error, asked)
    status, text = wire.status_of_error(error), wire.text_of(error, asked)
    return refused(status, wire.code_of(error), text, serving.retry_headers(error, status))


def on_http(request: Call, error: HTTPException, sentence: str) -> Response[bytes]:
    headers = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    code = HTTP_CODES.get(error.status_code, "HTTP")
    return refused(error.status_code, code, sentence, headers)


def on_problems(request: Call, every: Sequence[Problem]) -> Response[bytes]:
    texts = [f"{one.field}: {one.message}" if one.field else one.message for one in every]
    return refused(400, "INVALID", "; ".join(texts))


def on_bug(request: Call) -> Response[bytes]:
    return refused(500, "BUG", "something is wrong inside Atoll; its log says what")
