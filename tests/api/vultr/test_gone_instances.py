"""What is asked of an instance that is gone, or is going: clients take a 404 for done."""

from tests.api.client import Api, Json, fresh
from tests.api.vultr.client import Vultr
from tests.api.vultr.test_isos import imported
from tests.api.vultr.things import instance_of, native

METAL = {"region": "ewr", "plan": "vbm-4c-32gb", "os_id": 2284, "label": "metal"}


def requests_of(vultr: Vultr, api: Api, gone: str) -> list[tuple[str, Json | None]]:
    """Every POST that acts on an instance, in its path or named in the body."""
    other = instance_of(vultr, api)["id"]
    snapshot = vultr.post("/snapshots", {"instance_id": other})["snapshot"]["id"]
    block = vultr.post("/blocks", {"region": "ewr", "size_gb": 10}, 202)["block"]["id"]
    address = vultr.post("/reserved-ips", {"region": "ewr", "ip_type": "v4"})["reserved_ip"]["id"]
    vpc = {"vpc_id": vultr.post("/vpcs", {"region": "ewr"})["vpc"]["id"]}
    vpc2 = {"vpc_id": vultr.post("/vpc2", {"region": "ewr"})["vpc"]["id"]}
    path, named = f"/instances/{gone}", {"instance_id": gone}
    return [
        (f"{path}/halt", None),
        (f"{path}/start", None),
        (f"{path}/reboot", None),
        ("/instances/halt", {"instance_ids": [other, gone]}),
        ("/instances/start", {"instance_ids": [other, gone]}),
        ("/instances/reboot", {"instance_ids": [other, gone]}),
        (f"{path}/reinstall", None),
        (f"{path}/restore", {"snapshot_id": snapshot}),
        (f"{path}/iso/attach", {"iso_id": imported(vultr, api)["id"]}),
        (f"{path}/vpcs/attach", vpc),
        (f"{path}/vpc2/attach", vpc2),
        (f"/vpc2/{vpc2['vpc_id']}/nodes/attach", {"nodes": [gone]}),
        (f"{path}/backup-schedule", {"type": "daily"}),
        (f"{path}/ipv4", {}),
        ("/snapshots", named),
        (f"/blocks/{block}/attach", named),
        (f"/reserved-ips/{address}/attach", named),
    ]


def gone_soon(api: Api, instance: Json) -> None:
    """It is accepted to be deleted, and its deletion goes on until the faults are taken away."""
    api.fault(verb="*", error="busy", times=1000)
    api.http.delete(f"/v1/instances/{native(api, 'instances', instance['id'])['id']}")


def gone_now(api: Api, instance: Json) -> None:
    api.delete("/v1/simulator/faults")
    api.ended(native(api, "instances", instance["id"])["operation_id"], "completed")


def test_an_instance_that_is_gone_is_not_found(vultr: Vultr, api: Api) -> None:
    instance = instance_of(vultr, api, label=fresh("web"))
    wanted = requests_of(vultr, api, instance["id"])
    gone_soon(api, instance)
    for path, body in wanted:
        told = vultr.refused("POST", path, body)
        assert told == f"instance {instance['id']} is deleted, or is being deleted", path
    gone_now(api, instance)
    for path, body in wanted:
        assert vultr.refused("POST", path, body, status=404) == "instance not found", path


def test_a_bare_metal_that_is_gone_is_not_found(vultr: Vultr, api: Api) -> None:
    made = vultr.post("/bare-metals", METAL, 202)["bare_metal"]
    api.ended(native(api, "instances", made["id"])["operation_id"], "completed")
    path = f"/bare-metals/{made['id']}"
    vpc = {"vpc_id": vultr.post("/vpcs", {"region": "ewr"})["vpc"]["id"]}
    wanted = [
        (f"{path}/halt", None),
        (f"{path}/start", None),
        (f"{path}/reboot", None),
        (f"{path}/reinstall", None),
        (f"{path}/vpcs/attach", vpc),
        (f"{path}/vpcs/detach", vpc),
    ]
    vultr.delete(path)
    gone_now(api, made)
    for asked, body in wanted:
        assert vultr.refused("POST", asked, body, status=404) == "invalid server", asked
