"""`make demo` and `make clean-demo`: a cloud with one virtual machine in it, and its removal.

It does what a person would do with the command `atoll`, keeps everything below `.demo`, and may be
run again at any time: what is there is used. It never touches a server that it did not start.
"""
# ruff: noqa: T201 (it speaks to a person, on a terminal)

import argparse
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, BinaryIO

DEMO = Path(__file__).resolve().parent.parent / ".demo"
ATOLL = Path(sys.executable).parent / "atoll"
STATE = DEMO / "state"
SERVER_FILE = DEMO / "server.json"
URL_FILE = DEMO / "url"  # for people and their scripts
LOG_FILE = DEMO / "server.log"
OWN_KEY = DEMO / "id_ed25519"
INSTANCE, IMAGE, TYPE, KEY_NAME = "demo", "atoll-mini", "mini", "atoll-demo"
PORTS_TRIED = 50
START_TIMEOUT_S, STOP_TIMEOUT_S = 60, 30
INSIDE = "uname -a; hostname; free -m; ip -4 addr show eth0"


class Failed(Exception):
    """A sentence for whoever typed the command."""


class Demo:
    """The server of the demo, whether it runs or not."""

    def __init__(self) -> None:
        kept: dict[str, int] = {}
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(SERVER_FILE.read_text())
        self.port = kept.get("port")
        self.pid = kept.get("pid")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def runs(self) -> bool:
        """Whether the process of that number is still the server that we started."""
        with contextlib.suppress(OSError):
            arguments = Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")
            return os.fsencode(STATE.resolve()) in arguments
        return False

    def ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()

    def start(self, port: int) -> None:
        """Starts it in the background and waits until it serves."""
        self.port = free_port(self.port or port)
        state = ensure_state_dir()
        command = [
            str(ATOLL),
            "up",
            "--state",
            str(state),
            "--port",
            str(self.port),
            "--driver",
            "qemu",
        ]
        with open_log() as log:
            server = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.pid = server.pid
        SERVER_FILE.write_text(json.dumps({"pid": self.pid, "port": self.port}))
        URL_FILE.write_text(f"{self.url}\n")
        ends_at_s = time.monotonic() + START_TIMEOUT_S
        while not self.ready():
            if server.poll() is not None:
                raise Failed(f"the server did not start:\n{last_lines(LOG_FILE)}")
            if time.monotonic() > ends_at_s:
                raise Failed(f"the server is not ready after {START_TIMEOUT_S} s: see {LOG_FILE}")
            time.sleep(0.1)

    def stop(self) -> None:
        if not self.runs() or self.pid is None:
            return
        os.kill(self.pid, signal.SIGTERM)
        ends_at_s = time.monotonic() + STOP_TIMEOUT_S
        while self.runs():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
            if time.monotonic() > ends_at_s:
                raise Failed(f"process {self.pid} has not ended: see {LOG_FILE}, then kill it")
            time.sleep(0.05)

    def environment(self) -> dict[str, str]:
        """The demo's own server and key, whatever else the caller's environment names."""
        key = (STATE / "admin.key").read_text().strip()
        return os.environ | {"ATOLL_URL": self.url, "ATOLL_API_KEY": key}

    def atoll(self, *words: str) -> None:
        """Runs a command of the command line for all to see."""
        done = subprocess.run([ATOLL, *words], env=self.environment(), check=False)
        if done.returncode != 0:
            raise Failed(f"`atoll {' '.join(words)}` did not succeed: its message stands above")

    def ask(self, *words: str) -> Any:
        """The JSON that a command prints."""
        done = subprocess.run(
            [ATOLL, *words, "--json"], env=self.environment(), stdout=subprocess.PIPE, check=False
        )
        if done.returncode != 0:
            raise Failed(f"`atoll {' '.join(words)}` did not succeed: its message stands above")
        return json.loads(done.stdout)

    def instance(self) -> dict[str, Any] | None:
        found = self.ask("instance", "list", "--name", INSTANCE)["items"]
        return found[0] if found else None


