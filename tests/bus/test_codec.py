"""Messages survive the way: whatever is encoded is decoded as the same."""

import base64
import inspect
import string
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll import messages
from atoll.bus import codec
from atoll.domain import errors
from atoll.domain.errors import DriverError, DriverRefused, DriverUnavailable, Unsupported
from atoll.domain.instances import USER_DATA_BYTES_MAX
from atoll.domain.reasons import Reason
from atoll.domain.security_groups import RULES_MAX, Direction, Protocol, Rule
from atoll.domain.startup_scripts import SCRIPT_BYTES_MAX
from atoll.domain.volumes import VOLUMES_MAX
from atoll.messages import (
    MESSAGE_BYTES_MAX,
    PIECE_BYTES,
    Answer,
    Ask,
    Bytes,
    Done,
    EnsureRunning,
    Failure,
    GuestSpec,
    HostReport,
    InspectGuest,
    NicSpec,
    Opening,
    Parcel,
    ParcelKind,
    Reply,
    Report,
    Request,
    SeedSpec,
    Token,
    WriteImport,
    ask_for,
)
from atoll.service.instances import GROUPS_MAX, KEYS_MAX
from atoll.service.networks import ATTACHMENTS_MAX

WORDS = st.text(string.printable, max_size=20)
NUMBERS = st.integers(min_value=0, max_value=2**62)
DRIVER_ERRORS = sorted(codec.DRIVER_ERRORS.values(), key=lambda kind: kind.__name__)
UNIONS = {"request": Request, "opening": Opening, "reply": Reply, "report": Report}


SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: WORDS, int: NUMBERS, bool: st.booleans(), bytes: st.binary(max_size=99),
    float: st.floats(allow_nan=False), NoneType: st.none(),
}  # fmt: skip


