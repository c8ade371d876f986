"""Fingerprints of public keys."""

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.domain.errors import Invalid
from atoll.domain.ssh_keys import KINDS, bits_of, fingerprint_of, md5_fingerprint_of, type_of


def line(kind: str, said: str | None = None, rest: bytes = b"\0" * 32) -> str:
    name = (said or kind).encode()
    return f"{kind} {base64.b64encode(len(name).to_bytes(4, 'big') + name + rest).decode()}"


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_the_fingerprint_is_the_one_that_openssh_shows(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "a b", "-f", file], check=True)
    public = file.with_suffix(".pub")
    told = subprocess.run(["ssh-keygen", "-lf", public], capture_output=True, text=True, check=True)
    assert fingerprint_of(public.read_text()) == told.stdout.split()[1]


@pytest.mark.parametrize(
    ("kind", "bits", "named"),
    [
        ("ed25519", "256", "ssh-ed25519"),
        ("rsa", "1024", "ssh-rsa"),
        ("rsa", "2048", "ssh-rsa"),
        ("ecdsa", "384", "ecdsa-sha2-nistp384"),
        ("ecdsa", "521", "ecdsa-sha2-nistp521"),
    ],
)
def test_length_type_and_old_fingerprint_are_those_that_openssh_shows(
    tmp_path: Path, kind: str, bits: str, named: str
) -> None:
    file = tmp_path / "key"
    size = [] if kind == "ed25519" else ["-b", bits]
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-f", file], check=True)
    public = file.with_suffix(".pub")
    show = ["ssh-keygen", "-l", "-E", "md5", "-f", public]
    told = subprocess.run(show, capture_output=True, text=True, check=True).stdout.split()
    key = public.read_text()
    assert f"MD5:{md5_fingerprint_of(key)}" == told[1]
    assert str(bits_of(key)) == told[0] == bits
    assert type_of(f"  {key}") == named


def test_a_short_rsa_key_has_a_length_too() -> None:
    assert bits_of(line("ssh-rsa", rest=b"\0\0\0\1\3")) == 0


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_comment_and_space_around_do_not_change_it(kind: str) -> None:
    assert fingerprint_of(line(kind)) == fingerprint_of(f"  {line(kind)} me@home and more \n")


@pytest.mark.parametrize(
    "text",
    [
        "", "ssh-ed25519", "ssh-ed25519 ", "ssh-dss AAAA", "ssh-ed25519 ****",
        line("ssh-ed25519", said="ssh-rsa"), line("ssh-ed25519", rest=b""),
        f"{line('ssh-ed25519')}\n{line('ssh-rsa')}", "ssh-ed25519 AAAA\rssh-rsa",
        'command="x" ' + line("ssh-ed25519"),
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        fingerprint_of(text)
    assert refused.value.field == "public_key"


@given(st.text(max_size=80), st.sampled_from(["", "ssh-ed25519 "]))
def test_any_text_is_a_key_or_refused(text: str, before: str) -> None:
    try:
        assert fingerprint_of(before + text).startswith("SHA256:")
    except Invalid:
        return
