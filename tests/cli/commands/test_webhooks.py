"""`atoll webhook …`."""

from typing import Any

import pytest

from tests.cli.cloud import WEBHOOK_ID, Cloud, named
from tests.cli.conftest import Atoll

LIST = "/v1/webhooks"
PATH = f"{LIST}/{WEBHOOK_ID}"
RECEIVER = "https://ops.example.com/atoll"
SECRET = "whsec_c2VjcmV0"


def webhook(secret: str | None = None, **status: Any) -> dict[str, Any]:
    thing = named(WEBHOOK_ID, "ops", url=RECEIVER, events=["*"], enabled=True)
    return {**thing, "status": {"secret": secret, "failures": 0, "reason": "", **status}}


def test_the_secret_is_alone_on_stdout_and_the_user_is_told_to_keep_it(
    atoll: Atoll, cloud: Cloud
) -> None:
    cloud.answers("POST", LIST, webhook(SECRET), status=201)
    ended = atoll("webhook", "create", "ops", RECEIVER, "--label", "a=b")
    assert (ended.code, ended.out) == (0, f"{SECRET}\n")
    assert f"sends * to {RECEIVER}" in ended.err
    assert "Save its secret: it is shown only once" in ended.err
    assert cloud.asked[0].body == {
        "metadata": {"name": "ops", "labels": {"a": "b"}},
        "spec": {"url": RECEIVER},
    }


def test_a_new_webhook_may_be_told_of_some_events_only(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", LIST, webhook(SECRET), status=201)
    events = ("--event", "instance.*", "--event", "volume.deleted")
    made = atoll("webhook", "create", "ops", RECEIVER, *events, "--json").json
    assert made["status"]["secret"] == SECRET
    assert cloud.asked[0].body["spec"]["events"] == ["instance.*", "volume.deleted"]


def test_the_list_says_which_receivers_are_not_reached(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has(LIST, webhook(failures=3))
    head, row = atoll("webhook", "list").out.splitlines()
    assert dict(zip(head.split(), row.split(), strict=True)) == {
        "NAME": "ops",
        "RECEIVER": RECEIVER,
        "EVENTS": "*",
        "ENABLED": "yes",
        "FAILURES": "3",
        "DELIVERED": "-",
        "ID": WEBHOOK_ID,
    }


def test_one_webhook_is_shown_with_why_it_fails(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has(LIST, webhook(failures=3, reason="the receiver answered 500"))
    assert "the receiver answered 500" in atoll("webhook", "show", "ops").out


@pytest.mark.parametrize(
    ("words", "spec", "sentence"),
    [
        (("enable", "ops"), {"enabled": True}, "ops enabled\n"),
        (
            ("disable", "ops"),
            {"enabled": False},
            "ops disabled; resume with `atoll webhook enable ops`\n",
        ),
        (("update", "ops", "--receiver", RECEIVER), {"url": RECEIVER}, "ops updated\n"),
        (("update", "ops", "--event", "volume.*"), {"events": ["volume.*"]}, "ops updated\n"),
    ],
)
def test_a_webhook_is_changed(
    words: tuple[str, ...], spec: dict[str, Any], sentence: str, atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has(LIST, webhook())
    cloud.answers("PATCH", PATH, webhook())
    ended = atoll("webhook", *words)
    assert (ended.code, ended.out) == (0, sentence)
    assert cloud.all_of("PATCH")[0].body == {"spec": spec}


def test_an_update_of_nothing_is_a_usage_error(atoll: Atoll, cloud: Cloud) -> None:
    ended = atoll("webhook", "update", "ops")
    assert ended.code == 2
    assert "--receiver or --event" in ended.err
    assert cloud.asked == []


def test_a_receiver_that_is_no_url_is_refused_with_the_servers_sentence(
    atoll: Atoll, cloud: Cloud
) -> None:
    refusal = "spec.url must begin with http:// or https://"
    body = {"error": refusal, "code": "INVALID", "field": "spec.url"}
    cloud.answers("POST", LIST, body, status=422)
    ended = atoll("webhook", "create", "ops", "ops.example.com")
    assert (ended.code, ended.out, ended.err) == (1, "", f"atoll: {refusal}\n")
