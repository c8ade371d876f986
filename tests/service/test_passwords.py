"""Root's generated password: what it is, and for how long it is shown."""

import bcrypt
import pytest

from atoll.domain.errors import Invalid
from atoll.domain.instances import InstanceState, Password
from atoll.service.passwords import SHOWN_FOR_MS, Passwords
from tests.support.clock import JumpingClock
from tests.support.things import instance

RANDOM = bytes(range(32))


def made(secret: bytes = b"s" * 32) -> tuple[Passwords, JumpingClock, Password]:
    clock = JumpingClock()
    passwords = Passwords(secret, clock)
    return passwords, clock, passwords.generate(RANDOM)


def test_the_guest_s_hash_is_of_the_password_that_is_shown() -> None:
    passwords, _, password = made()
    shown = passwords.of(instance(password=password))
    assert shown is not None
    assert bcrypt.checkpw(shown.encode(), password.hash.encode())


def test_after_ten_minutes_it_is_shown_no_more() -> None:
    passwords, clock, password = made()
    web = instance(password=password)
    clock.advance(SHOWN_FOR_MS / 1000 - 1)
    assert passwords.of(web)
    clock.advance(1)
    assert passwords.of(web) is None


def test_without_the_server_s_secret_the_nonce_is_worth_nothing() -> None:
    passwords, _, password = made()
    stranger, _, _ = made(secret=b"t" * 32)
    web = instance(password=password)
    assert stranger.of(web) != passwords.of(web)


def test_one_that_somebody_chose_or_whose_instance_is_gone_is_not_shown() -> None:
    passwords, _, password = made()
    assert passwords.of(instance(password=Password(hash=password.hash))) is None
    assert passwords.of(instance(password=password, state=InstanceState.DELETED)) is None
    assert passwords.of(instance()) is None


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["correct horse battery", "16-characters-ok", "ü" * 36])
async def test_a_chosen_one_is_kept_as_a_hash_and_never_shown(text: str) -> None:
    passwords, clock, _ = made()
    password = await passwords.chosen(text)
    assert bcrypt.checkpw(text.encode(), password.hash.encode())
    assert password.hash.startswith("$2b$10$")
    assert (password.nonce, password.set_at_ms) == ("", clock.now_ms())
    assert passwords.of(instance(password=password)) is None


@pytest.mark.anyio
@pytest.mark.parametrize(
    "text", ["fifteen letters", "x" * 73, "ü" * 37, "two lines of it\nhere", "nothing\0 of that"]
)
async def test_one_that_a_guest_could_not_take_is_refused_without_repeating_it(text: str) -> None:
    passwords, _, _ = made()
    with pytest.raises(Invalid) as told:
        await passwords.chosen(text)
    assert told.value.field == "password"
    assert text not in told.value.message
