"""Metadata tokens and paths, without a network."""

import pytest

from atoll.networks.metadata import Answer, Asked, Metadata, Resident
from tests.networks.specs import guest_of, nic_of

TTL = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "x-aws-ec2-metadata-token"


class Desk:
    """Metadata for one guest, and a clock to turn."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.metadata = Metadata(b"secret", lambda: self.now_ms)
        nic = nic_of(9, public_ip="127.16.0.4", ipv6="fd00::9")
        self.guest = guest_of(nic, ssh_keys=("ssh-ed25519 AAAA a@b", "ssh-rsa BBBB"))

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = Asked(method=method, path=path, headers=named)
        return self.metadata.answer(Resident(self.guest, self.guest.nic), asked)

    def token(self, ttl: str) -> Answer:
        return self.ask("/latest/api/token", "PUT", **{TTL: ttl})

    def read(self, path: str) -> Answer:
        return self.ask(path, **{TOKEN: self.token("60").body.decode()})


@pytest.mark.parametrize("ttl", ["0", "21601", "", "-1", "6e1", "000000000060", "\u0661"])
def test_a_token_has_a_time_to_live_within_bounds(ttl: str) -> None:
    assert Desk().token(ttl).status == 400


def test_a_token_ends_with_its_time() -> None:
    desk = Desk()
    token = desk.token("60").body.decode()
    desk.now_ms += 59_999
    assert desk.ask("/latest/meta-data/mac", **{TOKEN: token}).status == 200
    desk.now_ms += 1
    assert desk.ask("/latest/meta-data/mac", **{TOKEN: token}).status == 401


def test_a_token_cannot_be_prolonged() -> None:
    desk = Desk()
    until, _, signature = desk.token("60").body.decode().partition(".")
    forged = f"{int(until) + 60_000}.{signature}"
    for token in (forged, "", "x", f"{until}.", f"{until}.AAAA", f"{until}.%%%"):
        assert desk.ask("/latest/meta-data/mac", **{TOKEN: token}).status == 401


def test_forwarded_requests_are_refused_even_with_a_token() -> None:
    desk = Desk()
    assert desk.ask("/latest/api/token", "PUT", **{TTL: "60", "x-forwarded-for": "1"}).status == 403
    token = desk.token("60").body.decode()
    headers = {TOKEN: token, "x-forwarded-for": "10.0.0.1"}
    assert desk.ask("/latest/user-data", **headers).status == 403
    assert desk.ask("/v1.json", **{"metadata-token": "x", "x-forwarded-for": "1"}).status == 403


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", "latest"),
        ("/latest/meta-data/hostname", "inst-1"),
        ("/latest/meta-data/local-hostname", "inst-1"),
        ("/latest/meta-data/public-ipv4", "127.16.0.4"),
        ("/latest/meta-data/ipv6", "fd00::9"),
        ("/2021-03-23/meta-data/mac", "52:54:00:00:00:09"),
        ("/latest/meta-data/public-keys/", "0=key-0\n1=key-1"),
        ("/latest/meta-data/public-keys/1/", "name\nopenssh-key"),
        ("/latest/meta-data/public-keys/1/openssh-key", "ssh-rsa BBBB"),
    ],
)
def test_paths_are_those_of_ec2(path: str, body: str) -> None:
    answer = Desk().read(path)
    assert (answer.status, answer.body.decode()) == (200, body)


def test_a_directory_lists_what_is_in_it() -> None:
    listed = Desk().read("/latest/meta-data").body.decode().splitlines()
    assert {"instance-id", "mac", "public-keys/"} <= set(listed)


@pytest.mark.parametrize(
    "path",
    ["/latest/meta-data/nothing", "/latest/user-data", "/yesterday/", "/latest/meta-data/mac/x"],
)
def test_what_is_not_there_is_not_found(path: str) -> None:
    assert Desk().read(path).status == 404


def test_nothing_can_be_changed() -> None:
    assert Desk().ask("/latest/meta-data/mac", "POST").status == 405
