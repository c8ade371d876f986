"""What a guest reads at its first boot: a NoCloud seed, an ISO image labelled `cidata`.

Called when a guest starts. The user's data goes in as it is; what is ours goes beside it, as
vendor data, which cloud-init merges beneath it. All our values pass through a JSON writer (JSON is
YAML): no name, key or password ever gets into a template.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from io import BytesIO
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface
from typing import Any

from pycdlib import PyCdlib

from atoll.domain.errors import DriverRefused
from atoll.drivers.qemu.command_line import READY_PORT
from atoll.messages import GuestSpec, NicSpec, SeedSpec

LABEL = "cidata"
IPV6_PREFIX_LENGTH = 64
ISO_INTERCHANGE_LEVEL = 3
CLOUD_CONFIG = b"#cloud-config\n"
# What JSON allows as it is and YAML only escaped.
ESCAPES = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
ROOT_LOGIN_FILE = "/etc/ssh/sshd_config.d/10-atoll-root.conf"

# At every boot: once cloud-init is through, tell the host, unless the image does so by itself.
REPORT_READY = (
    "systemctl cat atoll-ready.service >/dev/null 2>&1 || "
    "systemd-run --no-block --unit=atoll-report-ready --property=After=cloud-final.service "
    f"/bin/sh -c 'echo ready > /dev/virtio-ports/{READY_PORT}'"
)


def build(guest: GuestSpec) -> bytes:
    """The seed's ISO image. Raises DriverRefused where the user data is not base64."""
    return iso(
        {
            "meta-data": as_json(meta_data(guest.id, guest.seed)),
            "user-data": user_data(guest.seed),
            "vendor-data": CLOUD_CONFIG + as_json(vendor_data(guest.seed)),
            "network-config": as_json(network_config(guest.nic, *guest.nics)),
        }
    )


def meta_data(guest_id: str, seed: SeedSpec) -> dict[str, Any]:
    return {
        "instance-id": guest_id,
        "local-hostname": seed.hostname,
        "public-keys": list(seed.ssh_keys),
    }


def user_data(seed: SeedSpec) -> bytes:
    """NoCloud needs the file even where the user gave nothing."""
    try:
        return base64.b64decode(seed.user_data, validate=True) or CLOUD_CONFIG + b"{}\n"
    except binascii.Error as error:
        raise DriverRefused(f"user_data is not base64: {error}") from error


def vendor_data(seed: SeedSpec) -> dict[str, Any]:
    """Keys reach the image's default user and, with `disable_root` false, root as well."""
    config: dict[str, Any] = {
        "ssh_authorized_keys": list(seed.ssh_keys),
        "disable_root": False,
        "ssh_pwauth": seed.password_hash is not None,
        "manage_etc_hosts": "localhost",
        "growpart": {"mode": "auto", "devices": ["/"]},
        "resize_rootfs": True,
        "bootcmd": [["sh", "-c", REPORT_READY]],
    }
    if seed.password_hash is not None:
        root = {"name": "root", "password": seed.password_hash, "type": "hash"}
        config["chpasswd"] = {"expire": False, "users": [root]}
        config["write_files"] = [{"path": ROOT_LOGIN_FILE, "content": "PermitRootLogin yes\n"}]
    return config


def network_config(nic: NicSpec, *further: NicSpec) -> dict[str, Any]:
    """Netplan's version 2. The gateway and the name server stand at the subnet's second and third
    address in every network of ours; the way out is through the first NIC."""
    subnet = IPv4Network(nic.subnet_cidr)
    first = ethernet(nic) | {
        "routes": [{"to": "0.0.0.0/0", "via": str(subnet[2])}],
        "nameservers": {"addresses": [str(subnet[3])]},
    }
    others = {f"nic{number}": ethernet(other) for number, other in enumerate(further, 1)}
    return {"version": 2, "ethernets": {"nic0": first, **others}}


def ethernet(nic: NicSpec) -> dict[str, Any]:
    subnet = IPv4Network(nic.subnet_cidr)
    addresses = [str(IPv4Interface(f"{nic.private_ip}/{subnet.prefixlen}"))]
    if nic.ipv6 is not None:
        addresses.append(str(IPv6Interface(f"{nic.ipv6}/{IPV6_PREFIX_LENGTH}")))
    return {"match": {"macaddress": nic.mac}, "addresses": addresses}


def as_json(value: Any) -> bytes:
    """JSON that is YAML too: not so the surrogate pairs that a JSON writer makes of emoji."""
    text = json.dumps(value, indent=1, ensure_ascii=False).translate(ESCAPES)
    return text.encode() + b"\n"


def iso(files: Mapping[str, bytes]) -> bytes:
    """An ISO 9660 image with Rock Ridge and Joliet names."""
    image = PyCdlib()
    image.new(interchange_level=ISO_INTERCHANGE_LEVEL, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    for number, (name, content) in enumerate(files.items()):
        image.add_fp(
            BytesIO(content),
            len(content),
            f"/FILE{number}.;1",
            rr_name=name,
            joliet_path=f"/{name}",
        )
    written = BytesIO()
    image.write_fp(written)
    image.close()
    return written.getvalue()
