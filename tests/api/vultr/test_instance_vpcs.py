"""Which networks an instance is given: none that overlaps another, and none for a refused one."""

import ipaddress

import pytest

from tests.api.client import Api, Json, fresh
from tests.api.conftest import KeyFor
from tests.api.vultr.client import Vultr
from tests.api.vultr.things import instance_of, settled

NEW: Json = {"region": "ewr", "plan": "vc2-1c-1gb", "os_id": 2284, "label": "web"}
NOBODY = "0b0c7a52-64a2-4f63-9c0c-1b1f9b2d5a11"


def vpc_of(vultr: Vultr, block: str, bits: int, region: str = "ewr") -> str:
    body = {"region": region, "v4_subnet": block, "v4_subnet_mask": bits}
    return str(vultr.post("/vpcs", body)["vpc"]["id"])


def ranges_of(vultr: Vultr) -> list[ipaddress.IPv4Network]:
    return [
        ipaddress.IPv4Network(f"{vpc['v4_subnet']}/{vpc['v4_subnet_mask']}")
        for vpc in vultr.get("/vpcs")["vpcs"]
    ]


@pytest.mark.parametrize(
    "wrong", [{"label": "x" * 300}, {"reserved_ipv4": NOBODY}, {"sshkey_id": [NOBODY]}]
)
def test_a_refused_instance_leaves_no_default_vpc(vultr: Vultr, wrong: Json) -> None:
    vultr.call("POST", "/instances", NEW | {"enable_vpc": True} | wrong)
    assert vultr.get("/vpcs")["vpcs"] == []
    assert vultr.get("/instances")["instances"] == []


def test_a_refused_change_leaves_no_default_vpc(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api)
    vultr.refused("PATCH", f"/instances/{made['id']}", {"enable_vpc": True, "label": "x" * 300})
    vultr.refused("PATCH", f"/instances/{made['id']}", {"enable_vpc": True, "backups": "often"})
    assert vultr.get("/vpcs")["vpcs"] == []


def test_default_vpcs_overlap_no_other(vultr: Vultr, api: Api) -> None:
    vpc_of(vultr, "10.99.0.0", 16)
    for region in ("ewr", "syd", "ewr"):
        made = instance_of(vultr, api, region=region, enable_vpc=True)
        assert made["internal_ip"]
    ranges = ranges_of(vultr)
    assert len(ranges) == 3
    assert not any(a.overlaps(b) for at, a in enumerate(ranges) for b in ranges[:at])


def test_a_network_that_overlaps_one_of_the_instance_is_refused(vultr: Vultr, api: Api) -> None:
    wide, narrow = vpc_of(vultr, "10.77.0.0", 16), vpc_of(vultr, "10.77.3.0", 24, "syd")
    made = instance_of(vultr, api, attach_vpc=[wide])
    path = f"/instances/{made['id']}"
    for method, at, body in (
        ("POST", f"{path}/vpcs/attach", {"vpc_id": narrow}),
        ("PATCH", path, {"attach_vpc": [narrow]}),
        ("POST", f"/vpc2/{narrow}/nodes/attach", {"nodes": [made["id"]]}),
        ("POST", "/instances", NEW | {"attach_vpc": [wide, narrow]}),
    ):
        text = vultr.refused(method, at, body)
        assert "(10.77.3.0/24) overlaps 10.77.0.0/16" in text
    assert len(vultr.get(f"{path}/vpcs")["vpcs"]) == 1
    assert len(vultr.get("/instances")["instances"]) == 1


def test_a_network_that_overlaps_where_instances_live_is_refused(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api)
    vpc = vpc_of(vultr, "10.200.0.0", 24)
    body = {"vpc_id": vpc}
    text = vultr.refused("POST", f"/instances/{made['id']}/vpcs/attach", body)
    assert "(10.200.0.0/24) overlaps 10.128.0.0/9" in text


def test_no_more_networks_than_an_instance_may_have_at_once(vultr: Vultr) -> None:
    several = [vpc_of(vultr, f"10.{n}.0.0", 24) for n in range(60, 65)]
    text = vultr.refused("POST", "/instances", NEW | {"attach_vpc": several})
    assert "already has 4 extra interfaces" in text


def test_a_native_instance_is_in_no_two_networks_of_the_same_range(api: Api) -> None:
    vpc = api.named("vpcs", fresh("net"), cidr="10.66.0.0/16")
    other = api.named("vpcs", fresh("net"), cidr="10.66.0.0/16")
    first = api.named("subnets", fresh("sub"), vpc_id=vpc["id"], cidr="10.66.1.0/24")
    second = api.named("subnets", fresh("sub"), vpc_id=other["id"], cidr="10.66.1.128/25")
    made = api.running(fresh("web"), subnet_id=first["id"])
    answer = api.http.post(f"/v1/instances/{made['id']}/networks", json={"subnet_id": second["id"]})
    assert answer.status_code == 409
    assert "(10.66.1.128/25) overlaps 10.66.1.0/24" in answer.text


