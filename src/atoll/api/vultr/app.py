"""The application of Vultr's API v2: its routes, its errors, and the routes that need no key."""

from collections.abc import Sequence

from litestar import Litestar, Response, get
from litestar.di import Provide
from litestar.exceptions import HTTPException

from atoll.api import foreign, serving
from atoll.api.documents import encode
from atoll.api.http import Call, Face, bearer_or_key, json_response
from atoll.api.problems import Problem
from atoll.api.vultr import not_served, wire
from atoll.api.vultr.account import Account
from atoll.api.vultr.backups import Backups
from atoll.api.vultr.bare_metals.collection import BareMetals
from atoll.api.vultr.bare_metals.details import BareMetalDetails
from atoll.api.vultr.bare_metals.vpcs import BareMetalVpcs
from atoll.api.vultr.blocks import Blocks
from atoll.api.vultr.catalogue import Catalogue
from atoll.api.vultr.firewall_rules import FirewallRules
from atoll.api.vultr.firewalls import Firewalls
from atoll.api.vultr.instances.addresses import InstanceAddresses
from atoll.api.vultr.instances.collection import Instances
from atoll.api.vultr.instances.details import InstanceDetails
from atoll.api.vultr.instances.isos import InstanceIsos
from atoll.api.vultr.instances.power import InstanceActions
from atoll.api.vultr.instances.vpcs import InstanceVpcs
from atoll.api.vultr.isos import Isos, PublicIsos
from atoll.api.vultr.openapi import vultr_document
from atoll.api.vultr.plans import MetalPlans, Plans
from atoll.api.vultr.private_networks import PrivateNetworks
from atoll.api.vultr.regions import Regions
from atoll.api.vultr.reserved_ips import ReservedIps
from atoll.api.vultr.snapshots import Snapshots
from atoll.api.vultr.ssh_keys import SshKeys
from atoll.api.vultr.startup_scripts import StartupScripts
from atoll.api.vultr.systems import Systems
from atoll.api.vultr.users import Users
from atoll.api.vultr.vpc2 import Vpc2s
from atoll.api.vultr.vpcs import Vpcs
from atoll.domain.errors import AtollError
from atoll.service.bundle import Services

CONTROLLERS = (
    Instances, InstanceActions, InstanceVpcs, InstanceAddresses, InstanceDetails, InstanceIsos,
    SshKeys, Systems, Firewalls, FirewallRules, Vpcs, Vpc2s, PrivateNetworks, StartupScripts, Plans,
    MetalPlans, Regions, Account, Users, BareMetals, BareMetalDetails, BareMetalVpcs,
    Blocks, Snapshots, Backups, ReservedIps, Isos, PublicIsos,
)  # fmt: skip
# Vultr's document has no security for these, and clients send no key there.
PUBLIC = frozenset({
    "/v2/os", "/v2/applications", "/v2/iso-public", "/v2/regions", "/v2/plans", "/v2/plans-metal",
    "/v2/openapi.json",
})  # fmt: skip


@get("/openapi.json", include_in_schema=False)
async def document(request: Call) -> Response[bytes]:
    """Build the document at its first request, and keep it."""
    state = request.app.state
    if "document" not in state:
        state.document = encode(vultr_document(request.app))
    return json_response(state.document)


def face(services: Services, catalogue: Catalogue, per_second: int) -> Face:
    """`per_second` requests of one key, 0 for as many as the key's own limit allows."""
    return Face(
        name="vultr",
        prefixes=(wire.PREFIX,),
        app=build(services, catalogue),
        secret_of=bearer_or_key,
        refuse=wire.refuse,
        is_public=is_public,
        is_free=lambda method, path: False,
        per_second=per_second,
        server=wire.PREFIX,
    )


def is_public(method: str, path: str) -> bool:
    bare = path.rstrip("/")
    return method == "GET" and (
        bare in PUBLIC or (bare.startswith("/v2/regions/") and bare.endswith("/availability"))
    )


def build(services: Services, catalogue: Catalogue) -> Litestar:
    app = serving.build(
        wire.PREFIX, (*CONTROLLERS, *not_served.HANDLERS, document), services,
        serving.Refusals(on_error, on_problems, on_http, on_bug),
        dependencies={"paging": Provide(wire.paging)},
    )  # fmt: skip
    app.state.catalogue = catalogue
    return app


def on_error(request: Call, error: AtollError) -> Response[bytes]:
    asked = serving.asked_at(request, error)
    error = foreign.not_found_as_invalid(error, asked)
    text = wire.text_of(error, request.scope["path"], asked)
    refusal = wire.refusal(wire.status_of_error(error), text)
    headers = serving.retry_headers(error, refusal.status)
    return json_response(refusal.body, refusal.status, headers)


def on_http(request: Call, error: HTTPException, sentence: str) -> Response[bytes]:
    headers = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    refusal = wire.refusal(error.status_code, sentence)
    return json_response(refusal.body, refusal.status, headers)


def on_bug(request: Call) -> Response[bytes]:
    refusal = wire.refusal(500, "something is wrong inside Atoll; its log says what")
    return json_response(refusal.body, refusal.status)


def on_problems(request: Call, every: Sequence[Problem]) -> Response[bytes]:
    texts = [f"{one.field}: {one.message}" if one.field else one.message for one in every]
    refusal = wire.refusal(400, "; ".join(texts))
    return json_response(refusal.body, refusal.status)
