"""VPCs, which private networks are too, and VPC 2.0 beside them."""

import ipaddress

import pytest

from atoll.domain.ids import to_uuid
from tests.api.client import Api, Json, fresh
from tests.api.conftest import KeyFor
from tests.api.vultr.client import Vultr, types_of

VPC = {
    "id": str, "region": str, "date_created": str, "description": str, "v4_subnet": str,
    "v4_subnet_mask": int,
}  # fmt: skip
VPC2 = {
    "id": str, "region": str, "date_created": str, "description": str, "ip_block": str,
    "prefix_length": int,
}  # fmt: skip
NODE = {
    "id": str, "ip_address": str, "mac_address": int, "description": str, "type": str,
    "node_status": str,
}  # fmt: skip
NOBODY = "0b0c7a52-64a2-4f63-9c0c-1b1f9b2d5a11"
RANGE: Json = {"v4_subnet": "10.77.0.0", "v4_subnet_mask": 24}
# Path, key of one, key of a list, names of the range's halves.
FACES = [
    ("/vpcs", "vpc", "vpcs", ("v4_subnet", "v4_subnet_mask")),
    ("/vpc2", "vpc", "vpcs", ("ip_block", "prefix_length")),
    ("/private-networks", "network", "networks", ("v4_subnet", "v4_subnet_mask")),
]
Halves = tuple[str, str]


def vpc_of(vultr: Vultr, **more: object) -> Json:
    made: Json = vultr.post("/vpcs", {"region": "ewr"} | more)["vpc"]
    return made


@pytest.mark.parametrize(("path", "one", "many", "halves"), FACES)
def test_a_vpc_is_made_listed_changed_and_deleted(
    vultr: Vultr, path: str, one: str, many: str, halves: Halves
) -> None:
    body = {"region": "ewr", "description": "inner", halves[0]: "10.77.0.0", halves[1]: 24}
    made = vultr.post(path, body)[one]
    assert types_of(made) == (VPC2 if path == "/vpc2" else VPC)
    assert made | body == made
    assert vultr.get(f"{path}/{made['id']}")[one] == made
    listed = vultr.get(path)
    assert listed == {many: [made], "meta": {"total": 1, "links": {"next": "", "prev": ""}}}
    vultr.put(f"{path}/{made['id']}", {"description": "outer"})
    assert vultr.get(f"{path}/{made['id']}")[one]["description"] == "outer"
    vultr.delete(f"{path}/{made['id']}")
    assert vultr.get(path)[many] == []


@pytest.mark.parametrize(
    ("path", "one", "many", "elsewhere"),
    [
        ("/vpcs", "vpcs", ["/vpcs", "/private-networks"], ["/vpc2"]),
        ("/private-networks", "networks", ["/vpcs", "/private-networks"], ["/vpc2"]),
        ("/vpc2", "vpcs", ["/vpc2"], ["/vpcs", "/private-networks"]),
    ],
)
def test_each_kind_of_network_is_under_its_own_name_alone(
    vultr: Vultr, path: str, one: str, many: list[str], elsewhere: list[str]
) -> None:
    """Terraform reads the lists of both, and would detach what is in the wrong one."""
    made = vultr.post(path, {"region": "ewr"})
    (network,) = made.values()
    for there in many:
        assert network["id"] in str(vultr.get(there))
        assert network["id"] in str(vultr.get(f"{there}/{network['id']}"))
    for other in elsewhere:
        assert vultr.get(other)["meta"]["total"] == 0
        for method, body in (("GET", None), ("PUT", {"description": "x"}), ("DELETE", None)):
            vultr.refused(method, f"{other}/{network['id']}", body, status=404)
    vultr.delete(f"{many[-1]}/{network['id']}")


@pytest.mark.parametrize(("path", "one", "many", "halves"), FACES)
def test_a_vpc_without_a_range_gets_one_that_is_free(
    vultr: Vultr, path: str, one: str, many: str, halves: Halves
) -> None:
    made = [vultr.post(path, {"region": "ewr"})[one] for _ in range(4)]
    ranges = [ipaddress.ip_network(f"{vpc[halves[0]]}/{vpc[halves[1]]}") for vpc in made]
    for at, network in enumerate(ranges):
        assert network.prefixlen == 20
        assert network.subnet_of(ipaddress.ip_network("10.0.0.0/8"))  # type: ignore[arg-type]
        assert not network.overlaps(ipaddress.ip_network("10.128.0.0/9")), "instances live there"
        assert not any(network.overlaps(other) for other in ranges[:at])
    assert len(vultr.get(path)[many]) == 4


