"""Atoll's own API: shows the request for an instance, creates it, waits for it, deletes it."""

import place

from ocp_agent import OCPAgent

agent = OCPAgent(agent_goal="try Atoll")
agent.register_api("atoll", place.NATIVE, auth=place.KEY)

for tool in agent.search_tools("start a virtual machine")[:3]:
    print(tool.name, "-", tool.description)

types = agent.call_tool("listTypes").json()["items"]
images = agent.call_tool("listImages").json()["items"]
wish = {
    "metadata": {"name": "example"},
    "spec": {"type": types[0]["id"], "image": images[0]["id"]},
}

planned = agent.call_tool("createInstance", wish, dry_run=True)
print(planned.json()["method"], planned.json()["url"])

made = agent.call_tool("createInstance", wish, wait=True)
print(made.json()["status"]["state"])

gone = agent.call_tool("deleteInstance", {"instance_id": made.json()["id"]}, wait=True)
print(gone.json()["status"])
