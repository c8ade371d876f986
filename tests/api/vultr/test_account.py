"""The account and its users."""

import pytest

from tests.api.client import Api
from tests.api.conftest import KeyFor
from tests.api.vultr.client import Vultr, types_of

ACCOUNT = {
    "name": str, "acls": list, "email": str, "balance": int, "pending_charges": int,
    "last_payment_date": str, "last_payment_amount": int,
}  # fmt: skip


def test_the_account_is_the_project_of_the_key(vultr: Vultr, admin: Api, api: Api) -> None:
    account = vultr.get("/account")["account"]
    assert types_of(account) == ACCOUNT
    names = {one["id"]: one["metadata"]["name"] for one in admin.items("/v1/projects?limit=500")}
    assert account["name"] == names[api.project]
    assert (account["balance"], account["pending_charges"]) == (0, 0)


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("viewer", "subscriptions_view", "provisioning"),
        ("member", "provisioning", "manage_users"),
        ("admin", "manage_users", "billing"),
    ],
)
def test_acls_say_what_the_key_may(key_for: KeyFor, role: str, may: str, may_not: str) -> None:
    api = key_for(role)
    vultr = Vultr(api.url, api.key)
    acls = vultr.get("/account")["account"]["acls"]
    vultr.close()
    assert may in acls
    assert may_not not in acls


def test_an_account_needs_a_key(anybody: Vultr) -> None:
    assert "Invalid API token" in anybody.refused("GET", "/account", status=401)


def test_there_are_no_users_and_a_sentence_says_what_to_use(vultr: Vultr) -> None:
    meta = {"total": 0, "links": {"next": "", "prev": ""}}
    assert vultr.get("/users") == {"users": [], "meta": meta}
    body = {"email": "a@example.com", "name": "a", "password": "b"}
    for method, path in (
        ("POST", "/users"), ("GET", "/users/x"), ("PATCH", "/users/x"), ("DELETE", "/users/x"),
    ):  # fmt: skip
        assert "/v1/api-keys" in vultr.refused(method, path, body)
