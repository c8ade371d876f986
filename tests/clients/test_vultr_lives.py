"""Unchanged clients of Vultr live a whole life on simulated hosts, and on guests that are real.

What they do stands in `vultr/lives`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.keys import ED25519
from tests.api.server import RunningCloud
from tests.clients.stages import LIVES as FOLDER
from tests.clients.stages import Stage, live, play, real_stage

LIVES = ("libcloud_life.py", "python_client_life.py")


@pytest.fixture
def pretended(cloud: RunningCloud, clients: Path) -> Iterator[Stage]:
    api = cloud.api()
    yield Stage(port=int(cloud.url.rpartition(":")[2]), key=api.key, public_key=ED25519)
    leftovers = [api.items(f"/v1/{noun}") for noun in ("instances", "volumes", "snapshots")]
    api.close()
    assert leftovers == [[], [], []]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    yield from real_stage(tmp_path_factory.mktemp, "--vultr-per-second", "0")


@pytest.mark.parametrize("life", LIVES)
def test_a_client_lives_a_whole_life(pretended: Stage, life: str) -> None:
    live(FOLDER / life, pretended)


def test_a_playbook_changes_nothing_the_second_time(pretended: Stage, tmp_path: Path) -> None:
    play(pretended, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("life", LIVES)
def test_a_client_finds_in_its_guests_what_it_asked_for(
    real: Stage, clients: Path, life: str
) -> None:
    live(FOLDER / life, real)


@pytest.mark.long
def test_a_playbook_works_on_guests_that_are_real(
    real: Stage, clients: Path, tmp_path: Path
) -> None:
    play(real, tmp_path)
