"""`atoll vpc`, `atoll subnet`, and the networks that an instance is attached to later."""

import pytest

from tests.cli.cloud import (
    VPC_ID,
    Cloud,
    named,
)
from tests.cli.conftest import Atoll


def test_a_vpc_is_created(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", "/v1/vpcs", named(VPC_ID, "lab"), status=201)
    ended = atoll("vpc", "create", "lab", "--cidr", "10.1.0.0/16", "--label", "a=b")
    assert (ended.code, ended.out) == (0, f"lab created: {VPC_ID}\n")
    assert cloud.asked[0].body == {
        "metadata": {"name": "lab", "labels": {"a": "b"}},
        "spec": {"cidr": "10.1.0.0/16"},
    }


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (
            ("vpc", "create", "lab", "--cidr", "10.1.0.1/16"),
            "spec.cidr is not an IPv4 range: 10.1.0.1/16 has host bits set",
        ),
        (
            ("subnet", "create", "front", "--vpc", "lab", "--cidr", "10.2.0.0/24"),
            "spec.cidr: 10.2.0.0/24 is not within the range 10.1.0.0/16 of vpc lab",
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
