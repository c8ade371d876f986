"""Volumes, snapshots and reinstallation, through the API, looked at from inside real guests."""

import time
from typing import Any

import pytest

from tests.e2e.guests import Login, until_ready
from tests.e2e.servers import ServerProcess

pytestmark = pytest.mark.qemu
SPEC = {"type": "mini", "image": "atoll-mini", "ssh_key_ids": ["me"], "memory_mb": 128}
SEEN_S_MAX = 15
CHOSEN = "correct-horse-battery-staple"


class Cloud:
    """The server, with a login to its guests."""

    def __init__(self, server: ServerProcess, login: Login) -> None:
        self.server = server
        self.login = login

    def created(self, name: str, **spec: Any) -> Any:
        body = {"metadata": {"name": name}, "spec": SPEC | spec}
        status, instance = self.server.ask("POST", "/v1/instances", body)
        assert status == 201, instance
        self.ended(instance["operation_id"])
        return until_ready(self.server, instance["id"])

    def done(self, method: str, path: str, body: Any = None) -> Any:
        """A request, and the end of its operation."""
        status, answer = self.server.ask(method, path, body)
        assert status in {200, 201, 202}, answer
        self.ended(answer["operation_id"])
        return answer

    def ended(self, operation_id: str) -> None:
        operation = self.server.ended(operation_id)
        assert operation["status"] == "completed", operation

    def run(self, instance: Any, command: str) -> str:
        return self.login.run(instance, command)

    def sees(self, instance: Any, command: str, wanted: str) -> None:
        """The guest notices what happens to its machine a moment later."""
        until = time.monotonic() + SEEN_S_MAX
        while (seen := self.run(instance, command)) != wanted:
            assert time.monotonic() < until, seen

    def now(self, instance: Any) -> Any:
        return until_ready(self.server, instance["id"])


@pytest.fixture(scope="module")
def cloud(qemu_server: ServerProcess, login: Login) -> Cloud:
    return Cloud(qemu_server, login)


@pytest.fixture(scope="module")
def web(cloud: Cloud) -> Any:
    return cloud.created("web", password=CHOSEN)


@pytest.fixture(scope="module")
def snapshot(cloud: Cloud, web: Any) -> Any:
    """Taken while the guest runs, between an earlier file and a later one."""
    cloud.run(web, "echo earlier > /root/earlier; sync")
    body = {"metadata": {"name": "between"}, "spec": {"instance_id": web["id"]}}
    made = cloud.done("POST", "/v1/snapshots", body)
    cloud.run(web, "echo later > /root/later; sync")
    return cloud.server.get(f"/v1/snapshots/{made['id']}")


def files(cloud: Cloud, instance: Any) -> str:
    return cloud.run(instance, "ls /root")


def test_root_logs_in_with_the_password_that_was_chosen(cloud: Cloud, web: Any) -> None:
    assert cloud.login.run_with_password(web, CHOSEN, "hostname") == "web"
    assert cloud.login.run_with_password(web, CHOSEN + "r", "hostname") == ""


def test_a_snapshot_does_not_disturb_its_guest(cloud: Cloud, web: Any, snapshot: Any) -> None:
    assert snapshot["status"]["state"] == "complete"
    assert snapshot["status"]["size_bytes"] > 0
    assert files(cloud, web) == "earlier\nlater"


def test_an_instance_made_from_a_snapshot_has_the_earlier_file_only(
    cloud: Cloud, snapshot: Any
) -> None:
    copy = cloud.created("copy", image=snapshot["id"])
    assert files(cloud, copy) == "earlier"
    assert cloud.run(copy, "hostname") == "copy"
    cloud.done("DELETE", f"/v1/instances/{copy['id']}")


