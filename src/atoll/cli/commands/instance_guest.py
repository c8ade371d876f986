"""`atoll instance ssh|logs|vnc|screenshot|metrics`: access to the guest."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import Client, Json
from atoll.cli.errors import ServerRefused, Usage
from atoll.cli.output import pick
from atoll.cli.reach import require_reachable
from atoll.cli.session import NEAREST, Connection, Reference, Session
from atoll.cli.ssh_files import known_hosts_file
from atoll.cli.waiting import wait_until_ready

SSH_PORT = 22
LOG_PAUSE_S = 1.0
OVERLAP_CHARACTERS = 4096
NOT_FOUND = 404


def ssh(
    instance: Reference,
    /,
    *command: Annotated[
        str,
        Parameter(allow_leading_hyphen=True, help="Command to run, after `--`. Default: a shell."),
    ],
    user: Annotated[str, Parameter(help="User to log in as.")] = "root",
    identity: Annotated[Path | None, Parameter(help="Private key file for ssh.")] = None,
    timeout_s: Annotated[
        float, Parameter(name="--timeout", help="Maximum seconds to wait for the first boot.")
    ] = 120.0,
    connection: Connection = NEAREST,
) -> None:
    """Log in to an instance with ssh, or run a command. Exits with the code of ssh."""
    with connection.open() as session:
        found = reachable(session, session.client.find("/v1/instances", instance), timeout_s)
        words = ssh_words(session, found, user=user, identity=identity)
        if session.output.as_json:
            session.output.json({"argv": [*words, *command]})
            return
    program = shutil.which("ssh")
    if program is None:
        raise Usage("ssh is not installed; on Debian: apt install openssh-client")
    os.execv(program, [*words, *command])  # noqa: S606 (no shell is wanted)


def reachable(session: Session, instance: Json, timeout_s: float) -> Json:
    """Wait for the first boot. Raises Usage if a login is impossible."""
    name = instance["metadata"]["name"]
    state = pick(instance, "status.state")
    if state in {"stopped", "stopping", "terminated"}:
        raise Usage(f"{name} is {state}; start it with `atoll instance start {name}`")
    if not pick(instance, "status.ready"):
        # A guest that never reports ready may still accept ssh, so try in any case.
        instance = wait_until_ready(session, instance, timeout_s=timeout_s) or instance
    address = ssh_address(instance)
    if address is None:
        raise Usage(
            f"port {SSH_PORT} of {name} is not reachable: add a security group that allows it, "
            f"and see `atoll instance show {name}`"
        )
    require_reachable(session.client.server.url, name, address[0])
    return instance


def ssh_address(instance: Json) -> tuple[str, int] | None:
    """Find the address and port of ssh in `status.ports`. Without that field, all ports are
    reachable at the public address."""
    ports = pick(instance, "status.ports")
    if ports is not None:
        host, _, port = ports.get(f"tcp/{SSH_PORT}", "").rpartition(":")
        return (host.strip("[]"), int(port)) if host and port.isdigit() else None
    public_ip = pick(instance, "status.public_ip")
    return (public_ip, SSH_PORT) if public_ip else None


def ssh_words(session: Session, instance: Json, *, user: str, identity: Path | None) -> list[str]:
    address = ssh_address(instance)
    assert address is not None, "reachable() has refused an instance without an address"
    host, port = address
    known_hosts = known_hosts_file(session.surroundings.config_dir, instance["id"])
    options = {
        "UserKnownHostsFile": f'"{known_hosts}"',
        "HostKeyAlias": instance["id"],
        "StrictHostKeyChecking": "accept-new",
        "LogLevel": "ERROR",
    }
    words = ["ssh", "-p", str(port)]
    for name, value in options.items():
        words += ["-o", f"{name}={value}"]
    if identity is not None:
        words += ["-i", str(identity)]
    return [*words, "--", f"{user}@{host}"]


def logs(
    instance: Reference,
    /,
    *,
    follow: Annotated[
        bool, Parameter(name=("--follow", "-f"), negative=(), help="Keep printing new output.")
    ] = False,
    size: Annotated[int, Parameter(name="--bytes", help="Number of bytes from the end.")] = 65536,
    connection: Connection = NEAREST,
) -> None:
    """Print the log of an instance's serial console."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        path = f"/v1/instances/{found['id']}/log"
        for piece in log_pieces(session.client, path, size, follow=follow):
            if session.output.as_json:
                session.output.json_line({"log": piece})
            else:
                session.output.raw(piece)


def log_pieces(client: Client, path: str, size: int, *, follow: bool) -> Iterator[str]:
    """Yield the end of the log and, with `follow`, new output until the instance is gone."""
    seen = client.text(path, {"bytes": size})
    yield seen
    while follow:
        client.pause(LOG_PAUSE_S)
        try:
            now = client.text(path, {"bytes": size})
        except ServerRefused as refused:
            if refused.status == NOT_FOUND:
                return
            raise
        if piece := news(seen, now):
            yield piece
        seen = now


def news(seen: str, now: str) -> str:
    """Return the part of `now` after `seen`: both are tails of one growing text."""
    if now.startswith(seen):
        return now[len(seen) :]
    known = seen[-OVERLAP_CHARACTERS:]
    found_at = now.rfind(known)
    return now[found_at + len(known) :] if found_at >= 0 else now


def vnc(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Print a one-time URL of an instance's VNC console, alone on stdout."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        path = f"/v1/instances/{found['id']}/console"
        ticket = session.client.change("POST", path, {"type": "vnc"})
        if session.output.as_json:
            session.output.json(ticket)
            return
        session.output.note(
            "Open this URL in a browser. It works once, until "
            f"{ticket['expires_at']}, and gives access without a key."
        )
        session.output.line(ticket["url"])


def screenshot(
    instance: Reference,
    file: Annotated[Path, Parameter(help="PNG file to write.")],
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Save a screenshot of an instance as a PNG file."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        picture = session.client.content(f"/v1/instances/{found['id']}/screenshot")
        try:
            file.write_bytes(picture)
        except OSError as error:
            raise Usage(f"cannot write {file}: {error.strerror}") from error
        saved: Json = {"file": str(file), "bytes": len(picture)}
        session.done(saved, f"screenshot of {found['metadata']['name']} saved to {file}")


def metrics(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Show the resource usage of a guest: CPU time, memory, disks, network."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        session.show(session.client.get(f"/v1/instances/{found['id']}/metrics"))
