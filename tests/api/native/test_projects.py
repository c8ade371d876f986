"""Projects, keys, and how long a key counts."""

import datetime

import pytest

from tests.api.client import Api, Json, fresh
from tests.api.conftest import KeyFor
from tests.api.native.test_errors import refused
from tests.api.server import RunningCloud


def key_body(name: str, role: str = "viewer", **spec: str) -> Json:
    return {"metadata": {"name": name}, "spec": {"role": role} | spec}


def test_a_key_is_shown_once_and_works_at_once(api: Api, cloud: RunningCloud) -> None:
    made = api.post("/v1/api-keys", key_body("k", limit_class="default"))
    text = made["status"]["key"]
    assert text.startswith("ak_live_")
    assert made["status"]["hint"] == f"…{text[-4:]}"
    listed = next(one for one in api.items("/v1/api-keys") if one["id"] == made["id"])
    assert listed["status"]["key"] is None
    assert text not in api.call("GET", "/v1/api-keys").text
    assert text not in api.call("GET", "/v1/audit").text
    new = cloud.api(text)
    assert new.items("/v1/instances") == []
    new.close()


def test_a_key_made_with_an_idempotency_key_is_kept_nowhere_either(own_cloud: RunningCloud) -> None:
    """A repeated request is told which key it made, but not the key's text."""
    api = own_cloud.api()
    made = api.post("/v1/api-keys", key_body("k"), Idempotency_Key="once")
    again = api.post("/v1/api-keys", key_body("k"), Idempotency_Key="once")
    assert made["status"]["key"] and again["status"]["key"] is None
    assert again["id"] == made["id"]
    assert len(api.items("/v1/api-keys?name=k")) == 1
    api.close()
    own_cloud.stop()
    kept = b"".join(file.read_bytes() for file in own_cloud.directory.rglob("*") if file.is_file())
    own_cloud.start()
    assert made["id"].encode() in kept
    assert made["status"]["key"].encode() not in kept


def test_a_revoked_key_is_refused_at_once(api: Api, cloud: RunningCloud) -> None:
    made = api.post("/v1/api-keys", key_body("k"))
    revoked = cloud.api(made["status"]["key"])
    revoked.get("/v1/instances")
    api.delete(f"/v1/api-keys/{made['id']}")
    refused(revoked.call("GET", "/v1/instances"), 401, "UNAUTHENTICATED")
    revoked.close()
    refused(api.call("DELETE", f"/v1/api-keys/{made['id']}"), 404, "NOT_FOUND")


def test_an_admin_revokes_a_key_of_another_project_by_its_id(api: Api, key_for: KeyFor) -> None:
    other = key_for()
    made = api.post("/v1/api-keys", key_body("k", project=other.project))
    assert made["spec"]["project_id"] == other.project
    api.delete(f"/v1/api-keys/{made['id']}")
    refused(other.call("DELETE", f"/v1/api-keys/{made['id']}"), 404, "NOT_FOUND")


def test_an_admin_lists_the_keys_of_another_project_and_of_all(api: Api, key_for: KeyFor) -> None:
    other = key_for()
    made = api.post("/v1/api-keys", key_body("laptop", project=other.project))
    own = {one["id"] for one in api.items("/v1/api-keys")}
    theirs = {one["id"] for one in api.items(f"/v1/api-keys?project={other.project}")}
    everywhere = {one["id"] for one in api.items("/v1/api-keys?all_projects=true&limit=1000")}
    assert made["id"] in theirs
    assert made["id"] not in own
    assert own | theirs <= everywhere
    refused(api.call("GET", "/v1/api-keys?project=absent"), 404, "NOT_FOUND")


def test_an_admin_gets_one_key_of_any_project_and_never_its_text(api: Api, key_for: KeyFor) -> None:
    other = key_for()
    made = api.post("/v1/api-keys", key_body("laptop", project=other.project))
    got = api.get(f"/v1/api-keys/{made['id']}")
    assert (got["metadata"]["name"], got["spec"]["project_id"]) == ("laptop", other.project)
    assert got["status"]["key"] is None
    refused(api.call("GET", "/v1/api-keys/absent"), 404, "NOT_FOUND")


def test_only_admins_list_keys(key_for: KeyFor) -> None:
    member = key_for("operator")
    for query in ("", "?all_projects=true", f"?project={member.project}"):
        refused(member.call("GET", f"/v1/api-keys{query}"), 403, "FORBIDDEN")
    refused(member.call("GET", f"/v1/api-keys/{member.key_id}"), 403, "FORBIDDEN")
    for method in ("GET", "DELETE"):
        refused(member.call(method, f"/v1/projects/{member.project}"), 403, "FORBIDDEN")


def test_an_empty_project_is_deleted_by_its_name(api: Api) -> None:
    made = api.post("/v1/projects", {"metadata": {"name": fresh("p")}})
    name = made["metadata"]["name"]
    assert api.get(f"/v1/projects/{name}") == api.get(f"/v1/projects/{made['id']}") == made
    api.delete(f"/v1/projects/{name}")
    refused(api.call("GET", f"/v1/projects/{name}"), 404, "NOT_FOUND")
    refused(api.call("DELETE", f"/v1/projects/{made['id']}"), 404, "NOT_FOUND")
    body = key_body("k", project=made["id"])
    refused(api.call("POST", "/v1/api-keys", body), 422, "INVALID", "spec.project")
    assert api.post("/v1/projects", {"metadata": {"name": name}})["id"] != made["id"]


