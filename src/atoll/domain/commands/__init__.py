"""Every change that a caller may ask for, as a value. All dialects make the same commands; the
services carry them out. What is known of each kind of command stands in `domain/actions.py`.
"""

from atoll.domain.commands.apis import (
    AddApi,
    RemoveApi,
)
from atoll.domain.commands.base import (
    Command,
    Made,
    Reference,
    Secret,
    canonical,
    described,
    hash_of,
)
from atoll.domain.commands.catalogue import (
    CreatePlan,
    CreateRegion,
    DeletePlan,
    DeleteRegion,
)
from atoll.domain.commands.floating_ips import (
    AttachFloatingIp,
    CreateFloatingIp,
    DeleteFloatingIp,
    DetachFloatingIp,
    UpdateFloatingIp,
)
from atoll.domain.commands.hosts import (
    RemoveHost,
    UpdateHost,
)
from atoll.domain.commands.images import (
    CreateImage,
    DeleteImage,
    ImportImage,
    UpdateImage,
)
from atoll.domain.commands.instances import (
    AttachDisc,
    CreateInstance,
    DeleteInstance,
    DetachDisc,
    DisableBackups,
    OpenConsole,
    RebootInstance,
    RecoverInstance,
    ReinstallInstance,
    ResetInstance,
    ResizeInstance,
    RestoreInstance,
    SetBackups,
    StartInstance,
    StopInstance,
    UpdateInstance,
)
from atoll.domain.commands.networks import (
    AttachDefaultVpc,
    AttachNetwork,
    AttachVpc,
    CreateSubnet,
    CreateVpc,
    DeleteSubnet,
    DeleteVpc,
    DetachNetwork,
    DetachVpc,
    UpdateSubnet,
    UpdateVpc,
)
from atoll.domain.commands.operations import (
    CancelOperation,
    RetryOperation,
)
from atoll.domain.commands.projects import (
    CreateApiKey,
    CreateProject,
    DeleteApiKey,
    SetQuota,
)
from atoll.domain.commands.reverse_dns import (
    DeleteReverseDns,
    SetReverseDns,
)
from atoll.domain.commands.security_groups import (
    AddRule,
    CreateSecurityGroup,
    DeleteSecurityGroup,
    RemoveRule,
    UpdateSecurityGroup,
)
from atoll.domain.commands.snapshots import (
    CloneSnapshot,
    CreateSnapshot,
    DeleteSnapshot,
    ImportSnapshot,
    UpdateSnapshot,
)
from atoll.domain.commands.ssh_keys import (
    CreateSshKey,
    DeleteSshKey,
    UpdateSshKey,
)
from atoll.domain.commands.startup_scripts import (
    CreateStartupScript,
    DeleteStartupScript,
    UpdateStartupScript,
)
from atoll.domain.commands.volumes import (
    AttachVolume,
    CreateVolume,
    DeleteVolume,
    DetachVolume,
    GrowVolume,
    UpdateVolume,
)
from atoll.domain.commands.webhooks import (
    CreateWebhook,
    DeleteWebhook,
    UpdateWebhook,
)

__all__ = [
    "AddApi",
    "AddRule",
    "AttachDefaultVpc",
    "AttachDisc",
    "AttachFloatingIp",
    "AttachNetwork",
    "AttachVolume",
    "AttachVpc",
    "CancelOperation",
    "CloneSnapshot",
    "Command",
    "CreateApiKey",
    "CreateFloatingIp",
    "CreateImage",
    "CreateInstance",
    "CreatePlan",
    "CreateProject",
    "CreateRegion",
    "CreateSecurityGroup",
    "CreateSnapshot",
    "CreateSshKey",
    "CreateStartupScript",
    "CreateSubnet",
    "CreateVolume",
    "CreateVpc",
    "CreateWebhook",
    "DeleteApiKey",
    "DeleteFloatingIp",
    "DeleteImage",
    "DeleteInstance",
    "DeletePlan",
    "DeleteRegion",
    "DeleteReverseDns",
    "DeleteSecurityGroup",
    "DeleteSnapshot",
    "DeleteSshKey",
    "DeleteStartupScript",
    "DeleteSubnet",
    "DeleteVolume",
    "DeleteVpc",
    "DeleteWebhook",
    "DetachDisc",
    "DetachFloatingIp",
    "DetachNetwork",
    "DetachVolume",
    "DetachVpc",
    "DisableBackups",
    "GrowVolume",
    "ImportImage",
    "ImportSnapshot",
    "Made",
    "OpenConsole",
    "RebootInstance",
    "RecoverInstance",
    "Reference",
    "ReinstallInstance",
    "RemoveApi",
    "RemoveHost",
    "RemoveRule",
    "ResetInstance",
    "ResizeInstance",
    "RestoreInstance",
    "RetryOperation",
    "Secret",
    "SetBackups",
    "SetQuota",
    "SetReverseDns",
    "StartInstance",
    "StopInstance",
    "UpdateFloatingIp",
    "UpdateHost",
    "UpdateImage",
    "UpdateInstance",
    "UpdateSecurityGroup",
    "UpdateSnapshot",
    "UpdateSshKey",
    "UpdateStartupScript",
    "UpdateSubnet",
    "UpdateVolume",
    "UpdateVpc",
    "UpdateWebhook",
    "canonical",
    "described",
    "hash_of",
]
