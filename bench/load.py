"""The load generator: clients that keep their connections, in a process on a CPU of its own.

`rows` calls `run`; the process is `python -m bench.load`, a job in on stdin, its result out on
stdout. Written for this, because the usual Python clients are slower than what they would measure.
It must never count an answer that it did not expect as a success.
"""

import asyncio
import itertools
import os
import re
import subprocess
import sys
import time
from typing import cast

import msgspec
import uvloop

# In a body, it becomes a number that no other request has, of the same length: nanoseconds.
UNIQUE = "{number of the ask}"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is the only one that counts as a success. `within` must be found in the answer;
    while it is not, the request is repeated and the latency runs on."""

    method: str
    path: str
    headers: dict[str, str] = {}
    body: str = ""
    status: int = 200
    within: str = ""

    def raw(self, port: int, found: str = "") -> bytes:
        """`{id}` in path and body is what the request before it found."""
        body = self.body.replace("{id}", found).encode()
        lines = [
            f"{self.method} {self.path.replace('{id}', found)} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Each client repeats `request`, then `following` if there is one, for `seconds`, or until
    all have done `count` together. `find` is a pattern whose group is the id in the answer."""

    port: int
    request: Request
    following: Request | None = None
    find: str = ""
    clients: int = 1
    seconds: float = 1.0
    count: int | None = None
    cpu: int | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    done: int
    failures: list[str]
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_s(self) -> float:
        return self.done / self.seconds


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    closes: bool


class Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._wanted: int | None = None
        self._have = 0
        self._waiting: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop has a class of its own

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError("closed in the middle of an answer"))

    @property
    def connected(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, raw: bytes) -> asyncio.Future[Answer]:
        assert self._transport is not None, "connect first"
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(raw)
        return self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._have += len(data)
        if self._wanted is None:
            so_far = b"".join(self._parts)
            end = so_far.find(b"\r\n\r\n")
            if end < 0:
                return
            self._parts = [so_far]
            self._wanted = end + 4 + length_of(so_far[:end])
        if self._have >= self._wanted:
            self._finish()

    def _finish(self) -> None:
        whole = b"".join(self._parts)
        head, _, body = whole.partition(b"\r\n\r\n")
        self._parts, self._wanted, self._have = [], None, 0
        closes = b"connection: close" in head.lower()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(Answer(int(head[9:12]), body, closes))


def length_of(head: bytes) -> int:
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if found is None:
        raise ValueError(f"an answer without Content-Length: {head[:200]!r}")
    return int(found[1])


class Runner:
    """All clients of a job, and what they saw."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.latencies: list[float] = []
        self.failures: list[str] = []
        self.find = re.compile(job.find.encode()) if job.find else None
        self.until = 0.0
        self.left = job.count
        self.numbers = itertools.count(time.time_ns())

    async def run(self) -> Result:
        began = time.perf_counter()
        self.until = began + self.job.seconds
        await asyncio.gather(*[self._client() for _ in range(self.job.clients)])
        seconds = time.perf_counter() - began
        ranked = sorted(self.latencies) or [0.0]
        return Result(
            done=len(self.latencies), failures=self.failures[:10], seconds=seconds,
            p50_ms=1000 * ranked[len(ranked) // 2],
            p99_ms=1000 * ranked[min(len(ranked) - 1, len(ranked) * 99 // 100)],
        )  # fmt: skip

    def _goes_on(self) -> bool:
        if self.failures:
            return False
        if self.left is None:
            return time.perf_counter() < self.until
        self.left -= 1
        return self.left >= 0

    async def _client(self) -> None:
        client = Client()
        first = self.job.request.raw(self.job.port)
        while self._goes_on():
            began = time.perf_counter()
            asked = first.replace(UNIQUE.encode(), b"%d" % next(self.numbers))
            try:
                client, answer = await self._ask(client, self.job.request, asked)
                if answer is not None and self.job.following is not None:
                    answer = await self._follow(client, self.job.following, answer)
            except (OSError, ValueError) as error:
                self.failures.append(f"{self.job.request.path}: {error!r}")
                break
            if answer is not None:
                self.latencies.append(time.perf_counter() - began)
        client.close()

    async def _follow(self, client: Client, following: Request, answer: Answer) -> Answer | None:
        """Asks until the answer says what is waited for."""
        found = self.find.search(answer.body) if self.find else None
        if found is None:
            self.failures.append(f"no id in the answer {answer.body[:200]!r}")
            return None
        raw = following.raw(self.job.port, found[1].decode())
        until = time.perf_counter() + 60
        while time.perf_counter() < until:
            client, later = await self._ask(client, following, raw)
            if later is None or following.within.encode() in later.body:
                return later
        self.failures.append(f"{following.path}: never said {following.within}")
        return None

    async def _ask(
        self, client: Client, request: Request, raw: bytes
    ) -> tuple[Client, Answer | None]:
        """A server that closes after an answer is connected to again; that is its own cost."""
        if not client.connected:
            loop = asyncio.get_running_loop()
            _, client = await loop.create_connection(Client, "127.0.0.1", self.job.port)
        answer = await client.send(raw)
        if answer.closes:
            client.close()
        if answer.status != request.status:
            self.failures.append(f"{request.method} {request.path}: {answer.status} "
                                 f"{answer.body[:200]!r}")  # fmt: skip
            return client, None
        return client, answer


def run(job: Job) -> Result:
    """In a process of its own. Raises RuntimeError where an answer was not as expected."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=msgspec.json.encode(job), stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"the load generator ended with {done.returncode}")
    result = msgspec.json.decode(done.stdout, type=Result)
    if result.failures:
        raise RuntimeError(f"answers that were not expected: {result.failures}")
    return result


def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    if job.cpu is not None:
        os.sched_setaffinity(0, {job.cpu})
    result = uvloop.run(Runner(job).run())
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
