"""The examples, run as they stand against a server that simulates its guests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocp_agent import OCPAgent
from tests.e2e.servers import ServerProcess
from tests.test_tidy import REPOSITORY


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which the examples find it."""
    state = tmp_path_factory.mktemp("cloud") / "state"
    server = ServerProcess(state, "--driver", "simulator")
    server.start()
    yield {
        "ATOLL_URL": f"http://127.0.0.1:{server.port}",
        "ATOLL_KEY_FILE": str(state / "admin.key"),
    }
    server.stop()


def ended(
    example: str, environment: dict[str, str], home: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, REPOSITORY / "examples" / f"{example}.py", *arguments],
        env={**os.environ, **environment, "HOME": str(home)}, cwd=home,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def run(example: str, environment: dict[str, str], home: Path) -> list[str]:
    done = ended(example, environment, home)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("example", ["native", "create_snapshot", "reinstall_instance"])
def test_an_example_without_a_key_says_in_a_sentence_where_one_comes_from(
    example: str, tmp_path: Path
) -> None:
    done = ended(example, {}, tmp_path)
    assert done.returncode == 1 and "make demo" in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"), [((), 2, "npm pack"), (("none.json",), 1, "none.json")]
)
def test_an_example_without_its_document_says_so(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    done = ended("github", {}, tmp_path, *arguments)
    assert done.returncode == code and said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def instance(cloud: dict[str, str], tmp_path: Path) -> str:
    agent = OCPAgent()
    key = Path(cloud["ATOLL_KEY_FILE"]).read_text()
    agent.register_api("atoll", f"{cloud['ATOLL_URL']}/openapi.json", auth=key)
    first = [agent.call_tool(name).json()["items"][0]["id"] for name in ("listTypes", "listImages")]
    wish = {"metadata": {"name": tmp_path.name}, "spec": {"type": first[0], "image": first[1]}}
    made = agent.call_tool("createInstance", wish, wait=True)
    assert made.waited is not None and made.waited.succeeded
    identifier: str = made.json()["id"]
    return identifier


def test_an_instance_is_made_and_deleted(cloud: dict[str, str], tmp_path: Path) -> None:
    said = run("native", cloud, tmp_path)
    assert said[-3:] == [f"POST {cloud['ATOLL_URL']}/v1/instances", "running", "completed"]


def test_the_tool_pages_code_makes_a_snapshot(
    cloud: dict[str, str], instance: str, tmp_path: Path
) -> None:
    assert run("create_snapshot", cloud, tmp_path) == ["complete"]


def test_the_tool_pages_code_reinstalls(
    cloud: dict[str, str], instance: str, tmp_path: Path
) -> None:
    assert run("reinstall_instance", cloud, tmp_path) == ["ok"]


def test_the_registrys_answer_serves_as_well_as_the_document(
    cloud: dict[str, str], instance: str, tmp_path: Path
) -> None:
    registry = {"OCP_REGISTRY_URL": cloud["ATOLL_URL"]}
    assert run("create_snapshot", cloud | registry, tmp_path) == ["complete"]
