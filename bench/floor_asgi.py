"""The floor of HTTP: the same JSON in and out, on the same server, and nothing in between.

`servers` starts it as `python -m bench.floor_asgi TEMPLATE PORT`; TEMPLATE is an instance as Atoll
shows it. It reads the body into the same struct and encodes the same answer; it keeps nothing.
"""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import uvicorn

from atoll.api.native.instances import CreateInstanceBody, InstanceOut

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(CreateInstanceBody).decode


class Floor:
    def __init__(self, template: InstanceOut) -> None:
        self.template = template
        self.pages = {limit: [template] * limit for limit in (100, 1000)}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        status, body = 200, b""
        if scope["method"] == "POST":
            wish = decode(await whole_body(receive))
            metadata = msgspec.structs.replace(self.template.metadata, name=wish.metadata.name)
            status = 201
            body = encode(msgspec.structs.replace(self.template, metadata=metadata))
        elif scope["path"] == "/v1/instances":
            limit = int(parse_qs(scope["query_string"])[b"limit"][0])
            body = encode({"items": self.pages[limit], "next": self.template.id})
        else:
            body = encode(self.template)
        length = (b"content-length", b"%d" % len(body))
        headers = [(b"content-type", b"application/json"), length]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def whole_body(receive: Any) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def main() -> None:
    template = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=InstanceOut)
    uvicorn.run(
        Floor(template), host="127.0.0.1", port=int(sys.argv[2]), loop="uvloop", http="httptools",
        ws="none", lifespan="off", access_log=False, log_level="error", server_header=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
