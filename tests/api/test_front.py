"""What is on the one port beside the dialects."""

import httpx2

from tests.api.client import Api
from tests.api.server import RunningCloud


def test_the_server_says_that_it_lives_and_that_it_is_ready(own_cloud: RunningCloud) -> None:
    assert httpx2.get(f"{own_cloud.url}/healthz").json() == {"status": "ok"}
    assert httpx2.get(f"{own_cloud.url}/readyz").json() == {"status": "ready"}
    own_cloud.cloud.supervisor.ready = False
    unready = httpx2.get(f"{own_cloud.url}/readyz")
    assert (unready.status_code, unready.json()) == (
        503,
        {"status": "unavailable", "reason": "starting, or ending"},
    )
    assert httpx2.get(f"{own_cloud.url}/healthz").status_code == 200


def test_a_path_of_no_face_is_a_404_that_says_where_to_look(cloud: RunningCloud) -> None:
    for path in ("/nothing", "/v11/instances", "/v1x", "/%00", "/..%2f"):
        answer = httpx2.get(f"{cloud.url}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
        assert "/docs" in answer.json()["error"]


def test_everything_is_still_there_after_a_restart(own_cloud: RunningCloud) -> None:
    api = own_cloud.api()
    created = api.running("kept")
    key = api.named("ssh-keys")
    api.close()
    own_cloud.restart()
    again: Api = own_cloud.api()
    assert again.get("/v1/instances/kept") == created
    assert again.items("/v1/ssh-keys") == [key]
    assert len(again.items("/v1/hosts")) == 3
    assert again.key == api.key
    again.close()
