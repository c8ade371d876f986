"""Errors name the field that the client sent, and nothing that it knows nothing of."""

from typing import Any

import pytest

from tests.api.client import Api, Json
from tests.api.vultr.client import Vultr
from tests.api.vultr.things import instance_of

NOBODY = "0b0c7a52-64a2-4f63-9c0c-1b1f9b2d5a11"
NEW: Json = {"region": "ewr", "plan": "vc2-1c-1gb", "os_id": 2284}
LONG_TAG = "x" * 300


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reserved_ipv4", NOBODY),
        ("snapshot_id", NOBODY),
        ("iso_id", NOBODY),
        ("script_id", NOBODY),
        ("firewall_group_id", NOBODY),
        ("attach_vpc", [NOBODY]),
        ("attach_vpc2", [NOBODY]),
        ("attach_private_network", [NOBODY]),
        ("attach_private_network", ["nothing"]),
        ("attach_vpc2", ["nothing"]),
        ("block_devices", [{"block_id": NOBODY}]),
        ("tags", [LONG_TAG]),
        ("tags", [f"a={LONG_TAG}"]),
        ("tag", LONG_TAG),
    ],
)
def test_what_is_wrong_with_a_new_instance(vultr: Vultr, field: str, value: Any) -> None:
    text = vultr.refused("POST", "/instances", NEW | {field: value})
    named = {"tag": "tags"}.get(field, field)
    assert text.startswith((f"{named}: ", f"{named}.a: "))
    assert not any(word in text for word in ("spec.", "metadata.", "label key", "snap-", "fip-"))


def test_an_address_of_another_region_is_named_as_it_was_given(vultr: Vultr) -> None:
    address = vultr.post("/reserved-ips", {"region": "syd", "ip_type": "v4"})["reserved_ip"]
    text = vultr.refused("POST", "/instances", NEW | {"reserved_ipv4": address["id"]})
    assert text.startswith("reserved_ipv4: instance ")
    assert text.endswith(" is in region syd")
    assert "instance  is" not in text


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/restore", {"backup_id": NOBODY}, "backup_id"),
        ("/restore", {"snapshot_id": NOBODY}, "snapshot_id"),
        ("/vpcs/attach", {"vpc_id": NOBODY}, "vpc_id"),
        ("/private-networks/attach", {"network_id": NOBODY}, "network_id"),
        ("/private-networks/detach", {"network_id": NOBODY}, "network_id"),
    ],
)
def test_what_is_wrong_with_what_is_asked_of_an_instance(
    vultr: Vultr, api: Api, path: str, body: Json, field: str
) -> None:
    made = instance_of(vultr, api)
    text = vultr.refused("POST", f"/instances/{made['id']}{path}", body)
    assert text.startswith(f"{field}: ")


def test_what_is_wrong_with_a_changed_instance(vultr: Vultr, api: Api) -> None:
    path = f"/instances/{instance_of(vultr, api)['id']}"
    wrong: dict[str, Any] = {
        "firewall_group_id": NOBODY, "attach_vpc2": [NOBODY], "detach_vpc": [NOBODY],
        "detach_private_network": ["nothing"], "tags": [LONG_TAG],
    }  # fmt: skip
    for field, value in wrong.items():
        text = vultr.refused("PATCH", path, {field: value})
        assert text.startswith(f"{field}: "), text


def test_what_is_wrong_with_an_address_of_an_instance(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api)
    path = f"/instances/{made['id']}/ipv4"
    body = {"ip": made["main_ip"], "reverse": "no host"}
    text = vultr.refused("POST", f"{path}/reverse", body)
    assert text.startswith("reverse: ")
    text = vultr.refused("DELETE", f"{path}/zz", status=404)
    assert text == f"ipv4: zz is not an additional address of instance {made['id']}"
    text = vultr.refused("DELETE", f"/instances/{NOBODY}/ipv4/zz", status=404)
    assert text == "instance not found"


@pytest.mark.parametrize(
    ("block", "bits", "told"),
    [
        ("inside", 24, "v4_subnet: 'inside' is not an IPv4 address, such as 10.0.0.0"),
        (
            "10.77.0.1",
            24,
            "v4_subnet: 10.77.0.1 is not the first address of 10.77.0.0/24: use 10.77.0.0",
        ),
        ("10.77.0.0", 99, "v4_subnet_mask must be 1 to 32"),
    ],
)
def test_half_of_a_range_is_told_of_as_half(vultr: Vultr, block: str, bits: int, told: str) -> None:
    body = {"region": "ewr", "v4_subnet": block, "v4_subnet_mask": bits}
    assert vultr.refused("POST", "/vpcs", body) == told
