"""Consoles, screens and metrics of instances, over HTTP and websockets."""

import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.api.client import Api, Json
from tests.api.conftest import KeyFor
from tests.api.native.test_errors import refused
from tests.api.server import RunningCloud

ANSWER_S_MAX = 20
PROMPT = b" login: "
PER_INSTANCE = 10


@pytest.fixture
def guest(api: Api) -> Json:
    return api.running("web")


def open_console(api: Api, instance: Json, kind: str = "serial", **headers: Any) -> Json:
    path = f"/v1/instances/{instance['id']}/console"
    opened: Json = api.post(path, {"type": kind}, **headers)
    return opened


@contextmanager
def connected(console: Json, **options: Any) -> Iterator[ClientConnection]:
    with connect(console["websocket_url"], proxy=None, **options) as socket:
        yield socket


def read_until(socket: ClientConnection, end: bytes) -> bytes:
    heard = b""
    while not heard.endswith(end):
        message = socket.recv(timeout=ANSWER_S_MAX)
        assert isinstance(message, bytes), "a console speaks in bytes"
        heard += message
    return heard


def closed(socket: ClientConnection) -> tuple[int, str]:
    """The code and the reason that it is closed with, after whatever still comes."""
    with pytest.raises(ConnectionClosed) as ended:
        while True:
            socket.recv(timeout=ANSWER_S_MAX)
    assert ended.value.rcvd is not None, "it was closed without a word"
    return ended.value.rcvd.code, ended.value.rcvd.reason


def test_what_is_typed_into_a_serial_console_is_answered(api: Api, guest: Json) -> None:
    with connected(open_console(api, guest)) as socket:
        assert read_until(socket, PROMPT) == b"\r\nweb login: "
        socket.send(b"root\r")
        assert read_until(socket, b"\n") == b"root\r\n"


def test_text_is_taken_as_well_as_bytes(api: Api, guest: Json) -> None:
    with connected(open_console(api, guest)) as socket:
        read_until(socket, PROMPT)
        socket.send("größe")
        assert read_until(socket, "größe".encode()) == "größe".encode()


def test_a_lot_of_data_passes_unchanged(api: Api, guest: Json) -> None:
    much = bytes(byte for byte in range(256) if byte != 13) * 2000
    with connected(open_console(api, guest), max_size=None) as socket:
        read_until(socket, PROMPT)
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(socket.send, much)
            heard = b""
            while len(heard) < len(much):
                message = socket.recv(timeout=ANSWER_S_MAX)
                assert isinstance(message, bytes)
                heard += message
            sending.result()
    assert heard == much


def test_a_vnc_console_speaks_rfb_and_says_that_a_simulated_guest_has_no_screen(
    api: Api, guest: Json
) -> None:
    with connected(open_console(api, guest, "vnc"), subprotocols=["binary"]) as socket:
        assert socket.subprotocol == "binary"
        assert read_until(socket, b"\n") == b"RFB 003.008\n"
        socket.send(b"RFB 003.008\n")
        reason = b"this guest is simulated: it has no screen"
        answer = read_until(socket, reason)
        assert answer == struct.pack(">BI", 0, len(reason)) + reason
        assert closed(socket) == (1000, "the guest closed its console")


def test_the_answer_names_the_page_and_how_long_it_is_good_for(
    api: Api, guest: Json, cloud: RunningCloud
) -> None:
    vnc, serial = (open_console(api, guest, kind) for kind in ("vnc", "serial"))
    assert vnc["type"] == "vnc"
    page, _, fragment = vnc["url"].partition("#")
    assert page == f"{cloud.url}/console/vnc"
    assert fragment.partition("=")[2] == vnc["websocket_url"].partition("=")[2]
    assert serial["url"] is None
    assert vnc["instance_id"] == serial["instance_id"] == guest["id"]
    answer = api.call("POST", f"/v1/instances/{guest['id']}/console", {"type": "vnc"})
    assert answer.headers["cache-control"] == "no-store"


def test_behind_a_proxy_with_tls_the_addresses_are_of_the_proxy(api: Api, guest: Json) -> None:
    console = open_console(api, guest, "vnc", Host="cloud.example", X_Forwarded_Proto="https")
    assert console["url"].startswith("https://cloud.example/console/vnc#")
    assert console["websocket_url"].startswith("wss://cloud.example/v1/consoles/ws?")


def test_a_token_opens_one_console_once(api: Api, guest: Json) -> None:
    console = open_console(api, guest)
    with connected(console) as first, connected(console) as second:
        assert closed(second) == (
            4401,
            "this console token has already been used: request another one",
        )
        assert read_until(first, PROMPT)


