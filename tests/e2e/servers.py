"""A server of its own process, as users run it: started, asked, killed, started again."""

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.postgres import free_port

START_S_MAX = 60
ANSWER_S_MAX = 90


def own_addresses() -> tuple[str, str]:
    """For guests whose ports a test names: of other servers on this machine, hardly any has guests
    there, and a port that is taken is another one."""
    return "--public-cidr", f"127.{secrets.randbelow(100) + 100}.{secrets.randbelow(256)}.0/24"


class ServerProcess:
    """`python -m atoll serve` on a state directory and a port of the test's own."""

    def __init__(self, state: Path, *options: str, port: int | None = None) -> None:
        self.state = state
        self.port = port or free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.state.parent / f"{self.state.name}.log").open("ab")
        home = self.state.parent / "home"
        home.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "atoll", "serve", "--state", self.state,
             "--port", str(self.port), *self._options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, "XDG_CONFIG_HOME": str(home)},
        )  # fmt: skip
        log.close()
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        until = time.monotonic() + START_S_MAX
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise AssertionError(f"the server ended:\n{self.log()[-3000:]}")
            try:
                if self.ask("GET", "/readyz", key=False)[0] == 200:
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"the server is not ready:\n{self.log()[-3000:]}")

    def kill(self) -> None:
        """As `kill -9` does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """As `kill` does. Answers the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=30)

    def log(self) -> str:
        return (self.state.parent / f"{self.state.name}.log").read_text()

    @property
    def key(self) -> str:
        return (self.state / "admin.key").read_text().strip()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        once: str | None = None,
        key: bool = True,
        timeout_s: float = ANSWER_S_MAX,
    ) -> tuple[int, Any]:
        """The status and the JSON of an answer. Raises OSError where the server is gone."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        headers = {"Content-Type": "application/json"}
        if key:
            headers["X-API-Key"] = self.key
        if once is not None:
            headers["Idempotency-Key"] = once
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            raw = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(raw) if is_json and raw else raw.decode(errors="replace")

    def get(self, path: str) -> Any:
        status, answer = self.ask("GET", path)
        assert status == 200, answer
        return answer

    def all(self, path: str) -> list[Any]:
        """Every page of a list."""
        found: list[Any] = []
        mark = "&" if "?" in path else "?"
        following: str | None = ""
        while following is not None:
            cursor = f"&cursor={following}" if following else ""
            page = self.get(f"{path}{mark}limit=1000{cursor}")
            found += page["items"]
            following = page["next"]
        return found

    def ended(self, operation_id: str) -> Any:
        """The operation when it has ended."""
        until = time.monotonic() + ANSWER_S_MAX
        while time.monotonic() < until:
            operation = self.get(f"/v1/operations/{operation_id}?wait=30")
            if operation["status"] in {"completed", "failed"}:
                return operation
        raise AssertionError(f"{operation_id} does not end: {operation}")
