"""Commands on VPCs and subnets, and on the network interfaces of instances."""

from atoll.domain.commands.base import Command, Reference
from atoll.domain.networks import VpcKind


class CreateVpc(Command, frozen=True, kw_only=True):
    """Without a `cidr`, a free range is chosen. `with_subnet` creates a subnet of the same range
    and name, for dialects in which a VPC is one network. `free_name`: if the name is taken, a free
    name is derived from it."""

    name: str
    labels: dict[str, str] = {}
    kind: VpcKind = VpcKind.VPC
    cidr: str | None = None
    description: str = ""
    region: str = ""
    with_subnet: bool = False
    free_name: bool = False


class UpdateVpc(Command, frozen=True, kw_only=True):
    """`free_name`: if the name is taken, a free name is derived from it."""

    vpc: Reference
    name: str | None = None
    labels: dict[str, str] | None = None
    description: str | None = None
    free_name: bool = False


class DeleteVpc(Command, frozen=True, kw_only=True):
    """`with_subnets` deletes its subnets as well."""

    vpc: Reference
    with_subnets: bool = False


class CreateSubnet(Command, frozen=True, kw_only=True):
    name: str
    labels: dict[str, str] = {}
    vpc: str
    cidr: str


class UpdateSubnet(Command, frozen=True, kw_only=True):
    subnet: Reference
    name: str | None = None
    labels: dict[str, str] | None = None


class DeleteSubnet(Command, frozen=True, kw_only=True):
    subnet: Reference


class AttachNetwork(Command, frozen=True, kw_only=True):
    """Add a network interface in the subnet."""

    instance: Reference
    subnet: str


class DetachNetwork(Command, frozen=True, kw_only=True):
    instance: Reference
    subnet: str


class AttachVpc(Command, frozen=True, kw_only=True):
    """Add a network interface in the only subnet of the VPC. `attached_ok`: no error if the
    instance already has an interface in the VPC."""

    instance: Reference
    vpc: str
    attached_ok: bool = False


class DetachVpc(Command, frozen=True, kw_only=True):
    """Remove the interfaces in all subnets of the VPC. `missing_ok`: no error if there is no
    interface."""

    instance: Reference
    vpc: str
    missing_ok: bool = False


class AttachDefaultVpc(Command, frozen=True, kw_only=True):
    """Attach the default VPC of the region, which is created, as one of this kind, if it does
    not exist. `name` is what its name begins with."""

    instance: Reference
    region: str
    name: str = "default"
    kind: VpcKind = VpcKind.VPC