@pytest.mark.parametrize("verb", ["attach", "detach"])
def test_nodes_of_another_project_are_unknown(
    vultr: Vultr, api: Api, key_for: KeyFor, verb: str
) -> None:
    vpc, other = vpc_of(vultr, "10.81.0.0", 24), key_for("admin")
    theirs = Vultr(other.url, other.key)
    foreign = instance_of(theirs, other)["id"]
    for node in (foreign, NOBODY):
        told = vultr.refused("POST", f"/vpc2/{vpc}/nodes/{verb}", {"nodes": [node]})
        assert told == f"nodes: no instance has the id or name {node!r}"
    theirs.close()


@pytest.mark.parametrize("verb", ["attach", "detach"])
def test_a_viewer_changes_no_nodes_even_where_none_is_to_change(
    vultr: Vultr, api: Api, key_for: KeyFor, verb: str
) -> None:
    vpc, key = vpc_of(vultr, "10.82.0.0", 24), key_for("viewer", api.project)
    more = {"attach_vpc": [vpc]} if verb == "attach" else {}
    made, viewer = instance_of(vultr, api, **more), Vultr(key.url, key.key)
    path = f"/vpc2/{vpc}/nodes/{verb}"
    viewer.refused("POST", path, {"nodes": [made["id"]]}, status=403)
    assert vultr.post(path, {"nodes": [made["id"]]}, 202) is None
    viewer.close()


def networks_of(vultr: Vultr, instance: str) -> tuple[list[str], list[str], list[str]]:
    """Under the three names."""
    path = f"/instances/{instance}"
    lists = (
        vultr.get(f"{path}/vpcs")["vpcs"],
        vultr.get(f"{path}/vpc2")["vpcs"],
        vultr.get(f"{path}/private-networks")["private_networks"],
    )
    first, second, third = ([one["id"] for one in found] for found in lists)
    return first, second, third


def test_an_instance_has_networks_of_both_kinds_each_under_its_name(vultr: Vultr, api: Api) -> None:
    vpc = vpc_of(vultr, "10.82.0.0", 24)
    vpc2 = str(vultr.post("/vpc2", {"region": "ewr"})["vpc"]["id"])
    made = instance_of(vultr, api, attach_vpc=[vpc], attach_vpc2=[vpc2])
    assert networks_of(vultr, made["id"]) == ([vpc], [vpc2], [vpc])
    assert made["vpcs"] == [vpc]
    path = f"/instances/{made['id']}"
    for where, body in (
        (f"{path}/vpcs/attach", {"vpc_id": vpc2}),
        (f"{path}/vpcs/detach", {"vpc_id": vpc2}),
        (f"{path}/private-networks/detach", {"network_id": vpc2}),
    ):
        assert vultr.refused("POST", where, body).endswith(f"{vpc2} is a VPC 2.0 network")
    for verb in ("attach", "detach"):
        told = vultr.refused("POST", f"{path}/vpc2/{verb}", {"vpc_id": vpc})
        assert told == f"vpc_id: {vpc} is a VPC network"
    for field, wrong in (
        ("attach_vpc", vpc2), ("attach_private_network", vpc2), ("attach_vpc2", vpc),
        ("detach_vpc", vpc2), ("detach_private_network", vpc2), ("detach_vpc2", vpc),
    ):  # fmt: skip
        told = vultr.refused("PATCH", path, {field: [wrong]})
        assert told.startswith(f"{field}: {wrong} is a VPC")
    assert networks_of(vultr, made["id"]) == ([vpc], [vpc2], [vpc])
    vultr.post(f"{path}/vpc2/detach", {"vpc_id": vpc2}, 202)
    settled(api, "instances", made["id"])
    assert networks_of(vultr, made["id"]) == ([vpc], [], [vpc])


def test_each_kind_of_network_has_a_default(vultr: Vultr, api: Api) -> None:
    for _ in range(2):
        made = instance_of(vultr, api, enable_vpc2=True)
        (default,) = vultr.get("/vpc2")["vpcs"]
        assert networks_of(vultr, made["id"]) == ([], [default["id"]], [])
    assert vultr.get("/vpcs")["vpcs"] == []
    other = instance_of(vultr, api, enable_vpc=True)
    (plain,) = vultr.get("/vpcs")["vpcs"]
    assert networks_of(vultr, other["id"]) == ([plain["id"]], [], [plain["id"]])
