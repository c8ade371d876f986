"""The wait loops: long polls, time limits, a server that restarts, bars on terminals only."""

import io
from typing import Any

import httpx2
import pytest

from atoll.cli.client import Client
from atoll.cli.errors import Unreachable
from atoll.cli.output import Output
from atoll.cli.settings import Server
from atoll.cli.waiting import Poll, Watch, describe
from tests.cli.cloud import instance, operation
from tests.cli.conftest import Terminal

SERVER = Server(url="http://127.0.0.1:8080", api_key="ak_1", origin="a test")
PATH = "/v1/operations/op-1"


class Time:
    """A clock that only pauses and long polls move."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def pause(self, seconds: float) -> None:
        self.now_s += seconds


class Script:
    """Answers with one thing after the other; None is a server that is not there."""

    def __init__(self, time: Time, *things: dict[str, Any] | None, held_s: float = 0.0) -> None:
        self.time = time
        self.things = list(things)
        self.held_s = held_s
        self.waits: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        thing = self.things.pop(0) if len(self.things) > 1 else self.things[0]
        if thing is None:
            raise httpx2.ConnectError("refused")
        self.waits.append(request.url.params["wait"])
        self.time.now_s += self.held_s
        return httpx2.Response(200, json=thing)


def poll(script: Script, timeout_s: float) -> dict[str, Any] | None:
    transport = httpx2.MockTransport(script)
    client = Client(SERVER, pause=script.time.pause, transport=transport)
    polls = Poll(client=client, timeout_s=timeout_s, now_s=lambda: script.time.now_s)
    return polls.until(PATH, {}, lambda seen: seen["status"] == "completed")


def test_polls_are_as_long_as_the_time_that_is_left() -> None:
    script = Script(Time(), operation("running"), held_s=10.0)
    assert poll(script, 25.0) is None
    assert script.waits == ["10", "10", "5"]


def test_a_server_that_does_not_hold_its_answer_is_not_hammered() -> None:
    script = Script(Time(), operation("running"))
    assert poll(script, 2.0) is None
    assert len(script.waits) <= 22


def test_the_end_is_seen_at_once() -> None:
    script = Script(Time(), operation("running"), operation("completed"))
    ended = poll(script, 60.0)
    assert ended is not None
    assert ended["status"] == "completed"


def test_a_server_that_restarts_is_waited_for() -> None:
    script = Script(Time(), operation("running"), None, None, None, operation("completed"))
    assert poll(script, 60.0) is not None


def test_a_server_that_stays_away_is_reported() -> None:
    time = Time()
    with pytest.raises(Unreachable):
        poll(Script(time, None), 600.0)
    assert 25.0 < time.now_s < 35.0


def test_what_an_operation_does_is_said_in_words() -> None:
    assert describe(operation("running")) == "instance.create: prepare_volume"
    waiting = operation("pending", waiting_for="waits for op-2 (instance.reboot)")
    assert describe(waiting) == "instance.create: waits for op-2 (instance.reboot)"


def watching(err: io.StringIO, time: Time) -> Watch:
    output = Output(as_json=False, out=io.StringIO(), err=err)
    return Watch(output, lambda _text, _percent: None, now_s=lambda: time.now_s)


def test_what_does_not_move_is_told_once_with_the_reason() -> None:
    time, said = Time(), io.StringIO()
    watch = watching(said, time)
    stuck = operation("running", waiting_for="the host sim-1 is away")
    for _ in range(5):
        assert not watch.operation_ended(stuck)
        time.now_s += 10.0
    assert said.getvalue() == "still waiting: instance.create: the host sim-1 is away\n"


def test_what_moves_is_not_commented() -> None:
    time, said = Time(), io.StringIO()
    watch = watching(said, time)
    for step in range(5):
        moving = {"step": step, "steps": 5, "name": f"step_{step}", "percent": 20.0 * step}
        watch.operation_ended(operation("running", progress=moving))
        time.now_s += 10.0
    assert watch.operation_ended(operation())
    assert said.getvalue() == ""


def test_a_boot_that_takes_long_says_what_it_waits_for() -> None:
    time, said = Time(), io.StringIO()
    watch = watching(said, time)
    for _ in range(3):
        watch.instance_settled(instance(ready=False, reason="the host's disk is full"))
        time.now_s += 10.0
    assert said.getvalue() == "still waiting: first boot: the host's disk is full\n"
    assert watch.instance_settled(instance())


def test_a_bar_is_drawn_on_a_terminal_only() -> None:
    pipe, terminal, out = io.StringIO(), Terminal(), io.StringIO()
    for err in (pipe, terminal):
        output = Output(as_json=False, out=out, err=err)
        with output.progress() as show:
            show("image.import: fetch", 40.0)
    assert (pipe.getvalue(), out.getvalue()) == ("", "")
    assert "image.import: fetch" in terminal.getvalue()
    assert "40 %" in terminal.getvalue()
