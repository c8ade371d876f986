"""All settings in one frozen object. The only reader of the environment (`ATOLL_…`)."""

import argparse
import ipaddress
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from atoll.domain.accelerators import Device, address_of, is_kind


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """A device that guests may use. `host` is a simulated host; None means every host."""

    device: Device
    host: str | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A `database` of None means SQLite in the state directory. `engine` is the name of this engine
    if several share one database; None means the name of its state directory."""

    state: Path
    cli_config: Path
    host: str = "127.0.0.1"
    port: int = 8080
    driver: str = "auto"
    network: str = "user"
    database: str | None = None
    region: str = "local"
    recipes: Path
    image_cache: Path
    import_dirs: tuple[Path, ...] = ()
    public_cidr: str = "127.16.0.0/12"
    private_cidr: str = "10.128.0.0/9"
    simulator_hosts: int = 3
    simulator_regions: tuple[str, ...] = ()
    simulator_boot_s: float = 0.0
    accelerators: tuple[Offered, ...] = ()
    starts_at_once: int = 2
    guest_uid: int = 61_184
    disk_overcommit: float = 2.0
    disk_reserve_mib: int = 2048
    allow_private_urls: bool = False
    engine: str | None = None
    lease_s: float = 15.0
    recoverable_s: int = 0
    keep_days: int = 30
    keep_audit_days: int = 0
    dns_port: int = 0
    vultr_catalogue: Path | None = None
    vultr_per_second: int = 30
    genesis_catalogue: Path | None = None
    log_level: str = "info"
    proxies: dict[str, str] = {}

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions of this server's hosts, one after the other, and again from the first."""
        several = self.simulator_regions if self.driver == "simulator" else ()
        return several or (self.region,)

    def devices_of(self, host: str) -> tuple[Device, ...]:
        """Return the devices that the host of this name offers."""
        return tuple(one.device for one in self.accelerators if one.host in {None, host})


PROXIES = ("http_proxy", "https_proxy", "no_proxy")
DRIVERS = ("auto", "qemu", "simulator")
NETWORKS = ("user", "bridge")
DAYS_MAX = 36_500
PORT_MAX = 65_535
OVERCOMMIT_MAX = 100
RESERVE_MIB_MAX = 2**30


def default_state(environment: Mapping[str, str]) -> Path:
    return xdg(environment, "XDG_STATE_HOME", ".local/state")


def xdg(environment: Mapping[str, str], name: str, otherwise: str) -> Path:
    """Return our directory below one of the XDG base directories."""
    return Path(environment.get(name) or Path.home() / otherwise) / "atoll"


def packaged_recipes() -> Path:
    """Return the recipes inside the wheel if Atoll was installed from one, otherwise beside the
    sources."""
    here = Path(__file__).parent
    packaged = here / "_images"
    return packaged if packaged.is_dir() else here.parent.parent / "images"