def test_a_project_is_deleted_only_when_nothing_is_left_in_it(
    api: Api, cloud: RunningCloud
) -> None:
    project = api.post("/v1/projects", {"metadata": {"name": fresh("p")}})["id"]
    made = api.post("/v1/api-keys", key_body("k", "member", project=project))
    member = cloud.api(made["status"]["key"])
    group = member.post("/v1/security-groups", {"metadata": {"name": "web"}, "spec": {"rules": []}})
    told = refused(api.call("DELETE", f"/v1/projects/{project}"), 409, "IN_USE")
    assert "it has 1 security group, 1 api key" in told["error"]
    member.delete(f"/v1/security-groups/{group['id']}")
    member.close()
    refused(api.call("DELETE", f"/v1/projects/{project}"), 409, "IN_USE")
    api.delete(f"/v1/api-keys/{made['id']}")
    api.delete(f"/v1/projects/{project}")


def test_the_last_admin_key_is_kept(own_cloud: RunningCloud) -> None:
    admin = own_cloud.api()
    (only,) = admin.items("/v1/api-keys")
    refused(admin.call("DELETE", f"/v1/api-keys/{only['id']}"), 409, "IN_USE")
    admin.close()


def test_a_new_project_has_two_groups_and_nothing_else(key_for: KeyFor) -> None:
    new = key_for()
    groups = new.items("/v1/security-groups")
    assert [one["metadata"]["name"] for one in groups] == ["default", "standard"]
    assert {"direction": "ingress", "protocol": "tcp", "port": 22, "port_max": 22,
            "cidr": "0.0.0.0/0", "group": None,
            "notes": ""} in groups[0]["spec"]["rules"]  # fmt: skip
    for noun in ("instances", "operations", "ssh-keys", "vpcs", "subnets"):
        assert new.items(f"/v1/{noun}") == []


def test_a_project_is_named_once(api: Api) -> None:
    body = {"metadata": {"name": fresh("p")}}
    made = api.post("/v1/projects", body)
    assert made["id"].startswith("proj-")
    refused(api.call("POST", "/v1/projects", body), 409, "ALREADY_EXISTS", "metadata.name")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"role": "emperor"}, "spec.role"),
        ({"role": "viewer", "limit_class": "heroic"}, "spec.limit_class"),
        ({"role": "viewer", "project": "absent"}, "spec.project"),
        ({"role": "viewer", "expires_at": "2001-01-01T00:00:00Z"}, "spec.expires_at"),
        ({"role": "viewer", "expires_at": "2999-01-01T00:00:00"}, "spec.expires_at"),
        ({"role": "viewer", "expires_at": "9999-12-31T23:59:59-12:00"}, "spec.expires_at"),
        ({"role": "viewer", "expires_at": "0001-01-01T00:00:00+12:00"}, "spec.expires_at"),
        ({"role": "viewer", "expires_at": "tomorrow"}, "spec.expires_at"),
    ],
)
def test_a_wrong_key_is_refused(api: Api, spec: Json, field: str) -> None:
    body = {"metadata": {"name": "k"}, "spec": spec}
    refused(api.call("POST", "/v1/api-keys", body), 422, "INVALID", field)


@pytest.mark.parametrize("role", ["viewer", "member", "agent", "operator", "admin"])
def test_a_key_of_each_role_is_made(api: Api, role: str) -> None:
    made = api.post("/v1/api-keys", key_body("k", role))
    assert made["spec"]["role"] == role


def test_an_expired_key_is_refused(api: Api, cloud: RunningCloud, ahead: "Ahead") -> None:
    """Its expiry comes back as it was given, in UTC."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    until = (now + datetime.timedelta(hours=1)).isoformat()
    made = api.post("/v1/api-keys", key_body("k", expires_at=until))
    assert made["spec"]["expires_at"] == until.replace("+00:00", "Z")
    short = cloud.api(made["status"]["key"])
    short.get("/v1/instances")
    ahead.by_s = 3601
    told = refused(short.call("GET", "/v1/instances"), 401, "UNAUTHENTICATED")
    assert "expired" in told["error"]
    short.close()


class Ahead:
    """Keys are looked at by a clock that runs ahead."""

    def __init__(self) -> None:
        self.by_s = 0

    def now_ms(self) -> int:
        now = datetime.datetime.now(datetime.UTC)
        return int((now.timestamp() + self.by_s) * 1000)

    def span_ms(self) -> int:
        return self.now_ms()


@pytest.fixture
def ahead(cloud: RunningCloud, monkeypatch: pytest.MonkeyPatch) -> Ahead:
    clock = Ahead()
    monkeypatch.setattr(cloud.cloud.control.keys, "_clock", clock)
    return clock


def test_an_admin_key_that_expires_soon_is_not_another_one(own_cloud: RunningCloud) -> None:
    admin = own_cloud.api()
    (first,) = admin.items("/v1/api-keys")
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    spec = {"role": "admin", "expires_at": f"{soon:%Y-%m-%dT%H:%M:%SZ}"}
    admin.post("/v1/api-keys", {"metadata": {"name": "soon"}, "spec": spec})
    told = refused(admin.call("DELETE", f"/v1/api-keys/{first['id']}"), 409, "IN_USE")
    assert "last key with the role admin" in told["error"]
    admin.post("/v1/api-keys", {"metadata": {"name": "lasting"}, "spec": {"role": "admin"}})
    admin.delete(f"/v1/api-keys/{first['id']}")
    admin.close()
