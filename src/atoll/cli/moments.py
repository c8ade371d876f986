"""Parses points in time: a duration from now, or an RFC 3339 time."""

import re
from datetime import UTC, datetime, timedelta

from atoll.cli.errors import Usage

WHILE = re.compile(r"([0-9]{1,5})([mhdw])")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
HOW = "use a duration such as 90m, 8h, 7d or 2w, or a time such as 2027-01-31T18:00:00Z"


def moment_from(text: str, now: datetime | None = None) -> str:
    """Return the time as RFC 3339 in UTC. Raises Usage if the text is not a time."""
    if (duration := duration_from(text)) is not None:
        return words_of((now or datetime.now(UTC)) + duration)
    return time_from(text)


def past_from(text: str, now: datetime | None = None) -> str:
    """Like `moment_from`, for the past: a duration is as long ago. Raises Usage."""
    if (duration := duration_from(text)) is not None:
        return words_of((now or datetime.now(UTC)) - duration)
    return time_from(text)


def duration_from(text: str) -> timedelta | None:
    found = WHILE.fullmatch(text)
    if found is None:
        return None
    amount, unit = found.groups()
    return timedelta(**{UNITS[unit]: int(amount)})


def time_from(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Usage(f"{text!r} is not a time: {HOW}") from error
    if moment.tzinfo is None:
        raise Usage(f"{text!r} has no UTC offset: append Z, or an offset such as +01:00")
    try:
        return words_of(moment)
    except OverflowError as error:
        raise Usage(f"{text!r} is out of range: {HOW}") from error


def words_of(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