class Options(argparse.ArgumentParser):
    """Says what is wrong, and not the usage of all options before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"atoll: {message}\n  see `python -m atoll serve --help`\n")


def parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """Every option can also be set by `ATOLL_` and its name in capitals."""

    def default(name: str, otherwise: object) -> object:
        return environment.get(f"ATOLL_{name.upper()}", otherwise)

    options = Options(prog="atoll up", description="Runs Atoll until SIGTERM.")
    add = options.add_argument
    add("--state", type=Path, default=default("state", default_state(environment)))
    add("--host", default=default("host", "127.0.0.1"))
    add("--port", type=port, default=default("port", 8080))
    add("--driver", choices=DRIVERS, default=default("driver", "auto"))
    add("--network", choices=NETWORKS, default=default("network", "user"),
        help="bridge needs root: guests meet where rules allow it")  # fmt: skip
    add("--database", default=default("database", None), help="postgresql://…; SQLite if left out")
    add("--region", default=default("region", "local"))
    add("--recipes", type=Path, default=default("recipes", packaged_recipes()))
    cache = xdg(environment, "XDG_CACHE_HOME", ".cache") / "images"
    add("--image-cache", type=Path, default=default("image_cache", cache))
    add("--import-dir", type=Path, action="append", dest="import_dirs", default=[],
        help="a directory that images may be imported from by path")  # fmt: skip
    add("--public-cidr", default=default("public_cidr", "127.16.0.0/12"))
    add("--private-cidr", default=default("private_cidr", "10.128.0.0/9"))
    add("--simulator-hosts", type=int, default=default("simulator_hosts", 3))
    add("--simulator-region", action="append", dest="simulator_regions", default=[],
        help="of the first simulated host; again for the second, and so on in turn")  # fmt: skip
    add("--simulator-boot-s", type=float, default=default("simulator_boot_s", 0.0))
    add("--accelerator", action="append", dest="accelerators", default=None, type=offered,
        metavar="KIND=ADDRESS", help="a PCI device that a guest may have for itself, as "
        "nvidia-rtx-3090=0000:65:00.0; again for each further one; ATOLL_ACCELERATOR: with commas "
        "between them; of one simulated host: KIND=ADDRESS@HOST")  # fmt: skip
    add("--starts-at-once", type=int, default=default("starts_at_once", os.cpu_count() or 2))
    add("--guest-uid", type=int, default=default("guest_uid", 61_184))
    add("--disk-overcommit", type=factor, default=default("disk_overcommit", 2.0),
        help="how many times the disk space of this host is promised to instances")  # fmt: skip
    add("--disk-reserve-mib", type=mebibytes, default=default("disk_reserve_mib", 2048),
        help="free disk space that only running guests may use")  # fmt: skip
    add("--allow-private-urls", action="store_true",
        default=default("allow_private_urls", "") not in {"", "0", "false"})  # fmt: skip
    add("--engine", default=default("engine", None))
    add("--lease-s", type=float, default=default("lease_s", 15.0))
    add("--recoverable-s", type=int, default=default("recoverable_s", 0),
        help="for how many seconds a deleted instance can be recovered")  # fmt: skip
    add("--keep-days", type=days, default=default("keep_days", 30),
        help="ended operations, events, deleted instances stay so long; 0: for ever")  # fmt: skip
    add("--keep-audit-days", type=days, default=default("keep_audit_days", 0),
        help="audit records stay so long; 0: for ever")  # fmt: skip
    add("--dns-port", type=int, default=default("dns_port", 0),
        help="answers reverse DNS for public addresses by UDP on this port")  # fmt: skip
    add("--vultr-catalogue", type=Path, default=default("vultr_catalogue", None),
        help="plans, regions and systems of Vultr's API, instead of our own")  # fmt: skip
    add("--vultr-per-second", type=int, default=default("vultr_per_second", 30),
        help="requests of one key that Vultr's API serves in a second")  # fmt: skip
    add("--genesis-catalogue", type=Path, default=default("genesis_catalogue", None),
        help="types, regions and images of Genesis Cloud's API, instead of our own")  # fmt: skip
    add("--log-level", choices=("debug", "info", "warning", "error"),
        default=default("log_level", "info"))  # fmt: skip
    return options


def offered(text: str) -> Offered:
    kind, _, rest = text.partition("=")
    place, at, host = rest.partition("@")
    address = address_of(place)
    if not is_kind(kind) or address is None or bool(at) != bool(host):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no KIND=ADDRESS, as in nvidia-rtx-3090=0000:65:00.0: see `lspci -D`"
        )
    return Offered(device=Device(kind=kind, address=address), host=host or None)


def factor(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 1 <= number <= OVERCOMMIT_MAX:
        raise argparse.ArgumentTypeError(f"1 to {OVERCOMMIT_MAX} is allowed, not {text!r}")
    return number


def port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= PORT_MAX:
        raise argparse.ArgumentTypeError(f"1 to {PORT_MAX} is allowed, not {text!r}")
    return int(text)


def mebibytes(text: str) -> int:
    if not text.isdecimal() or int(text) > RESERVE_MIB_MAX:
        raise argparse.ArgumentTypeError(f"0 to {RESERVE_MIB_MAX} MiB are allowed, not {text!r}")
    return int(text)


def days(text: str) -> int:
    if not text.isdecimal() or int(text) > DAYS_MAX:
        raise argparse.ArgumentTypeError(f"0 to {DAYS_MAX} days are allowed, not {text!r}")
    return int(text)


def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the settings; end the process with a message if an option is not valid."""
    options = parser(environment)
    given = vars(options.parse_args(arguments))
    for name in ("public_cidr", "private_cidr"):
        require_network(options, name, given[name])
    for name in ("state", "recipes", "image_cache"):
        given[name] = given[name].expanduser().absolute()
    given["accelerators"] = accelerators_of(options, given, environment)
    given["simulator_regions"] = tuple(given["simulator_regions"])
    given["import_dirs"] = tuple(d.absolute() for d in given["import_dirs"])
    cli_config = xdg(environment, "XDG_CONFIG_HOME", ".config") / "cli.json"
    proxies = {name: environment[name] for name in PROXIES if name in environment}
    return Settings(cli_config=cli_config, proxies=proxies, **given)


def accelerators_of(
    options: argparse.ArgumentParser, given: Mapping[str, Any], environment: Mapping[str, str]
) -> tuple[Offered, ...]:
    """Read the options, or the environment if there are none. A device has one kind."""
    found = given["accelerators"]
    if found is None:
        try:
            words = environment.get("ATOLL_ACCELERATOR", "").split(",")
            found = [offered(word.strip()) for word in words if word.strip()]
        except argparse.ArgumentTypeError as error:
            options.error(f"ATOLL_ACCELERATOR: {error}")
    places = [(one.host, one.device.address) for one in found]
    for host, address in places:
        if host is not None and given["driver"] != "simulator":
            options.error(f"--accelerator: {address}@{host}: only simulated hosts have names")
        if places.count((host, address)) > 1 or (host is not None and (None, address) in places):
            options.error(f"--accelerator: {address} is given twice")
    return tuple(found)


def require_network(options: argparse.ArgumentParser, name: str, text: str) -> None:
    option = f"--{name.replace('_', '-')}"
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        options.error(f"{option}: {error}")
    if name == "public_cidr" and not network.is_loopback:
        options.error(f"{option}: {network} is not part of 127.0.0.0/8")
