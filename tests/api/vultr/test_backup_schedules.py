"""Backup schedules in Vultr's words: each type counts the numbers that it needs, and no others."""

import datetime

import pytest

from tests.api.client import Api, Json
from tests.api.vultr.client import Vultr
from tests.api.vultr.things import instance_of


@pytest.fixture
def path(vultr: Vultr, api: Api) -> str:
    return f"/instances/{instance_of(vultr, api)['id']}/backup-schedule"


def schedule_set(vultr: Vultr, path: str, body: Json) -> Json:
    """As it is answered, which is as it is shown afterwards."""
    answered: Json = vultr.post(path, body, 200)
    assert vultr.get(path) == answered
    shown: Json = answered["backup_schedule"]
    assert shown["enabled"] is True
    return shown


@pytest.mark.parametrize("kind", ["daily", "weekly", "monthly", "daily_alt_even", "daily_alt_odd"])
@pytest.mark.parametrize("left_out", [{}, {"dow": 0, "dom": 0}, {"dow": None, "dom": None}])
def test_numbers_that_a_type_does_not_use_may_be_left_out(
    vultr: Vultr, path: str, kind: str, left_out: Json
) -> None:
    needed = {"weekly": {"dow": 3}, "monthly": {"dom": 12}}.get(kind, {})
    shown = schedule_set(vultr, path, {"type": kind, "hour": 4} | left_out | needed)
    assert (shown["type"], shown["hour"]) == (kind, 4)
    assert shown["dow"] == needed.get("dow", 1)
    assert shown["dom"] == needed.get("dom", 1)
    due = datetime.datetime.fromisoformat(shown["next_scheduled_time_utc"])
    assert due.hour == 4
    assert due.isoweekday() == 2 or kind != "weekly", "3 is a Tuesday"
    assert due.day == 12 or kind != "monthly"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"type": "weekly", "dow": 0}, "dow must be 1 to 7"),
        ({"type": "weekly", "dow": 8}, "dow must be 1 to 7"),
        ({"type": "monthly", "dom": 0}, "dom must be 1 to 28"),
        ({"type": "monthly", "dom": 29}, "dom must be 1 to 28"),
        ({"type": "daily", "dow": 8}, "dow must be 1 to 7"),
        ({"type": "daily", "hour": 24}, "hour must be 0 to 23"),
    ],
)
def test_a_number_that_no_schedule_has_is_refused(
    vultr: Vultr, path: str, body: Json, told: str
) -> None:
    assert vultr.refused("POST", path, body) == told
    assert vultr.get(path)["backup_schedule"]["enabled"] is False
