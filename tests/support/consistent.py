"""What must be so whenever nothing goes on: database, host and quota say the same."""

from collections import Counter

from atoll.domain.instances import Instance, InstanceState
from atoll.domain.quotas import Amounts
from atoll.domain.security_groups import BUILT_IN
from atoll.domain.snapshots import SnapshotState
from atoll.messages import Power
from atoll.ports import Filter
from tests.support.world import World

ALL = Filter(limit=1000)


async def assert_consistent(world: World) -> None:
    """Nothing goes on, nothing is left over, nothing is missing."""
    read = world.store.read()
    live = await there_are(world)
    for instance in live:
        assert await read.operations.live_on(instance.id) == []
        assert instance.doing is None
        await assert_true_to_its_host(world, instance)
    await assert_disks_are_accounted_for(world, live)
    await assert_room_is_accounted_for(world)
    await assert_devices_are_accounted_for(world, live)
    await assert_quota_is_accounted_for(world, live)
    everyone = [i.private_ip for i in live] + [a.private_ip for i in live for a in i.attachments]
    assert None not in everyone
    assert len(set(everyone)) == len(everyone)
    assert all(instance.host_id for instance in live)
    addresses = len(await read.floating_ips.page(ALL))
    addresses += sum(3 + 2 * len(instance.attachments) for instance in live)
    assert await read.addresses.count() == addresses


async def there_are(world: World) -> list[Instance]:
    """Those that live, and those deleted ones that can be recovered: they keep what is theirs."""
    read = world.store.read()
    deleted = Filter(any_of=((("state", (InstanceState.DELETED,)),),), limit=1000)
    retired = [i for i in await read.instances.page(deleted) if i.purge_at_ms is not None]
    return [*await read.instances.page(ALL), *retired]


async def assert_true_to_its_host(world: World, instance: Instance) -> None:
    assert instance.host_id is not None
    driver = world.drivers[instance.host_id]
    facts = await driver.inspect(instance.id)
    assert facts is not None
    running = facts.power is Power.RUNNING
    assert (instance.state is InstanceState.RUNNING) == running
    retired = instance.purge_at_ms is not None
    assert instance.goal == ("deleted" if retired else "running" if running else "stopped")
    if running:
        told = driver.spec_of(instance.id)
        assert facts.boots == instance.boots
        assert told.root_volume_id == instance.resolved.root_volume_id
        assert told.iso_id == instance.iso_id
        assert facts.volumes == instance.volumes == told.volumes
        assert told.nic.floating_ips == instance.floating_ips
        assert (told.vcpus, told.memory_mib) == (instance.spec.vcpus, instance.spec.memory_mib)
        assert told.devices == instance.devices
        assert [nic.mac for nic in told.nics] == [a.mac for a in instance.attachments]


async def assert_disks_are_accounted_for(world: World, live: list[Instance]) -> None:
    read = world.store.read()
    placed = [(v.host_id, v.id) for v in await read.volumes.page(ALL) if v.host_id is not None]
    wanted = [(i.host_id, i.resolved.root_volume_id) for i in live] + placed
    there = [(host, v) for host, driver in world.drivers.items() for v in await driver.volumes()]
    assert sorted(there) == sorted(wanted)
    for volume in await read.volumes.page(ALL):
        assert volume.doing is None
        users = [i.id for i in live if volume.id in i.volumes]
        assert users == ([volume.instance_id] if volume.instance_id else [])
        assert (volume.state == "attached") == bool(users)
    await assert_snapshots_are_accounted_for(world)


async def assert_snapshots_are_accounted_for(world: World) -> None:
    """Each is on its own host, and nowhere that it does not name; nothing is on its way."""
    snapshots = await world.store.read().snapshots.page(ALL)
    assert all(snapshot.doing is None for snapshot in snapshots)
    complete = [s for s in snapshots if s.state is SnapshotState.COMPLETE]
    for host, driver in world.drivers.items():
        there = set(await driver.snapshots())
        assert there >= {s.id for s in complete if s.host_id == host}
        assert there <= {s.id for s in complete if host in s.hosts}
        assert await driver.under_way() == []


async def assert_room_is_accounted_for(world: World) -> None:
    read = world.store.read()
    used: Counter[tuple[str | None, str]] = Counter()
    for instance in await there_are(world):
        for name in ("vcpus", "memory_mib", "disk_gib"):
            used[instance.host_id, name] += getattr(instance.spec, name)
    for volume in await read.volumes.page(ALL):
        used[volume.host_id, "disk_gib"] += volume.size_gib
    for host in await read.hosts.page(ALL):
        for name in ("vcpus", "memory_mib", "disk_gib"):
            assert getattr(host, f"{name}_used") == used[host.id, name]


async def assert_devices_are_accounted_for(world: World, live: list[Instance]) -> None:
    """Each instance has what it asked for, and no device is anybody's who did not."""
    read = world.store.read()
    used: Counter[tuple[str | None, str]] = Counter()
    for instance in live:
        wanted, kinds = instance.spec.accelerators, Counter(d.kind for d in instance.devices)
        assert kinds == Counter({wanted.kind: wanted.count} if wanted else {})
        used.update((instance.host_id, device.address) for device in instance.devices)
        reservation = await read.hosts.reservation(instance.id)
        assert reservation is not None
        assert reservation.devices == instance.devices
    assert all(times == 1 for times in used.values())
    hosts = await read.hosts.page(ALL)
    assert {(h.id, address) for h in hosts for address in h.devices_used} == set(used)


async def assert_quota_is_accounted_for(world: World, live: list[Instance]) -> None:
    read = world.store.read()
    volumes = await read.volumes.page(ALL)
    images = [one for one in await read.images.page(ALL) if one.counted]
    groups = [g for g in await read.security_groups.page(ALL) if g.name not in BUILT_IN]
    quota = await read.quotas.find(world.caller.project_id)
    assert quota is not None
    assert quota.used == Amounts(
        instances=len(live),
        vcpus=sum(i.spec.vcpus for i in live),
        memory_mib=sum(i.spec.memory_mib for i in live),
        disk_gib=sum(i.spec.disk_gib for i in live)
        + sum(v.size_gib for v in volumes)
        + sum(one.counted_gib for one in images),
        volumes=len(volumes),
        snapshots=len(await read.snapshots.page(ALL)),
        floating_ips=len(await read.floating_ips.page(ALL)),
        images=len(images),
        startup_scripts=len(await read.startup_scripts.page(ALL)),
        ssh_keys=len(await read.ssh_keys.page(ALL)),
        security_groups=len(groups),
        vpcs=len(await read.vpcs.page(ALL)),
        subnets=len(await read.subnets.page(ALL)),
    )
