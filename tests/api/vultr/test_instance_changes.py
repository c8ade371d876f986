"""Changes of instances that are asked for together, and what a reinstall answers."""

from tests.api.client import Api, Json, fresh
from tests.api.vultr.client import Vultr
from tests.api.vultr.things import instance_of, native, settled


def vpc_of(vultr: Vultr) -> str:
    body = {"region": "ewr", "description": fresh("net")}
    return str(vultr.post("/vpcs", body)["vpc"]["id"])


def read(vultr: Vultr, instance_id: str) -> Json:
    shown: Json = vultr.get(f"/instances/{instance_id}")["instance"]
    return shown


def test_a_reinstall_answers_the_password_that_the_new_system_has(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api)
    answered = vultr.post(f"/instances/{made['id']}/reinstall", {}, 202)["instance"]
    settled(api, "instances", made["id"])
    assert answered["default_password"] != made["default_password"]
    assert read(vultr, made["id"])["default_password"] == answered["default_password"]


def test_what_is_changed_together_with_the_system_stays_changed(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api, ddos_protection=True)
    group = vultr.post("/firewalls", {"description": fresh("web")})["firewall_group"]["id"]
    body = {"os_id": 2284, "enable_ipv6": True, "ddos_protection": False, "label": "new",
            "firewall_group_id": group, "attach_vpc": [vpc_of(vultr)]}  # fmt: skip
    vultr.patch(f"/instances/{made['id']}", body, 202)
    settled(api, "instances", made["id"])
    shown = read(vultr, made["id"])
    assert (shown["features"], shown["label"], shown["os_id"]) == (["ipv6"], "new", 2284)
    assert shown["firewall_group_id"] == group
    assert len(shown["vpcs"]) == 1


def test_the_plan_and_the_system_are_changed_one_after_the_other(vultr: Vultr, api: Api) -> None:
    """A 429, as for what is busy, would be asked again for ever."""
    made = instance_of(vultr, api)
    body = {"plan": "vc2-1c-2gb", "os_id": 2284}
    told = vultr.refused("PATCH", f"/instances/{made['id']}", body)
    assert told == "os_id: change the plan and the operating system in separate requests"


def test_a_new_instance_is_given_no_more_networks_than_it_can_have(vultr: Vultr) -> None:
    order = {"region": "ewr", "plan": "vc2-1c-1gb", "os_id": 2284}
    networks = [vpc_of(vultr) for _ in range(5)]
    told = vultr.refused("POST", "/instances", order | {"attach_vpc": networks})
    assert "already has 4 extra interfaces" in told
    assert vultr.get("/instances")["instances"] == []


def test_a_network_that_is_named_twice_is_one(vultr: Vultr, api: Api) -> None:
    network = vpc_of(vultr)
    made = instance_of(vultr, api, attach_vpc=[network, network.upper()])
    assert read(vultr, made["id"])["vpcs"] == [network]


def test_backups_are_in_the_answer_to_who_asks_for_them(vultr: Vultr) -> None:
    order = {"region": "ewr", "plan": "vc2-1c-1gb", "os_id": 2284, "backups": "enabled"}
    made = vultr.post("/instances", order, 202)["instance"]
    assert made["features"] == ["auto_backups"]
    path = f"/instances/{made['id']}"
    assert vultr.patch(path, {"backups": "disabled"}, 202)["instance"]["features"] == []
    changed = vultr.patch(path, {"backups": "enabled"}, 202)["instance"]
    assert changed["features"] == ["auto_backups"]


def test_another_label_is_not_another_host_name(vultr: Vultr, api: Api) -> None:
    for given, named in (({"label": "web 1"}, "web-1"), ({"label": None}, "instance")):
        made = instance_of(vultr, api, **given)
        assert made["hostname"] == named
        path = f"/instances/{made['id']}"
        changed = vultr.patch(path, {"label": "another"}, 202)["instance"]
        assert (changed["label"], changed["hostname"]) == ("another", named)
        vultr.post(f"{path}/reinstall", None, 202)
        settled(api, "instances", made["id"])
        assert vultr.get(path)["instance"]["hostname"] == named
        assert native(api, "instances", made["id"])["status"]["hostname"] == named


def test_a_plan_is_compared_with_the_resize_before_it(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api)
    path = f"/instances/{made['id']}"
    vultr.patch(path, {"plan": "vc2-4c-8gb"}, 202)
    told = vultr.refused("PATCH", path, {"plan": "vc2-2c-4gb"})
    assert told == (
        "plan: vc2-2c-4gb has a disk of 80 GB, the instance has 160 GB and a disk cannot shrink: "
        "see its /upgrades"
    )
    assert "changes nothing" in vultr.refused("PATCH", path, {"plan": "vc2-4c-8gb"})
