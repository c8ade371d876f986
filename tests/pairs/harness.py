"""Pairs of changes without waiting: B is sent while A goes on.

B must be accepted, and everything accepted must end well; or B must be refused for a reason that
still holds once everything has ended. Each pair is in a project of its own, and the operations of
some pairs are held by a fault together, until the last B of these was sent.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx2

from atoll.domain import ids
from tests.api.client import Api, Json
from tests.api.server import RunningCloud

HOLD = {"verb": "*", "error": "busy", "times": 1_000_000}
PATIENCE_S, LOOK_S = 120, 0.05
CLIENTS = 6
# What is held is tried again every 50 ms: many at once would keep the processor busy with that.
HELD_TOGETHER = 2 * CLIENTS
ENDS = {"completed", "failed"}


class Change(NamedTuple):
    """A request; `{names}` in path and body are the ids of the project's things."""

    method: str
    path: str
    body: Any = None


class Pair(NamedTuple):
    first: str
    second: str


Setup = Callable[[Api, "Call"], dict[str, str]]
Call = Callable[[str, str, Any], httpx2.Response]


class Dialect(NamedTuple):
    """`setup` makes the things of one project and returns their ids."""

    prefix: str
    changes: dict[str, Change]
    setup: Setup


class Ground:
    """One project with its things, and the pair that is tried in it."""

    def __init__(self, api: Api, dialect: Dialect, pair: Pair) -> None:
        self.api, self.dialect, self.pair = api, dialect, pair
        headers = {"Authorization": f"Bearer {api.key}"}
        self.http = httpx2.Client(base_url=api.url, headers=headers, timeout=70, verify=False)
        self.things = dialect.setup(api, self.call)

    def call(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        given = {} if body is None else {"json": body}
        return self.http.request(method, self.dialect.prefix + path, **given)

    def send(self, name: str) -> httpx2.Response:
        change = self.dialect.changes[name]
        return self.call(change.method, *filled((change.path, change.body), self.things))

    def begin(self) -> None:
        self.answers = [self.send(self.pair.first), self.send(self.pair.second)]

    def find_fault(self) -> str:
        """Return what is wrong with the pair; empty if nothing is."""
        first, second = self.answers
        operations = self.wait_until_idle()
        codes = [first.status_code, second.status_code]
        if max(codes) >= 500:
            return f"answered {codes}"
        if first.status_code >= 400:
            return ""
        failed = [o for o in operations if has_failed(o)]
        if failed:
            told = "; ".join(f"{o['type']} {o['status']}: {o['result']}" for o in failed)
            return f"{codes} and then {told}"
        if second.status_code < 400:
            return ""
        again = self.send(self.pair.second)
        if again.status_code < 400:
            return f"refused ({second.status_code} {second.text}), and taken afterwards"
        return "" if again.status_code < 500 else f"answered {again.status_code} afterwards"

    def wait_until_idle(self) -> list[Json]:
        last = time.monotonic() + PATIENCE_S
        while True:
            operations = self.api.items("/v1/operations?limit=100")
            if all(o["status"] in ENDS for o in operations):
                return operations
            assert time.monotonic() < last, f"{self.pair} does not end: {operations}"
            time.sleep(LOOK_S)

    def close(self) -> None:
        self.http.close()
        self.api.close()


def has_failed(operation: Json) -> bool:
    """A deletion cancels what its resource was doing, which is no failure."""
    return operation["status"] == "failed" and operation["result"]["code"] != "CANCELLED"


def filled(template: Any, things: dict[str, str]) -> Any:
    if isinstance(template, str):
        return template.format_map(things)
    if isinstance(template, dict):
        return {key: filled(value, things) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return type(template)([filled(value, things) for value in template])
    return template


def find_faults(
    cloud: RunningCloud, dialect: Dialect, pairs: Sequence[Pair], key_for: Callable[[], Api]
) -> dict[Pair, str]:
    """Try all pairs, and return those that go wrong, with the reason."""
    faults: dict[Pair, str] = {}
    admin = cloud.api()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for start in range(0, len(pairs), HELD_TOGETHER):
            some = pairs[start : start + HELD_TOGETHER]
            grounds = list(pool.map(lambda pair: Ground(key_for(), dialect, pair), some))
            fault_id = admin.post("/v1/simulator/faults", HOLD)["id"]
            try:
                list(pool.map(Ground.begin, grounds))
            finally:
                admin.delete(f"/v1/simulator/faults/{fault_id}")
            found = list(pool.map(Ground.find_fault, grounds))
            faults |= {
                ground.pair: fault for ground, fault in zip(grounds, found, strict=True) if fault
            }
            for ground in grounds:
                ground.close()
    admin.close()
    return faults


def settled(api: Api) -> None:
    """Return when all operations of the project have ended well."""
    last = time.monotonic() + PATIENCE_S
    while True:
        states = [
            (o["type"], o["status"], o["result"]) for o in api.items("/v1/operations?limit=100")
        ]
        if all(state == "completed" for _, state, _ in states):
            return
        assert "failed" not in {state for _, state, _ in states}, states
        assert time.monotonic() < last, states
        time.sleep(LOOK_S)


def uuid_of(native_id: str) -> str:
    return str(ids.to_uuid(native_id))
