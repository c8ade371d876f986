"""Points in time as people write them."""

from datetime import UTC, datetime

import pytest

from atoll.cli.errors import Usage
from atoll.cli.moments import moment_from, past_from

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", "2026-01-01T13:30:00Z"),
        ("8h", "2026-01-01T20:00:00Z"),
        ("7d", "2026-01-08T12:00:00Z"),
        ("2w", "2026-01-15T12:00:00Z"),
        ("2027-01-31T18:00:00Z", "2027-01-31T18:00:00Z"),
        ("2027-01-31T18:00:00+02:00", "2027-01-31T16:00:00Z"),
        ("2027-01-31 18:00+00:00", "2027-01-31T18:00:00Z"),
    ],
)
def test_a_while_and_a_time_are_both_times_in_utc(text: str, moment: str) -> None:
    assert moment_from(text, NOW) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [("90m", "2026-01-01T10:30:00Z"), ("2025-01-31T18:00:00Z", "2025-01-31T18:00:00Z")],
)
def test_a_while_in_the_past_is_as_long_ago(text: str, moment: str) -> None:
    assert past_from(text, NOW) == moment


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("tomorrow", "90m, 8h"),
        ("8", "90m, 8h"),
        ("8y", "90m, 8h"),
        ("-8h", "90m, 8h"),
        ("999999w", "90m, 8h"),
        ("2027-01-31T18:00:00", "append Z"),
        ("2027-01-31", "append Z"),
        ("9999-12-31T23:59:59-10:00", "out of range"),
    ],
)
def test_what_is_no_time_is_said_with_how_to_write_one(text: str, advice: str) -> None:
    with pytest.raises(Usage, match=advice):
        moment_from(text, NOW)
