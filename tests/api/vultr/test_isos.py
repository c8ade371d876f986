"""There are no ISO images, and whoever asks for one is told what to do instead."""

from tests.api.vultr.client import Vultr
from tests.api.vultr.things import NOBODY


def test_there_is_none(vultr: Vultr) -> None:
    none = {"isos": [], "meta": {"total": 0, "links": {"next": "", "prev": ""}}}
    assert vultr.get("/iso") == none


def test_none_can_be_made(vultr: Vultr) -> None:
    told = vultr.refused("POST", "/iso", {"url": "https://example.com/x.iso"})
    assert told.startswith("url: there are no ISO images here")


def test_none_is_found(vultr: Vultr) -> None:
    for method in ("GET", "DELETE"):
        assert vultr.refused(method, f"/iso/{NOBODY}", status=404) == "Invalid ISO ID"
