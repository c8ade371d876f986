"""What a guest of the network `bridge` finds at 169.254.169.254."""

import asyncio
import json
from base64 import b64encode
from http.client import HTTPConnection

import pytest
from msgspec.structs import replace

from tests.networks.city import ANY_WAY_OUT, Citizen, City
from tests.networks.specs import guest_of, nic_of

pytestmark = pytest.mark.anyio
SERVER = "169.254.169.254"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"


def ask_now(citizen: Citizen, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    with citizen.fake.connect(SERVER, 80) as connection:
        client = HTTPConnection(SERVER)
        client.sock = connection
        client.request(method, path, headers=headers)
        response = client.getresponse()
        return response.status, response.read().decode()


async def ask(
    citizen: Citizen, path: str, *, method: str = "GET", **headers: str
) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await asyncio.to_thread(ask_now, citizen, method, path, named)


async def token_of(citizen: Citizen) -> dict[str, str]:
    status, token = await ask(citizen, "/latest/api/token", method="PUT", **{TTL: "60"})
    assert status == 200
    return {TOKEN: token}


async def resident(city: City, number: int = 9, **seed: object) -> Citizen:
    nic = nic_of(number, ANY_WAY_OUT, public_ip=f"127.99.7.{number}")
    return await city.add_as(guest_of(nic, name=f"inst-{number}", **seed))


async def test_a_guest_reads_its_own_metadata_and_no_other(city: City) -> None:
    first, second = await resident(city, 9), await resident(city, 10)
    for one in (first, second):
        token = await token_of(one)
        assert await ask(one, "/latest/meta-data/instance-id", **token) == (200, one.spec.id)
        assert await ask(one, "/latest/meta-data/local-ipv4", **token) == (200, one.ip)
    stolen = await token_of(second)
    assert (await ask(first, "/latest/meta-data/instance-id", **stolen))[0] == 401


async def test_keys_that_change_while_it_runs_are_seen_at_once(city: City) -> None:
    guest = await resident(city, ssh_keys=("ssh-ed25519 AAAA old",))
    token = await token_of(guest)
    path = "/latest/meta-data/public-keys/0/openssh-key"
    assert await ask(guest, path, **token) == (200, "ssh-ed25519 AAAA old")
    seed = replace(guest.spec.seed, ssh_keys=("ssh-ed25519 AAAA new",))
    guest.spec = replace(guest.spec, seed=seed)
    await city.tell(guest)
    assert await ask(guest, path, **token) == (200, "ssh-ed25519 AAAA new")


async def test_tokens_and_answers_hold_across_a_restart(city: City) -> None:
    guest = await resident(city, user_data=b64encode(b"#!/bin/sh\n").decode())
    token = await token_of(guest)
    await city.restart()
    assert await ask(guest, "/latest/user-data", **token) == (200, "#!/bin/sh\n")


async def test_vultrs_clients_read_v1_json(city: City) -> None:
    guest = await resident(city, ssh_keys=("ssh-ed25519 AAAA me",))
    assert (await ask(guest, "/v1.json"))[0] == 401
    status, body = await ask(guest, "/v1.json", Metadata_Token="cloudinit")
    told = json.loads(body)
    assert (status, told["instanceid"], told["hostname"]) == (200, "inst-9", "inst-9")
    assert told["public-keys"] == ["ssh-ed25519 AAAA me"]
    assert told["interfaces"][0]["ipv4"]["address"] == guest.ip


async def test_a_guest_that_sends_nothing_or_nonsense_holds_nobody_up(city: City) -> None:
    silent, other = await resident(city, 9), await resident(city, 10)
    held = [silent.fake.connect(SERVER, 80) for _ in range(40)]
    held[0].sendall(b"\x16\x03\x01 this is TLS\r\n\r\n")
    answer = await asyncio.to_thread(held[0].recv, 100)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert (await ask(other, "/"))[0] == 401
    for connection in held:
        connection.close()
