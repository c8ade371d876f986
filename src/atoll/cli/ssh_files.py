"""Files of the SSH client: the user's public keys, and one known_hosts file per instance."""

from pathlib import Path

from atoll.cli.errors import Usage

KEY_NAMES = ("id_ed25519", "id_ecdsa", "id_rsa")
PUBLIC_KEY_BYTES_MAX = 16 * 1024


def own_public_key_files(home: Path) -> list[Path]:
    """List the public keys that ssh offers by default, the best first."""
    files = (home / ".ssh" / f"{name}.pub" for name in KEY_NAMES)
    return [file for file in files if file.is_file()]


def read_public_key(file: Path) -> str:
    """Read a public key file. Raises Usage if it is not a single public key."""
    try:
        text = file.read_bytes()[:PUBLIC_KEY_BYTES_MAX].decode(errors="replace").strip()
    except OSError as error:
        raise Usage(f"cannot read the public key {file}: {error.strerror}") from error
    if "PRIVATE KEY" in text:
        raise Usage(f"{file} is a private key, which must not leave this machine; use {file}.pub")
    if len(text.splitlines()) != 1 or len(text.split()) < 2:
        raise Usage(f"{file} is not a public key; expected one line such as `ssh-ed25519 AAAA…`")
    return text


def same_public_key(one: str, other: str) -> bool:
    """Compare two public keys, ignoring their comments."""
    return one.split()[:2] == other.split()[:2]


def key_name(public_key: str, file: Path) -> str:
    """Choose a default name for a key: its comment, or the name of its file. No name has a
    slash."""
    comment = " ".join(public_key.split()[2:])
    return comment.replace("/", "-") or file.stem


def known_hosts_file(config_dir: Path, instance_id: str) -> Path:
    """Return the file of one instance. Addresses are reused, so instances must not share one."""
    folder = config_dir / "known_hosts"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / instance_id


def forget_host_keys(config_dir: Path, instance_id: str) -> None:
    """Delete the known host keys: a guest has new ones after its root disk was replaced."""
    (config_dir / "known_hosts" / instance_id).unlink(missing_ok=True)
