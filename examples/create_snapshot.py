"""The code of the tool page of createSnapshot: creates a snapshot of the first instance."""

import asyncio

import place

from ocp_agent import OCPAgent


async def main() -> None:
    agent = OCPAgent()
    await agent.register_api("vultr", None if place.FROM_REGISTRY else place.VULTR)

    instances = await agent.call_tool("listInstances")
    instance_id = instances.json()["instances"][0]["id"]

    # Call this tool
    result = await agent.call_tool(
        "createSnapshot",
        {
            "instance_id": instance_id,
            "description": "before the upgrade",
        },
        wait=True,
    )
    print(result.json()["snapshot"]["status"])


asyncio.run(main())
