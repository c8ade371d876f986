"""A page of large resources is short, and the next one goes on behind it."""

from typing import Any

import msgspec
import pytest

from atoll.domain.events import AuditRecord
from atoll.domain.instances import Instance
from atoll.domain.security_groups import Protocol, Rule, SecurityGroup
from atoll.domain.ssh_keys import SshKey
from atoll.domain.startup_scripts import StartupScript
from atoll.service import pages
from atoll.service.nouns import Identified
from atoll.service.queries import Query
from tests.support import things

pytestmark = pytest.mark.anyio
LARGE = "x" * 80_000
FACTS: dict[str, Any] = {"id": "x-1", "project_id": "proj-1", "name": "n", "created_at_ms": 1}


def instances(count: int, user_data: str) -> list[Instance]:
    made = [things.instance() for _ in range(count)]
    return [
        msgspec.structs.replace(one, spec=msgspec.structs.replace(one.spec, user_data=user_data))
        for one in made
    ]


class Table:
    """Notes how many rows are read at once."""

    def __init__(self, rows: list[Instance]) -> None:
        self.rows = sorted(rows, key=lambda row: row.id)
        self.limits: list[int] = []

    async def find(self, wanted: Query) -> list[Instance]:
        self.limits.append(wanted.limit)
        beyond = [row for row in self.rows if wanted.after is None or row.id > wanted.after]
        return beyond[: wanted.limit]

    async def every(self, limit: int) -> list[list[Instance]]:
        """All pages, as a client reads them."""
        found: list[list[Instance]] = []
        after = None
        while True:
            rows, shown = await pages.read(self.find, Query(after=after, limit=limit + 1))
            found.append(rows[:shown])
            if len(rows) <= shown:
                return found
            after = rows[shown - 1].id


async def test_a_thousand_large_resources_come_in_pages_of_bounded_bytes() -> None:
    table = Table(instances(1000, LARGE))
    found = await table.every(1000)
    assert [row for page in found for row in page] == table.rows
    assert max(len(page) * len(LARGE) for page in found) <= pages.BYTES_MAX
    assert max(table.limits) * len(LARGE) <= 20_000_000


async def test_small_resources_fill_their_page(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(instances(600, ""))
    assert [len(page) for page in await table.every(1000)] == [600]
    assert [len(page) for page in await table.every(500)] == [500, 100]
    assert [len(page) for page in await table.every(300)] == [300, 300]
    table.limits.clear()
    await table.every(100)
    assert table.limits == [101] * 6, "a usual page is one query"


async def test_a_resource_that_is_larger_than_a_page_has_one_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "BYTES_MAX", 1000)
    table = Table(instances(3, LARGE))
    assert [len(page) for page in await table.every(10)] == [1, 1, 1]


@pytest.mark.parametrize(
    "thing",
    [
        instances(1, LARGE)[0],
        StartupScript(**FACTS, script=LARGE),
        SshKey(**FACTS, public_key="", fingerprint="", annotations={"a": LARGE}),
        SecurityGroup(**FACTS, updated_at_ms=1, rules=(Rule(protocol=Protocol.ICMP),) * 600),
        AuditRecord(
            id="a", project_id="p", key_id="k", dialect="d", request_id="r", action="a",
            resource_id="x", at_ms=1, after={"user_data": LARGE},
        ),
        things.operation(arguments={"user_data": LARGE}),
        things.instance(labels={str(number): "x" * 250 for number in range(320)}),
    ],
    ids=lambda thing: type(thing).__name__,
)  # fmt: skip
def test_what_can_be_long_counts(thing: Identified) -> None:
    assert pages.bytes_of(thing) >= len(LARGE)
