"""Names in place of ids, where people read. If a name cannot be found, the id stays."""

from typing import Any

from atoll.cli.client import Client, Json
from atoll.cli.errors import CommandError

INSTANCE = "inst-"
PATHS = {
    "host_id": "/v1/hosts",
    "instance_id": "/v1/instances",
    "project_id": "/v1/projects",
    "subnet_id": "/v1/subnets",
    "vpc_id": "/v1/vpcs",
}


def names_of(client: Client, path: str) -> dict[str, str]:
    """The names of all things of a list, by id."""
    try:
        return {one["id"]: one["metadata"]["name"] for one in client.items(path)["items"]}
    except CommandError:
        return {}


def named_in(thing: Json, names: dict[str, str]) -> Json:
    """Replace the ids of instances within spec and status, and of operations' instances."""
    changed = dict(thing)
    if thing.get("resource_id") in names:
        changed["resource_id"] = names[thing["resource_id"]]
    for part in ("spec", "status"):
        fields = thing.get(part)
        if isinstance(fields, dict) and fields.get("instance_id") in names:
            changed[part] = {**fields, "instance_id": names[fields["instance_id"]]}
    return changed


def with_names(client: Client, thing: Json) -> Json:
    """Replace the ids of other things within spec and status: `host_id` becomes `host`."""
    changed = dict(thing)
    for part in ("spec", "status"):
        if isinstance(thing.get(part), dict):
            changed[part] = {
                name.removesuffix("_id") if name in PATHS else name: (
                    name_of(client, PATHS[name], value) if name in PATHS else value
                )
                for name, value in thing[part].items()
            }
    return changed


def name_of(client: Client, path: str, thing_id: Any) -> Any:
    if not thing_id:
        return thing_id
    try:
        return client.get(f"{path}/{thing_id}")["metadata"]["name"]
    except (CommandError, KeyError):
        return thing_id
