"""`atoll apikey …`."""

from tests.cli.cloud import (
    API_KEY_ID,
    Cloud,
    named,
)
from tests.cli.conftest import Atoll


def test_a_new_api_key_is_alone_on_stdout(atoll: Atoll, cloud: Cloud) -> None:
    made = {**named(API_KEY_ID, "ci", role="member"), "status": {"key": "ak_live_secret"}}
    cloud.answers("POST", "/v1/api-keys", made, status=201)
    limits = ("--limit-class", "standard", "--project", "team")
    ended = atoll("apikey", "create", "ci", "--role", "viewer", *limits)
    assert ended.out == "ak_live_secret\n"
    assert "shown only now" in ended.err
    assert cloud.all_of("POST")[0].body == {
        "metadata": {"name": "ci"},
        "spec": {"role": "viewer", "limit_class": "standard", "project": "team"},
    }
