"""Messages as bytes (MessagePack), and driver errors as data.

Used by every bus, also the one within a process: one path, one set of limits. An undecodable
message is rejected as a whole: a request with Unsupported, an answer with DriverUnavailable.
"""

import inspect
from typing import Any

import msgspec
import structlog

from atoll.domain.errors import (
    AtollError,
    DriverError,
    DriverRefused,
    DriverUnavailable,
    Unsupported,
)
from atoll.messages import (
    MESSAGE_BYTES_MAX,
    PROTOCOL,
    Answer,
    Ask,
    Failure,
    Reply,
    Report,
)

log = structlog.get_logger()
FRAME_BYTES_MAX = 16  # room for the envelope of a message
ENCODED_BYTES_MAX = MESSAGE_BYTES_MAX - FRAME_BYTES_MAX
REASON_LENGTH_MAX = 2000


class Head(msgspec.Struct, frozen=True):
    """The fields of a request that are readable even if its body is not known."""

    protocol: int = 0
    id: str = ""


encoder = msgspec.msgpack.Encoder()
asks = msgspec.msgpack.Decoder(Ask)
answers = msgspec.msgpack.Decoder(Answer)
reports: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)
heads = msgspec.msgpack.Decoder(Head)


def encode(message: Ask | Answer | Report) -> bytes:
    """Raises DriverRefused if the message is larger than any bus carries."""
    data = encoder.encode(message)
    if len(data) > ENCODED_BYTES_MAX:
        raise DriverRefused(
            f"a message of {len(data)} bytes cannot be sent: at most {ENCODED_BYTES_MAX} are "
            "allowed, so ask for less at a time"
        )
    return data


def decode_ask(data: bytes) -> Ask:
    """Raises Unsupported if the kind of request is not known."""
    try:
        ask = asks.decode(data)
    except msgspec.DecodeError as error:
        raise Unsupported(f"the host's agent cannot decode the request: {error}") from error
    if ask.protocol > PROTOCOL:
        raise Unsupported(
            f"this host's agent speaks protocol {PROTOCOL}, the request {ask.protocol}: update it"
        )
    return ask


def id_of(data: bytes) -> str:
    """Return the id of a request that cannot be decoded, if there is one."""
    try:
        return heads.decode(data).id
    except msgspec.DecodeError:
        return ""


def encode_answer(ask_id: str, reply: Reply) -> bytes:
    try:
        return encode(Answer(id=ask_id, body=reply))
    except DriverRefused as error:
        return encode_failure(ask_id, error)


def encode_failure(ask_id: str, error: Exception) -> bytes:
    return encoder.encode(Answer(id=ask_id, error=failure_of(error)))


def decode_answer(data: bytes) -> Reply:
    """Raises the error that the answer contains."""
    try:
        answer = answers.decode(data)
    except msgspec.DecodeError as error:
        raise DriverUnavailable(f"the host's response cannot be decoded: {error}") from error
    if answer.error is not None:
        raise error_of(answer.error)
    if answer.body is None:
        raise DriverUnavailable("the host's response is empty")
    return answer.body


def decode_report(data: bytes) -> Report:
    """Raises Unsupported."""
    try:
        return reports.decode(data)
    except msgspec.DecodeError as error:
        raise Unsupported(f"the host's report cannot be decoded: {error}") from error


def failure_of(error: Exception) -> Failure:
    """Convert an error. Details of an unexpected error stay in this host's log; only its text is
    sent."""
    if not isinstance(error, AtollError):
        log.error("a request broke", exc_info=error)
        words = f"the host's agent broke ({type(error).__name__}: {error}): see its log"
        return Failure(code=DriverUnavailable.code, message=words[:REASON_LENGTH_MAX])
    details = {name: getattr(error, name) for name in details_of(type(error))}
    return Failure(code=error.code, message=error.message[:REASON_LENGTH_MAX], details=details)


def error_of(failure: Failure) -> DriverError:
    """Rebuild an error of the same class with the same attributes; an unknown one becomes
    DriverUnavailable."""
    kind = DRIVER_ERRORS.get(failure.code, DriverUnavailable)
    known: Any = {n: v for n, v in failure.details.items() if n in DETAILS[kind]}
    return kind(failure.message, **known)


def details_of(kind: type[AtollError]) -> tuple[str, ...]:
    """Return the attributes of an error that are also keyword arguments of its class."""
    return DETAILS.get(kind, ()) if issubclass(kind, DriverError) else ()


def classes_below(kind: type[DriverError]) -> list[type[DriverError]]:
    return [kind, *(below for one in kind.__subclasses__() for below in classes_below(one))]


DRIVER_ERRORS = {kind.code: kind for kind in classes_below(DriverError)}
DETAILS = {
    kind: tuple(
        name
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    )
    for kind in DRIVER_ERRORS.values()
}
