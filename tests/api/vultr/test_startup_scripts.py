"""Startup scripts."""

import base64

import pytest

from atoll.domain.ids import to_uuid
from tests.api.client import Api, Json, fresh
from tests.api.server import RunningCloud
from tests.api.vultr.client import Vultr, types_of

SCRIPT = {
    "id": str, "date_created": str, "date_modified": str, "name": str, "type": str, "script": str,
}  # fmt: skip
NOBODY = "0b0c7a52-64a2-4f63-9c0c-1b1f9b2d5a11"
HELLO = base64.b64encode(b"#!/bin/sh\necho hello\n").decode()
OTHER = base64.b64encode(b"#!/bin/sh\necho other\n").decode()


def script_of(vultr: Vultr, name: str | None = None, **more: object) -> Json:
    body = {"name": name or fresh("script"), "script": HELLO} | more
    made: Json = vultr.post("/startup-scripts", body)["startup_script"]
    return made


def test_a_script_looks_as_vultr_documents_it(vultr: Vultr, api: Api) -> None:
    made = script_of(vultr, "hello", type="boot")
    assert types_of(made) == SCRIPT
    assert (made["name"], made["type"], made["script"]) == ("hello", "boot", HELLO)
    assert made["date_modified"] == made["date_created"]
    assert vultr.get(f"/startup-scripts/{made['id']}")["startup_script"] == made
    meta = {"total": 1, "links": {"next": "", "prev": ""}}
    assert vultr.get("/startup-scripts") == {"startup_scripts": [made], "meta": meta}
    [native] = api.items("/v1/startup-scripts")
    assert to_uuid(native["id"]) == made["id"]


def test_a_script_may_have_its_lines_broken(vultr: Vultr) -> None:
    broken = f"{HELLO[:8]}\n{HELLO[8:16]}\r\n{HELLO[16:]}\n"
    assert script_of(vultr, script=broken)["script"] == HELLO
    made = script_of(vultr)
    vultr.patch(f"/startup-scripts/{made['id']}", {"script": f"{OTHER[:4]}\n{OTHER[4:]}"})
    assert vultr.get(f"/startup-scripts/{made['id']}")["startup_script"]["script"] == OTHER


def test_a_changed_script_says_when(
    vultr: Vultr, api: Api, cloud: RunningCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = api.named("startup-scripts", "before", script=HELLO)
    path = f"/startup-scripts/{to_uuid(native['id'])}"
    before = vultr.get(path)["startup_script"]
    clock = cloud.cloud.control.clock
    now_ms = clock.now_ms
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now_ms", lambda: now_ms() + 3000)
        vultr.patch(path, {"name": "after", "type": None, "script": None})
    after = vultr.get(path)["startup_script"]
    assert after | {"name": "before", "date_modified": before["date_modified"]} == before
    assert after["name"] == "after"
    assert after["date_modified"] > before["date_modified"] == before["date_created"]


def test_a_deleted_script_is_gone_everywhere(vultr: Vultr, api: Api) -> None:
    made = script_of(vultr)
    vultr.delete(f"/startup-scripts/{made['id']}")
    assert api.items("/v1/startup-scripts") == []
    for thing in (made["id"], NOBODY, "nothing"):
        for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
            text = vultr.refused(method, f"/startup-scripts/{thing}", body, status=404)
            assert text == "Invalid startup script ID"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"type": "pxe"}, "type"),
        ({"type": "cron"}, "type"),
        ({"script": "%%%"}, "script"),
        ({"script": base64.b64encode(b"echo hello").decode()}, "script"),
        ({"script": None}, "script:"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
    ],
)
def test_what_a_script_cannot_be_names_the_field(vultr: Vultr, given: Json, named: str) -> None:
    body = {"name": "hello", "script": HELLO} | given
    assert vultr.refused("POST", "/startup-scripts", body).startswith(named)
    assert vultr.get("/startup-scripts")["startup_scripts"] == []


def test_scripts_are_paged_both_ways(vultr: Vultr) -> None:
    made = [script_of(vultr)["id"] for _ in range(3)]
    there = vultr.pages("/startup-scripts", "startup_scripts", 2)
    assert [[one["id"] for one in page] for page in there] == [made[:2], made[2:]]
    following = vultr.get("/startup-scripts?per_page=2")["meta"]["links"]["next"]
    last = vultr.get(f"/startup-scripts?per_page=2&cursor={following}")
    back = vultr.get(f"/startup-scripts?per_page=2&cursor={last['meta']['links']['prev']}")
    assert [one["id"] for one in back["startup_scripts"]] == made[:2]
