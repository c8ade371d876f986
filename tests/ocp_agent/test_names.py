"""Names by the protocol's rules, unique, short, and lasting."""

import json
import random
from pathlib import Path

import pytest

from ocp_agent import OCPAgent
from ocp_agent.names import OperationKey, camel_case, plain_name
from tests.ocp_agent.support import Json, discovered, document


@pytest.mark.parametrize(
    ("operation_id", "name"),
    [
        ("create-snapshot", "createSnapshot"),
        ("list_os", "listOs"),
        ("meta/root", "metaRoot"),
        ("FetchAccount", "fetchAccount"),
        ("v2010/Accounts", "v2010Accounts"),
        ("ListVPCs", "listVpcs"),
        ("getHTTPResponseCode", "getHttpresponseCode"),
        ("OAuth2Callback", "oauth2Callback"),
        ("iOSDevice", "iOsdevice"),
        ("weird name!", "weirdName"),
        ("users:list", "usersList"),
    ],
)
def test_names_are_the_protocols(operation_id: str, name: str) -> None:
    assert camel_case(operation_id) == name


@pytest.mark.parametrize("operation_id", [None, "", "!!", "2fa", "取得", 7])
def test_without_a_usable_id_method_and_path_make_the_name(operation_id: object) -> None:
    assert plain_name(operation_id, OperationKey("GET", "/items/{id}")) == "getItemsId"


def operations(*ids: str) -> Json:
    return {f"/p{one}": {"get": {"operationId": one, "responses": {}}} for one in ids}


def names_of(paths: Json) -> dict[str, str]:
    return {tool.path: tool.name for tool in discovered(document(paths)).tools}


def test_another_operation_changes_no_name_also_where_names_clash() -> None:
    ids = ["get_user", "x" * 80, "x" * 81, "list-things", "getThing"]
    before = names_of(operations(*ids))
    for more in ("getUser", "get-user", "x" * 82, "list_things", "GetThing"):
        after = names_of(operations(*ids, more))
        assert {path: after[path] for path in before} == before
        assert len(set(after.values())) == len(after)


def test_names_of_marked_tools_do_not_depend_on_their_neighbours() -> None:
    ids = ["get_user", "getUser", "get-user", "GET/user"]
    marked = names_of(operations(*ids))
    shuffled = ids[1:]
    random.Random(1).shuffle(shuffled)
    assert names_of(operations("get_user", *shuffled)) == marked


def test_what_is_cached_keeps_its_names_wherever_the_newcomer_stands(tmp_path: Path) -> None:
    path = tmp_path / "a.json"

    def names(*ids: str) -> dict[str, str]:
        path.write_text(json.dumps(document(operations(*ids))))
        tools = OCPAgent().register_api("a", path, max_age_days=0).tools
        return {tool.path: tool.name for tool in tools}

    before = names("get_user")
    assert names("getUser", "get_user")["/pget_user"] == before["/pget_user"] == "getUser"
