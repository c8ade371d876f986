"""One call, one result: operations, status words, and addresses to ask at."""

import json
from pathlib import Path

import msgspec
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from ocp_agent import OCPAgent
from tests.ocp_agent.support import FAST, TEXT, VULTR, Json, Shop, document, target

WAIT = {"name": "wait", "in": "query", "schema": TEXT}
NATIVE: Json = document({
    "/v1/instances": {"post": {"operationId": "createInstance", "responses": {}}},
    "/v1/instances/{id}": {
        "get": {"operationId": "getInstance", "responses": {}},
        "delete": {"operationId": "deleteInstance", "responses": {}},
    },
    "/v1/instances/{id}/stop": {"post": {"operationId": "stopInstance", "responses": {}}},
    "/v1/operations/{id}": {
        "get": {"operationId": "getOperation", "parameters": [WAIT], "responses": {}}
    },
})  # fmt: skip
BEGUN = {"id": "inst-1", "status": {"state": "provisioning"}, "operation_id": "op-1"}
RUNNING = {"id": "inst-1", "status": {"state": "running"}}


def instance(status: str, server_status: str) -> tuple[int, Json]:
    return 202, {"instance": {"id": "i-1", "status": status, "server_status": server_status}}


def operation(status: str) -> tuple[int, Json]:
    return 200, {"id": "op-1", "resource_id": "inst-1", "status": status}


def vultr(server: HTTPServer, folder: Path) -> Shop:
    return Shop(json.loads(VULTR.read_text()), server, folder)


