"""`/v1/webhooks`."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, UnsetType

from atoll.api.http import Call, version_of
from atoll.api.native import named, wire
from atoll.api.native.paging import LABELLED, Paging
from atoll.api.native.wire import ChangedMetadata, Metadata, NewMetadata, Wire
from atoll.api.serving import execute, respond
from atoll.domain.commands import CreateWebhook, DeleteWebhook, UpdateWebhook
from atoll.domain.events import EVERYTHING, PATTERNS
from atoll.domain.webhooks import PATTERNS_MAX, URL_MAX, Webhook
from atoll.service.nouns import WEBHOOKS

# Documented here; rejected below with a better sentence.
URL_SCHEMA = {
    "pattern": "^https?://[!-~]*$",
    "maxLength": URL_MAX,
    "description": "it must begin with http:// or https://",
}
Url = Annotated[str, Meta(extra_json_schema=URL_SCHEMA)]
Pattern = Annotated[str, Meta(extra_json_schema={"enum": list(PATTERNS)})]
Patterns = Annotated[list[Pattern], Meta(min_length=1, max_length=PATTERNS_MAX)]


class WebhookSpecIn(Wire, kw_only=True):
    """`events` are kinds, or `instance.*` for all kinds of a noun. Default: all events."""

    url: Url
    events: Patterns | None = None


class CreateWebhookBody(Wire, kw_only=True):
    metadata: NewMetadata
    spec: WebhookSpecIn


class WebhookSpecPatch(Wire, kw_only=True):
    url: Url | None = None
    events: Patterns | None = None
    enabled: bool | None = None


class PatchWebhookBody(Wire, kw_only=True):
    metadata: ChangedMetadata | UnsetType = UNSET
    spec: WebhookSpecPatch | UnsetType = UNSET


class WebhookSpec(msgspec.Struct, kw_only=True):
    url: str
    events: tuple[str, ...]
    enabled: bool


class WebhookStatus(msgspec.Struct, kw_only=True):
    """`secret` is shown once, at creation. `failures` counts consecutive failures; `cursor` is the
    id of the last delivered event, as in `/v1/events`."""

    secret: str | None
    cursor: str
    failures: int
    reason: str
    next_try_at: str | None
    delivered_at: str | None


class WebhookOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: Metadata
    spec: WebhookSpec
    status: WebhookStatus


class WebhookList(msgspec.Struct, kw_only=True):
    items: list[WebhookOut]
    next: str | None


def parse_create(body: CreateWebhookBody) -> CreateWebhook:
    given, spec = body.metadata, body.spec
    events = (EVERYTHING,) if spec.events is None else tuple(spec.events)
    return CreateWebhook(name=given.name, labels=given.labels, url=spec.url, events=events)


def parse_update(request: Call, webhook_id: str, body: PatchWebhookBody) -> UpdateWebhook:
    given, spec = body.metadata or ChangedMetadata(), body.spec or WebhookSpecPatch()
    return UpdateWebhook(
        webhook=webhook_id, name=given.name, labels=given.labels, url=spec.url,
        enabled=spec.enabled,
        events=None if spec.events is None else tuple(spec.events), version=version_of(request),
    )  # fmt: skip


def show(webhook: Webhook, *, secret: bool = False) -> WebhookOut:
    return WebhookOut(
        id=webhook.id,
        metadata=named.metadata(webhook, webhook.edition),
        spec=WebhookSpec(url=webhook.url, events=webhook.events, enabled=webhook.enabled),
        status=WebhookStatus(
            secret=webhook.secret if secret else None, cursor=webhook.cursor,
            failures=webhook.failures, reason=webhook.reason,
            next_try_at=wire.time_of(webhook.due_at_ms) if webhook.failures else None,
            delivered_at=wire.time_of(webhook.delivered_at_ms),
        ),
    )  # fmt: skip


class Webhooks(Controller):
    path = "/webhooks"
    tags = ("Webhooks",)

    @post("/", operation_id="createWebhook", commands=(CreateWebhook,), status_code=201,
          summary="Create a webhook",
          responses=wire.WRITES | wire.shown(WebhookOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateWebhookBody]) -> Response[bytes]:
        outcome = await execute(request, parse_create(data))
        return respond(outcome, show(outcome.thing, secret=not outcome.replayed), 201)

    @get("/", operation_id="listWebhooks", dependencies=LABELLED, summary="List webhooks",
         responses=wire.LISTS | wire.shown(WebhookList, "one page of the list"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        return await named.page(request, WEBHOOKS, paging, show)

    @get("/{webhook_id:str}", operation_id="getWebhook", summary="Get a webhook",
         responses=wire.READS | wire.shown(WebhookOut, "the webhook"))  # fmt: skip
    async def read(self, request: Call, webhook_id: FromPath[str]) -> Response[bytes]:
        return await named.read(request, WEBHOOKS, webhook_id, show)

    @patch("/{webhook_id:str}", operation_id="updateWebhook", commands=(UpdateWebhook,),
           summary="Update a webhook (enabled again, it continues where it stopped)",
           responses=wire.WRITES | wire.shown(WebhookOut, "updated"))  # fmt: skip
    async def update(
        self, request: Call, webhook_id: FromPath[str], data: JSONBody[PatchWebhookBody]
    ) -> Response[bytes]:
        return await wire.mutate(request, show, parse_update(request, webhook_id, data))

    @delete("/{webhook_id:str}", operation_id="deleteWebhook", commands=(DeleteWebhook,),
            status_code=204, summary="Delete a webhook", responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, webhook_id: FromPath[str]) -> Response[None]:
        return await wire.no_content(
            request, DeleteWebhook(webhook=webhook_id, version=version_of(request))
        )
