"""The seed as a guest reads it."""

import json
import os
import subprocess
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from pycdlib import PyCdlib

from atoll.domain.errors import DriverRefused
from atoll.drivers.qemu import seed
from atoll.messages import NicSpec, SeedSpec
from tests.drivers.qemu.test_command_line import guest

KEY = "ssh-ed25519 AAAAC3Nza me@here"


def read(image: bytes, name: str) -> bytes:
    iso = PyCdlib()
    iso.open_fp(BytesIO(image))
    content = BytesIO()
    iso.get_file_from_iso_fp(content, rr_path=f"/{name}")
    iso.close()
    return content.getvalue()


def built(**changes: Any) -> bytes:
    wish = SeedSpec(hostname="web-1", ssh_keys=(KEY,))
    return seed.build(replace(guest(), seed=replace(wish, **changes)))


def vendor_data(image: bytes) -> dict[str, Any]:
    head, _, body = read(image, "vendor-data").partition(b"\n")
    assert head == b"#cloud-config"
    config: dict[str, Any] = json.loads(body)
    return config


def test_it_is_labelled_as_nocloud_looks_for_it() -> None:
    image = built()
    assert image[32808 : 32808 + 32].decode().strip() == "cidata"


def test_the_names_are_there_with_joliet_too() -> None:
    iso = PyCdlib()
    iso.open_fp(BytesIO(built()))
    names = {
        entry.file_identifier().decode("utf-16-be")
        for entry in iso.list_children(joliet_path="/")
        if not entry.is_dot() and not entry.is_dotdot()
    }
    iso.close()
    assert names == {"meta-data", "user-data", "vendor-data", "network-config"}


def test_the_meta_data_has_identity_and_keys() -> None:
    meta = json.loads(read(built(), "meta-data"))
    assert meta == {
        "instance-id": guest().id,
        "local-hostname": "web-1",
        "public-keys": [KEY],
    }


@pytest.mark.parametrize(
    "data", [b"#!/bin/sh\necho hi\n", b"#cloud-config\n{}\n", bytes(range(256)), b"\x1f\x8b\x08zip"]
)
def test_user_data_arrives_as_it_was_given(data: bytes) -> None:
    assert read(built(user_data=b64encode(data).decode()), "user-data") == data


def test_of_a_full_name_the_guest_is_told_all() -> None:
    image = built(hostname="web-1", fqdn="web-1.example.com")
    assert json.loads(read(image, "meta-data"))["local-hostname"] == "web-1.example.com"


def test_user_data_that_is_not_base64_is_refused() -> None:
    with pytest.raises(DriverRefused, match="base64"):
        built(user_data="#!/bin/sh")


def test_without_user_data_there_is_an_empty_cloud_config() -> None:
    assert read(built(), "user-data") == b"#cloud-config\n{}\n"


def test_keys_reach_root_and_passwords_are_shut_out_where_none_is_set() -> None:
    config = vendor_data(built())
    assert config["ssh_authorized_keys"] == [KEY]
    assert config["disable_root"] is False
    assert config["ssh_pwauth"] is False
    assert "chpasswd" not in config


def test_a_password_is_handed_over_as_the_hash_that_it_is() -> None:
    config = vendor_data(built(password_hash="$6$salt$hash"))
    assert config["ssh_pwauth"] is True
    assert config["chpasswd"]["users"] == [
        {"name": "root", "password": "$6$salt$hash", "type": "hash"}
    ]


def test_a_hostile_value_stays_a_value() -> None:
    hostile = 'x"\nruncmd: [reboot]\n#'
    image = built(hostname=hostile, ssh_keys=(hostile,))
    assert json.loads(read(image, "meta-data"))["local-hostname"] == hostile
    assert vendor_data(image)["ssh_authorized_keys"] == [hostile]


def test_no_character_is_written_as_only_json_can_read_it() -> None:
    text = seed.as_json({"comment": "smile 😀 \x7f\x85"}).decode()
    assert "😀" in text, "YAML knows no surrogate pairs"
    assert "\\u007f\\u0085" in text, "YAML allows these escaped only"


def test_the_network_is_static_and_found_by_mac() -> None:
    nic = NicSpec(mac="52:54:00:00:00:09", private_ip="10.1.2.9", subnet_cidr="10.1.2.0/24")
    (ethernet,) = seed.network_config(nic)["ethernets"].values()
    assert ethernet == {
        "match": {"macaddress": "52:54:00:00:00:09"},
        "addresses": ["10.1.2.9/24"],
        "routes": [{"to": "0.0.0.0/0", "via": "10.1.2.2"}],
        "nameservers": {"addresses": ["10.1.2.3"]},
    }


def test_a_further_nic_has_its_addresses_and_no_way_out() -> None:
    wish = replace(
        guest(),
        nics=(
            NicSpec(
                mac="52:54:00:00:00:0a",
                private_ip="10.2.0.5",
                subnet_cidr="10.2.0.0/16",
                ipv6="fd00::5",
            ),
        ),
    )
    config = json.loads(read(seed.build(wish), "network-config"))
    assert config["ethernets"]["nic1"] == {
        "match": {"macaddress": "52:54:00:00:00:0a"},
        "addresses": ["10.2.0.5/16", "fd00::5/64"],
    }


def renewed(tmp_path: Path, instance: str) -> str:
    """What is left of the files below a root after a boot of this instance."""
    script = seed.RENEW_IDENTITY
    for folder in ("/etc/", "/var/"):
        script = script.replace(folder, f"{tmp_path}{folder}")
    tools = tmp_path / "tools"
    tools.mkdir(exist_ok=True)
    for name, does in (
        ("systemctl", "exit 0"),
        ("systemd-machine-id-setup", f"echo new >{tmp_path}/etc/machine-id"),
    ):
        (tools / name).write_text(f"#!/bin/sh\n{does}\n")
        (tools / name).chmod(0o755)
    command = ["sh", "-c", script, "sh", instance]
    path = f"{tools}:{os.environ['PATH']}"
    subprocess.run(command, check=True, env={"PATH": path})
    return (tmp_path / "etc/machine-id").read_text().strip()


def test_a_copy_of_a_disk_becomes_a_machine_of_its_own_once(tmp_path: Path) -> None:
    (tmp_path / "etc/iscsi").mkdir(parents=True)
    (tmp_path / "var/lib/dhcp").mkdir(parents=True)
    lease, name = tmp_path / "var/lib/dhcp/eth0.leases", tmp_path / "etc/iscsi/initiatorname.iscsi"
    for file in (tmp_path / "etc/machine-id", lease, name):
        file.write_text("first")
    assert [renewed(tmp_path, "inst-1") for _ in range(2)] == ["first", "first"]
    assert lease.read_text() == name.read_text() == "first"
    assert renewed(tmp_path, "inst-2") == "new", "made from a snapshot of the first"
    assert not lease.exists()
    assert name.read_text() == "GenerateName=yes\n"
    (tmp_path / "etc/machine-id").write_text("second")
    assert renewed(tmp_path, "inst-2") == "second", "at its next boot it stays what it is"


def test_the_guest_is_told_whose_machine_it_is() -> None:
    first = vendor_data(built())["bootcmd"][0]
    assert first == ["sh", "-c", seed.RENEW_IDENTITY, "sh", guest().id]
