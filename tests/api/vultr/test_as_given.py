"""What clients take for immutable comes back as it was given, or they would replace the thing."""

import pytest

from tests.api.client import Api, Json
from tests.api.vultr.client import Vultr
from tests.api.vultr.things import instance_of, native


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("web", "web"),
        ("Web_1", "web-1"),
        ("instance0.example.com", "instance0"),
        ("Instance0.Example.com.", "instance0"),
        ("a.b", "a"),
        ("ümlaut.example.com", "mlaut"),
        ("..", "instance"),
    ],
)
def test_a_host_name_comes_back_as_it_was_given(
    vultr: Vultr, api: Api, given: str, host: str
) -> None:
    """Also after it was given for a reinstallation. The guest has the name before the domain."""
    made = instance_of(vultr, api, hostname=given)
    assert made["hostname"] == given
    assert native(api, "instances", made["id"])["status"]["hostname"] == host
    path = f"/instances/{instance_of(vultr, api, hostname='other')['id']}"
    answered = vultr.post(f"{path}/reinstall", {"hostname": given}, 202)["instance"]
    assert answered["hostname"] == given


@pytest.mark.parametrize(
    "tags",
    [
        ["zebra", "ape", "tier=web"],
        ["env=prod", "env=test", "env"],
        ["empty=", "a=b=c", "Mixed Case", "a/b"],
        [],
    ],
)
def test_tags_come_back_as_they_were_given(vultr: Vultr, api: Api, tags: list[str]) -> None:
    made = instance_of(vultr, api, tags=tags)
    assert made["tags"] == tags
    path = f"/instances/{made['id']}"
    assert vultr.patch(path, {"tags": ["x=1", "x=2"]}, 202)["instance"]["tags"] == ["x=1", "x=2"]
    assert vultr.patch(path, {"label": "other"}, 202)["instance"]["tags"] == ["x=1", "x=2"]
    assert vultr.patch(path, {"tags": tags}, 202)["instance"]["tags"] == tags


def test_tags_are_a_set(vultr: Vultr, api: Api) -> None:
    assert instance_of(vultr, api, tags=["b", "a", "b", "a"])["tags"] == ["b", "a"]


def test_labels_that_were_changed_elsewhere_are_the_tags(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api, tags=["env=prod", "env=test"])
    one = native(api, "instances", made["id"])
    api.patch(f"/v1/instances/{one['id']}", {"metadata": {"labels": {"env": "dev"}}})
    assert vultr.get(f"/instances/{made['id']}")["instance"]["tags"] == ["env=dev"]


@pytest.mark.parametrize(
    ("subnet", "size"),
    [("2001:DB8::", 32), ("2001:0db8:0000::0", 48), ("0::0", 0), ("::ffff:192.0.2.1", 128)],
)
def test_the_range_of_a_rule_comes_back_as_it_was_given(
    vultr: Vultr, subnet: str, size: int
) -> None:
    group = vultr.post("/firewalls", {})["firewall_group"]["id"]
    body: Json = {
        "ip_type": "v6", "protocol": "tcp", "port": "22", "subnet": subnet, "subnet_size": size,
    }  # fmt: skip
    made = vultr.post(f"/firewalls/{group}/rules", body)["firewall_rule"]
    assert (made["subnet"], made["subnet_size"], made["ip_type"]) == (subnet, size, "v6")
    assert vultr.get(f"/firewalls/{group}/rules/{made['id']}")["firewall_rule"] == made
    canonical = {"subnet": "2001:db8::", "subnet_size": 32}
    again = vultr.call("POST", f"/firewalls/{group}/rules", body | canonical)
    assert again.status_code == (400 if size == 32 else 201), "one range is one rule"


def test_the_name_of_an_address_comes_back_as_it_was_given(vultr: Vultr, api: Api) -> None:
    made = instance_of(vultr, api)
    path = f"/instances/{made['id']}/ipv4"
    for given, served in (
        ("Web.Example.com", "web.example.com"),
        ("db.example.com.", "db.example.com"),
    ):
        vultr.post(f"{path}/reverse", {"ip": made["main_ip"], "reverse": given}, 204)
        assert vultr.get(path)["ipv4s"][0]["reverse"] == given
        assert api.get(f"/v1/reverse-dns/{made['main_ip']}")["name"] == served
