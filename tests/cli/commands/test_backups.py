"""`atoll instance backup …`."""

import pytest

from tests.cli.cloud import (
    INSTANCE_ID,
    Cloud,
)
from tests.cli.conftest import Atoll

PATH = f"/v1/instances/{INSTANCE_ID}"
UNTIL = "2026-01-02T00:00:00Z"


@pytest.mark.parametrize(("keep", "kept"), [(3, "3 backups are"), (1, "backup is")])
def test_a_backup_schedule_is_set_shown_and_stopped(
    keep: int, kept: str, atoll: Atoll, running: Cloud
) -> None:
    schedule = {"instance_id": INSTANCE_ID, "cron": "30 3 * * *", "keep": keep, "next_at": UNTIL}
    running.answers("PUT", f"{PATH}/backups", schedule)
    running.answers("GET", f"{PATH}/backups", schedule)
    running.answers("DELETE", f"{PATH}/backups", "", status=204)
    words = ("instance", "backup", "set", "demo", "--cron", "30 3 * * *", "--keep", str(keep))
    said = f"next backup of demo at {UNTIL}; the newest {kept} kept\n"
    assert atoll(*words).out == said
    assert running.all_of("PUT")[0].body == {"cron": "30 3 * * *", "keep": keep}
    assert "30 3 * * *" in atoll("instance", "backup", "show", "demo").out
    assert atoll("instance", "backup", "stop", "demo").out == "backups of demo disabled\n"


def test_a_schedule_that_is_none_is_refused_with_an_example(atoll: Atoll, running: Cloud) -> None:
    refusal = "cron: 'daily at 3' is not a schedule; it has five fields: minute"
    running.answers("PUT", f"{PATH}/backups", {"error": refusal, "field": "cron"}, status=422)
    ended = atoll("instance", "backup", "set", "demo", "--cron", "daily at 3")
    assert (ended.code, ended.err) == (1, f"atoll: {refusal}\n")
