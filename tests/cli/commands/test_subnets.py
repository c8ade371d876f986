"""`atoll subnet …`."""

from tests.cli.cloud import (
    SUBNET_ID,
    VPC_ID,
    Cloud,
    named,
)
from tests.cli.conftest import Atoll


def test_a_subnet_is_created_in_a_vpc_by_name(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/vpcs", named(VPC_ID, "lab"))
    cloud.answers("POST", "/v1/subnets", named(SUBNET_ID, "front"), status=201)
    ended = atoll("subnet", "create", "front", "--vpc", "lab", "--cidr", "10.1.2.0/24")
    assert (ended.code, ended.out) == (0, f"front created: {SUBNET_ID}\n")
    assert cloud.all_of("POST")[0].body == {
        "metadata": {"name": "front", "labels": {}},
        "spec": {"vpc_id": VPC_ID, "cidr": "10.1.2.0/24"},
    }


def test_a_subnet_of_a_vpc_that_is_not_there_is_not_created(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/vpcs")
    ended = atoll("subnet", "create", "front", "--vpc", "lab", "--cidr", "10.1.2.0/24")
    assert ended.code == 1
    assert "no VPC named 'lab'; list them with `atoll vpc list`" in ended.err
    assert not cloud.all_of("POST")
