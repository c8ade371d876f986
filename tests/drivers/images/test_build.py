"""Recipes: run as a process of their own, heard, bounded, built once for all stores."""

import asyncio
from pathlib import Path

import pytest

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.drivers.images.build import Recipes
from atoll.drivers.images.cache import RecipeCache
from tests.drivers.images.conftest import Host, make_qcow2

pytestmark = pytest.mark.anyio

DESCRIPTION = (
    '{"name": "small", "version": "1", "os": "none", "disk": "disk.qcow2", "kernel": "vmlinuz",'
    ' "initrd": null, "cmdline": "quiet", "disk_gib_min": 1, "memory_mib_min": 64}'
)


def working_script(tmp_path: Path) -> str:
    """Counts its runs, and writes a disk and a kernel."""
    disk = make_qcow2(tmp_path / "recipe-disk")
    return f"""
echo run >> '{tmp_path}/runs'
echo 'progress 10 first words'
cp '{disk}' "$1/disk.qcow2"
echo kernel > "$1/vmlinuz"
echo scratch > "$1/scratch"
echo 'progress 90 last words'
echo '{DESCRIPTION}' > "$1/image.json"
"""


def recipes_of(host: Host, timeout_s: float = 20) -> Recipes:
    return Recipes(host.recipes, python="python3", timeout_s=timeout_s)


def cache_of(host: Host, timeout_s: float = 20) -> RecipeCache:
    return RecipeCache(host.cache, recipes_of(host, timeout_s))


def ignore(percent: float, words: str) -> None:
    """Progress that nobody wants."""


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"


def built(host: Host) -> list[str]:
    return sorted(path.name for path in host.cache.iterdir() if not path.name.endswith(".lock"))


async def test_a_recipe_is_built_once_and_heard(host: Host, tmp_path: Path) -> None:
    host.write_recipe("small", working_script(tmp_path))
    heard: list[tuple[float, str]] = []
    cache = cache_of(host)
    folder, description = await cache.ensure("small", lambda *args: heard.append(args))
    again, _ = await cache.ensure("small", ignore)
    assert heard == [(10.0, "small: first words"), (90.0, "small: last words")]
    assert (tmp_path / "runs").read_text() == "run\n"
    assert folder == again
    assert description.cmdline == "quiet"
    assert not (folder / "scratch").exists()
    assert (folder / "disk.qcow2").stat().st_mode & 0o222 == 0


async def test_a_changed_recipe_is_built_anew(host: Host, tmp_path: Path) -> None:
    host.write_recipe("small", working_script(tmp_path))
    before, _ = await cache_of(host).ensure("small", ignore)
    (host.recipes / "common").mkdir()
    (host.recipes / "common" / "shared.sh").write_text("new")
    after, _ = await cache_of(host).ensure("small", ignore)
    assert before != after
    assert (tmp_path / "runs").read_text() == "run\nrun\n"


async def test_two_who_want_the_same_recipe_build_it_once(host: Host, tmp_path: Path) -> None:
    host.write_recipe("small", working_script(tmp_path))
    found = await asyncio.gather(*(cache_of(host).ensure("small", ignore) for _ in range(5)))
    assert (tmp_path / "runs").read_text() == "run\n"
    assert len({folder for folder, _ in found}) == 1


async def test_damage_in_the_cache_is_noticed_and_built_anew(host: Host, tmp_path: Path) -> None:
    host.write_recipe("small", working_script(tmp_path))
    folder, _ = await cache_of(host).ensure("small", ignore)
    (folder / "vmlinuz").chmod(0o644)
    (folder / "vmlinuz").write_text("changed")
    folder, _ = await cache_of(host).ensure("small", ignore)
    assert (folder / "vmlinuz").read_text() == "kernel\n"


async def test_a_recipe_that_fails_is_quoted_and_leaves_nothing(host: Host) -> None:
    host.write_recipe(
        "bad", "touch $1/half; echo 'not installed: x. Run: apt-get install x' >&2; exit 1"
    )
    with pytest.raises(DriverRefused, match=r"bad cannot be built: not installed: x\."):
        await cache_of(host).ensure("bad", ignore)
    assert built(host) == ["packages"]


async def test_a_recipe_that_fails_for_now_may_be_tried_again(host: Host) -> None:
    host.write_recipe("bad", "echo 'no package server' >&2; exit 75")
    with pytest.raises(DriverUnavailable, match="no package server"):
        await cache_of(host).ensure("bad", ignore)


async def test_a_recipe_that_never_ends_is_ended_with_all_its_children(
    host: Host, tmp_path: Path
) -> None:
    host.write_recipe("slow", f"sleep 600 & echo $! > '{tmp_path}/child'; wait")
    with pytest.raises(DriverUnavailable, match="not built within"):
        await cache_of(host, timeout_s=1).ensure("slow", ignore)
    assert not is_running(int((tmp_path / "child").read_text()))
    assert built(host) == ["packages"]


async def test_a_recipe_that_talks_without_end_is_bounded(host: Host) -> None:
    host.write_recipe("loud", "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo end; exit 1")
    with pytest.raises(DriverRefused, match="cannot be built: end"):
        await cache_of(host).ensure("loud", ignore)


@pytest.mark.parametrize("name", ["none", "../small", "", "common", "a/b"])
async def test_an_unknown_recipe_is_refused_and_the_known_are_named(
    host: Host, tmp_path: Path, name: str
) -> None:
    host.write_recipe("small", working_script(tmp_path))
    with pytest.raises(DriverRefused, match="Recipes of this host: small"):
        await cache_of(host).ensure(name, ignore)


@pytest.mark.parametrize(
    "description", ["", "{}", DESCRIPTION.replace("vmlinuz", "../../../etc/passwd")]
)
async def test_a_recipe_without_a_sound_description_is_refused(
    host: Host, tmp_path: Path, description: str
) -> None:
    script = working_script(tmp_path).replace(DESCRIPTION, description)
    host.write_recipe("small", script)
    with pytest.raises(DriverRefused, match=r"image\.json"):
        await cache_of(host).ensure("small", ignore)
    assert built(host) == ["packages"]
