"""`atoll image …`: builds, imports, aliases."""

import pytest

from tests.cli.cloud import (
    IMAGE_ID,
    OPERATION_ID,
    Cloud,
    accepted,
    failed_operation,
    named,
    operation,
)
from tests.cli.conftest import Atoll

OPERATION = f"/v1/operations/{OPERATION_ID}"

SUM = "sha256:" + "0" * 64


def test_an_image_is_built_and_waited_for(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/images", named(IMAGE_ID, "debian-12"))
    cloud.answers("POST", f"/v1/images/{IMAGE_ID}/import", accepted(), status=202)
    cloud.answers("GET", OPERATION, operation("running"), operation())
    ended = atoll("image", "build", "debian-12")
    assert (ended.code, ended.out, ended.err) == (0, "debian-12 is available\n", "")


def test_a_build_that_fails_ends_with_4(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/images", named(IMAGE_ID, "debian-12"))
    cloud.answers("POST", f"/v1/images/{IMAGE_ID}/import", accepted(), status=202)
    cloud.answers("GET", OPERATION, failed_operation())
    assert atoll("image", "build", "debian-12").code == 4


@pytest.mark.parametrize(
    ("words", "source"),
    [
        (
            ("--from-url", "https://example.org/a.qcow2", "--checksum", SUM),
            {"kind": "url", "location": "https://example.org/a.qcow2", "checksum": SUM},
        ),
        (("--file", "/srv/a.qcow2"), {"kind": "file", "location": "/srv/a.qcow2"}),
    ],
)
def test_an_image_is_imported(
    words: tuple[str, ...], source: dict[str, str], atoll: Atoll, cloud: Cloud
) -> None:
    cloud.answers("POST", "/v1/images", named(IMAGE_ID, "mine"), status=201)
    cloud.answers("POST", f"/v1/images/{IMAGE_ID}/import", accepted(), status=202)
    cloud.answers("GET", OPERATION, operation())
    assert atoll("image", "import", "mine", *words, "--os", "debian").code == 0
    assert cloud.all_of("POST")[0].body == {
        "metadata": {"name": "mine"},
        "spec": {"os": "debian", "source": source},
    }


def test_a_failed_import_says_how_to_import_from_elsewhere(atoll: Atoll, cloud: Cloud) -> None:
    """Its image is there, and has the name."""
    cloud.answers("POST", "/v1/images", named(IMAGE_ID, "my own"), status=201)
    cloud.answers("POST", f"/v1/images/{IMAGE_ID}/import", accepted(), status=202)
    cloud.answers("GET", OPERATION, failed_operation())
    ended = atoll("image", "import", "my own", "--file", "/srv/a")
    assert ended.code == 4
    assert "`atoll image delete 'my own'`" in ended.err


@pytest.mark.parametrize("words", [("build", "mine"), ("import", "mine", "--file", "/srv/a")])
def test_an_import_that_is_under_way_is_waited_for_and_not_begun_again(
    words: tuple[str, ...], atoll: Atoll, cloud: Cloud
) -> None:
    busy = {**named(IMAGE_ID, "mine"), "operation_id": OPERATION_ID}
    busy["status"] = {"state": "importing"}
    cloud.has("/v1/images", busy)
    cloud.answers("POST", "/v1/images", busy, status=201)
    cloud.answers("GET", OPERATION, operation())
    ended = atoll("image", *words)
    assert (ended.code, ended.out) == (0, "mine is available\n")
    assert not [asked for asked in cloud.asked if asked.path.endswith("/import")]


def test_of_two_images_of_one_name_the_servers_choice_is_taken(atoll: Atoll, cloud: Cloud) -> None:
    own = named(IMAGE_ID, "debian")
    cloud.has("/v1/images", named(IMAGE_ID[:-1] + "z", "debian"), own)
    cloud.answers("GET", "/v1/images/debian", own)
    assert atoll("image", "show", "debian", "--json").json == own


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ((), "use either"),
        (("--file", "a", "--from-url", "b"), "use either"),
        (("--from-url", "https://example.org/a", "--checksum", "md5:1"), "sha512"),
    ],
)
def test_an_import_without_a_sound_source_is_a_usage_error(
    words: tuple[str, ...], advice: str, atoll: Atoll, cloud: Cloud
) -> None:
    ended = atoll("image", "import", "mine", *words)
    assert ended.code == 2
    assert advice in ended.err
    assert cloud.asked == []


def test_an_alias_changes_an_image_or_makes_one(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/images", named(IMAGE_ID, "ubuntu"))
    cloud.answers("PATCH", f"/v1/images/{IMAGE_ID}", named(IMAGE_ID, "ubuntu"))
    cloud.answers("POST", "/v1/images", named(IMAGE_ID, "latest"), status=201)
    assert atoll("image", "alias", "ubuntu", "debian-12").code == 0
    assert atoll("image", "alias", "latest", "debian-12").code == 0
    assert cloud.all_of("PATCH")[0].body == {"spec": {"alias_of": "debian-12"}}
    assert cloud.all_of("POST")[0].body == {
        "metadata": {"name": "latest"},
        "spec": {"alias_of": "debian-12"},
    }


def test_a_disc_is_imported_as_one(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", "/v1/images", named(IMAGE_ID, "alpine"), status=201)
    cloud.answers("POST", f"/v1/images/{IMAGE_ID}/import", accepted(), status=202)
    cloud.answers("GET", f"/v1/operations/{OPERATION_ID}", operation())
    ended = atoll("image", "import", "alpine", "--iso", "--from-url", "https://example.com/a.iso")
    assert ended.code == 0, ended.err
    assert cloud.all_of("POST")[0].body["spec"]["kind"] == "iso"
