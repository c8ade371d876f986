"""`atoll status`, `atoll events` and `atoll up`."""

from tests.cli.cloud import HOST_ID, Cloud, instance, named, operation
from tests.cli.conftest import Atoll


def a_server(cloud: Cloud) -> None:
    twin = {**instance("stopped"), "id": "inst-06c00000000000000000000002"}
    cloud.has("/v1/instances", instance(), twin)
    cloud.answers("GET", "/openapi.json", {"info": {"version": "0.1.0"}})
    cloud.answers("GET", "/v1/operations", {"items": [operation("running")], "next": None})
    host = named(HOST_ID, "sim-1", enabled=True)
    cloud.has("/v1/hosts", {**host, "status": {"driver": "simulator", "emulated": True}})


def test_status_shows_server_hosts_counts_and_operations(atoll: Atoll, cloud: Cloud) -> None:
    a_server(cloud)
    out = atoll("status").out
    for words in (cloud.url, "0.1.0", "1 running, 1 stopped", "sim-1", "simulator", "40"):
        assert words in out


def test_status_as_json_is_one_object(atoll: Atoll, cloud: Cloud) -> None:
    a_server(cloud)
    seen = atoll("status", "--json").json
    assert seen["instances"] == {"running": 1, "stopped": 1}
    assert seen["hosts"][0]["id"] == HOST_ID
    assert [one["status"] for one in seen["operations"]] == ["running"]


def test_status_does_without_hosts_where_the_key_may_not_see_them(
    bare_atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/instances")
    cloud.answers("GET", "/openapi.json", {"info": {"version": "0.1.0"}})
    cloud.has("/v1/operations")
    cloud.answers("GET", "/v1/hosts", {"error": "no", "code": "FORBIDDEN"}, status=403)
    ended = bare_atoll("status", "--url", cloud.url, "--api-key", "ak_1")
    assert ended.code == 0
    assert "no access with this API key" in ended.out


def test_a_server_that_is_not_running_ends_with_3_and_says_how_to_start_it(
    bare_atoll: Atoll,
) -> None:
    ended = bare_atoll("status", "--url", "http://127.0.0.1:1", "--api-key", "ak_1")
    assert (ended.code, ended.out) == (3, "")
    assert "cannot connect to http://127.0.0.1:1. Start a server with `atoll up`" in ended.err
