"""The query that only webhooks have: what is due."""

import sqlalchemy as sa

from atoll.domain.webhooks import Webhook
from atoll.store import tables
from atoll.store.rows import DocumentMapping, NounRows
from atoll.store.sql import bind
from atoll.store.unit import Unit

WEBHOOKS = DocumentMapping(Webhook, tables.webhooks, "webhook")
webhook = tables.webhooks.c


class WebhookRows(NounRows[Webhook]):
    """`ports.Webhooks`."""

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit, WEBHOOKS)

    async def due(self, now_ms: int, limit: int) -> list[Webhook]:
        query = self._query(
            "due",
            lambda: (
                sa.select(*WEBHOOKS.columns)
                .where(webhook.due_at_ms <= bind("now_ms", webhook.due_at_ms))
                .order_by(webhook.due_at_ms)
                .limit(sa.bindparam("limit", type_=sa.Integer()))
            ),
        )
        return await self._things(query, {"now_ms": now_ms, "limit": limit})
