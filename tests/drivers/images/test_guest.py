"""The images that we build, booted: what a seed asks for is there when the guest says `ready`."""

import json
import sys
from pathlib import Path

import anyio
import pytest

from atoll.drivers.images.build import Recipes
from atoll.drivers.images.cache import RecipeCache
from tests.drivers.images.bare_guest import NETWORK, PRIVATE_IP, Guest, booted, make_key, write_seed

pytestmark = pytest.mark.qemu

RECIPES = Path(__file__).parents[3] / "images"
PASSWORD_HASH = (
    "$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g."
)
SCRIPT = b'#!/bin/sh\necho "$(hostname) $(date +%s)" >> /root/effect\nexit 3\n'


def built(name: str) -> Path:
    cache = RecipeCache(
        Path.home() / ".cache/atoll/images", Recipes(RECIPES, python=sys.executable)
    )

    async def build() -> Path:
        folder, _ = await cache.ensure(name, lambda percent, words: None)
        return folder

    return anyio.run(build)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def seed_files(key: str, user_data: bytes, vendor: object) -> dict[str, bytes]:
    meta = {"instance-id": "i-1", "local-hostname": "box-1", "public-keys": [key]}
    return {
        "meta-data": as_json(meta),
        "user-data": user_data,
        "vendor-data": b"#cloud-config\n" + as_json(vendor),
        "network-config": as_json(NETWORK),
    }


def root_gib(guest: Guest) -> int:
    return int(guest.ssh("df -k / | tail -n 1 | awk '{ print $2 }'")) >> 20


def test_a_mini_guest_is_what_its_seed_says_on_every_boot(tmp_path: Path) -> None:
    vendor = {"chpasswd": {"expire": False, "list": [f"root:{PASSWORD_HASH}"]}}
    files = seed_files(make_key(tmp_path), SCRIPT, vendor)
    seed = write_seed(tmp_path / "seed.iso", files)
    with booted(tmp_path, built("atoll-mini"), seed) as guest:
        guest.wait_ready()
        effect = guest.ssh("cat /root/effect")
        assert effect.startswith("box-1 ")
        assert guest.ssh("hostname") == "box-1"
        assert 78 <= root_gib(guest) <= 80
        assert PRIVATE_IP in guest.ssh("ip -4 addr show eth0")
        assert "via 10.9.0.2" in guest.ssh("ip route show default")
        assert "10.9.0.3" in guest.ssh("cat /etc/resolv.conf")
        assert guest.ssh("cut -d: -f2 /etc/shadow | head -n 1") == PASSWORD_HASH
        assert "ended with code 3" in guest.console()
        for options in ([], ["-O"]):  # by sftp, and by the old protocol
            guest.copy_in(seed, "/tmp/copy", *options)
            assert guest.ssh("wc -c < /tmp/copy") == str(seed.stat().st_size)
        host_key = guest.ssh("sha256sum /etc/dropbear/host_key")
        guest.ssh("reboot")
        guest.wait_ready()
        assert guest.ssh("cat /root/effect") == effect
        assert guest.ssh("sha256sum /etc/dropbear/host_key") == host_key
        guest.press_power_button()


def test_a_mini_guest_understands_a_cloud_config_in_yaml(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    user_data = f"""#cloud-config
hostname: other-name.example.com
ssh_authorized_keys:
  - {key}
write_files:
  - path: /etc/app/settings
    permissions: '0640'
    content: |
      name: it's "quoted" $HOME
  - {{path: /root/decoded, encoding: b64, content: aGVsbG8K}}
runcmd:
  - echo "$((6 * 7))" > /root/answer
  - [sh, -c, 'printf %s "$1" > /root/argument', sh, "it's one; argument"]
""".encode()
    files = seed_files(key, user_data, {"runcmd": ["echo vendor > /root/vendor"]})
    files["meta-data"] = b"instance-id: i-2\nlocal-hostname: box-2\n"
    del files["network-config"]  # by DHCP
    seed = write_seed(tmp_path / "seed.iso", files)
    with booted(tmp_path, built("atoll-mini"), seed, disk_gib=1) as guest:
        guest.wait_ready()
        assert guest.ssh("hostname") == "other-name"
        assert "127.0.1.1 other-name.example.com other-name" in guest.ssh("cat /etc/hosts")
        assert guest.ssh("cat /etc/app/settings") == 'name: it\'s "quoted" $HOME'
        assert guest.ssh("stat -c %a /etc/app/settings") == "640"
        assert guest.ssh("cat /root/decoded /root/answer /root/vendor") == "hello\n42\nvendor"
        assert guest.ssh("cat /root/argument") == "it's one; argument"
        assert PRIVATE_IP in guest.ssh("ip -4 addr show eth0")


@pytest.mark.long
def test_a_debian_guest_is_what_its_seed_says(tmp_path: Path) -> None:
    vendor = {"disable_root": False}
    files = seed_files(make_key(tmp_path), SCRIPT, vendor)
    seed = write_seed(tmp_path / "seed.iso", files)
    with booted(tmp_path, built("debian-12"), seed, disk_gib=20) as guest:
        guest.wait_ready()
        assert guest.ssh("hostname") == "box-1"
        assert guest.ssh("cat /root/effect").startswith("box-1 ")
        assert 18 <= root_gib(guest) <= 20
        assert PRIVATE_IP in guest.ssh("ip -4 addr show eth0")
        assert guest.ssh("systemctl is-active systemd-networkd ssh") == "active\nactive"
        assert "passwordauthentication no" in guest.ssh("sshd -T")
        guest.press_power_button()
