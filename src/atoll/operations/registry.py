"""All operations."""

from collections.abc import Mapping

from atoll.operations import (
    host_remove,
    image_delete,
    image_import,
    instance_configure,
    instance_create,
    instance_delete,
    instance_iso,
    instance_power,
    instance_rebuild,
    instance_resize,
    instance_retire,
    network_attach,
    snapshot_clone,
    snapshot_create,
    snapshot_delete,
    snapshot_import,
    volume_attach,
    volume_delete,
    volume_grow,
)
from atoll.operations.steps import Workflow

WORKFLOWS: Mapping[str, Workflow] = {
    workflow.kind: workflow
    for workflow in (
        instance_create.WORKFLOW,
        instance_delete.WORKFLOW,
        instance_retire.WORKFLOW,
        instance_power.START,
        instance_power.STOP,
        instance_power.REBOOT,
        instance_power.RESET,
        instance_rebuild.REINSTALL,
        instance_rebuild.RESTORE,
        instance_resize.WORKFLOW,
        instance_configure.WORKFLOW,
        instance_iso.ATTACH,
        instance_iso.DETACH,
        volume_attach.ATTACH,
        volume_attach.DETACH,
        volume_grow.WORKFLOW,
        volume_delete.DELETE,
        volume_delete.DISCARD,
        network_attach.ATTACH,
        network_attach.DETACH,
        snapshot_create.WORKFLOW,
        snapshot_clone.WORKFLOW,
        snapshot_delete.WORKFLOW,
        snapshot_import.WORKFLOW,
        image_import.WORKFLOW,
        image_delete.WORKFLOW,
        host_remove.WORKFLOW,
    )
}