def up(port: int) -> None:
    DEMO.mkdir(mode=0o711, exist_ok=True)
    demo = Demo()
    ensure_server(demo, port)
    keys = ensure_keys(demo)
    ensure_image(demo)
    ensure_instance(demo, keys)
    say(f"Inside {INSTANCE}, by ssh")
    demo.atoll("instance", "ssh", INSTANCE, "--identity", str(OWN_KEY), "--", INSIDE)
    show_how_to_go_on(demo)


def ensure_server(demo: Demo, port: int) -> None:
    if demo.runs() and demo.ready():
        say(f"Atoll is already running at {demo.url}")
        return
    demo.stop()
    say("Starting Atoll")
    demo.start(port)
    print(f"Atoll serves at {demo.url}, its log is {shown(LOG_FILE)}", flush=True)


def ensure_keys(demo: Demo) -> list[str]:
    """The names of the registered keys: the demo's own, without a passphrase, and the user's."""
    if not OWN_KEY.exists():
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", KEY_NAME, "-f", str(OWN_KEY)]
        if subprocess.run(words, check=False).returncode != 0:
            raise Failed("ssh-keygen could not make a key: its message stands above")
    files = {KEY_NAME: OWN_KEY.with_suffix(".pub")}
    if theirs := own_public_key():
        files["yours"] = theirs
    known = {key["metadata"]["name"] for key in demo.ask("key", "list")["items"]}
    for name in files.keys() - known:
        demo.ask("key", "add", str(files[name]), "--name", name)
    return sorted(files)


def own_public_key() -> Path | None:
    names = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub")
    return next((f for name in names if (f := Path.home() / ".ssh" / name).is_file()), None)


def ensure_image(demo: Demo) -> None:
    if demo.ask("image", "show", IMAGE)["status"]["state"] == "available":
        return
    say(f"Building the image {IMAGE} from Debian's packages (seconds, the first time a minute)")
    demo.atoll("image", "build", IMAGE)


def ensure_instance(demo: Demo, keys: list[str]) -> None:
    """Creates the instance, or starts one that was stopped."""
    found = demo.instance()
    if found is None:
        say(f"Creating the instance {INSTANCE}: type {TYPE}, image {IMAGE}")
        began_s = time.monotonic()
        key_options = [word for name in keys for word in ("--key", name)]
        words = ["instance", "create", INSTANCE, "--type", TYPE, "--image", IMAGE, *key_options]
        demo.atoll(*words)
        print(f"Ready after {time.monotonic() - began_s:.1f} s", flush=True)
    elif found["status"]["state"] in {"stopped", "stopping"}:
        say(f"Starting the instance {INSTANCE}, which was stopped")
        demo.atoll("instance", "start", INSTANCE)
    else:
        say(f"The instance {INSTANCE} is there already")


def show_how_to_go_on(demo: Demo) -> None:
    found = demo.instance()
    assert found is not None, "the instance was there a moment ago"
    status = found["status"]
    ssh = (status.get("ports") or {}).get("tcp/22") or f"{status['public_ip']}:22"
    address, _, port = ssh.rpartition(":")
    identity = "" if own_public_key() else f" -i {shown(OWN_KEY)}"
    port_option = "" if port == "22" else f" -p {port}"
    say(f"It is yours: {INSTANCE} runs on until make clean-demo")
    rows = {
        "public address": f"{status['public_ip']} (on this machine's loopback)",
        "private address": status["private_ip"],
        "log in": f"ssh{identity}{port_option} root@{address}",
        "API and docs": f"{demo.url}/docs",
        "admin key": shown(STATE / "admin.key"),
        "more": ".venv/bin/atoll --help (it knows this server already)",
        "remove it all": "make clean-demo",
    }
    for name, value in rows.items():
        print(f"  {name:<16}{value}")


