"""Keys, networks and groups: made, shown, changed, removed, and refused while they are needed."""

import pytest

from tests.api.client import SPECS, Api, Json
from tests.api.keys import ED25519, public_key
from tests.api.native.test_errors import refused

NOUNS = ("ssh-keys", "vpcs", "security-groups", "subnets")


def made(api: Api, noun: str, name: str) -> Json:
    if noun == "subnets":
        vpc = api.named("vpcs")["id"]
        return api.named(noun, name, vpc_id=vpc, cidr="10.0.1.0/24")
    return api.named(noun, name)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_thing_is_made_shown_changed_and_removed(api: Api, noun: str) -> None:
    created = made(api, noun, "first")
    assert created["metadata"]["version"] == 1
    path = f"/v1/{noun}/{created['id']}"
    response = api.call("GET", path)
    assert response.json() == created
    assert response.headers["etag"] == '"1"'
    assert api.get(f"/v1/{noun}/first") == created
    changed = api.patch(
        path, {"metadata": {"name": "second", "labels": {"a": "b"}}}, If_Match='"1"'
    )
    assert changed["metadata"]["name"] == "second"
    assert changed["metadata"]["version"] == 2
    assert changed["spec"] == created["spec"]
    assert api.call("GET", f"/v1/{noun}/first").status_code == 404
    refused(api.call("PATCH", path, {"metadata": {}}, If_Match='"1"'), 412, "VERSION_MISMATCH",
            "If-Match")  # fmt: skip
    refused(api.call("DELETE", path, If_Match='"1"'), 412, "VERSION_MISMATCH", "If-Match")
    api.delete(path, If_Match='"2"')
    refused(api.call("GET", path), 404, "NOT_FOUND")
    refused(api.call("DELETE", path), 404, "NOT_FOUND")


@pytest.mark.parametrize("noun", NOUNS)
def test_a_name_is_given_once_in_a_project(api: Api, noun: str) -> None:
    created = made(api, noun, "only")
    body = {"metadata": {"name": "only"}, "spec": created["spec"]}
    told = refused(api.call("POST", f"/v1/{noun}", body), 409, "ALREADY_EXISTS", "metadata.name")
    assert "only" in told["error"]


@pytest.mark.parametrize("noun", NOUNS)
def test_a_name_of_another_is_not_taken_by_a_patch(api: Api, noun: str) -> None:
    made(api, noun, "one")
    if noun == "subnets":
        vpc = api.items("/v1/vpcs")[0]["id"]
        two = api.named(noun, "two", vpc_id=vpc, cidr="10.0.2.0/24")
    else:
        two = made(api, noun, "two")
    body = {"metadata": {"name": "one"}}
    response = api.call("PATCH", f"/v1/{noun}/{two['id']}", body)
    refused(response, 409, "ALREADY_EXISTS", "metadata.name")
    api.patch(f"/v1/{noun}/{two['id']}", {"metadata": {"name": "two"}})


def test_a_public_key_is_shown_with_its_fingerprint(api: Api) -> None:
    created = api.named("ssh-keys", public_key=f"  {ED25519}\n")
    assert created["spec"]["public_key"] == ED25519
    assert created["status"]["fingerprint"].startswith("SHA256:")
    assert len(created["status"]["fingerprint"]) == 50


@pytest.mark.parametrize(
    "text",
    ["not a key", "ssh-ed25519", "ssh-ed25519 AAAA", ED25519.replace("ed25519 ", "rsa ", 1),
     f"{ED25519}\n{public_key(1)}", "ssh-rsa " + "A" * 17_000],
)  # fmt: skip
def test_what_is_no_public_key_is_refused(api: Api, text: str) -> None:
    body = {"metadata": {"name": "k"}, "spec": {"public_key": text}}
    refused(api.call("POST", "/v1/ssh-keys", body), 422, "INVALID", "spec.public_key")


