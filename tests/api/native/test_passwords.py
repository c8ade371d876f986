"""A password that the caller chose: it reaches the guest as a hash, and nobody else at all."""

import bcrypt
import pytest

from tests.api.client import Api, Json, instance_body
from tests.api.native.test_errors import refused
from tests.api.server import RunningCloud

CHOSEN = "correct horse battery staple"
OTHER = "another one, no worse"


def hash_told(cloud: RunningCloud, instance: Json) -> bytes:
    """What the guest is given."""
    found = cloud.run(cloud.cloud.control.store.read().instances.get(instance["id"]))
    assert found.password is not None
    return found.password.hash.encode()


def everything_of(api: Api) -> str:
    """All that can be read of the project."""
    return "".join(api.call("GET", f"/v1/{n}").text for n in ("instances", "operations", "audit"))


def test_two_passwords_are_refused_while_the_instance_is_busy_too(api: Api) -> None:
    path = f"/v1/instances/{api.running('web')['id']}"
    api.fault(verb="*", error="busy", times=1000)
    api.post(f"{path}/reboot", None, 202)
    both = {"password": CHOSEN, "generate_password": True}
    for query in ("", "?dry_run=true"):
        response = api.call("POST", f"{path}/reinstall{query}", both)
        refused(response, 422, "INVALID", "password")
    api.delete("/v1/simulator/faults")


def test_it_is_the_guests_password_and_a_reinstallation_keeps_it(
    api: Api, cloud: RunningCloud
) -> None:
    made = api.running("web", password=CHOSEN)
    assert bcrypt.checkpw(CHOSEN.encode(), hash_told(cloud, made))
    path = f"/v1/instances/{made['id']}"
    api.ended(api.post(f"{path}/reinstall", {}, 202)["operation_id"], "completed")
    assert bcrypt.checkpw(CHOSEN.encode(), hash_told(cloud, made))
    again = api.post(f"{path}/reinstall", {"password": OTHER}, 202)
    api.ended(again["operation_id"], "completed")
    assert bcrypt.checkpw(OTHER.encode(), hash_told(cloud, made))
    assert api.get(path)["status"]["default_password"] is None
    for text in (CHOSEN, OTHER, "$2b$"):
        assert text not in api.call("GET", path).text + everything_of(api)


def test_it_is_kept_nowhere_and_no_record_helps_to_guess_it(own_cloud: RunningCloud) -> None:
    api = own_cloud.api()
    body = instance_body("web", password=CHOSEN)
    first = api.post("/v1/instances", body, Idempotency_Key="once")
    assert api.post("/v1/instances", body, Idempotency_Key="once") == first
    api.ended(first["operation_id"], "completed")
    other = instance_body("web", password=OTHER)
    told = api.call("POST", "/v1/instances", other, Idempotency_Key="once")
    refused(told, 409, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key")
    api.close()
    own_cloud.stop()
    kept = b"".join(file.read_bytes() for file in own_cloud.directory.rglob("*") if file.is_file())
    own_cloud.start()
    assert b"$2b$10$" in kept
    assert CHOSEN.encode() not in kept


@pytest.mark.parametrize("chosen", ["short", "x" * 73, "with a line end\n in it"])
def test_its_bounds_are_told_without_it(api: Api, chosen: str) -> None:
    told = api.call("POST", "/v1/instances", instance_body("web", password=chosen))
    refused(told, 422, "INVALID", "spec.password")
    assert chosen not in told.json()["error"]


def test_it_is_generated_or_chosen(api: Api) -> None:
    body = instance_body("web", password=CHOSEN, generate_password=True)
    refused(api.call("POST", "/v1/instances", body), 422, "INVALID", "spec.password")
    path = f"/v1/instances/{api.running()['id']}/reinstall"
    both = {"password": CHOSEN, "generate_password": True}
    refused(api.call("POST", path, both), 422, "INVALID", "password")
