"""Hostile and honest disk images, a network whose public names lead to the test's own server, and
an image store over both."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from atoll.domain.errors import DriverBusy
from atoll.domain.images import ImageSource, SourceKind
from atoll.drivers.disk_room import DiskRoom
from atoll.drivers.images.build import Recipes
from atoll.drivers.images.cache import RecipeCache
from atoll.drivers.images.convert import Converter, ConvertLimits
from atoll.drivers.images.fetch import Fetcher, FetchLimits
from atoll.drivers.images.local_files import LocalFiles
from atoll.drivers.images.sources import Sources
from atoll.drivers.images.store import ImageStore
from atoll.messages import ImageFacts, ImageSpec

PUBLIC_ADDRESS = "93.184.216.34"
BYTES_MAX = 8 << 20
VIRTUAL_SIZE_MAX = 100 << 30


def qemu_img(*arguments: str | Path) -> None:
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, capture_output=True)


def make_qcow2(path: Path, *options: str, data_bytes: int = 5000) -> Path:
    """An honest qcow2 of 4 MiB with some data at its end."""
    data = path.with_name(f"{path.name}.data")
    with data.open("wb") as file:
        file.seek((4 << 20) - data_bytes)
        file.write((b"atoll" * data_bytes)[:data_bytes])
    qemu_img("convert", "-f", "raw", "-O", "qcow2", *options, data, path)
    data.unlink()
    return path


class PublicInternet(httpx2.AsyncBaseTransport):
    """Carries what is sent to the public address to the test's server, and remembers where
    connections were to go."""

    def __init__(self, trusted: ssl.SSLContext | None = None) -> None:
        self.connected_to: list[str] = []
        self._real = httpx2.AsyncHTTPTransport(verify=trusted or True)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.connected_to.append(request.url.host)
        if request.url.host == PUBLIC_ADDRESS:
            request.url = request.url.copy_with(host="127.0.0.1")
        return await self._real.handle_async_request(request)

    async def aclose(self) -> None:
        await self._real.aclose()


@pytest.fixture
def names() -> dict[str, Sequence[str]]:
    """The test's DNS: `images.example` is public, addresses are themselves."""
    return {"images.example": [PUBLIC_ADDRESS]}


@pytest.fixture
def internet() -> PublicInternet:
    return PublicInternet()


MakeFetcher = Callable[..., Fetcher]


@pytest.fixture
def make_fetcher(names: dict[str, Sequence[str]], internet: PublicInternet) -> MakeFetcher:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return names.get(host, [host.strip("[]")])

    def make(
        *, allow_private: bool = False, bytes_max: int = BYTES_MAX, total_s: float = 20
    ) -> Fetcher:
        limits = FetchLimits(bytes_max=bytes_max, total_s=total_s, silence_s=5)
        return Fetcher(limits, allow_private=allow_private, resolve=resolve, transport=internet)

    return make


class Host:
    """One host's image store, and the folders around it."""

    def __init__(self, folder: Path, fetcher: Fetcher) -> None:
        self.folder = folder
        self.imports = folder / "imports"
        self.recipes = folder / "recipes"
        self.cache = folder / "cache"
        self.room = DiskRoom(folder, 0)
        self.group: int | None = None
        self._fetcher = fetcher
        self.imports.mkdir()
        self.recipes.mkdir()

    def store(self, name: str = "state") -> ImageStore:
        recipes = Recipes(self.recipes, python="python3", timeout_s=20)
        sources = Sources(
            cache=RecipeCache(self.cache, recipes),
            fetcher=self._fetcher,
            files=LocalFiles([self.imports], BYTES_MAX),
            converter=Converter(ConvertLimits(cpu_s=60, total_s=60), self.room, uid=None),
            room=self.room,
            virtual_size_max_bytes=VIRTUAL_SIZE_MAX,
        )
        return ImageStore(self.folder / name / "images", sources, group=self.group)

    @asynccontextmanager
    async def opened(self, name: str = "state") -> AsyncIterator[ImageStore]:
        store = self.store(name)
        await store.open()
        yield store
        await store.close()

    def left_over(self, name: str = "state") -> list[str]:
        return sorted(path.name for path in (self.folder / name / "images").iterdir())

    def write_recipe(self, name: str, script: str) -> None:
        build = self.recipes / name / "build"
        build.parent.mkdir(exist_ok=True)
        build.write_text(f"#!/bin/sh\nset -e\n{script}\n", encoding="ascii")
        build.chmod(0o755)


@pytest.fixture
def host(tmp_path: Path, make_fetcher: MakeFetcher) -> Host:
    return Host(tmp_path, make_fetcher())


def image(kind: SourceKind, location: str, checksum: str | None = None) -> ImageSpec:
    source = ImageSource(kind=kind, location=location, checksum=checksum)
    return ImageSpec(id="img-1", name="test image", source=source)


async def ensure(store: ImageStore, spec: ImageSpec) -> ImageFacts:
    """Asks until the image is there, as the engine does."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await store.ensure(spec)
            except DriverBusy:
                await asyncio.sleep(0)  # `ensure` itself waits a little for what is on its way
