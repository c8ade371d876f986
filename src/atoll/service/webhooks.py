"""Handles commands on webhooks."""

import base64

from atoll.domain import ids
from atoll.domain.commands import CreateWebhook, DeleteWebhook, UpdateWebhook
from atoll.domain.errors import Conflict
from atoll.domain.instances import require_labels
from atoll.domain.reasons import Reason
from atoll.domain.webhooks import Webhook, require_patterns, require_url
from atoll.ports import Filter
from atoll.service import owned, references
from atoll.service.desk import Case, Done
from atoll.service.nouns import WEBHOOKS

FIELD = "webhook"
WEBHOOKS_MAX = 50


async def create(case: Case, command: CreateWebhook) -> Done[Webhook]:
    """Create a webhook. It gets the events from now on."""
    await references.require_free_name(case, WEBHOOKS, command.name)
    require_labels(command.labels)
    require_url(command.url)
    require_patterns(command.events)
    there = await case.tx.webhooks.page(Filter(project_id=case.project_id, limit=WEBHOOKS_MAX))
    if len(there) >= WEBHOOKS_MAX:
        raise Conflict(Reason.WEBHOOKS_FULL, highest=WEBHOOKS_MAX)
    webhook = Webhook(
        id=case.ids.new(ids.WEBHOOK),
        project_id=case.project_id,
        name=command.name,
        labels=command.labels,
        url=command.url,
        events=command.events,
        secret="whsec_" + base64.b64encode(case.deployment.new_secret()).decode(),
        cursor=await case.tx.events.last(),
        due_at_ms=case.now_ms,
        created_at_ms=case.now_ms,
    )
    return await owned.add(case, WEBHOOKS, webhook)


async def update(case: Case, command: UpdateWebhook) -> Done[Webhook]:
    """Update a webhook. If it is enabled again, or its URL changes, delivery resumes immediately
    where it stopped."""
    if command.url is not None:
        require_url(command.url)
    if command.events is not None:
        require_patterns(command.events)
    webhook = await get_edition(case, command)
    at_once = command.enabled or command.url is not None
    return await owned.update(
        case,
        WEBHOOKS,
        webhook,
        # Users see the edition as the version, and it was compared already.
        UpdateWebhook(webhook=webhook.id, name=command.name, labels=command.labels),
        url=command.url,
        events=command.events,
        enabled=command.enabled,
        due_at_ms=case.now_ms if at_once else None,
        edition=webhook.edition + 1,
    )


async def delete(case: Case, command: DeleteWebhook) -> Done[Webhook]:
    return owned.remove(case, WEBHOOKS, await get_edition(case, command))


async def get_edition(case: Case, command: UpdateWebhook | DeleteWebhook) -> Webhook:
    """Raises VersionMismatch if the caller has read another edition."""
    webhook = await owned.get(case, WEBHOOKS, command.webhook, FIELD)
    owned.require_version(webhook.edition, command.version)
    return webhook
