"""Starts a guest and dies by SIGKILL at once: `doomed_manager STATE_DIR SPEC_FILE`, in a test."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from atoll.messages import GuestSpec
from tests.contract.drivers import qemu_bench


async def main(state_dir: Path, spec: GuestSpec) -> None:
    bench = await qemu_bench(state_dir.parent)
    await bench.driver.ensure_running(spec)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    wish = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=GuestSpec)
    asyncio.run(main(Path(sys.argv[1]), wish))
