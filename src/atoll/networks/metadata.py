"""The metadata of a guest at 169.254.169.254: paths, tokens, responses. Pure except for time.

`metadata_server` calls it with the NIC that sent the request. EC2's paths require EC2's token
(IMDSv2), which protects against server-side request forgery in a guest. `/v1.json` is Vultr's,
whose clients send their own header instead. Forwarded requests are rejected.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any

import msgspec

from atoll.messages import GuestSpec, NicSpec
from atoll.networks.bridge_rules import ipv6_of
from atoll.networks.public_ports import addresses_of

TOKEN_PATH = "/latest/api/token"  # noqa: S105  (a path)
TOKEN_HEADER = "x-aws-ec2-metadata-token"  # noqa: S105  (a header's name)
TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds"
TTL_S_MAX = 21_600
VULTR_HEADER = "metadata-token"
FORWARDED = frozenset({"x-forwarded-for", "forwarded"})
# EC2 clients request the version they were written for; all get the same response.
VERSION = re.compile(r"/(?:latest|\d{4}-\d\d-\d\d)(?:/|$)")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    content_type: str = "text/plain; charset=utf-8"


class Resident(msgspec.Struct, frozen=True):
    """The sender of a request: a guest, by one of its NICs."""

    guest: GuestSpec
    nic: NicSpec


Tree = Mapping[str, Any]


def refusal(status: int, sentence: str) -> Answer:
    return Answer(status=status, body=sentence.encode() + b"\n")


class Metadata:
    """`secret` signs the tokens, so that they survive a restart."""

    def __init__(self, secret: bytes, now_ms: Callable[[], int]) -> None:
        self._secret = secret
        self._now_ms = now_ms

    def answer(self, resident: Resident, asked: Asked) -> Answer:
        if FORWARDED & asked.headers.keys():
            return refusal(403, "forwarded requests are not answered")
        path = asked.path.partition("?")[0]
        if path == TOKEN_PATH:
            return self._token(resident, asked)
        if asked.method not in {"GET", "HEAD"}:
            return refusal(405, "only GET is answered here")
        if path == "/v1.json":
            if VULTR_HEADER not in asked.headers and not self._is_allowed(resident, asked):
                return refusal(401, "send a Metadata-Token header, or a token of PUT " + TOKEN_PATH)
            return Answer(body=as_json(vultr(resident)), content_type="application/json")
        if not self._is_allowed(resident, asked):
            return refusal(401, f"fetch a token by PUT {TOKEN_PATH} and send it as {TOKEN_HEADER}")
        return look_up(ec2(resident), path)

    def _token(self, resident: Resident, asked: Asked) -> Answer:
        if asked.method != "PUT":
            return refusal(405, f"PUT {TOKEN_PATH} gives a token")
        ttl = asked.headers.get(TTL_HEADER, "")
        in_digits = ttl.isascii() and ttl.isdecimal() and len(ttl) <= len(str(TTL_S_MAX))
        if not in_digits or not 1 <= int(ttl) <= TTL_S_MAX:
            return refusal(400, f"{TTL_HEADER} says for how long: 1 to {TTL_S_MAX}")
        until_ms = self._now_ms() + int(ttl) * 1000
        signed = base64.urlsafe_b64encode(self._signature(resident, until_ms)).decode()
        return Answer(body=f"{until_ms}.{signed}".encode(), headers={TTL_HEADER: ttl})

    def _is_allowed(self, resident: Resident, asked: Asked) -> bool:
        until, _, signed = asked.headers.get(TOKEN_HEADER, "").partition(".")
        if not (until.isascii() and until.isdecimal() and len(until) <= 16):
            return False
        try:
            given = base64.urlsafe_b64decode(signed)
        except (binascii.Error, ValueError):
            return False
        fits = hmac.compare_digest(given, self._signature(resident, int(until)))
        return fits and self._now_ms() < int(until)

    def _signature(self, resident: Resident, until_ms: int) -> bytes:
        return hmac.digest(self._secret, f"{until_ms} {resident.guest.id}".encode(), "sha256")


def look_up(tree: Tree, path: str) -> Answer:
    """Return a file, or the names in a directory, as EC2 lists them."""
    if path == "/":
        return Answer(body=b"latest")
    version = VERSION.match(path)
    found: Any = tree if version else None
    for name in path[version.end() :].split("/") if version else ():
        if name and isinstance(found, Mapping):
            found = found.get(name)
        elif name:
            found = None
    if found is None or found == {}:
        return refusal(404, "there is no such metadata")
    if isinstance(found, Mapping):
        return Answer(body=listing(found).encode())
    return Answer(body=found if isinstance(found, bytes) else found.encode())


def listing(tree: Tree) -> str:
    return "\n".join(
        f"{name}={below['name']}"
        if isinstance(below, KeyFolder)
        else f"{name}/"
        if isinstance(below, Mapping)
        else name
        for name, below in tree.items()
    )


class KeyFolder(dict[str, str]):
    """EC2 lists keys by number and name."""


def ec2(resident: Resident) -> Tree:
    seed, nic = resident.guest.seed, resident.nic
    public = addresses_of(nic)[:1]
    meta: dict[str, Any] = {
        "instance-id": resident.guest.id,
        "hostname": seed.fqdn or seed.hostname,
        "local-hostname": seed.fqdn or seed.hostname,
        "local-ipv4": nic.private_ip,
        **({"public-ipv4": public[0]} if public else {}),
        **({"ipv6": ipv6_of(nic.ipv6)} if nic.ipv6 else {}),
        "mac": nic.mac,
    }
    if seed.ssh_keys:
        meta["public-keys"] = keys_of(seed.ssh_keys)
    user_data = user_data_of(resident.guest)
    return {"meta-data": meta, **({"user-data": user_data} if user_data else {})}


def keys_of(ssh_keys: Sequence[str]) -> Tree:
    return {
        str(number): KeyFolder({"name": f"key-{number}", "openssh-key": key})
        for number, key in enumerate(ssh_keys)
    }


def user_data_of(guest: GuestSpec) -> bytes:
    """Decode the user data: the driver already rejected invalid base64."""
    try:
        return base64.b64decode(guest.seed.user_data, validate=True)
    except binascii.Error:
        return b""


def vultr(resident: Resident) -> Tree:
    """Build the document for cloud-init's DataSourceVultr."""
    guest, nic = resident.guest, resident.nic
    user_data = user_data_of(guest)
    others = [one for one in (guest.nic, *guest.nics) if one.mac != nic.mac]
    return {
        "instanceid": guest.id,
        "instance-v2-id": guest.id,
        "hostname": guest.seed.hostname,
        "public-keys": list(guest.seed.ssh_keys),
        "interfaces": [interface(nic, "public"), *(interface(one, "private") for one in others)],
        "user-data": [user_data.decode(errors="replace")] if user_data else [],
        "user-defined": [],
        "startup-script": "",
        "vendor-data": [],
    }


def interface(nic: NicSpec, kind: str) -> Tree:
    subnet = IPv4Network(nic.subnet_cidr)
    four = {
        "address": nic.private_ip,
        "netmask": str(subnet.netmask),
        "gateway": str(subnet[2]),
        "additional": [],
    }
    six = {"address": ipv6_of(nic.ipv6), "network": "", "prefix": "128"} if nic.ipv6 else {}
    return {
        "mac": nic.mac,
        "network-type": kind,
        "ipv4": four,
        "ipv6": six | {"additional": []},
    }


def as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
