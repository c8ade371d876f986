"""Firewall groups and their rules."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from atoll.domain.ids import to_uuid
from tests.api.client import Api, Json, fresh
from tests.api.conftest import KeyFor
from tests.api.server import RunningCloud
from tests.api.vultr.client import Vultr, types_of

GROUP = {
    "id": str, "description": str, "date_created": str, "date_modified": str,
    "instance_count": int, "rule_count": int, "max_rule_count": int,
}  # fmt: skip
HTTP: Json = {
    "ip_type": "v4", "protocol": "tcp", "subnet": "192.0.2.0", "subnet_size": 24, "port": "80",
    "source": "", "notes": "the web",
}  # fmt: skip
NOBODY = "0b0c7a52-64a2-4f63-9c0c-1b1f9b2d5a11"


def group_of(vultr: Vultr, description: str = "web") -> Json:
    made: Json = vultr.post("/firewalls", {"description": description})["firewall_group"]
    return made


def rules_path(vultr: Vultr) -> str:
    return f"/firewalls/{group_of(vultr)['id']}/rules"


def test_a_group_looks_as_vultr_documents_it(vultr: Vultr) -> None:
    made = group_of(vultr)
    assert types_of(made) == GROUP
    assert made["description"] == "web"
    assert (made["instance_count"], made["rule_count"]) == (0, 0)
    assert made["max_rule_count"] == 100
    assert vultr.get(f"/firewalls/{made['id']}")["firewall_group"] == made
    assert vultr.get("/firewalls")["firewall_groups"] == [made]


def test_groups_that_every_project_has_are_no_firewall_groups(vultr: Vultr, api: Api) -> None:
    assert vultr.get("/firewalls")["firewall_groups"] == []
    built_in = api.items("/v1/security-groups")
    assert {group["metadata"]["name"] for group in built_in} == {"default", "standard"}
    for group in built_in:
        path = f"/firewalls/{to_uuid(group['id'])}"
        assert vultr.refused("GET", path, status=404) == "Firewall group not found"
        vultr.refused("PUT", path, {"description": "mine"}, status=404)
        vultr.refused("DELETE", path, status=404)
        vultr.refused("POST", f"{path}/rules", HTTP, status=404)


def test_descriptions_may_be_equal_and_empty(vultr: Vultr, api: Api) -> None:
    given = ["web", "web", "", "", "default"]
    assert [group_of(vultr, text)["description"] for text in given] == given
    assert vultr.post("/firewalls")["firewall_group"]["description"] == ""
    assert vultr.post("/firewalls", {"description": None})["firewall_group"]["description"] == ""
    names = [group["metadata"]["name"] for group in api.items("/v1/security-groups")]
    assert len(set(names)) == len(names) == 9
    assert "web" in names


def test_groups_that_are_described_alike_can_be_made_at_once(vultr: Vultr) -> None:
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda _: group_of(vultr, "alike"), range(60)))
    assert {group["description"] for group in made} == {"alike"}
    assert len({group["id"] for group in made}) == 60


def test_a_new_description_is_a_new_name_in_other_dialects(vultr: Vultr, api: Api) -> None:
    group = group_of(vultr)
    vultr.put(f"/firewalls/{group['id']}", {"description": "mail"})
    assert vultr.get(f"/firewalls/{group['id']}")["firewall_group"]["description"] == "mail"
    assert "mail" in {one["metadata"]["name"] for one in api.items("/v1/security-groups")}
    vultr.put(f"/firewalls/{group['id']}", {"description": ""})
    assert vultr.get(f"/firewalls/{group['id']}")["firewall_group"]["description"] == ""


def test_a_group_of_the_native_dialect_is_described_by_its_name(vultr: Vultr, api: Api) -> None:
    made = api.named("security-groups", "native-web")
    shown = vultr.get("/firewalls")["firewall_groups"]
    assert [group["description"] for group in shown] == ["native-web"]
    assert shown[0]["rule_count"] == 1
    path = f"/firewalls/{shown[0]['id']}/rules"
    [rule] = vultr.get(path)["firewall_rules"]
    assert (rule["protocol"], rule["port"], rule["subnet"]) == ("tcp", "443", "0.0.0.0")
    vultr.delete(f"/firewalls/{shown[0]['id']}")
    assert api.call("GET", f"/v1/security-groups/{made['id']}").status_code == 404


def test_groups_are_paged_both_ways(vultr: Vultr) -> None:
    names = [group_of(vultr, f"g{i}")["description"] for i in range(5)]
    there = list(vultr.pages("/firewalls", "firewall_groups", 2))
    assert [[g["description"] for g in page] for page in there] == [
        names[:2], names[2:4], names[4:],
    ]  # fmt: skip
    last = vultr.get("/firewalls?per_page=2&cursor=bmV4dDo0")
    assert last["meta"]["total"] == 5
    assert [g["description"] for g in last["firewall_groups"]] == names[4:]
    back = vultr.get(f"/firewalls?per_page=2&cursor={last['meta']['links']['prev']}")
    assert [g["description"] for g in back["firewall_groups"]] == names[2:4]
    assert vultr.get("/firewalls")["meta"] == {"total": 5, "links": {"next": "", "prev": ""}}


def test_instances_are_counted_and_keep_their_group(vultr: Vultr, api: Api) -> None:
    group = group_of(vultr, fresh("counted"))
    native = next(
        one for one in api.items("/v1/security-groups")
        if one["metadata"]["name"] == group["description"]
    )  # fmt: skip
    created = api.running(security_groups=[native["id"]])
    path = f"/firewalls/{group['id']}"
    assert vultr.get(path)["firewall_group"]["instance_count"] == 1
    text = vultr.refused("DELETE", path)
    assert created["metadata"]["name"] in text
    assert "sg-" not in text, "ids are shown as Vultr's"
    gone = api.delete(f"/v1/instances/{created['id']}", 202)
    api.ended(gone["operation_id"], "completed")
    assert vultr.get(path)["firewall_group"]["instance_count"] == 0
    vultr.delete(path)
    assert vultr.refused("GET", path, status=404) == "Firewall group not found"


def test_a_deleted_instance_is_not_counted_while_it_can_be_recovered(tmp_path: Path) -> None:
    with RunningCloud(tmp_path, recoverable_s=3600, vultr_per_second=0) as running:
        api, vultr = running.api(), Vultr(running.url, running.admin_key)
        group = group_of(vultr)
        [native] = [g for g in api.items("/v1/security-groups") if g["metadata"]["name"] == "web"]
        created = api.running(security_groups=[native["id"]])
        assert vultr.get("/firewalls")["firewall_groups"][0]["instance_count"] == 1
        gone = api.delete(f"/v1/instances/{created['id']}", 202)
        api.ended(gone["operation_id"], "completed")
        assert vultr.get("/firewalls")["firewall_groups"][0]["instance_count"] == 0
        assert "recoverable" in vultr.refused("DELETE", f"/firewalls/{group['id']}")
        api.close()
        vultr.close()


@pytest.mark.parametrize("path", [f"/firewalls/{NOBODY}", "/firewalls/nothing"])
def test_a_group_that_is_not_there_is_a_404(vultr: Vultr, path: str) -> None:
    for method, body in (("GET", None), ("PUT", {"description": "x"}), ("DELETE", None)):
        assert vultr.refused(method, path, body, status=404) == "Firewall group not found"


def test_a_foreign_group_is_a_404(vultr: Vultr, admin: Api) -> None:
    foreign = Vultr(admin.url, admin.key)
    group = group_of(foreign, fresh("foreign"))
    vultr.refused("GET", f"/firewalls/{group['id']}", status=404)
    foreign.delete(f"/firewalls/{group['id']}")
    foreign.close()


def test_a_rule_looks_as_vultr_documents_it(vultr: Vultr) -> None:
    path = rules_path(vultr)
    made = vultr.post(path, HTTP)["firewall_rule"]
    assert made == HTTP | {"id": 1, "type": "v4", "action": "accept"}
    assert vultr.get(f"{path}/1")["firewall_rule"] == made
    second = vultr.post(path, HTTP | {"port": "443"})["firewall_rule"]
    assert second["id"] == 2
    shown = vultr.get(path)
    assert shown["firewall_rules"] == [made, second]
    assert shown["meta"] == {"total": 2, "links": {"next": "", "prev": ""}}
    group = vultr.get(path.removesuffix("/rules"))["firewall_group"]
    assert group["rule_count"] == 2
    vultr.delete(f"{path}/1")
    assert [rule["id"] for rule in vultr.get(path)["firewall_rules"]] == [2]
    assert vultr.refused("DELETE", f"{path}/1", status=404) == "Firewall rule ID not found"
    assert vultr.refused("GET", f"{path}/x", status=404) == "Firewall rule ID not found"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"port": "8000:8010"}, {"port": "8000:8010"}),
        ({"port": "8000-8010"}, {"port": "8000:8010"}),
        ({"port": 22, "subnet_size": "24"}, {"port": "22", "subnet_size": 24}),
        ({"port": "22:22"}, {"port": "22"}),
        ({"port": None}, {"port": ""}),
        ({"protocol": "TCP"}, {"protocol": "tcp"}),
        ({"protocol": "icmp", "port": ""}, {"protocol": "icmp", "port": ""}),
        ({"subnet": None, "subnet_size": None}, {"subnet": "0.0.0.0", "subnet_size": 0}),
        ({"subnet": "0.0.0.0", "subnet_size": None}, {"subnet": "0.0.0.0", "subnet_size": 0}),
        ({"ip_type": "v6", "subnet": "", "subnet_size": 0}, {"subnet": "::", "type": "v6"}),
        (
            {"ip_type": "v6", "subnet": "2001:db8::", "subnet_size": 32},
            {"ip_type": "v6", "subnet": "2001:db8::", "subnet_size": 32},
        ),
        ({"notes": None, "source": None}, {"notes": "", "source": ""}),
    ],
)
def test_rules_are_understood_as_clients_write_them(vultr: Vultr, given: Json, shown: Json) -> None:
    made = vultr.post(rules_path(vultr), HTTP | given)["firewall_rule"]
    assert made | shown == made


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"protocol": "gre"}, "protocol: gre"),
        ({"protocol": "sctp"}, "protocol"),
        ({"ip_type": "v5"}, "ip_type"),
        ({"subnet": "2001:db8::", "subnet_size": 32}, "subnet:"),
        ({"subnet": "192.0.2.5", "subnet_size": 24}, "subnet:"),
        ({"subnet_size": 33}, "subnet:"),
        ({"subnet_size": "many"}, "subnet_size:"),
        ({"port": "0"}, "port:"),
        ({"port": "90:80"}, "port:"),
        ({"port": "80:"}, "port:"),
        ({"port": "web"}, "port:"),
        ({"port": "65536"}, "port:"),
        ({"protocol": "icmp", "port": "80"}, "port:"),
        ({"source": "cloudflare"}, "source"),
        ({"protocol": None}, "protocol"),
        ({"notes": "n" * 256}, "notes:"),
    ],
)
def test_what_a_rule_cannot_say_names_the_field(vultr: Vultr, given: Json, named: str) -> None:
    assert vultr.refused("POST", rules_path(vultr), HTTP | given).startswith(named)


def test_the_same_rule_twice_is_refused(vultr: Vultr) -> None:
    path = rules_path(vultr)
    vultr.post(path, HTTP)
    assert "its number is 1" in vultr.refused("POST", path, HTTP | {"notes": "again"})


def test_rules_that_vultr_has_no_words_for_are_not_shown_and_stay(vultr: Vultr, api: Api) -> None:
    out = {"direction": "egress", "protocol": "udp", "port": 53}
    made = api.named("security-groups", rules=[out, {"protocol": "icmp"}])
    [group] = vultr.get("/firewalls")["firewall_groups"]
    path = f"/firewalls/{group['id']}/rules"
    [rule] = vultr.get(path)["firewall_rules"]
    assert (group["rule_count"], rule["protocol"]) == (1, "icmp")
    assert vultr.refused("DELETE", f"{path}/1", status=404)
    vultr.delete(f"{path}/{rule['id']}")
    left = api.get(f"/v1/security-groups/{made['id']}")["spec"]["rules"]
    assert [one["direction"] for one in left] == ["egress"]


def test_a_viewer_reads_and_changes_nothing(vultr: Vultr, api: Api, key_for: KeyFor) -> None:
    reader = key_for("viewer", api.project)
    viewer = Vultr(reader.url, reader.key)
    group = group_of(vultr)
    assert viewer.get("/firewalls")["meta"]["total"] == 1
    viewer.refused("POST", "/firewalls", {"description": "no"}, status=403)
    viewer.refused("POST", f"/firewalls/{group['id']}/rules", HTTP, status=403)
    viewer.refused("DELETE", f"/firewalls/{group['id']}", status=403)
    viewer.close()