def test_a_volume_appears_grows_and_leaves_while_the_guest_runs(cloud: Cloud, web: Any) -> None:
    body = {"metadata": {"name": "data"}, "spec": {"size_gb": 1, "instance_id": web["id"]}}
    volume = cloud.done("POST", "/v1/volumes", body)
    path = f"/v1/volumes/{volume['id']}"
    serial = volume["status"]["device"].removeprefix("virtio-")
    find = f"grep -l {serial} /sys/block/*/serial | cut -d/ -f4"
    cloud.sees(web, f"{find} | wc -l", "1")
    device = cloud.run(web, find)
    cloud.run(web, f"mke2fs -q /dev/{device} && mkdir /data && mount /dev/{device} /data")
    cloud.run(web, "echo kept > /data/kept; sync")
    cloud.done("POST", f"{path}/resize", {"size_gb": 2})
    cloud.sees(web, f"cat /sys/block/{device}/size", str(2 * 2**30 // 512))
    cloud.run(web, f"resize2fs /dev/{device} 2>/dev/null >&2; umount /data")
    cloud.done("POST", f"{path}/detach")
    cloud.sees(web, f"{find} | wc -l", "0")


def test_a_reinstalled_guest_keeps_its_address_and_its_volume_s_data(
    cloud: Cloud, web: Any
) -> None:
    cloud.done("POST", "/v1/volumes/data/attach", {"instance_id": web["id"]})
    body = {"hostname": "fresh", "generate_password": True}
    cloud.done("POST", f"/v1/instances/{web['id']}/reinstall", body)
    fresh = cloud.now(web)
    assert files(cloud, fresh) == ""
    assert cloud.run(fresh, "hostname") == "fresh"
    for part in ("public_ip", "private_ip", "volume_ids"):
        assert fresh["status"][part] == cloud.now(web)["status"][part]
    assert fresh["status"]["private_ip"] == web["status"]["private_ip"]
    serial = fresh["status"]["volume_ids"][0][-20:]
    device = cloud.run(fresh, f"grep -l {serial} /sys/block/*/serial | cut -d/ -f4")
    assert cloud.run(fresh, f"mkdir /data; mount /dev/{device} /data; cat /data/kept") == "kept"
    cloud.run(fresh, "umount /data")


def test_root_logs_in_with_the_password_of_the_reinstallation_and_no_other(
    cloud: Cloud, web: Any
) -> None:
    fresh = cloud.now(web)
    password = fresh["status"]["default_password"]
    assert cloud.login.run_with_password(fresh, password, "hostname") == "fresh"
    assert cloud.login.run_with_password(fresh, CHOSEN, "hostname") == ""


def test_a_restored_guest_has_the_earlier_file_only(cloud: Cloud, web: Any, snapshot: Any) -> None:
    path = f"/v1/instances/{web['id']}"
    cloud.done("POST", f"{path}/restore", {"snapshot_id": snapshot["id"]})
    assert files(cloud, cloud.now(web)) == "earlier"


def test_another_size_is_what_the_guest_has_then(cloud: Cloud, web: Any) -> None:
    body = {"vcpus": 2, "memory_mb": 256, "disk_gb": 3}
    cloud.done("POST", f"/v1/instances/{web['id']}/resize", body)
    bigger = cloud.now(web)
    assert cloud.run(bigger, "nproc") == "2"
    kib = int(cloud.run(bigger, "awk '/MemTotal/{print $2}' /proc/meminfo"))
    assert 0.75 * 256 * 1024 < kib <= 256 * 1024
    assert int(cloud.run(bigger, "cat /sys/block/vda/size")) * 512 == 3 * 2**30
    assert files(cloud, bigger) == "earlier"


def test_a_closed_port_opens_and_an_address_moves_while_the_guest_runs(
    cloud: Cloud, web: Any
) -> None:
    rules = [{"protocol": "tcp", "port": 22}, {"protocol": "tcp", "port": 8088}]
    group = {"metadata": {"name": "more"}, "spec": {"rules": rules[:1]}}
    assert cloud.server.ask("POST", "/v1/security-groups", group)[0] == 201
    path = f"/v1/instances/{web['id']}"
    changed = cloud.server.ask("PATCH", path, {"spec": {"security_groups": ["more"]}})[1]
    cloud.ended(changed["operation_id"])
    assert set(cloud.now(web)["status"]["ports"]) == {"tcp/22"}
    body = {"spec": {"rules": rules}}
    cloud.server.ask("PATCH", "/v1/security-groups/more", body)
    (told, *_) = cloud.server.all("/v1/operations?kind=instance.configure&order=desc")
    cloud.ended(told["id"])
    assert set(cloud.now(web)["status"]["ports"]) == {"tcp/22", "tcp/8088"}


def test_in_the_end_nothing_is_left(cloud: Cloud, web: Any, snapshot: Any) -> None:
    cloud.done("DELETE", f"/v1/instances/{web['id']}")
    assert cloud.server.get("/v1/volumes/data")["status"]["state"] == "available"
    cloud.done("DELETE", "/v1/volumes/data")
    cloud.done("DELETE", f"/v1/snapshots/{snapshot['id']}")
    for operation in cloud.server.all("/v1/operations?kind=volume.discard"):
        cloud.ended(operation["id"])
    for kept in ("volumes", "guests", "layers", "snapshots"):
        folder = cloud.server.state / kept
        assert not folder.exists() or list(folder.iterdir()) == [], kept
