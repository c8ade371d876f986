"""The native dialect, `/v1`: AgentMetal's resource shape, extended to everything that Atoll can
do."""
