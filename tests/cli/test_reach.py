"""Loopback addresses lead to the machine that uses them, so they are used on the server's only."""

import socket

import pytest

from atoll.cli.errors import Usage
from atoll.cli.reach import is_here, leads_astray, require_reachable

AWAY = "http://192.0.2.7:8080"  # of a documentation network: no machine's


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.9.9.9", "[::1]"])
def test_a_server_at_a_loopback_address_is_here(host: str) -> None:
    assert is_here(f"http://{host}:8080")


def test_a_server_at_an_address_of_another_machine_is_not_here() -> None:
    assert not is_here(AWAY)


def test_a_server_at_an_address_of_this_machines_cards_is_here() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.7", 9))
            own = probe.getsockname()[0]
        except OSError:  # no network card: loopback is all there is
            own = "127.0.0.1"
    assert is_here(f"http://{own}:8080")


def test_a_server_whose_name_nobody_knows_is_not_here() -> None:
    assert not is_here("http://nobody.invalid:8080")


@pytest.mark.parametrize("address", ["127.16.0.4", "127.0.0.1", "::1", "localhost"])
def test_a_loopback_address_of_a_server_elsewhere_is_refused(address: str) -> None:
    with pytest.raises(Usage, match="would lead to your own machine") as refused:
        require_reachable(AWAY, "demo", address)
    assert "192.0.2.7" in refused.value.message
    assert "atoll instance console demo" in refused.value.message


@pytest.mark.parametrize("address", ["203.0.113.5", "10.1.0.4", "web.example.com"])
def test_other_addresses_can_be_reached_from_anywhere(address: str) -> None:
    assert not leads_astray(AWAY, address)
