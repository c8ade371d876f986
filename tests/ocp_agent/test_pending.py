"""One call for those who await and those who do not."""

import asyncio
import gc
import json
import logging
import threading
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from ocp_agent import OCPAgent, OCPAPISpec
from ocp_agent import Response as Answer
from tests.ocp_agent.support import FAST, Shop, one_operation

LIST = one_operation("/things", "get")


@pytest.fixture
def shop(httpserver: HTTPServer, tmp_path: Path) -> Shop:
    shop = Shop(LIST, httpserver, tmp_path)
    shop.answers((200, {"n": 1}))
    return shop


def test_without_an_event_loop_values_come_at_once(shop: Shop) -> None:
    assert type(shop.spec) is OCPAPISpec and len(shop.spec.tools) == 1
    assert shop.agent.call_tool("it").json() == {"n": 1}


def test_a_value_that_is_there_may_be_awaited(shop: Shop) -> None:
    response = shop.agent.call_tool("it")

    async def wait() -> Answer:
        return await response

    assert asyncio.run(wait()) is response


@pytest.mark.anyio
async def test_in_an_event_loop_await_gives_the_value_itself(shop: Shop) -> None:
    response = await shop.agent.call_tool("it")
    assert type(response) is Answer and response.json() == {"n": 1}


@pytest.mark.anyio
async def test_the_event_loop_goes_on_while_a_call_is_under_way(shop: Shop) -> None:
    released = threading.Event()

    def held(_: Request) -> Response:
        released.wait(5)
        return Response("{}", content_type="application/json")

    shop.answers(held)
    call = asyncio.ensure_future(awaited(shop.agent))
    await asyncio.to_thread(wait_for, lambda: bool(shop.seen))
    assert not call.done()
    released.set()
    assert (await call).ok


async def awaited(agent: OCPAgent) -> Answer:
    return await agent.call_tool("it")


def wait_for(holds: object) -> None:
    tick = threading.Event()
    while not holds():  # type: ignore[operator]
        tick.wait(0.001)


@pytest.mark.anyio
async def test_a_document_is_read_beside_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(LIST))
    agent, threads = OCPAgent(limits=FAST), []
    read = agent.discovery.fetch
    monkeypatch.setattr(
        agent.discovery,
        "fetch",
        lambda where: threads.append(threading.current_thread()) or read(where),
    )
    await agent.register_api("a", str(tmp_path / "a.json"))
    assert threads and threads[0] is not threading.main_thread()


@pytest.mark.anyio
async def test_who_does_not_await_in_a_loop_gets_the_value_when_it_is_looked_at(shop: Shop) -> None:
    response = shop.agent.call_tool("it")
    assert isinstance(response, Answer)
    assert response.status_code == 200 and bool(response)
    assert repr(response) == "<Response [200]>"


@pytest.mark.anyio
async def test_a_registration_that_nobody_awaited_comes_before_the_calls_after_it(
    shop: Shop, tmp_path: Path
) -> None:
    shop.agent.register_api("again", str(tmp_path / "shop.json"), shop.spec.base_url)
    assert (await shop.agent.call_tool("it", api_name="again")).ok
    assert {spec.name for spec in shop.agent.known_apis.values()} == {"shop", "again"}


@pytest.mark.anyio
async def test_many_calls_are_under_way_at_once(tmp_path: Path) -> None:
    server = HTTPServer(threaded=True)
    server.start()
    shop = Shop(LIST, server, tmp_path)
    together = threading.Barrier(8, timeout=5)

    def meet(_: Request) -> Response:
        together.wait()
        return Response("{}", content_type="application/json")

    shop.answers(meet)
    calls = [awaited(shop.agent) for _ in range(8)]
    statuses = [answer.status_code for answer in await asyncio.gather(*calls)]
    server.stop()
    assert statuses == [200] * 8


def test_one_agent_serves_several_event_loops(shop: Shop) -> None:
    statuses = [asyncio.run(awaited(shop.agent)).status_code for _ in range(2)]
    assert statuses == [200, 200]


@pytest.mark.anyio
async def test_errors_come_where_the_value_is_awaited(shop: Shop) -> None:
    with pytest.raises(ValueError, match=r"Tool 'thing' not found. Available tools: \['it'\]"):
        await shop.agent.call_tool("thing")
    with pytest.raises(ValueError, match="Unknown API: none"):
        await shop.agent.call_tool("it", api_name="none")


@pytest.mark.anyio
async def test_a_call_that_nobody_waits_for_any_more_is_not_repeated(shop: Shop) -> None:
    shop.answers(Response("", 503, headers={"Retry-After": "1"}))
    call = asyncio.ensure_future(awaited(shop.agent))
    await asyncio.to_thread(wait_for, lambda: bool(shop.seen))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    shop.agent.close()
    assert len(shop.seen) == 1


@pytest.mark.anyio
async def test_a_failure_that_nobody_looked_at_is_logged_without_its_words(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    call = shop.agent.call_tool("it", {"password": "hunter2"})
    await asyncio.to_thread(wait_for, call._future.done)  # type: ignore[attr-defined]
    with caplog.at_level(logging.WARNING, "ocp_agent"):
        del call
        gc.collect()
    assert "InvalidArguments" in caplog.text and "hunter2" not in caplog.text