def test_a_token_that_many_try_at_once_opens_one_console(api: Api, guest: Json) -> None:
    console = open_console(api, guest)

    def attempt(_: int) -> bool:
        with connected(console) as socket:
            try:
                return bool(socket.recv(timeout=ANSWER_S_MAX))
            except ConnectionClosed:
                return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: "x",
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: ("f" if token[0] != "f" else "e") + token[1:],
        lambda token: token + "ü",
        lambda token: token * 10,
        lambda token: token.partition(".")[0] + ".",
    ],
)
def test_a_token_that_is_not_ours_opens_nothing(api: Api, guest: Json, spoil: Any) -> None:
    address, _, token = open_console(api, guest)["websocket_url"].partition("=")
    url = httpx2.URL(address, params={"token": spoil(token)})
    with connected({"websocket_url": str(url)}) as socket:
        assert closed(socket) == (4401, "this console token is not known: request another one")


def test_a_page_of_another_site_cannot_use_a_token(api: Api, guest: Json) -> None:
    console = open_console(api, guest)
    for origin in ("https://evil.example", "null", "http://["):
        with pytest.raises(InvalidStatus) as refusal, connected(console, origin=origin):
            pass
        assert refusal.value.response.status_code == 403
    own = f"http://{urlsplit(console['websocket_url']).netloc}"
    with connected(console, origin=own) as socket:
        assert read_until(socket, PROMPT), "a try that was refused did not use the token up"


def test_no_other_path_takes_a_websocket(cloud: RunningCloud) -> None:
    for path in ("/v1/consoles", "/v1/instances", "/", "/v1/consoles/ws/"):
        url = cloud.url.replace("http", "ws", 1) + path
        with pytest.raises(InvalidStatus) as refusal, connect(url, proxy=None):
            pass
        assert refusal.value.response.status_code == 403


def test_a_stopped_guest_closes_its_consoles_and_opens_none(api: Api, guest: Json) -> None:
    waiting = open_console(api, guest)
    with connected(open_console(api, guest)) as socket:
        read_until(socket, PROMPT)
        stop = api.post(f"/v1/instances/{guest['id']}/stop", {"force": True}, status=202)
        assert closed(socket) == (1000, "the guest closed its console")
    api.ended(stop["operation_id"], "completed")
    with connected(waiting) as socket:
        assert closed(socket) == (4404, "the instance is not running: start it first")
    for method, path, body in (
        ("POST", "console", {"type": "vnc"}), ("GET", "screenshot", None), ("GET", "metrics", None)
    ):  # fmt: skip
        answer = api.call(method, f"/v1/instances/{guest['id']}/{path}", body)
        refused(answer, 409, "CONFLICT")
        assert "is not running: start it first" in answer.json()["error"]


def test_a_deleted_instance_closes_its_consoles(api: Api, guest: Json) -> None:
    waiting = open_console(api, guest)
    with connected(open_console(api, guest)) as socket:
        read_until(socket, PROMPT)
        api.delete(f"/v1/instances/{guest['id']}", status=202)
        assert closed(socket)[0] in {4404, 1000}, "the deletion, or the guest's end"
    with connected(waiting) as socket:
        assert closed(socket) == (4404, "the instance is deleted")


def test_a_revoked_key_opens_no_console_any_more(api: Api, key_for: KeyFor, guest: Json) -> None:
    other = key_for("member", project=api.project)
    console = open_console(other, guest)
    api.delete(f"/v1/api-keys/{other.key_id}")
    with connected(console) as socket:
        assert closed(socket) == (4401, "the key that opened this console is no longer valid")


def test_an_instance_has_so_many_consoles_and_no_more(api: Api, guest: Json) -> None:
    with ExitStack() as held:
        for _ in range(PER_INSTANCE):
            socket = held.enter_context(connected(open_console(api, guest)))
            read_until(socket, PROMPT)
        with connected(open_console(api, guest)) as one_more:
            assert closed(one_more) == (4429, "too many consoles are open: close one")
        with connected(open_console(api, api.running())) as of_another:
            assert read_until(of_another, PROMPT)
    until_there_is_a_place(api, guest)


def until_there_is_a_place(api: Api, instance: Json) -> None:
    """The server notices a moment after us that a console was closed."""
    until = time.monotonic() + ANSWER_S_MAX
    while True:
        with connected(open_console(api, instance)) as socket:
            try:
                assert read_until(socket, PROMPT)
                return
            except ConnectionClosed:
                assert time.monotonic() < until, "the places are not given back"


def test_who_may_not_write_may_look_at_the_screen_but_open_no_console(
    api: Api, key_for: KeyFor, guest: Json
) -> None:
    viewer = key_for("viewer", project=api.project)
    path = f"/v1/instances/{guest['id']}"
    refused(viewer.call("POST", f"{path}/console", {"type": "serial"}), 403, "FORBIDDEN")
    assert viewer.call("GET", f"{path}/screenshot").status_code == 200
    assert viewer.get(f"{path}/metrics")["instance_id"] == guest["id"]


