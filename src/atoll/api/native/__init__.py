"""The native dialect, `/v1`: AgentMetal's resource shape, widened to all that Atoll can do."""
