"""Caches built images, by the hash of the recipe, for all image stores of a machine.

Called by the image store. A file lock, which the recipe inherits, prevents concurrent builds of the
same recipe. Cached files are compared with the checksums taken after the build.
"""

import asyncio
import fcntl
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from atoll.drivers.images.build import ImageDescription, OnProgress, Recipes, read_description
from atoll.drivers.images.checksums import checksum_of

LOCK_POLL_S = 0.25
CHECKSUMS = "checksums.json"


class RecipeCache:
    """`directory` can be shared by several processes, and deleted at any time."""

    def __init__(self, directory: Path, recipes: Recipes) -> None:
        self._directory = directory
        self._recipes = recipes

    async def ensure(self, name: str, on_progress: OnProgress) -> tuple[Path, ImageDescription]:
        """Return the folder with the files of the recipe; build it if needed."""
        entry = f"{name}-{await asyncio.to_thread(self._recipes.hash_of, name)}"
        folder = self._directory / entry
        self._directory.mkdir(parents=True, exist_ok=True)
        async with self._lock(entry, on_progress) as descriptor:
            if not await asyncio.to_thread(is_whole, folder):
                await self._build(name, folder, descriptor, on_progress)
            return folder, read_description(folder)

    async def _build(
        self, name: str, folder: Path, descriptor: int, on_progress: OnProgress
    ) -> None:
        building = folder.with_name(f".{folder.name}.building")
        packages = self._directory / "packages"
        await asyncio.to_thread(shutil.rmtree, building, ignore_errors=True)
        packages.mkdir(exist_ok=True)
        building.mkdir()
        try:
            found = await self._recipes.build(
                name, building, packages, descriptors=[descriptor], on_progress=on_progress
            )
            await asyncio.to_thread(seal, building, found)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            building.rename(folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, building, ignore_errors=True)

    @asynccontextmanager
    async def _lock(self, entry: str, on_progress: OnProgress) -> AsyncIterator[int]:
        """Poll for the lock, because a thread that waits for a lock cannot be cancelled."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._directory / f".{entry}.lock", flags, 0o644)
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    on_progress(0, "another process is building the image")
                    await asyncio.sleep(LOCK_POLL_S)
            yield descriptor
        finally:
            os.close(descriptor)


def is_whole(folder: Path) -> bool:
    try:
        sums = msgspec.json.decode((folder / CHECKSUMS).read_bytes(), type=dict[str, str])
        return all(checksum_of(folder / name) == checksum for name, checksum in sums.items())
    except (OSError, msgspec.DecodeError):
        return False


def seal(folder: Path, description: ImageDescription) -> None:
    """Write the checksums last: a folder without them counts as absent."""
    names = [*description.files(), "image.json"]
    for path in folder.iterdir():
        if path.name not in names:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    sums = {name: checksum_of(folder / name) for name in names}
    for name in names:
        (folder / name).chmod(0o444)
    folder.chmod(0o755)
    (folder / CHECKSUMS).write_bytes(msgspec.json.encode(sums))
