"""The changes of the native dialect that are tried in pairs, and the things of a project."""

from tests.api.client import Api, Json, answered, fresh, instance_body
from tests.api.keys import ED25519
from tests.pairs.harness import Call, Change, Dialect, settled

DISC = {"kind": "url", "location": "https://images.example/a.iso"}
DISK = {"kind": "url", "location": "https://images.example/a.qcow2"}


def named(name: str, **spec: object) -> Json:
    return {"metadata": {"name": name}, "spec": spec}


CHANGES = {
    "create": Change("POST", "/v1/instances", instance_body("new")),
    "create from snapshot": Change("POST", "/v1/instances", instance_body("n", image="{snapshot}")),
    "create from image": Change("POST", "/v1/instances", instance_body("n", image="{image}")),
    "create in subnet": Change("POST", "/v1/instances", instance_body("n", subnet="{subnet}")),
    "create in group": Change(
        "POST", "/v1/instances", instance_body("n", security_groups=["{group}"])
    ),
    "start": Change("POST", "/v1/instances/{web}/start"),
    "stop": Change("POST", "/v1/instances/{web}/stop"),
    "force stop": Change("POST", "/v1/instances/{web}/stop", {"graceful_seconds": 0}),
    "reboot": Change("POST", "/v1/instances/{web}/reboot"),
    "reset": Change("POST", "/v1/instances/{web}/reset"),
    "reinstall": Change("POST", "/v1/instances/{web}/reinstall"),
    "reinstall from image": Change("POST", "/v1/instances/{web}/reinstall", {"image": "{image}"}),
    "restore": Change("POST", "/v1/instances/{web}/restore", {"snapshot_id": "{snapshot}"}),
    "resize": Change("POST", "/v1/instances/{web}/resize", {"vcpus": 2}),
    "resize further": Change("POST", "/v1/instances/{web}/resize", {"vcpus": 3, "disk_gb": 20}),
    "change groups": Change("PATCH", "/v1/instances/{web}", {"spec": {"security_groups": []}}),
    "rename": Change("PATCH", "/v1/instances/{web}", {"metadata": {"name": "renamed"}}),
    "attach iso": Change("POST", "/v1/instances/{web}/iso", {"image": "{iso}"}),
    "attach other iso": Change("POST", "/v1/instances/{web}/iso", {"image": "{other_iso}"}),
    "detach iso": Change("DELETE", "/v1/instances/{web}/iso"),
    "attach network": Change(
        "POST", "/v1/instances/{web}/networks", {"subnet_id": "{free_subnet}"}
    ),
    "detach network": Change("DELETE", "/v1/instances/{web}/networks/{subnet}"),
    "delete instance": Change("DELETE", "/v1/instances/{web}"),
    "delete other": Change("DELETE", "/v1/instances/{other}"),
    "take snapshot": Change("POST", "/v1/snapshots", named("s2", instance_id="{web}")),
    "delete snapshot": Change("DELETE", "/v1/snapshots/{snapshot}"),
    "attach volume": Change("POST", "/v1/volumes/{free_volume}/attach", {"instance_id": "{web}"}),
    "move free volume": Change(
        "POST", "/v1/volumes/{free_volume}/attach", {"instance_id": "{other}"}
    ),
    "move volume": Change("POST", "/v1/volumes/{volume}/attach", {"instance_id": "{other}"}),
    "detach volume": Change("POST", "/v1/volumes/{volume}/detach"),
    "grow volume": Change("POST", "/v1/volumes/{volume}/resize", {"size_gb": 6}),
    "grow free volume": Change("POST", "/v1/volumes/{free_volume}/resize", {"size_gb": 6}),
    "delete volume": Change("DELETE", "/v1/volumes/{volume}"),
    "delete free volume": Change("DELETE", "/v1/volumes/{free_volume}"),
    "attach ip": Change("POST", "/v1/floating-ips/{ip}/attach", {"instance_id": "{other}"}),
    "detach ip": Change("POST", "/v1/floating-ips/{ip}/detach"),
    "delete ip": Change("DELETE", "/v1/floating-ips/{ip}"),
    "delete group": Change("DELETE", "/v1/security-groups/{group}"),
    "delete subnet": Change("DELETE", "/v1/subnets/{subnet}"),
    "delete free subnet": Change("DELETE", "/v1/subnets/{free_subnet}"),
    "delete image": Change("DELETE", "/v1/images/{image}"),
    "delete iso": Change("DELETE", "/v1/images/{iso}"),
    "import image": Change("POST", "/v1/images/{image}/import"),
}


def set_up(api: Api, call: Call) -> dict[str, str]:
    """An instance with all belongings, another one, and one free thing of each kind."""

    def make(path: str, body: Json, status: int = 201) -> str:
        return str(answered(call("POST", f"/v1{path}", body), status)["id"])

    vpc = make("/vpcs", named("vpc", cidr="10.3.0.0/16"))
    things = {
        "key": make("/ssh-keys", named(fresh("key"), public_key=ED25519)),
        "group": make("/security-groups", named("in use", rules=[])),
        "subnet": make("/subnets", named("a", vpc_id=vpc, cidr="10.3.1.0/24")),
        "free_subnet": make("/subnets", named("b", vpc_id=vpc, cidr="10.3.2.0/24")),
        "iso": make("/images", named("iso", kind="iso", source=DISC)),
        "other_iso": make("/images", named("other-iso", kind="iso", source=DISC)),
        "image": make("/images", named("mine", source=DISK)),
        "ip": make("/floating-ips", named("ip")),
    }
    for name in ("volume", "free_volume"):
        things[name] = make("/volumes", named(name, size_gb=4))
    body = instance_body("web", security_groups=[things["group"]], ssh_key_ids=[things["key"]])
    things["web"] = make("/instances", body)
    things["other"] = make("/instances", instance_body("other"))
    settled(api)
    web = {"instance_id": things["web"]}
    answered(call("POST", f"/v1/volumes/{things['volume']}/attach", web), 202)
    answered(call("POST", f"/v1/floating-ips/{things['ip']}/attach", web), 200)
    subnet = {"subnet_id": things["subnet"]}
    answered(call("POST", f"/v1/instances/{things['web']}/networks", subnet), 202)
    things["snapshot"] = make("/snapshots", named("before", instance_id=things["web"]))
    settled(api)
    return things


NATIVE = Dialect("", CHANGES, set_up)
