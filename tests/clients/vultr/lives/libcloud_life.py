"""A whole life of an instance by apache-libcloud's Vultr driver, unchanged.

Run by the interpreter of the clients' own environment, with a `Stage` as JSON on standard input.
"""

from collections.abc import Callable
from typing import Any

from libcloud.compute.drivers.vultr import VultrNodeDriverV2
from libcloud.compute.types import NodeState, VolumeSnapshotState
from stage import Stage, until

PLAN, LARGER = "vc2-1c-1gb", "vc2-1c-2gb"


class Life:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.driver: Any = VultrNodeDriverV2(
            stage.key, secure=False, host="127.0.0.1", port=stage.port
        )

    def node(self, node_id: str) -> Any:
        return self.driver.ex_get_node(node_id)

    def ready(self, node_id: str) -> Any:
        """As people wait who know Vultr: until the server is ok."""
        return until(lambda: self.when_ok(self.node(node_id)))

    def when_ok(self, node: Any) -> Any:
        return node if node.extra["server_status"] == "ok" else None

    def state(self, node_id: str, wanted: Any) -> Callable[[], bool]:
        return lambda: self.node(node_id).state == wanted

    def run(self) -> None:
        driver, stage = self.driver, self.stage
        location = next(one for one in driver.list_locations() if one.id == stage.region)
        size = next(one for one in driver.list_sizes() if one.id == PLAN)
        image = next(one for one in driver.list_images() if str(one.id) == str(stage.os_id))
        assert PLAN in driver.ex_list_available_sizes_for_location(location)
        key = driver.import_key_pair_from_string("libcloud", stage.public_key)
        network = driver.ex_create_network(
            cidr_block="10.77.0.0/24", location=location, description="libcloud"
        )
        node = driver.create_node(
            "libcloud", size=size, location=location, image=image, ex_ssh_key_ids=[key.extra["id"]]
        )
        assert node.state in {NodeState.PENDING, NodeState.RUNNING}
        node = self.ready(node.id)
        assert [one.id for one in driver.list_nodes()] == [node.id]
        stage.inside(node.public_ips[0], "echo before > /root/mark; sync")
        self.with_a_volume(node, location)
        self.with_power(node)
        self.with_a_snapshot(node, size, location)
        assert driver.ex_resize_node(node, next(s for s in driver.list_sizes() if s.id == LARGER))
        until(lambda: self.ready(node.id).size == LARGER)
        assert driver.destroy_node(self.node(node.id))
        until(lambda: not driver.list_nodes())
        assert driver.ex_destroy_network(network)
        assert driver.delete_key_pair(key)

    def with_a_volume(self, node: Any, location: Any) -> None:
        driver = self.driver
        made = driver.create_volume(10, "libcloud", location)
        assert driver.ex_get_volume(made.id).size == 10
        assert driver.attach_volume(node, made)
        until(lambda: driver.ex_get_volume(made.id).extra["attached_to_instance"] == node.id)
        self.ready(node.id)
        mount_id = driver.ex_get_volume(made.id).extra["mount_id"]
        self.stage.inside(node.public_ips[0], f"{self.stage.device_of(mount_id)}; test -b $device")
        assert driver.detach_volume(driver.ex_get_volume(made.id))
        until(lambda: not driver.ex_get_volume(made.id).extra["attached_to_instance"])
        self.ready(node.id)
        assert driver.destroy_volume(made)
        until(lambda: not driver.list_volumes())

    def with_power(self, node: Any) -> None:
        driver = self.driver
        assert driver.stop_node(node)
        until(self.state(node.id, NodeState.STOPPED))
        assert driver.start_node(self.node(node.id))
        until(self.state(node.id, NodeState.RUNNING))
        assert driver.reboot_node(self.ready(node.id))
        self.ready(node.id)

    def with_a_snapshot(self, node: Any, size: Any, location: Any) -> None:
        driver = self.driver
        made = driver.ex_create_snapshot(node, "libcloud")
        until(lambda: driver.ex_get_snapshot(made.id).state == VolumeSnapshotState.AVAILABLE)
        (key,) = driver.list_key_pairs()
        copy = driver.create_node(
            "copy", size=size, location=location, ex_snapshot=made,
            ex_ssh_key_ids=[key.extra["id"]],
        )  # fmt: skip
        copy = self.ready(copy.id)
        assert self.stage.inside(copy.public_ips[0], "cat /root/mark") in {"before", ""}
        assert driver.destroy_node(copy)
        until(lambda: len(driver.list_nodes()) == 1)
        assert driver.ex_delete_snapshot(made)
        until(lambda: not driver.ex_list_snapshots())


if __name__ == "__main__":
    Life(Stage.read()).run()
