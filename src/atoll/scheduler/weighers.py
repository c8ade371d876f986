"""Scores the hosts that fit: higher is better, each score is from 0 to 1."""

from atoll.domain.hosts import Host


def free_memory(host: Host) -> float:
    return 1 - host.memory_mib_used / max(1, host.memory_mib)


def free_vcpus(host: Host) -> float:
    return 1 - host.vcpus_used / max(1, host.vcpus)


def free_disk(host: Host) -> float:
    return 1 - host.disk_gib_used / max(1, host.disk_gib)


def score(host: Host) -> float:
    """Combine the scores. Memory counts more, because it cannot be shared."""
    return 0.7 * free_memory(host) + 0.3 * free_vcpus(host)
