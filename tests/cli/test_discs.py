"""`atoll image import --iso`, and the disc in an instance's CD drive."""

from tests.cli.cloud import (
    IMAGE_ID,
    INSTANCE_ID,
    OPERATION_ID,
    Cloud,
    accepted,
    instance,
    named,
    operation,
)
from tests.cli.conftest import Atoll

DRIVE = f"/v1/instances/{INSTANCE_ID}/iso"


def test_a_disc_is_imported_as_one(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", "/v1/images", named(IMAGE_ID, "alpine"), status=201)
    cloud.answers("POST", f"/v1/images/{IMAGE_ID}/import", accepted(), status=202)
    cloud.answers("GET", f"/v1/operations/{OPERATION_ID}", operation())
    ended = atoll("image", "import", "alpine", "--iso", "--from-url", "https://example.com/a.iso")
    assert ended.code == 0, ended.err
    assert cloud.all_of("POST")[0].body["spec"]["kind"] == "iso"


def test_a_disc_is_put_in_and_taken_out(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has("/v1/images", named(IMAGE_ID, "alpine"))
    cloud.answers("POST", DRIVE, accepted(), status=202)
    cloud.answers("DELETE", DRIVE, accepted(), status=202)
    cloud.answers("GET", f"/v1/operations/{OPERATION_ID}", operation())
    ended = atoll("instance", "attach-iso", "demo", "alpine")
    assert ended.out == "demo has alpine in its drive\n"
    assert cloud.all_of("POST")[0].body == {"image": IMAGE_ID}
    assert atoll("instance", "detach-iso", "demo").out == "demo has no disc in its drive\n"


def test_a_disc_that_is_not_there_changes_nothing(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    cloud.has("/v1/images")
    ended = atoll("instance", "attach-iso", "demo", "alpine")
    assert ended.code == 1
    assert "there is no image called 'alpine'" in ended.err
    assert not cloud.all_of("POST")
