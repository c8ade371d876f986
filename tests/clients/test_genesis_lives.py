"""Genesis Cloud's own client lives a whole life on simulated hosts, and on guests that are real.

What it does stands in `genesis/lives`.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.keys import ED25519
from tests.api.server import RunningCloud
from tests.clients.stages import HERE, Stage, live, real_stage

LIFE = HERE / "genesis/lives/genesiscloud_life.py"
TYPES = ("vcpu-2_memory-4g_disk-80g", "vcpu-2_memory-4g")
# The vendor's smallest guest is large for a machine that runs the tests.
SMALL = "mini"


def lives(stage: Stage) -> None:
    root = f"http://127.0.0.1:{stage.port}/"
    live(LIFE, stage, "genesis", GENESISCLOUD_API_ROOT=root)


@pytest.fixture
def pretended(cloud: RunningCloud, clients: Path) -> Iterator[Stage]:
    api = cloud.api()
    yield Stage(port=int(cloud.url.rpartition(":")[2]), key=api.key, public_key=ED25519)
    leftovers = [api.items(f"/v1/{noun}") for noun in ("instances", "snapshots", "ssh-keys")]
    api.close()
    assert leftovers == [[], [], []]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    yield from real_stage(tmp_path_factory.mktemp, type_=SMALL)


@pytest.mark.parametrize("type_", TYPES)
def test_a_client_lives_a_whole_life(pretended: Stage, type_: str) -> None:
    lives(dataclasses.replace(pretended, type=type_))


@pytest.mark.long
def test_a_client_finds_in_its_guests_what_it_asked_for(real: Stage, clients: Path) -> None:
    lives(real)
