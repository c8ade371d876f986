"""The rules of instances: sizes, labels, protection, host names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.domain.errors import Conflict, Invalid, Protected
from atoll.domain.instances import (
    Goal,
    hostname_of,
    own_ports,
    ports_at,
    require_alive,
    require_labels,
    require_size,
    require_unprotected,
)
from tests.support.things import instance

HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@given(st.text(max_size=300))
def test_every_name_makes_a_host_name(name: str) -> None:
    assert HOSTNAME.fullmatch(hostname_of(name))


@pytest.mark.parametrize(
    ("name", "hostname"),
    [
        ("web-1", "web-1"),
        ("Web Server.01", "web-server-01"),
        ("--web--", "web"),
        ("東京", "instance"),
        ("", "instance"),
        ("a" * 62 + "-b", "a" * 62),
        ("häuschen", "h-uschen"),
    ],
)
def test_a_host_name_resembles_the_name(name: str, hostname: str) -> None:
    assert hostname_of(name) == hostname


@pytest.mark.parametrize(
    ("size", "field"),
    [
        ((0, 64, 1), "vcpus"),
        ((513, 64, 1), "vcpus"),
        ((1, 63, 1), "memory_mib"),
        ((1, 4_194_305, 1), "memory_mib"),
        ((1, 64, 0), "disk_gib"),
        ((1, 64, 65_537), "disk_gib"),
    ],
)
def test_a_size_out_of_bounds_is_refused_by_field(size: tuple[int, int, int], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        require_size(*size, disk_gib_min=1)
    assert refused.value.field == field


def test_a_disk_is_as_large_as_its_image_at_least() -> None:
    require_size(1, 64, 3, disk_gib_min=3)
    with pytest.raises(Invalid, match="must be 3 to 65536"):
        require_size(1, 64, 2, disk_gib_min=3)


def test_bounds_themselves_are_allowed() -> None:
    require_size(1, 64, 1, disk_gib_min=1)
    require_size(512, 4_194_304, 65_536, disk_gib_min=1)


def test_labels_up_to_their_bounds_are_allowed() -> None:
    require_labels({f"{n:063}": "v" * 255 for n in range(64)})


@pytest.mark.parametrize(
    "labels",
    [{str(n): "" for n in range(65)}, {"": "v"}, {"k" * 64: "v"}, {"k": "v" * 256}],
)
def test_labels_beyond_their_bounds_are_refused(labels: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        require_labels(labels)
    assert (refused.value.field or "").startswith("labels")


def test_what_is_to_be_deleted_is_changed_no_more() -> None:
    require_alive(instance(goal=Goal.STOPPED))
    with pytest.raises(Conflict):
        require_alive(instance(goal=Goal.DELETED))


def test_protection_names_the_field_that_ends_it() -> None:
    require_unprotected(instance())
    with pytest.raises(Protected) as refused:
        require_unprotected(instance(protected=True))
    assert refused.value.field == "protected"


def test_each_address_has_the_ports_that_are_reached_there() -> None:
    ports = {"tcp/22": "127.16.0.5:22", "tcp/22@127.16.0.9": "127.16.0.9:10022"}
    web = instance(ports=ports)
    assert own_ports(web) == ports_at(web, "127.16.0.5") == {"tcp/22": "127.16.0.5:22"}
    assert ports_at(web, "127.16.0.9") == {"tcp/22": "127.16.0.9:10022"}
    assert ports_at(web, "127.16.0.1") == {}


def test_a_floating_ip_that_is_the_only_address_has_the_instances_own_ports() -> None:
    web = instance(ports={"tcp/22": "127.16.0.9:22"})
    assert own_ports(web) == ports_at(web, "127.16.0.9") == {"tcp/22": "127.16.0.9:22"}
