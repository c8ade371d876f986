"""Repeated where that is safe, redirected where nothing leaks, bounded."""

import gzip
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import msgspec
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from ocp_agent import OCPAgent, ResponseTooLarge, transport
from tests.ocp_agent.support import FAST, TEXT, Json, Shop, body, fields, one_operation

KEY = {"name": "Idempotency-Key", "in": "header", "schema": TEXT}
UNWELL, OK = (503, {}), (200, {"ok": True})


def shop_with(method: str, server: HTTPServer, folder: Path, **said: object) -> Shop:
    return Shop(one_operation("/things", method, **said), server, folder)


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_what_can_be_repeated_is(method: str, httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = shop_with(method, httpserver, tmp_path)
    shop.answers(UNWELL, UNWELL, OK)
    response = shop.agent.call_tool("it")
    assert (response.status_code, response.attempts) == (200, 3)


@pytest.mark.parametrize("method", ["post", "patch"])
def test_what_might_be_done_twice_is_not_repeated(
    method: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = shop_with(method, httpserver, tmp_path)
    shop.answers(UNWELL, OK)
    assert shop.agent.call_tool("it").status_code == 503
    assert len(shop.seen) == 1


def test_what_was_refused_for_being_too_much_is_repeated(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = shop_with("post", httpserver, tmp_path)
    soon = format_datetime(datetime.now(timezone.utc) - timedelta(seconds=5))
    shop.answers(Response("", 429, headers={"Retry-After": soon}), OK)
    assert shop.agent.call_tool("it").attempts == 2


def test_a_tool_that_takes_an_idempotency_key_gets_one_of_its_call(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = shop_with("post", httpserver, tmp_path, parameters=[KEY])
    shop.answers(UNWELL, UNWELL, OK)
    assert shop.agent.call_tool("it").attempts == 3
    assert shop.agent.call_tool("it").ok
    shop.agent.call_tool("it", {"Idempotency-Key": "mine"})
    keys = [request.headers["Idempotency-Key"] for request in shop.seen]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert len(keys[0]) >= 32 and keys[-1] == "mine"


def test_a_server_that_wants_too_long_a_pause_is_not_waited_for(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = shop_with("get", httpserver, tmp_path)
    shop.answers(Response("", 429, headers={"Retry-After": "3600"}))
    response = shop.agent.call_tool("it")
    assert (response.attempts, response.headers["Retry-After"]) == (1, "3600")


def test_a_server_that_is_not_there_is_tried_again_and_then_raises(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(msgspec.json.encode(one_operation("/things")))
    agent = OCPAgent(limits=FAST)
    agent.register_api("a", str(tmp_path / "a.json"), "http://127.0.0.1:1")
    with pytest.raises(transport.httpx2.ConnectError):
        agent.call_tool("it")


def test_another_host_learns_nothing_that_is_meant_for_this_one(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    elsewhere = HTTPServer()
    elsewhere.start()
    try:
        elsewhere.expect_request("/there").respond_with_json({"there": True})
        shop = shop_with("get", httpserver, tmp_path, parameters=[])
        shop.answers(Response("", 302, headers={"Location": elsewhere.url_for("/there")}))
        response = shop.agent.call_tool("it", auth="secret", headers={"X-API-Key": "k"})
        ((request, _),) = elsewhere.log
    finally:
        elsewhere.stop()
    assert response.json() == {"there": True}
    named = {name.lower() for name in request.headers.keys()}  # noqa: SIM118 -- no mapping
    assert named.isdisjoint({"authorization", "x-api-key", "ocp-session", "ocp-context-id"})


def test_a_change_is_not_repeated_at_another_address(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = shop_with("post", httpserver, tmp_path)
    shop.answers(Response("", 302, headers={"Location": "/elsewhere"}))
    assert shop.agent.call_tool("it").status_code == 302
    assert len(shop.seen) == 1


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_an_answer_is_read_up_to_its_limit(
    encoding: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = shop_with("get", httpserver, tmp_path)
    limits = msgspec.structs.replace(FAST, response_bytes=10_000)
    agent = OCPAgent(limits=limits)
    agent.register_api("shop", str(tmp_path / "shop.json"), shop.spec.base_url)
    large = b"0" * 1_000_000
    content = gzip.compress(large) if encoding else large
    headers = {"Content-Encoding": encoding} if encoding else {}
    shop.answers(Response(content, headers=headers))
    with pytest.raises(ResponseTooLarge, match="10,000 bytes"):
        agent.call_tool("it")


def test_a_proxy_of_the_environment_is_used(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = shop_with("get", httpserver, tmp_path)
    shop.answers(OK)
    monkeypatch.setenv("http_proxy", httpserver.url_for("/"))
    monkeypatch.delenv("no_proxy", raising=False)
    shop.agent.register_api("far", str(tmp_path / "shop.json"), "http://far.example.com")
    assert shop.agent.call_tool("it", api_name="far").json() == {"ok": True}
    assert shop.last.headers["Host"] == "far.example.com"


def test_no_session_of_one_call_is_carried_to_the_next(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = shop_with("get", httpserver, tmp_path)
    shop.answers(Response("", headers={"Set-Cookie": "sid=1; Path=/"}))
    shop.agent.call_tool("it")
    shop.agent.call_tool("it")
    assert "Cookie" not in shop.last.headers


def test_an_answer_has_the_interface_that_people_know(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = shop_with("get", httpserver, tmp_path)
    shop.answers(lambda _: Response("é", 404, content_type="text/plain; charset=latin-1"))
    response = shop.agent.call_tool("it")
    assert (response.status_code, response.ok, bool(response)) == (404, False, False)
    assert response.headers["CONTENT-TYPE"].startswith("text/plain")
    assert response.text == response.content.decode("latin-1")
    with pytest.raises(ValueError):
        response.json()
    with pytest.raises(Exception, match="404"):
        response.raise_for_status()


def test_a_request_says_how_long_it_is_and_a_callers_headers_go_before_its_own(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = shop_with("post", httpserver, tmp_path)
    shop.answers(OK)
    shop.agent.call_tool("it", headers={"user-agent": "mine", "host": "shop.example"})
    said = {name: shop.last.headers[name] for name in ("Content-Length", "User-Agent", "Host")}
    assert said == {"Content-Length": "0", "User-Agent": "mine", "Host": "shop.example"}


def test_the_length_is_not_said_where_the_caller_says_another_way(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = shop_with("post", httpserver, tmp_path, requestBody=body(fields(name=TEXT)))
    shop.answers(OK)
    assert shop.agent.call_tool("it", {"name": "a"}, headers={"transfer-encoding": "chunked"}).ok
    assert "Content-Length" not in shop.last.headers
    assert shop.last.get_data() == b'{"name":"a"}'


def test_a_brief_fits_hides_secrets_and_says_what_is_left_out(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = shop_with("get", httpserver, tmp_path)
    things = [{"id": n, "default_password": "hunter2", "note": "x" * 300} for n in range(200)]
    shop.answers((200, {"things": things, "next_page_token": "abc"}))
    brief = shop.agent.call_tool("it").brief(2_000)
    assert len(brief) <= 2_000 and "hunter2" not in brief and "abc" in brief
    assert "more" in msgspec.json.decode(brief)["things"][-1]
    assert "hunter2" in shop.agent.call_tool("it").brief(200_000, redact=False)


def test_a_dry_run_tells_all_but_secrets_and_sends_nothing(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    said = fields("name", name=TEXT, password=TEXT)
    shop = shop_with("post", httpserver, tmp_path, requestBody=body(said))
    given = {"name": "a", "password": "hunter2"}
    response = shop.agent.call_tool("it", given, dry_run=True, auth="secret-key")
    shown: Json = response.json()
    assert (shown["method"], shown["url"]) == ("POST", shop.spec.base_url + "/things")
    assert shown["body"] == {"name": "a", "password": "***"}
    assert shown["headers"]["Authorization"] == "***" and response.is_dry_run
    assert "secret-key" not in response.text and shop.seen == []


def test_a_dry_run_tells_the_context_that_would_be_sent(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = shop_with("get", httpserver, tmp_path)
    shop.agent.update_goal("tidy up")
    shown: Json = shop.agent.call_tool("it", dry_run=True).json()["headers"]
    assert shown["OCP-Context-ID"] == shop.agent.context.context_id
    assert shown["OCP-Current-Goal"] == "tidy up" and "OCP-Session" in shown


def test_credentials_are_in_no_log_and_no_context(
    httpserver: HTTPServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop = shop_with("get", httpserver, tmp_path)

    def refuse(_: Request) -> Response:
        return Response("{}", 401)

    shop.answers(refuse)
    with caplog.at_level("DEBUG", "ocp_agent"):
        shop.agent.call_tool("it", auth="secret-key")
    assert shop.last.headers["Authorization"] == "Bearer secret-key"
    kept = (
        caplog.text,
        repr(shop.agent._access),
        msgspec.json.encode(shop.agent.context.to_dict()),
    )
    assert not any("secret-key" in str(one) for one in kept)
