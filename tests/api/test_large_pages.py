"""A list of large resources comes in shorter pages, and clients that follow the cursor see all."""

import base64
from urllib.parse import quote

import pytest

from atoll.service import pages
from tests.api.client import Api
from tests.api.vultr.client import Vultr

COUNT = 7
SCRIPT = base64.b64encode(b"#!/bin/sh\n" + b"#" * 45_000).decode()
# Room for three of them.
BYTES = 200_000


@pytest.fixture
def scripts(api: Api, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(pages, "BYTES_MAX", BYTES)
    body = {"spec": {"script": SCRIPT}}
    names = [f"script-{number}" for number in range(COUNT)]
    for name in names:
        api.post("/v1/startup-scripts", body | {"metadata": {"name": name}})
    return names


def test_native_pages_go_on_behind_a_short_one(api: Api, scripts: list[str]) -> None:
    found, cursor, lengths = list[str](), "", list[int]()
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page = api.get(f"/v1/startup-scripts?limit=1000{more}")
        lengths.append(len(page["items"]))
        found += [one["metadata"]["name"] for one in page["items"]]
        cursor = page["next"]
    assert found == scripts
    assert lengths == [3, 3, 1]


def test_vultr_pages_go_on_forwards_and_back(api: Api, scripts: list[str]) -> None:
    vultr = Vultr(api.url, api.key)
    forwards, cursor = list[list[str]](), ""
    while True:
        page = vultr.get(f"/startup-scripts?per_page=500&cursor={quote(cursor)}")
        assert page["meta"]["total"] == COUNT
        forwards.append([one["name"] for one in page["startup_scripts"]])
        if not page["meta"]["links"]["next"]:
            break
        cursor = page["meta"]["links"]["next"]
    assert [name for names in forwards for name in names] == scripts
    assert [len(names) for names in forwards] == [3, 3, 1]
    before = vultr.get(f"/startup-scripts?per_page=500&cursor={page['meta']['links']['prev']}")
    assert [one["name"] for one in before["startup_scripts"]] == scripts[3:6]
    vultr.close()
