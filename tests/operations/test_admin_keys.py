"""The last admin key stays, also when two admins delete each other's."""

import asyncio
import secrets
from dataclasses import replace

import pytest

from atoll.domain.commands import CreateApiKey, DeleteApiKey
from atoll.domain.errors import InUse
from atoll.domain.projects import Role
from atoll.ports import Filter
from tests.support.world import World

pytestmark = pytest.mark.anyio
ADMINS = (("role", Role.ADMIN.value),)
TIMES = 10


async def test_of_two_admins_who_delete_each_other_one_stays(world: World) -> None:
    deployment = replace(world.deployment, new_secret=lambda: secrets.token_bytes(32))
    world.desk = replace(world.desk, deployment=deployment)
    for number in range(TIMES):
        made = [
            (await world.execute(CreateApiKey(name=f"{side}-{number}", role=Role.ADMIN))).thing
            for side in ("left", "right")
        ]
        others = [
            key for key in await world.store.read().api_keys.page(Filter(equals=ADMINS, limit=100))
            if key.id not in {made[0].id, made[1].id}
        ]  # fmt: skip
        for key in others:
            await world.execute(DeleteApiKey(api_key=key.id))
        both = [world.execute(DeleteApiKey(api_key=key.id)) for key in made]
        answers = await asyncio.gather(*both, return_exceptions=True)
        refused = [one for one in answers if isinstance(one, InUse)]
        assert len(refused) == 1, answers
        left = await world.store.read().api_keys.page(Filter(equals=ADMINS, limit=100))
        assert len(left) == 1
