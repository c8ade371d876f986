"""Bodies that no dialect can read."""

import pytest

from tests.api.client import Api

PATHS = ["/v1/instances", "/v1/ssh-keys", "/v2/instances", "/v2/ssh-keys"]


SHAPES = ['{"metadata":1,"more":%s}', '{"metadata":{"labels":%s}}', "%s"]
CASES = [(path, 20_000, body, "[]") for path in PATHS for body in SHAPES] + [
    (PATHS[0], depth, SHAPES[1], pair) for depth in (300, 2000, 20_000) for pair in ("[]", "{}")
]


@pytest.mark.parametrize(("path", "depth", "body", "pair"), CASES)
def test_a_body_of_too_many_lists_or_objects_is_refused(
    api: Api, path: str, depth: int, body: str, pair: str
) -> None:
    opening = "[" if pair == "[]" else '{"a":'
    nested = opening * depth + "1" + pair[1] * depth
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {api.key}"}
    answer = api.http.post(path, content=body % nested, headers=headers)
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["error"]
