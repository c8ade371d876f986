"""Vultr's names for the fields of commands, and the sentences that its clients look for."""

import functools

from atoll.api.foreign import BUSY, HEADERS, show_id
from atoll.api.serving import Asked
from atoll.api.wording import Wording
from atoll.domain.actions import ACTIONS
from atoll.domain.commands import Command
from atoll.domain.reasons import Reason

INSTANCE = {
    "name": "label", "labels": "tags", "image": "os_id", "ssh_keys": "sshkey_id",
    "security_groups": "firewall_group_id", "security_groups.0": "firewall_group_id",
    "startup_script": "script_id", "disk_gib": "plan", "memory_mib": "plan", "vcpus": "plan",
    "subnet": "vpc_id", "vpc": "vpc_id", "snapshot": "snapshot_id",
}  # fmt: skip
# Keyed by the noun of the command.
FIELDS = {
    "instance": INSTANCE,
    "network": INSTANCE,
    "ssh_key": {"public_key": "ssh_key"},
    "startup_script": {},
    "security_group": {"name": "description", "rule.cidr": "subnet", "rule.port": "port"},
    "volume": {"name": "label", "size_gib": "size_gb", "instance": "instance_id"},
    "snapshot": {
        "name": "description", "instance": "instance_id", "source.location": "url",
        "source": "url",
    },
    "floating_ip": {"name": "label", "instance": "instance_id"},
    "vpc": {"name": "description", "cidr": "v4_subnet", "subnet": "vpc_id", "vpc": "vpc_id"},
    "image": {"name": "url", "source.location": "url", "source": "url"},
    "reverse_dns": {"name": "reverse", "address": "ip"},
}  # fmt: skip
SENTENCES = {
    Reason.BUSY: BUSY,
    Reason.KEY_NEEDED: "Invalid API token: send a key of Atoll as Authorization: Bearer KEY",
    Reason.KEY_UNKNOWN: "Invalid API token: send a key of Atoll as Authorization: Bearer KEY",
    Reason.KEY_EXPIRED: "Invalid API token: this key has expired",
    Reason.VOLUME_ATTACHED_ELSEWHERE: "Block storage is already attached to another server",
    Reason.FLOATING_IP_TAKEN: "Floating IPv4 address is already attached to another server",
    Reason.SOURCE_NEEDS_DISK: "{field}: the {noun} needs {lowest} GB, plan {plan} has {value}",
    # Terraform detaches an address from the instance that the end of the sentence names.
    Reason.DISC_IN_USE: "ISO {image} is still attached to instance {instance_id} {address}",
    # Clients retry as long as the error begins with these words.
    Reason.USED_BY_SUBNETS: "A server is attached to this VPC network",
}
VPC_IN_USE = "A server is attached to this VPC network: {noun} {name} is in use by {user_noun} "
COMMON = Wording(fields=HEADERS, sentences=SENTENCES, id_of=show_id)


def wording_for(asked: Asked | None) -> Wording:
    return COMMON if asked is None else wording_of(type(asked.command))


@functools.cache
def wording_of(kind: type[Command]) -> Wording:
    noun = ACTIONS[kind].noun
    sentences = SENTENCES
    if noun == "vpc":
        used = VPC_IN_USE + "{user} ({user_id}): {remedy}"
        sentences = {**SENTENCES, Reason.USED_BY: used}
    fields = HEADERS | FIELDS.get(noun, {})
    return Wording(fields=fields, sentences=sentences, id_of=show_id)
