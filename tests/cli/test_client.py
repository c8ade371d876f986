"""What goes over the wire: retries, idempotency keys, rate limits, pages, refusals."""

from collections.abc import Callable

import httpx2
import pytest

from atoll.cli.client import Client
from atoll.cli.errors import ServerRefused, Unreachable, Usage
from atoll.cli.settings import Server

SERVER = Server(url="http://127.0.0.1:8080", api_key="ak_1", origin="a test")


class Wire:
    """Answers a client without a network, and remembers what was asked and waited for."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []
        self.pauses: list[float] = []
        self.client = Client(
            SERVER, pause=self.pauses.append, transport=httpx2.MockTransport(self._answer)
        )

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def said(status: int, body: object, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, json=body, headers=named)


LOST: Callable[[], Exception] = lambda: httpx2.ReadError("connection reset")  # noqa: E731


def test_a_lost_connection_is_tried_once_more_with_the_same_idempotency_key() -> None:
    wire = Wire(LOST(), said(201, {"id": "inst-1"}))
    assert wire.client.change("POST", "/v1/instances", {}) == {"id": "inst-1"}
    first, second = (request.headers["Idempotency-Key"] for request in wire.requests)
    assert first == second


def test_a_connection_lost_twice_is_unreachable() -> None:
    wire = Wire(LOST(), LOST())
    with pytest.raises(Unreachable, match="lost the connection"):
        wire.client.change("POST", "/v1/instances", {})


def test_every_mutation_has_a_key_of_its_own() -> None:
    wire = Wire(said(200, {}), said(200, {}))
    wire.client.change("DELETE", "/v1/instances/a")
    wire.client.change("DELETE", "/v1/instances/b")
    assert len({request.headers["Idempotency-Key"] for request in wire.requests}) == 2


def test_a_rate_limit_is_waited_for_as_long_as_the_server_says() -> None:
    refused = {"error": "too many requests", "code": "RATE_LIMITED"}
    wire = Wire(said(429, refused, Retry_After="7"), said(200, {"id": "x"}))
    assert wire.client.change("POST", "/v1/instances", {}) == {"id": "x"}
    assert wire.pauses == [7.0]
    first, second = (request.headers["Idempotency-Key"] for request in wire.requests)
    assert first == second


def test_a_rate_limit_that_never_ends_is_reported() -> None:
    refused = {"error": "too many requests", "code": "RATE_LIMITED"}
    wire = Wire(*(said(429, refused, Retry_After="3600") for _ in range(5)))
    with pytest.raises(ServerRefused, match="higher limit class"):
        wire.client.get("/v1/instances")
    assert wire.pauses == [60.0] * 4


def test_all_pages_are_joined() -> None:
    wire = Wire(
        said(200, {"items": [{"id": "a"}], "next": "c1"}),
        said(200, {"items": [{"id": "b"}], "next": None}),
    )
    assert wire.client.items("/v1/images", {"name": None, "label": ("a=b", "c=d")}) == {
        "items": [{"id": "a"}, {"id": "b"}],
        "next": None,
    }
    assert wire.requests[0].url.params.get_list("label") == ["a=b", "c=d"]
    assert "name" not in wire.requests[0].url.params
    assert wire.requests[1].url.params["cursor"] == "c1"


def test_no_more_is_asked_for_than_the_limit() -> None:
    wire = Wire(said(200, {"items": [{"id": "a"}, {"id": "b"}], "next": "c1"}))
    page = wire.client.items("/v1/images", limit=2)
    assert (len(page["items"]), page["next"]) == (2, "c1")
    assert wire.requests[0].url.params["limit"] == "2"


def test_a_refusal_names_its_field_and_all_its_errors() -> None:
    body = {
        "error": "2 fields are wrong",
        "code": "INVALID",
        "field": "spec.disk_gb",
        "errors": [
            {"field": "spec.disk_gb", "error": "at least 1"},
            {"field": "spec.type", "message": "is missing"},
        ],
    }
    wire = Wire(said(422, body))
    with pytest.raises(ServerRefused) as refused:
        wire.client.change("POST", "/v1/instances", {})
    assert refused.value.message.splitlines() == [
        "2 fields are wrong",
        "  field: spec.disk_gb",
        "  spec.disk_gb: at least 1",
        "  spec.type: is missing",
    ]
    assert refused.value.code == "INVALID"


def test_a_field_that_the_sentence_names_is_not_named_twice() -> None:
    body = {"error": "spec.type: no such type", "code": "INVALID", "field": "spec.type"}
    with pytest.raises(ServerRefused) as refused:
        Wire(said(422, body)).client.change("POST", "/v1/instances", {})
    lines = refused.value.message.splitlines()
    assert lines == ["spec.type: no such type", "  list types with `atoll type list`"]


def test_a_refused_key_comes_with_advice() -> None:
    wire = Wire(said(401, {"error": "no such key", "code": "UNAUTHENTICATED"}))
    with pytest.raises(ServerRefused, match="ATOLL_API_KEY"):
        wire.client.get("/v1/instances")


@pytest.mark.parametrize("text", ["<html>", "[1]", '"a"'])
def test_a_server_that_is_not_atoll_is_recognised(text: str) -> None:
    wire = Wire(httpx2.Response(200, text=text))
    with pytest.raises(Usage, match="is not an Atoll server"):
        wire.client.get("/v1/instances")


def test_an_error_page_of_something_else_is_still_a_sentence() -> None:
    wire = Wire(httpx2.Response(502, text="<html>"))
    with pytest.raises(ServerRefused, match="the server returned status 502"):
        wire.client.get("/v1/instances")


def test_a_slow_server_is_said_to_be_slow() -> None:
    wire = Wire(httpx2.ReadTimeout("slow"), httpx2.ReadTimeout("slow"))
    with pytest.raises(Unreachable, match="did not respond in time"):
        wire.client.get("/v1/instances")
