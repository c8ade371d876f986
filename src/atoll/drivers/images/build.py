"""Runs the recipes of the guest images that we build. Called by the recipe cache.

A recipe is `<directory>/<name>/build OUTPUT_DIR --cache DIR`; it writes lines
`progress <percent> <words>` and, on failure, a last line that says what to do. It runs in a
separate process and is identified by the hash of its files.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.drivers.processes import ProcessError, run_bounded

NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
PROGRESS = re.compile(r"progress (\d{1,3}) (.*)")
SHARED = "common"  # the directory that all recipes share
FAILED_FOR_NOW = 75  # EX_TEMPFAIL
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

OnProgress = Callable[[float, str], None]


class ImageDescription(msgspec.Struct, frozen=True, kw_only=True):
    """The `image.json` of a recipe: the names of its files and the requirements of guests."""

    name: str
    version: str
    os: str
    disk: str
    kernel: str | None = None
    initrd: str | None = None
    cmdline: str | None = None
    disk_gib_min: int
    memory_mib_min: int

    def files(self) -> list[str]:
        return [name for name in (self.disk, self.kernel, self.initrd) if name is not None]


class Recipes:
    """`python` runs recipes written in Python; `environment` is passed to recipes (for example
    a proxy for the package server)."""

    def __init__(
        self,
        directory: Path,
        *,
        python: str,
        timeout_s: float = 3600,
        environment: dict[str, str] | None = None,
    ) -> None:
        self._directory = directory
        self._timeout_s = timeout_s
        self._environment = {"PATH": PATH, **(environment or {}), "PYTHON": python}

    def names(self) -> list[str]:
        return sorted(script.parent.name for script in self._directory.glob("*/build"))

    def hash_of(self, name: str) -> str:
        """Hash the files of the recipe and the shared files."""
        self._require(name)
        digest = hashlib.sha256()
        for part in (SHARED, name):
            for path in sorted((self._directory / part).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    content = hashlib.sha256(path.read_bytes()).hexdigest()
                    place = path.relative_to(self._directory).as_posix()
                    digest.update(f"{place} {content}\n".encode())
        return digest.hexdigest()[:16]

    async def build(
        self,
        name: str,
        output: Path,
        packages: Path,
        *,
        descriptors: Sequence[int] = (),
        on_progress: OnProgress,
    ) -> ImageDescription:
        """Build an image. `packages` caches downloads between builds. The recipe inherits
        `descriptors`, so that a lock is held until the recipe ends, even if we end first."""
        self._require(name)

        def hear(line: str) -> None:
            if found := PROGRESS.fullmatch(line):
                on_progress(min(float(found[1]), 100.0), f"{name}: {found[2]}")

        try:
            await run_bounded(
                [str(self._directory / name / "build"), str(output), "--cache", str(packages)],
                folder=output,
                timeout_s=self._timeout_s,
                environment=self._environment,
                descriptors=descriptors,
                on_line=hear,
            )
        except ProcessError as failure:
            words = f"image {name} cannot be built: {failure.last_line}"
            if failure.code == FAILED_FOR_NOW:
                raise DriverUnavailable(words) from failure
            raise DriverRefused(words) from failure
        except TimeoutError as error:
            raise DriverUnavailable(
                f"image {name} was not built within {self._timeout_s:.0f} s"
            ) from error
        except OSError as error:
            raise DriverRefused(f"the recipe of {name} cannot be run: {error}") from error
        return read_description(output)

    def _require(self, name: str) -> None:
        if not NAME.fullmatch(name) or not (self._directory / name / "build").is_file():
            known = ", ".join(self.names()) or "none"
            raise DriverRefused(f"there is no recipe {name!r}. Recipes of this host: {known}")


def read_description(folder: Path) -> ImageDescription:
    try:
        found = msgspec.json.decode((folder / "image.json").read_bytes(), type=ImageDescription)
    except (OSError, msgspec.DecodeError) as error:
        raise DriverRefused(f"the image.json of the recipe cannot be read: {error}") from error
    for name in found.files():
        path = folder / name
        if Path(name).name != name or path.is_symlink() or not path.is_file():
            raise DriverRefused(
                f"the recipe's image.json names {name!r}, a file that the recipe did not write"
            )
    return found