def test_a_key_may_be_removed_while_guests_have_it(api: Api) -> None:
    key = api.named("ssh-keys")
    path = f"/v1/instances/{api.running(ssh_key_ids=[key['id']])['id']}"
    api.delete(f"/v1/ssh-keys/{key['id']}")
    assert api.get(path)["spec"]["ssh_key_ids"] == [key["id"]]
    api.ended(api.post(f"{path}/reboot", status=202)["operation_id"], "completed")


@pytest.mark.parametrize(
    ("cidr", "told"),
    [
        ("10.0.0.1/16", "host bits"),
        ("10.0.0.0/30", "/29"),
        ("10.0.0.0/7", "/8 to /29"),
        ("8.8.8.0/24", "private"),
        ("127.0.0.0/16", "private"),
        ("169.254.0.0/16", "private"),
        ("300.0.0.0/16", "10.0.0.0/16"),
        ("a" * 19, "9 to 18"),
        ("10.0/16", "9 to 18"),
    ],
)
def test_what_is_no_private_network_is_refused(api: Api, cidr: str, told: str) -> None:
    body = {"metadata": {"name": "v"}, "spec": {"cidr": cidr}}
    said = refused(api.call("POST", "/v1/vpcs", body), 422, "INVALID", "spec.cidr")
    assert told in said["error"]


def test_a_subnet_lies_inside_its_vpc_and_beside_its_siblings(api: Api) -> None:
    vpc = api.named("vpcs", cidr="10.1.0.0/16")["id"]
    api.named("subnets", vpc_id=vpc, cidr="10.1.0.0/24")

    def attempt(cidr: str) -> Json:
        return {"metadata": {"name": "s"}, "spec": {"vpc_id": vpc, "cidr": cidr}}

    outside = api.call("POST", "/v1/subnets", attempt("10.2.0.0/24"))
    refused(outside, 422, "INVALID", "spec.cidr")
    refused(api.call("POST", "/v1/subnets", attempt("10.1.0.128/25")), 409, "CONFLICT")
    api.post("/v1/subnets", attempt("10.1.1.0/24"))
    absent = {"metadata": {"name": "t"}, "spec": {"vpc_id": "absent", "cidr": "10.1.2.0/24"}}
    refused(api.call("POST", "/v1/subnets", absent), 422, "INVALID", "spec.vpc_id")


def test_a_vpc_with_subnets_and_a_subnet_with_guests_stay(api: Api) -> None:
    vpc = api.named("vpcs")["id"]
    subnet = api.named("subnets", vpc_id=vpc, cidr="10.0.1.0/24")["id"]
    told = refused(api.call("DELETE", f"/v1/vpcs/{vpc}"), 409, "IN_USE")
    assert told["error"].endswith("): delete those first")
    instance = api.running("tenant", subnet_id=subnet)
    told = refused(api.call("DELETE", f"/v1/subnets/{subnet}"), 409, "IN_USE")
    assert f"in use by instance tenant ({instance['id']}): detach it from" in told["error"]
    operation = api.delete(f"/v1/instances/{instance['id']}", 202)["operation_id"]
    api.ended(operation, "completed")
    api.delete(f"/v1/subnets/{subnet}")
    api.delete(f"/v1/vpcs/{vpc}")


def test_a_group_stays_while_it_guards_a_guest(api: Api) -> None:
    group = api.named("security-groups")["id"]
    instance = api.create("shop", security_groups=[group])
    told = refused(api.call("DELETE", f"/v1/security-groups/{group}"), 409, "IN_USE")
    ending = f"in use by instance shop ({instance['id']}): remove it from that instance first"
    assert told["error"].endswith(ending)
    operation = api.delete(f"/v1/instances/{instance['id']}", 202)["operation_id"]
    api.ended(operation, "completed")
    api.delete(f"/v1/security-groups/{group}")