def test_a_foreign_instance_is_not_there(key_for: KeyFor, guest: Json) -> None:
    stranger = key_for()
    path = f"/v1/instances/{guest['id']}"
    refused(stranger.call("POST", f"{path}/console", {"type": "vnc"}), 404, "NOT_FOUND")
    refused(stranger.call("GET", f"{path}/screenshot"), 404, "NOT_FOUND")
    refused(stranger.call("GET", f"{path}/metrics"), 404, "NOT_FOUND")


def test_an_unknown_type_is_refused_with_those_there_are(api: Api, guest: Json) -> None:
    answer = api.call("POST", f"/v1/instances/{guest['id']}/console", {"type": "spice"})
    refused(answer, 422, "INVALID", "type")
    assert "vnc" in answer.json()["error"] and "serial" in answer.json()["error"]


def test_a_repeated_request_is_given_a_token_of_its_own(api: Api, guest: Json) -> None:
    """The first answer is kept, but never its token."""
    path = f"/v1/instances/{guest['id']}/console"
    first, again = (
        api.call("POST", path, {"type": "serial"}, Idempotency_Key="k") for _ in range(2)
    )
    assert again.headers["idempotent-replay"] == "true"
    assert again.json()["websocket_url"] != first.json()["websocket_url"]
    for answer in (first, again):
        with connected(answer.json()) as socket:
            assert read_until(socket, PROMPT)


def test_neither_tokens_nor_their_random_part_are_in_the_database(
    own_cloud: RunningCloud,
) -> None:
    api = own_cloud.api()
    console = open_console(api, api.running("web"), Idempotency_Key="k")
    token = console["websocket_url"].partition("=")[2]
    with connected(console) as socket:
        read_until(socket, PROMPT)
    api.close()
    own_cloud.stop()
    state = own_cloud.directory / "state"
    kept = b"".join(file.read_bytes() for file in state.iterdir() if file.is_file())
    assert b"instance.console" in kept, "the audit is not where this test looks"
    words, _, signature = token.partition(".")
    assert words.encode() not in kept
    assert signature.encode() not in kept
    own_cloud.start()


def test_opening_a_console_is_audited(api: Api, guest: Json) -> None:
    open_console(api, guest, "vnc")
    records = api.items(f"/v1/audit?resource_id={guest['id']}")
    opened = [record for record in records if record["action"] == "instance.console"]
    assert [(record["key_id"], record["after"]) for record in opened] == [
        (api.key_id, {"type": "vnc"})
    ]


def test_a_screenshot_is_a_picture(api: Api, guest: Json) -> None:
    answer = api.call("GET", "/v1/instances/web/screenshot")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"\x89PNG\r\n\x1a\n")


def test_metrics_name_their_units(api: Api, guest: Json) -> None:
    measured = api.get("/v1/instances/web/metrics")
    assert measured["instance_id"] == guest["id"]
    assert measured["vcpus"] == guest["spec"]["vcpus"]
    assert measured["memory_limit_bytes"] == guest["spec"]["memory_mb"] * 2**20
    assert measured["cpu_seconds"] >= 0
    assert measured["at"].endswith("Z")
    (disk,) = measured["disks"]
    assert {"read_bytes", "written_bytes", "reads", "writes"} < set(disk)


def test_a_host_that_does_not_answer_is_a_503_for_screens_and_metrics(
    admin: Api, api: Api, guest: Json
) -> None:
    for verb, path in (("read_screen", "screenshot"), ("measure", "metrics")):
        admin.fault(verb=verb, host=host_of(admin, guest), error="unavailable")
        answer = api.call("GET", f"/v1/instances/{guest['id']}/{path}")
        assert answer.status_code == 503, verb


def test_a_console_that_its_host_does_not_open_is_closed_with_1011(
    admin: Api, api: Api, guest: Json
) -> None:
    console = open_console(api, guest)
    admin.fault(verb="open_console", host=host_of(admin, guest), error="unavailable")
    with connected(console) as socket:
        assert closed(socket) == (1011, "the host of the instance is not reachable: retry")


def host_of(admin: Api, instance: Json) -> str:
    name: str = admin.get(f"/v1/hosts/{instance['status']['host_id']}")["metadata"]["name"]
    return name


def test_the_console_page_is_whole_and_lets_nothing_in_from_elsewhere(
    cloud: RunningCloud,
) -> None:
    page = httpx2.get(f"{cloud.url}/console/vnc")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for name, kind in (("vnc.css", "text/css"), ("vnc.js", "text/javascript"),
                       ("novnc.js", "text/javascript")):  # fmt: skip
        part = httpx2.get(f"{cloud.url}/console/{name}")
        assert part.headers["content-type"] == kind
        assert part.headers["x-content-type-options"] == "nosniff"
        assert f"/console/{name}" in page.text + httpx2.get(f"{cloud.url}/console/vnc.js").text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"


def test_what_lies_beside_the_page_is_not_served(cloud: RunningCloud) -> None:
    for path in ("/console/LICENSE.noVNC.txt", "/console/../app.py", "/console/", "/console"):
        assert httpx2.get(f"{cloud.url}{path}").status_code == 404
