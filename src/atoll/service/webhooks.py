"""Use cases of webhooks."""

import base64
from collections.abc import Awaitable, Callable

from atoll.domain import ids
from atoll.domain.commands import CreateWebhook, Update, UpdateWebhook
from atoll.domain.errors import Conflict
from atoll.domain.instances import require_labels
from atoll.domain.webhooks import Webhook, require_patterns, require_url
from atoll.ports import Filter
from atoll.service import owned, references
from atoll.service.desk import Accepted, Case
from atoll.service.instances import require_version

NOUN = "webhook"
WEBHOOKS_MAX = 50
UseCase = Callable[[Case], Awaitable[Accepted[Webhook]]]


def create(command: CreateWebhook, secret: bytes) -> UseCase:
    """It is told what happens from now on."""

    async def use_case(case: Case) -> Accepted[Webhook]:
        case.require("write")
        rows, project_id = case.tx.webhooks, case.caller.project_id
        await references.require_free_name(rows, project_id, command.name, NOUN)
        require_labels(command.labels)
        require_url(command.url)
        require_patterns(command.events)
        there = await rows.page(Filter(project_id=project_id, limit=WEBHOOKS_MAX))
        if len(there) >= WEBHOOKS_MAX:
            raise Conflict(f"a project may have {WEBHOOKS_MAX} webhooks: delete one first")
        webhook = Webhook(
            id=case.ids.new(ids.WEBHOOK),
            project_id=project_id,
            name=command.name,
            labels=command.labels,
            url=command.url,
            events=command.events,
            secret="whsec_" + base64.b64encode(secret).decode(),
            cursor=await case.tx.events.last(),
            due_at_ms=case.now_ms,
            created_at_ms=case.now_ms,
        )
        owned.add(case, rows, webhook, NOUN)
        return Accepted(webhook)

    return use_case


def update(reference: str, command: UpdateWebhook) -> UseCase:
    """Enabled again, or given another URL, it is tried at once, from where it was left."""
    if command.url is not None:
        require_url(command.url)
    if command.events is not None:
        require_patterns(command.events)

    async def use_case(case: Case) -> Accepted[Webhook]:
        case.require("write")
        webhook = await meant(case, reference, command.version)
        at_once = command.enabled or command.url is not None
        change = owned.update(
            lambda tx: tx.webhooks,
            NOUN,
            webhook.id,
            Update(name=command.name, labels=command.labels),
            url=command.url,
            events=command.events,
            enabled=command.enabled,
            due_at_ms=case.now_ms if at_once else None,
            edition=webhook.edition + 1,
        )
        return await change(case)

    return use_case


def delete(reference: str, version: int | None = None) -> UseCase:
    async def use_case(case: Case) -> Accepted[Webhook]:
        case.require("write")
        webhook = await meant(case, reference, version)
        owned.remove(case, case.tx.webhooks, webhook, NOUN)
        return Accepted(webhook)

    return use_case


async def meant(case: Case, reference: str, version: int | None) -> Webhook:
    rows, project_id = case.tx.webhooks, case.caller.project_id
    webhook = await references.get(rows, project_id, reference, NOUN)
    require_version(webhook.edition, version)
    return webhook
