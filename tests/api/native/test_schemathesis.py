"""The whole document, by requests that its own schemas generate: nothing breaks, and what is
answered is what is documented."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.client import Api, fresh
from tests.api.server import RunningCloud
from tests.support import documents

EXAMPLES_MAX = 6
TOO_LARGE = 413
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
# What is well formed is answered well, unless it speaks of things that are not there.
ACCEPTING = {"getOperation", "explainInstance", "getInstanceLog", "streamEvents", "createProject"}
DOCUMENT = schemathesis.openapi.from_dict(documents.of_native())
LOADED: list[Any] = [found.ok() for found in DOCUMENT.get_all_operations()]
OPERATIONS = {operation.definition.raw["operationId"]: operation for operation in LOADED}
PETS = {
    "document": '{"openapi": "3.1.0", "paths": {"/pets": {"get": {}}}}',
    "base_url": "https://pets.example",
}


def rejection_of_negative_data(context: Any, response: Any, case: Any) -> bool | None:
    """A body that is wrong may be refused for its length alone."""
    if response.status_code == TOO_LARGE:
        return None
    return negative_data_rejection(context, response, case)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """One of its own: whatever can be deleted is."""
    with RunningCloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="module")
def things(cloud: RunningCloud) -> Iterator[dict[str, str]]:
    """One of each in the default project: the operations are tried on what exists, too."""
    api = cloud.api()
    vpc = api.named("vpcs")["id"]
    subnet = api.named("subnets", vpc_id=vpc, cidr="10.0.1.0/24")["id"]
    image = {"metadata": {"name": fresh("alias")}, "spec": {"alias_of": "atoll-mini"}}
    instance = api.running(subnet_id=subnet)
    snapshot = {"metadata": {"name": fresh("s")}, "spec": {"instance_id": instance["id"]}}
    yield {
        "instance_id": instance["id"],
        "operation_id": instance["operation_id"],
        "vpc_id": vpc,
        "subnet_id": subnet,
        "image_id": api.post("/v1/images", image)["id"],
        "group_id": api.named("security-groups")["id"],
        "key_id": api.named("ssh-keys")["id"],
        "host_id": "sim-1",
        "volume_id": api.named("volumes", size_gb=1)["id"],
        "snapshot_id": api.post("/v1/snapshots", snapshot)["id"],
        "floating_ip_id": api.named("floating-ips", region="local")["id"],
        "webhook_id": api.named("webhooks", url="https://example.com/")["id"],
        "api_id": api.post("/v1/apis", {"metadata": {"name": "pets"}, "spec": PETS})["id"],
        "address": instance["status"]["public_ip"],
        "script_id": api.named("startup-scripts", script="IyEvYmluL3NoCg==")["id"],
        "project_id": api.items("/v1/projects")[0]["id"],
        "name": "mini",
        "fault_id": "fault-1",
    }
    api.close()


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_an_operation_keeps_its_word(
    cloud: RunningCloud, admin: Api, things: dict[str, str], operation_id: str, mode: GenerationMode
) -> None:
    checks = [*CHECKS, rejection_of_negative_data]
    if operation_id.startswith(("list", "update")) or operation_id in ACCEPTING:
        checks.append(positive_data_acceptance)
    sending = {"base_url": cloud.url, "headers": {"X-API-Key": cloud.admin_key}, "timeout": 70}

    @settings(
        max_examples=EXAMPLES_MAX, derandomize=True, deadline=None, database=None,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=OPERATIONS[operation_id].as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        if operation_id == "streamEvents":
            case.query = {**(case.query or {}), "follow": "false"}
        case.call_and_validate(checks=checks, **sending)
        if case.path_parameters:
            case.path_parameters = {name: things[name] for name in case.path_parameters}
            case.call_and_validate(checks=CHECKS, **sending)

    check()
