"""The native dialect's names for the fields of commands."""

import functools

from atoll.api.serving import Asked
from atoll.api.wording import Wording
from atoll.domain import commands as c
from atoll.domain.commands import Command
from atoll.domain.reasons import Reason

# Names that differ from those of the commands.
FIELDS = {
    "plan": "type", "memory_mib": "memory_mb", "disk_gib": "disk_gb", "size_gib": "size_gb",
    "ssh_keys": "ssh_key_ids", "vpc": "vpc_id", "subnet": "subnet_id", "instance": "instance_id",
    "snapshot": "snapshot_id", "startup_script": "startup_script_id",
    "expires_at_ms": "expires_at", "graceful_s": "timeout_seconds", "backups.cron": "cron",
    "backups.keep": "keep", "limits.memory_mib": "limits.memory_mb",
    "limits.disk_gib": "limits.disk_gb", "version": "If-Match",
    "idempotency_key": "Idempotency-Key", "protected": "metadata.protected",
}  # fmt: skip
SENTENCES = {
    Reason.NO_SUCH_PLAN: f"{Reason.NO_SUCH_PLAN.value}; see /v1/types",
    Reason.NO_SUCH_REGION: f"{Reason.NO_SUCH_REGION.value}; see /v1/regions",
}
HEADERS = frozenset({"version", "idempotency_key"})
METADATA = frozenset({"name", "labels", "protected", "expires_at_ms"})
# Commands whose bodies have `metadata` and `spec`; all others have their fields at the top.
TWO_PARTS: frozenset[type[Command]] = frozenset({
    c.CreateInstance, c.UpdateInstance, c.CreateVolume, c.UpdateVolume, c.CreateSnapshot,
    c.UpdateSnapshot, c.CreateImage, c.UpdateImage, c.CreateVpc, c.UpdateVpc, c.CreateSubnet,
    c.UpdateSubnet, c.CreateSecurityGroup, c.UpdateSecurityGroup, c.CreateFloatingIp,
    c.UpdateFloatingIp, c.CreateSshKey, c.UpdateSshKey, c.CreateStartupScript,
    c.UpdateStartupScript, c.CreateWebhook, c.UpdateWebhook, c.CreateProject, c.CreateApiKey,
    c.CreatePlan, c.CreateRegion, c.AddApi,
})  # fmt: skip
# The expiry is not metadata: it limits what the key may do.
SPEC_EXPIRES = frozenset({c.CreateApiKey})


def wording_for(asked: Asked | None) -> Wording:
    return COMMON if asked is None else wording_of(type(asked.command))


@functools.cache
def wording_of(kind: type[Command]) -> Wording:
    if kind not in TWO_PARTS:
        return COMMON
    spec_only = {"expires_at_ms"} if kind in SPEC_EXPIRES else set()
    names = [*kind.__struct_fields__, "version", "idempotency_key"]
    fields = {}
    for name in names:
        shown = FIELDS.get(name, name).removeprefix("metadata.")
        if name in HEADERS:
            fields[name] = shown
        elif name in METADATA and name not in spec_only:
            fields[name] = f"metadata.{shown}"
        else:
            fields[name] = f"spec.{shown}"
    return Wording(fields=fields, sentences=SENTENCES)


COMMON = Wording(fields=FIELDS, sentences=SENTENCES)
