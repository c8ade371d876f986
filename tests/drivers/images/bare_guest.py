"""A guest started by hand, without Atoll's driver: what an image does by itself."""

import io
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pycdlib

READY_WITHIN_S = 120
MAC = "52:54:00:00:00:05"
PRIVATE_IP = "10.9.0.5"
NETWORK = {
    "version": 2,
    "ethernets": {
        "nic0": {
            "match": {"macaddress": MAC},
            "addresses": [f"{PRIVATE_IP}/24"],
            "routes": [{"to": "0.0.0.0/0", "via": "10.9.0.2"}],
            "nameservers": {"addresses": ["10.9.0.3"]},
        }
    },
}


def write_seed(path: Path, files: dict[str, bytes]) -> Path:
    """A NoCloud disk: ISO 9660 with Rock Ridge and Joliet, labelled cidata."""
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="cidata")
    for number, (name, data) in enumerate(files.items()):
        short = f"/FILE{number}.;1"
        iso.add_fp(io.BytesIO(data), len(data), short, rr_name=name, joliet_path=f"/{name}")
    iso.write(str(path))
    iso.close()
    return path


def make_key(folder: Path) -> str:
    """Makes `folder/key` and answers its public half."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]
    subprocess.run([*command, str(folder / "key")], check=True, stdin=subprocess.DEVNULL)
    return (folder / "key.pub").read_text().strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Guest:
    """`folder` holds `key`, the guest's disk and its sockets."""

    def __init__(
        self, folder: Path, process: subprocess.Popen[bytes], ready: socket.socket
    ) -> None:
        self._folder = folder
        self._process = process
        self._ready = ready
        self.port = 0

    def wait_ready(self) -> None:
        """Until the guest says so once more."""
        self._ready.settimeout(READY_WITHIN_S)
        words = b""
        while not words.endswith(b"ready\n"):
            chunk = self._ready.recv(100)
            assert chunk, f"the guest ended before it was ready: {self.console()}"
            words += chunk

    def ssh(self, command: str, *options: str) -> str:
        done = subprocess.run(
            [
                *("ssh", "-F", "none", "-i", str(self._folder / "key"), "-p", str(self.port)),
                *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
                *("-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30"),
                *(*options, "root@127.0.0.1", command),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{done.stderr}{self.console()}"
        return done.stdout.strip()

    def copy_in(self, source: Path, target: str, *options: str) -> None:
        subprocess.run(
            [
                *("scp", "-q", *options, "-F", "none", "-i", str(self._folder / "key")),
                *("-P", str(self.port), "-o", "StrictHostKeyChecking=no"),
                *("-o", "UserKnownHostsFile=/dev/null", str(source), f"root@127.0.0.1:{target}"),
            ],
            check=True,
            timeout=60,
        )

    def press_power_button(self) -> None:
        """Returns when the guest has powered itself off."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self._folder / "qmp"))
            with control.makefile("rw") as stream:
                stream.readline()
                for command in ("qmp_capabilities", "system_powerdown"):
                    stream.write(json.dumps({"execute": command}) + "\n")
                    stream.flush()
                    stream.readline()
        assert self._process.wait(timeout=60) == 0

    def console(self) -> str:
        return (self._folder / "console").read_text(errors="replace")[-3000:]


@contextmanager
def booted(folder: Path, image: Path, seed: Path, *, disk_gib: int = 80) -> Iterator[Guest]:
    """A guest of the image in `image`, its disk kept in `folder` from one boot to the next."""
    facts = json.loads((image / "image.json").read_text())
    disk = folder / "disk"
    if not disk.exists():
        base = ["-F", "qcow2", "-b", str(image / "disk.qcow2")]
        create = ["qemu-img", "create", "-q", "-f", "qcow2", *base, str(disk), f"{disk_gib}G"]
        subprocess.run(create, check=True)
    port = free_port()
    with socket.socket(socket.AF_UNIX) as listener:
        (folder / "ready").unlink(missing_ok=True)
        listener.bind(str(folder / "ready"))
        listener.listen(1)
        listener.settimeout(30)
        process = subprocess.Popen(command_line(facts, image, seed, port), cwd=folder)
        try:
            connection, _ = listener.accept()
            with connection:
                guest = Guest(folder, process, connection)
                guest.port = port
                yield guest
        finally:
            process.kill()
            process.wait()


def command_line(facts: dict[str, str | None], image: Path, seed: Path, port: int) -> list[str]:
    kernel = []
    if facts["kernel"]:
        kernel = ["-kernel", f"{image}/{facts['kernel']}", "-initrd", f"{image}/{facts['initrd']}"]
        kernel += ["-append", str(facts["cmdline"])]
    network = f"user,id=nic0,net=10.9.0.0/24,host=10.9.0.2,dns=10.9.0.3,dhcpstart={PRIVATE_IP}"
    return [
        *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"),
        *("-M", "q35", "-cpu", "max", "-accel", "tcg,thread=multi,tb-size=64", "-m", "512"),
        *("-drive", "if=none,id=root,format=qcow2,file=disk,discard=unmap"),
        *("-device", "virtio-blk-pci,drive=root,bootindex=1"),
        *("-drive", f"if=none,id=seed,format=raw,readonly=on,file={seed}"),
        *("-device", "virtio-blk-pci,drive=seed"),
        *("-netdev", f"{network},hostfwd=tcp:127.0.0.1:{port}-{PRIVATE_IP}:22"),
        *("-device", f"virtio-net-pci,netdev=nic0,mac={MAC}", "-device", "virtio-rng-pci"),
        *("-device", "virtio-serial-pci", "-chardev", "socket,id=ready,path=ready"),
        *("-device", "virtserialport,chardev=ready,name=org.atoll.ready"),
        *("-serial", "file:console", "-qmp", "unix:qmp,server=on,wait=off"),
        *kernel,
    ]
