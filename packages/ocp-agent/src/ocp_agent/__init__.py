"""OpenAPI documents become tools for agents. The name is reserved; nothing is exported yet."""
