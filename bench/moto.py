"""The peer: moto's EC2 server, in an environment of its own below the cache.

`rows` calls it. Moto does not check signatures, but finds the service by the credential's scope, so
requests carry a header of the right form. It works in memory and keeps nothing.
"""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from bench import servers
from bench.load import Job, Request, run

ENVIRONMENT = Path(".cache/bench/moto")
PACKAGES = ("moto[server,ec2]",)
IMAGE = "ami-12c6146b"  # of those that moto itself comes with
HEADERS = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/ec2/aws4_request, "
    "SignedHeaders=host, Signature=0",
    "Content-Type": "application/x-www-form-urlencoded",
}
INSTANCE_ID = r"<instanceId>(i-[0-9a-f]+)</instanceId>"
TAGS = {"env": "production", "team": "platform"}


def install() -> Path:
    """The server's program; fetched on the first run."""
    program = ENVIRONMENT / "bin" / "moto_server"
    if not program.exists():
        uv = shutil.which("uv")
        if uv is None:
            raise RuntimeError("moto is installed by uv, which is not here")
        subprocess.run([uv, "venv", "-q", "--clear", str(ENVIRONMENT)], check=True)
        python = str(ENVIRONMENT / "bin" / "python")
        subprocess.run([uv, "pip", "install", "-q", "--python", python, *PACKAGES], check=True)
    return program.absolute()


@contextlib.contextmanager
def server(home: Path, cpu: int | None) -> Iterator[servers.Server]:
    port = servers.free_port()
    command = [str(install()), "-H", "127.0.0.1", "-p", str(port)]
    with servers.process("moto", command, port, "/moto-api/", home, cpu) as started:
        yield started


def call(action: str, **parameters: str) -> Request:
    body = urlencode({"Action": action, "Version": "2016-11-15"} | parameters)
    return Request(method="POST", path="/", headers=HEADERS, body=body)


def create_request() -> Request:
    """As much of the native example as EC2 has words for: size, image, two labels, user data."""
    parameters = {
        "ImageId": IMAGE, "InstanceType": "t3.large", "MinCount": "1", "MaxCount": "1",
        "UserData": "IyEvYmluL2Jhc2gKYXB0IHVwZGF0ZQ==",
        "TagSpecification.1.ResourceType": "instance",
    }  # fmt: skip
    for number, (key, value) in enumerate(TAGS.items(), start=1):
        parameters[f"TagSpecification.1.Tag.{number}.Key"] = key
        parameters[f"TagSpecification.1.Tag.{number}.Value"] = value
    return call("RunInstances", **parameters)


def list_request(limit: int) -> Request:
    """Answers at most `limit`; 1000 is the most that EC2 allows."""
    return call("DescribeInstances", MaxResults=str(limit))


def get_request(instance_id: str) -> Request:
    body = call("DescribeInstances").body + "&InstanceId.1=" + instance_id
    return Request(method="POST", path="/", headers=HEADERS, body=body)


def running_request() -> Request:
    body = get_request("{id}").body
    return Request(
        method="POST", path="/", headers=HEADERS, body=body, within="<name>running</name>"
    )


def fill(port: int, count: int, cpu: int | None) -> None:
    """One by one, as its users would: a reservation each."""
    run(Job(port=port, request=create_request(), seconds=3600, count=count, cpu=cpu))
