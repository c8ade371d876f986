"""One library, one document, one process: `bench.tools` starts it in each library's environment.

Prints JSON: seconds, tools, slots of paths without a parameter, and the most memory that it took.
"""

import importlib
import importlib.util
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

SMALL = {"openapi": "3.0.0", "info": {"title": "Small", "version": "1"}, "paths": {}}
SLOT = re.compile(r"\{([^{}]+)\}")


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", status)
    assert found is not None, "Linux says it"
    return int(found[1]) / 1024


def ours(path: str) -> dict[str, Any]:
    library = importlib.import_module("ocp_agent")
    agent = library.OCPAgent()
    agent.register_api("small", small_file())
    bare_mb, began = peak_mb(), time.perf_counter()
    spec = agent.register_api("bench", path)
    registered_s, registered_mb = time.perf_counter() - began, peak_mb()
    described = [(tool.path, set(tool.parameters), tool.response_schema) for tool in spec.tools]
    return {
        "registered_s": registered_s,
        "whole_s": time.perf_counter() - began,
        "registered_mb": registered_mb - bare_mb,
        "missing": missing([(path, names) for path, names, _ in described]),
        "tools": len(described),
    }


def reference(path: str) -> dict[str, Any]:
    """Its parameters and answers are there when it has read the document."""
    library = importlib.import_module("ocp_agent")
    agent = library.OCPAgent()
    agent.register_api("small", small_file())
    bare_mb, began = peak_mb(), time.perf_counter()
    spec = agent.register_api("bench", path)
    registered_s = time.perf_counter() - began
    return {
        "registered_s": registered_s,
        "whole_s": registered_s,
        "registered_mb": peak_mb() - bare_mb,
        "missing": missing([(tool.path, set(tool.parameters)) for tool in spec.tools]),
        "tools": len(spec.tools),
    }


def fastmcp(path: str) -> dict[str, Any]:
    library = importlib.import_module("fastmcp")
    has_two = importlib.util.find_spec("httpx2") is not None
    httpx = importlib.import_module("httpx2" if has_two else "httpx")
    asyncio = importlib.import_module("asyncio")
    client = httpx.AsyncClient(base_url="http://127.0.0.1:1")
    library.FastMCP.from_openapi(openapi_spec=SMALL, client=client)
    bare_mb, began = peak_mb(), time.perf_counter()
    said = json.loads(Path(path).read_text())
    server = library.FastMCP.from_openapi(openapi_spec=said, client=client)
    registered_s, registered_mb = time.perf_counter() - began, peak_mb()
    tools = asyncio.run(server.list_tools())
    return {
        "registered_s": registered_s,
        "whole_s": time.perf_counter() - began,
        "registered_mb": registered_mb - bare_mb,
        "missing": 0,
        "tools": len(tools),
    }


def small_file() -> str:
    """Read before anything is measured, so that no library's imports are."""
    path = Path("~/small.json").expanduser()
    path.write_text(json.dumps(SMALL))
    return str(path)


def missing(described: list[tuple[str, set[str]]]) -> int:
    return sum(slot not in names for path, names in described for slot in SLOT.findall(path))


def main() -> None:
    library, path = sys.argv[1:]
    measured = {"ours": ours, "reference": reference, "fastmcp": fastmcp}[library](path)
    kept = [one.stat().st_size for one in Path("~/.ocp").expanduser().rglob("*.json")]
    print(json.dumps({**measured, "peak_mb": peak_mb(), "cache_bytes": sum(kept)}))


if __name__ == "__main__":
    main()
