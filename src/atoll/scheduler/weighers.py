"""Which of the fitting hosts is best: the higher the better, each from 0 to 1."""

from atoll.domain.hosts import Host


def free_memory(host: Host) -> float:
    return 1 - host.memory_mib_used / max(1, host.memory_mib)


def free_vcpus(host: Host) -> float:
    return 1 - host.vcpus_used / max(1, host.vcpus)


def free_disk(host: Host) -> float:
    return 1 - host.disk_gib_used / max(1, host.disk_gib)


def score(host: Host) -> float:
    """Memory cannot be shared, so it counts more."""
    return 0.7 * free_memory(host) + 0.3 * free_vcpus(host)
