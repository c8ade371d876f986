"""The whole document of the Genesis Cloud dialect, by requests that its own schemas generate:
nothing breaks, and what is answered is what is documented."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from atoll.api.genesis import wire
from tests.api.genesis.client import Genesis
from tests.api.genesis.things import body_of, instance_of, key_of, until
from tests.api.server import RunningCloud
from tests.support import documents

EXAMPLES_MAX = 3
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
DOCUMENT = documents.of_genesis()
LOADED: list[Any] = [
    found.ok() for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
]
OPERATIONS = {operation.definition.raw["operationId"]: operation for operation in LOADED}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """One of its own: whatever can be deleted is."""
    with RunningCloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="module")
def things(cloud: RunningCloud) -> dict[str, str]:
    """One of each: the operations are tried on what exists, too."""
    genesis = Genesis(cloud.url, cloud.admin_key)
    instance_id = instance_of(genesis, **body_of(ssh_keys=[key_of(genesis)]))["id"]
    snapshot = genesis.post(f"/instances/{instance_id}/snapshots", {"name": "s"})["snapshot"]
    until(genesis, f"/snapshots/{snapshot['id']}", "snapshot", "created")
    group = genesis.post("/security-groups", {"name": "g", "rules": []})["security_group"]
    found = {
        "instance_id": instance_id,
        "snapshot_id": snapshot["id"],
        "ssh_key_id": key_of(genesis),
        "image_id": genesis.get("/images")["images"][0]["id"],
        "security_group_id": group["id"],
        "volume_id": genesis.post("/volumes", {"name": "v", "size": 1})["volume"]["id"],
        "floating_ip_id": genesis.post("/floating-ips", {"name": "a"})["floating_ip"]["id"],
        "filesystem_id": instance_id,
        "region": "ARC-IS-HAF-1",
    }
    genesis.close()
    return found


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_an_operation_keeps_its_word(
    cloud: RunningCloud, things: dict[str, str], operation_id: str, mode: GenerationMode
) -> None:
    headers = {"X-Auth-Token": cloud.admin_key}
    sending = {"base_url": f"{cloud.url}{wire.PREFIX}", "headers": headers, "timeout": 70}

    @settings(
        max_examples=EXAMPLES_MAX, derandomize=True, deadline=None, database=None,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=OPERATIONS[operation_id].as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, **sending)
        if case.path_parameters:
            case.path_parameters = {name: things[name] for name in case.path_parameters}
            case.call_and_validate(checks=CHECKS, **sending)

    check()


def test_the_document_is_yaml_and_anybody_may_read_it(cloud: RunningCloud) -> None:
    anybody = Genesis(cloud.url, None)
    response = anybody.call("GET", "/openapi.yaml")
    anybody.close()
    assert response.headers["content-type"].partition(";")[0] == "application/yaml"
    assert yaml.safe_load(response.text) == DOCUMENT
    assert not response.text.startswith("{")
