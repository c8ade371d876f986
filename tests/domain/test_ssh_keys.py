"""Fingerprints of public keys."""

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.domain.errors import Invalid
from atoll.domain.ssh_keys import (
    KINDS,
    bits_of,
    fingerprint_of,
    line_of,
    md5_fingerprint_of,
    type_of,
)

APPLICATION = b"ssh:"
PARTS = {
    "ssh-ed25519": (bytes(range(32)),),
    "ssh-rsa": (b"\1\0\1", b"\0" + b"\x80" * 256),
    "ecdsa-sha2-nistp256": (b"nistp256", b"\4" + b"\7" * 64),
    "ecdsa-sha2-nistp384": (b"nistp384", b"\4" + b"\7" * 96),
    "ecdsa-sha2-nistp521": (b"nistp521", b"\4" + b"\1" * 132),
    "sk-ssh-ed25519@openssh.com": (bytes(range(32)), APPLICATION),
    "sk-ecdsa-sha2-nistp256@openssh.com": (b"nistp256", b"\4" + b"\7" * 64, APPLICATION),
}


def blob(kind: str, *parts: bytes) -> bytes:
    return b"".join(len(one).to_bytes(4, "big") + one for one in (kind.encode(), *parts))


def line(kind: str, content: bytes | None = None) -> str:
    content = blob(kind, *PARTS[kind]) if content is None else content
    return f"{kind} {base64.b64encode(content).decode()}"


ED, RSA = line("ssh-ed25519"), line("ssh-rsa")


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


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize(
    "pasted",
    [
        "{line}", "{line}\n", "  {line} \r\n", "\ufeff{line}\r\n", "\t{type}\t{text}  ",
        "{line} me@home and more \n", "\n\n{line}\u00a0me\n\n", "{type} {head}\n{tail}",
        "{type} {head}\r\n  {tail} me@home\r\n",
    ],
)  # fmt: skip
def test_blanks_line_ends_and_comments_do_not_change_it(kind: str, pasted: str) -> None:
    whole = line(kind)
    text = whole.split()[1]
    given = pasted.format(line=whole, type=kind, text=text, head=text[:30], tail=text[30:])
    assert fingerprint_of(given) == fingerprint_of(whole)
    assert line_of(given).split()[:2] == whole.split()
    assert "\n" not in line_of(given)
    assert (type_of(given), bits_of(given)) == (kind, bits_of(whole))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_key_that_is_not_whole_is_refused(kind: str) -> None:
    """However it was cut, and if anything stands behind it; so does ssh-keygen."""
    content = blob(kind, *PARTS[kind])
    cut = [content[:at] for at in range(len(content))]
    for wrong in (*cut, content + b"\0", content + b"junk", content + blob("more")):
        with pytest.raises(Invalid) as refused:
            fingerprint_of(line(kind, wrong))
        assert refused.value.field == "public_key"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_part_of_a_key_has_its_own_length(kind: str) -> None:
    for at, part in enumerate(PARTS[kind]):
        if part in {APPLICATION, b"\1\0\1"}:
            continue  # these may have any
        for wrong in (part[:-1], b"", part[:32] + part):
            parts = [*PARTS[kind]]
            parts[at] = wrong
            if kind == "ssh-rsa" and wrong:
                continue  # of another length, it is another key
            with pytest.raises(Invalid):
                fingerprint_of(line(kind, blob(kind, *parts)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "must begin with a key type"),
        ("ssh-ed25519", "is not a valid ssh-ed25519 key"),
        ("ssh-ed25519 ****", "is not a valid ssh-ed25519 key"),
        ("ssh-dss AAAA", "must begin with a key type"),
        (line("ssh-ed25519", blob("ssh-rsa", *PARTS["ssh-rsa"])), "is not a valid ssh-ed25519 key"),
        (f"{ED}\n{RSA}", "must be a single line"),
        (f"{ED} me\n{ED} you", "must be a single line"),
        (f"{ED}\rcommand", "must be a single line"),
        ('command="x" ' + ED, "must begin with a key type"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", "is a private key"),
        (ED + " " + "x" * 16_384, "must have at most 16384 characters"),
        (line("ssh-rsa", blob("ssh-rsa", b"\3", b"\1" * 64)), "this one has 505"),
        (line("ssh-rsa", blob("ssh-rsa", b"\3", b"\1" * 2050)), "this one has 16393"),
        (line("ssh-rsa", blob("ssh-rsa", b"\3", b"\x80" * 256)), "is not a valid ssh-rsa key"),
    ],
)
def test_what_is_no_key_is_refused(text: str, told: str) -> None:
    with pytest.raises(Invalid) as refused:
        fingerprint_of(text)
    assert refused.value.field == "public_key"
    assert told in refused.value.message


def test_a_key_of_an_earlier_version_that_is_not_whole_can_still_be_shown() -> None:
    cut = line("ssh-rsa", blob("ssh-rsa", *PARTS["ssh-rsa"])[:100])
    assert (type_of(cut), bits_of(cut), line_of(cut)) == ("ssh-rsa", 0, cut)
    assert md5_fingerprint_of(cut)


@given(st.text(max_size=80), st.sampled_from(["", "ssh-ed25519 "]))
def test_any_text_is_a_key_or_refused(text: str, before: str) -> None:
    try:
        assert fingerprint_of(before + text).startswith("SHA256:")
    except Invalid:
        return
