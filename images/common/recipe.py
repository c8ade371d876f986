"""What the recipes of guest images share: arguments, progress, tools, Debian packages.

Run by `images/<name>/build OUTPUT_DIR [--cache DIR]`. A recipe writes `progress <percent> <words>`
lines, keeps to OUTPUT_DIR and the cache, and never changes the machine that it runs on. Where it
fails, the last line on stderr is a sentence that says what to do.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMESTAMP_S = 1_700_000_000  # what file systems are dated, so that two builds differ in less


class RecipeError(Exception):
    """The recipe cannot go on; the message says what to do."""

    exit_code = 1


class TemporaryError(RecipeError):
    """The same may succeed later: a package server did not answer. 75 is EX_TEMPFAIL."""

    exit_code = 75


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a recipe works: `work` is temporary and empty, `output` gets the finished files."""

    recipe: Path
    work: Path
    output: Path
    cache: Path


def main(recipe: Path, build: Callable[[Place], None]) -> None:
    """Runs `build` in a temporary directory below the output directory."""
    parser = argparse.ArgumentParser(description=f"Builds the guest image {recipe.name}.")
    parser.add_argument("output", type=Path, help="directory for the finished files")
    parser.add_argument("--cache", type=Path, help="directory that keeps downloaded packages")
    arguments = parser.parse_args()
    output = arguments.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    cache = (arguments.cache or output / "packages").resolve()
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".work-", dir=output))
    try:
        build(Place(recipe=recipe, work=work, output=output, cache=cache))
    except RecipeError as failure:
        sys.stderr.write(f"{failure}\n")
        sys.exit(failure.exit_code)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress(100, "done")


def progress(percent: int, words: str) -> None:
    sys.stdout.write(f"progress {percent} {words}\n")
    sys.stdout.flush()


def require_tools(package_of: Mapping[str, str]) -> None:
    """Raises RecipeError naming every program that is missing, and the packages that bring them."""
    path = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    os.environ["PATH"] = path  # an unprivileged user's path often lacks mke2fs and sfdisk
    missing = [tool for tool in package_of if shutil.which(tool, path=path) is None]
    if missing:
        packages = " ".join(sorted({package_of[tool] for tool in missing}))
        raise RecipeError(f"not installed: {', '.join(missing)}. Run: apt-get install {packages}")


def run(*command: str | Path, cwd: Path | None = None, stdin: str | None = None) -> str:
    """The command's output. Raises RecipeError with its last words."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C", "E2FSPROGS_FAKE_TIME": str(TIMESTAMP_S)},
    )
    if done.returncode != 0:
        sys.stderr.write(done.stderr)
        words = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RecipeError(f"{Path(command[0]).name} failed: {words[-1]}")
    return done.stdout


def kernel_package(meta_package: str = "linux-image-cloud-amd64") -> str:
    """The package with the kernel itself, which the meta package only names."""
    for line in run("apt-cache", "depends", meta_package).splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind == "Depends" and name.startswith("linux-image-"):
            return name
    raise RecipeError(f"apt knows no {meta_package}. Run apt-get update on a Debian 12 machine")


def unpack_packages(names: Sequence[str], cache: Path, into: Path) -> None:
    """Downloads those packages that the cache lacks, and unpacks all. Installs nothing."""
    try:
        listing = run("apt-get", "download", "--print-uris", *names)
    except RecipeError as failure:
        raise RecipeError(
            f"{failure}. The recipe needs Debian 12 package sources: run apt-get update"
        ) from failure
    checksums: dict[str, str] = {}
    for line in listing.splitlines():
        _, file_name, _, checksum = line.split()
        checksums[file_name] = checksum
    if not all(_is_cached(cache / name, checksum) for name, checksum in checksums.items()):
        # apt verifies signatures and checksums; as root it cannot write here as its own user.
        try:
            run("apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *names, cwd=cache)
        except RecipeError as failure:
            raise TemporaryError(f"{failure}. Is the package server reachable?") from failure
    for file_name in checksums:
        run("dpkg-deb", "-x", cache / file_name, into)


def _is_cached(path: Path, checksum: str) -> bool:
    """`checksum` as apt writes it: `SHA256:…`."""
    name, _, digest = checksum.partition(":")
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, name.lower()).hexdigest() == digest


def copy_tree(source: Path, target: Path) -> None:
    """Copies a recipe's files; whoever checked them out decides on no permission bit but `x`."""
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            copy.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def set_times(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        os.utime(path, (TIMESTAMP_S, TIMESTAMP_S), follow_symlinks=False)


def write_facts(output: Path, facts: Mapping[str, str | int | None]) -> None:
    text = json.dumps(facts, indent=2) + "\n"
    (output / "image.json").write_text(text, encoding="utf-8")


def convert(raw: Path, qcow2: Path) -> None:
    """A compressed qcow2; zstd costs a quarter of zlib's time."""
    run(
        *("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2"),
        *("-o", "compat=1.1,compression_type=zstd", raw, qcow2),
    )


def newest(paths: Iterable[Path], what: str) -> Path:
    found = sorted(paths)
    if not found:
        raise RecipeError(f"the packages hold no {what}: run apt-get update and build again")
    return found[-1]
