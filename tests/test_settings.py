"""What is set by options and by the environment."""

from pathlib import Path
from typing import Any

import pytest

from atoll.domain.accelerators import Device
from atoll.settings import Settings, read
from atoll.state_dir import StateDir

CARD = Device(kind="nvidia-rtx-3090", address="0000:65:00.0")
OTHER = Device(kind="nvidia-a16", address="0000:17:00.0")


def settings(*arguments: str, **environment: str) -> Settings:
    return read(arguments, {"HOME": "/root", **environment})


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str, **environment: str) -> str:
    with pytest.raises(SystemExit):
        settings(*arguments, **environment)
    return capsys.readouterr().err


def test_accelerators_are_named_again_and_again() -> None:
    given = settings(
        "--accelerator", "nvidia-rtx-3090=0000:65:00.0", "--accelerator", "nvidia-a16=17:00.0"
    )
    assert given.devices_of("any") == (CARD, OTHER)


def test_the_environment_names_them_with_commas_unless_an_option_does() -> None:
    words: Any = {"ATOLL_ACCELERATOR": "nvidia-rtx-3090=65:00.0, nvidia-a16=17:00.0"}
    assert settings(**words).devices_of("any") == (CARD, OTHER)
    assert settings("--accelerator", "nvidia-a16=17:00.0", **words).devices_of("any") == (OTHER,)
    assert settings().devices_of("any") == ()


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ("--disk-overcommit", "0.5"), ("--disk-overcommit", "nan"), ("--disk-overcommit", "much"),
        ("--disk-overcommit", "101"), ("--disk-reserve-mib", "-1"), ("--disk-reserve-mib", "2G"),
    ],
)  # fmt: skip
def test_an_impossible_promise_of_disk_space_is_refused_by_its_option(
    option: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refusal(capsys, f"{option}={word}")
    assert option in told
    assert repr(word) in told


def test_disk_space_is_promised_twice_unless_said_otherwise() -> None:
    assert (settings().disk_overcommit, settings().disk_reserve_mib) == (2.0, 2048)
    words: Any = {"ATOLL_DISK_OVERCOMMIT": "1.5", "ATOLL_DISK_RESERVE_MIB": "0"}
    assert (settings(**words).disk_overcommit, settings(**words).disk_reserve_mib) == (1.5, 0)


def test_a_simulated_host_may_have_its_own() -> None:
    given = settings(
        "--driver", "simulator", "--accelerator", "nvidia-rtx-3090=65:00.0",
        "--accelerator", "nvidia-a16=17:00.0@sim-2",
    )  # fmt: skip
    assert given.devices_of("sim-1") == (CARD,)
    assert given.devices_of("sim-2") == (CARD, OTHER)


@pytest.mark.parametrize(
    "word", ["65:00.0", "nvidia=", "NVIDIA=65:00.0", "a=65:00.9", "a=65:00.0@", "a=b=65:00.0"]
)
def test_what_is_no_accelerator_is_told_how_to_write_it(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "KIND=ADDRESS, as in nvidia-rtx-3090=0000:65:00.0"
    assert told in refusal(capsys, "--accelerator", word)
    assert told in refusal(capsys, ATOLL_ACCELERATOR=word)


def test_a_device_is_of_one_kind_and_real_hosts_have_no_names_here(
    capsys: pytest.CaptureFixture[str],
) -> None:
    twice = ("--accelerator", "a=65:00.0", "--accelerator", "b=0000:65:00.0")
    assert "given twice" in refusal(capsys, *twice)
    assert "only simulated hosts" in refusal(capsys, "--accelerator", "a=65:00.0@sim-1")


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_a_port_that_cannot_be_is_refused_in_one_line(
    port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, f"--port={port}").splitlines()
    assert said[0] == f"atoll: argument --port: 1 to 65535 is allowed, not '{port}'"
    assert len(said) == 2


def test_a_wrong_option_is_named_first_and_not_below_all_options(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert refusal(capsys, "--prot").splitlines()[0] == "atoll: unrecognized arguments: --prot"


def test_a_state_directory_that_cannot_be_made_is_named() -> None:
    with pytest.raises(RuntimeError, match="cannot use the state directory /proc/x"):
        StateDir(Path("/proc/x")).open()
