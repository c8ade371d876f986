"""The vendor's types, regions and images, and of which there is room."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from atoll.api.genesis import catalogue
from atoll.domain.accelerators import Device
from atoll.settings import Offered
from tests.api.client import Api, Json
from tests.api.genesis.client import Genesis
from tests.api.genesis.things import body_of, instance_of, native, until
from tests.api.server import RunningCloud

REGIONS = {
    "ARC-IS-HAF-1", "EUC-DE-MUC-1", "EUW-GB-MNC-1", "EUW-NL-AMS-1", "NA-CA-FTS-1", "NA-CA-MNZ-1",
    "NA-CA-PRG-1", "NORD-NO-KRS-1",
}  # fmt: skip
# The tables of the vendor's page: vCPUs, memory and accelerators, row by row.
PRINTED = {
    "vcpu-192_memory-1920g_nvidia-h100-sxm5-8": (192, 1920, 8),
    **{f"vcpu-{16 * n}_memory-{120 * n}g_intel-gaudi2-{n}": (16 * n, 120 * n, n)
       for n in range(1, 9)},
    **{f"vcpu-{4 * n}_memory-{24 * n}g_disk-80g_nvidia3090-{n}": (4 * n, 24 * n, n)
       for n in range(1, 9)},
    **{f"vcpu-{8 * n}_memory-{48 * n}g_disk-80g_nvidia3090-{n}": (8 * n, 48 * n, n)
       for n in range(1, 5)},
    **{f"vcpu-{4 * n}_memory-{12 * n}g_disk-80g_nvidia3080-{n}": (4 * n, 12 * n, n)
       for n in range(1, 9)},
    **{f"vcpu-{8 * n}_memory-{32 * n}g_disk-80g_nvidia3080-{n}": (8 * n, 32 * n, n)
       for n in range(1, 5)},
    **{f"vcpu-{4 * n}_memory-{12 * n}g_disk-80g_nvidia1080ti-{n}": (4 * n, 12 * n, n)
       for n in range(1, 9)},
    **{f"vcpu-{n}_memory-{2 * n}g_disk-80g": (n, 2 * n, 0) for n in (2, 4, 8, 12, 16, 20, 24)},
}  # fmt: skip
LATER = (
    "vcpu-2_memory-4g",
    "vcpu-4_memory-24g_nvidia-rtx-3090-1", "vcpu-8_memory-48g_nvidia-rtx-3090-1",
    "vcpu-4_memory-12g_nvidia-rtx-3080-1", "vcpu-4_memory-16g_nvidia-rtx-3080-1",
    "vcpu-32_memory-96g_nvidia-gtx-1080ti-8",
)  # fmt: skip
NAMES = catalogue.read(catalogue.PACKAGED)
CARD = "vcpu-4_memory-24g_disk-80g_nvidia3090-1"


@pytest.mark.parametrize("identifier", PRINTED)
def test_a_type_is_as_its_table_prints_it(identifier: str) -> None:
    vcpus, memory_gib, count = PRINTED[identifier]
    plan = catalogue.plan_here(NAMES.type_by_id[identifier])
    assert (plan.vcpus, plan.memory_mib, plan.disk_gib) == (vcpus, memory_gib * 1024, 80)
    assert (plan.accelerators.count if plan.accelerators else 0) == count


@pytest.mark.parametrize("identifier", LATER)
def test_a_type_may_be_spelled_as_it_is_now(identifier: str) -> None:
    found = NAMES.type_by_id[identifier]
    figures = [int(text) for text in re.findall(r"vcpu-(\d+)_memory-(\d+)g", identifier)[0]]
    assert [found.vcpus, found.memory_gib] == figures


def test_an_identifier_means_one_size() -> None:
    for family in NAMES.families:
        for one in catalogue.types_of(family):
            known = NAMES.type_by_id[one.id]
            assert (known.vcpus, known.memory_gib, known.count, known.accelerator) == (
                one.vcpus, one.memory_gib, one.count, one.accelerator
            )  # fmt: skip


def test_both_spellings_make_the_same_machine(genesis: Genesis, api: Api) -> None:
    sizes = []
    for identifier in ("vcpu-2_memory-4g_disk-80g", "vcpu-2_memory-4g"):
        made = instance_of(genesis, type=identifier)
        assert made["type"] == identifier
        spec = native(api, "instances", made["id"])["spec"]
        sizes.append((spec["vcpus"], spec["memory_mb"], spec["disk_gb"]))
    assert sizes == [(2, 4096, 80)] * 2


@pytest.mark.parametrize("region", sorted(REGIONS))
def test_a_region_is_served_by_own_hosts(genesis: Genesis, region: str) -> None:
    assert instance_of(genesis, region=region)["region"] == region


def test_own_types_and_regions_can_be_asked_for(genesis: Genesis) -> None:
    made = instance_of(genesis, type="mini", region="local")
    assert (made["type"], made["region"], made["disk_size"]) == ("mini", "local", 1)


def test_images_are_listed_by_type(genesis: Genesis) -> None:
    every = genesis.get("/images")["images"]
    named = {image["slug"]: (image["name"], image["family"]) for image in every}
    assert named["debian-12"] == ("Debian 12", "Debian")
    assert named["ubuntu-24.04"] == ("Ubuntu 24.04", "Ubuntu")
    assert named["debian-12-cloud"] == ("debian-12-cloud", "Debian")
    assert {region for image in every for region in image["regions"]} >= REGIONS
    base = genesis.get("/images?type=base-os")["images"]
    assert [image["id"] for image in base] == [image["id"] for image in every]
    assert genesis.get("/images?type=preconfigured")["images"] == []
    assert "type must be one of" in genesis.refused("GET", "/images?type=iso")


def test_a_snapshot_is_an_image_of_its_account(genesis: Genesis, api: Api) -> None:
    made = instance_of(genesis)
    snapshot = genesis.post(f"/instances/{made['id']}/snapshots", {"name": "s"})["snapshot"]
    until(genesis, f"/snapshots/{snapshot['id']}", "snapshot", "created")
    (listed,) = genesis.get("/images?type=snapshot")["images"]
    assert (listed["id"], listed["type"], listed["name"]) == (snapshot["id"], "snapshot", "s")
    assert genesis.get(f"/images/{snapshot['id']}")["image"] == listed


def test_an_image_is_read_by_its_id(genesis: Genesis) -> None:
    first = genesis.get("/images")["images"][0]
    assert genesis.get(f"/images/{first['id']}")["image"] == first
    genesis.refusal("GET", "/images/0b0c7a52-64a2-4f63-9c0c-1b1f9b2d5a11", status=404)
    genesis.refusal("GET", "/images/nothing", status=404)


def available(genesis: Genesis, region: str) -> dict[str, bool]:
    told: Json = genesis.get(f"/availability/{region}/instances?placement=AUTO")["availability"]
    assert (told["type"], told["region"], told["placement"]) == ("instances", region, "AUTO")
    return {one["type"]: one["available"] for one in told["instance_types"]}


def test_without_a_card_its_types_are_not_available_and_refused(genesis: Genesis) -> None:
    room = available(genesis, "NORD-NO-KRS-1")
    assert room.keys() >= {*PRINTED, *LATER, "mini"}
    assert room["vcpu-2_memory-4g_disk-80g"] and not room[CARD]
    code, message = genesis.refusal("POST", "/instances", body_of(type=CARD), 409)
    assert (code, message) == (
        "CAPACITY_EXHAUSTED", "no host in region ARC-IS-HAF-1 has a nvidia-rtx-3090",
    )  # fmt: skip
    genesis.refusal("GET", "/availability/MARS-1/instances", status=404)


@pytest.fixture(scope="module")
def equipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Genesis]:
    card = Device(kind="nvidia-rtx-3090", address="0000:17:00.0")
    with RunningCloud(
        Path(tmp_path_factory.mktemp("cards")),
        simulator_hosts=2,
        accelerators=(Offered(device=card, host="sim-2"),),
    ) as running:
        client = Genesis(running.url, running.admin_key)
        yield client
        client.close()


def test_a_card_goes_to_one_instance(equipped: Genesis) -> None:
    region = "ARC-IS-HAF-1"
    assert available(equipped, region)[CARD]
    assert not available(equipped, region)[CARD.replace("4_memory-24g", "8_memory-48g")[:-1] + "2"]
    made = instance_of(equipped, type=CARD)
    assert made["type"] == CARD
    assert not available(equipped, region)[CARD]


def test_another_file_takes_the_place_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(
        'default_region = "HERE-1"\ndisk_gib_min = 1\n'
        'regions = [{ id = "HERE-1", place = "here" }]\n'
        '[[families]]\nname = "tiny"\nids = ["tiny-{vcpus}"]\n'
        "sizes = [{ vcpus = 1, memory_gib = 1, disk_gib = 2 }]\n"
    )
    with RunningCloud(tmp_path, genesis_catalogue=file) as running:
        client = Genesis(running.url, running.admin_key)
        made = instance_of(client, type="tiny-1")
        assert (made["region"], made["disk_size"]) == ("HERE-1", 2)
        assert "there is no instance type" in client.refused("POST", "/instances", body_of())
        client.close()


def test_a_file_of_another_form_is_named(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("regions = 7")
    with pytest.raises(RuntimeError, match=r"the Genesis Cloud catalogue .*wrong.toml"):
        catalogue.read(file)
