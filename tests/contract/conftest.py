"""The stores and the drivers under contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.ports import Store
from tests.contract.drivers import Bench, qemu_bench, simulator_bench
from tests.support.stores import KINDS, fresh_store

# The drivers that a contract is tried on.
BENCHES = [simulator_bench, pytest.param(qemu_bench, marks=pytest.mark.qemu)]
BENCH_NAMES = ["simulator", "qemu"]


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    built = await fresh_store(request.param, request, tmp_path)
    yield built
    await built.close()


@pytest.fixture(params=BENCHES, ids=BENCH_NAMES)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    built: Bench = await request.param(tmp_path)
    yield built
    await built.end()
