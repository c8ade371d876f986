"""Which host takes an instance, and what is said of the others."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.domain.accelerators import Accelerators, Device
from atoll.domain.errors import NoCapacity
from atoll.domain.hosts import Host, HostState
from atoll.scheduler.placement import Demand, pick, verdicts
from atoll.scheduler.weighers import free_disk, score
from tests.support.things import host

SMALL = Demand(region="local", vcpus=1, memory_mib=512, disk_gib=10)
hosts = st.lists(
    st.builds(
        host,
        vcpus_used=st.integers(0, 8), memory_mib_used=st.integers(0, 16_384),
        disk_gib_used=st.integers(0, 500), enabled=st.booleans(),
        state=st.sampled_from(HostState), region=st.sampled_from(["local", "far"]),
    ),
    max_size=8,
)  # fmt: skip
demands = st.builds(
    Demand, region=st.just("local"), vcpus=st.integers(1, 9), memory_mib=st.integers(64, 17_000),
    disk_gib=st.integers(1, 510),
)  # fmt: skip


@pytest.mark.parametrize(
    ("unfit", "reason"),
    [
        (host(state=HostState.LOST), "it is lost"),
        (host(enabled=False), "it is disabled"),
        (host(node_type="control"), "it is a control node"),
        (host(node_type="hop"), "it is a hop node"),
        (host(region="far"), "it is in far"),
        (host(vcpus_used=8), "0 vcpus are free, 1 are wanted"),
        (host(memory_mib_used=16_000), "384 MiB of memory are free, 512 are wanted"),
        (host(disk_gib_used=491), "9 GiB of disk are free, 10 are wanted"),
        (host(spare_disk_mib=0), "its disk is full but for the reserve of its running guests"),
        (host(spare_disk_mib=-1), "its disk is full but for the reserve of its running guests"),
    ],
)
def test_a_host_that_does_not_fit_is_told_why(unfit: Host, reason: str) -> None:
    assert [verdict.reason for verdict in verdicts([unfit], SMALL)] == [reason]
    with pytest.raises(NoCapacity) as refused:
        pick([unfit], SMALL)
    assert refused.value.reasons == (f"{unfit.name}: {reason}",)
    assert reason in refused.value.message


CARD = "nvidia-rtx-3090"
CARDS = tuple(Device(kind=CARD, address=f"0000:0{n}:00.0") for n in range(3))
ACCELERATED = replace(SMALL, accelerators=Accelerators(kind=CARD, count=2))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, f"it has no {CARD}"),
        ({"devices": (Device(kind="nvidia-a16", address="0000:01:00.0"),)}, f"it has no {CARD}"),
        ({"devices": CARDS[:1]}, f"1 {CARD} are free, 2 are wanted"),
        (
            {"devices": CARDS, "devices_used": ("0000:00:00.0", "0000:02:00.0")},
            f"1 {CARD} are free, 2 are wanted",
        ),
        ({"devices": CARDS, "region": "far"}, "it is in far"),
    ],
)
def test_a_host_without_free_devices_of_the_kind_is_told_why(
    changes: dict[str, Any], reason: str
) -> None:
    assert [v.reason for v in verdicts([host(**changes)], ACCELERATED)] == [reason]


def test_what_needs_devices_goes_where_they_are_free() -> None:
    equipped = host(devices=CARDS, devices_used=("0000:01:00.0",), memory_mib_used=8_000)
    assert pick([host(), equipped], ACCELERATED) is equipped
    assert pick([equipped], SMALL) is equipped


@pytest.mark.parametrize("node_type", ["hybrid", "execution"])
def test_the_last_room_of_a_host_is_given(node_type: str) -> None:
    full = host(node_type=node_type, vcpus_used=7, memory_mib_used=15_872, disk_gib_used=490)
    assert pick([full], SMALL) is full


def test_the_emptier_host_is_better_and_memory_counts_more() -> None:
    busy, calm = host(memory_mib_used=8_000, vcpus_used=0), host(memory_mib_used=0, vcpus_used=6)
    assert pick([busy, calm], SMALL) is calm


def test_equal_hosts_are_taken_in_the_order_of_their_ids() -> None:
    first, second = host(), host()
    assert pick([second, first], SMALL) is first


def test_a_preferred_host_is_better_than_an_emptier_one_as_long_as_it_fits() -> None:
    busy, calm, full = host(vcpus_used=6), host(), host(vcpus_used=8)
    demand = replace(SMALL, preferred=(busy.id, full.id))
    assert pick([calm, full, busy], demand) is busy
    assert pick([calm, full], demand) is calm


def test_what_needs_disk_alone_goes_where_most_of_it_is_free() -> None:
    filled, roomy = host(disk_gib_used=400), host(disk_gib_used=10, memory_mib_used=16_384)
    demand = Demand(region="local", vcpus=0, memory_mib=0, disk_gib=50)
    assert pick([filled, roomy], demand, weigh=free_disk) is roomy


def test_no_host_at_all_is_told_as_that() -> None:
    with pytest.raises(NoCapacity, match="there is no host"):
        pick([], SMALL)


def test_many_reasons_are_cut_in_the_sentence_but_all_are_there() -> None:
    full = [host(enabled=False) for _ in range(9)]
    with pytest.raises(NoCapacity) as refused:
        pick(full, SMALL)
    assert len(refused.value.reasons) == 9
    assert refused.value.message.count("it is disabled") == 5


@given(hosts, demands)
def test_whatever_is_picked_has_room_and_is_the_best_that_has(
    given_hosts: list[Host], demand: Demand
) -> None:
    judged = verdicts(given_hosts, demand)
    assert {v.host.id for v in judged} == {h.id for h in given_hosts}
    fitting = [v.host for v in judged if not v.reason]
    if not fitting:
        with pytest.raises(NoCapacity):
            pick(given_hosts, demand)
        return
    best = pick(given_hosts, demand)
    assert score(best) == max(score(one) for one in fitting)
    assert best.vcpus - best.vcpus_used >= demand.vcpus
    assert best.memory_mib - best.memory_mib_used >= demand.memory_mib
    assert best.disk_gib - best.disk_gib_used >= demand.disk_gib
    assert (best.enabled, best.state, best.region) == (True, HostState.READY, "local")


@given(hosts)
def test_a_score_lies_between_none_and_all(given_hosts: list[Host]) -> None:
    assert all(0 <= score(one) <= 1 for one in given_hosts)


def test_a_host_of_no_size_has_a_score_too() -> None:
    assert 0 <= score(host(vcpus=0, memory_mib=0)) <= 1