@pytest.mark.parametrize(("path", "one", "many", "halves"), FACES)
def test_a_wrong_range_names_the_field(
    vultr: Vultr, path: str, one: str, many: str, halves: Halves
) -> None:
    block, bits = halves
    wrong = [
        ({block: "10.77.0.0"}, bits),
        ({bits: 24}, block),
        ({block: "8.8.8.0", bits: 24}, block),
        ({block: "10.77.0.1", bits: 24}, block),
        ({block: "10.77.0.0", bits: 30}, block),
        ({block: "inside", bits: 24}, block),
    ]
    for given, named in wrong:
        text = vultr.refused("POST", path, {"region": "ewr"} | given)
        assert text.startswith(named), text
    assert "region" in vultr.refused("POST", path, {"description": "nowhere"})
    assert "region" in vultr.refused("POST", path, {"region": "moon"})
    assert vultr.get(path)[many] == []


@pytest.mark.parametrize("path", ["/vpcs", "/vpc2"])
def test_a_vpc_that_is_not_there_is_a_404(vultr: Vultr, path: str) -> None:
    for thing in (NOBODY, "nothing"):
        for method, body in (("GET", None), ("PUT", {"description": "x"}), ("DELETE", None)):
            text = vultr.refused(method, f"{path}/{thing}", body, status=404)
            assert text == "Invalid VPC ID"
    vultr.refused("GET", f"/private-networks/{NOBODY}", status=404)


def test_descriptions_of_vpcs_may_be_equal_and_empty(vultr: Vultr, api: Api) -> None:
    api.named("subnets", "taken", vpc_id=api.named("vpcs", "native")["id"], cidr="10.0.0.0/24")
    given = ["inner", "inner", "", "", "taken", "native"]
    assert [vpc_of(vultr, description=text)["description"] for text in given] == given
    assert vpc_of(vultr, description=None)["description"] == ""
    assert len(api.items("/v1/vpcs")) == len(api.items("/v1/subnets")) == 8


def test_a_vpc_of_the_native_dialect_is_in_the_servers_own_region(vultr: Vultr, api: Api) -> None:
    made = api.named("vpcs", "native", cidr="10.9.0.0/16")
    [shown] = vultr.get("/vpcs")["vpcs"]
    assert shown["id"] == to_uuid(made["id"])
    assert (shown["region"], shown["description"]) == ("local", "native")
    assert (shown["v4_subnet"], shown["v4_subnet_mask"]) == ("10.9.0.0", 16)


def test_a_region_is_known_to_other_dialects_once_it_is_used(vultr: Vultr, api: Api) -> None:
    assert vpc_of(vultr, region="syd")["region"] == "syd"
    assert "syd" in {region["id"] for region in api.items("/v1/regions")}


def test_vpcs_are_paged_both_ways(vultr: Vultr) -> None:
    made = [vpc_of(vultr)["id"] for _ in range(5)]
    there = [[vpc["id"] for vpc in page] for page in vultr.pages("/vpcs", "vpcs", 2)]
    assert there == [made[:2], made[2:4], made[4:]]
    second = vultr.get("/vpcs?per_page=4")["meta"]["links"]["next"]
    last = vultr.get(f"/vpcs?per_page=4&cursor={second}")
    assert (last["meta"]["total"], last["meta"]["links"]["next"]) == (5, "")
    back = vultr.get(f"/vpcs?per_page=4&cursor={last['meta']['links']['prev']}")
    assert [vpc["id"] for vpc in back["vpcs"]] == made[:4]


