"""What an operator does to a guest by its second monitor."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from atoll.drivers.qemu.command_line import RESCUE_SOCKET
from atoll.drivers.qemu.monitor import open_socket
from atoll.drivers.qemu.record import Record


def rescue(folder: Path, command: str, **arguments: Any) -> Any:
    """Sends one command to the guest of this folder, and returns what QEMU answers."""
    record = msgspec.json.decode((folder / "guest.json").read_bytes(), type=Record)
    assert record.pid is not None
    connection = open_socket(folder, record.pid, RESCUE_SOCKET)
    connection.setblocking(True)
    with closing(connection), connection.makefile("rw") as stream:
        stream.write(json.dumps({"execute": "qmp_capabilities"}) + "\n")
        stream.write(json.dumps({"execute": command, "arguments": arguments, "id": "ours"}) + "\n")
        stream.flush()
        while (answer := json.loads(stream.readline())).get("id") != "ours":
            pass  # greetings and events
    return answer["return"]
