"""The settings of a deployment that requests need: ranges, retention, secrets."""

from collections.abc import Callable
from dataclasses import dataclass

from atoll.operations.steps import Ranges
from atoll.service.keys import Keys
from atoll.service.passwords import Passwords


@dataclass(frozen=True)
class Deployment:
    """`new_secret` returns 256 new random bits. A deleted instance can be recovered for
    `recoverable_s` seconds. `limit_classes` are the names of rate limits that a key may have."""

    ranges: Ranges
    keys: Keys
    passwords: Passwords
    new_secret: Callable[[], bytes]
    recoverable_s: int = 0
    limit_classes: frozenset[str] = frozenset()
