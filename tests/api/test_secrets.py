"""A canary in every secret field: no viewer sees it by any route, and no record keeps it."""

import base64
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from atoll.domain import ids
from atoll.roots.control import DATABASE_FILE
from tests.api.client import Api, instance_body
from tests.api.server import RunningCloud

CANARY = "canary-0f3c9d5e"
DATA = base64.b64encode(f"#!/bin/sh\necho {CANARY}\n".encode()).decode()
SCRIPT = DATA
URL = f"https://user:{CANARY}@hooks.example/in?token={CANARY}"
DISK = {"kind": "url", "location": f"https://images.example/a.qcow2?signature={CANARY}"}
PASSWORD = f"{CANARY}-password"
# What could be read of the canary, in clear or as base64.
TRACES = (CANARY, DATA, DATA[12:40])
# The rows in which a secret lasts only as long as its resource.
OF_RESOURCES = {"instances", "startup_scripts", "webhooks", "images"}


def once(key: str) -> dict[str, str]:
    return {"Idempotency_Key": key}


@pytest.fixture
def filled(own_cloud: RunningCloud) -> Iterator[Api]:
    api = own_cloud.api()
    script = {"metadata": {"name": "s"}, "spec": {"script": SCRIPT}}
    api.post("/v1/startup-scripts", script, **once("script"))
    api.post("/v1/webhooks", {"metadata": {"name": "w"}, "spec": {"url": URL}}, **once("webhook"))
    api.post("/v1/images", {"metadata": {"name": "i"}, "spec": {"source": DISK}}, **once("image"))
    given = {"user_data": DATA, "password": PASSWORD}
    body = instance_body("web", startup_script_id="s", **given)
    created = api.post("/v1/instances", body, **once("instance"))
    api.ended(created["operation_id"], "completed")
    path = f"/v1/instances/{created['id']}"
    again = api.post(f"{path}/reinstall", given, 202, **once("reinstall"))
    api.ended(again["operation_id"], "completed")
    other = base64.b64encode(CANARY.encode() * 2).decode()
    api.patch(path, {"spec": {"user_data": other}}, **once("other"))
    api.patch(path, {"spec": {"user_data": DATA}}, **once("back"))
    yield api
    api.close()


def paths_of(api: Api) -> Iterator[str]:
    """Every GET of every dialect."""
    for prefix, document in (("", "/openapi.json"), ("/v2", "/v2/openapi.json")):
        for path, methods in api.get(document)["paths"].items():
            if "get" in methods:
                yield path if path.startswith(("/v1", "/v2")) else f"{prefix}{path}"
    for noun in ("instances", "images", "volumes", "snapshots", "ssh-keys", "security-groups"):
        yield f"/compute/v1/{noun}"
    yield "/compute/v1/instances/{instance_id}"
    yield "/compute/v1/instances/{instance_id}/actions"


def ids_in(api: Api) -> dict[str, list[str]]:
    """What path parameters may stand for: native ids, and the same as UUIDs."""
    found: dict[str, list[str]] = {}
    for noun in ("instance", "startup-script", "webhook", "image", "operation"):
        natives = [one["id"] for one in api.items(f"/v1/{noun}s?limit=100")]
        name = noun.removeprefix("startup-")
        found[name] = natives + [str(ids.to_uuid(one)) for one in natives]
    return found


def filled_in(path: str, known: dict[str, list[str]]) -> Iterator[str]:
    if "{" not in path:
        yield path
        return
    head, _, rest = path.partition("{")
    name, _, tail = rest.partition("}")
    meant = name.replace("startup", "script").replace("baremetal", "instance")
    for noun, values in known.items():
        for value in values if noun in meant else ():
            yield from filled_in(f"{head}{value}{tail}", known)


def test_a_viewer_sees_no_secret_by_any_route(filled: Api, own_cloud: RunningCloud) -> None:
    spec = {"role": "viewer"}
    made = filled.post("/v1/api-keys", {"metadata": {"name": "viewer"}, "spec": spec})
    viewer = own_cloud.api(made["status"]["key"])
    viewer.http.headers["Authorization"] = f"Bearer {viewer.key}"
    known, asked = ids_in(filled), 0
    for template in paths_of(filled):
        if template.endswith(("/events", "/console")):
            continue
        for path in filled_in(template, known):
            response = viewer.call("GET", path)
            assert response.status_code < 500, path
            asked += response.status_code == 200
            for trace in TRACES:
                assert trace not in response.text, path
    events = viewer.call("GET", "/v1/events?follow=false").text
    assert not any(trace in events for trace in TRACES)
    assert asked > 60
    viewer.close()


def test_no_record_keeps_a_secret(filled: Api, own_cloud: RunningCloud) -> None:
    path: Path = own_cloud.directory / "state" / DATABASE_FILE
    connection = sqlite3.connect(path)
    named = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    found = set()
    for (table,) in named:
        for row in connection.execute(f"SELECT * FROM {table}"):
            cells = [c.decode(errors="replace") if isinstance(c, bytes) else str(c) for c in row]
            text = " ".join(cells)
            if any(trace in text for trace in (*TRACES, "whsec_", "$6$", "$y$")):
                found.add(table)
    connection.close()
    assert found <= OF_RESOURCES
    assert "instances" in found, "the search finds what there is"


def test_a_repeated_request_shows_the_data_and_not_what_is_shown_once(filled: Api) -> None:
    body = {"metadata": {"name": "w"}, "spec": {"url": URL}}
    again = filled.post("/v1/webhooks", body, **once("webhook"))
    assert (again["spec"]["url"], again["status"]["secret"]) == (URL, None)
    script = {"metadata": {"name": "s"}, "spec": {"script": SCRIPT}}
    again = filled.post("/v1/startup-scripts", script, **once("script"))
    assert again["spec"]["script"] == SCRIPT
