"""What is newer than Vultr's document and has no meaning here says so, and is no missing thing."""

import pytest

from tests.api.vultr.client import Vultr
from tests.api.vultr.things import NOBODY


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "/account/bandwidth", "not counted by the month"),
        ("GET", "/blocks/snapshots", "no snapshots of block storage"),
        ("POST", "/blocks/snapshots", "no snapshots of block storage"),
        ("DELETE", f"/blocks/snapshots/{NOBODY}", "no snapshots of block storage"),
        ("GET", f"/vpcs/{NOBODY}/attachments", "/v2/vpc2/{vpc-id}/nodes"),
        ("GET", f"/vpcs/{NOBODY}/nat-gateway", "no NAT gateways"),
        ("POST", f"/vpcs/{NOBODY}/nat-gateway", "no NAT gateways"),
        ("PUT", f"/vpcs/{NOBODY}/nat-gateway/{NOBODY}", "no NAT gateways"),
        ("GET", f"/vpcs/{NOBODY}/nat-gateway/{NOBODY}/global/firewall-rules", "no NAT gateways"),
    ],
)
def test_it_says_what_to_use_instead(vultr: Vultr, method: str, path: str, told: str) -> None:
    assert told in vultr.refused(method, path, {} if method == "POST" else None)


def test_only_who_has_a_key_is_told(anybody: Vultr) -> None:
    anybody.refused("GET", "/account/bandwidth", status=401)
