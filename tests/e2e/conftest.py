"""Servers with real guests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.guests import Login, kill_guests
from tests.e2e.servers import ServerProcess, own_addresses


@pytest.fixture(scope="module")
def qemu_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("QEMU is not installed: apt-get install qemu-system-x86 qemu-utils")
    state = tmp_path_factory.mktemp("cloud") / "state"
    server = ServerProcess(state, "--driver", "qemu", *own_addresses())
    server.start()
    yield server
    server.kill()
    kill_guests(state)


@pytest.fixture(scope="module")
def login(qemu_server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Login:
    """A key that the server knows as `me`."""
    made = Login(Path(tmp_path_factory.mktemp("login")))
    spec = {"public_key": made.public_key}
    body = {"metadata": {"name": "me"}, "spec": spec}
    assert qemu_server.ask("POST", "/v1/ssh-keys", body)[0] == 201
    return made
