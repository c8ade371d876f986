"""A whole life of an instance by Genesis Cloud's own client in Python, unchanged.

Run by the interpreter of the client's own environment, with a `Stage` as JSON on standard input and
the server's address in GENESISCLOUD_API_ROOT, which the client reads when it is imported.
"""

from collections.abc import Callable
from typing import Any

import requests
from genesiscloud.client import GENESISCLOUD_API_ROOT, APIError, Client
from stage import Stage, until

KEYS = f"{GENESISCLOUD_API_ROOT}compute/v1/ssh-keys"
SCRIPT = "#!/bin/sh\necho before > /root/mark; sync\n"
MARK = "for _ in 1 2 3 4 5 6 7 8 9; do test -s /root/mark && break; sleep 1; done; cat /root/mark"


class Life:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.client: Any = Client(stage.key)

    def run(self) -> None:
        client = self.client
        self.connect()
        image = next(client.Images.find({"name": "Atoll mini"}))
        key = self.key()
        made = self.instance(image.id, key.id)
        assert [one.id for one in client.Instances.list()] == [made.id]
        assert self.stage.inside(made.public_ip, MARK) in {"before", ""}
        snapshot = client.Snapshots.create(name="golden", instance_id=made.id)
        until(lambda: client.Snapshots.get(snapshot.id).status == "created")
        copy = self.instance(snapshot.id, key.id)
        assert (copy.image.id, copy.image.name) == (snapshot.id, "golden")
        assert self.stage.inside(copy.public_ip, "cat /root/mark") in {"before", ""}
        for one in (copy, made):
            client.Instances.delete(one.id)
        until(self.missing(client.Instances, made.id))
        until(self.missing(client.Instances, copy.id))
        client.Snapshots.delete(snapshot.id)
        until(self.missing(client.Snapshots, snapshot.id))
        client.SSHKeys.delete(key.id)
        assert list(client.SSHKeys.list()) == []

    def connect(self) -> None:
        assert self.client.connect().status_code == 200
        try:
            Client("nobody").connect()
        except ConnectionRefusedError:
            return
        raise AssertionError("a key that nobody has was let in")

    def key(self) -> Any:
        """The client looks for a made key where no server has it: by itself it only finds one."""
        body = {"name": "laptop", "value": self.stage.public_key}
        headers = {"X-Auth-Token": self.stage.key}
        assert requests.post(KEYS, json=body, headers=headers, timeout=60).status_code == 201
        return next(self.client.SSHKeys.find({"name": "laptop"}))

    def instance(self, image: str, key: str) -> Any:
        """An active one, without a region, as the client's own example makes it."""
        made = self.client.Instances.create(
            name="python", hostname="python", type=self.stage.type, image=image, ssh_keys=[key],
            metadata={"startup_script": SCRIPT},
        )  # fmt: skip
        assert made.status == "creating"
        return until(lambda: self.active(made.id))

    def active(self, instance_id: str) -> Any:
        shown = self.client.Instances.get(instance_id)
        return shown if shown.status == "active" else None

    def missing(self, resource: Any, thing_id: str) -> Callable[[], bool]:
        def look() -> bool:
            try:
                resource.get(thing_id)
            except APIError as error:
                assert error.code == 404, error
                return True
            return False

        return look


if __name__ == "__main__":
    Life(Stage.read()).run()
