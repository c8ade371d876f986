"""Floating IPs: reserved, led to an instance, moved, and kept when the instance goes."""

from tests.api.client import Api, Json, fresh
from tests.api.conftest import KeyFor
from tests.api.native.test_errors import refused


def reserved(api: Api, **spec: str) -> Json:
    body = {"metadata": {"name": fresh("ip")}, "spec": spec}
    made: Json = api.post("/v1/floating-ips", body)
    return made


def led_to(api: Api, address: Json, instance: Json) -> Json:
    path = f"/v1/floating-ips/{address['id']}"
    answer: Json = api.post(f"{path}/attach", {"instance_id": instance["id"]}, 200)
    api.ended(answer["operation_id"], "completed")
    return answer


def addresses(api: Api, instance: Json) -> list[str]:
    shown: Json = api.get(f"/v1/instances/{instance['id']}")["status"]
    return list(shown["floating_ips"])


def test_an_address_is_reserved_and_is_nobody_else_s(api: Api) -> None:
    made = [reserved(api) for _ in range(3)]
    public = {one["status"]["address"] for one in made} | {api.running()["status"]["public_ip"]}
    assert len(public) == 4
    assert all(address.startswith("127.16.") for address in public)


def test_an_address_leads_to_an_instance_and_moves_to_another(api: Api) -> None:
    first, second, made = api.running(), api.running(), reserved(api)
    assert led_to(api, made, first)["status"]["instance_id"] == first["id"]
    assert addresses(api, first) == [made["status"]["address"]]
    led_to(api, made, second)
    assert addresses(api, first) == []
    assert addresses(api, second) == [made["status"]["address"]]
    assert api.get(f"/v1/instances/{first['id']}")["status"]["state"] == "running"


def test_an_address_survives_its_instance(api: Api) -> None:
    instance, made = api.running(), reserved(api)
    led_to(api, made, instance)
    api.ended(api.delete(f"/v1/instances/{instance['id']}", 202)["operation_id"], "completed")
    shown = api.get(f"/v1/floating-ips/{made['id']}")["status"]
    assert shown == {"address": made["status"]["address"], "instance_id": "", "ports": {}}


def test_an_address_can_lead_to_an_instance_from_the_start(api: Api) -> None:
    instance = api.running()
    made = reserved(api, instance_id=instance["id"])
    api.ended(made["operation_id"], "completed")
    assert addresses(api, instance) == [made["status"]["address"]]
    assert api.get(f"/v1/floating-ips?instance_id={instance['id']}")["items"][0]["id"] == made["id"]


def test_a_stopped_instance_needs_no_telling(api: Api) -> None:
    instance, made = api.running(), reserved(api)
    path = f"/v1/instances/{instance['id']}"
    api.ended(api.post(f"{path}/stop", None, 202)["operation_id"], "completed")
    body = {"instance_id": instance["id"]}
    answer = api.post(f"/v1/floating-ips/{made['id']}/attach", body, 200)
    assert answer["operation_id"] == ""
    assert addresses(api, instance) == [made["status"]["address"]]


def test_an_attached_address_is_not_given_back(api: Api) -> None:
    instance, made = api.running(), reserved(api)
    path = f"/v1/floating-ips/{made['id']}"
    led_to(api, made, instance)
    told = refused(api.call("DELETE", path), 409, "IN_USE")
    name = instance["metadata"]["name"]
    holder = f"is attached to instance {name} ({instance['id']})"
    assert told["error"].endswith(f"{holder}: detach it there first")
    api.post(f"{path}/detach", None, 200)
    refused(api.call("POST", f"{path}/detach"), 409, "CONFLICT")
    api.delete(path)
    assert api.call("GET", path).status_code == 404


def test_a_host_that_was_away_is_told_later(api: Api) -> None:
    """The wish stands in the database; the next report of the guest makes it true."""
    instance, made = api.running(), reserved(api)
    api.fault(verb="ensure_configured", error="refused", message="too many ports")
    body = {"instance_id": instance["id"]}
    answer = api.post(f"/v1/floating-ips/{made['id']}/attach", body, 200)
    api.ended(answer["operation_id"], "failed")
    shown = api.get(f"/v1/instances/{instance['id']}")["status"]
    assert (shown["state"], shown["reason"]) == ("running", "too many ports")


def test_a_foreign_instance_is_refused_by_its_field(api: Api, key_for: KeyFor) -> None:
    other, made = key_for(), reserved(api)
    body = {"instance_id": other.running()["id"]}
    path = f"/v1/floating-ips/{made['id']}/attach"
    refused(api.call("POST", path, body), 422, "INVALID", "instance_id")
