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
RENAMED = "its name, labels or other notes change; nothing else does"
RENAME_BACK = "change them back"

ACTIONS: dict[type[Command], Action] = {
    c.CreateInstance: Action(
        "instance", "create", MODERATE, "write",
        "a new guest with a root disk and two addresses; nothing that exists is touched",
        "delete the instance"),
    c.UpdateInstance: Action(
        "instance", "update", MODERATE, "write",
        "its name, labels, protection, expiry, groups or keys change while the guest runs",
        "change them back"),
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
        "the guest is reset at once; what it had not written to its disk is lost", NONE),
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
        "the root disk becomes what it was at the snapshot; what came later is lost",
        "none once the guest is ready again: the root disk from before is gone"),
    c.DeleteInstance: Action(
        "instance", "delete", DANGEROUS, "write",
        "the guest is powered off; for good, its root disk is destroyed and its addresses are "
        "given back; its volumes, floating IPs and snapshots stay",
        "recover the instance while that is possible; none once it is gone for good"),
    c.RecoverInstance: Action(
        "instance", "recover", SAFE, "write",
        "the deleted instance is started again", "delete the instance"),
    c.AttachDisc: Action(
        "instance", "attach_iso", DANGEROUS, "write",
        "a running guest shuts down and starts again, from the disc where it is bootable",
        "detach the disc"),
    c.DetachDisc: Action(
        "instance", "detach_iso", MODERATE, "write",
        "a running guest shuts down and starts again, from its root disk", "attach the disc"),
    c.SetBackups: Action(
        "instance", "back_up", SAFE, "write",
        "backups are taken by the schedule; the oldest are deleted", "disable backups"),
    c.DisableBackups: Action(
        "instance", "stop_backing_up", MODERATE, "write",
        "no further backups are taken; existing ones are kept", "set the schedule again"),
    c.OpenConsole: Action(
        "instance", "console", DANGEROUS, "write",
        "whoever has the address controls the guest's keyboard", NONE),
    c.CreateVolume: Action(
        "volume", "create", MODERATE, "write", "a new, empty disk", "delete the volume"),
    c.UpdateVolume: Action("volume", "update", MODERATE, "write", RENAMED, RENAME_BACK),
    c.AttachVolume: Action(
        "volume", "attach", MODERATE, "write",
        "the guest gets one more disk, while it runs or at its next start; from another host its "
        "data is copied first",
        "detach the volume"),
    c.DetachVolume: Action(
        "volume", "detach", DANGEROUS, "write",
        "the guest loses the disk as soon as it lets go of it; the data stays",
        "attach the volume"),
    c.GrowVolume: Action(
        "volume", "grow", MODERATE, "write",
        "the volume becomes larger; the file system on it has to be grown from inside",
        "none: a volume never shrinks"),
    c.DeleteVolume: Action(
        "volume", "delete", DANGEROUS, "write",
        "the data on the volume is destroyed", "none: the data is gone"),
    c.CreateSnapshot: Action(
        "snapshot", "create", SAFE, "write",
        "the root volume as it is now is kept; the guest pauses for some milliseconds",
        "delete the snapshot"),
    c.UpdateSnapshot: Action("snapshot", "update", MODERATE, "write", RENAMED, RENAME_BACK),
    c.CloneSnapshot: Action(
        "snapshot", "clone", SAFE, "write",
        "the data of the snapshot is copied to a host of the other region",
        "delete the new snapshot"),
    c.ImportSnapshot: Action(
        "snapshot", "import", MODERATE, "write",
        "a host downloads the disk and keeps it as an image, of which a snapshot is taken",
        "delete the snapshot"),
    c.DeleteSnapshot: Action(
        "snapshot", "delete", DANGEROUS, "write",
        "the snapshot is destroyed; instances that were made from it stay whole",
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
    c.DeleteVpc: Action("vpc", "delete", DANGEROUS, "write", "the network is gone",
                        "create the VPC again"),
    c.CreateSubnet: Action("subnet", "create", MODERATE, "write", "a new range in a VPC",
                           "delete the subnet"),
    c.UpdateSubnet: Action("subnet", "update", MODERATE, "write", RENAMED, RENAME_BACK),
    c.DeleteSubnet: Action("subnet", "delete", DANGEROUS, "write", "the range is gone",
                           "create the subnet again"),
    c.AttachNetwork: Action(
        "network", "attach", MODERATE, "write",
        "the guest gets one more network interface, while it runs or at its next start",
        "detach the network"),
    c.DetachNetwork: Action(
        "network", "detach", DANGEROUS, "write", "the guest loses the network interface",
        "attach the network; the address may be another one then"),
    c.AttachVpc: Action(
        "vpc", "attach", MODERATE, "write",
        "the guest gets one more network interface, while it runs or at its next start",
        "detach the VPC"),
    c.DetachVpc: Action(
        "vpc", "detach", DANGEROUS, "write", "the guest loses its network interfaces in the VPC",
        "attach the VPC; the address may be another one then"),
    c.AttachDefaultVpc: Action(
        "vpc", "attach_default", MODERATE, "write",
        "the guest gets one more network interface, in the default VPC of the region",
        "detach the VPC"),
    c.CreateSecurityGroup: Action(
        "security_group", "create", MODERATE, "write", "a new set of rules, which no guest has yet",
        "delete the security group"),
    c.UpdateSecurityGroup: Action(
        "security_group", "update", MODERATE, "write",
        "new rules apply at once to every running guest in the group", "change the rules back"),
    c.AddRule: Action(
        "security_group", "add_rule", MODERATE, "write",
        "the rule applies at once to every running guest in the group", "remove the rule"),
    c.RemoveRule: Action(
        "security_group", "remove_rule", MODERATE, "write",
        "the rule no longer applies to any running guest in the group", "add the rule"),
    c.DeleteSecurityGroup: Action(
        "security_group", "delete", DANGEROUS, "write", "the set of rules is gone",
        "create the security group again"),
    c.CreateFloatingIp: Action(
        "floating_ip", "create", MODERATE, "write", "a public address is reserved",
        "delete the floating IP"),
    c.UpdateFloatingIp: Action("floating_ip", "update", MODERATE, "write", RENAMED, RENAME_BACK),
    c.AttachFloatingIp: Action(
        "floating_ip", "attach", MODERATE, "write",
        "the address leads to the instance, and no longer to the one that had it",
        "attach it to the instance that had it"),
    c.DetachFloatingIp: Action(
        "floating_ip", "detach", MODERATE, "write", "the address leads nowhere",
        "attach the floating IP"),
    c.DeleteFloatingIp: Action(
        "floating_ip", "delete", MODERATE, "write", "the address is given back",
        "none: another one may be given the address"),
    c.CreateSshKey: Action(
        "ssh_key", "create", SAFE, "write", "a public key, which no guest has yet",
        "delete the ssh key"),
    c.UpdateSshKey: Action(
        "ssh_key", "update", MODERATE, "write",
        "new guests get the new key; those that run keep the old one", "change it back"),
    c.DeleteSshKey: Action(
        "ssh_key", "delete", MODERATE, "write", "new guests cannot get it; those that have it keep "
        "it", "create the ssh key again"),
    c.CreateStartupScript: Action(
        "startup_script", "create", SAFE, "write", "a script, which no guest runs yet",
        "delete the startup script"),
    c.UpdateStartupScript: Action(
        "startup_script", "update", MODERATE, "write",
        "guests run the new script at their next installation", "change it back"),
    c.DeleteStartupScript: Action(
        "startup_script", "delete", MODERATE, "write",
        "instances that name the script no longer run it", "create the startup script again"),
    c.CreateWebhook: Action(
        "webhook", "create", SAFE, "write", "the address is sent the project's events from now on",
        "delete the webhook"),
    c.UpdateWebhook: Action(
        "webhook", "update", MODERATE, "write", "events go to the new address", "change it back"),
    c.DeleteWebhook: Action(
        "webhook", "delete", MODERATE, "write", "the address is sent no further events",
        "create the webhook again"),
    c.SetReverseDns: Action(
        "reverse_dns", "put", MODERATE, "write", "the address gets another name",
        "set the old name"),
    c.DeleteReverseDns: Action(
        "reverse_dns", "delete", MODERATE, "write", "the address has no name", "set the name"),
    c.CreateProject: Action(
        "project", "create", DANGEROUS, "administer", "a new, empty project", NONE),
    c.CreateApiKey: Action(
        "api_key", "create", DANGEROUS, "administer",
        "the key's holder may do what the role allows", "delete the API key"),
    c.DeleteApiKey: Action(
        "api_key", "delete", DANGEROUS, "administer", "the key no longer works",
        "none: make another key"),
    c.SetQuota: Action(
        "quota", "limit", DANGEROUS, "administer",
        "the project may have other amounts of resources; what it uses already stays",
        "set the old limits"),
    c.CreatePlan: Action("type", "create", DANGEROUS, "operate", "one more size is offered",
                         "delete the type"),
    c.DeletePlan: Action(
        "type", "delete", DANGEROUS, "operate",
        "the size is no longer offered; instances keep theirs", "create the type again"),
    c.CreateRegion: Action("region", "create", DANGEROUS, "operate", "one more region is offered",
                           "delete the region"),
    c.DeleteRegion: Action("region", "delete", DANGEROUS, "operate",
                           "the region is no longer offered", "create the region again"),
    c.UpdateHost: Action(
        "host", "update", DANGEROUS, "operate",
        "a disabled host keeps its guests and gets no new ones", "change it back"),
    c.RemoveHost: Action(
        "host", "remove", DANGEROUS, "operate",
        "the instances on the host are deleted and their root disks are lost; its volumes and "
        "snapshots are lost, except where another host has a copy",
        "none: what was on the host is gone"),
    c.AddApi: Action("api", "add", DANGEROUS, "operate", "agents find the API's tools",
                     "remove the API"),
    c.RemoveApi: Action("api", "remove", DANGEROUS, "operate",
                        "agents no longer find the API's tools", "add the API again"),
    c.CancelOperation: Action(
        "operation", "cancel", MODERATE, "write",
        "the operation ends, and is rolled back as far as it came", "ask for it again"),
    c.RetryOperation: Action(
        "operation", "retry", MODERATE, "write", "the failed operation runs again from its start",
        "cancel the operation"),
}  # fmt: skip


def action_of(command: Command) -> Action:
    return ACTIONS[type(command)]
