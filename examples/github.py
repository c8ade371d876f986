"""Searches GitHub's 1,200 operations in a local file, without a request to GitHub:

npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
python examples/github.py package/generated/api.github.com.json
"""

import sys

from ocp_agent import OCPAgent, SchemaDiscoveryError

if len(sys.argv) != 2:
    print("Give the path of GitHub's document:", __doc__.partition("\n\n")[2], file=sys.stderr)
    sys.exit(2)

agent = OCPAgent()
try:
    spec = agent.register_api("github", sys.argv[1])
except SchemaDiscoveryError as error:
    sys.exit(str(error))
print(f"{spec.title}: {len(spec.tools)} tools")

for tool in agent.search_tools("list issues assigned to me")[:3]:
    print(f"{tool.name}: {tool.description}")

print(agent.get_tool_documentation("issuesCreate"))

planned = agent.call_tool(
    "issuesCreate", {"owner": "octocat", "repo": "hello", "title": "Found a bug"}, dry_run=True
)
print(planned.json())