def test_instances_come_into_a_vpc_and_leave_it(vultr: Vultr, api: Api) -> None:
    vpc = vpc_of(vultr, **RANGE)
    there = [api.running(fresh("node")) for _ in range(2)]
    nodes = [to_uuid(one["id"]) for one in there]
    path = f"/vpc2/{vpc['id']}/nodes"
    assert vultr.get(path) == {"nodes": [], "meta": {"total": 0, "links": {"next": "", "prev": ""}}}
    vultr.post(f"{path}/attach", {"nodes": [*nodes, nodes[0]]}, 202)
    settle(api, there)
    shown = vultr.get(path)["nodes"]
    assert [node["id"] for node in shown] == nodes
    assert types_of(shown[0]) == NODE
    assert (shown[0]["type"], shown[0]["node_status"]) == ("vps", "active")
    inside = ipaddress.ip_network("10.77.0.0/24")
    assert all(ipaddress.ip_address(node["ip_address"]) in inside for node in shown)
    assert [len(page) for page in vultr.pages(path, "nodes", 1)] == [1, 1]
    vultr.post(f"{path}/attach", {"nodes": nodes}, 202)
    text = vultr.refused("DELETE", f"/vpcs/{vpc['id']}")
    assert "attached to this VPC network" in text
    vultr.post(f"{path}/detach", {"nodes": nodes}, 202)
    settle(api, there)
    assert vultr.get(path)["nodes"] == []
    vultr.post(f"{path}/detach", {"nodes": nodes}, 202)
    vultr.delete(f"/vpcs/{vpc['id']}")
    assert api.items("/v1/subnets") == []


def settle(api: Api, things: list[Json]) -> None:
    """Waits for what goes on about them."""
    for thing in things:
        for operation in api.items(f"/v1/operations?resource_id={thing['id']}"):
            api.ended(operation["id"], "completed")


def test_instances_that_were_created_in_a_vpc_are_nodes_of_it(vultr: Vultr, api: Api) -> None:
    vpc = api.named("vpcs", cidr="10.9.0.0/16")
    subnet = api.named("subnets", vpc_id=vpc["id"], cidr="10.9.1.0/24")
    first = api.running(subnet_id=subnet["id"])
    path = f"/vpc2/{to_uuid(vpc['id'])}/nodes"
    [node] = vultr.get(path)["nodes"]
    assert node["id"] == to_uuid(first["id"])
    assert node["ip_address"].startswith("10.9.1.")
    assert node["mac_address"] >> 24 == 0x525400
    text = vultr.refused("POST", f"{path}/detach", {"nodes": [node["id"]]})
    assert "has no extra interface" in text


def test_wrong_nodes_are_refused_all_together(vultr: Vultr, api: Api) -> None:
    vpc = vpc_of(vultr)
    path = f"/vpc2/{vpc['id']}/nodes"
    good = to_uuid(api.running()["id"])
    for nodes in ([], [good, NOBODY], ["nothing"]):
        assert vultr.refused("POST", f"{path}/attach", {"nodes": nodes}).startswith("nodes")
    assert vultr.get(path)["nodes"] == []
    text = vultr.refused("POST", f"/vpc2/{NOBODY}/nodes/attach", {"nodes": [good]}, status=404)
    assert text == "Invalid VPC ID"


def test_vpc2_knows_no_ipv6(vultr: Vultr) -> None:
    assert vultr.post("/vpc2", {"region": "ewr", "ip_type": "v4"})["vpc"]["prefix_length"] == 20
    text = vultr.refused("POST", "/vpc2", {"region": "ewr", "ip_type": "v6"})
    assert text.startswith("ip_type must be")


def test_a_viewer_makes_no_vpc_and_no_region(vultr: Vultr, api: Api, key_for: KeyFor) -> None:
    reader = key_for("viewer", api.project)
    viewer = Vultr(reader.url, reader.key)
    vpc = vpc_of(vultr)
    assert viewer.get("/vpcs")["vpcs"] == [vpc]
    viewer.refused("POST", "/vpcs", {"region": "waw"}, status=403)
    viewer.refused("DELETE", f"/vpcs/{vpc['id']}", status=403)
    viewer.refused("PUT", f"/vpcs/{vpc['id']}", {"description": "x"}, status=403)
    assert "waw" not in {region["id"] for region in api.items("/v1/regions")}
    viewer.close()
