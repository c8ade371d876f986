"""Servers for vendors' clients to live on, and the environments that these are installed in."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from tests.e2e.guests import Login, kill_guests
from tests.e2e.servers import ServerProcess, own_addresses

REPOSITORY = Path(__file__).parents[2]
CLIENTS = REPOSITORY / ".clients"
HERE = Path(__file__).parent
LIVES = HERE / "vultr" / "lives"
# What lives have in common, for interpreters that know nothing of this repository.
SHARED = HERE / "lives"
REGION, SYSTEM, SYSTEM_NAME = "ewr", 9001, "Atoll mini x64"
# Vendors' disks are large, and hardly anything is written to them here.
SPARSE = ("--disk-overcommit", "20")


@dataclass(frozen=True)
class Stage:
    """What a life is told: `login` is the file of a private key, or empty where guests are only
    pretended."""

    port: int
    key: str
    public_key: str
    login: str = ""
    region: str = REGION
    os_id: int = SYSTEM
    type: str = ""


def real_stage(
    make_folder: Callable[[str], Path], *options: str, type_: str = ""
) -> Iterator[Stage]:
    """A cloud of real guests, which are gone afterwards."""
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("QEMU is not installed: apt-get install qemu-system-x86 qemu-utils")
    state = make_folder("cloud") / "state"
    server = ServerProcess(state, "--driver", "qemu", *SPARSE, *own_addresses(), *options)
    server.start()
    login = Login(make_folder("login"))
    yield Stage(
        port=server.port, key=server.key, public_key=login.public_key, login=str(login.key),
        type=type_,
    )  # fmt: skip
    server.kill()
    kill_guests(state)


def live(life: Path, stage: Stage, home: str = "python", **environment: str) -> None:
    """A life of Python, to its end, in the environment that this client is installed in."""
    words: list[str | Path] = [CLIENTS / home / "bin/python", life]
    told = {"PATH": os.defpath, "PYTHONPATH": str(SHARED), **environment}
    run(words, told=json.dumps(asdict(stage)), environment=told)


def play(stage: Stage, home: Path) -> None:
    """The life of Ansible."""
    variables = {
        "system": SYSTEM_NAME, "public_key": stage.public_key, "region": stage.region,
        "login": stage.login,
    }  # fmt: skip
    environment = {
        "PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8",
        "VULTR_API_ENDPOINT": f"http://127.0.0.1:{stage.port}/v2", "VULTR_API_KEY": stage.key,
        "ANSIBLE_COLLECTIONS_PATH": str(CLIENTS / "collections"),
        "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_HOST_KEY_CHECKING": "false",
    }  # fmt: skip
    playbook = LIVES / "ansible_life.yml"
    words = [CLIENTS / "ansible/bin/ansible-playbook", "-e", json.dumps(variables), playbook]
    run(words, environment=environment)


def run(
    words: list[str | Path], *, told: str = "", environment: dict[str, str] | None = None
) -> None:
    done = subprocess.run(
        words, input=told, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
