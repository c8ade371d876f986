"""A cloud of simulated hosts behind a real HTTP server, in a thread of the test's process."""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

import uvicorn

from atoll.roots.all_in_one import Cloud
from atoll.roots.control import DATABASE_FILE
from atoll.roots.http_protocol import CONNECTIONS_MAX, Doors, bounded
from atoll.roots.http_server import WEBSOCKETS, CloudServer
from atoll.settings import Settings
from atoll.state_dir import StateDir
from atoll.store.postgres import PostgresStore
from atoll.store.sqlite import SqliteStore
from tests.api.client import Api
from tests.support.postgres import free_port
from tests.support.stores import fresh_file, share_compiled

STOP_S = 20
T = TypeVar("T")


class Server(CloudServer):
    """Says when it listens, or when it ended before."""

    def __init__(self, config: uvicorn.Config, cloud: Cloud) -> None:
        super().__init__(config, cloud.start, cloud.stop)
        self.told = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.told.set()


class RunningCloud:
    """Runs in its context. Can be stopped and started again on the same state directory, as after a
    reboot."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.directory = directory
        self._settings = Settings(
            state=directory / "state",
            cli_config=directory / "cli.json",
            recipes=directory / "recipes",
            image_cache=directory / "cache",
            driver="simulator",
            **settings,
        )

    def start(self) -> None:
        self._state = StateDir(self._settings.state)
        self._state.open()
        database = self._settings.state / DATABASE_FILE
        if self._settings.database is None and not database.exists():
            fresh_file(database).chmod(0o600)
        self.cloud = Cloud(self._settings, self._state)
        store = self.cloud.control.store
        assert isinstance(store, SqliteStore | PostgresStore)
        share_compiled(store)
        self.front = self.cloud.front()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.doors = Doors(CONNECTIONS_MAX)
        config = uvicorn.Config(
            self.front, host="127.0.0.1", port=port, loop="asyncio", http=bounded(self.doors),
            lifespan="off", access_log=False, log_level="error", timeout_graceful_shutdown=1,
            **WEBSOCKETS,
        )  # fmt: skip
        self._server = Server(config, self.cloud)
        self._thread = threading.Thread(target=self._run, name="cloud", daemon=True)
        self._thread.start()
        assert self._server.told.wait(STOP_S), "the server does not begin to listen"
        assert self._server.started, "the server ended before it listened"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(STOP_S)
        assert not self._thread.is_alive(), "the server does not end"
        self._state.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def restart(self) -> None:
        self.stop()
        self.start()

    def api(self, key: str | None = None) -> Api:
        """A client with this key; the admin key of the first start without one."""
        return Api(self.url, key or self.admin_key)

    @property
    def admin_key(self) -> str:
        key = self._state.admin_key()
        assert key is not None, "a cloud that was started has an admin key"
        return key

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Carries something out where the cloud itself runs."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(STOP_S)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        closing = asyncio.create_task(self.doors.run())
        await self._server.serve()
        closing.cancel()
