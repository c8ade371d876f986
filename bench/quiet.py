"""An Atoll that accepts and carries nothing out: what accepting alone costs.

`servers` starts it as `python -m bench.quiet serve …`. Everything but the engine is as shipped.
"""

import asyncio
import os
import sys
from unittest import mock

from atoll import settings
from atoll.operations.engine import Engine
from atoll.roots import all_in_one, engine


class IdleEngine(Engine):
    async def run(self) -> None:
        await asyncio.get_running_loop().create_future()


def main() -> int:
    with mock.patch.object(engine, "Engine", IdleEngine):
        return all_in_one.serve(settings.read(sys.argv[2:], os.environ))


if __name__ == "__main__":
    sys.exit(main())