def things(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a message's type, with every field given."""
    origin, of = get_origin(kind), get_args(kind)
    if kind in SCALARS:
        return SCALARS[kind]
    if origin in {UnionType, Union}:
        return st.one_of([things(one) for one in of])
    if origin is tuple:
        return st.lists(things(of[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(things(of[0]), things(of[1]), max_size=3)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    return st.builds(kind, **{f.name: things(f.type) for f in msgspec.structs.fields(kind)})


@pytest.mark.parametrize("wire", [msgspec.msgpack, msgspec.json], ids=["msgpack", "json"])
@pytest.mark.parametrize("union", UNIONS.values(), ids=list(UNIONS))
def test_every_message_bears_its_name_and_is_decoded_by_it(union: Any, wire: Any) -> None:
    decoder = wire.Decoder(union)
    for kind in get_args(union):
        with pytest.raises(msgspec.ValidationError, match="required field `type`"):
            decoder.decode(wire.encode({}))
        assert kind.__struct_config__.tag == kind.__name__


@pytest.mark.parametrize("kind", get_args(Request | Opening), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_request_arrives_as_it_was_sent(kind: Any, data: st.DataObject) -> None:
    ask = Ask(
        id=data.draw(WORDS),
        within_ms=data.draw(NUMBERS),
        resource_id=data.draw(WORDS),
        token=data.draw(st.none() | st.builds(Token, NUMBERS, WORDS, NUMBERS, NUMBERS)),
        host_epoch=data.draw(NUMBERS),
        body=data.draw(things(kind)),
    )
    assert codec.decode_ask(codec.encode(ask)) == ask


@pytest.mark.parametrize("kind", get_args(Reply), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_reply_arrives_as_it_was_sent(kind: Any, data: st.DataObject) -> None:
    reply = data.draw(things(kind))
    assert codec.decode_answer(codec.encode_answer("op-1", reply)) == reply


@pytest.mark.parametrize("kind", get_args(Report), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_report_arrives_as_it_was_sent(kind: Any, data: st.DataObject) -> None:
    report = data.draw(things(kind))
    assert codec.decode_report(codec.encode(report)) == report


@pytest.mark.parametrize("kind", DRIVER_ERRORS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_error_of_a_driver_arrives_with_all_that_it_says(
    kind: type[DriverError], data: st.DataObject
) -> None:
    values = {"after_s": st.floats(0, 1e6), "percent": st.none() | st.floats(0, 100)}
    given_ = {n: data.draw(values.get(n, NUMBERS)) for n in codec.DETAILS[kind]}
    sent = kind(data.draw(WORDS), **given_)
    with pytest.raises(DriverError) as arrived:
        codec.decode_answer(codec.encode_failure("op-1", sent))
    assert type(arrived.value) is kind
    assert vars(arrived.value) == vars(sent)


def test_a_reason_arrives_as_the_sentence_that_it_makes() -> None:
    sent = DriverRefused(Reason.TOO_LONG, field="name", highest=63)
    with pytest.raises(DriverRefused, match="name must have at most 63 characters"):
        codec.decode_answer(codec.encode_failure("op-1", sent))


def test_every_error_of_a_driver_is_known() -> None:
    """One that is not among them would arrive as another."""
    every = [one for one in vars(errors).values() if inspect.isclass(one)]
    assert {one for one in every if issubclass(one, DriverError)} == set(DRIVER_ERRORS)
    assert len({kind.code for kind in DRIVER_ERRORS}) == len(DRIVER_ERRORS)


def test_an_error_of_a_later_version_is_one_that_may_pass() -> None:
    failure = Failure(code="OUT_OF_PAPER", message="no paper", details={"sheets": 0})
    with pytest.raises(DriverUnavailable, match="no paper"):
        codec.decode_answer(codec.encode(Answer(error=failure)))


def test_an_error_that_says_more_than_we_know_is_read_without_that() -> None:
    failure = Failure(code="DRIVER_BUSY", message="wait", details={"after_s": 3, "colour": "red"})
    error = codec.error_of(failure)
    assert isinstance(error, errors.DriverBusy)
    assert (error.after_s, error.percent) == (3, None)


def test_what_is_no_error_of_ours_says_so() -> None:
    failure = codec.failure_of(ZeroDivisionError("division by zero"))
    assert failure.code == DriverUnavailable.code
    assert "ZeroDivisionError: division by zero" in failure.message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode({"id": "op-1", "within_ms": 1, "body": {"type": "MakeCoffee"}}),
        msgspec.msgpack.encode({"id": "op-1", "body": {"type": "InspectGuest"}}),
    ],
    ids=["nothing", "noise", "unknown request", "something is missing"],
)
def test_what_cannot_be_read_is_unsupported(data: bytes) -> None:
    with pytest.raises(Unsupported, match="cannot decode the request"):
        codec.decode_ask(data)


def test_a_later_protocol_is_unsupported() -> None:
    ask = Ask(protocol=messages.PROTOCOL + 1, within_ms=1, body=InspectGuest(guest_id="inst-1"))
    with pytest.raises(Unsupported, match="speaks protocol 1, the request 2"):
        codec.decode_ask(codec.encode(ask))


def test_fields_that_are_not_known_are_ignored() -> None:
    body = {"type": "InspectGuest", "guest_id": "inst-1", "in_colour": True}
    data = msgspec.msgpack.encode({"within_ms": 5, "body": body, "shoe_size": 44})
    assert codec.decode_ask(data) == Ask(within_ms=5, body=InspectGuest(guest_id="inst-1"))


def test_the_id_of_a_request_that_is_not_known_is_still_read() -> None:
    data = msgspec.msgpack.encode({"id": "op-1", "within_ms": 1, "body": {"type": "MakeCoffee"}})
    assert codec.id_of(data) == "op-1"
    assert codec.id_of(b"\xc1") == ""


def test_no_message_is_larger_than_a_megabyte_and_a_piece_of_a_file_fits() -> None:
    parcel = Parcel(kind=ParcelKind.SNAPSHOT, id="s" * 99, size_gib=2**20)
    piece = WriteImport(
        parcel=parcel, size_bytes=2**60, checksum="c" * 99, offset=2**60, data=bytes(PIECE_BYTES)
    )
    assert len(codec.encode(ask_for(piece, timeout_s=30))) < MESSAGE_BYTES_MAX
    with pytest.raises(DriverRefused, match="at most"):
        codec.encode(Answer(body=Bytes(data=bytes(MESSAGE_BYTES_MAX))))
    too_large = codec.encode_answer("op-1", Bytes(data=bytes(MESSAGE_BYTES_MAX)))
    with pytest.raises(DriverRefused, match="at most"):
        codec.decode_answer(too_large)
    assert codec.decode_answer(codec.encode_answer("op-1", Done())) == Done()


def test_a_guest_with_as_much_as_it_may_have_fits() -> None:
    rule = Rule(
        direction=Direction.INGRESS, protocol=Protocol.ICMP, port=65_535, port_max=65_535,
        cidr=":".join(["ffff"] * 8) + "/128",
    )  # fmt: skip
    nic = NicSpec(
        mac="52:54:00:00:00:01", private_ip="10.128.255.255", subnet_cidr="10.128.0.0/16",
        network="n" * 30, groups=("g" * 30,) * GROUPS_MAX,
    )  # fmt: skip
    user_data = base64.b64encode(bytes(USER_DATA_BYTES_MAX + SCRIPT_BYTES_MAX)).decode()
    rsa_4096 = "ssh-rsa " + "A" * 724 + " somebody@somewhere"
    guest = GuestSpec(
        id="i" * 30, name="n" * 63, vcpus=1, memory_mib=1, root_volume_id="v" * 30,
        image_id="i" * 30, volumes=("v" * 30,) * VOLUMES_MAX, nic=nic,
        nics=(nic,) * ATTACHMENTS_MAX,
        seed=SeedSpec(hostname="h", ssh_keys=(rsa_4096,) * KEYS_MAX, user_data=user_data),
    )  # fmt: skip
    request = EnsureRunning(guest=guest, rules=(rule,) * (GROUPS_MAX * RULES_MAX))
    assert len(codec.encode(ask_for(request, timeout_s=30))) < MESSAGE_BYTES_MAX


def test_an_answer_that_cannot_be_read_is_unavailable() -> None:
    for data in (b"\xc1", msgspec.msgpack.encode({"body": {"type": "Coffee"}}), b"\x80"):
        with pytest.raises(DriverUnavailable, match="response"):
            codec.decode_answer(data)


def test_a_report_that_cannot_be_read_says_so() -> None:
    with pytest.raises(Unsupported, match="report"):
        codec.decode_report(msgspec.msgpack.encode({"type": HostReport.__name__}))
