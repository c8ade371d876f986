"""`atoll reverse-dns …`."""

from typing import Any

import pytest

from tests.cli.cloud import INSTANCE_ID, Cloud
from tests.cli.conftest import Atoll

LIST = "/v1/reverse-dns"
PATH = f"{LIST}/127.16.0.4"
RECORD: dict[str, Any] = {
    "address": "127.16.0.4",
    "name": "web.example.com",
    "holder_id": INSTANCE_ID,
}


def test_an_address_is_given_a_name(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("PUT", PATH, RECORD)
    ended = atoll("reverse-dns", "set", "127.16.0.4", "Web.Example.com.")
    assert (ended.code, ended.out) == (0, "127.16.0.4 is now web.example.com\n")
    assert cloud.asked[0].body == {"name": "Web.Example.com."}
    assert atoll("reverse-dns", "set", "127.16.0.4", "a.example", "--json").json == RECORD


def test_the_named_addresses_are_listed_with_what_has_them(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("GET", LIST, {"items": [RECORD], "next": None})
    head, row = atoll("reverse-dns", "list").out.splitlines()
    assert head.split() == ["ADDRESS", "NAME", "HOLDER"]
    assert row.split() == ["127.16.0.4", "web.example.com", INSTANCE_ID]


def test_an_address_without_a_name_says_so(atoll: Atoll, cloud: Cloud) -> None:
    refusal = {"error": "address 127.16.0.4 has no name", "code": "NOT_FOUND"}
    cloud.answers("GET", PATH, refusal, status=404)
    ended = atoll("reverse-dns", "show", "127.16.0.4")
    assert (ended.code, ended.err) == (1, "atoll: address 127.16.0.4 has no name\n")


def test_a_name_is_taken_away_with_yes_only(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("GET", PATH, RECORD)
    cloud.answers("DELETE", PATH, "", status=204)
    ended = atoll("reverse-dns", "delete", "127.16.0.4")
    assert ended.code == 2
    assert "web.example.com" in ended.err
    assert not cloud.all_of("DELETE")
    ended = atoll("reverse-dns", "delete", "127.16.0.4", "--yes")
    assert (ended.code, ended.out) == (0, "name of 127.16.0.4 deleted\n")
    assert len(cloud.all_of("DELETE")) == 1


@pytest.mark.parametrize("address", ["demo", "127.16.0", "127.16.0.4/32", "::1"])
@pytest.mark.parametrize(
    "words", [("set", "{}", "a.example"), ("show", "{}"), ("delete", "{}", "--yes")]
)
def test_what_is_not_an_address_is_never_sent(
    address: str, words: tuple[str, ...], atoll: Atoll, cloud: Cloud
) -> None:
    ended = atoll("reverse-dns", *(word.format(address) for word in words))
    assert ended.code == 2
    assert f"{address!r} is not an IPv4 address" in ended.err
    assert "atoll instance list" in ended.err
    assert cloud.asked == []
