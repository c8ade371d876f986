"""Root's generated password: what it is, and for how long it is shown."""

import bcrypt

from atoll.domain.instances import InstanceState, Password
from atoll.service.passwords import SHOWN_FOR_MS, Passwords
from tests.support.clock import JumpingClock
from tests.support.things import instance

RANDOM = bytes(range(32))


def made(secret: bytes = b"s" * 32) -> tuple[Passwords, JumpingClock, Password]:
    clock = JumpingClock()
    passwords = Passwords(secret, clock)
    return passwords, clock, passwords.new(RANDOM)


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
