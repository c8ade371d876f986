"""Every operation that clients of Genesis Cloud's API know, walked through once, and each answer
held against the shape that they expect."""

import re
from pathlib import Path

import pytest
import yaml

from tests.api.server import RunningCloud
from tests.clients.genesis import oracle, report
from tests.clients.genesis.walk import Walk


@pytest.fixture(scope="module")
def walked(cloud: RunningCloud) -> Walk:
    walk = Walk(cloud.url, cloud.admin_key)
    walk.go()
    return walk


def test_no_answer_is_other_than_clients_expect_it(walked: Walk) -> None:
    assert walked.deviations == []


def test_each_operation_is_answered(walked: Walk) -> None:
    assert set(walked.answers) | set(walked.refusals) == set(oracle.OPERATIONS)


def test_only_file_systems_are_refused(walked: Walk) -> None:
    assert set(walked.refusals) == {
        f"{verb} filesystem" for verb in ("create", "get", "update", "delete")
    }


def test_the_document_has_each_operation(cloud: RunningCloud) -> None:
    api = cloud.api()
    document = yaml.safe_load(api.http.get(f"{oracle.PREFIX}/openapi.yaml").content)
    api.close()
    ours = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path.removeprefix(oracle.PREFIX)))
        for path, item in document["paths"].items()
        for method in item
    }
    theirs = {(m, re.sub(r"\{\w+\}", "{}", path)) for m, path, *_ in oracle.OPERATIONS.values()}
    assert theirs - ours == set()
    assert ours - theirs == set()


def test_the_report_is_up_to_date(walked: Walk) -> None:
    assert Path(report.FILE).read_text() == report.text_of(walked)