@pytest.mark.parametrize(("name", "ports"), [("default", {22}), ("standard", {22, 80, 443})])
def test_every_project_has_groups_that_stay(api: Api, name: str, ports: set[int]) -> None:
    path = f"/v1/security-groups/{name}"
    refused(api.call("DELETE", path), 409, "CONFLICT")
    refused(api.call("PATCH", path, {"metadata": {"name": "mine"}}), 409, "CONFLICT")
    rules = api.get(path)["spec"]["rules"]
    assert {rule["port"] for rule in rules if rule["port"]} == ports
    assert "icmp" in {rule["protocol"] for rule in rules}
    api.patch(path, {"spec": {"rules": []}})
    assert api.get(path)["spec"]["rules"] == []


def test_rules_come_back_with_their_defaults_filled_in(api: Api) -> None:
    rules = [{"protocol": "tcp", "port": 80}, {"protocol": "icmp", "direction": "egress"}]
    group = api.named("security-groups", rules=rules)
    assert group["spec"]["rules"] == [
        {"direction": "ingress", "protocol": "tcp", "port": 80, "port_max": 80,
         "cidr": "0.0.0.0/0", "group": None, "notes": ""},
        {"direction": "egress", "protocol": "icmp", "port": None, "port_max": None,
         "cidr": "0.0.0.0/0", "group": None, "notes": ""},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"protocol": "sctp"}, "spec.rules.0.protocol"),
        ({"protocol": "tcp", "port": 0}, "spec.rules.0.port"),
        ({"protocol": "tcp", "port": 65_536}, "spec.rules.0.port"),
        ({"protocol": "tcp", "port": 90, "port_max": 80}, "spec.rules.0.port"),
        ({"protocol": "tcp", "port_max": 80}, "spec.rules.0.port_max"),
        ({"protocol": "icmp", "port": 80}, "spec.rules.0.port"),
        ({"protocol": "tcp", "cidr": "10.0.0.1/8"}, "spec.rules.0.cidr"),
        ({"protocol": "tcp", "cidr": "everywhere"}, "spec.rules.0.cidr"),
        ({"port": 80}, "spec.rules.0.protocol"),
        ({"protocol": "tcp", "direction": "sideways"}, "spec.rules.0.direction"),
    ],
)
def test_a_wrong_rule_is_named_by_its_place(api: Api, rule: Json, field: str) -> None:
    body = {"metadata": {"name": "g"}, "spec": {"rules": [rule]}}
    refused(api.call("POST", "/v1/security-groups", body), 422, "INVALID", field)


def test_a_group_has_at_most_a_hundred_rules(api: Api) -> None:
    rule = SPECS["security-groups"]["rules"][0]
    body = {"metadata": {"name": "g"}, "spec": {"rules": [rule] * 101}}
    refused(api.call("POST", "/v1/security-groups", body), 422, "INVALID", "spec.rules")


def test_the_rules_of_a_group_are_replaced(api: Api) -> None:
    group = api.named("security-groups", rules=[{"protocol": "tcp", "port": 80}])
    rules = [{"protocol": "tcp", "port": 443}]
    changed = api.patch(f"/v1/security-groups/{group['id']}", {"spec": {"rules": rules}})
    assert [rule["port"] for rule in changed["spec"]["rules"]] == [443]
    assert changed["metadata"]["name"] == group["metadata"]["name"]


def test_a_startup_script_runs_in_the_instances_that_name_it(api: Api) -> None:
    made = api.named("startup-scripts", "hello", script="IyEvYmluL3NoCmVjaG8gaGVsbG8K")
    instance = api.running(startup_script_id="hello")
    assert instance["spec"]["startup_script_id"] == "hello"
    path = f"/v1/startup-scripts/{made['id']}"
    changed = api.patch(path, {"spec": {"script": "IyEvYmluL3NoCg=="}})
    assert changed["spec"]["script"] == "IyEvYmluL3NoCg=="
    refused(api.call("PATCH", path, {"spec": {"script": "ZWNobw=="}}), 422, "INVALID",
            "spec.script")  # fmt: skip
    body = {"metadata": {"name": "x"}, "spec": {"type": "mini", "image": "atoll-mini",
            "startup_script_id": "nobody"}}  # fmt: skip
    field = "spec.startup_script_id"
    refused(api.call("POST", "/v1/instances", body), 422, "INVALID", field)
    api.delete(path)
