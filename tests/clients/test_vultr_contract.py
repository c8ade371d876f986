"""Every operation of Vultr's document, walked through once and held against the document."""

import json
import re
from pathlib import Path

import pytest

from tests.api.server import RunningCloud
from tests.clients.vultr import oracle, report
from tests.clients.vultr.walk import Walk


@pytest.fixture(scope="module")
def walked(cloud: RunningCloud) -> Walk:
    api = cloud.api()
    walk = Walk(cloud.url, api.key)
    walk.go()
    api.close()
    return walk


def test_no_answer_is_other_than_the_document_has_it(walked: Walk) -> None:
    assert walked.deviations == []


def test_each_operation_is_answered(walked: Walk) -> None:
    assert set(walked.answers) | set(walked.refusals) == set(oracle.OPERATIONS)


def test_what_has_no_meaning_here_is_listed_in_the_documents(walked: Walk) -> None:
    # A backup is made at night, which no walk lasts for.
    refused = set(walked.refusals) - set(walked.answers) - {"get-backup"}
    text = Path(report.REPOSITORY / "docs/dialects/vultr.md").read_text()
    listed = re.search(r"## Not served(.*?)\n## ", text, re.DOTALL)
    assert listed is not None
    assert {name for name in refused if f"`{name}`" not in listed.group(1)} == set()


def test_our_document_has_the_names_of_theirs(cloud: RunningCloud) -> None:
    api = cloud.api()
    document = json.loads(api.http.get("/v2/openapi.json").content)
    api.close()
    ours = {
        operation["operationId"]: (method.upper(), path.removeprefix("/v2"))
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    theirs = {name: (one["method"], one["path"]) for name, one in oracle.OPERATIONS.items()}
    assert {name: ours.get(name) for name in theirs} == theirs


def test_the_report_is_up_to_date(walked: Walk) -> None:
    assert report.FILE.read_text() == report.text_of(walked)
