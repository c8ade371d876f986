"""A URL to which the events of a project are sent."""

import fnmatch
from collections.abc import Sequence

import msgspec

from atoll.domain.errors import Invalid
from atoll.domain.events import EVERYTHING, PATTERNS, VERBS
from atoll.domain.reasons import Reason
from atoll.domain.urls import is_web

URL_MAX = 2048
PATTERNS_MAX = 50
PATTERN_SHOWN_MAX = 80


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """`events` are `domain.events.PATTERNS`. `cursor` is the last delivered event; later events are
    delivered from there, however long the receiver was unavailable. `due_at_ms` is the time of the
    next attempt. `secret` signs requests. `edition` increases with each change by a user, and is
    shown as the version; `version` increases with each delivery too."""

    id: str
    project_id: str
    name: str
    labels: dict[str, str] = {}
    url: str
    events: tuple[str, ...] = ("*",)
    secret: str
    cursor: str
    enabled: bool = True
    due_at_ms: int
    failures: int = 0
    reason: str = ""
    delivered_at_ms: int | None = None
    edition: int = 1
    version: int = 1
    created_at_ms: int


def is_subscribed(webhook: Webhook, kind: str) -> bool:
    return matches(kind, webhook.events)


def matches(kind: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(kind, pattern) for pattern in patterns)


def require_url(url: str) -> None:
    field = "url"
    if not is_web(url):
        raise Invalid(Reason.NOT_HTTP_URL, field=field)
    if len(url) > URL_MAX or not all("!" <= character <= "~" for character in url):
        raise Invalid(Reason.URL_CHARACTERS, field=field, highest=URL_MAX)


def require_patterns(patterns: Sequence[str], field: str = "events") -> None:
    if not 1 <= len(patterns) <= PATTERNS_MAX:
        raise Invalid(Reason.COUNT_OUT_OF_RANGE, field=field, lowest=1, highest=PATTERNS_MAX)
    for index, pattern in enumerate(patterns):
        if pattern not in PATTERNS:
            raise Invalid(
                Reason.NO_SUCH_EVENT, field=f"{field}.{index}",
                value=pattern[:PATTERN_SHOWN_MAX], allowed=similar_patterns(pattern),
            )  # fmt: skip


def similar_patterns(pattern: str) -> list[str]:
    """Return the patterns of the same noun, or of every noun if there is no such noun."""
    noun = pattern.partition(".")[0]
    if noun in VERBS:
        return [*(f"{noun}.{verb}" for verb in VERBS[noun]), f"{noun}.*"]
    return [*(f"{noun}.*" for noun in VERBS), f"{EVERYTHING} for all"]
