"""Pages, filters and order of every list."""

from collections.abc import Callable

import pytest

from tests.api.client import Api, fresh
from tests.api.keys import public_key

COUNT = 7


def add_instances(api: Api) -> None:
    for number in range(COUNT):
        api.create(f"n{number}", {"parity": str(number % 2), "all": "yes"})


def add_keys(api: Api) -> None:
    for number in range(COUNT):
        body = {
            "metadata": {"name": f"n{number}", "labels": {"parity": str(number % 2), "all": "yes"}},
            "spec": {"public_key": public_key(number)},
        }
        api.post("/v1/ssh-keys", body)


def add_vpcs(api: Api) -> None:
    for number in range(COUNT):
        labels = {"parity": str(number % 2), "all": "yes"}
        body = {"metadata": {"name": f"n{number}", "labels": labels},
                "spec": {"cidr": f"10.{number}.0.0/16"}}  # fmt: skip
        api.post("/v1/vpcs", body)


def add_subnets(api: Api) -> None:
    vpc = api.named("vpcs")["id"]
    for number in range(COUNT):
        labels = {"parity": str(number % 2), "all": "yes"}
        body = {"metadata": {"name": f"n{number}", "labels": labels},
                "spec": {"vpc_id": vpc, "cidr": f"10.0.{number}.0/24"}}  # fmt: skip
        api.post("/v1/subnets", body)


def add_groups(api: Api) -> None:
    for number in range(COUNT):
        labels = {"parity": str(number % 2), "all": "yes"}
        body = {"metadata": {"name": f"n{number}", "labels": labels}, "spec": {"rules": []}}
        api.post("/v1/security-groups", body)


def add_images(api: Api) -> None:
    for number in range(COUNT):
        labels = {"parity": str(number % 2), "all": "yes"}
        body = {"metadata": {"name": f"n{number}", "labels": labels},
                "spec": {"alias_of": "atoll-mini"}}  # fmt: skip
        api.post("/v1/images", body)


ADDERS: dict[str, Callable[[Api], None]] = {
    "instances": add_instances,
    "ssh-keys": add_keys,
    "vpcs": add_vpcs,
    "subnets": add_subnets,
    "security-groups": add_groups,
    "images": add_images,
}


@pytest.mark.parametrize("noun", ADDERS)
def test_a_list_is_filtered_paged_and_turned_round(api: Api, noun: str) -> None:
    ADDERS[noun](api)
    mine = f"/v1/{noun}?label=all=yes"
    names = [f"n{number}" for number in range(COUNT)]
    assert [one["metadata"]["name"] for one in api.items(mine)] == names
    turned = api.items(f"{mine}&order=desc")
    assert [one["metadata"]["name"] for one in turned] == names[::-1]
    for order in ("asc", "desc"):
        pages = list(api.every_page(f"{mine}&limit=3&order={order}"))
        assert [len(page) for page in pages] == [3, 3, 1]
        seen = [one["metadata"]["name"] for page in pages for one in page]
        assert seen == (names if order == "asc" else names[::-1])
    odd = api.items(f"{mine}&label=parity=1")
    assert [one["metadata"]["name"] for one in odd] == ["n1", "n3", "n5"]
    assert api.items(f"{mine}&label=parity=2") == []
    assert [one["metadata"]["name"] for one in api.items(f"/v1/{noun}?name=n4")] == ["n4"]
    assert api.items(f"/v1/{noun}?name=n4&label=parity=1") == []
    assert api.items(f"/v1/{noun}?name=absent") == []


def test_a_page_that_ends_exactly_has_no_next(api: Api) -> None:
    add_keys(api)
    assert api.get(f"/v1/ssh-keys?limit={COUNT}")["next"] is None
    assert api.get(f"/v1/ssh-keys?limit={COUNT - 1}")["next"] is not None


def test_a_list_of_nothing_is_an_empty_page(api: Api) -> None:
    assert api.get("/v1/instances") == {"items": [], "next": None}


def test_a_page_has_a_hundred_entries_unless_asked_otherwise(api: Api) -> None:
    for number in range(101):
        body = {"metadata": {"name": f"k{number}"}, "spec": {"public_key": public_key(number)}}
        api.post("/v1/ssh-keys", body)
    page = api.get("/v1/ssh-keys")
    assert len(page["items"]) == 100
    assert page["next"] == page["items"][-1]["id"]
    assert len(api.items("/v1/ssh-keys?limit=1000")) == 101


def test_what_is_added_while_one_pages_is_neither_lost_nor_repeated(api: Api) -> None:
    add_keys(api)
    pages = api.every_page("/v1/ssh-keys?limit=3")
    seen = [one["id"] for one in next(pages)]
    api.delete(f"/v1/ssh-keys/{seen[0]}")
    late = api.named("ssh-keys", "late")["id"]
    seen += [one["id"] for page in pages for one in page]
    assert len(seen) == len(set(seen)) == COUNT + 1
    assert seen[-1] == late


def test_a_label_value_may_have_any_character(api: Api) -> None:
    value = "a=b&c d/é%"
    created = api.create(labels={"odd key": value})
    found = api.http.get("/v1/instances", params={"label": f"odd key={value}"}).json()["items"]
    assert [one["id"] for one in found] == [created["id"]]


def test_states_are_paged_by_what_is_shown(api: Api) -> None:
    """Rows that one word finds and another one shows do not end a list early."""
    running = [api.running()["id"] for _ in range(3)]
    for _ in range(2):
        path = f"/v1/instances/{api.running()['id']}/stop"
        api.ended(api.post(path, status=202)["operation_id"], "completed")
    for state, count in (("running", 3), ("stopped", 2), ("provisioning", 0)):
        pages = list(api.every_page(f"/v1/instances?state={state}&limit=1"))
        assert sum(len(page) for page in pages) == count
    assert {one["id"] for one in api.items("/v1/instances?state=running")} == set(running)


@pytest.mark.parametrize("noun", ["types", "regions", "hosts"])
def test_the_catalogue_is_paged_and_named(api: Api, noun: str) -> None:
    every = [one["metadata"]["name"] for one in api.items(f"/v1/{noun}")]
    paged = [one["metadata"]["name"] for page in api.every_page(f"/v1/{noun}?limit=1")
             for one in page]  # fmt: skip
    assert paged == every
    back = [one["metadata"]["name"] for one in api.items(f"/v1/{noun}?order=desc")]
    assert back == every[::-1]
    named = api.items(f"/v1/{noun}?name={every[0]}")
    assert [one["metadata"]["name"] for one in named] == every[:1]
    assert api.items(f"/v1/{noun}?name=absent") == []


def test_keys_and_projects_are_paged_and_named(api: Api) -> None:
    for _ in range(3):
        body = {"metadata": {"name": fresh("extra")}, "spec": {"role": "viewer"}}
        last = api.post("/v1/api-keys", body)
    assert [len(page) for page in api.every_page("/v1/api-keys?limit=2")] == [2, 2]
    found = api.items(f"/v1/api-keys?name={last['metadata']['name']}")
    assert [one["id"] for one in found] == [last["id"]]
    assert len(api.items("/v1/projects?name=default")) == 1
    assert len(api.items("/v1/projects?limit=1&order=desc")) == 1


def test_the_audit_is_paged_and_turned_round(api: Api) -> None:
    add_keys(api)
    every = [one["id"] for one in api.items("/v1/audit")]
    assert [one["id"] for one in api.items("/v1/audit?order=desc")] == every[::-1]
    paged = [one["id"] for page in api.every_page("/v1/audit?limit=2") for one in page]
    assert paged == every
