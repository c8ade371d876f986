"""Builds the first-boot configuration of a guest: a NoCloud seed, an ISO image labelled `cidata`.

Called when a guest starts. User data is included unchanged; our configuration is separate vendor
data, to which cloud-init gives lower precedence. All our values are written as JSON (which is
YAML): names, keys and passwords are never inserted into a template.
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
# Characters that JSON allows unescaped but YAML does not.
ESCAPES = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
ROOT_LOGIN_FILE = "/etc/ssh/sshd_config.d/10-atoll-root.conf"

# At every boot: report ready when cloud-init has finished, unless the image does so itself.
REPORT_READY = (
    "systemctl cat atoll-ready.service >/dev/null 2>&1 || "
    "systemd-run --no-block --unit=atoll-report-ready --property=After=cloud-final.service "
    f"/bin/sh -c 'echo ready > /dev/virtio-ports/{READY_PORT}'"
)
# At every boot: note whose machine this is. On a copy of another instance's disk, remove what makes
# a machine itself: its id, which DHCP clients and journals use too, its random seed, its leases,
# and its iSCSI name. Host keys and host name are cloud-init's.
OWNER = "/var/lib/atoll/instance-id"
RENEW_IDENTITY = f"""
old=$(cat {OWNER} 2>/dev/null)
[ "$old" != "$1" ] || exit 0
if [ -n "$old" ]; then
    rm -f /etc/machine-id /var/lib/dbus/machine-id /var/lib/systemd/random-seed
    rm -f /var/lib/dhcp/*.leases /var/lib/NetworkManager/*.lease /var/lib/NetworkManager/secret_key
    systemd-machine-id-setup || dbus-uuidgen --ensure=/etc/machine-id
    [ ! -e /etc/iscsi/initiatorname.iscsi ] ||
        echo GenerateName=yes >/etc/iscsi/initiatorname.iscsi
    systemctl --no-block try-restart systemd-journald.service
fi
mkdir -p {OWNER.rpartition("/")[0]} && echo "$1" >{OWNER}
"""


def build(guest: GuestSpec) -> bytes:
    """Build the ISO image of the seed. Raises DriverRefused if the user data is not base64."""
    return iso(
        {
            "meta-data": as_json(meta_data(guest.id, guest.seed)),
            "user-data": user_data(guest.seed),
            "vendor-data": CLOUD_CONFIG + as_json(vendor_data(guest.id, guest.seed)),
            "network-config": as_json(network_config(guest.nic, *guest.nics)),
        }
    )


def meta_data(guest_id: str, seed: SeedSpec) -> dict[str, Any]:
    """Of a full name, cloud-init takes the first part as the host name, and writes both to
    /etc/hosts."""
    return {
        "instance-id": guest_id,
        "local-hostname": seed.fqdn or seed.hostname,
        "public-keys": list(seed.ssh_keys),
    }


def user_data(seed: SeedSpec) -> bytes:
    """Return the user data. NoCloud requires the file even if it is empty."""
    try:
        return base64.b64decode(seed.user_data, validate=True) or CLOUD_CONFIG + b"{}\n"
    except binascii.Error as error:
        raise DriverRefused(f"user_data is not base64: {error}") from error


def vendor_data(guest_id: str, seed: SeedSpec) -> dict[str, Any]:
    """Build the vendor data. Keys apply to the default user and, by `disable_root: false`, root."""
    config: dict[str, Any] = {
        "ssh_authorized_keys": list(seed.ssh_keys),
        "disable_root": False,
        "ssh_pwauth": seed.password_hash is not None,
        "manage_etc_hosts": "localhost",
        "growpart": {"mode": "auto", "devices": ["/"]},
        "resize_rootfs": True,
        "bootcmd": [
            ["sh", "-c", RENEW_IDENTITY, "sh", guest_id],
            ["sh", "-c", REPORT_READY],
        ],
    }
    if seed.password_hash is not None:
        root = {"name": "root", "password": seed.password_hash, "type": "hash"}
        config["chpasswd"] = {"expire": False, "users": [root]}
        config["write_files"] = [{"path": ROOT_LOGIN_FILE, "content": "PermitRootLogin yes\n"}]
    return config


def network_config(nic: NicSpec, *further: NicSpec) -> dict[str, Any]:
    """Build the network configuration (Netplan version 2). The gateway and the name server are the
    second and third address of the subnet; the default route uses the first NIC."""
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
    """Write JSON that is also valid YAML, which excludes surrogate pairs."""
    text = json.dumps(value, indent=1, ensure_ascii=False).translate(ESCAPES)
    return text.encode() + b"\n"


def iso(files: Mapping[str, bytes]) -> bytes:
    """Build an ISO 9660 image with Rock Ridge and Joliet names."""
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
