"""Valid example bodies for the OpenAPI document, by operation id."""

from typing import Any

INSTANCE: dict[str, Any] = {
    "metadata": {"name": "web-server-01", "labels": {"env": "production", "team": "platform"}},
    "spec": {
        "type": "cx31",
        "image": "ubuntu-22.04",
        "vcpus": 2,
        "memory_mb": 4096,
        "disk_gb": 80,
        "vpc_id": "vpc-abc123",
        "subnet_id": "subnet-def456",
        "security_groups": ["sg-web", "sg-ssh"],
        "ssh_key_ids": ["key-001"],
        "user_data": "IyEvYmluL2Jhc2gKYXB0IHVwZGF0ZQ==",
    },
}
PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@laptop"
)
WEB: dict[str, Any] = {"direction": "ingress", "protocol": "tcp", "port": 80, "cidr": "0.0.0.0/0"}
URL = "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2"


def named(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec}


REQUESTS: dict[str, dict[str, Any]] = {
    "createInstance": INSTANCE,
    "updateInstance": {
        "metadata": {"labels": {"env": "staging"}, "protected": True},
        "spec": {"security_groups": ["sg-web"], "ssh_key_ids": ["key-001"]},
    },
    "reinstallInstance": {"image": "debian-12", "hostname": "web-2"},
    "restoreInstance": {"snapshot_id": "before-upgrade"},
    "attachIso": {"image": "alpine"},
    "resizeInstance": {"type": "cx31", "disk_gb": 160},
    "setBackupSchedule": {"cron": "30 3 * * *", "keep": 7},
    "attachNetwork": {"subnet_id": "subnet-def456"},
    "createVolume": named("data", size_gb=20, instance_id="web-server-01"),
    "updateVolume": {"metadata": {"labels": {"tier": "db"}}},
    "attachVolume": {"instance_id": "web-server-01"},
    "resizeVolume": {"size_gb": 40},
    "createSnapshot": named("before-upgrade", instance_id="web-server-01"),
    "cloneSnapshot": {"region": "far", "name": "before-upgrade-far"},
    "updateSnapshot": {"metadata": {"name": "before-the-upgrade"}},
    "createFloatingIp": named("front", instance_id="web-server-01"),
    "updateFloatingIp": {"metadata": {"labels": {"service": "front"}}},
    "attachFloatingIp": {"instance_id": "web-server-02"},
    "limitProject": {"limits": {"instances": 10, "vcpus": 40, "memory_mb": 65536}},
    "stopInstance": {"force": False, "timeout_seconds": 60},
    "openConsole": {"type": "vnc"},
    "createSshKey": named("key-001", public_key=PUBLIC_KEY),
    "updateSshKey": {"metadata": {"name": "laptop"}},
    "createStartupScript": named("hello", script="IyEvYmluL3NoCmVjaG8gaGVsbG8K"),
    "updateStartupScript": {"spec": {"script": "IyEvYmluL3NoCmVjaG8gYnllCg=="}},
    "createWebhook": named("ops", url="https://example.com/atoll", events=["instance.*"]),
    "updateWebhook": {"spec": {"enabled": False}},
    "setReverseRecord": {"name": "web.example.com"},
    "createVpc": named("vpc-abc123", cidr="10.0.0.0/16"),
    "updateVpc": {"metadata": {"labels": {"env": "production"}}},
    "createSubnet": named("subnet-def456", vpc_id="vpc-abc123", cidr="10.0.1.0/24"),
    "updateSubnet": {"metadata": {"labels": {"tier": "web"}}},
    "createSecurityGroup": named("sg-web", rules=[WEB]),
    "updateSecurityGroup": {"spec": {"rules": [WEB, WEB | {"port": 443}]}},
    "createImage": named("debian-latest", source={"kind": "url", "location": URL}),
    "updateImage": {"spec": {"alias_of": "debian-12"}},
    "createType": named("gx1", vcpus=4, memory_mb=8192, disk_gb=40),
    "createRegion": named("cellar", description="the machine in the cellar"),
    "updateHost": {"spec": {"enabled": False}},
    "createApiKey": named("ci", role="member", limit_class="standard"),
    "createProject": {"metadata": {"name": "team-a"}},
    "addApi": named("pets", document='{"openapi": "3.1.0", …}', base_url="https://pets.example"),
    "createFault": {"verb": "ensure_running", "error": "unavailable", "times": 2},
}
