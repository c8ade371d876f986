"""API keys: find a key by its text, and make new texts."""

import base64
import hashlib

from atoll.domain.errors import Unauthenticated
from atoll.domain.projects import ApiKey
from atoll.domain.reasons import Reason
from atoll.ports import Clock, Filter, Store

KEY_PREFIX = "ak_live_"
CACHE_MS = 1000
CACHED_MAX = 10_000
CHECKED = b"the secret of an installation"


class Keys:
    """Finds the key of a text. A result is cached for a second, after which a revoked key is
    rejected. `secret` is the server's own."""

    def __init__(self, store: Store, clock: Clock, secret: bytes) -> None:
        self._store = store
        self._clock = clock
        self._secret = secret
        self._cached: dict[bytes, tuple[int, ApiKey]] = {}

    def digest(self, text: str) -> bytes:
        """Keyed BLAKE2b: the texts have 256 random bits, so no slower hash is needed."""
        return self._keyed(text.encode())

    def conceal(self, data: bytes) -> str:
        """Return a digest in place of secret data: equal for equal data, without other
        information."""
        return f"blake2b:{self._keyed(data).hex()[:32]}"

    def check(self) -> str:
        """Return what tells whether another server's secret is the same, and nothing else of it."""
        return self._keyed(CHECKED).hex()

    def forget(self) -> None:
        self._cached.clear()

    async def find(self, text: str) -> ApiKey:
        """Raises Unauthenticated."""
        digest = self.digest(text)
        now_ms, span_ms = self._clock.now_ms(), self._clock.span_ms()
        until_ms, key = self._cached.get(digest, (0, None))
        if key is None or until_ms <= span_ms:
            key = await self.look_up(text)
            if key is None:
                raise Unauthenticated(Reason.KEY_UNKNOWN)
            if len(self._cached) >= CACHED_MAX:
                self._cached.clear()
            self._cached[digest] = (span_ms + CACHE_MS, key)
        if key.is_expired(now_ms):
            raise Unauthenticated(Reason.KEY_EXPIRED)
        return key

    async def look_up(self, text: str) -> ApiKey | None:
        """Find a key that may have expired, in the database itself."""
        by_digest = Filter(equals=(("digest", self.digest(text)),), limit=1)  # type: ignore[arg-type]
        found = await self._store.read().api_keys.page(by_digest)
        return found[0] if found else None

    def _keyed(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._secret, digest_size=32).digest()


async def is_valid(store: Store, key_id: str, now_ms: int) -> bool:
    """Tell whether a key still exists and has not expired: for connections that last."""
    key = await store.read().api_keys.find(key_id)
    return key is not None and not key.is_expired(now_ms)


def new_text(random_256: bytes) -> str:
    return KEY_PREFIX + base64.urlsafe_b64encode(random_256).decode().rstrip("=")
