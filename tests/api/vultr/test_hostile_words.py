"""Numbers, ids and cursors that nobody means well: refused with a sentence, never a 500."""

import base64
from urllib.parse import quote

import pytest

from tests.api.client import Json
from tests.api.vultr.client import Vultr

LONG_NUMBER = "9" * 5000
NO_ID = "vol-" + "z" * 26
ORDER: Json = {"region": "ewr", "plan": "vc2-1c-1gb", "os_id": 2284}


@pytest.mark.parametrize("at", [LONG_NUMBER, "-1", "", "'", "z" * 2000])
@pytest.mark.parametrize("way", ["next", "prev"])
@pytest.mark.parametrize("path", ["/instances?", "/instances?region=ewr&"])
def test_a_cursor_that_no_list_gave_is_refused(vultr: Vultr, at: str, way: str, path: str) -> None:
    cursor = base64.urlsafe_b64encode(f"{way}:{at}".encode()).decode().rstrip("=")
    told = vultr.refused("GET", f"{path}cursor={cursor}")
    assert told == "cursor: it is not one that a list answered"


@pytest.mark.parametrize("number", [LONG_NUMBER, "²", "1.0", " ", 10**30, -1])
def test_a_number_that_is_no_system_s_is_refused(vultr: Vultr, number: str | int) -> None:
    told = vultr.refused("POST", "/instances", ORDER | {"os_id": number})
    assert told.startswith("os_id must be ")


def test_a_port_with_thousands_of_digits_is_refused(vultr: Vultr) -> None:
    group = vultr.post("/firewalls", {"description": "web"})["firewall_group"]["id"]
    rule = {
        "ip_type": "v4", "protocol": "tcp", "subnet": "0.0.0.0", "subnet_size": 0,
        "port": LONG_NUMBER,
    }  # fmt: skip
    assert vultr.refused("POST", f"/firewalls/{group}/rules", rule).startswith("port: ")


@pytest.mark.parametrize("given", [
    {"firewall_group_id": NO_ID}, {"snapshot_id": NO_ID}, {"sshkey_id": [NO_ID]},
    {"attach_vpc": [NO_ID]},
])  # fmt: skip
def test_what_only_looks_like_an_id_is_named_as_it_was_given(vultr: Vultr, given: Json) -> None:
    assert repr(NO_ID) in vultr.refused("POST", "/instances", ORDER | given)


@pytest.mark.parametrize("given", [NO_ID, "é" * 36, "0_" * 16, "{}", "urn:uuid:"])
def test_what_is_no_id_is_not_found(vultr: Vultr, given: str) -> None:
    vultr.refused("GET", f"/instances/{quote(given)}", status=404)
