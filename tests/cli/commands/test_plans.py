"""`atoll type …`."""

from tests.cli.cloud import (
    Cloud,
)
from tests.cli.conftest import Atoll


def test_a_type_is_added_with_accelerators(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", "/v1/types", {"id": "gpu", "metadata": {"name": "gpu"}}, status=201)
    size = ("--vcpus", "8", "--memory-mb", "65536", "--disk-gb", "80")
    ended = atoll("type", "create", "gpu", *size, "--accelerator", "nvidia-rtx-3090=2")
    assert (ended.code, ended.out) == (0, "gpu created\n")
    spec = cloud.asked[-1].body["spec"]
    assert spec["accelerators"] == {"kind": "nvidia-rtx-3090", "count": 2}
    assert atoll("type", "create", "gpu", *size, "--accelerator", "a=many").code == 2


def test_a_type_is_deleted_after_a_question(atoll: Atoll, cloud: Cloud) -> None:
    found = {"id": "gpu", "metadata": {"name": "gpu"}}
    cloud.has("/v1/types", found)
    cloud.answers("DELETE", "/v1/types/gpu", "", status=204)
    ended = atoll("type", "delete", "gpu", "--yes")
    assert (ended.code, ended.out) == (0, "gpu deleted\n")
    assert cloud.asked[-1].method == "DELETE"
