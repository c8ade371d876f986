"""An address that is told what happens in a project."""

import fnmatch

import msgspec

from atoll.domain.errors import Invalid
from atoll.domain.events import EVERYTHING, PATTERNS, VERBS

URL_MAX = 2048
PATTERNS_MAX = 50
PATTERN_SHOWN_MAX = 80


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """`events` are `domain.events.PATTERNS`. `cursor` is the last event that was told; what came
    later is told from there, however long the receiver was away. `due_at_ms` is when it is tried
    next. `secret` signs what is sent. `edition` rises with each change by a user, and is shown as
    the version; `version` rises with each delivery too."""

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


def wants(webhook: Webhook, kind: str) -> bool:
    return any(fnmatch.fnmatchcase(kind, pattern) for pattern in webhook.events)


def require_url(url: str) -> None:
    field = "spec.url"
    if not url.startswith(("http://", "https://")):
        raise Invalid(f"{field} must begin with http:// or https://", field=field)
    if len(url) > URL_MAX or not all("!" <= character <= "~" for character in url):
        raise Invalid(
            f"{field}: at most {URL_MAX} ASCII characters without spaces are allowed", field=field
        )


def require_patterns(patterns: tuple[str, ...]) -> None:
    field = "spec.events"
    if not 1 <= len(patterns) <= PATTERNS_MAX:
        raise Invalid(f"{field}: 1 to {PATTERNS_MAX} are allowed", field=field)
    for index, pattern in enumerate(patterns):
        if pattern not in PATTERNS:
            place = f"{field}.{index}"
            raise Invalid(f"{place}: {instead_of(pattern)}", field=place)


def instead_of(pattern: str) -> str:
    """What may be said instead of an event that nobody sends."""
    noun, wrong = pattern.partition(".")[0], repr(pattern[:PATTERN_SHOWN_MAX])
    if noun in VERBS:
        kinds = ", ".join([*(f"{noun}.{verb}" for verb in VERBS[noun]), f"{noun}.*"])
        return f"there is no event {wrong}; of {noun} there are {kinds}"
    nouns = ", ".join(f"{noun}.*" for noun in VERBS)
    return f"there is no event {wrong}; there are {nouns} and {EVERYTHING} for all"
