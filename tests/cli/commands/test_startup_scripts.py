"""`atoll startup-script …`."""

import base64
from pathlib import Path

from tests.cli.cloud import (
    SCRIPT_ID,
    Cloud,
    named,
)
from tests.cli.conftest import Atoll


def test_a_startup_script_is_kept_shown_and_replaced(
    atoll: Atoll, cloud: Cloud, tmp_path: Path
) -> None:
    file = tmp_path / "greet.sh"
    file.write_text("#!/bin/sh\necho hello\n")
    encoded = base64.b64encode(file.read_bytes()).decode()
    kept = named(SCRIPT_ID, "greet", script=encoded)
    cloud.has("/v1/startup-scripts", kept)
    cloud.answers("POST", "/v1/startup-scripts", kept, status=201)
    cloud.answers("PATCH", f"/v1/startup-scripts/{SCRIPT_ID}", kept)
    assert atoll("startup-script", "create", "greet", str(file)).code == 0
    assert atoll("startup-script", "show", "greet").out == file.read_text()
    assert atoll("startup-script", "update", "greet", str(file)).out == "greet updated\n"
    assert cloud.all_of("POST")[0].body["spec"] == {"script": encoded}
    assert cloud.all_of("PATCH")[0].body == {"spec": {"script": encoded}}


def test_a_startup_script_that_cannot_be_read_is_a_usage_error(atoll: Atoll, cloud: Cloud) -> None:
    ended = atoll("startup-script", "create", "greet", "/missing/greet.sh")
    assert ended.code == 2
    assert "cannot read the script /missing/greet.sh: No such file" in ended.err
    assert cloud.asked == []
