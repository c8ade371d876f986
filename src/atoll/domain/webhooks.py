"""An address that is told what happens in a project."""

import fnmatch

import msgspec

from atoll.domain.errors import Invalid

URL_MAX = 2048
PATTERNS_MAX = 50
PATTERN_MAX = 100


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """`events` are kinds, `*` standing for any part: `instance.*`. `cursor` is the last event that
    was told; what came later is told from there, however long the receiver was away. `due_at_ms`
    is when it is tried next. `secret` signs what is sent."""

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
    version: int = 1
    created_at_ms: int


def wants(webhook: Webhook, kind: str) -> bool:
    return any(fnmatch.fnmatchcase(kind, pattern) for pattern in webhook.events)


def require_url(url: str) -> None:
    field = "spec.url"
    if not url.startswith(("http://", "https://")) or len(url) > URL_MAX:
        raise Invalid(
            f"{field} must begin with http:// or https:// and have at most {URL_MAX} characters",
            field=field,
        )


def require_patterns(patterns: tuple[str, ...]) -> None:
    field = "spec.events"
    if not 1 <= len(patterns) <= PATTERNS_MAX:
        raise Invalid(f"{field}: 1 to {PATTERNS_MAX} are allowed", field=field)
    for index, pattern in enumerate(patterns):
        if not 1 <= len(pattern) <= PATTERN_MAX or not pattern.isprintable():
            raise Invalid(
                f"{field}.{index}: 1 to {PATTERN_MAX} printable characters, as in instance.*",
                field=f"{field}.{index}",
            )