def test_an_operation_is_asked_until_it_ends_and_the_resource_is_the_answer(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = Shop(NATIVE, httpserver, tmp_path)
    shop.answers((201, BEGUN), operation("running"), operation("completed"), (200, RUNNING))
    response = shop.agent.call_tool("createInstance", wait=True)
    assert [target(request) for request in shop.seen[1:]] == [
        "/v1/operations/op-1?wait=30",
        "/v1/operations/op-1?wait=30",
        "/v1/instances/inst-1",
    ]
    assert response.json() == RUNNING and response.first is not None
    assert response.waited is not None and response.waited.succeeded and response.waited.polls == 2


@pytest.mark.parametrize(("tool", "path"), [("stopInstance", "/stop"), ("deleteInstance", "")])
def test_an_action_is_waited_for_as_well(
    tool: str, path: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = Shop(NATIVE, httpserver, tmp_path)
    begun = {"operation_id": "op-1", "status": "pending", "resource_id": "inst-1"}
    shop.answers((202, begun), operation("completed"), (200, RUNNING))
    response = shop.agent.call_tool(tool, {"id": "inst-1"}, wait=True)
    assert shop.seen[0].path == f"/v1/instances/inst-1{path}"
    assert response.json() == (RUNNING if path else operation("completed")[1])


def test_an_operation_that_failed_is_the_answer(httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = Shop(NATIVE, httpserver, tmp_path)
    shop.answers((201, BEGUN), operation("failed"))
    response = shop.agent.call_tool("createInstance", wait=True)
    assert response.waited is not None and response.waited.is_done
    assert not response.waited.succeeded and response.json()["status"] == "failed"


def test_vultrs_instance_is_waited_for_until_it_is_active_and_ok(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = vultr(httpserver, tmp_path)
    shop.answers(
        instance("pending", "none"),
        instance("pending", "none"),
        instance("active", "installingbooting"),
        instance("active", "ok"),
    )
    response = shop.agent.call_tool("createInstance", {"region": "ewr", "plan": "x"}, wait=True)
    assert {request.path for request in shop.seen[1:]} == {"/instances/i-1"}
    assert response.json()["instance"]["server_status"] == "ok" and len(shop.seen) == 4


def test_vultrs_reinstallation_is_waited_for(httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = vultr(httpserver, tmp_path)
    shop.answers(instance("active", "locked"), instance("active", "ok"))
    shop.agent.call_tool("reinstallInstance", {"instance-id": "i-1"}, wait=True)
    assert [request.path for request in shop.seen] == ["/instances/i-1/reinstall", "/instances/i-1"]


def test_vultrs_snapshot_is_waited_for(httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = vultr(httpserver, tmp_path)
    states = [(201, {"snapshot": {"id": "s-1", "status": one}}) for one in ("pending", "complete")]
    shop.answers(*states)
    response = shop.agent.call_tool("createSnapshot", {"instance_id": "i-1"}, wait=True)
    assert shop.last.path == "/snapshots/s-1"
    assert response.json()["snapshot"]["status"] == "complete"


def test_a_location_is_asked_as_often_as_the_server_says(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = Shop(NATIVE, httpserver, tmp_path)
    headers = {"Location": "/jobs/7", "Retry-After": "0"}
    shop.answers(Response("", 202, headers=headers), Response("", 202, headers=headers), (200, {}))
    response = shop.agent.call_tool("createInstance", wait=True)
    assert [request.path for request in shop.seen[1:]] == ["/jobs/7", "/jobs/7"]
    assert response.status_code == 200


def test_a_location_on_another_host_is_not_asked(httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = Shop(NATIVE, httpserver, tmp_path)
    shop.answers(Response("", 202, headers={"Location": "http://127.0.0.1:1/jobs/7"}))
    response = shop.agent.call_tool("createInstance", wait=True)
    assert (response.status_code, response.waited) == (202, None)


def test_what_is_done_already_is_not_waited_for(httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = vultr(httpserver, tmp_path)
    shop.answers((201, {"snapshot": {"id": "s-1", "status": "complete"}}))
    shop.agent.call_tool("createSnapshot", {"instance_id": "i-1"}, wait=True)
    assert len(shop.seen) == 1


def test_waiting_ends_with_its_time_and_says_so(httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = Shop(NATIVE, httpserver, tmp_path)
    agent = OCPAgent(limits=msgspec.structs.replace(FAST, wait_s=0.05))
    agent.register_api("shop", str(tmp_path / "shop.json"), shop.spec.base_url)

    def answer(request: Request) -> Response:
        status, data = (201, BEGUN) if request.method == "POST" else operation("running")
        return Response(json.dumps(data), status, content_type="application/json")

    shop.answers(answer)
    response = agent.call_tool("createInstance", wait=True)
    assert response.waited is not None and not response.waited.is_done
    assert response.waited.state == "running" and response.waited.seconds < 2


def test_a_refusal_is_not_waited_for(httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = Shop(NATIVE, httpserver, tmp_path)
    shop.answers((422, {"error": "no", "operation_id": "op-1"}))
    assert shop.agent.call_tool("createInstance", wait=True).status_code == 422
    assert len(shop.seen) == 1


# -- What has another id --

NAMED = ("/snapshots/{id}", "/instances/{id}")
MAKING = ("/instances/{id}/snapshots", "/snapshots/{id}/clone", "/instances/{id}/backup")


def keeper(server: HTTPServer, folder: Path, *readable: str) -> Shop:
    """Of a cloud whose answers name no operations."""
    paths: Json = {path: {"post": {"operationId": path.rpartition("/")[2]}} for path in MAKING}
    for path in readable:
        paths.setdefault(path, {})["get"] = {"operationId": f"get {path}"}
    paths["/instances/{id}/halt"] = {"post": {"operationId": "halt"}}
    paths.setdefault("/instances/{id}", {})["delete"] = {"operationId": "remove"}
    return Shop(document(paths), server, folder)


def snapshot(status: str, code: int = 200) -> tuple[int, Json]:
    return code, {"snapshot": {"id": "new", "status": status}}


@pytest.mark.parametrize("tool", ["snapshots", "clone", "backup"])
def test_what_was_made_is_waited_for_and_not_what_it_was_made_of(
    tool: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = keeper(httpserver, tmp_path, *NAMED, "/instances/{id}/snapshots")
    shop.answers(snapshot("creating", 201), snapshot("creating"), snapshot("active"))
    response = shop.agent.call_tool(tool, {"id": "old"}, wait=True)
    assert [one.path for one in shop.seen[1:]] == ["/snapshots/new", "/snapshots/new"]
    assert response.json() == snapshot("active")[1]
    assert response.waited is not None and response.waited.succeeded


def test_a_plain_answer_is_known_by_the_paths_last_collection(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = keeper(httpserver, tmp_path, *NAMED)
    shop.answers((201, {"id": "new", "status": "creating"}), (200, {"id": "new", "status": "ok"}))
    shop.agent.call_tool("snapshots", {"id": "old"}, wait=True)
    assert shop.last.path == "/snapshots/new"


@pytest.mark.parametrize("readable", [("/instances/{id}",), NAMED])
def test_what_cannot_be_read_is_not_waited_for(
    readable: tuple[str, ...], httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = keeper(httpserver, tmp_path, *readable)
    shop.answers(snapshot("creating", 201), (404, {}))
    response = shop.agent.call_tool("snapshots", {"id": "old"}, wait=True)
    assert response.waited is None and response.json() == snapshot("creating")[1]
    assert "/instances/old" not in [one.path for one in shop.seen]


def test_an_entry_of_a_list_without_an_id_is_not_taken_for_what_holds_the_list(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = keeper(httpserver, tmp_path, *NAMED, "/instances/{id}/snapshots")
    shop.answers((201, {"status": "creating"}))
    response = shop.agent.call_tool("snapshots", {"id": "old"}, wait=True)
    assert response.waited is None and len(shop.seen) == 1


# -- Empty answers --

EMPTY = Response(status=204)


def test_after_an_empty_answer_what_was_acted_on_is_asked(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = keeper(httpserver, tmp_path, *NAMED)
    shop.answers(EMPTY, *[(200, {"id": "i", "status": one}) for one in ("stopping", "stopped")])
    response = shop.agent.call_tool("halt", {"id": "i"}, wait=True)
    assert [one.path for one in shop.seen[1:]] == ["/instances/i", "/instances/i"]
    assert response.json()["status"] == "stopped" and response.first is not None
    assert response.waited is not None and response.waited.succeeded


def test_an_empty_answer_stands_where_nothing_tells_a_state(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = keeper(httpserver, tmp_path, *NAMED)
    shop.answers(EMPTY, (200, {"id": "i"}))
    response = shop.agent.call_tool("halt", {"id": "i"}, wait=True)
    assert (response.status_code, response.waited) == (204, None)


@pytest.mark.parametrize("began", [EMPTY, (202, {"id": "i", "status": "deleting"})])
def test_what_is_deleted_is_waited_for_until_it_is_gone(
    began: Response | tuple[int, Json], httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = keeper(httpserver, tmp_path, *NAMED)
    shop.answers(began, (200, {"id": "i", "status": "active"}), (404, {"error": "none"}))
    response = shop.agent.call_tool("remove", {"id": "i"}, wait=True)
    assert response.ok and len(shop.seen) == 3
    assert response.waited is not None and response.waited.succeeded
    assert response.waited.state == "deleted"


def test_a_deletion_that_fails_is_told(httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = keeper(httpserver, tmp_path, *NAMED)
    shop.answers(EMPTY, (200, {"id": "i", "status": "error"}))
    response = shop.agent.call_tool("remove", {"id": "i"}, wait=True)
    assert response.waited is not None and response.waited.is_done
    assert not response.waited.succeeded


def test_a_deletion_is_not_waited_for_where_only_something_above_can_be_read(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = keeper(httpserver, tmp_path, "/snapshots/{id}")
    shop.answers(EMPTY)
    response = shop.agent.call_tool("remove", {"id": "i"}, wait=True)
    assert response.waited is None and len(shop.seen) == 1
