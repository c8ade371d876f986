"""Root passwords, which guests get as crypt(5) hashes; the passwords are not stored.

A generated password is derived from the server's secret and a nonce, and shown for ten minutes: the
database stores the nonce. After that, a user who has not saved it must reinstall. A chosen password
is hashed immediately, and never shown.
"""

import asyncio
import hashlib

import bcrypt

from atoll.domain.instances import Instance, InstanceState, Password, require_password
from atoll.ports import Clock

SHOWN_FOR_MS = 10 * 60 * 1000
LENGTH = 20
# Without characters that look alike.
LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
# Few rounds: 115 random bits cannot be guessed, and hashing must not delay other requests.
ROUNDS = 4
# Chosen passwords can be guessed.
ROUNDS_OF_CHOSEN = 10


class Passwords:
    """`secret` is the server's own."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def generate(self, random_256: bytes) -> Password:
        nonce = random_256.hex()
        hashed = bcrypt.hashpw(self.text(nonce).encode(), bcrypt.gensalt(ROUNDS))
        return Password(nonce=nonce, hash=hashed.decode(), set_at_ms=self._clock.now_ms())

    async def chosen(self, text: str) -> Password:
        """Hash a chosen password. Raises Invalid. Takes a tenth of a second, in a thread."""
        require_password(text)
        hashed = await asyncio.to_thread(
            bcrypt.hashpw, text.encode(), bcrypt.gensalt(ROUNDS_OF_CHOSEN)
        )
        return Password(hash=hashed.decode(), set_at_ms=self._clock.now_ms())

    def of(self, instance: Instance) -> str | None:
        """Return the generated password, or None if there is none, it was chosen, or it is no
        longer shown."""
        password = instance.password
        if password is None or not password.nonce or instance.state is InstanceState.DELETED:
            return None
        if self._clock.now_ms() - password.set_at_ms >= SHOWN_FOR_MS:
            return None
        return self.text(password.nonce)

    def text(self, nonce: str) -> str:
        digest = hashlib.blake2b(nonce.encode(), key=self._secret, digest_size=32).digest()
        number = int.from_bytes(digest)
        letters = []
        for _ in range(LENGTH):
            number, place = divmod(number, len(LETTERS))
            letters.append(LETTERS[place])
        return "".join(letters)
