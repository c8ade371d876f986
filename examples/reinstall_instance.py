"""The code of the tool page of reinstallInstance, without an event loop."""

import place

from ocp_agent import OCPAgent

agent = OCPAgent()
agent.register_api("vultr", None if place.FROM_REGISTRY else place.VULTR)

instances = agent.call_tool("listInstances")
instance_id = instances.json()["instances"][0]["id"]

# Call this tool
result = agent.call_tool(
    "reinstallInstance",
    {
        "instance-id": instance_id,
        "hostname": "fresh",
    },
    wait=True,
)
print(result.json()["instance"]["server_status"])
