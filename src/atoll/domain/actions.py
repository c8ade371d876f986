"""The known facts about each kind of command, in one table. Desk, dry runs, audit and approvals
read it; a test compares it with the commands and with the routes that send them."""

from enum import StrEnum
from typing import NamedTuple

from atoll.domain import commands as c
from atoll.domain.commands import Command


class Risk(StrEnum):
    """What can go wrong: nothing that lasts; something that can be undone; loss of data or
    exposure. `domain/risk.py` says what raises it."""

    SAFE = "safe"
    MODERATE = "moderate"
    DANGEROUS = "dangerous"


class Action(NamedTuple):
    """`right` is the right that the caller's role must have. `impact` and `undo` are sentences for
    people who decide whether to run the command."""

    noun: str
    verb: str
    risk: Risk
    right: str
    impact: str
    undo: str

    @property
    def name(self) -> str:
        return f"{self.noun}.{self.verb}"


SAFE, MODERATE, DANGEROUS = Risk.SAFE, Risk.MODERATE, Risk.DANGEROUS
NONE = "none"
RENAMED = "the name, labels or description change; nothing else changes"
RENAME_BACK = "restore the previous values"

ACTIONS: dict[type[Command], Action] = {
    c.CreateInstance: Action(
        "instance", "create", MODERATE, "write",
        "a new guest with a root disk and two addresses; nothing that exists is touched",
        "delete the instance"),
    c.UpdateInstance: Action(
        "instance", "update", MODERATE, "write",
        "the name, labels, protection, expiry, security groups or keys change while the guest runs",
        "restore the previous values"),
    c.StartInstance: Action(
        "instance", "start", SAFE, "write", "the guest is powered on", "stop the instance"),
    c.StopInstance: Action(
        "instance", "stop", MODERATE, "write",
        "the guest is shut down; its disk, addresses and place on the host stay",
        "start the instance"),
    c.RebootInstance: Action(
        "instance", "reboot", MODERATE, "write", "the guest shuts down and starts again", NONE),
    c.ResetInstance: Action(
        "instance", "reset", DANGEROUS, "write",
        "the guest is reset immediately; data that it has not written to its disk is lost", NONE),
    c.ResizeInstance: Action(
        "instance", "resize", DANGEROUS, "write",
        "the guest restarts with the new size; a larger root disk alone needs no restart",
        "resize back; the root disk stays as large as it became"),
    c.ReinstallInstance: Action(
        "instance", "reinstall", DANGEROUS, "write",
        "the root disk is replaced by a fresh one; id, addresses, volumes and keys stay",
        "none once the new guest is ready: the old root disk is gone"),
    c.RestoreInstance: Action(
        "instance", "restore", DANGEROUS, "write",
        "the root disk returns to its state at the snapshot; later changes are lost",
        "none once the guest is ready again: the previous root disk is gone"),
    c.DeleteInstance: Action(
        "instance", "delete", DANGEROUS, "write",
        "the guest is powered off; after the recovery window, its root disk is destroyed and its "
        "addresses are released; its volumes, floating IPs and snapshots stay",
        "recover the instance within its recovery window; none after that"),
    c.RecoverInstance: Action(
        "instance", "recover", SAFE, "write",
        "the deleted instance is started again", "delete the instance"),
    c.AttachDisc: Action(
        "instance", "attach_iso", DANGEROUS, "write",
        "a running guest restarts, from the ISO if that is bootable",
        "detach the ISO"),
    c.DetachDisc: Action(
        "instance", "detach_iso", MODERATE, "write",
        "a running guest restarts from its root disk", "attach the ISO"),
    c.SetBackups: Action(
        "instance", "back_up", SAFE, "write",
        "backups are created by the schedule; the oldest are deleted", "disable backups"),
    c.DisableBackups: Action(
        "instance", "stop_backing_up", MODERATE, "write",
        "no further backups are created; existing backups are kept",
        "set the backup schedule again"),
    c.OpenConsole: Action(
        "instance", "console", DANGEROUS, "write",
        "anyone who has the URL can control the guest's keyboard", NONE),
    c.CreateVolume: Action(
        "volume", "create", MODERATE, "write", "a new, empty disk", "delete the volume"),
    c.UpdateVolume: Action("volume", "update", MODERATE, "write", RENAMED, RENAME_BACK),
    c.AttachVolume: Action(
        "volume", "attach", MODERATE, "write",
        "the guest gets another disk, while it runs or at its next start; data on another host is "
        "copied first",
        "detach the volume"),
    c.DetachVolume: Action(
        "volume", "detach", DANGEROUS, "write",
        "the disk is removed from the guest when the guest releases it; the data stays",
        "attach the volume"),
    c.GrowVolume: Action(
        "volume", "grow", MODERATE, "write",
        "the volume becomes larger; its file system must be enlarged inside the guest",
        "none: a volume never shrinks"),
    c.DeleteVolume: Action(
        "volume", "delete", DANGEROUS, "write",
        "the data on the volume is destroyed", "none: the data is gone"),
    c.CreateSnapshot: Action(
        "snapshot", "create", SAFE, "write",
        "the current content of the root volume is kept; the guest pauses for some milliseconds",
        "delete the snapshot"),
    c.UpdateSnapshot: Action("snapshot", "update", MODERATE, "write", RENAMED, RENAME_BACK),
    c.CloneSnapshot: Action(
        "snapshot", "clone", SAFE, "write",
        "the data of the snapshot is copied to a host in the other region",
        "delete the new snapshot"),
    c.ImportSnapshot: Action(
        "snapshot", "import", MODERATE, "write",
        "a host downloads the disk and creates a snapshot from it",
        "delete the snapshot"),
    c.DeleteSnapshot: Action(
        "snapshot", "delete", DANGEROUS, "write",
        "the snapshot is destroyed; instances created from it are not affected",
        "none: the snapshot is gone"),
    c.CreateImage: Action(
        "image", "create", MODERATE, "write",
        "each host downloads or builds the image and keeps a copy", "delete the image"),
    c.UpdateImage: Action("image", "update", MODERATE, "write", RENAMED, RENAME_BACK),
    c.ImportImage: Action(
        "image", "import", MODERATE, "write",
        "each host downloads or builds the image and keeps a copy", "delete the image"),
    c.DeleteImage: Action(
        "image", "delete", DANGEROUS, "write",
        "every host deletes its copy of the image", "import the image again"),
    c.CreateVpc: Action("vpc", "create", MODERATE, "write", "a new private network",
                        "delete the VPC"),
    c.UpdateVpc: Action("vpc", "update", MODERATE, "write", RENAMED, RENAME_BACK),
    c.DeleteVpc: Action("vpc", "delete", DANGEROUS, "write", "the network is deleted",
                        "create the VPC again"),
    c.CreateSubnet: Action("subnet", "create", MODERATE, "write", "a new range in a VPC",
                           "delete the subnet"),
    c.UpdateSubnet: Action("subnet", "update", MODERATE, "write", RENAMED, RENAME_BACK),
    c.DeleteSubnet: Action("subnet", "delete", DANGEROUS, "write", "the range is deleted",
                           "create the subnet again"),
    c.AttachNetwork: Action(
        "network", "attach", MODERATE, "write",
        "the guest gets another network interface, while it runs or at its next start",
        "detach the network"),
    c.DetachNetwork: Action(
        "network", "detach", DANGEROUS, "write", "the guest loses the network interface",
        "attach the network; the address may differ"),
    c.AttachVpc: Action(
        "vpc", "attach", MODERATE, "write",
        "the guest gets another network interface, while it runs or at its next start",
        "detach the VPC"),
    c.DetachVpc: Action(
        "vpc", "detach", DANGEROUS, "write", "the guest loses its network interfaces in the VPC",
        "attach the VPC; the address may differ"),
    c.AttachDefaultVpc: Action(
        "vpc", "attach_default", MODERATE, "write",
        "the guest gets another network interface, in the default VPC of the region",
        "detach the VPC"),
    c.CreateSecurityGroup: Action(
        "security_group", "create", MODERATE, "write",
        "a new set of rules, which no guest uses yet",
        "delete the security group"),
    c.UpdateSecurityGroup: Action(
        "security_group", "update", MODERATE, "write",
        "new rules apply immediately to every running guest in the group",
        "restore the previous rules"),
    c.AddRule: Action(
        "security_group", "add_rule", MODERATE, "write",
        "the rule applies immediately to every running guest in the group", "remove the rule"),
    c.RemoveRule: Action(
        "security_group", "remove_rule", MODERATE, "write",
        "the rule no longer applies to any running guest in the group", "add the rule"),
    c.DeleteSecurityGroup: Action(
        "security_group", "delete", DANGEROUS, "write", "the rules are deleted",
        "create the security group again"),
    c.CreateFloatingIp: Action(
        "floating_ip", "create", MODERATE, "write", "a public address is reserved",
        "delete the floating IP"),
    c.UpdateFloatingIp: Action("floating_ip", "update", MODERATE, "write", RENAMED, RENAME_BACK),
    c.AttachFloatingIp: Action(
        "floating_ip", "attach", MODERATE, "write",
        "traffic to the address goes to the instance, and no longer to the previous instance",
        "attach it to the previous instance"),
    c.DetachFloatingIp: Action(
        "floating_ip", "detach", MODERATE, "write",
        "traffic to the address no longer reaches an instance",
        "attach the floating IP"),
    c.DeleteFloatingIp: Action(
        "floating_ip", "delete", MODERATE, "write", "the address is released",
        "none: the address may be assigned to another project"),
    c.CreateSshKey: Action(
        "ssh_key", "create", SAFE, "write", "a new public key, which no guest uses yet",
        "delete the ssh key"),
    c.UpdateSshKey: Action(
        "ssh_key", "update", MODERATE, "write",
        "new guests get the new key; existing guests keep the old key",
        "restore the previous value"),
    c.DeleteSshKey: Action(
        "ssh_key", "delete", MODERATE, "write",
        "new guests cannot use the key; existing guests keep it", "create the ssh key again"),
    c.CreateStartupScript: Action(
        "startup_script", "create", SAFE, "write", "a new script, which no guest runs yet",
        "delete the startup script"),
    c.UpdateStartupScript: Action(
        "startup_script", "update", MODERATE, "write",
        "instances run the new script at their next reinstallation", "restore the previous value"),
    c.DeleteStartupScript: Action(
        "startup_script", "delete", MODERATE, "write",
        "instances no longer run the script", "create the startup script again"),
    c.CreateWebhook: Action(
        "webhook", "create", SAFE, "write", "the project's events are sent to the URL",
        "delete the webhook"),
    c.UpdateWebhook: Action(
        "webhook", "update", MODERATE, "write", "events are sent to the new URL",
        "restore the previous value"),
    c.DeleteWebhook: Action(
        "webhook", "delete", MODERATE, "write", "no further events are sent to the URL",
        "create the webhook again"),
    c.SetReverseDns: Action(
        "reverse_dns", "put", MODERATE, "write", "the reverse name of the address changes",
        "set the previous name"),
    c.DeleteReverseDns: Action(
        "reverse_dns", "delete", MODERATE, "write",
        "the address no longer has a reverse name", "set the name again"),
    c.CreateProject: Action(
        "project", "create", DANGEROUS, "administer", "a new, empty project", NONE),
    c.DeleteProject: Action(
        "project", "delete", DANGEROUS, "administer",
        "the empty project, its limits and its built-in security groups are deleted",
        "create the project again"),
    c.CreateApiKey: Action(
        "api_key", "create", DANGEROUS, "administer",
        "the holder of the key can do everything that the role allows", "delete the API key"),
    c.DeleteApiKey: Action(
        "api_key", "delete", DANGEROUS, "administer", "the key no longer works",
        "none: create another key"),
    c.SetQuota: Action(
        "quota", "limit", DANGEROUS, "administer",
        "the limits of the project change; its existing resources stay",
        "set the previous limits"),
    c.CreatePlan: Action("type", "create", DANGEROUS, "operate", "a new type is available",
                         "delete the type"),
    c.DeletePlan: Action(
        "type", "delete", DANGEROUS, "operate",
        "the type is no longer available; instances keep it", "create the type again"),
    c.CreateRegion: Action("region", "create", DANGEROUS, "operate", "a new region is available",
                           "delete the region"),
    c.DeleteRegion: Action("region", "delete", DANGEROUS, "operate",
                           "the region is no longer available", "create the region again"),
    c.UpdateHost: Action(
        "host", "update", DANGEROUS, "operate",
        "a disabled host keeps its guests and gets no new ones", "restore the previous value"),
    c.RemoveHost: Action(
        "host", "remove", DANGEROUS, "operate",
        "the instances on the host are deleted and their root disks are lost; its volumes and "
        "snapshots are lost, except where another host has a copy",
        "none: the data on the host is gone"),
    c.AddApi: Action("api", "add", DANGEROUS, "operate", "agents can find the tools of the API",
                     "remove the API"),
    c.RemoveApi: Action("api", "remove", DANGEROUS, "operate",
                        "agents can no longer find the tools of the API", "add the API again"),
    c.CancelOperation: Action(
        "operation", "cancel", MODERATE, "write",
        "the operation stops, and its completed steps are rolled back", "send the request again"),
    c.RetryOperation: Action(
        "operation", "retry", MODERATE, "write",
        "the failed operation runs again from its first step",
        "cancel the operation"),
}  # fmt: skip


def action_of(command: Command) -> Action:
    return ACTIONS[type(command)]
