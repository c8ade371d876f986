"""An instance that runs, for the tests of what is done with it."""

import pytest

from tests.cli.cloud import (
    INSTANCE_ID,
    OPERATION_ID,
    SNAPSHOT_ID,
    Cloud,
    accepted,
    instance,
    named,
    operation,
)

PATH = f"/v1/instances/{INSTANCE_ID}"
OPERATION = f"/v1/operations/{OPERATION_ID}"


@pytest.fixture
def running(cloud: Cloud) -> Cloud:
    """A cloud with the instance `demo`, whose operations end well."""
    cloud.has("/v1/instances", instance())
    cloud.has("/v1/snapshots", named(SNAPSHOT_ID, "before"))
    cloud.answers("GET", OPERATION, operation("running"), operation())
    for verb in ("reinstall", "restore", "resize", "recover"):
        cloud.answers("POST", f"{PATH}/{verb}", accepted(), status=202)
    return cloud