def down() -> None:
    """Deletes the instances through the API, so that the server ends its guests itself."""
    demo = Demo()
    if (STATE / "admin.key").exists():
        if not demo.runs():
            say("The demo's server is not running: starting it, so that it ends its guests")
            demo.start(demo.port or 8080)
        delete_instances(demo)
        say("Stopping Atoll")
        demo.stop()
        forget_context(demo)
    shutil.rmtree(STATE.resolve(), ignore_errors=True)
    shutil.rmtree(DEMO)
    print("The demo is gone. Built images are kept for the next time, in ~/.cache/atoll/images.")


def delete_instances(demo: Demo) -> None:
    for found in demo.ask("instance", "list")["items"]:
        say(f"Deleting the instance {found['metadata']['name']}")
        if found["metadata"]["protected"]:
            demo.atoll("instance", "unprotect", found["id"])
        demo.atoll("instance", "delete", found["id"], "--yes")
        (config_dir() / "known_hosts" / found["id"]).unlink(missing_ok=True)


def forget_context(demo: Demo) -> None:
    """The server has registered itself as a context of the command line when it started."""
    file = config_dir() / "cli.json"
    with contextlib.suppress(OSError, ValueError, KeyError):
        kept = json.loads(file.read_text())
        key = demo.environment()["ATOLL_API_KEY"]
        others = {name: one for name, one in kept["contexts"].items() if one.get("api_key") != key}
        if not others:
            file.unlink()
        elif len(others) < len(kept["contexts"]):
            kept["contexts"] = others
            if kept.get("current") not in others:
                kept["current"] = next(iter(others)) if len(others) == 1 else ""
            fresh = file.with_name(".cli.json.demo")
            fresh.touch(mode=0o600)
            fresh.write_text(json.dumps(kept, indent=2) + "\n")
            fresh.replace(file)


def config_dir() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "atoll"


def free_port(wished: int) -> int:
    """The wished port, or the next one that is free."""
    for port in range(wished, wished + PORTS_TRIED):
        if can_listen(port):
            if port != wished:
                print(f"Port {wished} is taken by another program: using {port}", flush=True)
            return port
    last = wished + PORTS_TRIED - 1
    raise Failed(f"no port from {wished} to {last} is free: run make demo PORT=… with another one")


def can_listen(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def ensure_state_dir() -> Path:
    """Where root runs the server, QEMU runs as another user and must be able to pass to its disks:
    where the clone lies in a private directory such as /root, the state lies elsewhere."""
    if not STATE.exists():
        STATE.unlink(missing_ok=True)  # a link whose target somebody has removed
        if os.geteuid() == 0 and not all_may_pass(DEMO):
            elsewhere = Path(tempfile.mkdtemp(prefix="atoll-demo-", dir="/var/lib"))
            elsewhere.chmod(0o711)
            STATE.symlink_to(elsewhere)
            print(f"Guests may not look into {private_part(DEMO)}: the state is in {elsewhere}")
        else:
            STATE.mkdir(mode=0o711)
    return STATE.resolve()


def all_may_pass(path: Path) -> bool:
    return private_part(path) is None


def private_part(path: Path) -> Path | None:
    """The first directory of the path that other users may not pass."""
    parts = [*reversed(path.parents), path]
    return next((part for part in parts if not part.stat().st_mode & 0o001), None)


def open_log() -> BinaryIO:
    """Readable by its owner alone, also where an earlier demo made it for everybody."""
    log = os.fdopen(os.open(LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    os.fchmod(log.fileno(), 0o600)
    return log


def last_lines(file: Path, count: int = 10) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-count:])


def shown(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def say(words: str) -> None:
    print(f"\n== {words}", flush=True)


def port_number(text: str) -> int:
    port = int(text) if text.isdecimal() else 0
    if not 1 <= port <= 65_535 - PORTS_TRIED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number such as 8080")
    return port


def main() -> int:
    parser = argparse.ArgumentParser(prog="demo", description="A cloud with one machine in it.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up").add_argument("--port", type=port_number, default=8080)
    commands.add_parser("down")
    given = parser.parse_args()
    try:
        if given.command == "up":
            up(given.port)
        else:
            down()
    except Failed as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; make demo goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
