"""Names of instances, volumes and floating IPs: each once in a project, free after a deletion."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.api.client import Api, Json, fresh, instance_body
from tests.api.native.test_errors import refused
from tests.api.server import RunningCloud

BODIES: dict[str, Json] = {
    "instances": {"type": "mini", "image": "atoll-mini"},
    "volumes": {"size_gb": 1},
    "floating-ips": {},
}
every_noun = pytest.mark.parametrize("noun", BODIES)


def body_of(noun: str, name: str) -> Json:
    return {"metadata": {"name": name}, "spec": BODIES[noun]}


@every_noun
def test_a_name_that_is_taken_is_refused_with_its_holder(api: Api, noun: str) -> None:
    name = fresh("twin")
    holder = api.post(f"/v1/{noun}", body_of(noun, name))["id"]
    answer = api.call("POST", f"/v1/{noun}", body_of(noun, name))
    told = refused(answer, 409, "ALREADY_EXISTS", "metadata.name")["error"]
    assert f"the name {name} is taken by" in told
    assert holder in told
    assert [one["id"] for one in api.items(f"/v1/{noun}?name={name}")] == [holder]


@every_noun
def test_a_rename_to_a_taken_name_is_refused_and_to_its_own_is_not(api: Api, noun: str) -> None:
    taken, own = fresh("taken"), fresh("own")
    api.post(f"/v1/{noun}", body_of(noun, taken))
    path = f"/v1/{noun}/{api.post(f'/v1/{noun}', body_of(noun, own))['id']}"
    answer = api.call("PATCH", path, {"metadata": {"name": taken}})
    refused(answer, 409, "ALREADY_EXISTS", "metadata.name")
    assert api.patch(path, {"metadata": {"name": own}})["metadata"]["name"] == own
    free = fresh("free")
    assert api.patch(path, {"metadata": {"name": free}})["metadata"]["name"] == free
    api.post(f"/v1/{noun}", body_of(noun, own))


@every_noun
def test_of_many_that_want_a_name_at_once_one_gets_it(api: Api, noun: str) -> None:
    body = body_of(noun, fresh("wanted"))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.call("POST", f"/v1/{noun}", body), range(8)))
    (winner,) = [answer.json() for answer in answers if answer.status_code == 201]
    losers = [answer for answer in answers if answer.status_code != 201]
    assert len(losers) == 7
    for answer in losers:
        told = refused(answer, 409, "ALREADY_EXISTS", "metadata.name")
        assert winner["id"] in told["error"]


def test_a_dry_run_tells_of_a_taken_name(api: Api) -> None:
    name = fresh("dry")
    api.create(name)
    answer = api.call("POST", "/v1/instances?dry_run=true", instance_body(name))
    refused(answer, 409, "ALREADY_EXISTS", "metadata.name")


def test_the_name_of_an_instance_is_free_from_the_moment_of_its_deletion(api: Api) -> None:
    name = fresh("again")
    old = api.create(name)
    fault = api.fault(verb="remove", error="busy", times=1000)
    api.delete(f"/v1/instances/{old['id']}", 202)
    new = api.create(name)
    assert api.get(f"/v1/instances/{name}")["id"] == new["id"]
    assert api.get(f"/v1/instances/{old['id']}")["metadata"]["name"] == name
    api.delete(f"/v1/simulator/faults/{fault}")


def test_a_recovered_instance_whose_name_is_taken_gets_a_suffix(tmp_path: Path) -> None:
    with RunningCloud(tmp_path, recoverable_s=3600) as cloud:
        api = cloud.api()
        old = api.running("web")
        path = f"/v1/instances/{old['id']}"
        api.ended(api.delete(path, 202)["operation_id"], "completed")
        new = api.running("web")
        api.ended(api.post(f"{path}/recover", status=202)["operation_id"], "completed")
        assert api.get(path)["metadata"]["name"] == "web-2"
        assert api.get("/v1/instances/web-2")["id"] == old["id"]
        assert api.get("/v1/instances/web")["id"] == new["id"]
        api.close()


def test_a_recovered_instance_has_its_name_again_if_it_is_free(tmp_path: Path) -> None:
    with RunningCloud(tmp_path, recoverable_s=3600) as cloud:
        api = cloud.api()
        path = f"/v1/instances/{api.running('web')['id']}"
        api.ended(api.delete(path, 202)["operation_id"], "completed")
        api.ended(api.post(f"{path}/recover", status=202)["operation_id"], "completed")
        assert api.get(path)["metadata"]["name"] == "web"
        refused(api.call("POST", "/v1/instances", instance_body("web")), 409, "ALREADY_EXISTS",
                "metadata.name")  # fmt: skip
        api.close()


def test_a_retried_creation_whose_name_is_taken_gets_a_suffix(api: Api) -> None:
    name = fresh("retried")
    api.fault(verb="ensure_running", error="refused")
    failed = api.create(name)
    api.ended(failed["operation_id"], "failed")
    api.running(name)
    api.post(f"/v1/operations/{failed['operation_id']}/retry", status=202)
    api.ended(failed["operation_id"], "completed")
    assert api.get(f"/v1/instances/{failed['id']}")["metadata"]["name"] == f"{name}-2"
