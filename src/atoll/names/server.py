"""Answers PTR questions for public addresses, by DNS over UDP on a port of its own.

Started by the composition root where a port is set; a resolver that is told to ask here for
`127.in-addr.arpa` then knows the names. It reads and answers; it never writes, never asks others.
"""

import asyncio
import ipaddress

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.reversename
import dns.rrset
import structlog

from atoll.domain.errors import AtollError
from atoll.operations.steps import Ranges
from atoll.ports import Store
from atoll.service import reverse_dns

log = structlog.get_logger()
TTL_S = 60
AT_ONCE = 256


class NameServer(asyncio.DatagramProtocol):
    """`open` binds it, `close` ends it."""

    def __init__(self, store: Store, ranges: Ranges) -> None:
        self._store = store
        self._ranges = ranges
        self._transport: asyncio.DatagramTransport | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def open(self, host: str, port: int) -> None:
        """Raises OSError where the port is taken."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))

    def close(self) -> None:
        for task in self._answering:
            task.cancel()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """In a flood, questions are dropped: who asks asks again."""
        if len(self._answering) >= AT_ONCE:
            return
        task = asyncio.get_running_loop().create_task(self._answer(data, addr))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            answer = await self.answer_to(data)
        except dns.exception.DNSException:
            return  # not even a question
        if self._transport is not None and answer is not None:
            self._transport.sendto(answer, addr)

    async def answer_to(self, data: bytes) -> bytes | None:
        """Raises DNSException where it is not a message. An answer is not answered."""
        question = dns.message.from_wire(data)
        if question.flags & dns.flags.QR:
            return None
        response = dns.message.make_response(question)
        response.flags |= dns.flags.AA
        if question.opcode() != dns.opcode.QUERY or len(question.question) != 1:
            response.set_rcode(dns.rcode.NOTIMP)
            return response.to_wire()
        try:
            await self._fill(response)
        except AtollError as error:
            log.warning("a name could not be looked up", why=error.message)
            response.set_rcode(dns.rcode.SERVFAIL)
        return response.to_wire()

    async def _fill(self, response: dns.message.Message) -> None:
        asked = response.question[0]
        address = address_in(asked.name)
        if address is None or not self._is_ours(address):
            response.flags &= ~dns.flags.AA
            response.set_rcode(dns.rcode.REFUSED)
            return
        record = await reverse_dns.find(self._store.read(), address, self._ranges)
        if record is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif asked.rdtype in {dns.rdatatype.PTR, dns.rdatatype.ANY}:
            name = f"{record.name}."
            response.answer.append(dns.rrset.from_text(asked.name, TTL_S, "IN", "PTR", name))

    def _is_ours(self, address: str) -> bool:
        return ipaddress.IPv4Address(address) in ipaddress.IPv4Network(self._ranges.public_cidr)


def address_in(name: dns.name.Name) -> str | None:
    """`127.16.0.4` of `4.0.16.127.in-addr.arpa.`; None of any other name."""
    try:
        return str(ipaddress.IPv4Address(dns.reversename.to_address(name)))
    except (dns.exception.DNSException, ValueError):
        return None
