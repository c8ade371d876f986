"""The name under which the package of Open Context Protocol has these classes."""

from ocp_agent.discovery import OCPSchemaDiscovery
from ocp_agent.tools import OCPAPISpec, OCPTool

__all__ = ["OCPAPISpec", "OCPSchemaDiscovery", "OCPTool"]
