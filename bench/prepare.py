"""State directories for the measured servers: named things, and rows to look among.

`rows` calls it. Rows go in through the store, not through HTTP, which would take half an hour; the
filler must only run while no server runs on the directory.
"""

import asyncio
import base64
import shutil
import struct
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from atoll.domain import ids
from atoll.domain.instances import Goal, Instance, InstanceState
from atoll.roots.control import DATABASE_FILE
from atoll.store.sqlite import SqliteStore
from atoll.system import RandomIds, SystemClock
from bench import servers
from bench.load import UNIQUE, Request

PER_TRANSACTION = 200
TEMPLATE = "template.json"
# The example of the native API's document, to the letter, but for the name, which must be free.
BODY: dict[str, Any] = {
    "metadata": {"name": UNIQUE, "labels": {"env": "production", "team": "platform"}},
    "spec": {
        "type": "cx31", "image": "ubuntu-22.04", "vcpus": 2, "memory_mb": 4096, "disk_gb": 80,
        "vpc_id": "vpc-abc123", "subnet_id": "subnet-def456",
        "security_groups": ["sg-web", "sg-ssh"], "ssh_key_ids": ["key-001"],
        "user_data": "IyEvYmluL2Jhc2gKYXB0IHVwZGF0ZQ==",
    },
}  # fmt: skip


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """`template` is the instance that the floors copy: made by an ordinary create."""

    small: Path
    large: Path
    quiet: Path
    floor_small: Path
    floor_large: Path
    template_file: Path
    template: str
    small_rows: int
    large_rows: int


def prepare(home: Path, small_rows: int, large_rows: int, cpus: servers.Cpus) -> Ground:
    state = home / "base"
    with servers.atoll("base", state, cpus.server) as server:
        template = furnish(server, home / TEMPLATE)
    small, large, quiet = home / "small", home / "large", home / "quiet"
    fill(state, template, small_rows)
    for copy in (small, quiet):
        shutil.copytree(state, copy)
    floor_small, floor_large = home / "floor-small.db", home / "floor-large.db"
    shutil.copy(state / DATABASE_FILE, floor_small)
    shutil.move(state, large)
    fill(large, template, large_rows - small_rows)
    shutil.copy(large / DATABASE_FILE, floor_large)
    return Ground(
        small=small, large=large, quiet=quiet, floor_small=floor_small, floor_large=floor_large,
        template_file=home / TEMPLATE, template=template, small_rows=small_rows,
        large_rows=large_rows,
    )  # fmt: skip


def furnish(server: servers.Server, template_file: Path) -> str:
    """What the body names, and one instance of it, running. Answers its id."""
    with httpx2.Client(
        base_url=server.url, headers={"X-API-Key": server.key}, timeout=90
    ) as client:

        def make(kind: str, name: str, spec: dict[str, Any]) -> None:
            body = {"metadata": {"name": name}, "spec": spec}
            client.post(f"/v1/{kind}", json=body).raise_for_status()

        make("vpcs", "vpc-abc123", {"cidr": "10.128.0.0/16"})
        subnet = {"vpc_id": "vpc-abc123", "cidr": "10.128.0.0/16"}
        make("subnets", "subnet-def456", subnet)
        web = {"protocol": "tcp", "port": 80}
        make("security-groups", "sg-web", {"rules": [web]})
        make("security-groups", "sg-ssh", {"rules": [web | {"port": 22}]})
        make("ssh-keys", "key-001", {"public_key": public_key()})
        first = BODY | {"metadata": BODY["metadata"] | {"name": "web-server-01"}}
        made = client.post("/v1/instances", json=first).raise_for_status().json()
        path = f"/v1/instances/{made['id']}?wait=60&until=running"
        shown = client.get(path).raise_for_status()
        template_file.write_bytes(shown.content)
    return str(made["id"])


def public_key() -> str:
    kind = b"ssh-ed25519"
    blob = struct.pack(">I", len(kind)) + kind + struct.pack(">I", 32) + bytes(range(32))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} bench"


def fill(state: Path, template: str, count: int) -> None:
    asyncio.run(add_rows(SqliteStore(state / DATABASE_FILE), template, count))


async def add_rows(store: SqliteStore, template: str, count: int) -> None:
    """Stopped instances, so that no host owes anything. Several transactions wait at a time, for
    the store to commit them together."""
    await store.open()
    new_ids = RandomIds(SystemClock())
    like = await store.read().instances.get(template)
    for start in range(0, count, PER_TRANSACTION):
        async with store.transaction() as tx:
            for _ in range(start, min(start + PER_TRANSACTION, count)):
                tx.instances.add(another(like, new_ids.new(ids.INSTANCE)))
    await store.close()


def another(like: Instance, instance_id: str) -> Instance:
    return msgspec.structs.replace(
        like, id=instance_id, name=f"filler-{instance_id}", goal=Goal.STOPPED, ready_at_ms=None,
        state=InstanceState.STOPPED, doing=None, running_since_ms=None,
    )  # fmt: skip


def create_request(key: str) -> Request:
    return Request(
        method="POST", path="/v1/instances", status=201, headers=headers_of(key),
        body=msgspec.json.encode(BODY).decode(),
    )  # fmt: skip


def headers_of(key: str) -> dict[str, str]:
    return {"X-API-Key": key, "Content-Type": "application/json"}


def get_request(key: str, path: str) -> Request:
    return Request(method="GET", path=path, headers=headers_of(key))
