"""The same key with the same request: once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.client import Api, instance_body
from tests.api.conftest import KeyFor
from tests.api.keys import ED25519
from tests.api.native.test_errors import refused
from tests.api.server import RunningCloud

PARALLEL = 50
REPLAY = "idempotent-replay"


def test_a_repeated_create_is_answered_as_the_first_was(api: Api) -> None:
    first = api.call("POST", "/v1/instances", instance_body("a"), Idempotency_Key="k")
    api.ended(first.json()["operation_id"], "completed")
    again = api.call("POST", "/v1/instances", instance_body("a"), Idempotency_Key="k")
    assert REPLAY not in first.headers
    assert again.headers[REPLAY] == "true"
    assert (again.status_code, again.content) == (201, first.content)
    assert len(api.items("/v1/instances")) == 1


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/instances"), ("POST", "/v1/instances?dry_run=false")]
)
def test_the_key_with_another_request_is_a_409(api: Api, method: str, path: str) -> None:
    api.call("POST", "/v1/instances", instance_body("a"), Idempotency_Key="k")
    response = api.call(method, path, instance_body("b"), Idempotency_Key="k")
    refused(response, 409, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key")
    assert len(api.items("/v1/instances")) == 1


def test_a_refused_request_does_not_use_its_key_up(api: Api) -> None:
    wrong = instance_body("a", image="absent")
    refused(api.call("POST", "/v1/instances", wrong, Idempotency_Key="k"), 422, "INVALID",
            "spec.image")  # fmt: skip
    api.post("/v1/instances", instance_body("a"), Idempotency_Key="k")


def test_a_key_belongs_to_whoever_sent_it(api: Api, key_for: KeyFor) -> None:
    other = key_for(project=api.project)
    ids = {one.post("/v1/instances", instance_body(name), Idempotency_Key="k")["id"]
           for one, name in ((api, "a"), (other, "b"))}  # fmt: skip
    assert len(ids) == 2


def test_many_at_once_with_one_key_make_one_instance(api: Api, cloud: RunningCloud) -> None:
    start = threading.Barrier(PARALLEL)

    def create(_: int) -> tuple[int, str]:
        mine = cloud.api(api.key)
        try:
            start.wait(30)
            body = instance_body("only")
            response = mine.call("POST", "/v1/instances", body, Idempotency_Key="one")
        finally:
            mine.close()
        return response.status_code, response.json()["id"]

    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = set(pool.map(create, range(PARALLEL)))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 201
    assert len(api.items("/v1/instances")) == 1
    assert len(api.items("/v1/operations")) == 1


def test_the_first_answer_outlives_a_restart(own_cloud: RunningCloud) -> None:
    api = own_cloud.api()
    first = api.call("POST", "/v1/instances", instance_body("a"), Idempotency_Key="k")
    api.close()
    own_cloud.restart()
    api = own_cloud.api()
    again = api.call("POST", "/v1/instances", instance_body("a"), Idempotency_Key="k")
    assert again.headers[REPLAY] == "true"
    assert again.content == first.content
    shown = api.get(f"/v1/instances/{first.json()['id']}?wait=30&until=ready")
    assert shown["status"]["ready"], "what was accepted before the restart happens after it"
    assert len(api.items("/v1/instances")) == 1
    api.close()


def test_every_kind_of_change_takes_a_key(api: Api) -> None:
    created = api.running()
    instance = f"/v1/instances/{created['id']}"
    key = {"metadata": {"name": "k"}, "spec": {"public_key": ED25519}}
    vpc = api.named("vpcs")["id"]
    changes = [
        ("PATCH", instance, {"metadata": {"name": "b"}}),
        ("POST", f"{instance}/stop", {"force": True}),
        ("POST", f"{instance}/start", None),
        ("POST", "/v1/ssh-keys", key),
        ("DELETE", f"/v1/vpcs/{vpc}", None),
        ("PATCH", "/v1/hosts/sim-1", {"spec": {"enabled": True}}),
        ("DELETE", instance, None),
    ]
    for number, (method, path, body) in enumerate(changes):
        first = api.call(method, path, body, Idempotency_Key=f"n{number}")
        again = api.call(method, path, body, Idempotency_Key=f"n{number}")
        assert first.is_success, (method, path, first.text)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers[REPLAY] == "true", (method, path)


def test_a_dry_run_does_not_use_the_key_up(api: Api) -> None:
    body = instance_body("a")
    for _ in range(2):
        assert api.post("/v1/instances?dry_run=true", body, 200, Idempotency_Key="k")["plan"]
    api.post("/v1/instances", body, Idempotency_Key="k")
