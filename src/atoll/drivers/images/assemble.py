"""Creates an image store from plain settings. Called by the composition root and tests."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from atoll.drivers.disk_room import MIB, DiskRoom
from atoll.drivers.images.build import Recipes
from atoll.drivers.images.cache import RecipeCache
from atoll.drivers.images.convert import Converter, ConvertLimits
from atoll.drivers.images.fetch import Fetcher, FetchLimits
from atoll.drivers.images.local_files import LocalFiles
from atoll.drivers.images.sources import Sources
from atoll.drivers.images.store import ImageStore


class ImageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`cache_dir` can be shared by several stores. Images can be imported from `file_dirs`.
    `uid` is the user of qemu-img if we are root."""

    root: Path
    cache_dir: Path
    recipes_dir: Path
    python: str
    file_dirs: Sequence[Path] = ()
    allow_private: bool = False
    uid: int | None = None
    disk_reserve_mib: int = 0
    file_size_max_bytes: int = 64 << 30
    virtual_size_max_bytes: int = 2 << 40
    recipe_environment: Mapping[str, str] = {}


def make_image_store(settings: ImageSettings) -> ImageStore:
    recipes = Recipes(
        settings.recipes_dir,
        python=settings.python,
        environment=dict(settings.recipe_environment),
    )
    fetch_limits = FetchLimits(bytes_max=settings.file_size_max_bytes)
    room = DiskRoom(settings.root, settings.disk_reserve_mib * MIB)
    sources = Sources(
        cache=RecipeCache(settings.cache_dir, recipes),
        fetcher=Fetcher(fetch_limits, allow_private=settings.allow_private),
        files=LocalFiles(settings.file_dirs, settings.file_size_max_bytes),
        converter=Converter(ConvertLimits(), room, uid=settings.uid),
        room=room,
        virtual_size_max_bytes=settings.virtual_size_max_bytes,
    )
    return ImageStore(settings.root, sources, group=settings.uid)
