"""SSH keys in Vultr's words: shown as they were given, and given to guests as one line."""

import base64

import pytest

from tests.api.client import Api
from tests.api.keys import ED25519
from tests.api.vultr.client import Vultr

KIND, TEXT, COMMENT = ED25519.split()


@pytest.mark.parametrize(
    "given",
    [
        f"{ED25519}\n", f"  {ED25519}\r\n", f"{KIND}   {TEXT}\tme  at  home ",
        f"{KIND} {TEXT[:40]}\n{TEXT[40:]} {COMMENT}\n",
    ],
)  # fmt: skip
def test_a_key_is_shown_as_it_was_given(vultr: Vultr, api: Api, given: str) -> None:
    """Terraform would replace a key, and all that has it, if it came back changed."""
    made = vultr.post("/ssh-keys", {"name": "laptop", "ssh_key": given})["ssh_key"]
    assert made["ssh_key"] == given
    assert vultr.get(f"/ssh-keys/{made['id']}")["ssh_key"]["ssh_key"] == given
    (shown,) = api.items("/v1/ssh-keys")
    assert shown["spec"]["public_key"].split()[:2] == [KIND, TEXT]
    assert "\n" not in shown["spec"]["public_key"]


def test_a_key_that_was_cut_is_refused(vultr: Vultr) -> None:
    blob = base64.b64decode(TEXT)
    for wrong in (blob[:-6], blob + b"junk"):
        body = {"name": "cut", "ssh_key": f"{KIND} {base64.b64encode(wrong).decode()} me"}
        told = vultr.refused("POST", "/ssh-keys", body)
        assert told == f"ssh_key is not a valid {KIND} key: copy the whole line of the .pub file"
    assert vultr.get("/ssh-keys")["ssh_keys"] == []
