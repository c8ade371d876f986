"""Delivers events to webhooks: in order, signed, with retries, each webhook independently.

Any number of messengers may use one database: one claims a webhook by postponing the time at which
it is due. Requests follow the Standard Webhooks specification (https://www.standardwebhooks.com):
`webhook-id`, `webhook-timestamp`, `webhook-signature`.
"""

import asyncio
import base64
import functools
import hashlib
import hmac
from collections import Counter
from contextlib import suppress

import msgspec
import structlog

from atoll.domain.errors import AtollError, DriverError, Lost
from atoll.domain.events import Event
from atoll.domain.webhooks import Webhook, is_subscribed
from atoll.ports import Clock, Courier, Store

log = structlog.get_logger()
LOOK_S = 1.0
AT_ONCE = 32
# Slow receivers of one project leave room for others.
AT_ONCE_OF_PROJECT = 8
WEBHOOKS_MAX = 10_000
BATCH = 100
# Longer than a courier may take: then another messenger may try.
CLAIM_MS = 30_000
BACKOFF_FIRST_S, BACKOFF_MAX_S = 5.0, 3600.0
OK = range(200, 300)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One event as a receiver reads it. `id` is the same in repeated deliveries."""

    id: str
    type: str
    timestamp_ms: int
    resource_id: str
    operation_id: str | None
    data: dict[str, object]


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    webhook_id: str
    project_id: str
    events: list[Message]


class Messenger:
    def __init__(self, store: Store, clock: Clock, courier: Courier) -> None:
        self._store = store
        self._clock = clock
        self._courier = courier
        self._going: dict[str, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()
        self._quiet: dict[str, str] = {}

    async def run(self) -> None:
        """Run until cancelled."""
        try:
            while True:
                try:
                    await self.look()
                except Exception as error:
                    log.warning("could not check the webhooks", error=str(error))
                await self._clock.sleep(LOOK_S)
        finally:
            for task in self._going.values():
                task.cancel()

    async def look(self) -> None:
        """Start the due deliveries. A slow receiver delays only itself."""
        read = self._store.read()
        last = await read.events.last()
        for webhook in await read.webhooks.due(self._clock.now_ms(), WEBHOOKS_MAX):
            quiet = self._quiet.get(webhook.id) == last  # nothing has happened since
            if webhook.id in self._going or quiet or not webhook.enabled:
                continue
            if len(self._going) >= AT_ONCE:
                return
            if self._busy[webhook.project_id] >= AT_ONCE_OF_PROJECT:
                continue
            self._busy[webhook.project_id] += 1
            task = asyncio.create_task(self.tell(webhook, last), name=f"webhook {webhook.id}")
            self._going[webhook.id] = task
            task.add_done_callback(functools.partial(self._told, webhook))

    def _told(self, webhook: Webhook, _: asyncio.Task[None]) -> None:
        self._going.pop(webhook.id, None)
        self._busy[webhook.project_id] -= 1
        self._busy += Counter()  # removes what is zero

    async def idle(self) -> None:
        """Return when no delivery is in progress."""
        while self._going:
            await asyncio.gather(*self._going.values())

    async def tell(self, webhook: Webhook, last: str) -> None:
        """Deliver all new events, in batches. On success, everything up to `last` is delivered."""
        with suppress(Lost):
            try:
                more = True
                while more:
                    webhook, more = await self._tell_batch(webhook)
                if not webhook.failures:
                    self._quiet[webhook.id] = last
            except AtollError as error:
                log.warning("a webhook waits", webhook=webhook.id, why=error.message)

    async def _tell_batch(self, webhook: Webhook) -> tuple[Webhook, bool]:
        events = await self._store.read().events.after(webhook.project_id, webhook.cursor, BATCH)
        if not events:
            return webhook, False
        wanted = [event for event in events if is_subscribed(webhook, event.kind)]
        claimed = await self._write(webhook, due_at_ms=self._clock.now_ms() + CLAIM_MS)
        problem = await self._send(claimed, wanted) if wanted else ""
        if problem:
            return await self._put_off(claimed, problem), False
        done = await self._write(
            claimed,
            cursor=events[-1].seq,
            failures=0,
            reason="",
            delivered_at_ms=self._clock.now_ms() if wanted else claimed.delivered_at_ms,
            due_at_ms=self._clock.now_ms(),
        )
        return done, len(events) == BATCH

    async def _send(self, webhook: Webhook, events: list[Event]) -> str:
        """Send a batch. Returns the error as a sentence; empty if it was delivered."""
        body = msgspec.json.encode(envelope(webhook, events))
        message_id = f"{webhook.id}:{events[0].seq}-{events[-1].seq}"
        headers = signed(webhook, message_id, self._clock.now_ms() // 1000, body)
        try:
            status = await self._courier.post(webhook.url, headers, body)
        except DriverError as error:
            return error.message
        return "" if status in OK else f"the webhook answered {status}"

    async def _put_off(self, webhook: Webhook, problem: str) -> Webhook:
        pause_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(webhook.failures, 20))
        return await self._write(
            webhook,
            failures=webhook.failures + 1,
            reason=problem,
            due_at_ms=self._clock.now_ms() + int(pause_s * 1000),
        )

    async def _write(self, webhook: Webhook, **changes: object) -> Webhook:
        async with self._store.transaction() as tx:
            return tx.webhooks.change(webhook, **changes)


def envelope(webhook: Webhook, events: list[Event]) -> Envelope:
    return Envelope(
        webhook_id=webhook.id,
        project_id=webhook.project_id,
        events=[
            Message(
                id=event.seq,
                type=event.kind,
                timestamp_ms=event.at_ms,
                resource_id=event.resource_id,
                operation_id=event.operation_id,
                data=event.data,
            )
            for event in events
        ],
    )


def signed(webhook: Webhook, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers. The signature covers `id.timestamp.body`; its key is the decoded base64
    of the secret."""
    key = base64.b64decode(webhook.secret.removeprefix("whsec_"))
    text = f"{message_id}.{at_s}.".encode() + body
    signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Atoll",
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{signature}",
    }
