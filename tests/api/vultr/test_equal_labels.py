"""Labels may repeat in this dialect: each is shown as it was sent, and named apart elsewhere."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.client import Api, Json
from tests.api.vultr.client import Vultr
from tests.api.vultr.things import instance_of, native

BODIES: dict[str, tuple[str, str, Json]] = {
    "instances": ("instance", "instances", {"plan": "vc2-1c-1gb", "os_id": 2284}),
    "blocks": ("block", "volumes", {"size_gb": 10}),
    "reserved-ips": ("reserved_ip", "floating-ips", {"ip_type": "v4"}),
}
every_family = pytest.mark.parametrize("family", BODIES)


def make(vultr: Vultr, family: str, label: str) -> Json:
    key, _, body = BODIES[family]
    answer = vultr.call("POST", f"/{family}", body | {"region": "ewr", "label": label})
    assert answer.status_code in {201, 202}, answer.text
    made: Json = answer.json()[key]
    return made


def native_name(api: Api, family: str, made: Json) -> str:
    return str(native(api, BODIES[family][1], made["id"])["metadata"]["name"])


@every_family
def test_a_repeated_label_is_shown_as_sent(vultr: Vultr, api: Api, family: str) -> None:
    made = [make(vultr, family, "web") for _ in range(3)]
    key = BODIES[family][0]
    shown = [vultr.get(f"/{family}/{one['id']}")[key]["label"] for one in made]
    assert shown == ["web"] * 3
    assert [native_name(api, family, one) for one in made] == ["web", "web-2", "web-3"]


@every_family
def test_a_label_may_be_empty_again_and_again(vultr: Vultr, api: Api, family: str) -> None:
    made = [make(vultr, family, "") for _ in range(2)]
    assert [one["label"] for one in made] == ["", ""]
    assert [native_name(api, family, one) for one in made] == ["", ""]


@every_family
def test_a_long_label_leaves_room_for_the_suffix(vultr: Vultr, api: Api, family: str) -> None:
    label = "w" * 253
    made = [make(vultr, family, label) for _ in range(2)]
    assert [one["label"] for one in made] == [label] * 2
    assert native_name(api, family, made[1]) == "w" * 251 + "-2"


@every_family
def test_labels_sent_at_once_are_all_accepted(vultr: Vultr, api: Api, family: str) -> None:
    with ThreadPoolExecutor(12) as pool:
        made = list(pool.map(lambda _: make(vultr, family, "same"), range(12)))
    assert {one["label"] for one in made} == {"same"}
    names = [native_name(api, family, one) for one in made]
    assert len(set(names)) == 12
    assert {"same", *[f"same-{n}" for n in range(2, 10)]} <= set(names)
    assert max(map(len, names)) == len("same-") + 6


@every_family
def test_a_label_is_changed_to_one_that_another_has(vultr: Vultr, api: Api, family: str) -> None:
    make(vultr, family, "web")
    other = make(vultr, family, "db")
    path, key = f"/{family}/{other['id']}", BODIES[family][0]
    for _ in range(2):
        assert vultr.call("PATCH", path, {"label": "web"}).status_code in {200, 202, 204}
        assert vultr.get(path)[key]["label"] == "web"
        assert native_name(api, family, other) == "web-2"
    vultr.call("PATCH", path, {"label": "db"})
    assert vultr.get(path)[key]["label"] == "db"
    assert native_name(api, family, other) == "db"


def test_a_list_is_filtered_by_the_label_as_it_was_sent(vultr: Vultr, api: Api) -> None:
    made = [make(vultr, "instances", "web")["id"] for _ in range(2)]
    assert [one["id"] for one in vultr.get("/instances?label=web")["instances"]] == made
    assert vultr.get("/instances?label=web-2")["instances"] == []
    named = vultr.get("/instances?label=web")["meta"]["total"]
    assert named == 2


def test_who_names_an_instance_by_its_label_finds_its_label(vultr: Vultr, api: Api) -> None:
    """In the block that is attached to it, too."""
    make(vultr, "instances", "web")
    second = instance_of(vultr, api, label="web")
    block = make(vultr, "blocks", "data")
    vultr.post(f"/blocks/{block['id']}/attach", {"instance_id": second["id"]}, 204)
    shown = vultr.get(f"/blocks/{block['id']}")["block"]
    assert shown["attached_to_instance_label"] == "web"


def test_a_name_that_was_changed_elsewhere_is_the_label(vultr: Vultr, api: Api) -> None:
    make(vultr, "instances", "web")
    second = make(vultr, "instances", "web")
    path = f"/v1/instances/{native(api, 'instances', second['id'])['id']}"
    api.patch(path, {"metadata": {"name": "api"}})
    assert vultr.get(f"/instances/{second['id']}")["instance"]["label"] == "api"
