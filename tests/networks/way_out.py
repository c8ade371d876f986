"""Run by test_bridge_uplink within a namespace that plays the world: one guest that may send what
it likes, and one that may not, ask a server out there. Prints what each got, as JSON."""

import asyncio
import json
import socket
import sys
from pathlib import Path

from tests.networks.city import Citizen, City
from tests.networks.specs import guest_of, nic_of

WORLD, PORT = "203.0.113.1", 8080
QUESTION = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\4name\4test\0\0\1\0\1"


def name_server() -> str:
    lines = Path("/etc/resolv.conf").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("nameserver"))


def looks_up(citizen: Citizen) -> bool:
    asking = citizen.fake.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with asking:
        asking.settimeout(5)
        asking.sendto(QUESTION, ("10.1.0.3", 53))
        return asking.recv(1000)[:2] == QUESTION[:2]


def link_local(citizen: Citizen) -> bool:
    return citizen.fake.reaches("169.254.7.7", PORT)


async def look_out(folder: Path) -> dict[str, bool]:
    city = City(folder)
    await city.network.open()
    try:
        free, bound = await city.add(9), await city.add_as(guest_of(nic_of(10), name="inst-bound"))
        return {
            "free": free.fake.reaches(WORLD, PORT),
            "free_looks_up": looks_up(free),
            "free_link_local": link_local(free),
            "bound": bound.fake.reaches(WORLD, PORT),
            "bound_looks_up": looks_up(bound),
        }
    finally:
        await city.clear()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(look_out(Path(sys.argv[1])))))
