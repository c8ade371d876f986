"""`atoll instance ssh|logs`: into the guest, and what it says on its serial console."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import Client, Json
from atoll.cli.errors import ServerRefused, Usage
from atoll.cli.output import pick
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
        str, Parameter(allow_leading_hyphen=True, help="What to run, after `--`. Default: a shell.")
    ],
    user: Annotated[str, Parameter(help="The user to log in as.")] = "root",
    identity: Annotated[Path | None, Parameter(help="A private key file for ssh.")] = None,
    timeout_s: Annotated[
        float, Parameter(name="--timeout", help="Seconds to wait for the guest's first boot.")
    ] = 120.0,
    connection: Connection = NEAREST,
) -> None:
    """Log into an instance, or run a command in it. The exit code is ssh's."""
    with connection.open() as session:
        found = reachable(session, session.client.find("/v1/instances", instance), timeout_s)
        words = ssh_words(session, found, user=user, identity=identity)
        if session.output.as_json:
            session.output.json({"argv": [*words, *command]})
            return
    program = shutil.which("ssh")
    if program is None:
        raise Usage("there is no ssh here: install it (on Debian: apt install openssh-client)")
    os.execv(program, [*words, *command])  # noqa: S606 (no shell is wanted)


def reachable(session: Session, instance: Json, timeout_s: float) -> Json:
    """The instance, given time for its first boot. Raises Usage where nobody can log in."""
    name = instance["metadata"]["name"]
    state = pick(instance, "status.state")
    if state in {"stopped", "stopping", "terminated"}:
        raise Usage(f"{name} is {state}: start it with `atoll instance start {name}`")
    if not pick(instance, "status.ready"):
        # A guest that never says that it is ready may still answer: then ssh has the last word.
        instance = wait_until_ready(session, instance["id"], timeout_s=timeout_s) or instance
    if ssh_address(instance) is None:
        raise Usage(
            f"port {SSH_PORT} of {name} cannot be reached from here: give it a security group "
            "that opens the port, or look at `atoll instance show`"
        )
    return instance


def ssh_address(instance: Json) -> tuple[str, int] | None:
    """Where the guest's ssh answers: an entry of `status.ports`. A server that says nothing of
    ports has all of them at the public address."""
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
        bool, Parameter(name=("--follow", "-f"), negative=(), help="Go on as the guest writes.")
    ] = False,
    size: Annotated[int, Parameter(name="--bytes", help="How much of the end.")] = 65536,
    connection: Connection = NEAREST,
) -> None:
    """Print the end of an instance's serial console."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        path = f"/v1/instances/{found['id']}/log"
        for piece in log_pieces(session.client, path, size, follow=follow):
            if session.output.as_json:
                session.output.json_line({"log": piece})
            else:
                session.output.raw(piece)


def log_pieces(client: Client, path: str, size: int, *, follow: bool) -> Iterator[str]:
    """The end of the log and then, where it follows, what is new, until the instance is gone."""
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
    """What `now` says that `seen` did not: both are ends of one text that only grows."""
    if now.startswith(seen):
        return now[len(seen) :]
    known = seen[-OVERLAP_CHARACTERS:]
    found_at = now.rfind(known)
    return now[found_at + len(known) :] if found_at >= 0 else now


def vnc(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Print the address of an instance's screen, alone on stdout. A browser opens it, once."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        path = f"/v1/instances/{found['id']}/console"
        ticket = session.client.change("POST", path, {"type": "vnc"})
        if session.output.as_json:
            session.output.json(ticket)
            return
        session.output.note(
            "Open this in a browser: it is good for one try, "
            f"until {ticket['expires_at']}, and whoever has it is in."
        )
        session.output.line(ticket["url"])


def screenshot(
    instance: Reference,
    file: Annotated[Path, Parameter(help="Where the picture goes: a PNG.")],
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Save what an instance's screen shows."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        picture = session.client.content(f"/v1/instances/{found['id']}/screenshot")
        try:
            file.write_bytes(picture)
        except OSError as error:
            raise Usage(f"cannot write {file}: {error.strerror}") from error
        saved: Json = {"file": str(file), "bytes": len(picture)}
        session.done(saved, f"{file} shows the screen of {found['metadata']['name']}")


def metrics(instance: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Measure what a guest has used: processor time, memory, disks, network."""
    with connection.open() as session:
        found = session.client.find("/v1/instances", instance)
        session.show(session.client.get(f"/v1/instances/{found['id']}/metrics"))
