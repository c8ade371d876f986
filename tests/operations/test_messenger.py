"""Webhooks are told everything once it can be, in order and signed; the slow hurt nobody."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from atoll.domain.commands import CreateVpc, CreateWebhook, UpdateWebhook
from atoll.domain.errors import DriverUnavailable
from atoll.domain.projects import Project
from atoll.domain.webhooks import Webhook
from atoll.operations.messenger import AT_ONCE, Messenger
from tests.support.things import NOW
from tests.support.world import World

pytestmark = pytest.mark.anyio
SECRET = bytes(range(32))


class Receiver:
    """`ports.Courier` whose other end is here."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.got: list[tuple[str, Mapping[str, str], bytes]] = []
        self.gate = asyncio.Event()
        self.slow: set[str] = set()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        if url in self.slow:
            await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        self.got.append((url, headers, body))
        return answer

    def kinds(self, url: str | None = None) -> list[str]:
        bodies = [body for to, _, body in self.got if url in {None, to}]
        return [event["type"] for body in bodies for event in json.loads(body)["events"]]


async def hooked(world: World, name: str = "ops", **spec: Any) -> Webhook:
    command = CreateWebhook(name=name, url=f"https://{name}.example.com", **spec)
    made: Webhook = (await world.execute(command)).thing
    return made


async def told(world: World, receiver: Receiver, messenger: Messenger | None = None) -> Messenger:
    mine = messenger or Messenger(world.store, world.clock, receiver)
    await mine.look()
    await mine.idle()
    return mine


async def now(world: World, webhook: Webhook) -> Webhook:
    return await world.store.read().webhooks.get(webhook.id)


async def test_what_happens_is_told_in_order_and_only_once(world: World) -> None:
    receiver = Receiver()
    await hooked(world, events=("instance.*",))
    await world.created()
    messenger = await told(world, receiver)
    await told(world, receiver, messenger)
    await told(world, Receiver())
    assert sorted(receiver.kinds()) == ["instance.ready", "instance.running"]
    order = [event["id"] for _, _, body in receiver.got for event in json.loads(body)["events"]]
    assert order == sorted(order, key=lambda seq: [int(part) for part in seq.split(".")])


async def test_what_is_sent_can_be_verified_with_the_secret(world: World) -> None:
    receiver = Receiver()
    webhook = await hooked(world)
    await told(world, receiver)
    _, headers, body = receiver.got[0]
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(webhook.secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert json.loads(body)["webhook_id"] == webhook.id


async def test_a_receiver_that_was_away_is_told_later_from_where_it_was_left(
    world: World,
) -> None:
    receiver = Receiver(500, DriverUnavailable("it cannot be reached"))
    webhook = await hooked(world, events=("instance.running",))
    await world.created()
    messenger = await told(world, receiver)
    failed = await now(world, webhook)
    assert (failed.failures, failed.reason) == (1, "the webhook answered 500")
    await told(world, receiver, messenger)
    assert (await now(world, webhook)).failures == 1, "not before its pause is over"
    for _ in range(2):
        world.clock.advance(60)
        await told(world, receiver, messenger)
    assert receiver.kinds()[1:] == ["instance.running"]
    arrived = await now(world, webhook)
    assert (arrived.failures, arrived.reason) == (0, "")
    ids = [headers["webhook-id"] for _, headers, _ in receiver.got]
    assert ids[0] == ids[1], "a message that is told again keeps its id"


async def test_a_slow_receiver_hurts_nobody(world: World) -> None:
    receiver = Receiver()
    receiver.slow.add("https://slow.example.com")
    await hooked(world, "slow")
    await hooked(world, "quick", events=("instance.running",))
    await world.created()
    messenger = Messenger(world.store, world.clock, receiver)
    await messenger.look()
    async with asyncio.timeout(10):
        while not receiver.kinds("https://quick.example.com"):
            await asyncio.sleep(0.005)
    assert receiver.kinds("https://slow.example.com") == []
    receiver.gate.set()
    await messenger.idle()
    assert "instance.running" in receiver.kinds("https://slow.example.com")


async def test_slow_receivers_of_one_project_leave_room_for_others(world: World) -> None:
    receiver = Receiver()
    for number in range(AT_ONCE + 5):
        receiver.slow.add(f"https://slow-{number}.example.com")
        await hooked(world, f"slow-{number}")
    await world.created()
    world.caller = msgspec.structs.replace(world.caller, project_id="proj-2")
    async with world.store.transaction() as tx:
        tx.projects.add(Project(id="proj-2", name="other", created_at_ms=NOW))
        tx.quotas.add("proj-2")
    await hooked(world, "quick")
    await world.execute(CreateVpc(name="mine", cidr="10.9.0.0/16"))
    messenger = Messenger(world.store, world.clock, receiver)
    await messenger.look()
    async with asyncio.timeout(10):
        while not receiver.kinds("https://quick.example.com"):
            await asyncio.sleep(0.005)
    receiver.gate.set()
    await messenger.idle()


async def test_two_messengers_tell_everything_once(world: World) -> None:
    receiver = Receiver()
    await hooked(world, events=("instance.running",))
    await world.created()
    await asyncio.gather(*[told(world, receiver) for _ in range(3)])
    assert receiver.kinds() == ["instance.running"]


async def test_what_is_told_makes_no_new_edition_and_what_a_user_changes_does(
    world: World,
) -> None:
    receiver = Receiver(500)
    webhook = await hooked(world)
    await world.created()
    messenger = await told(world, receiver)
    world.clock.advance(60)
    await told(world, receiver, messenger)
    assert receiver.got
    assert (await now(world, webhook)).edition == 1
    await world.execute(UpdateWebhook(webhook="ops", enabled=False, version=1))
    assert (await now(world, webhook)).edition == 2


async def test_a_disabled_webhook_goes_on_where_it_was_left(world: World) -> None:
    receiver = Receiver()
    await hooked(world, events=("instance.running",))
    await world.execute(UpdateWebhook(webhook="ops", enabled=False))
    await world.created()
    messenger = await told(world, receiver)
    assert receiver.got == []
    await world.execute(UpdateWebhook(webhook="ops", enabled=True))
    await told(world, receiver, messenger)
    assert receiver.kinds() == ["instance.running"]
