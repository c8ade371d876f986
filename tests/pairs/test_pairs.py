"""Clients that do not wait: each ordered pair of changes, in each dialect."""

import random
from collections.abc import Callable, Iterator
from itertools import product

import pytest

from tests.api.client import Api
from tests.api.server import RunningCloud
from tests.pairs.genesis import GENESIS
from tests.pairs.harness import Dialect, Pair, find_faults
from tests.pairs.native import NATIVE
from tests.pairs.vultr import VULTR

DIALECTS = {"native": NATIVE, "vultr": VULTR, "genesis": GENESIS}
BATCH = 100
SEED, SHARE = 20261129, 10


def pairs_of(dialect: Dialect) -> list[Pair]:
    return [Pair(first, second) for first, second in product(dialect.changes, repeat=2)]


def batches() -> Iterator[object]:
    for name, dialect in DIALECTS.items():
        every = pairs_of(dialect)
        for number, start in enumerate(range(0, len(every), BATCH)):
            yield pytest.param(dialect, every[start : start + BATCH], id=f"{name}-{number}")


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_a_change_right_behind_another_is_taken_or_truly_refused(
    dialect: Dialect, cloud: RunningCloud, project: Callable[[], Api]
) -> None:
    every = pairs_of(dialect)
    some = random.Random(SEED).sample(every, len(every) // SHARE)
    assert find_faults(cloud, dialect, some, project) == {}


@pytest.mark.long
@pytest.mark.parametrize(("dialect", "pairs"), list(batches()))
def test_every_change_right_behind_every_other(
    dialect: Dialect, pairs: list[Pair], cloud: RunningCloud, project: Callable[[], Api]
) -> None:
    assert find_faults(cloud, dialect, pairs, project) == {}
