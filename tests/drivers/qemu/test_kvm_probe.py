"""The verdict on /dev/kvm."""

import os
from pathlib import Path

import pytest

from atoll.domain.errors import DriverRefused
from atoll.drivers.qemu import kvm_probe
from atoll.drivers.qemu.kvm_probe import ProbeResult, boot_sector, judge, probe, run_probe
from atoll.drivers.qemu.process import Privileges, find_program
from tests.contract.drivers import GUEST_UID

pytestmark = pytest.mark.anyio


def test_the_probes_boot_sector_is_one() -> None:
    sector = boot_sector()
    assert len(sector) == 512
    assert sector.endswith(b"\x55\xaa")


@pytest.mark.qemu
async def test_the_probe_guest_gets_through_to_64_bits() -> None:
    assert await run_probe("tcg", Privileges(uid=GUEST_UID), limit_s=30) is None


@pytest.mark.qemu
async def test_a_probe_guest_that_does_not_come_through_is_an_obstacle() -> None:
    assert "was not through" in str(await run_probe("tcg", Privileges(), limit_s=0.001))
    assert "ended with 1" in str(await run_probe("no-such-accelerator", Privileges(), limit_s=30))


async def test_an_open_kvm_without_the_processors_flag_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kvm_probe, "KVM", Path(os.devnull))
    monkeypatch.setattr(kvm_probe, "has_cpu_flag", lambda: False)
    verdict = await judge(None)
    assert (verdict.accelerator, verdict.emulated) == ("tcg", True)
    assert "neither vmx nor svm" in verdict.reason


async def test_the_verdict_is_remembered_until_kernel_or_qemu_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[int | None] = []

    async def count(guest_uid: int | None) -> ProbeResult:
        judged.append(guest_uid)
        return ProbeResult(accelerator="tcg", emulated=True, reason="counted")

    monkeypatch.setattr(kvm_probe, "judge", count)
    first = await probe(tmp_path / "state", None)
    assert await probe(tmp_path / "state", None) == first
    assert len(judged) == 1
    monkeypatch.setattr(kvm_probe, "identity", lambda _: "another kernel")
    await probe(tmp_path / "state", None)
    assert len(judged) == 2


async def test_a_spoilt_file_is_judged_anew(tmp_path: Path) -> None:
    (tmp_path / kvm_probe.VERDICT_FILE).write_text("{")
    assert kvm_probe.recall(tmp_path / kvm_probe.VERDICT_FILE) is None


def test_a_missing_program_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DriverRefused, match="apt-get install qemu-system-x86 qemu-utils"):
        find_program("qemu-system-x86_64")
