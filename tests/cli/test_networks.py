"""`atoll vpc`, `atoll subnet`, and the networks that an instance is attached to later."""

import pytest

from tests.cli.cloud import (
    INSTANCE_ID,
    OPERATION_ID,
    SUBNET_ID,
    VPC_ID,
    Cloud,
    accepted,
    instance,
    named,
    operation,
)
from tests.cli.conftest import Atoll

NETWORKS = f"/v1/instances/{INSTANCE_ID}/networks"


def test_a_vpc_is_created(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", "/v1/vpcs", named(VPC_ID, "lab"), status=201)
    ended = atoll("vpc", "create", "lab", "--cidr", "10.1.0.0/16", "--label", "a=b")
    assert (ended.code, ended.out) == (0, f"lab is created: {VPC_ID}\n")
    assert cloud.asked[0].body == {
        "metadata": {"name": "lab", "labels": {"a": "b"}},
        "spec": {"cidr": "10.1.0.0/16"},
    }


def test_a_subnet_is_created_in_a_vpc_by_name(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/vpcs", named(VPC_ID, "lab"))
    cloud.answers("POST", "/v1/subnets", named(SUBNET_ID, "front"), status=201)
    ended = atoll("subnet", "create", "front", "--vpc", "lab", "--cidr", "10.1.2.0/24")
    assert (ended.code, ended.out) == (0, f"front is created: {SUBNET_ID}\n")
    assert cloud.all_of("POST")[0].body == {
        "metadata": {"name": "front", "labels": {}},
        "spec": {"vpc_id": VPC_ID, "cidr": "10.1.2.0/24"},
    }


def test_a_subnet_of_a_vpc_that_is_not_there_is_not_created(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/vpcs")
    ended = atoll("subnet", "create", "front", "--vpc", "lab", "--cidr", "10.1.2.0/24")
    assert ended.code == 1
    assert "there is no VPC called 'lab': see `atoll vpc list`" in ended.err
    assert not cloud.all_of("POST")


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (
            ("vpc", "create", "lab", "--cidr", "10.1.0.1/16"),
            "spec.cidr: 10.1.0.1/16 has host bits set; write it as 10.0.0.0/16",
        ),
        (
            ("subnet", "create", "front", "--vpc", "lab", "--cidr", "10.2.0.0/24"),
            "spec.cidr: 10.2.0.0/24 is not inside 10.1.0.0/16 of vpc lab",
        ),
    ],
)
def test_addresses_that_do_not_fit_are_refused_by_the_server(
    words: tuple[str, ...], refusal: str, atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/vpcs", named(VPC_ID, "lab"))
    body = {"error": refusal, "code": "INVALID", "field": "spec.cidr"}
    cloud.answers("POST", f"/v1/{words[0]}s", body, status=422)
    ended = atoll(*words)
    assert (ended.code, ended.err) == (1, f"atoll: {refusal}\n")


def test_an_instance_joins_and_leaves_a_further_subnet(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has("/v1/subnets", named(SUBNET_ID, "front"))
    cloud.answers("POST", NETWORKS, accepted(), status=202)
    cloud.answers("DELETE", f"{NETWORKS}/{SUBNET_ID}", accepted(), status=202)
    cloud.answers("GET", f"/v1/operations/{OPERATION_ID}", operation())
    assert atoll("instance", "attach-network", "demo", "front").out == "demo is in front too\n"
    assert cloud.all_of("POST")[0].body == {"subnet_id": SUBNET_ID}
    assert atoll("instance", "detach-network", "demo", "front").out == "demo has left front\n"
    assert len(cloud.all_of("DELETE")) == 1


def test_the_first_network_of_an_instance_cannot_be_left(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has("/v1/subnets", named(SUBNET_ID, "front"))
    refusal = {"error": "instance demo was not attached to subnet front later", "code": "CONFLICT"}
    cloud.answers("DELETE", f"{NETWORKS}/{SUBNET_ID}", refusal, status=409)
    ended = atoll("instance", "detach-network", "demo", "front")
    assert ended.code == 1
    assert "not attached to subnet front later" in ended.err
