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
    assert "shown only once" in ended.err
    assert cloud.all_of("POST")[0].body == {
        "metadata": {"name": "ci"},
        "spec": {"role": "viewer", "limit_class": "standard", "project": "team"},
    }


def test_a_key_is_deleted_by_its_id_although_the_api_shows_keys_in_lists_only(
    atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/api-keys", named(API_KEY_ID, "ci"))
    cloud.answers("DELETE", f"/v1/api-keys/{API_KEY_ID}", "", status=204)
    assert atoll("apikey", "delete", API_KEY_ID, "--yes").code == 0
    assert len(cloud.all_of("DELETE")) == 1
    ended = atoll("apikey", "delete", API_KEY_ID[:-1] + "z", "--yes")
    assert ended.code == 1
    assert "`atoll apikey list`" in ended.err
