"""Names may repeat in this dialect: each is shown as it was sent, and named apart elsewhere."""

import pytest

from atoll.domain import ids
from tests.api.client import Api, Json
from tests.api.genesis.client import Genesis
from tests.api.genesis.things import IMAGE, PREFIXES, TYPE

REGION = "EUC-DE-MUC-1"
BODIES: dict[str, Json] = {
    "instances": {"type": TYPE, "image": IMAGE, "hostname": "web", "region": REGION},
    "volumes": {"size": 10, "region": REGION},
    "floating-ips": {"region": REGION},
}


@pytest.mark.parametrize("family", BODIES)
def test_a_repeated_name_is_shown_as_sent(genesis: Genesis, api: Api, family: str) -> None:
    key = family[:-1].replace("-", "_")
    made = [genesis.post(f"/{family}", BODIES[family] | {"name": "web"})[key] for _ in range(2)]
    paths = [f"/{family}/{one['id']}" for one in made]
    assert [genesis.get(path)[key]["name"] for path in paths] == ["web", "web"]
    natives = [
        api.get(f"/v1/{family}/{ids.from_uuid(PREFIXES[family], one['id'])}")["metadata"]["name"]
        for one in made
    ]
    assert natives == ["web", "web-2"]
    again = genesis.patch(paths[1], {"name": "web"})[key]
    assert again["name"] == "web"
