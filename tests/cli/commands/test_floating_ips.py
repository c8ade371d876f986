"""`atoll floating-ip …`."""

from typing import Any

import pytest

from tests.cli.cloud import (
    FLOATING_IP_ID,
    INSTANCE_ID,
    OPERATION_ID,
    Cloud,
    instance,
    named,
    operation,
)
from tests.cli.conftest import Atoll

LIST = "/v1/floating-ips"
PATH = f"{LIST}/{FLOATING_IP_ID}"
OPERATION = f"/v1/operations/{OPERATION_ID}"


def floating_ip(instance_id: str = "", operation_id: str = "") -> dict[str, Any]:
    thing = named(FLOATING_IP_ID, "shop", region="local")
    status = {"address": "127.16.0.9", "instance_id": instance_id}
    return {**thing, "status": status, "operation_id": operation_id}


def test_an_address_is_reserved(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", LIST, floating_ip(), status=201)
    ended = atoll("floating-ip", "create", "shop", "--region", "local", "--label", "a=b")
    assert (ended.code, ended.out) == (0, "shop created: 127.16.0.9\n")
    assert cloud.asked[0].body == {
        "metadata": {"name": "shop", "labels": {"a": "b"}},
        "spec": {"region": "local"},
    }


def test_an_address_is_reserved_for_an_instance_and_waited_for(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has(LIST, floating_ip(INSTANCE_ID))
    cloud.answers("POST", LIST, floating_ip(INSTANCE_ID, OPERATION_ID), status=201)
    cloud.answers("GET", OPERATION, operation("running"), operation())
    ended = atoll("floating-ip", "create", "shop", "--attach-to", "demo")
    assert (ended.code, ended.out) == (0, "shop created: 127.16.0.9, attached to demo\n")
    assert len([asked for asked in cloud.asked if asked.path == OPERATION]) == 2


def test_an_address_is_shown_with_where_its_ports_are_reached(atoll: Atoll, cloud: Cloud) -> None:
    shown = floating_ip(INSTANCE_ID)
    shown["status"]["ports"] = {"tcp/22": "127.16.0.9:10022"}
    cloud.has(LIST, shown)
    lines = atoll("floating-ip", "show", "127.16.0.9").out.splitlines()
    assert ["ports", "tcp/22=127.16.0.9:10022"] in [line.split() for line in lines]


@pytest.mark.parametrize("reference", ["shop", "127.16.0.9", FLOATING_IP_ID])
def test_an_address_is_attached_by_its_name_its_id_or_itself(
    reference: str, atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has(LIST, floating_ip())
    cloud.answers("POST", f"{PATH}/attach", floating_ip(INSTANCE_ID, OPERATION_ID))
    cloud.answers("GET", OPERATION, operation())
    ended = atoll("floating-ip", "attach", reference, "demo")
    assert (ended.code, ended.out) == (0, "127.16.0.9 attached to demo\n")
    assert cloud.all_of("POST")[0].body == {"instance_id": INSTANCE_ID}
    assert OPERATION in [asked.path for asked in cloud.asked]


def test_an_address_is_attached_to_a_stopped_instance_without_any_operation(
    atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/instances", instance("stopped"))
    cloud.has(LIST, floating_ip())
    cloud.answers("POST", f"{PATH}/attach", floating_ip(INSTANCE_ID))
    assert atoll("floating-ip", "attach", "shop", "demo").out == "127.16.0.9 attached to demo\n"


def test_an_address_is_detached(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has(LIST, floating_ip(INSTANCE_ID))
    cloud.answers("POST", f"{PATH}/detach", floating_ip())
    assert atoll("floating-ip", "detach", "shop").out == "127.16.0.9 detached\n"


def test_an_address_that_is_in_use_is_not_given_back(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has(LIST, floating_ip(INSTANCE_ID))
    refusal = {
        "error": "floating IP shop is attached to inst-1: detach it there first",
        "code": "IN_USE",
    }
    cloud.answers("DELETE", PATH, refusal, status=409)
    ended = atoll("floating-ip", "delete", "shop", "--yes")
    assert ended.code == 1
    assert "detach it there first" in ended.err


def test_an_address_of_nobody_is_said_to_be_unknown(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has(LIST, floating_ip())
    ended = atoll("floating-ip", "show", "127.16.0.10")
    assert ended.code == 1
    assert "no floating IP 127.16.0.10" in ended.err
