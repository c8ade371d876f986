"""The whole document, by requests that its own schemas generate: nothing breaks, and what is
answered is what is documented."""

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

from atoll.api import openapi
from atoll.api.native import app
from tests.api.server import RunningCloud

EXAMPLES_MAX = 8
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
]
# What is well formed is answered well, unless it speaks of things that are not there.
ACCEPTING = {"getOperation", "explainInstance", "getInstanceLog", "streamEvents", "createProject"}
# The document is the same for every cloud, so it needs no services.
DOCUMENT = schemathesis.openapi.from_dict(openapi.native_document(app.build(None)))  # type: ignore[arg-type]
OPERATIONS = {
    found.ok().definition.raw["operationId"]: found.ok() for found in DOCUMENT.get_all_operations()
}


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_an_operation_keeps_its_word(
    cloud: RunningCloud, operation_id: str, mode: GenerationMode
) -> None:
    checks = [*CHECKS]
    if operation_id.startswith(("list", "update")) or operation_id in ACCEPTING:
        checks.append(positive_data_acceptance)

    @settings(
        max_examples=EXAMPLES_MAX, derandomize=True, deadline=None, database=None,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=OPERATIONS[operation_id].as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        if operation_id == "streamEvents":
            case.query = {**(case.query or {}), "follow": "false"}
        headers = {"X-API-Key": cloud.admin_key}
        case.call_and_validate(base_url=cloud.url, headers=headers, checks=checks, timeout=70)

    check()
