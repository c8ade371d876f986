"""Reading one instance without parameters, which is answered without the framework: the answer is
the framework's, which a parameter asks for."""

from tests.api.client import Api
from tests.api.conftest import KeyFor
from tests.api.native.test_errors import refused

BY_THE_FRAMEWORK = "?wait=0"
SAME = ("content-type", "content-length", "etag")


def test_both_answer_the_same_to_all_roles(api: Api, key_for: KeyFor) -> None:
    made = api.running("web", labels={"tier": "front"}, user_data="I2Nsb3VkLWNvbmZpZwo=")
    path = f"/v1/instances/{made['id']}"
    for role in ("admin", "member", "viewer"):
        reader = key_for(role, api.project)
        quick, other = reader.call("GET", path), reader.call("GET", path + BY_THE_FRAMEWORK)
        assert quick.status_code == other.status_code == 200
        assert quick.content == other.content
        assert [quick.headers[name] for name in SAME] == [other.headers[name] for name in SAME]
        assert set(quick.headers) == set(other.headers)
        assert bool(quick.json()["spec"]["user_data"]) is (role != "viewer")


def test_a_change_is_shown_at_once(api: Api) -> None:
    path = f"/v1/instances/{api.running('web')['id']}"
    first = api.call("GET", path)
    api.patch(path, {"metadata": {"name": "db"}})
    second = api.call("GET", path)
    assert second.json()["metadata"]["name"] == "db"
    assert second.headers["etag"] != first.headers["etag"]


def test_a_generated_password_is_shown(api: Api) -> None:
    made = api.running("web", generate_password=True)
    shown = api.get(f"/v1/instances/{made['id']}")
    assert shown["status"]["default_password"]


def test_an_instance_of_another_project_is_not_found(api: Api, key_for: KeyFor) -> None:
    made = api.create("web")
    stranger = key_for()
    path = f"/v1/instances/{made['id']}"
    told = refused(stranger.call("GET", path), 404, "NOT_FOUND")
    assert told == refused(stranger.call("GET", path + BY_THE_FRAMEWORK), 404, "NOT_FOUND")


def test_head_answers_the_headers_alone(api: Api) -> None:
    path = f"/v1/instances/{api.running('web')['id']}"
    answer = api.call("HEAD", path)
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["etag"] == api.call("GET", path).headers["etag"]
